"""The record of chapter 8's family: complete, made by the settings that the script has now, and of the weights that ship."""

import json
import sys
from itertools import pairwise

import family
import pytest
import records
import torch

from vae_core import load_pretrained
from vae_core.presets import BETAS


@pytest.fixture(scope="module")
def record():
    return json.loads(family.PATH.read_text(encoding="utf-8"))


NOISE = 1.0  # nats: what longer training, or another seed, may still gain
DEAD = 0.01  # nats: a unit that carries less


@pytest.fixture
def rows(record):
    return {(start, seed): row for start, seeds in record["rows"].items() for seed, row in seeds.items()}


def test_the_record_is_of_these_settings_and_complete(record):
    assert record["settings"] == family.settings(), "made by other settings"
    assert record["protocol"] == family.PROTOCOL
    assert {name: [*seeds] for name, seeds in record["rows"].items()} == {
        name: [str(seed) for seed in range(start.seeds)] for name, start in family.STARTS.items()
    }
    for name, seeds in record["rows"].items():
        for row in seeds.values():
            assert set(row) == {str(beta) for beta in family.STARTS[name].betas}


def test_a_row_agrees_with_itself(rows):
    """The rate is the sum of what the units carry, and KL(q ‖ p) ≥ ½ mean²: a mean that varies costs no less."""
    for row in rows.values():
        for run in row.values():
            assert len(run["units"]) == 10
            assert run["rate"] == pytest.approx(sum(run["units"]), abs=2e-3)
            assert run["active"] <= sum(unit >= 0.005 for unit in run["units"])
            assert run["active"] == 0 or run["hidden"] > 0


def test_a_higher_price_buys_less_rate_and_more_distortion(rows):
    """But for two steps with a part made fresh: ten epochs do not bring that to where the network at 1.8 has come by its path."""
    dearer = []
    for (start, seed), row in rows.items():
        for before, after in pairwise(beta for beta in BETAS if str(beta) in row):
            low, high = row[str(before)], row[str(after)]
            if not (high["rate"] < low["rate"] + NOISE and high["distortion"] > low["distortion"] - NOISE):
                dearer.append((start, seed, before, after))
    assert set(dearer) == {("down-fresh-decoder", "1", 1, 1.8), ("down-fresh-heads", "1", 1, 1.8)}


def loss(run, beta):
    return run["distortion"] + beta * run["rate"]


def test_each_cold_network_is_the_best_of_its_seed_for_the_price_that_it_was_trained_at(record):
    for row in record["rows"]["cold"].values():
        for beta in BETAS:
            assert loss(row[str(beta)], beta) < min(loss(run, beta) for run in row.values()) + NOISE


def test_on_the_way_up_those_die_that_carry_least_and_none_comes_back(record):
    for row in record["rows"]["up"].values():
        for before, after in pairwise(BETAS):
            steps = [*zip(row[str(before)]["units"], row[str(after)]["units"], strict=True)]
            dying = [was for was, now in steps if was >= DEAD > now]
            living = [was for was, now in steps if now >= DEAD]
            assert max(dying, default=0) < min(living, default=100)
            assert not any(was < DEAD <= now for was, now in steps)


def test_units_that_the_cold_networks_have_lost_are_still_dying_on_the_way_up(record):
    """At 5.6 more of them live, at a higher loss; of the same network trained three times as long neither is so high."""
    rows = record["rows"]
    for seed, up in rows["up"].items():
        cold, longer = rows["cold"][seed]["5.6"], rows["up-longer"][seed]["5.6"]
        assert up["5.6"]["active"] > longer["active"] > cold["active"]
        assert loss(up["5.6"], 5.6) > loss(cold, 5.6) + 0.5
        assert loss(longer, 5.6) == pytest.approx(loss(cold, 5.6), abs=0.5)


