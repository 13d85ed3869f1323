"""The benchmark itself: it measures what it says, and says so where it measured nothing."""

import bench
import presets
import pytest
import torch

from vae_core import TrainConfig
from vae_core.data import to_pixels


@pytest.fixture
def small(digits):
    return digits.first(256, 64)


def test_both_loops_see_the_same_pixels(small):
    served = bench.OneByOne(small.train, small.train_labels)
    image, label = served[5]
    torch.testing.assert_close(image.flatten(), to_pixels(small.train)[5])
    assert label == small.train_labels[5]
    assert len(served) == 256


def test_the_textbook_network_is_the_preset(small):
    textbook = bench.Textbook(small, TrainConfig(batch_size=64), torch.device("cpu"))
    x = to_pixels(small.test)
    _, mean, log_var = textbook.model(x)
    torch.testing.assert_close((mean, log_var), textbook.twin.encode(x))
    z = torch.randn(64, 20)
    pixels = torch.sigmoid(textbook.model.pixels(torch.relu(textbook.model.widen(z))))
    torch.testing.assert_close(pixels, torch.sigmoid(textbook.twin.decode(z)))


def test_turns_are_taken_and_both_learn(small, capsys):
    raw = bench.side_by_side(small, TrainConfig(epochs=3, batch_size=64, device="cpu"))
    assert all(len(values) == 3 for values in raw.values())
    assert all(value > 0 for values in raw.values() for value in values)
    for name in ("textbook", "fit", "fit in bf16"):
        assert raw[f"{name} −ELBO"][-1] < raw[f"{name} −ELBO"][0]
    assert "epoch  3" in capsys.readouterr().out
    figures = bench.summarize(raw, small)
    assert figures["fit, images/s"] == pytest.approx(256 / sorted(raw["fit"])[1])


def test_the_floor_is_every_product_of_a_step(small):
    model = presets.get_preset("classic-400-20").build()
    floor = bench.Floor(model, small, 64, torch.device("cpu"))
    flops = sum(2 * left.shape[0] * left.shape[1] * right.shape[0] for left, right in floor.products)
    weights = [784 * 400, 400 * 40, 20 * 400, 400 * 784]
    assert flops == 2 * 64 * (3 * sum(weights) - weights[0])


def test_start_up_and_memory_are_of_the_child_alone():
    figures = bench.start_up("cpu", runs=1)
    assert figures["start-up, s"] > 0
    assert 20 < figures["peak memory, MB"] < 2000


def test_what_was_not_measured_says_so():
    machine = {"device": "a", "threads": 2, "torch": "2", "python": "3"}
    result = {"figures": {"fit / floor": 1.25}, "machine": machine, "data": "x", "config": {"seed": 0}, "date": "d"}
    text = bench.table({"cpu": result})
    assert "| fit / floor | 1.25 (asked: at most 1.8) | not measured |" in text
    assert "| textbook / fit | not measured (asked: at least 3.5) | not measured (asked: at least 60) |" in text
