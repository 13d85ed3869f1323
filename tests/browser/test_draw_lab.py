"""Drawing in DrawLab by mouse and by finger: lines without gaps, a field that does not scroll, a pen that leaves it, undo, and no hand at all."""

import re

import pytest
from screen import choose, looks, press, set_slider, settle, tiles, wait_for_change, wait_for_look, words

from vae_core.labs import DrawLab
from vae_core.labs.draw import READY

BELOW = "<div style='height: 2000px'></div>"
INK = """(canvas, places) => places.map(([x, y]) => {
  const ratio = canvas.width / canvas.getBoundingClientRect().width
  const [red, green, blue, alpha] = canvas.getContext('2d').getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data
  return alpha > 200 && Math.max(red, green, blue) < 100
})"""


@pytest.fixture
def open_lab(open_living, labs):
    return lambda **options: open_living(labs[DrawLab].html, BELOW, **{"reduced_motion": "reduce", **options})


def field(page):
    """Where the field begins on the screen, where on the canvas, and how wide it is there."""
    canvas = page.locator("canvas").first
    x, y, size = map(float, canvas.get_attribute("data-pads").split(","))
    box = canvas.bounding_box()
    small = box["width"] / canvas.evaluate("canvas => canvas.width / devicePixelRatio")
    return (box["x"] + x * small, box["y"] + y * small), (x, y), size


def costs(page):
    """Distortion and rate, in nats."""
    return [float(text) for text in tiles(page)[:2]]


def stroke(page, *places, steps=1):
    """A line with the mouse through places of the field, from 0 to 1; beyond them it leaves the field."""
    (x, y), _, size = field(page)
    for i, (u, v) in enumerate(places):
        page.mouse.move(x + u * size, y + v * size, steps=steps if i else 1)
        if not i:
            page.mouse.down()
    page.mouse.up()
    settle(page)


def inked(page, *places):
    """Whether there is ink at these places of the field."""
    _, (x, y), size = field(page)
    return page.locator("canvas").first.evaluate(INK, [[x + u * size, y + v * size] for u, v in places])


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_a_fast_line_of_the_mouse_has_no_gap_and_takes_the_place_of_the_ready_drawing(open_lab):
    page = open_lab()
    before = tiles(page)
    assert inked(page, (0.5, 0.52)) == [True]
    stroke(page, (0.1, 0.2), (0.9, 0.8))  # two places, and nothing between them
    along = [(0.1 + 0.8 * t / 20, 0.2 + 0.6 * t / 20) for t in range(21)]
    assert all(inked(page, *along)) and inked(page, (0.3, 0.52)) == [False]
    assert tiles(page) != before
    assert page.get_by_role("combobox", name="Drawing").input_value() == "yours"
    assert words(page).startswith("Your drawing, of 1 line.")


def test_undo_takes_back_a_line_and_then_brings_back_what_was_there(open_lab):
    page = open_lab()
    lab = page.locator(".vae-lab")
    begun = words(page)  # not its look: a hint goes once a button was pressed
    stroke(page, (0.3, 0.1), (0.3, 0.9))
    one = looks(lab)
    stroke(page, (0.1, 0.5), (0.9, 0.5))
    assert words(page).startswith("Your drawing, of 2 lines.") and looks(lab) != one
    button(page, "Undo").press("Enter")
    wait_for_look(lab, one)
    button(page, "Clear").press("Enter")
    wait_for_change(lab, one)
    assert words(page).startswith("Nothing is drawn") and not any(inked(page, (0.3, 0.5)))
    button(page, "Undo").press("Enter")
    wait_for_look(lab, one)
    button(page, "Undo").press("Enter")
    wait_for_change(lab, one)
    assert words(page) == begun and inked(page, (0.5, 0.52), (0.3, 0.8)) == [True, False]
    button(page, "Undo").press("Enter")
    settle(page)
    assert words(page) == begun


def test_reset_and_steps_take_no_drawing_away_for_good(open_lab):
    page = open_lab()
    lab = page.locator(".vae-lab")
    begun = looks(lab)
    stroke(page, (0.3, 0.1), (0.3, 0.9))
    drawn = looks(lab)
    button(page, "Reset").press("Enter")
    wait_for_look(lab, begun)
    button(page, "Undo").press("Enter")
    wait_for_look(lab, drawn)
    page.get_by_role("button", name=re.compile("^3: ")).press("Enter")
    settle(page)
    assert words(page).startswith("A ready drawing, face.")
    menu = page.get_by_role("combobox", name="Drawing")
    choose(menu, 0)
    assert words(page).startswith("Your drawing, of 1 line.")
    choose(menu, 1 + list(READY).index("house"))
    button(page, "Undo").press("Enter")
    settle(page)
    assert words(page).startswith("Your drawing, of 1 line."), "what was chosen is taken back too"


def test_a_new_drawing_lies_where_it_was_drawn(open_lab):
    page = open_lab()
    right = page.get_by_role("slider", name="Right")
    set_slider(right, 3)
    assert "moved 3 pixels" in words(page)
    stroke(page, (0.3, 0.1), (0.3, 0.9))
    assert "moved" not in words(page) and right.input_value() == "0"
    set_slider(right, 2)
    stroke(page, (0.6, 0.1), (0.6, 0.9))
    assert "of 2 lines, moved 2 pixels" in words(page), "a second line belongs to what is moved"
    button(page, "Clear").press("Enter")
    settle(page)
    assert words(page).startswith("Nothing is drawn: an empty page.") and right.input_value() == "0"


