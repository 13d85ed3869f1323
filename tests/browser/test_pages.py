"""Every page of the built book as its reader meets it, in Chromium, with every other host out of reach.

A page is opened twice, on a desk in the light and on a phone in the dark by a reader who wants no motion, and each visit
serves all the checks below, which leave the page as they found it. (test_zip.py opens it once more, from a folder.)
"""

import gzip
import io
import statistics
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe import violations
from built import ROOT, pages
from PIL import Image
from screen import looks, press, rest, settle

PAGES = pages()
WITH_LABS = [name for name in PAGES if (ROOT / name).with_suffix(".ipynb").exists()]
with_labs = pytest.mark.parametrize("desk", WITH_LABS, ids="desk {}".format, indirect=True)
MAX_BYTES = 1_500_000
STEPS = 12

# icons in sight whose glyph is missing or whose font did not load
UNDRAWN_ICONS = """() => [...document.querySelectorAll('[class*=" fa-"], [class^="fa-"]')].filter(icon => {
  if (!icon.checkVisibility()) return false
  const { content, fontFamily } = getComputedStyle(icon, '::before')
  const loaded = [...document.fonts].some(face => face.status === 'loaded' && fontFamily.includes(face.family))
  return !/^".+"$/u.test(content) || !loaded
}).map(icon => icon.outerHTML)"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOLD = """folds => folds.forEach(fold => {
  if (fold.localName === 'details') fold.open = !fold.open
  else fold.classList.toggle('toggle-hidden')
})"""
SET = "document.documentElement.dataset.theme"
CONTROLS = "[data-ready] :is(input, select, button)"


@pytest.fixture(scope="module", params=PAGES, ids="desk {}".format)
def desk(request, visit):
    """A page on a desk, in the light."""
    yield from visit(request.param, width=1280, theme="light")


@pytest.fixture(scope="module", params=PAGES, ids="phone {}".format)
def phone(request, visit):
    """A page on a phone, in the dark, where the reader wants no motion."""
    yield from visit(request.param, width=375, theme="dark", reduced_motion="reduce")


@contextmanager
def unfolded(page):
    """With every fold open: closed, it hides what is in it from axe as from the eye."""
    folds = page.evaluate_handle("[...document.querySelectorAll('details:not([open]), .toggle-hidden')]")
    folds.evaluate(FOLD)
    rest(page)
    yield
    folds.evaluate(FOLD)
    rest(page)


def turn(page, theme):
    """Turn the page light or dark, every lab painted in the theme's colours."""
    if page.evaluate(SET) != theme:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        page.emulate_media(color_scheme=theme)
        rest(page)
        settle(page)  # a lab repaints once the transition of its colours has ended


def opened(visit, theme):
    """The page of a visit with every fold open, in a theme, for all tests that look at it so."""
    before = visit.page.evaluate(SET)
    with unfolded(visit.page):
        turn(visit.page, theme)
        yield visit
        turn(visit.page, before)


@pytest.fixture(scope="module", params=["light", "dark"])
def open_desk(request, desk):
    yield from opened(desk, request.param)


@pytest.fixture(scope="module", params=["dark", "light"])
def open_phone(request, phone):
    yield from opened(phone, request.param)


# --- the page ---


def is_whole(visit, theme):
    page = visit.page
    assert visit.abroad == []
    assert visit.errors == []
    assert page.evaluate(SET) == theme
    assert page.locator("span.math, div.math").count() == page.locator("mjx-container mjx-assistive-mml").count()
    assert page.evaluate(UNDRAWN_ICONS) == []
    assert page.evaluate(OVERFLOW) <= 0
    assert page.locator("article img:not([alt]), article img[alt='']").all() == []


def test_it_is_whole_on_a_desk(desk):
    is_whole(desk, "light")


def test_it_is_whole_on_a_phone(phone):
    is_whole(phone, "dark")


