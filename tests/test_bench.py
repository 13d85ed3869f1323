"""The benchmark itself: it measures what it says, and says so where it measured nothing."""

import json

import bench
import presets
import pytest
import torch
from PIL import Image

from vae_core import TrainConfig
from vae_core.data import to_pixels
from vae_core.metrics import evaluate


@pytest.fixture
def small(digits):
    return digits.first(256, 64)


def test_both_loops_see_the_same_pixels(small):
    served = bench.OneByOne(small.train, small.train_labels)
    image, label = served[5]
    torch.testing.assert_close(image.flatten(), to_pixels(small.train)[5])
    assert label == small.train_labels[5]
    assert len(served) == 256


CPU = torch.device("cpu")
CONFIG = TrainConfig(epochs=5, batch_size=64, device="cpu")
CYCLE = TrainConfig(epochs=2, batch_size=64, device="cpu", lr=5e-3, schedule="one-cycle")


def test_the_textbook_network_is_the_preset(small):
    textbook = bench.Textbook(small, CONFIG, CPU)
    x = to_pixels(small.test)
    _, mean, log_var = textbook.model(x)
    torch.testing.assert_close((mean, log_var), textbook.twin.encode(x))
    z = torch.randn(64, 20)
    pixels = torch.sigmoid(textbook.model.pixels(torch.relu(textbook.model.widen(z))))
    torch.testing.assert_close(pixels, torch.sigmoid(textbook.twin.decode(z)))


def test_both_start_from_the_same_weights_and_are_measured_with_the_same_noise(small):
    config = TrainConfig(batch_size=64, device="cpu", seed=3)
    textbook, ours = bench.Textbook(small, config, CPU), bench.Ours(small, config)
    assert textbook.test_loss() == -float(evaluate(ours.run.model, small.test, seed=3).elbo)


class Clock:
    """An arm that only counts."""

    def __init__(self, epochs, calls, name):
        self.epochs, self.calls, self.name = epochs, calls, name

    def epoch(self):
        self.calls.append(self.name)
        return 1.0

    def test_loss(self):
        return None


def test_those_with_fewer_epochs_take_theirs_evenly_among_the_rest():
    calls = []
    rows = bench.take_turns({name: Clock(n, calls, name) for name, n in {"a": 10, "b": 4}.items()}, lambda _: None)
    assert "".join(calls) == "ab" + "a" + "ab" + "aa" + "ab" + "a" + "ab" + "aa"
    assert rows["b"] == {"seconds": [1.0] * 4, "−ELBO": []}


def test_turns_are_taken_and_all_learn(small, capsys, monkeypatch):
    monkeypatch.setattr(bench, "SEEDS", (0, 7))
    raw = bench.race(small, CONFIG, CYCLE)
    assert {seed: set(rows) for seed, rows in raw.items()} == {
        0: {"textbook", "fit one-cycle", "fit", "fit in bf16", "floor"},
        7: {"textbook", "fit one-cycle"},
    }
    for rows in raw.values():
        for name, row in rows.items():
            assert len(row["seconds"]) == (2 if name == "fit one-cycle" else 5) and min(row["seconds"]) > 0
            if name != "floor":
                assert len(row["−ELBO"]) == len(row["seconds"]) and row["−ELBO"][-1] < row["−ELBO"][0]
    assert raw[0]["textbook"]["−ELBO"] != raw[7]["textbook"]["−ELBO"]
    assert "turn  5" in capsys.readouterr().out
    figures = bench.summarize(raw, small)
    assert figures["fit, images/s"] == [256 / seconds for seconds in raw[0]["fit"]["seconds"]]
    assert figures["textbook test −ELBO"] == [raw[seed]["textbook"]["−ELBO"][-1] for seed in (0, 7)]


def test_the_time_to_a_quality_is_that_of_the_first_epoch_that_has_it():
    row = {"seconds": [2.0, 3.0, 4.0], "−ELBO": [120.0, 105.0, 105.5]}
    assert [bench.seconds_until(row, target) for target in (130, 105.5, 105, 104)] == [2.0, 5.0, 5.0, None]


@pytest.mark.parametrize(("reached", "ratios"), [(105.0, [5.0, 4.0]), (105.6, None)])
def test_both_arms_race_for_the_textbooks_last_elbo(reached, ratios, small, monkeypatch):
    def row(seconds, losses):
        return {"seconds": seconds, "−ELBO": losses}

    textbook, both = row([10.0, 10.0], [110.0, 105.5]), row([2.0, 2.0], [120.0, 105.5])
    first = dict.fromkeys(("fit", "fit in bf16", "floor"), both) | {"textbook": textbook, "fit one-cycle": both}
    second = {"textbook": textbook, "fit one-cycle": row([2.0, 3.0], [115.0, reached])}
    monkeypatch.setattr(bench, "SEEDS", (0, 1))
    assert bench.summarize({0: first, 1: second}, small).get(bench.SOONER) == ratios


def test_the_floor_is_every_product_of_a_step(small):
    model = presets.get_preset("classic-400-20").build()
    floor = bench.Floor(model, small, CONFIG, CPU)
    flops = sum(2 * left.shape[0] * left.shape[1] * right.shape[0] for left, right in floor.products)
    weights = [784 * 400, 400 * 40, 20 * 400, 400 * 784]
    assert flops == 2 * 64 * (3 * sum(weights) - weights[0])


def test_start_up_and_memory_are_of_the_child_alone():
    figures = bench.start_up("cpu", runs=1)
    assert len(figures["start-up, s"]) == 1 and figures["start-up, s"][0] > 0
    assert 20 < figures["peak memory, MB"][0] < 2000


def test_what_was_not_measured_says_so():
    machine = {"device": "a", "threads": 2, "torch": "2", "python": "3"}
    result = {
        "figures": {"fit / floor": [1.5, 1.25, 1.0], "test −ELBO": [105.0]},
        "machine": machine,
        "data": "x",
        "config": {"seed": 0},
        "date": "d",
    }
    text = bench.table({"cpu": result})
    assert "| fit / floor | 1.25, 1.00 to 1.50 (asked: at most 1.8) | not measured |" in text
    assert "| textbook / fit | not measured (asked: at least 3.5) | not measured (asked: at least 60) |" in text
    assert f"| {bench.SOONER} | not measured (asked: at least 8, 6 on a busy machine) | not measured |" in text
    assert "| test −ELBO | 105.00 (asked: at most 106.0) |" in text


def test_the_chart_shows_every_seed_and_the_line(tmp_path):
    row = {"seconds": [1.0, 2.0], "−ELBO": [120.0, 105.0]}
    raw = {seed: {"textbook": row, "fit one-cycle": row} for seed in bench.SEEDS}
    raw[0]["fit"] = row
    bench.plot(raw, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as chart:
        assert chart.size == (780, 510)  # letters that a phone can show


def test_the_page_shows_what_was_measured():
    found = [bench.RESULTS / f"{device}.json" for device in ("cpu", "cuda")]
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found if path.exists()}
    assert (bench.RESULTS / "table.md").read_text(encoding="utf-8") == bench.table(results)
