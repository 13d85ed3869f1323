"""The command line: python -m vae_core train | evaluate | presets | weights.

`train` keeps a whole run in one folder: config.json, history.csv, checkpoint.safetensors to resume from,
model.safetensors to use, and picture.png to look at. Under torchrun it trains on several processes.
"""

import argparse
import io
import math
import os
import shlex
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch.distributed as dist

from vae_core.data import ImageSet, load_images
from vae_core.likelihoods import DiscretizedLogistic, bits_per_dimension
from vae_core.machine import join_workers, pick_device
from vae_core.metrics import evaluate, log_likelihood
from vae_core.models import VAE, ConditionalVAE, LatentModel
from vae_core.presets import PRESETS, SHIPPED, Preset, build_seeded, get_preset
from vae_core.runs import CHECKPOINT, FILES, MODEL, check_folder, read_settings, record
from vae_core.saving import WEIGHTS, load_model, load_pretrained, save_model
from vae_core.sources.sizes import usual_size
from vae_core.training import Diverged, History, TrainConfig, fit

USUAL, OF_PICTURES = "classic-400-20", "photos"  # presets where none is named
COLOUR = ("cifar10", "cifar10-jpeg")  # what `colour` finds, where it does not make do with patches
SETS = ("mnist", "fashion-mnist", "digits", "colour", "patches")  # found by their name alone
LARGEST = 64  # pixels across, unless --size asks for more
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
    train.add_argument("--preset", help=f"see the command presets ({USUAL}; for a folder of pictures, {OF_PICTURES})")
    train.add_argument("--latent-dim", type=int, metavar="INT", help="latent dimensions (the preset's)")
    train.add_argument("--hidden-dims", type=sizes, metavar="INT,INT", help="sizes of dense layers (the preset's)")
    train.add_argument("--out", type=Path, help="folder of the run (runs/PRESET; for pictures, runs/ and their folder)")
    train.add_argument(
        "--resume", action="store_true", help="go on with the run in that folder, under its own settings"
    )
    train.add_argument("--overwrite", action="store_true", help="throw away the run in that folder")
    train.add_argument("--save-every", type=int, metavar="STEPS", help="save within epochs too")
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
    measure.add_argument("--pixels", help=f"{HELP['pixels']} (the run's, or grey)")
    measure.add_argument("--device", default="auto", help=HELP["device"])
    add_data(measure)

    listing = commands.add_parser("presets", help="list the presets", allow_abbrev=False)
    listing.set_defaults(run=run_presets)

    weights = commands.add_parser("weights", help="train the weights the book ships with", allow_abbrev=False)
    weights.set_defaults(run=run_weights)
    weights.add_argument("names", nargs="*", default=SHIPPED, metavar="NAME", help="which (all of them)")
    weights.add_argument("--epochs", type=int, metavar="INT", help=f"{HELP['epochs']} (the preset's)")
    weights.add_argument("--device", default="cpu", help=HELP["device"])
    weights.add_argument("--root", type=Path, help="folder of the data")
    return top


def add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        help="mnist, fashion-mnist, digits, colour, patches or folder (the run's; else folder for a --root of pictures, or mnist)",
    )
    command.add_argument("--root", type=Path, help="folder of the data (the run's)")
    command.add_argument("--size", type=int, help=f"pixels across of a folder's pictures (their own, up to {LARGEST})")


def sizes(text: str) -> list[int]:
    """Numbers between commas."""
    return [int(part) for part in text.split(",")]


def run_train(options: argparse.Namespace) -> None:
    restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0  # by torchrun, after a worker was lost
    resume, overwrite = options.resume or restarted, options.overwrite and not restarted
    if not resume:
        take_for_pictures(options)
    out = options.out or default_folder(options)
    check_folder(out, resume, overwrite)
    then = read_settings(out) if resume else {}
    if resume and not then and "WORLD_SIZE" not in os.environ:  # torchrun says --resume from the start
        raise ValueError(f"{out} holds no run to resume: leave --resume out, or name the folder with --out")
    about, name = origin(options, then), pick_preset(options, then, out)
    if name:
        about = {"preset": name, **about}
    images, preset = read_images(about)
    model, config = plan(options, then, preset, images)
    config.check(images, model)
    if options.save_every is not None:
        about["save_every"] = options.save_every
    leader = int(os.environ.get("RANK", "0")) == 0
    if leader:
        introduce(images, model, config, out)
    if "WORLD_SIZE" in os.environ:
        join_workers(config.device)

    def report(model: LatentModel, history: History) -> None:
        row = history.rows[-1]
        if leader:
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
            overwrite=overwrite,
            save_every=about.get("save_every", then.get("save_every", 0)),
            callback=report,
            progress=leader,
            about=about,
        )
        if leader:
            say_what_next(out, config)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def default_folder(options: argparse.Namespace) -> Path:
    of_pictures = options.data == "folder" and options.root and not options.preset
    return Path("runs") / (options.root.resolve().name if of_pictures else options.preset or USUAL)


