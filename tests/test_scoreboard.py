"""The scoreboard: its table says what its records say, its rows resume, and its protocol is what is published."""

import json
from dataclasses import replace

import pytest
import scoreboard
import torch

from vae_core import TrainConfig
from vae_core.checkpoint import load
from vae_core.data import to_pixels
from vae_core.metrics import log_likelihood
from vae_core.saving import load_model

TINY = scoreboard.Row(
    80.0,
    "somebody",
    {"hidden_dims": [8], "latent_dim": 2, "activation": "tanh"},
    TrainConfig(epochs=2, batch_size=100, pixels="dynamic", objective="iwae", num_samples=2),
    "a small network",
    "81.00 somebody else",
    k=20,
    images=300,
    output_bias=True,
)


@pytest.fixture
def board(monkeypatch, digits, tmp_path):
    """`call(*arguments)` on rows of the small digits: -> their records, where they are kept until the end of a test."""
    rows = {"tiny": TINY, "tiny, static": scoreboard.static(TINY, 82.0, "others")}
    monkeypatch.setattr(scoreboard, "ROWS", rows)
    monkeypatch.setattr(scoreboard, "load_images", lambda name: digits.first(400, 50))
    monkeypatch.setattr("vae_core.runs.draw_picture", lambda *_: b"a picture")

    def call(*arguments, runs="runs"):
        record = tmp_path / f"{runs}.json"
        scoreboard.main([*arguments, "--runs", str(tmp_path / runs), "--record", str(record), "--device", "cpu"])
        return json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}

    return call


def test_without_a_row_it_prints_the_table_alone(board, capsys):
    assert board() == {}
    table = capsys.readouterr().out.splitlines()
    assert table[3] == "Nats a test image, 0 of 2 rows so far. Seed 0."
    assert table[5] == "Still to be measured, and how:"
    assert table[7] == (
        "- **tiny**, 80.00 (somebody). Here 784–8–2, tanh; 300 images, bits drawn anew; 2 epochs; $K$ = 20. "
        "Different: a small network. Rewrites of it: 81.00 somebody else."
    )
    assert table[8].startswith(
        "- **tiny, static**, 82.00 (others). Here 784–8–2, tanh; 300 images, bits drawn once; 2 epochs; $K$ = 20. Different: a"
    )
    assert len(table) == 9


@pytest.mark.parametrize("name", ["tiny", "tiny, static"])
def test_a_row_is_measured_as_its_protocol_says(board, name, capsys, tmp_path, digits):
    made = board(name)[name]
    printed = capsys.readouterr().out
    row = scoreboard.ROWS[name]
    gap = f"{made['nll'] - row.published:+.2f}".replace("-", "−")
    kind = "once" if row.static else "anew"
    assert f"| {name} | {row.published:.2f} | **{made['nll']:.2f}** | {gap} | – | {kind} | 20 |" in printed
    assert f"−ELBO {made['minus_elbo']:.2f}; " in printed and "1 of 2 rows so far. Seed 0.\nMeasured on: " in printed
    assert printed.endswith((tmp_path / "runs.md").read_text(encoding="utf-8")), "the page's table is what is printed"
    model = load_model(scoreboard.folder_of(tmp_path / "runs", name) / "model.safetensors")
    bits = to_pixels(digits.first(400, 50).test, "dynamic", generator=torch.Generator().manual_seed(0))
    test = (bits * 255).to(torch.uint8)
    found = -log_likelihood(model, test, num_samples=20, pixels="threshold", seed=7)
    assert made["nll"] == pytest.approx(found, rel=0.01) and made["nll"] < made["minus_elbo"]
    assert made["test_images"] == 50 and made["minutes"]["training"] >= 0 and made["machine"]["cores"]


