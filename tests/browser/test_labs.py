"""The labs as published: plain files opened in a real browser, with no kernel and no network."""

import base64
import json
import math
import re

import numpy as np
import pytest
import torch
from screen import (
    ALL_DECIDED,
    HEAD,
    READY,
    begin,
    knob,
    looks,
    networks,
    refs,
    settle,
    tile_numbers,
    tiles,
    unfold,
    wait_for_change,
    wait_for_look,
    with_payload,
    words,
)

from vae_core import VAE, ImageSet
from vae_core.labs import LABS, DimensionLab, InterpolationLab, ManifoldLab, PosteriorLab
from vae_core.labs.bundle import bundle
from vae_core.labs.noise import normals
from vae_core.labs.pack import unpack_network
from vae_core.likelihoods import get_likelihood
from vae_core.losses import gaussian_kl


def only_lab(page):
    return page.locator(".vae-lab")


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_every_control_changes_its_canvas(lab_class, width, labs, open_html):
    page = open_html(labs[lab_class].html, width=width)
    page.wait_for_selector(READY)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    unfold(page)
    for control in labs[lab_class].spec["controls"]:
        before = looks(only_lab(page))
        if control["kind"] == "state":
            continue
        if control["kind"] == "slider" or control.get("slid"):
            control = page.get_by_role("slider", name=control["label"])
            control.focus()
            for _ in range(5):
                page.keyboard.press("ArrowRight")
        elif control["kind"] == "choice":
            control = page.get_by_role("combobox", name=control["label"])
            last = len(control.locator("option").all()) - 1
            control.select_option(index=0 if control.evaluate("e => e.selectedIndex") == last else last)
        else:
            control = page.locator(
                f"button[data-control={control['name']}]"
            )  # one may be called otherwise once it is pressed
            control.press("Enter")
        wait_for_change(only_lab(page), before)
        assert control.bounding_box()["height"] >= 40


# what the lab will say later waits until it is told to: no clock runs
HOLD_TIMERS = """<script>{
  const waiting = new Map()
  let count = 0
  window.waiting = waiting
  window.setTimeout = act => { waiting.set(++count, act); return count }
  window.clearTimeout = id => waiting.delete(id)
}</script>"""


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_the_canvas_says_what_it_shows(lab_class, labs, open_html):
    page = open_html(HOLD_TIMERS, labs[lab_class].html)
    page.wait_for_selector(READY)
    settle(page)
    canvas, status = page.locator("canvas[role=img]"), page.locator("[role=status]")
    before = canvas.get_attribute("aria-label")
    assert len(before) > 40 and status.text_content() == ""
    assert page.evaluate("waiting.size") == 0  # nothing will be said before a hand has moved
    page.locator("input[type=range]").first.press("ArrowRight")
    settle(page)
    assert canvas.get_attribute("aria-label") != before and page.evaluate("waiting.size") == 1
    assert status.text_content() == ""
    page.evaluate("waiting.forEach(act => act())")
    assert status.text_content() == canvas.get_attribute("aria-label")


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_two_of_the_same_lab_live_apart(lab_class, labs, open_html):
    page = open_html(labs[lab_class].html, labs[lab_class].html)
    page.wait_for_function("document.querySelectorAll('.vae-lab[data-ready=true]').length === 2")
    first, second = page.locator(".vae-lab").all()
    before = looks(first)
    assert looks(second) == before
    second.locator("input[type=range]").first.press("ArrowRight")
    wait_for_change(second, before)
    assert looks(first) == before


