"""The record of chapter 1's networks: made by the page's own cells, and complete."""

import json

import maps
import torch


def test_the_pages_cells_measure_a_network_and_a_run_is_gone_on_with(digits, tmp_path):
    names = maps.page()
    assert torch.is_grad_enabled()  # for the tests that follow
    small = digits.first(256, 128)
    x, other = small.test.flatten(1) / 255, (small.test.flatten(1) / 255).roll(1, 0)
    names |= {
        "x": x,
        "labels": small.test_labels,
        "start": x,
        "end": other,
        "wiped": x * (other < 0.5),
        "grainy": other,
    }
    names |= {"library": small.train.flatten(1) / 255, "answers": small.train_labels}
    for kind in maps.KINDS:
        model = maps.train(kind, 3, 1, small, tmp_path)
        measured = maps.measure(names, model)
        assert torch.tensor(list(measured.values())).isfinite().all()
        assert ("ten bell curves, readable, %" in measured) == kind.endswith("10")
        assert measured == maps.measure(names, maps.train(kind, 3, 1, small, tmp_path))


def test_the_record_has_five_networks_of_each_kind():
    record = json.loads(maps.PATH.read_text(encoding="utf-8"))
    assert list(record["rows"]) == list(maps.KINDS)
    for runs in record["rows"].values():
        assert list(runs) == [str(seed) for seed in range(maps.SEEDS)]
        assert all(list(run) == list(runs["0"]) for run in runs.values())
