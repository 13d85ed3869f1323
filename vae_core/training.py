"""Training: one visible step, one loop.

The data set lies on the device as 8-bit pixels; a step gathers a batch of it, computes rate and distortion,
and moves the weights. Nothing in the loop waits for the device except one look at the figures every
`log_every` steps. Every random number comes from the seed, so a run can be repeated, and one that was
killed can be resumed, to the bit.
"""

import csv
import hashlib
import io
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_
from tqdm import tqdm

from vae_core import backprop, checkpoint
from vae_core.adam import Adam
from vae_core.data import PIXELS, ImageSet, to_pixels
from vae_core.graphs import CapturedStep
from vae_core.losses import Elbo
from vae_core.metrics import evaluate
from vae_core.models import LatentModel, load_weights

TERMS = ("rate", "distortion", "gradient")


class Diverged(RuntimeError):
    """A loss or gradient became NaN or infinite; the message names the step and the term."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Two runs with equal configurations, models and data give equal weights on one machine.

    `beta` weighs the rate; `warmup_epochs` lets it rise from 0 (Bowman et al. 2016). `clip_norm` bounds the
    gradient's norm. `pixels` is "grey", "threshold" or "dynamic" (see `to_pixels`). `precision` is "fp32" or "bf16".
    `log_every` is how many steps may pass before the figures are looked at.
    """

    epochs: int = 10
    batch_size: int = 128
    lr: float = 1e-3
    seed: int = 0
    device: str = "auto"
    beta: float = 1.0
    warmup_epochs: float = 0.0
    clip_norm: float | None = None
    pixels: str = "grey"
    precision: str = "fp32"
    log_every: int = 100

    def check(self, images: ImageSet, model: LatentModel) -> None:
        """Refuse what cannot be trained.

        Raises:
            ValueError: names the setting, its value and what it must be.
        """
        for name in ("epochs", "batch_size", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        for name in ("lr", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}: it must be a positive number")
        for name in ("beta", "warmup_epochs"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 0 or more")
        for name, choices in {"pixels": PIXELS, "precision": ("fp32", "bf16")}.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(map(repr, choices))}")
        pick_device(self.device)
        if self.batch_size > len(images.train):
            limit = f"there are only {len(images.train)} training images"
            raise ValueError(f"batch_size is {self.batch_size} but {limit}: make it smaller")
        if images.input_dim != model.input_dim:
            sizes = f"{images.name} has {images.input_dim} numbers an image, the model takes {model.input_dim}"
            raise ValueError(f"{sizes}: build the model with input_dim={images.input_dim}")
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError("every weight of the model is frozen: set requires_grad_(True) on what is to be trained")

    def beta_at(self, step: int, steps_per_epoch: int) -> float:
        """β at a step counted from the start of training: a straight rise, then level."""
        warmup = self.warmup_epochs * steps_per_epoch
        return self.beta * min(1.0, (step + 1) / warmup) if warmup else self.beta


@dataclass
class History:
    """One row an epoch: mean train and test terms in nats per image, seconds, images a second.

    The train terms are averages over the epoch, taken while the weights move; the test terms are
    measured at its end, with z sampled. Seconds are those of training alone.
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    def __getitem__(self, column: str) -> list[float]:
        return [row[column] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, epoch: int, train: Elbo, test: Elbo, seconds: float, images: int) -> None:
        """Append the row of an epoch counted from 1; the terms are already means."""
        row: dict[str, float] = {"epoch": epoch}
        for part, terms in {"train": train, "test": test}.items():
            values = {"rate": terms.rate, "distortion": terms.distortion, "elbo": terms.elbo}
            row |= {f"{part}_{name}": float(value) for name, value in values.items()}
        self.rows.append(row | {"seconds": seconds, "images_per_second": images / seconds})

    def to_csv(self, path: str | Path) -> None:
        """Write the rows as CSV, whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]) if self.rows else [])
        writer.writeheader()
        writer.writerows(self.rows)
        checkpoint.write_atomically(Path(path), text.getvalue().encode())