def test_it_is_light(desk, record_property):
    desk.page.wait_for_load_state("networkidle")
    answers = {answer.url: answer for answer in list(desk.responses)}  # more may arrive while these are read
    weights = {url: len(gzip.compress(answer.body(), mtime=0)) for url, answer in answers.items() if answer.ok}
    heaviest = max(weights, key=lambda url: weights[url])
    row = f"{desk.name:40} {sum(weights.values()) / 1000:5.0f} kB {len(weights):3} requests, script {desk.script_ms:4.0f} ms;"
    row += f" heaviest {urlsplit(heaviest).path}, {weights[heaviest] / 1000:.0f} kB"
    record_property("weight: compressed bytes, requests, script until formulas and labs are ready", row)
    assert [url for url, answer in answers.items() if not answer.ok] == []
    assert sum(weights.values()) <= MAX_BYTES, row


# --- the eye ---


def axe_finds_nothing(visit, record_property):
    heard = len(visit.errors)
    found, passed = violations(visit.page)
    del visit.errors[heard:]  # axe itself asks for style sheets, and looks for one where it is not
    width, theme = visit.page.viewport_size["width"], visit.page.evaluate(SET)
    row = f"{visit.name:40} {width:4} px   {theme:5} {len(found):3} / {passed:2}"
    record_property("accessibility: axe-core's violations / rules passed", row)
    assert found == []


def test_axe_finds_nothing_on_a_desk(open_desk, record_property):
    axe_finds_nothing(open_desk, record_property)


def test_nothing_in_a_fold_is_wider_than_a_phone(open_phone):
    assert open_phone.page.evaluate(OVERFLOW) <= 0


def test_axe_finds_nothing_on_a_phone(open_phone, record_property):
    axe_finds_nothing(open_phone, record_property)


CUT = """[...document.querySelectorAll('.bd-article pre')].filter(
  pre => !pre.closest('.cell') && pre.scrollWidth > pre.clientWidth
).map(pre => pre.innerText.slice(0, 80))"""


def test_code_that_is_no_cell_is_not_cut_on_a_phone(open_phone):
    assert open_phone.page.evaluate(CUT) == []


# formulas in a line that lost the sign behind them, or the bracket in front, to another line
PARTED = """[...document.querySelectorAll('.bd-article mjx-container:not([display])')].flatMap(formula => {
  const block = formula.closest('p, li, td, th, dd, dt, summary, h1, h2, h3')
  const walk = document.createTreeWalker(block ?? formula.parentNode.parentNode, NodeFilter.SHOW_TEXT)
  const texts = []
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest('mjx-assistive-mml')) texts.push(walk.currentNode)
  const follows = text => formula.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING
  const box = formula.parentElement.getBoundingClientRect()  // one that is too wide scrolls in it
  const range = document.createRange()
  const near = (text, at, sign, isApart) => {
    if (!text || !sign.test(text.data.at(at))) return []
    const start = at < 0 ? text.length - 1 : 0
    range.setStart(text, start)
    range.setEnd(text, start + 1)
    return isApart(range.getBoundingClientRect()) ? [`${text.data.at(at)} of: ${block?.innerText.slice(0, 60)}`] : []
  }
  return [
    ...near(texts.find(follows), 0, /[.,:;?!)\\]’”…]/u, sign => sign.left < box.right - 1),
    ...near(texts.findLast(text => !follows(text)), -1, /[(\\[“]/u, sign => sign.right > box.left + 1),
  ]
})"""


def test_a_formula_keeps_the_sign_behind_it_on_a_phone(open_phone):
    assert open_phone.page.evaluate(PARTED) == []


# the words that a cell shows, in a box of their own colour
BOXED = """[...document.querySelectorAll('.bd-article .cell_output .text_html')].filter(
  output => getComputedStyle(output).backgroundColor !== 'rgba(0, 0, 0, 0)'
).map(output => output.innerText.slice(0, 80))"""


def test_what_a_cell_says_stands_on_the_page_and_in_no_bright_box(open_desk):
    assert open_desk.page.evaluate(BOXED) == []


# by more than what covers the sign at either end is wide
SCROLLS = """[...document.querySelectorAll('.bd-article :is(.cell pre, table, .math, [role=region])')].filter(
  part => part.checkVisibility() && part.scrollWidth > part.clientWidth + 40
          && ['auto', 'scroll'].includes(getComputedStyle(part).overflowX))"""