def pick_preset(options: argparse.Namespace, then: dict[str, Any], out: Path) -> str | None:
    """The preset asked for, the run's (none, if it was started from Python), or the one for such data."""
    if then:
        if options.preset not in (None, then.get("preset")):
            raise ValueError(f"{out} was started with preset = {then.get('preset')!r}, not {options.preset!r}")
        return then.get("preset")
    return options.preset or (OF_PICTURES if options.data == "folder" else USUAL)


def plan(options: argparse.Namespace, then: dict[str, Any], preset: Preset | None, images: ImageSet) -> Any:
    """The model and the settings: those of the run `then`, else the preset's, but for what is asked for."""
    names = [field.name for field in fields(TrainConfig)]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    config = TrainConfig() if preset is None else preset.config_for(images)
    config = replace(config, **{**{name: then[name] for name in names if name in then}, **given})
    config.check_settings()  # of which the seed makes the model
    asked = {
        name: getattr(options, name) for name in ("latent_dim", "hidden_dims") if getattr(options, name) is not None
    }
    model = then.get("model") or (preset.model if preset else {})
    for name in set(asked) - set(model):
        raise ValueError(f"{name} is {asked[name]}, but a {model['model']} has none: choose a preset of dense layers")
    if preset and "model" not in then:
        return replace(preset, model=model | asked).build(config.seed, images), config
    return build_seeded(model | asked, config.seed), config


def take_for_pictures(options: argparse.Namespace) -> None:
    """A --root without --data: a folder of pictures, unless it holds a set as torchvision lays it out."""
    if (
        options.root
        and not options.data
        and not any((options.root / name).is_dir() for name in ("MNIST", "FashionMNIST"))
    ):
        options.data = "folder"


def origin(options: argparse.Namespace, then: dict[str, Any]) -> dict[str, Any]:
    """Which images: those asked for, else those of the run `then`, else MNIST. `images` is what a run from Python says."""
    trained_on = then.get("images", "mnist")
    data = options.data or then.get("data") or ("colour" if trained_on in COLOUR else trained_on)
    if not options.data and "data" not in then and data not in SETS:
        where = f"it was trained from Python, on images named {data!r}"
        raise ValueError(f"{where}: go on with them there, or name a set or a folder with --data")
    if data == "digits" and options.root:
        raise ValueError("--root is where images lie, and the digits come with scikit-learn: leave it or --data out")
    root = options.root.resolve() if options.root else then.get("root")
    about = {"data": data, "root": str(root) if root else None}
    if data == "folder":
        size = options.size if options.size is not None else then.get("size")
        about["size"] = usual_size(root, LARGEST) if size is None else size
    elif options.size is not None:
        raise ValueError(f"--size is for a folder of pictures, and this is {data}: leave it out, or name one by --root")
    return about


def read_images(about: dict[str, Any]) -> tuple[ImageSet, Preset | None]:
    """The images as the run's preset wants them, and that preset; a run from Python has none."""
    preset = get_preset(about["preset"]) if "preset" in about else None
    images = load_images(about["data"], about["root"], size=about.get("size", 32))
    return preset.prepare(images) if preset else images, preset


def introduce(images: ImageSet, model: LatentModel, config: TrainConfig, out: Path) -> None:
    """Say what will be trained on what, before it takes its time."""
    if not images.name.startswith("folder "):  # of which its reader has said the same
        counts = f"{len(images.train):,} images to learn from, {len(images.test):,} to test with"
        print(f"{images.name}: {counts}, {' × '.join(map(str, images.train.shape[1:]))}")
    weights = sum(weight.numel() for weight in model.parameters())
    what = f"{type(model).__name__} with {model.latent_dim} latent dimensions and {weights:,} weights"
    steps = math.ceil(len(images.train) / config.batch_size)
    print(f"{what}: {config.epochs} epochs of {steps} steps, into {out}", flush=True)


def say_what_next(out: Path, config: TrainConfig) -> None:
    """What lies in the folder, and what to type next."""
    folder = shlex.quote(str(out))
    print(f"saved in {out}: {', '.join(name for name in FILES if (out / name).exists())}")
    print(f"to measure it:    python -m vae_core evaluate {folder}")
    if config.schedule == "constant":
        print(f"to train it more: python -m vae_core train --resume --out {folder} --epochs {2 * config.epochs}")
    print(f"in Python:        model = vae_core.load_model({str(out / MODEL)!r})")


