"""Published test likelihoods of MNIST, measured again: one row a command, written to results/scoreboard.json and, as the page's table, scoreboard.md.

python benchmarks/scoreboard.py                                # or make scoreboard: the table of what was measured
python benchmarks/scoreboard.py "IWAE k=5"                     # that row: trains, measures, records
python benchmarks/scoreboard.py "IWAE k=5" --minutes 30        # for half an hour; the same command goes on with it
python benchmarks/scoreboard.py "IWAE k=5" --seed 1            # once more from another seed, which tells its spread

It may be stopped at any time. A run lies in runs/scoreboard/, and an epoch that had begun is begun again.
"""

import argparse
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from bench import machine
from torch import Tensor

from vae_core import ImageSet, TrainConfig, fit, load_images
from vae_core.data import to_pixels
from vae_core.files import write_atomically
from vae_core.machine import pick_device
from vae_core.metrics import evaluate, log_likelihood
from vae_core.presets import build_seeded
from vae_core.runs import CHECKPOINT

PATH = Path(__file__).parent / "results" / "scoreboard.json"
RUNS = Path("runs") / "scoreboard"
AT_ONCE = 20_000  # decoded codes in memory
CYCLE = "one-cycle schedule"
STAGES = "batches of 100 on a one-cycle schedule in place of 3,280 epochs of batches of 20"
BURDA = f"{STAGES}; Adam's usual β₁ and ε in place of 0.99 and 1e-4"
OWN_BITS = "the one binarization is drawn here, where others use one by Larochelle"
GITHUB = "https://github.com/"
MEASURED = "by its code, as we could read it, {} of *training* images, where ours is the −ELBO of test images"
REWRITES = (
    f"{{}} [nbip]({GITHUB}nbip/IWAE) (100 latents), {{}} [xqding]({GITHUB}xqding/Importance_Weighted_Autoencoders)"
)


@dataclass(frozen=True)
class Row:
    """A published figure, in nats an image (None: a row of this book's own), and how it is measured: `k` draws for the test likelihood."""

    published: float | None
    source: str
    model: dict[str, Any]
    config: TrainConfig
    departures: str
    rewrites: str = ""
    k: int = 5000
    images: int = 60_000
    static: bool = False  # each training image is binarized once, too
    output_bias: bool = False  # begins at the mean pixels' logits
    alike: bool = True  # the published figure is of the same quantity

    def prepare(self, images: ImageSet) -> ImageSet:
        """The images as bits, drawn once by the seed: those of the test set, and in a static row all; else as they are."""
        if self.config.pixels == "threshold" and not self.static:
            return images.first(self.images)
        train = drawn_once(images.train, self.config.seed + 1) if self.static else images.train
        return replace(images, train=train, test=drawn_once(images.test, self.config.seed)).first(self.images)

    @property
    def bits(self) -> str:
        """How its pixels become 0 and 1: drawn anew each time, drawn once, or by a threshold."""
        return "once" if self.static else {"dynamic": "anew", "threshold": "threshold"}[self.config.pixels]

    @property
    def network(self) -> str:
        """Its encoder, whose mirror image is the decoder."""
        layers = "–".join(map(str, (784, *self.model["hidden_dims"], self.model["latent_dim"])))
        return f"{layers}, {self.model.get('activation', 'relu')}"

    def build(self, images: ImageSet) -> Any:
        """The untrained model."""
        size = {} if "size" in self.model else {"input_dim": images.input_dim}
        model = build_seeded({"model": "VAE", **size, **self.model}, self.config.seed)
        if self.output_bias:
            mean = to_pixels(images.train).mean(0).clamp(0.001, 0.999)
            model.decoder.layers[-1].bias.data.copy_(torch.logit(mean))
        return model


def drawn_once(images: Tensor, seed: int) -> Tensor:
    """uint8 images as 0 and 255, each pixel drawn once with its brightness for a chance: whatever is drawn of these is the same."""
    bits = to_pixels(images, "dynamic", generator=torch.Generator().manual_seed(seed))
    return bits.mul_(255).to(torch.uint8).view_as(images)