RUN_NETWORK = """async ({ module, data, bytes, layers, z }) => {
  const { Network, tensorReader, fromBase64, sigmoid } =
      await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  const network = new Network(layers, tensorReader(fromBase64(data), bytes), 500);
  network.input.set(z);
  const bytesOf = new Uint8Array(Float32Array.from(network.run(500), sigmoid).buffer);
  let text = "";
  for (let at = 0; at < bytesOf.length; at += 30000) text += String.fromCharCode(...bytesOf.subarray(at, at + 30000));
  return btoa(text);
}"""


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_the_browser_computes_what_pytorch_computes(lab_class, labs, open_html):
    """500 random z through every network that a lab ships: pixels within 1e-5."""
    lab = labs[lab_class]
    if not networks(lab.spec):
        return  # one that ships none: PlaygroundLab's own are held to PyTorch in tests/test_playground_engine.py
    page = open_html("")
    module = bundle("host.mjs", lab.module) + "\nexport { Network, tensorReader, fromBase64, sigmoid };"
    data = base64.b64encode(lab.data).decode()
    for layers in networks(lab.spec):
        z = torch.randn(500, layers[0]["inputs"], generator=torch.Generator().manual_seed(0)) * 2
        given = {
            "module": module,
            "data": data,
            "bytes": lab.spec["bytes"],
            "layers": layers,
            "z": z.flatten().tolist(),
        }
        theirs = np.frombuffer(base64.b64decode(page.evaluate(RUN_NETWORK, given)), "<f4")
        with torch.no_grad():
            ours = unpack_network(layers, lab.data)(z).sigmoid().flatten()
        np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test_posterior_lab_counts_as_pytorch_counts(open_html):
    """Rate to its last digit, distortion over the same eight draws, with the weights the browser was given."""
    lab = PosteriorLab()
    page = open_html(lab.html())
    page.wait_for_selector(READY)
    page.get_by_role("combobox", name="Digit").select_option(index=3)
    page.get_by_role("combobox", name="Unit").select_option(index=2)
    page.get_by_role("button", name="New ε", exact=True).click()
    for name, presses, key in (("Shift of the mean", 10, "ArrowLeft"), ("Variance ×", 12, "ArrowRight")):
        for _ in range(presses):
            page.get_by_role("slider", name=name).press(key)
    settle(page)
    shown = tile_numbers(page)

    spec, data, latent_dim = lab.canvas.spec, lab.canvas.data, lab.model.latent_dim
    lab.controls["digit"].index, lab.controls["unit"].index = 3, 2
    lab.controls["shift"].value, lab.controls["stretch"].value = -0.5, 1.6
    mean, log_var = torch.from_numpy(lab.mean), torch.from_numpy(lab.log_var)
    epsilon = torch.from_numpy(normals(2, 8 * latent_dim)).float().view(8, latent_dim)
    with torch.no_grad():
        outputs = unpack_network(spec["layers"], data)(mean + (0.5 * log_var).exp() * epsilon)
    images = np.frombuffer(data, np.uint8, 784 * 4, spec["images"]["at"]).reshape(4, 784)
    x = torch.from_numpy(images[3].astype(np.float32)) / 255
    distortion = -get_likelihood(spec["likelihood"]).log_prob(x, outputs).mean().item()
    rate = gaussian_kl(mean, log_var).item()
    np.testing.assert_allclose(shown, [distortion, rate, -(distortion + rate)], atol=0.051)


def test_a_point_has_an_infinite_rate(labs, open_html):
    page = open_html(labs[PosteriorLab].html)
    page.wait_for_selector(READY)
    page.get_by_role("slider", name="Variance ×").press("Home")
    settle(page)
    distortion, rate, elbo = tiles(page)
    assert (rate, elbo) == ("∞", "−∞") and math.isfinite(float(distortion))


def test_a_slider_that_is_off_by_a_rounding_stands_at_its_step(labs, open_html):
    """Jupyter's slider says 0.9999999999999999, and means 1: the posterior is untouched."""
    page = open_html(with_payload(labs[PosteriorLab].html, lambda c: begin(c, stretch=1 - 1e-16, shift=-1e-17)))
    page.wait_for_selector(READY)
    assert "before it was touched" not in words(page)


@pytest.mark.parametrize("width", [1280, 375])
def test_a_page_of_other_images_has_no_word_of_digits(width, open_html):
    """And says whose the model is that nobody brought along, in the caption whatever room there is."""
    torch.manual_seed(0)
    images = ImageSet.of(torch.rand(100, 28, 28), labels=torch.arange(100) % 3)
    model = VAE(hidden_dims=(8,), latent_dim=2)
    labs = (PosteriorLab(model, images), DimensionLab([model], images), ManifoldLab(vae=model, images=images))
    for lab in (*labs, InterpolationLab(vae=model, images=images)):
        page = open_html(lab.html(), width=width)
        page.wait_for_selector(READY)
        said = only_lab(page).inner_text() + words(page)
        assert "mage" in said and "digit" not in said.lower()
        assert ("The Autoencoder is the book's own, trained on MNIST." in said) == (lab not in labs[:2])


