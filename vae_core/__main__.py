"""The command line: python -m vae_core train | evaluate | presets | weights.

`train` keeps a whole run in one folder: config.json, history.csv, checkpoint.safetensors to resume from,
model.safetensors to use, and picture.png to look at. Under torchrun it trains on several processes.
"""

import argparse
import io
import json
import os
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch.distributed as dist

from vae_core.data import ImageSet, load_images
from vae_core.files import write_atomically
from vae_core.machine import join_workers, pick_device
from vae_core.metrics import evaluate, log_likelihood
from vae_core.models import VAE, WEIGHTS, load_model, load_pretrained, save_model
from vae_core.presets import PRESETS, SHIPPED, get_preset
from vae_core.training import Diverged, TrainConfig, fit

HELP = {setting.name: setting.metadata["help"] for setting in fields(TrainConfig)}


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with one line on stderr when it could not, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no "−" shows "?"
    options = parser().parse_args(argv)
    try:
        options.run(options)
    except (ValueError, OSError, Diverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    # No abbreviations: a mistyped option must be refused, never taken for its neighbour.
    top = argparse.ArgumentParser(
        prog="python -m vae_core", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a preset into a folder", allow_abbrev=False)
    train.set_defaults(run=run_train)
    train.add_argument("--preset", default="classic-400-20", help="see the command presets (%(default)s)")
    train.add_argument("--out", type=Path, help="folder of the run (runs/PRESET)")
    train.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    train.add_argument("--overwrite", action="store_true", help="throw away the run in that folder")
    train.add_argument("--save-every", type=int, default=0, metavar="STEPS", help="save within epochs too")
    for field in fields(TrainConfig):
        kind = float if field.default is None else type(field.default)
        flag = f"--{field.name.replace('_', '-')}"
        train.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=f"{HELP[field.name]} (the preset's)")
    add_data(train)

    measure = commands.add_parser("evaluate", help="measure a trained model on the test set", allow_abbrev=False)
    measure.set_defaults(run=run_evaluate)
    measure.add_argument("model", help="a .safetensors file, a run's folder, or the name of shipped weights")
    measure.add_argument("--num-samples", type=int, default=1, help="draws of z for each image (%(default)s)")
    measure.add_argument("--importance-samples", type=int, default=0, help="also estimate log p(x) with this many")
    measure.add_argument("--pixels", default="grey", help=HELP["pixels"])
    measure.add_argument("--device", default="auto", help=HELP["device"])
    add_data(measure)

    listing = commands.add_parser("presets", help="list the presets", allow_abbrev=False)
    listing.set_defaults(run=run_presets)

    weights = commands.add_parser("weights", help="train the weights the book ships with", allow_abbrev=False)
    weights.set_defaults(run=run_weights)
    weights.add_argument("names", nargs="*", default=SHIPPED, metavar="NAME", help="which (all of them)")
    weights.add_argument("--device", default="cpu", help=HELP["device"])
    weights.add_argument("--root", type=Path, help="folder of MNIST")
    return top


def add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", default="mnist", help="mnist, digits or folder (%(default)s)")
    command.add_argument("--root", type=Path, help="folder of the data")
    command.add_argument("--size", type=int, default=32, help="pixels across, for a folder of pictures (%(default)s)")


def run_train(options: argparse.Namespace) -> None:
    preset = get_preset(options.preset)
    given = {f.name: getattr(options, f.name) for f in fields(TrainConfig) if getattr(options, f.name) is not None}
    config = replace(preset.config, **given)
    out = options.out or Path("runs") / options.preset
    restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0  # by torchrun, after a worker was lost
    resume = options.resume or restarted
    images = preset.prepare(load_images(options.data, options.root, size=options.size))
    model = preset.build(config.seed, images)
    config.check(images, model)
    leader = int(os.environ.get("RANK", "0")) == 0
    if leader:
        open_folder(out, resume, options.overwrite, {"preset": options.preset, **asdict(config)})
    if "WORLD_SIZE" in os.environ:
        join_workers(config.device)

    def report(history: Any) -> None:
        row = history.rows[-1]
        if leader:
            history.to_csv(out / "history.csv")
            train = f"train loss {-row['train_elbo']:.2f}"
            test = f"test {in_words(model, row['test_rate'], row['test_distortion'])}"
            speed = f"lr {row['lr']:.1e}  {row['seconds']:.1f} s  {row['images_per_second']:,.0f} images/s"
            print(f"epoch {row['epoch']:3.0f}  {train}  {test}  {speed}", flush=True)

    try:
        fit(
            model,
            images,
            config,
            out=out,
            resume=resume,
            save_every=options.save_every,
            callback=report,
            progress=leader,
        )
        if leader:
            finish(out, model, images, config, options.preset)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def open_folder(out: Path, resume: bool, overwrite: bool, settings: dict[str, Any]) -> None:
    """Make the run's folder, or see that the one there may be used.

    Raises:
        ValueError: it holds a run already and neither resume nor overwrite was asked for, or there is none to resume.
    """
    holds_a_run = (out / "config.json").exists()
    if holds_a_run and not (resume or overwrite):
        raise ValueError(f"{out} already holds a run: add --resume to go on with it or --overwrite to throw it away")
    if resume and not holds_a_run and "WORLD_SIZE" not in os.environ:  # torchrun says --resume from the start
        raise ValueError(f"{out} holds no run to resume: leave --resume out, or name the folder with --out")
    if not (resume and holds_a_run):
        for name in ("checkpoint.safetensors", "model.safetensors", "history.csv", "picture.png"):
            (out / name).unlink(missing_ok=True)
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "config.json", json.dumps(settings, indent=2).encode())


