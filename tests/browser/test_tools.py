"""What every lab has below its picture: steps, reset, play and a link; and that control and effect stand on one screen."""

import pytest
from screen import HEAD, READY, drag, knob, looks, rest, settle, unfold, wait_for_look

from vae_core.labs import (
    LABS,
    BoundLab,
    ColourLab,
    DimensionLab,
    DrawLab,
    GradientLab,
    InterpolationLab,
    ManifoldLab,
    PlaygroundLab,
    PosteriorLab,
    StyleLab,
    TrainingLab,
)

HEADER = 60  # pixels that a page of the book keeps at the top of the screen
SIZES = {"desk": {"width": 1280, "height": 720}, "phone": {"width": 375, "height": 667}}
ABOVE, BELOW = "<h1>above</h1><div style='height: 700px'></div>", "<div style='height: 1500px'></div>"


@pytest.fixture
def open_lab(open_living, labs):
    """`open_lab(PosteriorLab, twice=False, at="#…", …)`: a page with the lab in its middle."""

    def start(lab_class, twice=False, **options):
        return open_living(
            ABOVE, *[labs[lab_class].html] * (1 + twice), BELOW, **{"reduced_motion": "reduce", **options}
        )

    return start


def steps(page):
    return page.locator(".vae-lab-tools button[aria-pressed]")


def values(page):
    """Where every control on the page stands."""
    return page.evaluate(
        "[...document.querySelectorAll('.vae-lab :is(input[type=range], select)')].map(({ value }) => value)"
    )


