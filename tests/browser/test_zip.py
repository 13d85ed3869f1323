"""The book as one file: unpacked anywhere and opened from a folder, with the network off."""

import hashlib
import subprocess
import sys
import zipfile

import pytest
from built import ROOT, open_page, pages
from screen import settle

from vae_core import __version__

NAME = f"explorable-vae-{__version__}"


def pack(site, out):
    command = [sys.executable, ROOT / "tools" / "pack_site.py", site, out]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def packed(site, tmp_path_factory):
    out = tmp_path_factory.mktemp("packed")
    done = pack(site, out)
    assert done.returncode == 0, done.stderr
    return out / f"{NAME}.zip"


@pytest.fixture(scope="module")
def stick(packed, tmp_path_factory):
    """A folder that holds nothing but the unpacked book; its name needs quoting in an address."""
    folder = tmp_path_factory.mktemp("stick") / "my books & 100% mine"
    zipfile.ZipFile(packed).extractall(folder)
    return folder / NAME


def test_the_same_pages_pack_to_the_same_bytes(site, packed, tmp_path):
    again = pack(site, tmp_path)
    assert again.returncode == 0, again.stderr
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    assert (tmp_path / f"{NAME}.zip.sha256").read_text(encoding="utf-8") == f"{digest}  {NAME}.zip\n"
    assert {path.name for path in tmp_path.iterdir()} == {f"{NAME}.zip", f"{NAME}.zip.sha256"}


def test_the_zip_holds_the_whole_book_and_no_droppings(site, packed):
    names = zipfile.ZipFile(packed).namelist()
    assert names == sorted(names) and all(name.startswith(f"{NAME}/") for name in names)
    assert {f"{NAME}/{page}" for page in [*pages(), "index.html", "search.html"]} <= set(names)
    assert not [name for name in names if "/." in name or name.endswith((".doctree", ".pickle", ".part"))]


def test_a_book_that_was_not_built_is_not_packed(tmp_path):
    done = pack(tmp_path, tmp_path / "out")
    assert done.returncode == 2 and "holds no index.html: build the book first" in done.stderr
    assert not (tmp_path / "out").exists()


def test_every_page_opens_from_the_stick(stick, watched_page):
    """Every page there is, not only the contents: formulas, icons and labs from files alone."""
    found = sorted(path for path in stick.rglob("*.html") if "_static" not in path.parts)
    assert len(found) > len(pages())
    watched = watched_page()
    watched.context.set_offline(True)
    for path in found:
        page = open_page(watched, path.as_uri())
        assert (watched.abroad, watched.errors) == ([], []), path.name
        assert page.title() != ""


def test_a_lab_and_the_search_work_from_the_stick(stick, watched_page):
    watched = watched_page()
    watched.context.set_offline(True)
    page = open_page(watched, (stick / "index.html").as_uri())
    slider = page.locator("[data-ready=true] input[type=range]").first
    said = page.locator("[data-ready=true] canvas").first
    before = said.get_attribute("aria-label")
    slider.press("ArrowRight")
    settle(page)
    assert said.get_attribute("aria-label") != before

    page.goto(f"{(stick / 'search.html').as_uri()}?q=autoencoder")
    hit = page.locator("#search-results li a").first
    hit.click()
    page.locator("article mark, article .highlighted, article h1").first.wait_for()
    assert page.url.startswith(stick.as_uri()) and "search.html" not in page.url
    assert (watched.abroad, watched.errors) == ([], [])