def in_words(model: Any, rate: Any, distortion: Any) -> str:
    """What was measured of a model, in nats an image: of an autoencoder the distortion, for it has no ELBO."""
    if not isinstance(model, VAE):
        return f"distortion {distortion:.2f}"
    cost = rate + distortion
    return f"−ELBO {cost:.2f}  rate {rate:.2f}  distortion {distortion:.2f}{as_bits(model, cost)}"


def as_bits(model: VAE, nats: Any) -> str:
    """The same cost in bits, for pixels of 256 levels: a density's would hang on the noise that is added to them."""
    if not isinstance(model.likelihood, DiscretizedLogistic):
        return ""
    pixels = model.input_dim - (model.code_dim - model.latent_dim)  # and not the class that a model is told with them
    return f", {bits_per_dimension(nats, pixels):.3f} bits a pixel and channel"


def run_evaluate(options: argparse.Namespace) -> None:
    path = Path(options.model)
    folder = path if path.is_dir() else path.parent
    then = read_settings(folder) if path.is_dir() or path.name in FILES else {}
    if path.is_dir():
        path = folder / (MODEL if (path / MODEL).exists() else CHECKPOINT)
    if not path.is_file() and (path.suffix or len(path.parts) > 1):  # a place, and no name of weights
        raise ValueError(f"{path} is not there: name a .safetensors file, a run's folder, or shipped weights")
    model = load_model(path) if path.is_file() else load_pretrained(options.model)
    model.to(pick_device(options.device))
    if "data_sha256" in model.record:
        then = {"images": model.record["data"], **then}
    if "data" not in then:
        take_for_pictures(options)
    about, pixels = origin(options, then), options.pixels or then.get("pixels", "grey")
    loaded, _ = read_images({**about, "preset": then["preset"]} if "preset" in then else about)
    size = model.config.get("size", 0)  # of a ConvVAE, which may have seen its images in a frame
    images = loaded.padded(size) if size > loaded.test.shape[-1] else loaded
    if isinstance(model, ConditionalVAE) and images.input_dim + model.classes == model.input_dim:
        images = images.with_classes(model.classes)
    known = model.record.get("data_sha256")  # of a run's own images; of shipped weights, of the set they came from
    if known and not options.data and known not in (loaded.sha256, images.sha256):
        print(
            "these are not quite the images of that run: some of the test part may have been trained on",
            file=sys.stderr,
        )
    found = [in_words(model, *evaluate(model, images.test, num_samples=options.num_samples, pixels=pixels))]
    if options.importance_samples:
        count = options.importance_samples
        bound = log_likelihood(model, images.test, num_samples=count, pixels=pixels)
        found.append(f"−log p(x) at most {-bound:.2f}{as_bits(model, -bound)} with {count} importance samples")
    what = f"{options.model} on {len(images.test):,} test images of {images.name}"
    kind = "colour" if pixels == "grey" and images.test.shape[1] == 3 else pixels
    print(f"{what}, {kind} pixels, nats an image", *found, sep="\n")


def run_presets(_: argparse.Namespace) -> None:
    for name, preset in PRESETS.items():
        config = preset.config
        rate = f"lr {config.lr:g} {config.schedule}"
        length = f"{preset.steps:,} steps" if preset.steps else f"{config.epochs} epochs"
        print(f"{name:18s} {preset.source}\n{'':18s} {length}, batch {config.batch_size}, {rate}")
        if preset.published:
            print(f"{'':18s} published: {preset.published}")
    print("\nvae-N, ae-N, ae-N-bernoulli   with N latent dimensions, such as vae-12")
    print("beta-B, beta-B-gaussian       a small VAE whose rate is weighted by B, such as beta-0.5")


def run_weights(options: argparse.Namespace) -> None:
    presets = {name: get_preset(name) for name in options.names}  # a name that is none is refused before any is trained
    sets = {data: load_images(data, options.root) for data in dict.fromkeys(preset.data for preset in presets.values())}
    for name, preset in presets.items():
        images = sets[preset.data]
        config = replace(preset.config, device=options.device, epochs=options.epochs or preset.config.epochs)
        model, prepared = preset.build(config.seed), preset.prepare(images)
        fit(model, prepared, config)
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())  # what is shipped is what is measured
        terms = evaluate(model, prepared.test, pixels=config.pixels, seed=config.seed)
        notes = record(model, images, {"preset": name, **asdict(config)}, terms)
        save_model(WEIGHTS / f"{name}.safetensors", model, notes, half=True)
        print(f"{name}: test distortion {notes['test_distortion']:.2f}, rate {notes['test_rate']:.2f} nats an image")


if __name__ == "__main__":
    sys.exit(main())