def test_units_come_back_where_dead_relus_are_made_fresh_or_cannot_be(record):
    rows = record["rows"]
    for seed in map(str, range(3)):
        assert rows["down"][seed]["0.01"]["active"] <= 2
        assert rows["down-fresh-decoder"][seed]["1"]["active"] <= 3
        assert rows["down-softplus"][seed]["1"]["active"] >= 8
        assert rows["down-softplus"][seed]["0.01"]["active"] == 10
        assert rows["down-fresh-heads"][seed]["1"]["active"] <= 5
        for path in ("leap", "leap-fresh-decoder", "leap-fresh-heads"):
            assert rows[path][seed]["1"]["active"] <= 7
        for path in ("down-fresh-encoder", "down-revived", "leap-fresh-encoder", "leap-revived", "leap-fresh-both"):
            assert rows[path][seed]["1"]["active"] == 10


def test_the_weights_that_ship_are_the_cold_ones_of_seed_0(record):
    for beta, run in record["rows"]["cold"]["0"].items():
        shipped = load_pretrained(f"beta-{beta}")
        assert {name: shipped.record[name] for name in ("beta", "seed")} == {"beta": float(beta), "seed": 0}
        both = shipped.record.keys() & record["settings"].keys() - {"model"}
        assert len(both) >= 10
        assert all(shipped.record[name] == record["settings"][name] for name in both)
        assert shipped.record["test_rate"] == pytest.approx(run["rate"], abs=0.01)
        assert shipped.record["test_distortion"] == pytest.approx(run["distortion"], abs=0.01)


# --- the script ---


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["family.py", *map(str, arguments)])
    family.main()


PATHS = {
    "cold": family.Start((1, 2, 4), taken=(), after=None, seeds=2),
    "up": family.Start((1, 2, 4), seeds=1),
    "down": family.Start((4, 2, 1), seeds=1),
    "down-fresh-encoder": family.Start((2, 1), taken=("decoder",), after="down", seeds=1),
    "down-softplus": family.Start((4, 2), after=None, activation="softplus", seeds=1),
}
OF_UP, OF_DOWN = [(1, 0, 2), (2, 0, 4)], [(4, 0, 2), (2, 0, 1)]
OF_OTHERS = [("fresh", 0, 1), ("fresh", 0, 4), (4, 0, 2)]  # the weight that says β is of the encoder
OF_COLD = [("fresh", 1, beta) for beta in (1, 2, 4)]
EVERYTHING = [*OF_UP, *OF_DOWN, *OF_OTHERS, *OF_COLD]


@pytest.fixture
def trained(monkeypatch, digits, tmp_path):
    """Which networks are trained, in order: start by what a weight says, seed and β. Nothing is: that weight becomes β."""
    done = []

    def fit(model, images, config, progress):
        weight = next(model.parameters()).data.view(-1)
        before = weight[0].item()
        done.append((before if before >= 1 else "fresh", config.seed, config.beta))
        weight[0] = config.beta

    def load_pretrained(name):
        model = family.get_preset(name).build()
        next(model.parameters()).data.view(-1)[0] = float(name.removeprefix("beta-"))
        return model

    monkeypatch.setattr(family, "fit", fit)
    monkeypatch.setattr(family, "load_pretrained", load_pretrained)
    monkeypatch.setattr(family, "load_images", lambda name: digits)
    monkeypatch.setattr(family, "measure", lambda model, images: {"rate": 1.0})
    monkeypatch.setattr(family, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(family, "STARTS", PATHS)
    return done


def test_cold_ones_begin_fresh_and_warm_ones_with_their_neighbour(trained, monkeypatch, tmp_path):
    call(monkeypatch, "--record", tmp_path / "record.json")
    assert trained == EVERYTHING
    rows = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))["rows"]
    assert {start: {seed: [*row] for seed, row in seeds.items()} for start, seeds in rows.items()} == {
        "cold": {"0": ["1", "2", "4"], "1": ["1", "2", "4"]},
        "up": {"0": ["1", "2", "4"]},
        "down": {"0": ["4", "2", "1"]},
        "down-fresh-encoder": {"0": ["2", "1"]},
        "down-softplus": {"0": ["4", "2"]},
    }


