"""A lab that was saved and sent: one file, opened from a folder by somebody with nothing else, and no network."""

import pytest
import torch
from axe import violations
from built import ROOT, wait_until_ready
from screen import looks, rest, settle, wait_for_change

from vae_core import VAE
from vae_core.labs import PosteriorLab

TITLE = "Zoë's <b>digits</b> & 50 % noise"
COLOURS = ("text-base", "text-muted", "background", "border", "primary")


@pytest.fixture(scope="module")
def saved(tmp_path_factory, digits):
    """The page of a reader's own model, in a folder with a name such as people give."""
    torch.manual_seed(0)
    lab = PosteriorLab(VAE(hidden_dims=(16,), latent_dim=3), digits)
    lab.controls["shift"].value = 1.5
    path = tmp_path_factory.mktemp("für Zoë") / "my lab.html"
    lab.save(path, TITLE)
    assert [found.name for found in path.parent.iterdir()] == ["my lab.html"], "one file, and nothing beside it"
    return path


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (375, "light"), (375, "dark")], ids="{0[0]} {0[1]}".format)
def opened(request, saved, watched_page):
    width, theme = request.param
    watched = watched_page(width=width, theme=theme)
    watched.page.goto(saved.as_uri())
    wait_until_ready(watched.page)
    return watched


def test_a_saved_lab_works_alone(opened):
    """The slider moves the picture, the page fits, nothing is asked for and nothing goes wrong."""
    page = opened.page
    assert page.title() == page.locator("h1").inner_text() == TITLE
    lab, slider = page.locator(".vae-lab"), page.get_by_role("slider", name="Shift of the mean")
    assert float(slider.input_value()) == 1.5, "it begins where the controls stood"
    before = looks(lab)
    slider.press("Home")
    wait_for_change(lab, before)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert (opened.abroad, opened.errors) == ([], [])
    address = page.url.split("#")[0]  # where the state comes to stand, when the hand has come to rest
    assert [answer.url for answer in opened.responses if not answer.url.startswith("data:")] == [address]


def test_axe_finds_nothing_in_a_saved_lab(opened):
    rest(opened.page)
    found, passed = violations(opened.page)
    assert found == [] and passed > 15


def test_a_saved_lab_has_the_books_colours_and_follows_the_system(saved, watched_page):
    """The same ones, light and dark, and the canvas with them when the system changes."""
    book = (ROOT / "_static" / "book.css").read_text(encoding="utf-8")
    page = watched_page(theme="light").page
    page.goto(saved.as_uri())
    wait_until_ready(page)
    seen = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        rest(page)
        settle(page)
        ours = book.split(f'html[data-theme="{theme}"] {{')[1].split("}")[0]
        for name in COLOURS:
            theirs = page.evaluate(f"getComputedStyle(document.body).getPropertyValue('--pst-color-{name}')")
            assert f"--pst-color-{name}: {theirs.strip()};" in ours, (theme, name, theirs)
        seen.append(looks(page.locator(".vae-lab")))
    assert seen[0] != seen[1], "the canvas kept the colours of the day"