def edges(part):
    """How far the left and the right edge of what scrolls differ from its middle: the colour between the signs, 0 to 255."""
    picture = np.asarray(Image.open(io.BytesIO(part.screenshot())).convert("RGB"), dtype=float)
    paper, left, right = (
        np.median(strip, axis=(0, 1)) for strip in (picture, picture[4:-4, 4:7], picture[4:-4, -7:-4])
    )
    return abs(left - paper).max(), abs(right - paper).max()


def test_what_scrolls_sideways_on_a_phone_shows_where_it_goes_on(open_phone):
    page = open_phone.page
    for part in (
        page.evaluate_handle(f"[...new Map({SCROLLS}.map(part => [part.localName, part])).values()]")
        .get_properties()
        .values()
    ):
        part = part.as_element()
        left, right = edges(part)
        assert left < 4 and right > 12, part.inner_text()[:80]
        part.evaluate("part => { part.scrollLeft = part.scrollWidth }")
        rest(page)
        left, right = edges(part)
        assert left > 12 and right < 4, part.inner_text()[:80]
        part.evaluate("part => { part.scrollLeft = 0 }")
        rest(page)


def luminance(pixels):
    linear = np.where(pixels <= 0.03928, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_figures_read_in_both_themes(open_desk):
    """A figure's ink (the hundredth of its pixels farthest from its paper) keeps 4.5 : 1."""
    for figure in open_desk.page.locator("article img").all():
        if not figure.is_visible():
            continue
        picture = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
        light = luminance(np.asarray(picture, dtype=float) / 255)
        paper = np.median(np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]]))  # at its edges
        ink = max(np.quantile(light, 0.01), np.quantile(light, 0.99), key=lambda value: abs(value - paper))
        dark, bright = sorted([ink, paper])
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, figure.get_attribute("alt")


# what asks for a frame while ten go by; twice, for a fold that has opened has its lab painted
COUNT_FRAMES = """async () => {
  const ask = window.requestAnimationFrame
  const asked = []
  window.requestAnimationFrame = callback => { asked[asked.length - 1]++; return ask.call(window, callback) }
  for (let round = 0; round < 2; round++) {
    asked.push(0)
    for (let frame = 0; frame < 10; frame++) await new Promise(done => ask.call(window, done))
  }
  window.requestAnimationFrame = ask
  return asked
}"""
MOVING = """[...document.querySelectorAll('*')].filter(element => {
  const { animationName, animationDuration, transitionDuration, scrollBehavior } = getComputedStyle(element)
  const longest = list => Math.max(...list.split(',').map(parseFloat))
  return (animationName !== 'none' && longest(animationDuration) > 0.001) || longest(transitionDuration) > 0.001
    || scrollBehavior === 'smooth'
}).map(element => element.outerHTML.slice(0, 120))"""


def test_nothing_moves_by_itself_where_the_reader_wants_no_motion(phone):
    with unfolded(phone.page):
        assert phone.page.evaluate(COUNT_FRAMES)[-1] == 0
        assert phone.page.evaluate(MOVING) == []
        # a change of theme is no motion either: of the labs alone, whose two colours tell them of it
        before = phone.page.evaluate(SET)
        started = phone.page.evaluate(f"theme => {{ {SET} = theme; return document.getAnimations().length }}", "light")
        turn(phone.page, before)
        assert started <= 2 * phone.page.locator("[data-ready]").count()


# --- on paper ---