def fit(
    model: LatentModel,
    images: ImageSet,
    config: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    save_every: int = 0,
    callback: Callable[[History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place and return its history.

    With `out`, a checkpoint is kept there: at each epoch's end, and every `save_every` steps where that is
    not 0; `resume` goes on from it. Under `torchrun` the batch is shared among the processes.
    `callback` gets the history after each epoch, for live plots.

    Raises:
        ValueError: a setting that cannot be, data of the wrong size, or a resume under other terms.
        Diverged: a loss or gradient that is not finite; the last good checkpoint stays as it was.
        KeyboardInterrupt: Ctrl-C, once the state is saved.
    """
    config = config or TrainConfig()
    config.check(images, model)
    run = Run(model, images, config, Path(out) if out else None)
    if resume:
        run.restore()
    with stop_on_interrupt() as stop:
        while run.epoch < config.epochs:
            batches = run.batches()
            start = run.position
            label = f"epoch {run.epoch + 1}/{config.epochs}"
            shown: dict[str, Any] = {} if progress else {"disable": True}  # unset, so that $TQDM_DISABLE still counts
            bar = tqdm(batches[start:], label, len(batches), initial=start, leave=False, **shown)
            for batch in bar:
                run.advance(batch)
                if run.position % config.log_every == 0:
                    bar.set_postfix(elbo=f"{run.look().elbo:.1f}")
                if stop.is_set() or (save_every and run.position % save_every == 0):
                    run.save()
                if stop.is_set():
                    raise KeyboardInterrupt(run.how_to_go_on())
            run.finish_epoch()
            if callback:
                callback(run.history)
    model.eval()
    return run.history


class Run:
    """A training run at one moment: all that a checkpoint holds, and the step that moves it on.

    Every process draws the noise of the whole batch from the same generator and keeps its own share, so
    that the result does not depend on how many processes there are.
    """

    def __init__(self, model: LatentModel, images: ImageSet, config: TrainConfig, out: Path | None):
        self.model, self.images, self.config, self.out = model, images, config, out
        self.workers = dist.get_world_size() if dist.is_initialized() else 1
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.device = pick_device(config.device)
        on_cuda = self.device.type == "cuda"
        model.to(self.device).train()
        self.objective: nn.Module = DistributedDataParallel(model) if self.workers > 1 else model
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = Adam(self.parameters, config.lr)
        self.optimizer.zero_grad()  # forget what the model may have brought along
        self.by_hand = self.workers == 1 and backprop.understands(model)
        self.generator = torch.Generator(self.device).manual_seed(derive_seed(config.seed, "noise"))
        self.pixels = images.train.flatten(1).to(self.device)
        self.beta = torch.zeros((), device=self.device)
        self.train_step: Callable[[Tensor], Tensor] = self.step
        if self.by_hand:
            self.train_step = torch.inference_mode()(self.step)  # nothing there is for autograd to record
        elif on_cuda and self.workers == 1:
            self.train_step = CapturedStep(self.step, self.generator)
        self.history = History()
        self.epoch = self.position = 0  # the batch to come: `position` counts within the epoch
        self.totals = dict.fromkeys(("rate", "distortion", "images", "seconds"), 0.0)
        self.noted: list[Tensor] = []  # figures still on the device
        self.clock = time.perf_counter()

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.pixels) / self.config.batch_size)

    def batches(self) -> tuple[Tensor, ...]:
        """This epoch's batches of image numbers: a permutation drawn from (seed, epoch) alone."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "order", self.epoch))
        order = torch.randperm(len(self.pixels), generator=generator)
        self.clock = time.perf_counter()
        return order.to(self.device).split(self.config.batch_size)

    def step(self, batch: Tensor) -> Tensor:
        """One step of gradient descent on the images of these numbers: -> (summed rate, summed distortion, norm)."""
        mine = slice(self.rank, None, self.workers)
        images = self.pixels.index_select(0, batch)
        x = to_pixels(images, self.config.pixels, generator=self.generator)[mine]
        shape = (len(batch), self.model.latent_dim)
        epsilon = torch.randn(shape, generator=self.generator, device=self.device)[mine]

        terms = self.backward(x, epsilon, len(batch))
        norm = vector_norm(torch.stack([vector_norm(gradient) for gradient in self.optimizer.gradients]))
        if self.config.clip_norm is not None:
            clip_grads_with_norm_(self.parameters, self.config.clip_norm, norm)
        self.optimizer.step()
        self.optimizer.zero_grad()  # the memory of the gradients, still warm, serves the next step's activations
        return torch.stack([terms.rate.detach().sum(), terms.distortion.detach().sum(), norm])

    def backward(self, x: Tensor, epsilon: Tensor, batch_size: int) -> Elbo:
        """Find the gradient of the batch's mean loss by every weight: -> the terms of each image, (B,)."""
        if self.by_hand:
            return backprop.backward(self.model, x, epsilon, self.beta, self.config.precision)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            terms: Elbo = self.objective(x, epsilon)
        loss = terms.loss(self.beta).sum() * (self.workers / batch_size)  # workers' gradients are averaged
        loss.backward()
        return terms

    def advance(self, batch: Tensor) -> None:
        """Take the step, and note its figures without waiting for them."""
        step = self.epoch * self.steps_per_epoch + self.position
        self.beta.fill_(self.config.beta_at(step, self.steps_per_epoch))
        self.noted.append(self.train_step(batch))
        self.totals["images"] += len(batch)
        self.position += 1

    def look(self) -> Elbo:
        """Wait for the noted figures, refuse any that is not finite, and return the epoch's means so far.

        Raises:
            Diverged: names the first bad step and term.
        """
        if self.noted:
            figures = torch.stack(self.noted).T.contiguous()  # (3, steps)
            if self.workers > 1:
                dist.all_reduce(figures[:2])
            first = self.position - len(self.noted)
            self.noted = []
            for position, values in enumerate(figures.T.tolist(), first + 1):
                for term, value in zip(TERMS, values, strict=True):
                    if not math.isfinite(value):
                        raise Diverged(self.what_diverged(term, value, position))
                self.totals["rate"] += values[0]
                self.totals["distortion"] += values[1]
        now = time.perf_counter()
        self.totals["seconds"] += now - self.clock
        self.clock = now
        images = self.totals["images"]
        return Elbo(torch.tensor(self.totals["rate"] / images), torch.tensor(self.totals["distortion"] / images))

    def what_diverged(self, term: str, value: float, position: int) -> str:
        where = f"step {position} of epoch {self.epoch + 1}: the {term} is {value}"
        kept = f"the last good checkpoint stands in {self.out}; " if self.out else ""
        clip = "" if self.config.clip_norm else " or set clip_norm=1.0"
        return f"{where}: {kept}lower the learning rate (now {self.config.lr:g}){clip}"

    def finish_epoch(self) -> None:
        """Close the epoch: measure on the test set, write the row, save."""
        train = self.look()
        test = evaluate(self.model, self.images.test, pixels=self.config.pixels, seed=self.config.seed)
        self.epoch += 1
        self.position = 0
        self.history.add(self.epoch, train, test, self.totals["seconds"], int(self.totals["images"]))
        self.totals = dict.fromkeys(self.totals, 0.0)
        self.save()

    @property
    def path(self) -> Path | None:
        return self.out / "checkpoint.safetensors" if self.out else None

    def terms(self) -> dict[str, Any]:
        """What must be equal for a resumed run to be the same run; more epochs or another device may be asked for."""
        config = {name: value for name, value in asdict(self.config).items() if name not in ("epochs", "device")}
        return {"config": config, "model": self.model.config, "data": self.images.sha256}

    def save(self) -> None:
        """Write everything the run needs to go on, once its figures are seen to be good."""
        if self.path is None:
            return
        if self.position:
            self.look()
        if self.rank == 0:
            tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
            tensors |= {f"optimizer.{name}": value for name, value in self.optimizer.state_dict().items()}
            tensors["generator"] = self.generator.get_state()
            moment = {"epoch": self.epoch, "position": self.position, "totals": self.totals}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.save(self.path, tensors, {**self.terms(), **moment, "history": self.history.rows})
        self.clock = time.perf_counter()

    def restore(self) -> None:
        """Go back to the moment of the last checkpoint, if there is one.

        Raises:
            ValueError: it was written under another configuration, model or data; the message names which.
        """
        if self.path is None:
            raise ValueError("resume needs out=, the folder that holds the run")
        if not self.path.exists():
            print(f"{self.path} is not there yet: starting from the first step", file=sys.stderr)
            return
        tensors, record = checkpoint.load(self.path)
        for name, now in flatten(self.terms()).items():
            then = flatten({key: record.get(key) for key in self.terms()}).get(name)
            if then != now:
                remedy = "resume it with its own settings, or start anew in another folder"
                raise ValueError(f"{self.path} was written with {name} = {then!r}, not {now!r}: {remedy}")
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "generator": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        load_weights(self.model, parts["model"], self.path)
        load_weights(self.optimizer, parts["optimizer"], self.path)
        self.generator.set_state(parts["generator"][""])
        self.epoch, self.position, self.totals = record["epoch"], record["position"], record["totals"]
        self.history.rows = record["history"]

    def how_to_go_on(self) -> str:
        where = f"stopped after step {self.position} of epoch {self.epoch + 1}"
        if self.out is None:
            return f"{where}; nothing was saved: pass out= to keep checkpoints"
        return f"{where}; saved in {self.out}: run the same again with --resume (resume=True) to go on"


def pick_device(name: str) -> torch.device:
    """The device of this name; "auto" takes a CUDA GPU, else Apple's, else the CPU.

    Raises:
        ValueError: a device that is not there, with the remedy.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"unknown device {name!r}: choose 'auto', 'cpu', 'cuda' or 'mps'") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name!r} but there is no CUDA GPU here: choose 'auto' or 'cpu'")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device is {name!r} but there is no Apple GPU here: choose 'auto' or 'cpu'")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return device


def derive_seed(*parts: int | str) -> int:
    """A seed of its own for each purpose, 63 bits from a hash of the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Within, a first Ctrl-C sets the event, so that the step under way ends; a second one stops at once.

    Only in a main thread, which alone gets signals, and in a process of its own: processes
    that stopped at different steps would wait for each other for ever.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread() or dist.is_initialized():
        yield stop
        return
    previous = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
