"""What lies beside the pages of the book or opens over them, against axe-core's rules; a fork's buttons; paper."""

import pytest
from axe import violations
from built import open_page, pages
from screen import rest

VIEWS = [("light", 1280), ("dark", 1280), ("light", 375), ("dark", 375)]


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


def test_a_faint_word_of_code_is_found_wherever_it_stands(base, watched_page):
    """Of the words of code, one of each look is shown to axe-core; a colour of its own is such a look."""
    page = open_page(watched_page(base), f"{base}/{pages()[1]}")
    rest(page)
    assert violations(page)[0] == []
    words = page.evaluate_handle(
        "[...document.querySelectorAll('pre .k')].filter(word => word.checkVisibility({ visibilityProperty: true }))"
    )
    for place in (0, -1):
        words.evaluate("(words, place) => { words.at(place).style.color = '#ccc' }", place)
        (found,) = violations(page)[0]
        assert "color-contrast" in found
        words.evaluate("(words, place) => { words.at(place).style.color = '' }", place)


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
    page = open_page(watched, f"{base}/{pages()[1]}")
    page.evaluate(
        """() => addEventListener('beforeprint', () => { window.printed = document.documentElement.dataset.theme })"""
    )
    paper = page.pdf(format="A4")
    assert page.evaluate("printed") == "light" and page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert 5 <= paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page /") <= 60
