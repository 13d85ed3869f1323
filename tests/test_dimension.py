"""The record of chapter 5's networks: complete, and made by the settings that the script has now; a run that was stopped goes on."""

import json
import sys

import dimension
import pytest
import records


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["dimension.py", *map(str, arguments)])
    dimension.main()


@pytest.fixture
def trained(monkeypatch, digits):
    """Which systems and seeds are trained, in order; nothing is."""
    done = []

    def train(system, seed, images):
        done.append((system.preset, seed))
        return {"cost": 100.0 + seed, "active": 2}

    monkeypatch.setattr(dimension.System, "train", train)
    monkeypatch.setattr(dimension, "load_images", lambda name: digits)
    return done


def test_the_record_is_of_these_systems_and_complete():
    rows = json.loads(dimension.PATH.read_text(encoding="utf-8"))["rows"]
    assert set(rows) == set(dimension.SYSTEMS)
    for name, system in dimension.SYSTEMS.items():
        assert system.row(rows[name]) == rows[name], "made by other settings"
        assert [*rows[name]["runs"]] == [str(seed) for seed in range(system.seeds)]


def test_a_system_is_trained_and_measured(digits):
    small = dimension.System("vae-2", epochs=1, images=256)
    found = small.train(0, digits)
    assert found == small.train(0, digits)
    assert found["active"] in (0, 1, 2)
    assert found["cost"] == pytest.approx(found["rate"] + found["distortion"], abs=2e-3)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, trained, monkeypatch):
    path = tmp_path / "record.json"
    call(monkeypatch, "--record", path, "vae-2")
    assert trained == [("vae-2", 0), ("vae-2", 1), ("vae-2", 2)]
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["rows"]["vae-2"]["runs"]["1"]
    path.write_text(json.dumps(record), encoding="utf-8")
    trained.clear()
    call(monkeypatch, "--record", path, "vae-2")
    assert trained == [("vae-2", 1)]


def test_runs_of_other_settings_are_trained_anew(tmp_path, trained, monkeypatch):
    path = tmp_path / "record.json"
    call(monkeypatch, "--record", path, "vae-2")
    trained.clear()
    monkeypatch.setitem(dimension.SYSTEMS, "vae-2", dimension.System("vae-2", 3, epochs=6))
    call(monkeypatch, "--record", path, "vae-2")
    assert len(trained) == 3


def test_when_nothing_is_to_do_the_record_stays_as_it_is(tmp_path, trained, monkeypatch):
    path = tmp_path / "record.json"
    call(monkeypatch, "--record", path, "vae-2")
    before = path.read_bytes()
    monkeypatch.setattr(records, "machine", lambda device: {"device": "another"})
    call(monkeypatch, "--record", path, "vae-2")
    assert path.read_bytes() == before


def test_a_system_that_there_is_not_names_those_that_there_are(trained, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call(monkeypatch, "vae-3")
    assert "no system is named 'vae-3'; choose of: vae-2; vae-2, larger network" in capsys.readouterr().err
