"""The record of chapter 6's twins: made by the page's own cells, and complete."""

import json
from types import SimpleNamespace

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


def test_what_is_there_is_not_measured_again(monkeypatch, tmp_path):
    path, asked = tmp_path / "again.json", []
    path.write_text(json.dumps({"rows": ["as it was", "this too"]}), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["twins.py", "--record", str(path)])
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(twins, "page", lambda: {"images": SimpleNamespace(name="mnist")})
    monkeypatch.setattr(twins, "measure", lambda _, seed, __: asked.append(seed) or f"of seed {seed}")
    twins.main()
    record = json.loads(path.read_text(encoding="utf-8"))
    assert asked == [2, 3, 4] and record["seeds"] == [0, 1, 2, 3, 4]
    assert record["rows"] == ["as it was", "this too", "of seed 2", "of seed 3", "of seed 4"]
