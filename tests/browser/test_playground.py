"""The playground as published, from a folder and with no network: it trains, obeys, and shows what each bug does."""

import gzip
import itertools
import re
import time

import pytest
import torch
from screen import choose, set_slider, settle, unfold, words

from vae_core.labs import PlaygroundLab
from vae_core.labs.playground import BUGS, SETTINGS, small_digits
from vae_core.labs.scenarios import BETAS
from vae_core.metrics import elbo, evaluate
from vae_core.models import VAE

STEPS = 600  # after which a run with the settings that the lab begins with hardly falls any more
MOST_BYTES = 700_000


@pytest.fixture
def open_lab(open_living, labs):
    """`open_lab("#…", above="", below="", …)`: the lab in a page of its own."""
    return lambda at="", above="", below="", **options: open_living(
        above, labs[PlaygroundLab].html, below, at=at, **options
    )


def button(page, name):
    return page.locator(f"button[data-control={name}]")


def shown(page):
    """What the root says of the run: step, rate, distortion, test ELBO, as numbers."""
    data = page.locator(".vae-lab").evaluate("({ dataset }) => ({ ...dataset })")
    return {name: float(data[name]) for name in ("step", "rate", "distortion", "testElbo")}


def train(page, steps):
    """Press Start, and Pause once so many more steps are done: what is shown then."""
    until = shown(page)["step"] + steps
    button(page, "run").press("Enter")
    settle(page)  # after a stop it begins anew
    page.wait_for_function(
        "until => Number(document.querySelector('.vae-lab').dataset.step) >= until || document.querySelector('.vae-lab-near').innerText.includes('Stopped')",
        arg=until,
    )
    pause(page)
    return shown(page)


def pause(page):
    """Press Pause, unless the run has stopped by itself: looked and pressed in one call, for on *Start* it would begin anew."""
    button(page, "run").evaluate("button => { if (button.textContent === 'Pause') button.click() }")
    rest(page)


AT_REST = "document.querySelector('.vae-lab canvas').ariaLabel.match(/at rest|stopped/)"


def rest(page):
    """Wait until the run stands still, and what is shown is its last state."""
    page.wait_for_function("document.querySelector('button[data-control=run]').innerText === 'Start'")
    page.wait_for_function(AT_REST)
    settle(page)


def again(page):
    """Press Start again, which runs at once, and then Pause."""
    button(page, "again").press("Enter")
    settle(page)
    pause(page)


def in_pytorch(steps):
    """−ELBO of the test digits after so many steps of the same network, with PyTorch's own batches and noise."""
    torch.manual_seed(0)
    x, _, test, _ = small_digits()
    model = VAE(196, (SETTINGS["hidden"],), SETTINGS["latent"], activation=SETTINGS["activation"])
    adam = torch.optim.Adam(model.parameters(), SETTINGS["lr"])
    x = x / 255
    for _ in range(steps):
        batch = x[torch.randperm(len(x))[: SETTINGS["batch"]]]
        adam.zero_grad()
        (-elbo(model, batch).elbo.mean()).backward()
        adam.step()
    return -float(evaluate(model, test.view(-1, 1, 14, 14)).elbo)


def test_it_begins_at_rest_and_learns_as_pytorch_does(open_lab, record_property):
    page = open_lab()
    assert shown(page)["step"] == 0 and button(page, "run").inner_text() == "Start"
    begun = time.monotonic()
    reached = train(page, STEPS)
    seconds = time.monotonic() - begun
    theirs = in_pytorch(int(reached["step"]))
    row = f"{reached['step']:.0f} steps, {reached['step'] / seconds:.0f} a second; −ELBO {-reached['testElbo']:.2f} here, {theirs:.2f} in PyTorch"
    record_property("playground: trained in the page", row)
    assert -reached["testElbo"] == pytest.approx(theirs, abs=2)
    assert reached["testElbo"] == pytest.approx(-(reached["rate"] + reached["distortion"]), abs=1e-6)
    assert f"minus ELBO on test digits {-reached['testElbo']:.1f}" in words(page)


def test_beta_ends_the_rate_while_it_trains(open_lab):
    page = open_lab()
    assert train(page, 300)["rate"] > 1.5
    set_slider(page.get_by_role("slider", name="β"), BETAS.index(20))
    assert train(page, 300)["rate"] < 0.1
    assert "0 of 2 units active, β = 20" in words(page)


