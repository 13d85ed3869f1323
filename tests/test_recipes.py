"""What an hour is best spent on: every recipe is tried once, the best two for longer, and the test set has no say."""

import json
import sys
from dataclasses import replace

import pytest
import recipes
import torch

COMMITTED = json.loads(recipes.PATH.read_text(encoding="utf-8"))["rows"]


@pytest.fixture
def tried(monkeypatch):
    """What is measured, in order; the later a recipe stands in the list, the better it is."""
    done = []

    def measure(*recipe):
        done.append(recipe)
        return {"epochs": recipe[1], "nll": 100.0 - len(done), "minutes": 6.0}

    monkeypatch.setattr(recipes, "measure", measure)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    return done


def test_the_best_two_are_tried_for_four_times_as_long_and_what_is_there_is_not_tried_again(
    tried, monkeypatch, tmp_path
):
    path = tmp_path / "again.json"
    monkeypatch.setattr(sys, "argv", ["recipes.py", "--record", str(path)])
    recipes.main()
    *_, second, best = recipes.RECIPES.values()
    assert tried[:-2] == list(recipes.RECIPES.values())
    assert tried[-2:] == [(model, 4 * epochs, settings) for model, epochs, settings in (best, second)]
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert path.with_suffix(".md").read_text(encoding="utf-8") == recipes.as_markdown(rows) + "\n"
    recipes.main()
    assert len(tried) == len(recipes.RECIPES) + 2


def test_a_recipe_is_judged_by_training_images_it_never_saw(digits, monkeypatch):
    seen = {}

    def fit(network, images, config):
        seen["trained"] = images.train

    def judged(network, images, **how):
        seen["judged"] = images
        return -90.0

    monkeypatch.setattr(recipes, "load_images", lambda _: digits)
    monkeypatch.setattr(recipes, "HELD_OUT", 100)
    monkeypatch.setattr(recipes, "fit", fit)
    monkeypatch.setattr(recipes, "log_likelihood", judged)
    model, epochs, settings = recipes.RECIPES["Burda's network"]
    made = recipes.measure({**model, "hidden_dims": [4]}, epochs, settings)
    assert made["nll"] == 90.0 and made["epochs"] == epochs
    assert torch.equal(seen["trained"], digits.train[:-100])
    assert torch.equal(seen["judged"], recipes.drawn_once(digits.train[-100:], 0))


def test_the_committed_record_is_of_these_recipes_and_the_pages_table_is_its():
    tried = [name for name in COMMITTED if not name.endswith(", longer")]
    assert tried == list(recipes.RECIPES)
    first, second = sorted(tried, key=lambda name: COMMITTED[name]["nll"])[:2]
    assert list(COMMITTED)[len(tried) :] == [f"{first}, longer", f"{second}, longer"]
    for name, row in COMMITTED.items():
        recipe = name.removesuffix(", longer")
        assert row["epochs"] == recipes.RECIPES[recipe][1] * (1 if recipe == name else 4)
    table = recipes.PATH.with_suffix(".md").read_text(encoding="utf-8")
    assert table == recipes.as_markdown(COMMITTED) + "\n", "python benchmarks/recipes.py writes it with each recipe"


def test_the_scoreboards_own_row_is_the_recipe_that_won():
    (row,) = (row for row in recipes.ROWS.values() if row.published is None)
    winner = min(COMMITTED, key=lambda name: COMMITTED[name]["nll"]).removesuffix(", longer")
    model, _, settings = recipes.RECIPES[winner]
    assert row.model == model and row.output_bias
    assert row.config == replace(recipes.BURDA.config, epochs=row.config.epochs, **settings)
