"""Records of measurements: a script that was stopped goes on, nothing lies there half written, and damage is named."""

import json
import sys

import priors
import pytest
import records

from vae_core import files

WAYS = {"prior": 0.25, "mixture": 0.5}
SCRIPTS = (
    *("collapse", "colour", "conditional", "dimension", "family", "gaps", "likelihoods", "maps", "pixels", "priors"),
    *("recipes", "scales", "twins"),
)


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """As many as before, for the tests that follow."""
    monkeypatch.setattr(records.torch, "set_num_threads", lambda _: None)


def begin(monkeypatch, *arguments, names=("one", "two, or more")):
    monkeypatch.setattr(sys, "argv", ["again.py", *map(str, arguments)])
    return records.begin("What it measures.\nMore.", records.RESULTS / "maps.json", names, "kind")


@pytest.fixture
def measured(monkeypatch):
    """What chapter 8's script measures, in order; it is stopped before the fourth."""
    done = []

    def inventions(beta, seed):
        if len(done) == 3:
            done.append("stopped")
            raise KeyboardInterrupt
        done.append((beta, seed))
        return WAYS

    page = {"inventions": inventions, "load_pretrained": str, "readable": float}
    monkeypatch.setattr(priors, "defined_by", lambda *_: page)
    monkeypatch.setattr(priors, "on_mnist", lambda page: page)
    return done


def test_a_script_that_was_stopped_goes_on_with_what_is_not_there_yet(measured, monkeypatch, tmp_path):
    path = tmp_path / "new" / "again.json"
    monkeypatch.setattr(sys, "argv", ["priors.py", "--record", str(path)])
    with pytest.raises(KeyboardInterrupt):
        priors.main()
    before = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert [len(runs) for runs in before.values()] == [1, 1, 1]
    priors.main()
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    every = [(f"beta-{beta}", seed) for seed in range(priors.SEEDS) for beta in priors.BETAS]
    assert measured == [*every[:3], "stopped", *every[3:]]
    assert list(rows) == [str(beta) for beta in priors.BETAS]
    assert all(list(runs) == [str(seed) for seed in range(priors.SEEDS)] for runs in rows.values())


def test_what_fails_while_it_is_written_leaves_the_record_as_it_was(monkeypatch, tmp_path):
    path = tmp_path / "again.json"
    records.write(path, "maps", "so", rows={"a": 1})
    before = path.read_bytes()

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        records.write(path, "maps", "so", rows={"a": 1, "b": 2})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


WHOLE = '{"protocol": "so", "rows": {"σ = 1": {"0": 2.5}}}\n'


@pytest.mark.parametrize(
    "text",
    [
        b"",
        WHOLE.encode()[:30],  # cut short
        WHOLE.encode("latin-1", "replace").replace(b"?", b"\xf3"),
        f"<<<<<<< HEAD\n{WHOLE}=======\n{WHOLE}>>>>>>> other\n".encode(),
        b"[1, 2]",
        b'{"rows": 3}',
    ],
)
def test_a_damaged_record_is_named_with_the_remedy_and_left_alone(text, monkeypatch, capsys, tmp_path):
    path = tmp_path / "again.json"
    path.write_bytes(text)
    with pytest.raises(SystemExit) as ended:
        begin(monkeypatch, "--record", path)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and f"{path} is damaged or no record" in said
    assert "git restore" in said and "move it away" in said
    assert path.read_bytes() == text


def test_rows_are_asked_for_by_name_or_all_are_meant(monkeypatch, capsys, tmp_path):
    path = tmp_path / "again.json"
    assert begin(monkeypatch, "--record", path)[0].names == ["one", "two, or more"]
    options, record = begin(monkeypatch, "two, or more", "--record", path)
    assert (options.names, options.record, record) == (["two, or more"], path, {})
    options, record = begin(monkeypatch, names=())
    assert options.record == records.RESULTS / "maps.json" and next(iter(record["rows"])) == "ae-2"
    with pytest.raises(SystemExit):
        begin(monkeypatch, "one", "three")
    assert "no kind is named 'three'; choose of: one; two, or more" in capsys.readouterr().err


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_committed_is_written_as_it_stands(name, tmp_path):
    committed = json.loads((records.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    parts = {key: value for key, value in committed.items() if key not in ("command", "date", "machine")}
    records.write(tmp_path / "again.json", name, **parts)
    again = json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))
    assert again.keys() == committed.keys() and again["machine"].keys() == committed["machine"].keys()
    assert {key: again[key] for key in ("command", *parts)} == {key: committed[key] for key in ("command", *parts)}