# --- pointers ---


def test_the_point_can_be_dragged_with_a_mouse(labs, open_html):
    page = open_html(labs[ManifoldLab].html)
    page.wait_for_selector(READY)
    x, y = knob(page)
    page.mouse.move(x, y)
    page.mouse.down()
    slider = page.get_by_role("slider", name="z₁")
    before, value = looks(only_lab(page)), float(slider.input_value())
    page.mouse.move(x + 40, y - 30, steps=4)
    page.mouse.up()
    still = wait_for_change(only_lab(page), before)
    assert float(slider.input_value()) > value
    page.mouse.move(x - 60, y)
    assert looks(only_lab(page)) == still


def touch(session, kind, *points):
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})


def test_a_finger_drags_the_point_and_elsewhere_scrolls_the_page(labs, open_html):
    page = open_html(labs[ManifoldLab].html, "<div style='height: 2000px'></div>", width=375)
    page.wait_for_selector(READY)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    x, y = knob(page)
    before = looks(only_lab(page))

    touch(session, "touchStart", (x, y))
    for step in range(1, 9):
        touch(session, "touchMove", (x + 3 * step, y - 8 * step))
    touch(session, "touchEnd")
    dragged = wait_for_change(only_lab(page), before)
    assert page.evaluate("scrollY") == 0

    x, y = knob(page)
    touch(session, "touchStart", (x, y + 60))  # on the plane, but not on the point
    for step in range(1, 9):
        touch(session, "touchMove", (x, y + 60 - 20 * step))
    touch(session, "touchEnd")
    page.wait_for_function("scrollY > 50")
    assert looks(only_lab(page)) == dragged


def test_a_swipe_over_the_bars_scrolls_and_moves_no_unit(labs, open_html):
    page = open_html(labs[PosteriorLab].html, "<div style='height: 2000px'></div>", width=375)
    page.wait_for_selector(READY)
    page.get_by_role("combobox", name="Unit").select_option(index=4)
    settle(page)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    x, y = knob(page, 3)
    before = looks(only_lab(page))
    touch(session, "touchStart", (x, y))
    for step in range(1, 9):
        touch(session, "touchMove", (x, y - 20 * step))
    touch(session, "touchEnd")
    page.wait_for_function("scrollY > 50")
    assert looks(only_lab(page)) == before


def test_an_image_is_chosen_by_its_looks_and_begins_unshifted(labs, open_html):
    """By a press on its picture, as by the menu; another unit begins unshifted and at its own variance too."""
    page = open_html(labs[PosteriorLab].html)
    page.wait_for_selector(READY)
    digit, unit = (page.get_by_role("combobox", name=name) for name in ("Digit", "Unit"))
    shift, variance = (page.get_by_role("slider", name=name) for name in ("Shift", "Variance"))

    def stands():
        settle(page)
        return tuple(e.evaluate("e => e.selectedIndex ?? +e.value") for e in (digit, unit)) + tuple(
            float(e.input_value()) for e in (shift, variance)
        )

    unit.select_option(index=4)
    shift.press("Home")
    variance.press("End")
    assert stands() == (labs[PosteriorLab].spec["controls"][0]["value"], 4, -3, 4)
    box = page.locator("canvas").bounding_box()
    page.mouse.click(box["x"] + 1 + 2.5 * 38, box["y"] + 40)  # the third
    assert stands() == (2, 4, 0, 4)
    shift.press("End")
    digit.select_option(index=7)
    assert stands() == (7, 4, 0, 4)
    shift.press("End")
    unit.select_option(index=0)
    assert stands() == (7, 0, 0, 1)