def test_stopped_after_an_epoch_it_goes_on_to_the_same_end(board, capsys, tmp_path):
    whole = board("tiny")["tiny"]
    assert board("tiny", "--minutes", "1e-9", runs="parts") == {}
    said = capsys.readouterr().out
    assert "tiny: 1 of 2 epochs" in said and "to go on: python benchmarks/scoreboard.py 'tiny'" in said
    assert "0 of 2 rows so far" in said and "- **tiny**, 80.00" in said.partition("Still to be measured")[2]
    parts = board("tiny", runs="parts")["tiny"]
    assert {name: parts[name] for name in ("nll", "minus_elbo")} == {
        name: whole[name] for name in ("nll", "minus_elbo")
    }
    (a, _), (b, _) = (load(tmp_path / runs / "tiny" / "checkpoint.safetensors") for runs in ("runs", "parts"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_row_of_the_books_own_has_no_figure_to_differ_from(board, monkeypatch, tmp_path):
    monkeypatch.setitem(scoreboard.ROWS, "own", replace(TINY, published=None, source="this book's own"))
    nll = board("own")["own"]["nll"]
    table = (tmp_path / "runs.md").read_text(encoding="utf-8")
    assert f"| own | – | **{nll:.2f}** | – | – | anew | 20 |" in table
    assert "- **own**, this book's own. 784–8–2, tanh; 300 images, bits drawn anew; 2 epochs; $K$ = 20. −ELBO " in table


def test_other_seeds_tell_the_spread_and_stand_below_the_row(board, capsys, tmp_path):
    first = board("tiny")["tiny"]
    assert first["seeds"] == {}
    assert board("tiny", "--seed", "3", "--minutes", "1e-9")["tiny"] == first
    assert capsys.readouterr().out.count(f"--runs {str(tmp_path / 'runs')!r} --seed 3\n") == 1
    for seed in (3, 5):
        made = board("tiny", "--seed", str(seed))["tiny"]
    assert {name: made[name] for name in first if name != "seeds"} == {
        name: first[name] for name in first if name != "seeds"
    }
    found = [first["nll"], *(made["seeds"][seed]["nll"] for seed in ("3", "5"))]
    assert len(set(found)) == 3 and "settings" not in made["seeds"]["3"]
    board()
    printed = capsys.readouterr().out
    assert f"| {max(found) - min(found):.2f} (3) | anew | 20 |" in printed
    assert f"From other seeds: {found[1]:.2f} (seed 3), {found[2]:.2f} (seed 5)." in printed
    again = board("tiny")["tiny"]  # from its own run, which has ended
    assert again["nll"] == first["nll"] and again["seeds"] == made["seeds"]


def test_the_committed_seeds_of_a_row_are_of_the_whole_test_set_and_near_each_other():
    for name, made in json.loads(scoreboard.PATH.read_text(encoding="utf-8")).items():
        for seed, other in made["seeds"].items():
            assert int(seed) > 0 and other["test_images"] == 10_000
            assert abs(other["nll"] - made["nll"]) < 0.5, name


def test_a_record_of_other_settings_is_not_shown(board, capsys, monkeypatch):
    board("tiny")
    monkeypatch.setitem(scoreboard.ROWS, "tiny", replace(TINY, k=30))
    capsys.readouterr()
    board()
    assert "0 of 2 rows so far" in capsys.readouterr().out


def test_the_pages_table_is_that_of_the_committed_records():
    records = json.loads(scoreboard.PATH.read_text(encoding="utf-8"))
    table = scoreboard.PATH.with_suffix(".md").read_text(encoding="utf-8")
    assert table == scoreboard.as_markdown(records) + "\n", "python benchmarks/scoreboard.py writes it with each record"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["IWAE k=7"], "no row is named 'IWAE k=7'; choose of: VAE k=1; VAE k=5"),
        (
            ["VAE k=50", "--seed", "1", "--record", "none.json"],
            "'VAE k=50' has no record of seed 0 to stand beside: measure it first, without --seed",
        ),
        (["VAE k=1", "--seed", "-1"], "--seed is -1: a seed is a whole number from 0 up"),
        (["VAE k=1", "--minutes", "0"], "--minutes is 0: a row needs more than none"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        scoreboard.main(arguments)
    assert message in capsys.readouterr().err


def test_the_rows_are_those_published(images):
    """Burda et al. 2015: 784–200–200–50 tanh, mirrored; the output begins at the mean pixels; 59,600 images; k = 5,000."""
    assert len(scoreboard.ROWS) >= 8
    row = scoreboard.ROWS["IWAE k=5"]
    assert (row.published, row.k, row.images) == (85.54, 5000, 59_600)
    model = row.build(images)
    assert [layer.out_features for layer in model.modules() if isinstance(layer, torch.nn.Linear)] == [
        200, 200, 100, 200, 200, images.input_dim,
    ]  # fmt: skip
    mean = to_pixels(images.train).mean(0).clamp(0.001, 0.999)
    torch.testing.assert_close(torch.sigmoid(model.decoder.layers[-1].bias), mean)
    for row in scoreboard.ROWS.values():
        row.config.check(row.prepare(images.first(300, 20)), row.build(images))


def test_bits_are_drawn_once(digits):
    bits = scoreboard.drawn_once(digits.train, 3)
    assert bits.unique().tolist() == [0, 255] and bits.shape == digits.train.shape
    again = to_pixels(bits, "dynamic", generator=torch.Generator().manual_seed(9))
    assert torch.equal(again, to_pixels(bits, "threshold"))
    assert abs(bits.float().mean() - digits.train.float().mean()) < 1
    static, dynamic = (TINY if kind else scoreboard.static(TINY, 1.0, "") for kind in (False, True))
    assert torch.equal(dynamic.prepare(digits).train, digits.train[:300])
    assert static.prepare(digits).train.unique().tolist() == [0, 255]
    assert torch.equal(static.prepare(digits).test, dynamic.prepare(digits).test)


def test_the_committed_records_are_of_these_rows():
    records = json.loads(scoreboard.PATH.read_text(encoding="utf-8")) if scoreboard.PATH.exists() else {}
    for name, made in records.items():
        assert made["settings"] == scoreboard.settings_of(scoreboard.ROWS[name]), f"{name}: measure it anew"
        assert made["test_images"] == 10_000