def finish(out: Path, model: Any, images: ImageSet, config: TrainConfig, preset: str) -> None:
    """Leave the trained model and a picture of what it does in the run's folder."""
    from vae_core.plots import overview  # matplotlib takes a second to import, and only this needs it

    save_model(out / "model.safetensors", model, record(model, images, config, preset))
    figure = overview(model, images)
    figure.savefig(out / "picture.png", dpi=150, bbox_inches="tight")
    print(f"saved in {out}: model.safetensors, history.csv, picture.png")


def record(model: Any, images: ImageSet, config: TrainConfig, preset: str) -> dict[str, Any]:
    """Where weights come from, written beside them."""
    terms = evaluate(model, images.test, pixels=config.pixels, seed=config.seed)
    measured = {"test_rate": float(terms.rate), "test_distortion": float(terms.distortion)}
    if isinstance(model, VAE):  # an autoencoder has no ELBO
        measured["test_elbo"] = float(terms.elbo)
    return {"preset": preset, "data": images.name, "data_sha256": images.sha256, **asdict(config), **measured}


def in_words(model: Any, rate: Any, distortion: Any) -> str:
    """What was measured of a model, in nats an image: of an autoencoder the distortion, for it has no ELBO."""
    terms = f"−ELBO {rate + distortion:.2f}  rate {rate:.2f}  " if isinstance(model, VAE) else ""
    return f"{terms}distortion {distortion:.2f}"


def run_evaluate(options: argparse.Namespace) -> None:
    path = Path(options.model)
    if path.is_dir():
        path = path / "model.safetensors"
    model = load_model(path) if path.is_file() else load_pretrained(options.model)
    model.to(pick_device(options.device))
    images = load_images(options.data, options.root, size=options.size)
    size = model.config.get("size", 0)  # of a ConvVAE, which may have seen its images in a frame
    images = images.padded(size) if size > images.test.shape[-1] else images
    found = [in_words(model, *evaluate(model, images.test, num_samples=options.num_samples, pixels=options.pixels))]
    if options.importance_samples:
        count = options.importance_samples
        bound = log_likelihood(model, images.test, num_samples=count, pixels=options.pixels)
        found.append(f"−log p(x) at most {-bound:.2f} with {count} importance samples")
    what = f"{options.model} on {len(images.test):,} test images of {images.name}"
    print(f"{what}, {options.pixels} pixels, nats an image", *found, sep="\n")


def run_presets(_: argparse.Namespace) -> None:
    for name, preset in PRESETS.items():
        config = preset.config
        rate = f"lr {config.lr:g} {config.schedule}"
        print(f"{name:18s} {preset.source}\n{'':18s} {config.epochs} epochs, batch {config.batch_size}, {rate}")
        if preset.published:
            print(f"{'':18s} published: {preset.published}")


def run_weights(options: argparse.Namespace) -> None:
    images = load_images("mnist", options.root)
    for name in options.names:
        preset = get_preset(name)
        config = replace(preset.config, device=options.device)
        model = preset.build(config.seed)
        fit(model, images, config)
        for parameter in model.parameters():
            parameter.data = parameter.data.half().float()  # what is shipped is what is measured
        notes = record(model, images, config, name)
        save_model(WEIGHTS / f"{name}.safetensors", model, notes, half=True)
        print(f"{name}: test distortion {notes['test_distortion']:.2f}, rate {notes['test_rate']:.2f} nats an image")


if __name__ == "__main__":
    sys.exit(main())