TALL = "document.querySelector('.vae-lab-strip').offsetHeight"
PLACES = """() => [...document.querySelectorAll('.vae-lab-mark, [data-watched]')].map(element => {
  const { top, bottom } = element.getBoundingClientRect(); return [top, bottom, element.matches('.vae-lab-strip *')] })
  .concat([[...document.querySelectorAll('.vae-lab-strip')].map(strip => strip.getBoundingClientRect().top)])"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_a_step_says_what_to_do_and_shows_where_to_look_on_one_screen(lab_class, size, labs, open_lab):
    """What is watched lies whole between the top of the screen and the controls, which stay at its foot."""
    page = open_lab(lab_class, **SIZES[size])
    told = labs[lab_class].spec["steps"]
    assert len(told) >= 3 and steps(page).count() == len(told)
    heights = [page.evaluate(TALL)]
    for button, step in zip(steps(page).all(), told, strict=True):
        button.press("Enter")
        settle(page)
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".vae-lab-said").inner_text() == step["words"].replace("*", "")
        heights.append(page.evaluate(TALL))
        *watched, (foot,) = page.evaluate(PLACES)
        assert len(watched) >= len(step["watch"]) > 0
        for top, bottom, control in watched:
            assert top >= HEADER and bottom <= (SIZES[size]["height"] if control else foot + 1), (
                step["words"],
                top,
                bottom,
                foot,
            )
    first = size == "phone" or page.locator(".vae-lab-tries").count()
    assert len(set(heights[bool(first) :])) == 1, (
        "a longer sentence moves the controls; on a phone, or of many, the first may"
    )
    begun = values(page)
    page.locator("input[type=range]").first.press("PageUp")
    settle(page)
    assert values(page) != begun
    steps(page).last.press("Enter")  # once more: the step is set up again, and its sentence stays
    settle(page)
    assert values(page) == begun and page.locator(".vae-lab-said").inner_text() == told[-1]["words"].replace("*", "")
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    settle(page)
    assert (
        page.locator(".vae-lab-said").inner_text().startswith("Try 1 to ")
        and page.locator(".vae-lab-mark, [data-watched]").count() == 0
    )


def test_a_swipe_that_begins_on_a_slider_scrolls_and_leaves_it_where_it_was(open_lab):
    """The slider follows the finger until the browser takes the swipe for scrolling; a swipe along it moves it."""
    page = open_lab(GradientLab, **SIZES["phone"])
    page.evaluate("document.querySelector('.vae-lab').scrollIntoView()")
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    slider = page.get_by_role("slider", name="mean", exact=True)
    box = slider.bounding_box()
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    began = page.evaluate("scrollY")
    slider.evaluate("slider => slider.addEventListener('input', () => { window.followed ??= slider.value })")

    def swipe(dx, dy):
        for step in range(9):
            point = {"x": x + step * dx, "y": y + step * dy}
            kind = "touchMove" if step else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe(0, -15)
    page.wait_for_function("began => scrollY > began + 50", arg=began)
    settle(page)
    assert slider.input_value() == "1" and page.locator(".vae-lab-value").first.inner_text() == "1.00"
    assert float(page.evaluate("followed")) < 0
    page.evaluate("began => scrollTo({ top: began, behavior: 'instant' })", began)
    swipe(8, 0)
    page.wait_for_function("document.querySelector('input[type=range]').value !== '1'")


def test_the_controls_stay_in_sight_in_a_cell_of_the_books_theme(labs, watched_page, tmp_path):
    """Whose frames around an output scroll, which would hold them fast there."""
    theme = "<style>div.cell div.cell_output div.output { overflow: auto; max-width: 100% }</style>"
    cell = f"<div class=cell><div class=cell_output><div class=output>{labs[PosteriorLab].html}</div></div></div>"
    (tmp_path / "page.html").write_text(HEAD + theme + ABOVE + cell + BELOW, encoding="utf-8")
    page = watched_page(**SIZES["phone"]).page
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector(READY)
    page.evaluate("document.querySelector('.vae-lab').scrollIntoView()")
    settle(page)
    assert page.evaluate("document.querySelector('.vae-lab').getBoundingClientRect().bottom > innerHeight + 100")
    assert page.evaluate("document.querySelector('.vae-lab-strip').getBoundingClientRect().bottom - innerHeight") == 0


# all that a lab says, but for what is told later: not its pixels, which differ at an edge between a first and a second painting
SAID = """root => [...root.querySelectorAll('[role=status]')].reduce((text, { innerText }) => text.replace(innerText, ''), root.innerText).replaceAll(/\\s+/gu, ' ').trim()
  + root.querySelector('canvas').getAttribute('aria-label')"""


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_reset_brings_everything_back(lab_class, open_lab):
    page = open_lab(lab_class)
    lab = page.locator(".vae-lab")
    unfold(page)
    begun, stood = lab.evaluate(SAID), values(page)
    for slider in page.locator("input[type=range]").all():
        slider.press("PageUp")
    for menu in page.locator("select").all():
        menu.select_option(index=1)
    settle(page)
    moved = lab.evaluate(SAID)
    steps(page).first.press("Enter")
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    unfold(page)  # a step closes the settings
    assert lab.evaluate(SAID) == begun != moved
    assert values(page) == stood


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_the_address_holds_the_state_of_each_lab_on_the_page(lab_class, open_lab):
    page = open_lab(lab_class, twice=True)
    second = page.locator(".vae-lab").nth(1)
    second.locator("input[type=range]").first.press("PageUp")
    page.wait_for_function("location.hash.length > 1")
    stood, address = values(page), page.evaluate("location.hash")
    assert address.startswith(f"#{lab_class.__name__}.2~")
    page.locator("input[type=range]").first.press("PageDown")
    page.wait_for_function("address => location.hash !== address", arg=address)
    both = values(page)
    again = open_lab(lab_class, twice=True, at=page.evaluate("location.hash"))
    assert values(again) == both
    assert values(open_lab(lab_class, twice=True, at=address)) == stood
    again.evaluate("address => { location.hash = address }", address)
    settle(again)
    assert values(again)[len(both) // 2 :] == stood[len(both) // 2 :]


@pytest.mark.parametrize("bad", ["z1=99", "z1=x", "nothing=1", "z1=1~backdrop=7", "~~==&&%"])
def test_a_bad_address_is_ignored(bad, open_lab):
    page = open_lab(ManifoldLab)
    assert values(open_lab(ManifoldLab, at=f"#ManifoldLab~{bad}")) == values(page)


def test_an_address_brings_its_lab_into_view(open_lab):
    page = open_lab(ManifoldLab, at="#ManifoldLab~z1=1", height=600)
    page.wait_for_function("document.querySelector('.vae-lab').getBoundingClientRect().top < innerHeight - 100")
    settle(page)
    foot, strip = page.evaluate(
        "['canvas', '.vae-lab-strip'].map((part, i) => document.querySelector(part).getBoundingClientRect()[i ? 'top' : 'bottom'])"
    )
    assert foot <= strip, "all of the picture's foot above the controls"


def test_a_link_is_copied_or_shown_to_be_copied(open_lab):
    page = open_lab(LABS[0])
    page.locator("input[type=range]").first.press("PageUp")
    settle(page)
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: { writeText: text => { window.copied = text } } })"
    )
    steps(page).nth(1).press("Enter")
    settle(page)
    told = page.locator(".vae-lab-said").inner_text()
    page.get_by_role("button", name="Copy a link").press("Enter")
    page.get_by_role("button", name="Copied: a link").wait_for()
    assert page.locator(".vae-lab-said").inner_text() == told, "the step's sentence stays"
    page.locator("input[type=range]").first.focus()
    page.get_by_role("button", name="Copy a link").wait_for()
    assert values(open_lab(LABS[0], at="#" + page.evaluate("copied").split("#")[1])) == values(page)
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')))")
    page.get_by_role("button", name="Copy a link").press("Enter")
    shown = page.get_by_label("The link to this state")
    assert shown.input_value() == page.evaluate("copied") and shown.evaluate("e => e.selectionEnd > 20")


DONE = "() => document.querySelector('.vae-lab').dataset.ready === 'true' && !('waiting' in document.querySelector('.vae-lab').dataset)"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
@pytest.mark.parametrize("size", SIZES)
def test_one_touch_of_the_bound_is_enough_for_all_its_draws(size, motion, open_lab):
    """A frame that a lab asks for while it paints is not lost: the draws come a slice a frame, with no more hands on it."""
    page = open_lab(BoundLab, **SIZES[size], reduced_motion=motion)
    page.get_by_role("slider", name="K", exact=True).press("End")
    settle(page)
    page.wait_for_function(DONE)
    page.get_by_role("slider", name="Std ×").press("ArrowRight")
    settle(page)  # from here on it says that it waits
    page.wait_for_function(DONE)
    assert "…" not in page.locator(".vae-lab-tiles").inner_text()
    assert "5,000 draws" in page.locator("canvas").get_attribute("aria-label")


@pytest.mark.parametrize("lab_class", [ColourLab, DrawLab, StyleLab], ids=lambda lab: lab.__name__)
def test_on_a_phone_more_than_half_of_the_screen_is_the_picture(lab_class, open_lab):
    page = open_lab(lab_class, **SIZES["phone"], reduced_motion="no-preference")
    for button in steps(page).all():
        button.press("Enter")
        settle(page)
        assert page.evaluate(TALL) <= 0.45 * 667
    reset, link = (
        page.get_by_role("button", name=name, exact=True).bounding_box()
        for name in ("Reset", "Copy a link to this state")
    )
    assert reset["y"] == link["y"], "the link has no row of its own"


def test_while_it_plays_a_lab_is_not_announced_at_each_turn(open_lab):
    page = open_lab(StyleLab, reduced_motion="no-preference")
    said, canvas = page.locator(".vae-lab-status"), page.locator("canvas")
    button = page.get_by_role("button", name="Play", exact=True)
    assert button.get_attribute("title") == "Play: New ε"
    button.evaluate(PLAY)
    for _ in range(3):
        before = canvas.get_attribute("aria-label")
        page.wait_for_function("before => document.querySelector('canvas').ariaLabel !== before", arg=before)
        assert said.text_content() == ""
    page.get_by_role("button", name="Pause", exact=True).press("Enter")
    page.wait_for_function(
        "document.querySelector('.vae-lab-status').textContent === document.querySelector('canvas').ariaLabel"
    )


# a hundred slices of draws, a frame each, take longer so than the lab plays one ε
LATE = "(() => { const ask = requestAnimationFrame; window.requestAnimationFrame = act => setTimeout(ask, 30, act) })()"


def test_a_link_to_the_bound_opens_with_all_its_draws_and_play_goes_on(open_lab):
    page = open_lab(BoundLab, at="#BoundLab~stretch=1.5~k=11", reduced_motion="no-preference")
    page.wait_for_function(DONE)
    tiles = page.locator(".vae-lab-tiles")
    assert "…" not in tiles.inner_text() and "multiplied by 1.5" in page.locator("canvas").get_attribute("aria-label")
    page.evaluate(LATE)
    page.get_by_role("button", name="Play", exact=True).evaluate(PLAY)
    seen = set()
    for _ in range(2):  # a new ε, and all of its draws, and another
        page.wait_for_function(
            "seen => { const tiles = document.querySelector('.vae-lab-tiles').innerText; return !tiles.includes('…') && !seen.includes(tiles) }",
            arg=[*seen, tiles.inner_text()],
        )
        seen.add(tiles.inner_text())
    assert len(seen) == 2


PLAYED = (
    BoundLab,
    PosteriorLab,
    GradientLab,
    TrainingLab,
    DimensionLab,
    InterpolationLab,
    ManifoldLab,
)  # where time, a path or chance is shown
PLAY = "button => { button.click(); return button.textContent }"  # at once: on a slow machine it may be over by the next call


@pytest.mark.parametrize("lab_class", PLAYED, ids=lambda lab: lab.__name__)
def test_play_moves_the_lab_until_something_else_is_touched(lab_class, open_lab):
    page = open_lab(lab_class, reduced_motion="no-preference")
    lab = page.locator(".vae-lab")
    button = page.get_by_role("button", name="Play", exact=True)
    button.scroll_into_view_if_needed()
    before = looks(lab)
    settle(page)
    assert looks(lab) == before, "it plays by itself"
    said = page.locator("canvas").get_attribute("aria-label")
    assert button.evaluate(PLAY).split() == ["❚❚", "Pause"]
    page.wait_for_function("said => document.querySelector('canvas').ariaLabel !== said", arg=said)
    page.locator("input[type=range]").first.focus()
    page.keyboard.press("Shift")
    button.wait_for()
    rest(page)
    stopped = looks(lab)
    settle(page)
    assert looks(lab) == stopped != before


@pytest.mark.parametrize("lab_class", PLAYED, ids=lambda lab: lab.__name__)
def test_nothing_plays_where_a_reader_wants_no_motion(lab_class, open_lab):
    page = open_lab(lab_class)
    assert page.get_by_role("button", name="Play", exact=True).count() == 0
    page.emulate_media(reduced_motion="no-preference")
    assert "Pause" in page.get_by_role("button", name="Play", exact=True).evaluate(PLAY)
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function("document.querySelector('.vae-lab-tool[hidden]')")


DRAGGED = [lab for lab in LABS if lab not in (DimensionLab, PlaygroundLab)]  # with a handle from the start


@pytest.mark.parametrize("lab_class", DRAGGED, ids=lambda lab: lab.__name__)
def test_a_handle_says_what_it_is_until_it_was_used_and_again_after_reset(lab_class, open_lab):
    page = open_lab(lab_class)
    lab, canvas = page.locator(".vae-lab"), page.locator("canvas")
    begun = looks(lab)
    assert "drag" in canvas.get_attribute("data-hint")
    canvas.evaluate("canvas => canvas.scrollIntoView()")
    place = knob(page)
    drag(page, place, (place[0] + 60, place[1]))
    assert canvas.get_attribute("data-hint") == ""
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    wait_for_look(lab, begun)
    assert "drag" in canvas.get_attribute("data-hint")
