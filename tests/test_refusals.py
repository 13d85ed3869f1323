"""The table of refusals: measured as it says, and shown as it was measured."""

import json

import pytest
import refusals


@pytest.fixture(scope="module")
def short():
    return refusals.measure(scale=0.03)


def test_this_book_accepts_nothing(short):
    rows = [row for part in short.values() for row in part.values()]
    assert len(rows) == 8 and all(row["this book"] == 0 for row in rows)


def test_what_the_others_accept(short):
    assert short["weights"]["one bit flipped"]["tried"] == 30
    for reader in ("torch.load", "safetensors"):
        assert short["weights"]["one bit flipped"][reader] >= 25
        assert short["weights"]["cut short"][reader] == 0
    assert short["data"]["one pixel changed"]["torchvision"] == short["data"]["one pixel changed"]["tried"] == 9
    assert short["data"]["450 labels for 500 images"]["torchvision"] == 1


def test_the_page_shows_the_full_run():
    result = json.loads((refusals.RESULTS / "refusals.json").read_text(encoding="utf-8"))
    assert (refusals.RESULTS / "refusals.md").read_text(encoding="utf-8") == refusals.as_markdown(result)
    assert [row["tried"] for row in result["weights"].values()] == [1000, 300, 100]
    assert result["data"]["one pixel changed"]["tried"] == 300
    assert all(row["this book"] == 0 for part in ("weights", "data") for row in result[part].values())
