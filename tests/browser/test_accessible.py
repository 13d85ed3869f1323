"""What lies beside the pages of the book or opens over them, against axe-core's rules; a fork's buttons; paper."""

import pytest
from axe import violations
from built import open_page, pages
from screen import rest

CHAPTER = next(name for name in pages() if name.startswith("chapters/"))  # with prose, code and tables
VIEWS = [("light", 1280), ("dark", 1280), ("light", 375), ("dark", 375)]


@pytest.fixture(scope="module")
def book_page(base, watch):
    """A page of the book in which axe-core finds nothing."""
    with watch(base) as watched:
        page = open_page(watched, f"{base}/{CHAPTER}")
        rest(page)
        assert violations(page)[0] == []
        yield page


@pytest.mark.parametrize(("theme", "width"), VIEWS)
def test_axe_finds_nothing_beside_the_chapters(base, watched_page, theme, width, record_property):
    """The pages that no table of contents names."""
    watched = watched_page(base, theme=theme, width=width)
    for name in ("search.html", "genindex.html", "404.html"):
        page = open_page(watched, f"{base}/{name}")
        rest(page)
        found, passed = violations(page)
        row = f"{name:40} {width:4} px   {theme} {len(found):3} / {passed:2}"
        record_property("accessibility: axe-core's violations / rules passed", row)
        assert found == []


@pytest.mark.parametrize(("theme", "width"), VIEWS)
def test_axe_finds_nothing_in_what_opens_over_a_page(base, watched_page, theme, width):
    watched = watched_page(base, theme=theme, width=width)
    page = open_page(watched, f"{base}/citing.html")  # a short one: what opens is the same on every page
    page.keyboard.press("Control+k")
    page.wait_for_function("document.activeElement.type === 'search'")
    rest(page)
    assert violations(page)[0] == []
    page.keyboard.press("Escape")
    if width < 768:
        page.locator("button.primary-toggle").press("Enter")
        page.locator(".bd-sidebar-primary nav.bd-links").wait_for(state="visible")
        rest(page)
        assert violations(page)[0] == []


KINDS = ["pre .k", "article p", "td", "article strong"]
# the first or the last of the words of a kind that stand in sight
WORD = """([kind, place]) => [...document.querySelectorAll(kind)].filter(
  word => word.checkVisibility({ visibilityProperty: true }) && word.innerText.length > 1
).at(place)"""


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("fault", [("color", "#ccc"), ("backgroundColor", "#777")], ids="=".join)
def test_what_is_hard_to_read_is_found_wherever_it_stands(book_page, fault, place):
    """Of the words of a page, one of each look is judged by axe-core; a colour or a ground of its own is such a look."""
    name, value = fault
    words = [book_page.evaluate_handle(WORD, [kind, place]) for kind in KINDS]
    for i, word in enumerate(words):
        word.evaluate(
            "(word, [name, value, id]) => { word.style[name] = value; word.id = id }", [name, value, f"faint{i}"]
        )
    found = violations(book_page)[0]
    for word in words:
        word.evaluate("(word, name) => { word.style[name] = ''; word.removeAttribute('id') }", name)
    assert all("color-contrast" in one for one in found)
    assert [kind for i, kind in enumerate(KINDS) if not any(f"faint{i}" in one for one in found)] == []


def test_where_axe_cannot_tell_the_first_of_a_look_it_judges_all(book_page):
    """Two faint paragraphs; behind the first is a box of its own, and axe-core does not say what it cannot see through."""
    style = book_page.add_style_tag(
        content="p.first, p.first + p { color: #ccc !important } "
        "p.first::before { content: ''; position: absolute; inset: 0; background: white; z-index: -1 }"
    )
    first = book_page.locator("article p:visible:has(+ p)").first
    first.evaluate("first => first.classList.add('first')")
    assert any("color-contrast" in found for found in violations(book_page)[0])
    first.evaluate("first => first.classList.remove('first')")
    style.evaluate("style => style.remove()")


@pytest.mark.parametrize(("theme", "width"), VIEWS)
def test_a_forks_buttons_are_accessible_and_fit(fork_base, watched_page, theme, width):
    page = open_page(watched_page(fork_base, theme=theme, width=width), f"{fork_base}/{pages()[0]}")
    assert violations(page)[0] == []
    header = page.locator(".header-article__inner")
    assert header.get_by_role("link", name="Open in Colab").is_visible()
    assert header.evaluate("header => header.scrollWidth - header.clientWidth") <= 0
    assert header.bounding_box()["height"] < 80
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.locator(".dropdown-source-buttons > button").press("Enter")
    page.locator(".btn-source-edit-button").wait_for(state="visible")
    rest(page)
    assert violations(page)[0] == []


def test_chromium_prints_a_dark_page_on_white(base, watched_page):
    """The event that turns the page light is sent before a real print, too."""
    watched = watched_page(base, theme="dark")
    page = open_page(watched, f"{base}/{CHAPTER}")
    page.evaluate(
        """() => addEventListener('beforeprint', () => { window.printed = document.documentElement.dataset.theme })"""
    )
    paper = page.pdf(format="A4")
    assert page.evaluate("printed") == "light" and page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert 5 <= paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page /") <= 60