def test_a_line_ends_where_the_pen_leaves_the_field_and_another_begins_where_it_comes_back(open_lab):
    page = open_lab()
    (x, y), _, size = field(page)
    page.mouse.move(x + 0.5 * size, y + 0.2 * size)
    page.mouse.down()
    for u, v in ((0.1, 0.2), (-0.3, 0.2), (-0.3, 0.8), (0.1, 0.8), (0.5, 0.8)):
        page.mouse.move(x + u * size, y + v * size, steps=12)
    page.mouse.move(x - 40, y + size / 2)
    page.mouse.up()  # out there
    settle(page)
    assert words(page).startswith("Your drawing, of 2 lines.")
    assert all(inked(page, (0.3, 0.2), (0.1, 0.2), (0.1, 0.8), (0.3, 0.8)))
    assert not any(inked(page, (0.02, 0.5), (0.1, 0.4), (0.1, 0.6), (0.5, 0.5)))
    drawn = looks(page.locator(".vae-lab"))
    page.mouse.move(x + 0.5 * size, y + 0.5 * size)
    assert looks(page.locator(".vae-lab")) == drawn, "a pen that is up draws nothing"


def test_a_finger_draws_in_the_field_and_beside_it_scrolls_the_page(open_lab):
    page = open_lab(width=375, height=667)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def swipe(*points):
        for i, (x, y) in enumerate(points):
            kind = "touchMove" if i else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        settle(page)

    (x, y), _, size = field(page)
    swipe(*[(x + 0.5 * size, y + (0.9 - 0.1 * step) * size) for step in range(9)])
    assert page.evaluate("scrollY") == 0 and words(page).startswith("Your drawing, of 1 line.")
    assert all(inked(page, (0.5, 0.3), (0.5, 0.6)))
    drawn = looks(page.locator(".vae-lab"))
    swipe(*[(x + 0.3 * size, y - 30 - 10 * step) for step in range(9)])  # from the numbers above it
    page.wait_for_function("scrollY > 50")
    assert looks(page.locator(".vae-lab")) == drawn


def test_without_a_pointer_there_are_ready_drawings_and_sliders(open_lab):
    page = open_lab()
    menu = page.get_by_role("combobox", name="Drawing")
    seen = set()
    for index in range(1, menu.locator("option").count()):
        choose(menu, index)
        seen.add(words(page).split(".")[0])
    assert len(seen) == menu.locator("option").count() - 1 >= 6
    choose(menu, 1)
    begun = costs(page)
    page.get_by_role("slider", name="Right").focus()
    press(page, "ArrowRight", 3)
    distortion, rate = costs(page)
    assert distortion > begun[0] + 50 and rate > begun[1] + 4
    assert "moved 3 pixels to the right" in words(page)


PLACES = """() => [...document.querySelectorAll('.vae-lab-tiles > *, .vae-lab canvas, .vae-lab-notes, .vae-lab-caption')].map(element => {
  const { x, y, width, height } = element.getBoundingClientRect(); return [x, y + scrollY, width, height].map(Math.round).join() }).join(' ')"""


@pytest.mark.parametrize(("width", "height"), [(720, 800), (1280, 800), (375, 667)])
def test_nothing_moves_below_the_hand(width, height, open_lab):
    """A lab of 720 pixels is as wide as on a page of the book; the page's font may be a wide one."""
    page = open_lab(width=width, height=height)
    page.add_style_tag(content=".vae-lab { letter-spacing: 0.03em }")
    begun, seen = page.evaluate(PLACES), set()

    def look(after):
        settle(page)
        seen.add(words(page))
        assert page.evaluate(PLACES) == begun, after

    menu, right = (page.get_by_role(role, name=name) for role, name in (("combobox", "Drawing"), ("slider", "Right")))
    for index in range(1, menu.locator("option").count()):
        choose(menu, index)
        look(f"drawing {index}")
    for step in (-8, 1, 3, 5, 8):
        set_slider(right, step)
        look(f"{step} to the right")
    button(page, "Clear").press("Enter")
    look("clear")
    stroke(page, (0.5, 0.45), (0.5, 0.55))
    assert words(page).startswith("Your drawing, of 1 line."), "a stroke just after Clear lands"
    look("a dash")
    stroke(page, (0.1, 0.5), (0.9, 0.5), (0.1, 0.9), (0.9, 0.9), (0.1, 0.1))
    look("a scribble")
    assert len(seen) == 16, "each was another picture"


def test_a_hand_that_goes_sideways_moves_nothing_down(open_lab):
    page = open_lab(width=720, height=800)
    page.get_by_role("button", name=re.compile("^2: ")).press("Enter")
    settle(page)
    _, (x, y), size = field(page)
    canvas = page.locator("canvas").first.bounding_box()
    start = canvas["x"] + x + size + 90, canvas["y"] + y + 80
    page.mouse.move(*start)
    page.mouse.down()
    for step in range(1, 13):
        page.mouse.move(start[0] + step, start[1])
        settle(page)
    page.mouse.up()
    settle(page)
    assert "moved 3 pixels to the right and 0 down" in words(page)


def test_what_the_encoder_gets_is_dragged_off_its_place_by_whole_pixels(open_lab):
    page = open_lab()
    _, (x, y), size = field(page)
    canvas = page.locator("canvas").first.bounding_box()
    start = canvas["x"] + x + size + 90, canvas["y"] + y + 80  # in the middle of what the encoder gets
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 13, start[1] - 9, steps=4)  # of 120 / 28 each
    page.mouse.up()
    settle(page)
    assert page.get_by_role("slider", name="Right").input_value() == "3"
    assert "moved 3 pixels to the right and −2 down" in words(page)