def printed(page):
    """What the code with the bug would print."""
    return float(page.get_by_text(re.compile("this code prints")).inner_text().split()[-1].replace("−", "-"))


def bugged(open_lab, name, steps=300, **controls):
    state = "".join(f"~{key}={value}" for key, value in controls.items())
    return train_open(open_lab(f"#PlaygroundLab~bug={1 + [*BUGS].index(name)}{state}"), steps)


def train_open(page, steps):
    return page, train(page, steps)


def test_each_bug_shows_its_symptom(open_lab, record_property):
    """By the honest numbers beside those of a run without one, and by what the code prints."""
    page = open_lab()
    sound = train(page, 300)
    loss = -sound["testElbo"]
    seen = {}
    for k, name in enumerate(BUGS, start=1):
        choose(page.get_by_role("combobox", name="Bug"), k)
        again(page)
        assert page.locator(".vae-lab-near code").all_text_contents() == [BUGS[name].wrong, BUGS[name].right]
        seen[name] = {**train(page, 300), "said": words(page), "notes": page.locator(".vae-lab-near").inner_text()}
        seen[name]["printed"] = (
            printed(page) if "this code prints" in page.locator(".vae-lab-tiles").inner_text() else None
        )
        record_property(
            "playground: what each bug does in 300 steps", f"{name}: {seen[name] | {'said': '', 'notes': ''}}"
        )
    losses = {name: -each["testElbo"] for name, each in seen.items()}
    assert losses["log variance taken for σ"] > loss + 1
    assert losses["no ½"] > loss + 0.2
    assert seen["KL averaged over units"]["rate"] > sound["rate"] + 0.5  # as with β = ½
    assert seen["reconstruction averaged over pixels"]["rate"] < 0.1  # as with β = 196
    assert seen["sign of the KL"]["rate"] > 10 * sound["rate"] or "Stopped" in seen["sign of the KL"]["notes"]
    assert losses["sigmoid twice"] > loss + 20  # no pixel can be darker than e / (1 + e) or lighter than a half
    assert seen["ELBO at the mean"]["printed"] < losses["ELBO at the mean"] - 0.3
    assert losses["ELBO at the mean"] == pytest.approx(loss, abs=1.5)  # it trains as it should
    assert losses["images in 0…255"] > loss + 5
    assert "Stopped" in seen["learning rate too high"]["notes"] or losses["learning rate too high"] > loss + 5


def test_the_address_restores_the_settings_and_starts_nothing(open_lab):
    page = open_lab()
    unfold(page)
    choose(page.get_by_role("combobox", name="Units"), 3)
    choose(page.get_by_role("combobox", name="Warm-up"), 4)
    set_slider(page.get_by_role("slider", name="β"), BETAS.index(4))
    button(page, "run").press("Enter")
    page.wait_for_function("location.hash.includes('beta')")
    address = page.evaluate("location.hash")
    assert "run" not in address
    again = open_lab(address)
    unfold(again)
    assert again.get_by_role("combobox", name="Units").evaluate("e => e.selectedIndex") == 3
    assert (
        "of 8 units active, β = 4" in words(again)
        and "after 2000 steps" in again.locator(".vae-lab-notes").inner_text()
    )
    assert shown(again)["step"] == 0 and button(again, "run").inner_text() == "Start"


def test_out_of_sight_it_waits_and_in_sight_it_goes_on(open_lab):
    page = open_lab(below="<div style='height: 4000px'></div>")
    button(page, "run").press("Enter")
    page.wait_for_function("document.querySelector('.vae-lab').dataset.step > 5")
    page.evaluate("scrollTo(0, 3900)")
    page.wait_for_function(AT_REST)
    stood = shown(page)["step"]
    settle(page)
    assert shown(page)["step"] == stood
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("stood => document.querySelector('.vae-lab').dataset.step > stood", arg=stood)
    button(page, "run").press("Enter")
    rest(page)
    page.evaluate("scrollTo(0, 3900)")
    settle(page)
    page.evaluate("scrollTo(0, 0)")
    settle(page)
    assert button(page, "run").inner_text() == "Start" and "at rest" in words(page)  # as it was left