def test_one_start_alone_is_trained(trained, monkeypatch, tmp_path):
    call(monkeypatch, "--record", tmp_path / "record.json", "down")
    assert trained == OF_DOWN
    assert [*json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))["rows"]] == ["down"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_that_was_stopped_goes_on_where_it_was(kept, trained, monkeypatch, tmp_path):
    path = tmp_path / "record.json"
    call(monkeypatch, "--record", path)
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["rows"]["up"]["0"]["4"]
    path.write_text(json.dumps(record), encoding="utf-8")
    if kept:
        (tmp_path / "runs" / "up-0" / "beta-4.safetensors").unlink()
    else:  # on another machine: the networks that it begins with are trained again, their rows stay
        monkeypatch.setattr(family, "RUNS", tmp_path / "elsewhere")
    trained.clear()
    call(monkeypatch, "--record", path)
    assert trained == ([OF_UP[1]] if kept else OF_UP)
    assert [*json.loads(path.read_text(encoding="utf-8"))["rows"]["up"]["0"]] == ["1", "2", "4"]


def test_networks_and_rows_of_other_settings_are_made_anew(trained, monkeypatch, tmp_path):
    path = tmp_path / "record.json"
    call(monkeypatch, "--record", path)
    trained.clear()
    monkeypatch.setattr(family, "settings", lambda: {"model": "another"})
    call(monkeypatch, "--record", path)
    assert trained == EVERYTHING


def test_when_nothing_is_to_do_the_record_stays_as_it_is(trained, monkeypatch, tmp_path):
    path = tmp_path / "record.json"
    call(monkeypatch, "--record", path)
    before = path.read_bytes()
    monkeypatch.setattr(records, "machine", lambda device: {"device": "another"})
    call(monkeypatch, "--record", path)
    assert path.read_bytes() == before


def test_a_start_that_there_is_not_names_those_that_there_are(trained, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call(monkeypatch, "warm")
    assert "no start is named 'warm'; choose of: cold; up; down; down-fresh-encoder" in capsys.readouterr().err


def test_a_network_is_measured_unit_by_unit(digits):
    small = digits.padded(28).first(256, 200)
    found = family.measure(family.get_preset("beta-1").build(0), small)
    assert found["rate"] == pytest.approx(sum(found["units"]), abs=2e-3)
    assert len(found["units"]) == 10 and 0 <= found["active"] <= 10


@pytest.mark.parametrize("part", family.PARTS)
def test_the_part_that_is_not_taken_over_is_fresh(part, trained, monkeypatch, digits):
    monkeypatch.setattr(family, "load_pretrained", lambda name: family.get_preset(name).build(7))
    monkeypatch.setattr(family, "fit", lambda *arguments, **options: None)
    taken = tuple(each for each in family.PARTS if each != part)
    monkeypatch.setitem(family.STARTS, "leap", family.Start((4, 1), taken=taken))
    model = family.network("leap", 0, 1, digits).state_dict()
    fresh, before = (family.get_preset("beta-1").build(seed).state_dict() for seed in (0, 7))
    assert {name.startswith(part) for name in model} == {True, False}
    for name, value in model.items():
        assert torch.equal(value, (fresh if name.startswith(part) else before)[name]), name


def test_of_a_revived_network_dead_hidden_units_alone_are_fresh(trained, monkeypatch, digits):
    small = digits.padded(28).first(256, 200)
    before = family.get_preset("beta-1").build(7)
    before.encoder.layers[0].bias.data[2:] = -1e6
    monkeypatch.setattr(family, "load_pretrained", lambda name: before)
    monkeypatch.setattr(family, "fit", lambda *arguments, **options: None)
    monkeypatch.setitem(family.STARTS, "leap", family.Start((4, 1), revived=True))
    model = family.network("leap", 0, 1, small).state_dict()
    fresh, taken = family.get_preset("beta-1").build(0).state_dict(), before.state_dict()
    for name, value in model.items():
        kept = 2 if name.startswith("encoder.layers.0.") else len(value)
        assert torch.equal(value[:kept], taken[name][:kept]) and torch.equal(value[kept:], fresh[name][kept:]), name


def test_hidden_units_that_say_the_same_of_every_image_are_not_counted(digits):
    small = digits.padded(28).first(256, 200)
    model = family.get_preset("beta-1").build(0)
    assert family.measure(model, small)["hidden"] > 40
    model.encoder.layers[0].bias.data[2:] = -1e6
    assert family.measure(model, small)["hidden"] == 2
