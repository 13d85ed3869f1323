"""The built book, for every test that opens its pages: which there are, and when one has settled."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"


def pages():
    """Every page of the table of contents, as a path in the built book."""

    def files(entry):
        if isinstance(entry, dict):
            yield from (entry[key] for key in ("root", "file") if key in entry)
            entry = list(entry.values())
        if isinstance(entry, list):
            for child in entry:
                yield from files(child)

    return [f"{name}.html" for name in files(yaml.safe_load((ROOT / "_toc.yml").read_text()))]


every_page = pytest.mark.parametrize("name", pages())


def settle(page):
    """Wait until every lab has drawn its first frame and every picture is there, those further down too."""
    page.wait_for_function("[...document.querySelectorAll('[data-ready]')].every(lab => lab.dataset.ready === 'true')")
    page.wait_for_function("[...document.images].every(image => image.complete)")


def open_page(watched, url):
    watched.page.goto(url)
    settle(watched.page)
    return watched.page