def test_a_hidden_tab_waits_and_goes_on_when_it_is_seen(open_lab):
    page = open_lab()
    button(page, "run").press("Enter")
    page.wait_for_function("document.querySelector('.vae-lab').dataset.step > 5")
    hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(hide, True)
    page.wait_for_function(AT_REST)
    stood = shown(page)["step"]
    page.evaluate(hide, False)
    page.wait_for_function("stood => document.querySelector('.vae-lab').dataset.step > stood", arg=stood)


def test_after_a_stop_start_begins_from_new_weights(open_lab):
    """What to do is said beside the buttons; with the cause gone the run goes on, with it still there it stops again."""
    page = open_lab(f"#PlaygroundLab~bug={1 + [*BUGS].index('sign of the KL')}~lr=10")
    assert "Stopped" not in page.locator(".vae-lab-near").inner_text()
    train(page, 5000)
    told = page.locator(".vae-lab-strip .vae-lab-near").inner_text()
    assert "Stopped" in told and "Set Bug to none" in told and not page.locator(".vae-lab-said").is_visible()
    # a dozen steps may pass between two frames, so that it ran is seen by where it ends: more slowly, at a later step
    stopped = shown(page)["step"]
    set_slider(page.get_by_role("slider", name="Learning rate"), 9)
    button(page, "run").press("Enter")
    page.wait_for_function(
        "stopped => document.querySelector('.vae-lab').dataset.step > stopped && document.querySelector('.vae-lab-near').innerText.includes('Stopped')",
        arg=stopped,
    )
    rest(page)
    stopped = shown(page)["step"]
    choose(page.get_by_role("combobox", name="Bug"), 0)
    settle(page)
    told = page.locator(".vae-lab-near").inner_text()
    assert "Stopped" in told and "Set Bug" not in told and "Start begins from new weights" in told
    set_slider(page.get_by_role("slider", name="Learning rate"), 3)
    button(page, "run").press("Enter")
    page.wait_for_function("stopped => document.querySelector('.vae-lab').dataset.step > stopped + 20", arg=stopped)
    assert page.locator(".vae-lab-near").inner_text() == ""


def test_a_step_or_reset_leaves_nothing_of_the_runs_before(open_lab):
    page = open_lab()
    train(page, 100)
    again(page)
    assert "The run before" in words(page)
    unfold(page)
    page.get_by_role("button", name="4: ").press("Enter")
    settle(page)
    assert "The run before" not in words(page) and not page.locator(".vae-lab-folded").is_visible()
    train(page, 30)
    unfold(page)
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    settle(page)
    assert "The run before" not in words(page) and not page.locator(".vae-lab-folded").is_visible()
    assert shown(page)["step"] == 0


def test_what_changes_nothing_cannot_be_set(open_lab):
    page = open_lab()
    unfold(page)
    sigma = page.locator("[data-control=sigma] select")
    assert sigma.is_disabled()
    choose(page.get_by_role("combobox", name="Likelihood"), 1)
    assert sigma.is_enabled()


def test_the_keyboard_alone_trains_pauses_and_compares(open_lab):
    page = open_lab()
    page.get_by_role("slider", name="β").focus()
    for _ in range(4):
        page.keyboard.press("Tab")  # learning rate, noise, bug, Start
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.vae-lab').dataset.step > 5")
    page.keyboard.press("Enter")
    rest(page)
    page.keyboard.press("Tab")
    stood = shown(page)["step"]
    page.keyboard.press("Enter")
    page.wait_for_function("stood => Number(document.querySelector('.vae-lab').dataset.step) === stood + 1", arg=stood)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelector('.vae-lab canvas').ariaLabel.includes('The run before ended at a rate of')"
    )
    page.wait_for_function("document.querySelector('.vae-lab').dataset.step > 0")  # it runs at once


def test_a_screen_reader_hears_it_now_and_then(open_lab, record_property):
    """While it trains the words change at most every two seconds, which a clock of the page's own counts."""
    page = open_lab()
    page.evaluate("""() => { window.heard = []; const status = document.querySelector('[role=status]')
      new MutationObserver(() => heard.push(performance.now())).observe(status, { childList: true, characterData: true, subtree: true }) }""")
    button(page, "run").press("Enter")
    page.wait_for_function("heard.length >= 3")
    times = page.evaluate("heard")[1:]  # the first tells of the press
    record_property("playground: ms between two reports", str([round(b - a) for a, b in itertools.pairwise(times)]))
    assert all(b - a > 1900 for a, b in itertools.pairwise(times))