def burda(published: float, rewrites: str, epochs: int, departures: str = "as for VAE k=1", **settings: Any) -> Row:
    """A row of Burda et al. 2015, one stochastic layer."""
    model = {"hidden_dims": [200, 200], "latent_dim": 50, "activation": "tanh", "init": "glorot"}
    usual: dict[str, Any] = {"batch_size": 100, "lr": 2e-3, "schedule": "one-cycle", "pixels": "dynamic"}
    config = TrainConfig(epochs=epochs, **usual | settings)
    source = f"[Burda et al. 2015]({GITHUB}yburda/iwae)"
    return Row(published, source, model, config, departures, rewrites, images=59_600, output_bias=True)


def static(row: Row, published: float, source: str, rewrites: str = "") -> Row:
    """The same system on images that were binarized once."""
    changed = {"published": published, "source": source, "rewrites": rewrites, "static": True}
    return replace(
        row, **changed, config=replace(row.config, pixels="threshold"), departures=f"{row.departures}; {OWN_BITS}"
    )


def vari(published: float, pixels: str, epochs: int, measured: str) -> Row:
    """A row of vari's log of experiments: a −ELBO, trained on one draw."""
    return Row(
        published,
        f"[vari]({GITHUB}JakobHavtorn/vari), its log of experiments; {MEASURED.format(measured)}",
        {"hidden_dims": [512, 512], "latent_dim": 64},
        TrainConfig(epochs=epochs, batch_size=256, lr=2e-3, schedule="one-cycle", pixels=pixels),
        f"a {CYCLE} in place of 1,000 epochs at 3e-4",
        k=1,
        alike=False,
    )


IWAE: dict[str, Any] = {"objective": "iwae"}
PYTHAE = TrainConfig(epochs=100, batch_size=100, lr=2e-3, schedule="one-cycle", pixels="threshold")
ROWS = {
    "VAE k=1": burda(86.76, REWRITES.format(86.35, 87.78), 2000, BURDA),
    "VAE k=5": burda(86.47, REWRITES.format("86.10", 87.15), 600, num_samples=5),
    "VAE k=50": burda(86.35, REWRITES.format(86.06, 87.47), 300, num_samples=50),
    "IWAE k=5": burda(85.54, REWRITES.format(85.18, 85.46), 1500, num_samples=5, **IWAE),
    "IWAE k=50": burda(84.78, REWRITES.format(84.59, 84.59), 300, num_samples=50, **IWAE),
    "VAE k=1, static": static(
        burda(88.71, "", 200, "as for VAE k=1; 59,600 images in place of 50,000"),
        88.71,
        "Burda et al. 2015, recalled from a rewrite's table",
    ),
    "Pythae's IWAE k=50": replace(
        static(
            burda(86.82, "", 100, f"{STAGES}; Adam's usual ε in place of 1e-4", num_samples=50, **IWAE),
            86.82,
            f"[benchmark_VAE]({GITHUB}clementchadebec/benchmark_VAE)",
        ),
        images=50_000,
        output_bias=False,
    ),
    "Pythae's VAE": Row(
        89.78,
        f"[benchmark_VAE]({GITHUB}clementchadebec/benchmark_VAE)",
        {"hidden_dims": [400], "latent_dim": 40},
        PYTHAE,
        f"a {CYCLE} in place of 500 epochs at 1e-4 in steps; {OWN_BITS}",
        k=200,
        images=50_000,
        static=True,
    ),
    "altosaar's VAE": Row(
        97.10,
        f"[variational-autoencoder]({GITHUB}altosaar/variational-autoencoder)",
        {"hidden_dims": [256, 256], "latent_dim": 128},
        TrainConfig(epochs=77, batch_size=128, lr=1e-3, pixels="threshold"),
        "Adam in place of centred RMSprop; the last epoch, not the best of validation; "
        f"{OWN_BITS}; why ours is better we have not traced",
        k=128,
        images=50_000,
        static=True,
    ),
    "parmesan's VAE": Row(
        84.78,
        f"[parmesan]({GITHUB}casperkaae/parmesan); the very figure of IWAE k=50 above; whether by chance we do not know",
        {"hidden_dims": [500, 500], "latent_dim": 100},
        TrainConfig(epochs=500, batch_size=100, lr=2e-3, schedule="one-cycle", pixels="dynamic"),
        f"no batch normalisation; a {CYCLE}",
    ),
    "vari's VAE": vari(87.95, "dynamic", 200, "the −ELBO"),
    "vari's VAE, thresholded": vari(
        54.23,
        "threshold",
        100,
        "the logarithm of the mean of ten p(x|z), less the KL, which looks better than the ELBO and is no bound,",
    ),
    "best of an hour, IWAE k=5": replace(
        burda(0, "", 480, num_samples=5, precision="bf16", **IWAE),
        published=None,
        source="this book's own, in bf16, about an hour on two quiet cores: of nine recipes [the one that did best](#an-hour-of-two-cores)",
        model={"hidden_dims": [500, 500], "latent_dim": 50, "activation": "relu", "init": "glorot"},
        images=60_000,
    ),
}


