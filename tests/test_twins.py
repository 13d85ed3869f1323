"""The record of chapter 6's twins: made by the page's own cells, and complete."""

import json

import torch
import twins


def test_the_pages_cells_train_and_measure_a_pair(digits):
    names = twins.page()
    small = digits.first(256, 128)
    names |= {"images": small, "x": small.test.flatten(1) / 255, "labels": small.test_labels}
    names |= {"library": small.train.flatten(1) / 255, "answers": small.train_labels}
    first, second = names["draw_pairs"](3)
    assert len(first) == len(second) == 1000
    assert (small.test_labels[first] != small.test_labels[second]).all()
    measured = twins.measure(names, seed=3, epochs=1)
    for rows in measured.values():
        assert tuple(rows) == names["ROUTES"]
        assert all(len(values) == 3 and torch.tensor(values).isfinite().all() for values in rows.values())
    assert measured == twins.measure(names, seed=3, epochs=1)


def test_the_record_has_five_pairs():
    record = json.loads(twins.PATH.read_text(encoding="utf-8"))
    assert record["seeds"] == [0, 1, 2, 3, 4]
    assert [tuple(table) for table in record["rows"]] == [("autoencoder", "VAE")] * 5
    assert all(
        tuple(rows) == ("ends", "pixels", "lerp", "slerp", "centred")
        for table in record["rows"]
        for rows in table.values()
    )
