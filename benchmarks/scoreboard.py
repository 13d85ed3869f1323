"""Published test likelihoods of MNIST, measured again: one row a command, written to results/scoreboard.json and, as the page's table, scoreboard.md.

python benchmarks/scoreboard.py                                # or make scoreboard: the table of what was measured
python benchmarks/scoreboard.py "IWAE k=5"                     # that row: trains, measures, records
python benchmarks/scoreboard.py "IWAE k=5" --minutes 30        # for half an hour; the same command goes on with it

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
BURDA = (
    "{:,} epochs of batches of 100 on a one-cycle schedule in place of 3,280 of 20; "
    "Adam's usual β₁ and ε in place of 0.99 and 1e-4"
)
OWN_BITS = "the one binarization is drawn here, not Larochelle's"


@dataclass(frozen=True)
class Row:
    """A published figure, in nats an image, and how it is measured again: `k` draws for the test likelihood."""

    published: float
    source: str
    model: dict[str, Any]
    config: TrainConfig
    departures: str
    rewrites: str = ""
    k: int = 5000
    images: int = 60_000
    static: bool = False  # each training image is binarized once, too
    output_bias: bool = False  # begins at the mean pixels' logits

    def prepare(self, images: ImageSet) -> ImageSet:
        """The images as bits, drawn once by the seed: those of the test set, and in a static row all; else as they are."""
        if self.config.pixels == "threshold" and not self.static:
            return images.first(self.images)
        train = drawn_once(images.train, self.config.seed + 1) if self.static else images.train
        return replace(images, train=train, test=drawn_once(images.test, self.config.seed)).first(self.images)

    def build(self, images: ImageSet) -> Any:
        """The untrained model."""
        model = build_seeded({"model": "VAE", "input_dim": images.input_dim, **self.model}, self.config.seed)
        if self.output_bias:
            mean = to_pixels(images.train).mean(0).clamp(0.001, 0.999)
            model.decoder.layers[-1].bias.data.copy_(torch.logit(mean))
        return model


def drawn_once(images: Tensor, seed: int) -> Tensor:
    """uint8 images as 0 and 255, each pixel drawn once with its brightness for a chance: whatever is drawn of these is the same."""
    bits = to_pixels(images, "dynamic", generator=torch.Generator().manual_seed(seed))
    return bits.mul_(255).to(torch.uint8).view_as(images)


def burda(published: float, rewrites: str, epochs: int, **settings: Any) -> Row:
    """A row of Burda et al. 2015, one stochastic layer."""
    model = {"hidden_dims": [200, 200], "latent_dim": 50, "activation": "tanh", "init": "glorot"}
    usual: dict[str, Any] = {"batch_size": 100, "lr": 2e-3, "schedule": "one-cycle", "pixels": "dynamic"}
    config = TrainConfig(epochs=epochs, **usual | settings)
    source = "Burda et al. 2015, one layer"
    return Row(published, source, model, config, BURDA.format(epochs), rewrites, images=59_600, output_bias=True)


def static(row: Row, published: float, source: str, rewrites: str = "") -> Row:
    """The same system on images that were binarized once."""
    changed = {"published": published, "source": source, "rewrites": rewrites, "static": True}
    return replace(
        row, **changed, config=replace(row.config, pixels="threshold"), departures=f"{row.departures}; {OWN_BITS}"
    )


IWAE: dict[str, Any] = {"objective": "iwae"}
PYTHAE = TrainConfig(epochs=100, batch_size=100, lr=2e-3, schedule="one-cycle", pixels="threshold")
ROWS = {
    "VAE k=1": burda(86.76, "86.35 nbip (100 latents), 87.78 xqding", 2000),
    "VAE k=5": burda(86.47, "86.10 nbip (100 latents), 87.15 xqding", 1000, num_samples=5),
    "VAE k=50": burda(86.35, "86.06 nbip (100 latents), 87.47 xqding", 300, num_samples=50),
    "IWAE k=5": burda(85.54, "85.18 nbip (100 latents), 85.46 xqding", 900, num_samples=5, **IWAE),
    "IWAE k=50": burda(84.78, "84.59 nbip (100 latents), 84.59 xqding", 300, num_samples=50, **IWAE),
    "VAE k=1, static": static(burda(88.71, "", 200), 88.71, "Burda et al. 2015, as a rewrite's table has it"),
    "Pythae's IWAE k=50": replace(
        static(burda(86.82, "", 100, num_samples=50, **IWAE), 86.82, "clementchadebec/benchmark_VAE, reproducibility"),
        images=50_000,
        output_bias=False,
    ),
    "Pythae's VAE": Row(
        89.78,
        "clementchadebec/benchmark_VAE, reproducibility",
        {"hidden_dims": [400], "latent_dim": 40},
        PYTHAE,
        f"100 epochs of a {CYCLE} in place of 500 at 1e-4 in steps; {OWN_BITS}",
        k=200,
        images=50_000,
        static=True,
    ),
    "altosaar's VAE": Row(
        97.10,
        "altosaar/variational-autoencoder",
        {"hidden_dims": [256, 256], "latent_dim": 128},
        TrainConfig(epochs=77, batch_size=128, lr=1e-3, pixels="threshold"),
        f"Adam in place of centred RMSprop; the last epoch, not the best of validation; {OWN_BITS}",
        k=128,
        images=50_000,
        static=True,
    ),
    "parmesan's VAE": Row(
        84.78,
        "casperkaae/parmesan",
        {"hidden_dims": [500, 500], "latent_dim": 100},
        TrainConfig(epochs=500, batch_size=100, lr=2e-3, schedule="one-cycle", pixels="dynamic"),
        f"no batch normalisation; 500 epochs of a {CYCLE}",
    ),
    "vari's VAE, thresholded": Row(
        54.23,
        "JakobHavtorn/vari, its log of experiments",
        {"hidden_dims": [512, 512], "latent_dim": 64},
        TrainConfig(
            epochs=100, batch_size=256, lr=2e-3, schedule="one-cycle", pixels="threshold", num_samples=10, **IWAE
        ),
        f"100 epochs of a {CYCLE}",
        k=10,
    ),
}


def folder_of(runs: Path, name: str) -> Path:
    return runs / re.sub(r"\W+", "-", name).lower()


def settings_of(row: Row) -> dict[str, Any]:
    """What a record must have been made by to stand for the row: all that decides its figure."""
    parts = asdict(row)
    return json.loads(
        json.dumps(
            {name: parts[name] for name in parts if name not in ("published", "source", "rewrites", "departures")}
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
    folder = folder_of(runs, name)
    model, history = train(row, images, folder, minutes, device)
    last = history.rows[-1]
    print(
        f"{name}: {len(history)} of {row.config.epochs} epochs, −ELBO of 1,000 test images {-last['test_elbo']:.2f}",
        flush=True,
    )
    if len(history) < row.config.epochs:
        print(f"to go on: python benchmarks/scoreboard.py {name!r} --runs {str(runs)!r}")
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
    """The table: what was published, what this book got, and what it cost; below it whose each row is, what rewrites got, and how ours differs."""
    lines = ["| row | published | here | −ELBO here | minutes |", "|---|---|---|---|---|"]
    machines = []
    for name, row in ROWS.items():
        ours, bound, minutes, made = "not measured", "–", "–", records.get(name)
        if made and made["settings"] == settings_of(row):  # else it is of settings that the row no longer has
            ours, bound, cost = f"**{made['nll']:.2f}**", f"{made['minus_elbo']:.2f}", made["minutes"]
            minutes = f"{cost['training']:.0f} + {cost['nll']:.0f}"
            threads = made["machine"]["threads"]
            machines.append(f"{made['machine']['device']}, {threads} thread{'s' * (threads > 1)}")
        lines.append(f"| {name} | {row.published:.2f} | {ours} | {bound} | {minutes} |")
    seeds = sorted({row.config.seed for row in ROWS.values()})
    lines += [
        "",
        f"Nats a test image. Seed {', '.join(map(str, seeds))}. Minutes of training + of the test likelihood.",
    ]
    if machines:
        lines.append(f"Measured on: {'; '.join(dict.fromkeys(machines))}.")
    lines.append("")
    for name, row in ROWS.items():
        rewrites = f" Rewrites of it: {row.rewrites}." if row.rewrites else ""
        lines.append(f"- **{name}** ({row.source}), $K = {row.k}$: {row.departures}.{rewrites}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="row", help=f"{'; '.join(ROWS)} (none: the table alone)")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="of training, for each row named (to its end)"
    )
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs lie (%(default)s)")
    parser.add_argument("--record", type=Path, default=PATH, help="the file of records (the book's)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in ROWS]:
        parser.error(f"no row is named {unknown[0]!r}; choose of: {'; '.join(ROWS)}")
    if not options.minutes > 0:
        parser.error(f"--minutes is {options.minutes:g}: a row needs more than none")
    records = json.loads(options.record.read_text(encoding="utf-8")) if options.record.exists() else {}
    for name in options.names:
        try:
            made = measure(name, ROWS[name], options.runs, options.minutes, options.device)
        except KeyboardInterrupt as stop:
            parser.exit(130, f"\n{stop}\n")
        if made:
            records[name] = made
            write_atomically(options.record, (json.dumps(records, indent=1, ensure_ascii=False) + "\n").encode())
            write_atomically(options.record.with_suffix(".md"), (as_markdown(records) + "\n").encode())
    print(as_markdown(records))


if __name__ == "__main__":
    main()