def folder_of(runs: Path, name: str, seed: int = 0) -> Path:
    return runs / re.sub(r"\W+", "-", f"{name} seed {seed}" if seed else name).lower()


def seeded(row: Row, seed: int) -> Row:
    """The row from another seed: of the weights, the order, the noise and the bits, those of the test set among them."""
    return replace(row, config=replace(row.config, seed=seed))


def settings_of(row: Row) -> dict[str, Any]:
    """What a record must have been made by to stand for the row: all that decides its figure."""
    parts = asdict(row)
    return json.loads(
        json.dumps(
            {
                name: parts[name]
                for name in parts
                if name not in ("published", "source", "rewrites", "departures", "alike")
            }
        )
    )


def train(row: Row, images: ImageSet, folder: Path, minutes: float, device: str) -> Any:
    """Go on with the row's run, for so many minutes: -> the model and its history."""
    model, ends = row.build(images), time.monotonic() + 60 * minutes
    history = fit(
        model,
        images.first(len(images.train), 1000),  # an epoch ends with a look at these
        replace(row.config, device=device),
        out=folder,
        resume=(folder / CHECKPOINT).exists(),
        callback=lambda *_: time.monotonic() > ends,
    )
    return model, history


def measure(name: str, row: Row, runs: Path, minutes: float, device: str) -> dict[str, Any] | None:
    """The row's record, if its run has come to its end; measuring comes on top of the minutes."""
    images = row.prepare(load_images("mnist"))
    folder = folder_of(runs, name, row.config.seed)
    model, history = train(row, images, folder, minutes, device)
    last = history.rows[-1]
    print(
        f"{name}: {len(history)} of {row.config.epochs} epochs, −ELBO of 1,000 test images {-last['test_elbo']:.2f}",
        flush=True,
    )
    if len(history) < row.config.epochs:
        again = f" --seed {row.config.seed}" if row.config.seed else ""
        print(f"to go on: python benchmarks/scoreboard.py {name!r} --runs {str(runs)!r}{again}")
        return None
    begun, pixels, seed = time.perf_counter(), row.config.pixels, row.config.seed
    nll = -log_likelihood(
        model, images.test, num_samples=row.k, pixels=pixels, seed=seed, batch_size=max(1, AT_ONCE // row.k)
    )
    return {
        "nll": round(nll, 3),
        "minus_elbo": round(-float(evaluate(model, images.test, pixels=pixels, seed=seed).elbo), 3),
        "test_images": len(images.test),
        "minutes": {
            "training": round(sum(history["seconds"]) / 60, 1),
            "nll": round((time.perf_counter() - begun) / 60, 1),
        },
        "settings": settings_of(row),
        "machine": machine(pick_device(device)),
        "date": datetime.now(UTC).date().isoformat(),
    }


def as_markdown(records: dict[str, Any]) -> str:
    """The table of what was measured; below it each row's network, how ours differs and what it cost, and which rows are still to be measured."""
    made = {name: records[name] for name in ROWS if is_of_now(records, name)}
    lines = [
        "| row | published | here | difference | spread (seeds) | bits | samples |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, record in made.items():
        row, nll = ROWS[name], record["nll"]
        published = "–" if row.published is None else f"{row.published:.2f}"
        gap = f"{nll - row.published:+.2f}".replace("-", "−") if row.published and row.alike else "–"
        found = [nll, *(other["nll"] for other in record["seeds"].values())]
        spread = f"{max(found) - min(found):.2f} ({len(found)})" if record["seeds"] else "–"
        lines.append(f"| {name} | {published} | **{nll:.2f}** | {gap} | {spread} | {row.bits} | {row.k:,} |")
    lines += ["", f"Nats a test image, {len(made)} of {len(ROWS)} rows so far. Seed 0."]
    if made:
        machines = (
            f"{m['device']}, {m['threads']} thread{'s' * (m['threads'] > 1)}"
            for m in (r["machine"] for r in made.values())
        )
        lines += [f"Measured on: {'; '.join(dict.fromkeys(machines))}.", ""]
    for name, record in made.items():
        minutes = record["minutes"]
        cost = f"−ELBO {record['minus_elbo']:.2f}; {minutes['training']:.0f} + {max(1, round(minutes['nll']))} minutes."
        others = ", ".join(f"{other['nll']:.2f} (seed {seed})" for seed, other in record["seeds"].items())
        lines.append(f"- {told(name)} {cost}" + (f" From other seeds: {others}." if others else ""))
    if waiting := [name for name in ROWS if name not in made]:
        lines += ["", "Still to be measured, and how:", "", *(f"- {told(name)}" for name in waiting)]
    return "\n".join(lines)


def is_of_now(records: dict[str, Any], name: str) -> bool:
    """Whether there is a record of the row as it is now."""
    return name in records and records[name]["settings"] == settings_of(ROWS[name])


def keep(records: dict[str, Any], name: str, made: dict[str, Any], seed: int) -> None:
    """Note what a row came to: that of seed 0 is the row's, those of others stand below it."""
    if seed:
        del made["settings"]  # but for the seed they are the row's
        records[name]["seeds"][str(seed)] = made
    else:
        records[name] = {**made, "seeds": records[name]["seeds"] if is_of_now(records, name) else {}}


def told(name: str) -> str:
    """Whose the row is, of what network, and how ours differs."""
    row = ROWS[name]
    bits = {"anew": "bits drawn anew", "once": "bits drawn once", "threshold": "thresholded"}[row.bits]
    made_of = f"{row.network}; {row.images:,} images, {bits}; {row.config.epochs:,} epochs; $K$ = {row.k:,}"
    if row.published is None:
        return f"**{name}**, {row.source}. {made_of}."
    rewrites = f" Rewrites of it: {row.rewrites}." if row.rewrites else ""
    return f"**{name}**, {row.published:.2f} ({row.source}). Here {made_of}. Different: {row.departures}.{rewrites}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="row", help=f"{'; '.join(ROWS)} (none: the table alone)")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="of training, for each row named (to its end)"
    )
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs lie (%(default)s)")
    parser.add_argument("--record", type=Path, default=PATH, help="the file of records (the book's)")
    parser.add_argument("--seed", type=int, default=0, help="another than %(default)s tells a row's spread")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in ROWS]:
        parser.error(f"no row is named {unknown[0]!r}; choose of: {'; '.join(ROWS)}")
    if options.seed < 0:
        parser.error(f"--seed is {options.seed}: a seed is a whole number from 0 up")
    if not options.minutes > 0:
        parser.error(f"--minutes is {options.minutes:g}: a row needs more than none")
    records = json.loads(options.record.read_text(encoding="utf-8")) if options.record.exists() else {}
    if options.seed and (first := [name for name in options.names if not is_of_now(records, name)]):
        parser.error(f"{first[0]!r} has no record of seed 0 to stand beside: measure it first, without --seed")
    for name in options.names:
        try:
            made = measure(name, seeded(ROWS[name], options.seed), options.runs, options.minutes, options.device)
        except KeyboardInterrupt as stop:
            parser.exit(130, f"\n{stop}\n")
        if made:
            keep(records, name, made, options.seed)
            write_atomically(options.record, (json.dumps(records, indent=1, ensure_ascii=False) + "\n").encode())
            write_atomically(options.record.with_suffix(".md"), (as_markdown(records) + "\n").encode())
    print(as_markdown(records))


if __name__ == "__main__":
    main()
