"""ElboLab as published, in Chromium: its numbers are PyTorch's, and everything on it can be taken hold of."""

import math
import re

import pytest
from screen import HEAD, READY, choose, drag, knob, set_slider, words

from vae_core.labs.bundle import bundle
from vae_core.labs.elbo import ElboLab

PLACES = [(1.0, -0.5, 1.2), (-3.0, 2.0, 0.05), (2.0, 1.35, 0.2), (0.25, -3.0, 2.0), (3.0, 0.0, 0.6)]


@pytest.fixture
def page(labs, watched_page, tmp_path):
    (tmp_path / "page.html").write_text(HEAD + labs[ElboLab].html, encoding="utf-8")
    watched = watched_page()
    watched.page.goto((tmp_path / "page.html").as_uri())
    watched.page.wait_for_selector(READY)
    yield watched.page
    assert not watched.abroad and not watched.errors


def move(page, name, value):
    set_slider(page.get_by_role("slider", name=name), value)


def numbers(page):
    """log p(x), the ELBO and KL, as the lab's words have them."""
    found = re.search(r"log p\(x\) (\S+) is the ELBO, (\S+), plus KL from q to the posterior, (\S+) nats", words(page))
    assert found
    return [float(text.replace("−", "-")) for text in found.groups()]


def slider_value(page, name):
    return float(page.get_by_role("slider", name=name).input_value())


@pytest.mark.parametrize("decoder", [0, 1, 2])
def test_the_browser_integrates_as_pytorch_does(page, decoder):
    """The shipped module's own numbers, to 1e-9, and what the page shows of them."""
    choose(page.get_by_role("combobox", name="Decoder"), decoder)
    lab = ElboLab()
    lab.controls["decoder"].index = decoder
    theirs = page.evaluate(
        """async ({ module, decoder, places }) => {
            const { DECODERS, measure } =
                await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
            return places.map(place => measure(DECODERS[decoder], ...place)) }""",
        {
            "module": bundle("host.mjs", lab.module) + "\nexport { DECODERS, measure };",
            "decoder": decoder,
            "places": PLACES,
        },
    )
    for place, found in zip(PLACES, theirs, strict=True):
        for name, label, value in zip(("x", "mean", "std"), ("Observed x", "q's mean", "q's std"), place, strict=True):
            lab.controls[name].value = value
            move(page, label, value)
        ours = lab.answer()
        for here, there in {
            "log_marginal": "evidence",
            "elbo": "elbo",
            "gap": "gap",
            "rate": "rate",
            "distortion": "distortion",
        }.items():
            assert found[there] == pytest.approx(ours[here], abs=1e-9)
        assert numbers(page) == pytest.approx([ours["log_marginal"], ours["elbo"], ours["gap"]], abs=5.1e-4)


def test_the_posterior_closes_the_gap(page):
    move(page, "q's mean", 0.8)
    move(page, "q's std", 0.6)
    evidence, elbo, gap = numbers(page)
    assert gap == 0 and elbo == evidence == pytest.approx(-0.5 * math.log(2 * math.pi) - 0.5, abs=5.1e-4)
    move(page, "Observed x", 2)
    assert numbers(page)[2] > 0.5 and numbers(page)[0] < evidence


def test_q_and_x_can_be_dragged(page):
    box = page.locator("canvas").bounding_box()
    unit = math.floor(0.63 * math.floor(box["width"])) / 8
    for _ in range(2):  # from where it is, and from where it came to be
        before = slider_value(page, "q's mean")
        x, y = knob(page)
        drag(page, (x + 6, y - 5), (x + 6 + 0.5 * unit, y + 80))
        assert slider_value(page, "q's mean") == pytest.approx(before + 0.5, abs=0.051)
    mean, std = slider_value(page, "q's mean"), slider_value(page, "q's std")
    x, y = knob(page, 1)
    drag(page, (x, y), (x - 0.7 * unit, y))
    assert (
        slider_value(page, "q's std") == pytest.approx(std - 0.7, abs=0.051) and slider_value(page, "q's mean") == mean
    )
    x, y = knob(page, 2)
    across = math.floor(box["width"]) - 1 - 10 - (1 + 8 * unit + 28 + 10)
    drag(page, (x, y), (x + across / 6, y))
    assert slider_value(page, "Observed x") == 2


def test_the_width_of_q_is_in_reach_where_q_leaves_the_picture(page):
    move(page, "q's mean", 3)
    move(page, "q's std", 2)
    box = page.locator("canvas").bounding_box()
    unit = math.floor(0.63 * math.floor(box["width"])) / 8
    x, y = knob(page, 1)
    drag(page, (x, y), (x - 0.5 * unit, y))
    assert slider_value(page, "q's std") == pytest.approx(1.5, abs=0.051) and slider_value(page, "q's mean") == 3


def test_where_there_is_nothing_to_drag_nothing_moves(page):
    box = page.locator("canvas").bounding_box()
    before = words(page)
    drag(page, (box["x"] + 200, box["y"] + 400), (box["x"] + 400, box["y"] + 400))
    assert words(page) == before
