"""The built book as a whole: links, search, downloads, and pages whose labs are damaged."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import published
import pytest
from built import ROOT, pages
from screen import ALL_DECIDED, looks, press, wait_for_change

NOTEBOOKS = [name for name in pages() if (ROOT / name).with_suffix(".ipynb").exists()]
# a lab as the build leaves it: a place in the page, and its numbers and code in _static/labs/MARK.js
LAB = re.compile(r'<div class="vae-lab" data-lab="(\w+)".*?</div>(?:<script async src="[^"]+"></script>)?', re.DOTALL)
CONTENTS = re.compile(r'(?<=^const contents = )".*"(?=;$)', re.MULTILINE)
BY_HAND = {  # what happens to a lab's payload: the text it becomes
    "weights of the wrong length": lambda text: text.replace('"data": "', '"data": "AAAA', 1),
    "weights that are no numbers": lambda text: re.sub(r'"spec": \{', '"spec": {"weight": NaN, ', text, count=1),
    "an array of an unknown kind": lambda text: text.replace('"dtype": "', '"dtype": "x-', 1),
    "an unknown layer": lambda text: re.sub(r'"activation": "\w+"', '"activation": "gelu"', text, count=1),
}


def damaged(site, lab):
    """A lab (a match of LAB), damaged in each way that applies to it: under other names, each with a script of its own."""
    script = (site / "_static" / "labs" / f"{lab[1]}.js").read_text(encoding="utf-8")
    found = CONTENTS.search(script)
    assert found
    payload = json.loads(found.group())
    assert json.loads(payload)["spec"]["controls"]
    changes = [text for change in BY_HAND.values() if (text := change(payload)) != payload]
    assert len(changes) >= 2  # a lab of formulas alone has no arrays and no layers
    copies = []
    for i, text in enumerate(changes):
        place = re.sub(' data-later="[^"]*"', "", lab.group().partition("</div>")[0]) + "</div>"
        code = CONTENTS.sub(lambda _, text=text: json.dumps(text), script)
        copies.append(f"{place}<script>{code}</script>".replace(lab[1], f"{lab[1]}{i}"))
    return copies


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_damaged_lab_takes_nothing_with_it(site, base, watched_page, name):
    """Each lab of the page, damaged in each way, in front of the same lab whole: a picture, a sentence, and all else lives."""
    text = (site / name).read_text(encoding="utf-8")
    whole = list(LAB.finditer(text))
    assert len(whole) == text.count('class="vae-lab"') > 0
    bad = [damaged(site, lab) for lab in whole]
    pieces = iter("".join(copies) for copies in bad)
    served = LAB.sub(lambda lab: next(pieces) + lab.group(), text)
    count = sum(map(len, bad))
    watched = watched_page(base)
    page = watched.page
    page.route(f"{base}/{name}", lambda route: route.fulfill(body=served, content_type="text/html"))
    page.goto(f"{base}/{name}")
    alive, failed = page.locator(".vae-lab[data-ready=true]"), page.locator(".vae-lab[data-failed]")
    page.wait_for_function(ALL_DECIDED)
    assert (alive.count(), failed.count()) == (len(whole), count)
    for lab in failed.all():
        said = lab.locator("figcaption").inner_text()
        assert re.fullmatch(r"This lab could not start \(.+\); the picture shows how it begins\.", said), said
        assert lab.locator("img").is_visible()
        assert lab.locator("canvas, input, select, button").count() == 0
    for lab in alive.all():
        before = looks(lab)
        lab.locator("input[type=range]").first.focus()
        press(page, "ArrowRight", 3)
        wait_for_change(lab, before)
    assert page.locator("nav").first.is_visible()
    assert len(watched.errors) == count, watched.errors


class Anchors(HTMLParser):
    """What a page can be pointed at (`ids`) and what it points at (`links`)."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key in ("id", "name"):
                self.ids.add(value)
            elif key in ("href", "src") and value:
                self.links.add(value)


def test_internal_links_resolve(site):
    anchors = {
        path: Anchors(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts
    }
    root = urlsplit(published.find_url(published.find_slug())).path or "/"
    broken = []
    for path, page in anchors.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            place = unquote(parts.path)
            if place.startswith(root):  # only the page for lost readers, which is served at any depth
                place = site / place.removeprefix(root)
            target = (path.parent / place).resolve() if place else path
            fragment = unquote(parts.fragment)
            lost = fragment and target in anchors and fragment not in anchors[target].ids
            if not target.exists() or lost:
                broken.append(f"{path.relative_to(site)} -> {link}")
    assert broken == []


def test_search_needs_no_server(site, watched_page):
    watched = watched_page()
    watched.page.goto(f"{site.as_uri()}/search.html?q=autoencoder")
    watched.page.locator("#search-results li a").first.wait_for()
    assert watched.abroad == []
    assert watched.errors == []


def test_downloaded_notebook_is_the_committed_one_with_the_slug_in_it(site, base, watched_page):
    page = watched_page(base).page
    for name in pages():
        source = (ROOT / name).with_suffix(".ipynb")
        if source.exists():
            page.goto(f"{base}/{name}")
            page.locator(".dropdown-download-buttons > button").click()
            with page.expect_download() as download:
                page.locator(".btn-download-source-button").click()
            assert download.value.suggested_filename == source.name
            assert download.value.path().read_text(encoding="utf-8") == published.stamp(
                source.read_text(encoding="utf-8"), published.find_slug()
            )
