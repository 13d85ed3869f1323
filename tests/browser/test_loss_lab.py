"""LossLab in a browser: the losses that were found set the controls, and a hand on one of them makes the loss one's own."""

import pytest
from screen import choose, drag, knob, set_slider, settle, tiles, unfold, words

from vae_core.accounting import FOUND
from vae_core.labs import LossLab
from vae_core.labs.loss import BEGIN, settings


@pytest.fixture
def page(labs, open_living):
    page = open_living(labs[LossLab].html)
    unfold(page)
    return page


def stands(page):
    """Every control's word, by its name."""
    return page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('.vae-lab-controls [data-control]')].map(row => [row.dataset.control,
            row.querySelector('select')?.selectedOptions[0].textContent ?? row.querySelector('.vae-lab-value').textContent]))"""
    )


def read(page, index):
    choose(page.get_by_role("combobox", name="Read"), index)
    settle(page)


def test_each_found_loss_sets_the_controls_and_says_who_got_what(page):
    assert stands(page) == {"found": BEGIN, **settings(FOUND[BEGIN].loss)}
    for index, (name, found) in enumerate(FOUND.items(), 1):
        read(page, index)
        assert stands(page) == {"found": name, **settings(found.loss)}
        assert all(line in words(page) for line in found.loss.code().splitlines())
        assert found.got in page.locator(".vae-lab-notes").inner_text()


def test_a_hand_on_another_control_makes_it_ones_own(page):
    read(page, 3)
    choose(page.get_by_role("combobox", name="Error over"), 1)
    settle(page)
    assert stands(page)["found"] == "your own" and tiles(page)[0] == "1"
    read(page, 4)
    set_slider(page.get_by_role("slider", name="Weight of the KL"), 15)
    settle(page)
    assert stands(page)["found"] == "your own" and tiles(page)[0] == "6,144"
    set_slider(page.get_by_role("slider", name="Weight of the KL"), 4)
    settle(page)
    assert stands(page) == {"found": BEGIN, **settings(FOUND[BEGIN].loss)}
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    settle(page)
    assert stands(page) == {"found": BEGIN, **settings(FOUND[BEGIN].loss)}


def test_nothing_below_moves_when_another_loss_is_read(page):
    heights = set()
    for index in range(7):
        read(page, index)
        heights.add(page.locator(".vae-lab-notes").bounding_box()["height"])
    assert len(heights) == 1


def test_a_phone_shows_every_word_of_a_menu_whole(labs, open_living):
    page = open_living(labs[LossLab].html, width=375, height=667)
    unfold(page)
    cut = page.evaluate(
        """[...document.querySelectorAll('.vae-lab-choice:not(.vae-lab-long) select')].flatMap(select => {
            const pen = document.createElement('canvas').getContext('2d'), style = getComputedStyle(select);
            pen.font = style.font;
            return [...select.options].map(option => option.text).filter(text => pen.measureText(text).width > select.clientWidth - 28);
        })"""
    )
    assert cut == []


def test_an_address_of_a_found_loss_brings_it_back(page, labs, open_living):
    read(page, 6)
    page.wait_for_function("location.hash.length > 1")
    again = open_living(labs[LossLab].html, at=page.evaluate("location.hash"))
    unfold(again)
    assert stands(again) == stands(page)


def test_beta_is_dragged(page):
    read(page, 1)
    place = knob(page)
    decade = (page.locator("canvas").bounding_box()["width"] - 24) / 10
    drag(page, place, (place[0] - 2 * decade, place[1]))
    settle(page)
    assert stands(page)["weight"] == "0.01" and tiles(page)[0] == "0.01" and stands(page)["found"] == "your own"