def test_a_units_bar_is_dragged_to_the_side_from_where_it_was_taken(labs, open_html):
    page = open_html(labs[PosteriorLab].html)
    page.wait_for_selector(READY)
    page.get_by_role("combobox", name="Unit").select_option(index=4)
    settle(page)
    x, y = knob(page, 3)
    page.mouse.move(x + 6, y)
    page.mouse.down()
    settle(page)
    shift = page.get_by_role("slider", name="Shift")
    assert float(shift.input_value()) == 0
    page.mouse.move(x + 6, y + 5)
    settle(page)
    assert float(shift.input_value()) == 0
    page.mouse.move(x + 26, y, steps=3)
    page.mouse.up()
    settle(page)
    assert page.get_by_role("combobox", name="Unit").evaluate("e => e.selectedIndex") == 4
    assert 0.2 < float(shift.input_value()) < 1


def test_a_second_finger_neither_moves_nor_ends_a_drag(labs, open_html):
    page = open_html(labs[ManifoldLab].html, width=375)
    page.wait_for_selector(READY)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    slider = page.get_by_role("slider", name="z₁")
    x, y = knob(page)
    touch(session, "touchStart", (x, y))
    settle(page)
    begun = float(slider.input_value())
    touch(session, "touchStart", (x, y), (x + 60, y + 20))
    touch(session, "touchMove", (x, y), (x + 80, y + 20))
    settle(page)
    assert float(slider.input_value()) == begun
    touch(session, "touchMove", (x - 30, y), (x + 80, y + 20))
    settle(page)
    moved = float(slider.input_value())
    assert moved < begun - 0.3
    touch(session, "touchMove", (x - 30, y))  # the second is lifted
    touch(session, "touchMove", (x, y))
    touch(session, "touchEnd")
    settle(page)
    assert float(slider.input_value()) == pytest.approx(begun, abs=0.021)


def test_a_drag_ends_with_its_capture(labs, open_html):
    page = open_html(labs[ManifoldLab].html)
    page.wait_for_selector(READY)
    slider = page.get_by_role("slider", name="z₁")
    x, y = knob(page)
    canvas = page.locator("canvas")
    canvas.evaluate("e => e.addEventListener('pointerdown', event => { window.pointer = event.pointerId })")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5, y)  # what is captured is so from the next event on
    settle(page)
    begun = slider.input_value()
    canvas.evaluate("e => e.releasePointerCapture(window.pointer)")
    page.mouse.move(x + 50, y, steps=3)
    settle(page)
    assert slider.input_value() == begun
    page.mouse.up()


# --- sizes ---

SHOWN = """() => { const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect();
  return { wide: canvas.width, shown: box.width, tall: canvas.height / box.height / (canvas.width / box.width) } }"""


def move_to_screen(page, ratio):
    """No CSS pixel changes but for the window's height, without which emulation tells no media query of the ratio."""
    size = {**page.viewport_size, "height": 900 + int(10 * ratio)}
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": ratio, "mobile": False})


def test_on_a_screen_of_another_ratio_the_lab_is_painted_again(labs, open_html):
    """Dragged from one screen to another, and to a third, a window keeps its size in CSS pixels."""
    page = open_html(labs[ManifoldLab].html)
    page.wait_for_selector(READY)
    shown = page.evaluate(SHOWN)["shown"]
    for ratio in (2, 1, 1.5):
        move_to_screen(page, ratio)
        page.wait_for_function(f"document.querySelector('canvas').width === {round(shown * ratio)}")
        assert page.evaluate(SHOWN)["shown"] == shown


STOPPED = """async module => {
  const { render, staticModel, element } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  const el = element("div"), painted = [];
  document.body.append(el);
  const create = () => ({ height: () => 50, paint: () => { painted.push(devicePixelRatio); return { summary: "a lab" } } });
  const model = staticModel({ fallback: "", spec: { controls: [], bytes: 0 }, data: new Uint8Array(0) });
  window.painted = painted;
  window.stop = render(create, { model, el });
}"""