# paints, and the pauses of half a second that have come to an end
COUNT = """() => { window.paints = window.pauses = 0; const clear = CanvasRenderingContext2D.prototype.clearRect, wait = window.setTimeout
  CanvasRenderingContext2D.prototype.clearRect = function (...box) { if (this.canvas.isConnected) paints++; return clear.apply(this, box) }
  window.setTimeout = (done, time, ...more) => wait(() => { if (time === 500) pauses++; done() }, time, ...more) }"""


def test_who_wants_no_motion_sees_it_twice_a_second(open_lab):
    """While it trains no frame is painted but after a pause; the pauses are counted, for frames come late on a busy machine."""
    page = open_lab(reduced_motion="reduce")
    page.evaluate(COUNT)
    button(page, "run").press("Enter")
    page.wait_for_function("pauses >= 2")  # what the press itself has painted is past
    settle(page)
    painted, paused = page.evaluate("[paints, pauses]")
    page.wait_for_function("paused => pauses >= paused + 4", arg=paused)
    settle(page)
    now, then = page.evaluate("[paints, pauses]")
    assert 4 <= now - painted <= then - paused


# what script a frame takes, and a bare one beside it
SPENT = """async () => {
  const spent = [], ask = requestAnimationFrame.bind(window)
  window.requestAnimationFrame = callback => ask(time => { const begun = performance.now(); callback(time); spent.push(performance.now() - begun) })
  document.querySelector('button[data-control=run]').click()
  while (spent.length < 40) await new Promise(done => setTimeout(done, 20))
  document.querySelector('button[data-control=run]').click()
  spent.sort((a, b) => a - b)
  return { frames: spent.length, least: spent[0], median: spent[20], most: spent.at(-1) }
}"""


def test_a_frame_is_cheap(open_lab, record_property):
    """Printed, for no clock decides here: how long the page's own script works at a frame."""
    spent = open_lab().evaluate(SPENT)
    record_property("playground: ms of script a frame", str(spent))
    assert spent["frames"] >= 40


REFUSED = {
    "no workers": "<script>delete window.Worker</script>",
    "one that fails, as where a page's rules forbid it": """<script>window.Worker = class {
        constructor() { setTimeout(() => this.onerror()) }
        postMessage() {}
        terminate() {}
    }</script>""",
    "no WebAssembly either": "<script>delete window.Worker; delete window.WebAssembly</script>",
}


@pytest.mark.parametrize("refused", REFUSED)
def test_where_a_worker_is_refused_it_trains_on_the_page_all_the_same(refused, open_lab):
    """And to the bit as in a worker: what it shows after three steps is the same."""
    found = []
    for above in ("", REFUSED[refused]):
        page = open_lab(above=above)
        for _ in range(3):
            button(page, "advance").press("Enter")
        page.wait_for_function("document.querySelector('.vae-lab').dataset.step === '3'")
        found.append(shown(page))
    assert found[0] == found[1]
    assert train(page, 20)["step"] >= 23


def test_what_is_drawn_by_hand_gets_a_cloud(open_lab):
    page = open_lab()
    train(page, 100)
    pad = page.evaluate(
        """() => { const box = document.querySelector('.vae-lab canvas').getBoundingClientRect(); return [box.x, box.y] }"""
    )
    frame = page.locator("canvas")
    at = frame.evaluate("canvas => canvas.dataset.pads").split(",")
    x, y, size = pad[0] + float(at[0]), pad[1] + float(at[1]), float(at[2])
    page.mouse.move(x + 0.5 * size, y + 0.2 * size)
    page.mouse.down()
    page.mouse.move(x + 0.5 * size, y + 0.8 * size, steps=6)
    page.mouse.up()
    page.wait_for_function("document.querySelector('canvas').ariaLabel.includes('Your digit lies at')")
    page.mouse.click(x + 0.92 * size, y + 0.1 * size)
    page.wait_for_function("!document.querySelector('canvas').ariaLabel.includes('Your digit lies at')")


def test_it_is_light(site, record_property):
    page = (site / "playground.html").read_bytes()
    mark = re.search(rb'data-lab="(\w+)"', page)
    assert mark
    script = (site / "_static" / "labs" / f"{mark[1].decode()}.js").read_bytes()
    size = len(gzip.compress(page)) + len(gzip.compress(script))
    record_property("playground: its page and its script, compressed", f"{size / 1000:.0f} kB")
    assert size <= MOST_BYTES