def test_a_printed_page_reads(open_desk):
    """What Chromium would print, from either theme: dark on white, nothing but the article, nothing cut off at the side."""
    page = open_desk.page
    labs, theme = page.locator("[data-ready]"), page.evaluate(SET)
    page.set_viewport_size({"width": 690, "height": 900})  # A4 less its margins
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    rest(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    if theme == "dark":  # the harder case: from here on both are the same page
        assert violations(page)[0] == []
    for part in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".prev-next-footer"):
        assert not any(found.is_visible() for found in page.locator(part).all()), part
    assert page.locator("h1").first.is_visible()
    assert page.evaluate(OVERFLOW) <= 0
    assert all(lab.locator("canvas").first.is_visible() for lab in labs.all())
    assert page.locator("[data-ready] input:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert page.evaluate(SET) == theme
    assert labs.locator("canvas").count() == labs.count()
    assert all(lab.locator("canvas").is_visible() for lab in labs.all())


# --- labs, by hand ---


def labs_keep_their_place(page, which):
    """What a lab class says in `tall` is what the browser finds, to a tenth: nothing moves when a lab comes."""
    with unfolded(page):
        for lab in page.locator(".vae-lab").all():
            kept = float(lab.evaluate(f"lab => parseFloat(getComputedStyle(lab).getPropertyValue('--vae-{which}'))"))
            taken = lab.bounding_box()["height"]
            said = f"`tall` says {kept:.0f} px on a {which}, the lab takes {taken:.0f}"
            assert kept == pytest.approx(taken, rel=0.1), said


@with_labs
def test_labs_keep_their_place_on_a_desk(desk):
    labs_keep_their_place(desk.page, "desk")


@pytest.mark.parametrize("phone", WITH_LABS, ids="phone {}".format, indirect=True)
def test_labs_keep_their_place_on_a_phone(phone):
    labs_keep_their_place(phone.page, "phone")


@with_labs
def test_every_control_of_every_lab_answers_the_keyboard(desk):
    page = desk.page
    for lab in page.locator("[data-ready]").all():
        controls = [one for one in lab.locator("input[type=range], select, button").all() if one.is_visible()]
        slider = lab.locator("input[type=range]").first
        for control in controls:
            is_button = control.evaluate("control => control.localName") == "button"
            for moved in (False, True) if is_button else (False,):
                if moved:  # something to undo, should it be a reset
                    slider.focus()
                    press(page, "ArrowLeft")
                told, before = control.get_attribute("aria-label"), looks(lab)
                control.focus()
                for key in ("Enter",) if is_button else ("ArrowRight", "ArrowLeft"):  # left, should it stand at its end
                    if looks(lab) == before:
                        press(page, key, 3 if is_button else 8)
                # a link is copied, which its button says, or stands there to be copied
                copied = (
                    control.get_attribute("aria-label") != told or lab.get_by_label("The link to this state").count()
                )
                if copied or looks(lab) != before:
                    break
            else:
                pytest.fail(f"nothing changed: {control.evaluate('control => control.outerHTML')}")
            if is_button:
                slider.focus()
                press(page, "Shift")  # a key anywhere else ends what plays
    assert desk.errors == []


# sums, frame by frame, the script that runs in animation callbacks and in handlers of "input"
COUNT_SCRIPT = """() => {
  let pending = 0, started = 0
  const frames = new Map()
  const ask = window.requestAnimationFrame.bind(window)
  window.takeFrames = () => { const costs = [...frames.values()]; frames.clear(); return costs }
  window.nextFrame = () => new Promise(done => ask(() => ask(done)))
  window.requestAnimationFrame = callback => ask(time => {
    const start = performance.now()
    try { callback(time) } finally {
      frames.set(time, (frames.get(time) ?? 0) + pending + performance.now() - start)
      pending = 0
    }
  })
  window.addEventListener('input', () => { started = performance.now() }, true)
  window.addEventListener('input', () => { pending += performance.now() - started })
}"""
# moves a slider from end to end and back; the frames that each step took, and the script in them; and whether it is a lab that
# answers later: a trainer sends a state of its own, and of what is computed in slices each is painted as it comes
SWEEP = """async (slider, steps) => {
  const [low, high, value] = [slider.min, slider.max, slider.value].map(Number)
  const { dataset } = slider.closest('.vae-lab')
  const frames = []
  let answers = false
  for (let step = 0; step <= steps + 1; step++) {
    slider.value = step > steps ? value : low + (high - low) * step / steps
    takeFrames()
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    await nextFrame()
    frames.push(takeFrames())
    answers ||= 'step' in dataset || 'waiting' in dataset
  }
  return { frames, answers }
}"""


@with_labs
def test_a_slider_step_is_painted_once(desk, record_property):
    """At most one frame a step, however often the slider speaks; what it costs is printed, for no clock of ours decides."""
    page = desk.page
    page.evaluate(COUNT_SCRIPT)
    for slider in page.locator("[data-ready] input[type=range]").all():
        if not slider.is_visible():
            continue
        slider.scroll_into_view_if_needed()
        for key in (
            "ArrowRight",
            "ArrowLeft",
        ):  # away from where it begins: there a first move may move another control, too
            before = slider.input_value()
            slider.press(key)
            settle(page)
            if slider.input_value() != before:
                break
        frames, answers = slider.evaluate(SWEEP, STEPS).values()
        costs = [sum(each) for each in frames]
        label = slider.get_attribute("aria-label")
        row = f"{desk.name:40} {label:28.28} median {statistics.median(costs):5.2f} ms, slowest {max(costs):5.2f} ms"
        record_property("script per frame while a slider moves from end to end", row)
        assert max(map(len, frames)) <= 1 + answers, f"{label!r} was painted more than once a step"
        assert sum(map(len, frames)) >= 3, f"{label!r} painted nothing"


# --- labs, by keyboard and by ear ---


def described(session, expression):
    """Role, name and value of an element as the browser hands them to a screen reader."""
    found = session.send("Runtime.evaluate", {"expression": expression})["result"]["objectId"]
    node = session.send("Accessibility.getPartialAXTree", {"objectId": found, "fetchRelatives": False})["nodes"][0]
    text = {key: node.get(key, {}).get("value", "") for key in ("role", "name", "value")}
    properties = {entry["name"]: entry["value"].get("value") for entry in node.get("properties", [])}
    return text | {"valuetext": properties.get("valuetext", ""), "focusable": properties.get("focusable", False)}


SEEN_OR_USED = "[data-ready] :is(input, select, button, canvas)"
LETTERS = ("β", "K")  # the names of quantities that a control may be called by, and a screen reader reads
ROLES = {"input": {"slider"}, "select": {"combobox"}, "button": {"button"}, "canvas": {"image", "img"}}


@with_labs
def test_labs_are_announced(desk):
    page = desk.page
    session = desk.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    for i, control in enumerate(page.locator(SEEN_OR_USED).all()):
        if not control.is_visible():
            continue
        here = f"document.querySelectorAll('{SEEN_OR_USED}')[{i}]"
        tag = control.evaluate("control => control.localName")
        told = described(session, here)
        named = len(told["name"]) > (40 if tag == "canvas" else 1) or told["name"] in LETTERS
        assert told["role"] in ROLES[tag] and named, told
        assert tag == "canvas" or told["focusable"], told
        if tag == "input":
            control.press("Home")
            first = described(session, here)
            control.press("End")
            last = described(session, here)
            assert first["valuetext"] and first["valuetext"] != last["valuetext"], (first, last)
        elif tag == "select":
            assert told["value"], told
    session.detach()


# where the focus stands and whether it shows: an outline or a ring that the element has only while it has the focus
FOCUS = f"""() => {{
  const element = document.activeElement
  const {{ outlineStyle, outlineWidth, boxShadow }} = getComputedStyle(element)
  const shows = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none'
  return {{ index: [...document.querySelectorAll('{CONTROLS}')].indexOf(element), shows, tag: element.localName }}
}}"""


# where Tab goes on from, whatever had the focus before
FROM_THE_TOP = """() => {
  document.body.tabIndex = -1
  document.body.focus()
  document.body.removeAttribute('tabindex')
}"""


@with_labs
def test_tab_reaches_every_control_of_every_lab_and_goes_on(desk):
    page = desk.page
    controls = page.locator(CONTROLS).all()
    wanted = [i for i, control in enumerate(controls) if control.is_visible() and control.is_enabled()]
    reached, unseen, last = [], [], None
    page.evaluate(FROM_THE_TOP)
    for _ in range(600):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus["index"] >= 0:
            reached.append(focus["index"])
            unseen += [] if focus["shows"] else [focus]
        elif focus["tag"] == "body" and last != "body" and reached:
            break
        if reached and focus["index"] < 0 and set(wanted) <= set(reached):
            break  # past the last control: no trap
        last = focus["tag"]
    assert reached == wanted, "each once, in the order of the page"
    assert unseen == []