def test_a_lab_that_was_stopped_follows_no_screen(open_html):
    page = open_html("")
    page.evaluate(STOPPED, bundle("host.mjs") + "\nexport { render, staticModel, element };")
    page.wait_for_selector(READY)
    for ratio, painted in ((2, 2), (3, 2)):
        move_to_screen(page, ratio)
        page.wait_for_function(f"devicePixelRatio === {ratio}")
        settle(page)
        assert page.evaluate("painted.at(-1)") == painted
        page.evaluate("stop()")


def test_narrower_than_it_can_be_drawn_a_lab_shrinks_as_a_whole(labs, open_html):
    page = open_html(labs[ManifoldLab].html, width=240)
    page.wait_for_selector(READY)
    size = page.evaluate(SHOWN)
    assert size["wide"] == 240 and size["shown"] < 220
    assert size["tall"] == pytest.approx(1, abs=0.01)


# --- themes ---

THEME = """<style>html[data-theme=dark] { --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af;
--pst-color-background: #14181e; --pst-color-border: #48566b; --pst-color-primary: #3fb1c5 }</style>"""
CONTRAST = """root => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = colour => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0) };
  const probe = root.appendChild(document.createElement('span'));
  const of = name => { probe.style.color = `var(--vae-${name})`; return light(getComputedStyle(probe).color) };
  const paper = of('paper');
  const ratios = Object.fromEntries(['ink', 'muted', 'accent', 'warm', 'distortion', 'rate', 'gap'].map(name => {
    const [a, b] = [of(name), paper].sort((a, b) => b - a); return [name, (a + 0.05) / (b + 0.05)] }));
  probe.remove();
  return ratios }"""


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_the_theme_can_change_at_any_time(lab_class, labs, open_html):
    page = open_html(THEME, labs[lab_class].html)
    page.wait_for_selector(READY)
    root = page.locator(".vae-lab")
    assert min(root.evaluate(CONTRAST).values()) >= 4.5
    light = looks(root)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    wait_for_change(root, light)
    assert min(root.evaluate(CONTRAST).values()) >= 4.5
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    wait_for_look(root, light)


def test_a_lab_in_a_closed_fold_is_ready_and_fits_when_it_opens(labs, open_html):
    page = open_html(f"<details><summary>more</summary>{labs[ManifoldLab].html}</details>", width=375)
    page.wait_for_selector(READY, state="attached")
    page.locator("summary").click()
    page.wait_for_function("""() => { const canvas = document.querySelector('canvas')
      return Math.abs(canvas.width / devicePixelRatio - canvas.getBoundingClientRect().width) <= 1 }""")


# --- failures ---


@pytest.fixture(scope="module")
def small():
    """A lab that is quick to make and to break: its HTML."""
    torch.manual_seed(0)
    return PosteriorLab(VAE(hidden_dims=(8,), latent_dim=2)).html()


def not_a_number(content):
    """NaN in the first array of floats; in a lab that has none, in its spec."""
    data = bytearray(base64.b64decode(content["data"]))
    floats = [ref for ref in refs(content["spec"]) if ref["dtype"].startswith("float")]
    if not floats:
        return json.dumps({**content, "spec": {**content["spec"], "side": math.nan}})
    nan = np.array([math.nan], floats[0]["dtype"]).tobytes()
    data[floats[0]["at"] : floats[0]["at"] + len(nan)] = nan
    content["data"] = base64.b64encode(data).decode()
    return None


def unknown_layer(content):
    """A layer of a kind that no module knows; in a lab that has none, an array of such a kind."""
    found = networks(content["spec"])
    if found:
        found[0][-1]["activation"] = "gelu"
    else:
        refs(content["spec"])[0]["dtype"] = "float8"


def shape_shortened(content):
    ref = next(ref for ref in reversed(refs(content["spec"])) if ref["shape"])
    ref["shape"][0] -= 1


def shape_lengthened(content):
    refs(content["spec"])[0]["shape"][0] += 1


FAULTS = {
    "cut short": (lambda c: c.update(data=c["data"][:-400]), r"weights: expected \d+ bytes, got \d+"),
    "added to": (
        lambda c: c.update(data=base64.b64encode(bytes(12)).decode() + c["data"]),
        r"weights: expected \d+ bytes",
    ),
    "not a number": (not_a_number, "not a number|JSON"),
    "unknown layer": (unknown_layer, "unknown layer activation gelu|unknown number format float8"),
    "an array too short": (shape_shortened, "weights: an array of shape .* bytes"),
    "an array too long": (shape_lengthened, "weights: an array of shape .* bytes"),
    "no arrays": (lambda c: [ref.clear() for ref in refs(c["spec"])] and None, "weights: arrays of 0 bytes"),
    "not base64": (lambda c: c.update(data="§"), "atob"),
    "not JSON": (lambda c: json.dumps(c)[:-9], "JSON"),
}
FAULTS_WITHOUT_ARRAYS = ("added to", "not a number", "not base64", "not JSON")


def has_failed(lab, message):
    """The still picture and one sentence, and nothing that cannot be used."""
    assert lab.get_attribute("data-ready") == "false"
    assert lab.locator("img").is_visible() and lab.locator("img").evaluate("e => e.naturalWidth") > 300
    said = lab.locator("figcaption").inner_text()
    assert re.fullmatch(rf"This lab could not start \(.*({message}).*\); the picture shows how it begins\.", said), said
    assert lab.locator("canvas, input, select, button").count() == 0
    return True


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_bad_weights_leave_the_picture_and_one_sentence(lab_class, labs, open_html):
    """One lab on a page, damaged in every way, between two that are whole and stay alive."""
    html = labs[lab_class].html
    has_arrays = bool(refs(labs[lab_class].spec))  # a lab of formulas alone has none
    faults = [FAULTS[name] for name in (FAULTS if has_arrays else FAULTS_WITHOUT_ARRAYS)]
    page = open_html(html, *[with_payload(html, change) for change, _ in faults], html, errors=len(faults))
    page.wait_for_function(ALL_DECIDED)
    assert page.locator(READY).count() == 2
    first, *others, last = page.locator(".vae-lab").all()
    for lab, (_, message) in zip(others, faults, strict=True):
        assert has_failed(lab, message)
    for lab in (first, last):
        before = looks(lab)
        lab.locator("input[type=range]").first.press("ArrowRight")
        lab.locator("input[type=range]").first.press("ArrowRight")
        wait_for_change(lab, before)


def test_layers_that_do_not_meet_leave_the_picture_too(small, open_html):
    page = open_html(with_payload(small, lambda c: c["spec"]["layers"].reverse()), small, errors=1)
    page.wait_for_selector(READY)
    assert has_failed(page.locator(".vae-lab").first, "outputs meet")


def test_a_lab_that_fails_later_goes_back_to_its_picture(small, open_html):
    """Weights that are numbers, and results that are not: nothing wrong is shown as if it were right."""

    def overflowing(content):
        data = bytearray(base64.b64decode(content["data"]))
        ref = content["spec"]["log_var"]
        data[ref["at"] : ref["at"] + 4 * math.prod(ref["shape"])] = np.full(ref["shape"], 1e4, "<f4").tobytes()
        content["data"] = base64.b64encode(data).decode()

    page = open_html(with_payload(small, overflowing), small, errors=1)
    page.wait_for_selector(READY)
    assert has_failed(page.locator(".vae-lab").first, "a result is not a number")


def test_words_that_look_like_html_break_no_page(open_html):
    """A class named so that a browser would take what follows for a script in a comment: lab and page are whole."""
    torch.manual_seed(0)
    model = VAE(hidden_dims=(4,), latent_dim=2)
    lab = PosteriorLab(model)
    lab.canvas.spec = {**lab.canvas.spec, "caption": "</script> <!--<script> & <b>"}
    page = open_html(lab.html(), "<p id=after>after</p>", lab.html())
    assert page.locator("body > #after").count() == 1
    page.wait_for_function("document.querySelectorAll('.vae-lab[data-ready=true]').length === 2")
    assert page.locator(".vae-lab-caption").all_text_contents() == 2 * ["</script> <!--<script> & <b>"]


def test_without_scripts_the_picture_stands(small, browser, tmp_path):
    (tmp_path / "page.html").write_text(HEAD + small, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert page.locator("img").is_visible() and "still picture" in page.locator("figcaption").inner_text()
    context.close()
