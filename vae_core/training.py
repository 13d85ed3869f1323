"""Training: one visible step, one loop.

The data set lies on the device as 8-bit pixels; a step gathers a batch of it, computes rate and distortion,
and moves the weights. Nothing in the loop waits for the device except one look at the figures every
`log_every` steps. Every random number comes from the seed, so a run can be repeated, and one that was
killed can be resumed, to the bit.
"""

import csv
import inspect
import io
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grads_with_norm_
from tqdm import tqdm

from vae_core.adam import Adam
from vae_core.checks import whole
from vae_core.data import PIXELS, ImageSet, check_images, to_pixels
from vae_core.fast import equip
from vae_core.files import write_atomically
from vae_core.likelihoods import as_json
from vae_core.losses import Elbo
from vae_core.machine import pick_device, stop_on_interrupt
from vae_core.metrics import evaluate
from vae_core.models import VAE, Autoencoder, LatentModel, check_model, evaluating
from vae_core.objectives import Objective
from vae_core.resume import check_size, derive_seed, how_to_go_on, load_run, save_run
from vae_core.runs import CHECKPOINT, check_folder, finish, note_epoch, opened

TERMS = ("rate", "distortion", "gradient")
MEASURES = tuple(f"{part}_{name}" for part in ("train", "test") for name in ("rate", "distortion", "elbo"))
COLUMNS = ("epoch", *MEASURES, "lr", "seconds", "images_per_second")
RISE = 0.3  # of a one-cycle schedule: the share of the steps in which the learning rate rises
FAR = 10.0  # times where it began, or nats a pixel: a loss beyond this is no sign of learning


class Diverged(RuntimeError):
    """A loss, gradient or weight is no longer finite, or the loss is far above where it began; the message says which."""


def _setting(default: Any, words: str) -> Any:
    """A setting with its words for the command line's help."""
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Two runs with equal configurations, models and data give equal weights on one machine.

    Sources: warm-up of β, Bowman et al. 2016; the one-cycle schedule, Smith & Topin 2019; the importance-weighted bound,
    Burda et al. 2015, eq. 8 and 14; free bits, Kingma et al. 2016.
    """

    epochs: int = _setting(10, "passes over the training images")
    batch_size: int = _setting(128, "images a step, over all processes")
    lr: float = _setting(1e-3, "learning rate of Adam; of a one-cycle schedule the highest")
    schedule: str = _setting("constant", "of the learning rate: constant or one-cycle")
    seed: int = _setting(0, "of the initial weights, the order of the images and the noise")
    device: str = _setting("auto", "auto, cpu, cuda or mps")
    beta: float = _setting(1.0, "weight of the rate")
    warmup_epochs: float = _setting(0.0, "epochs over which beta rises from 0")
    clip_norm: float | None = _setting(None, "bound on the gradient's norm")
    pixels: str = _setting("grey", f"one of {', '.join(PIXELS)}; see to_pixels")
    precision: str = _setting("fp32", "fp32 or bf16")
    objective: str = _setting("elbo", "elbo, or iwae: the importance-weighted bound")
    num_samples: int = _setting(1, "draws of z for each image and step")
    free_bits: float = _setting(0.0, "nats that each latent dimension's rate counts for at least")
    log_every: int = _setting(100, "steps between looks at the figures")

    def __post_init__(self) -> None:
        """NumPy's numbers and a torch.device become what config.json can hold."""
        vars(self).update({name: as_json(value) for name, value in vars(self).items() if isinstance(value, Real)})
        vars(self)["device"] = str(self.device) if isinstance(self.device, torch.device) else self.device

    def check(self, images: ImageSet, model: LatentModel) -> None:
        """Refuse what cannot be trained.

        Raises:
            ValueError: names the setting, its value and what it must be.
        """
        check_images(images)
        check_model("model", model)
        self.check_settings()
        self.check_objective(model)
        pick_device(self.device)
        if self.batch_size > len(images.train):
            limit = f"there are only {len(images.train)} training images"
            raise ValueError(f"batch_size is {self.batch_size} but {limit}: make it smaller")
        if images.input_dim != model.input_dim:
            sizes = f"{images.name} has {images.input_dim} numbers an image, the model takes {model.input_dim}"
            raise ValueError(f"{sizes}: build the model with input_dim={images.input_dim}")
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError("every weight of the model is frozen: set requires_grad_(True) on what is to be trained")
        dtype = next(model.parameters()).dtype
        if dtype != torch.float32:
            remedy = "model.float() makes them float32, and precision='bf16' then computes in fewer bits"
            raise ValueError(f"the model's weights are {dtype}, and only float32 is trained: {remedy}")
        check_encoder(model, to_pixels(images.train[:3]))
        self.check_last_batch(images, model)

    def check_settings(self) -> None:
        """Refuse what no model could be trained with; the message names the setting, its value and what it must be."""
        for setting in fields(self):
            name, kind, value = setting.name, setting.type, getattr(self, setting.name)
            if not isinstance(value, (kind, int)):  # pyright: ignore[reportArgumentType]
                words = f"it must be of type {inspect.formatannotation(kind)}, as in {name}={setting.default!r}"
                raise ValueError(f"{name} is {value!r}: {words}")
        atleast = {"epochs": 1, "batch_size": 1, "num_samples": 1, "log_every": 1}
        for name, least in {**atleast, "beta": 0, "warmup_epochs": 0, "free_bits": 0}.items():
            if not least <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be {least} or more")
        for name in ("lr", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}: it must be a positive number")
        known = {"pixels": PIXELS, "precision": ("fp32", "bf16"), "schedule": ("constant", "one-cycle")}
        for name, choices in {**known, "objective": ("elbo", "iwae")}.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(map(repr, choices))}")
        if not -(2**63) <= self.seed < 2**64:
            raise ValueError(f"seed is {self.seed}: it must be from -2**63 to 2**64 - 1, for PyTorch takes no other")

    @property
    def plain(self) -> bool:
        """Whether a step's loss is that of the model's own `forward`: of a VAE, the ELBO of one draw."""
        return (self.objective, self.num_samples, self.free_bits) == ("elbo", 1, 0)

    def check_objective(self, model: LatentModel) -> None:
        """Refuse an objective that the model or the other settings have no place for."""
        asked = {"objective": self.objective, "num_samples": self.num_samples, "free_bits": self.free_bits}
        usual = {"objective": "elbo", "num_samples": 1, "free_bits": 0}
        name = next((name for name in asked if asked[name] != usual[name]), "")
        if name and type(model).forward is not VAE.forward:
            what = f"{name} is {asked[name]!r}, but {type(model).__name__}"
            if isinstance(model, VAE):
                raise ValueError(f"{what}.forward is a loss of its own: let that draw and count, and leave {name} out")
            raise ValueError(f"{what} gives each image a point and draws no z: train a VAE, or leave {name} out")
        weighed = {"beta": (self.beta, 1), "warmup_epochs": (self.warmup_epochs, 0), "free_bits": (self.free_bits, 0)}
        for name, (value, plain) in weighed.items():
            if self.objective == "iwae" and value != plain:
                why = "the importance-weighted bound has no rate that could be weighed"
                raise ValueError(
                    f"{name} is {value} and objective 'iwae': {why}; leave {name} at {plain}, or train the 'elbo'"
                )

    def check_last_batch(self, images: ImageSet, model: LatentModel) -> None:
        """Refuse a last batch of one image in which batch normalisation would meet a single number, and so no spread."""

        def look(part: nn.Module, given: Any) -> None:
            if given[0].numel() == given[0].shape[1]:
                alone = f"batch_size is {self.batch_size}, which leaves the last of {len(images.train)} images alone"
                why = f"of one image a {type(part).__name__} has one number a channel, and cannot normalise it"
                raise ValueError(f"{alone}: {why}; choose a batch_size that leaves more")

        parts = [part for part in model.modules() if isinstance(part, _BatchNorm)]
        if not parts or (len(images.train) - 1) % self.batch_size:
            return
        hooks = [part.register_forward_pre_hook(look) for part in parts]
        try:
            with evaluating(model):
                x = to_pixels(images.train[:1]).to(model.device)
                model(x, x.new_zeros(1, model.latent_dim))
        finally:
            for hook in hooks:
                hook.remove()

    def beta_at(self, step: int, steps_per_epoch: int) -> float:
        """β at a step counted from the start of training: a straight rise, then level."""
        warmup = self.warmup_epochs * steps_per_epoch
        return self.beta * min(1.0, (step + 1) / warmup) if warmup else self.beta

    def lr_at(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate at a step: level, or over the whole run a straight rise to `lr` and half a cosine down."""
        if self.schedule == "constant":
            return self.lr
        done = (step + 0.5) / (self.epochs * steps_per_epoch)
        if done < RISE:
            return self.lr * done / RISE
        return self.lr * (0.5 + 0.5 * math.cos(math.pi * (done - RISE) / (1 - RISE)))


@dataclass
class History:
    """One row an epoch: mean train and test terms in nats per image, learning rate, seconds, images a second.

    The train terms are averages over the epoch, taken while the weights move; the test terms are
    measured at its end, with z sampled. Both are the ELBO's under any objective, so under "iwae" the bound that is
    trained is −(rate + distortion) or more. The learning rate is that of its last step. Seconds are those of training alone.
    """

    rows: list[dict[str, float]] = field(default_factory=list)  # of one that was resumed, as JSON ordered its columns

    def __getitem__(self, column: str) -> list[float]:
        return [row[column] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, epoch: int, train: Elbo, test: Elbo, lr: float, seconds: float, images: int) -> None:
        """Append the row of an epoch counted from 1; the terms are already means."""
        row: dict[str, float] = {"epoch": epoch}
        for part, terms in {"train": train, "test": test}.items():
            values = {"rate": terms.rate, "distortion": terms.distortion, "elbo": terms.elbo}
            row |= {f"{part}_{name}": float(value) for name, value in values.items()}
        self.rows.append(row | {"lr": lr, "seconds": seconds, "images_per_second": images / seconds})

    def to_csv(self, path: str | Path) -> None:
        """Write the rows as CSV, whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=COLUMNS if self.rows else ())
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(Path(path), text.getvalue().encode())


def fit(
    model: LatentModel,
    images: ImageSet,
    config: TrainConfig | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    save_every: int = 0,
    callback: Callable[[LatentModel, History], object] | None = None,
    progress: bool = True,
    about: dict[str, Any] | None = None,
) -> History:
    """Train `model` in place and return its history. However it ends, the model is left in evaluation mode.

    With `out`, that folder gets config.json (to which `about` adds), at each epoch's end a row of history.csv and a
    checkpoint, one also every `save_every` steps where that is not 0, and in the end model.safetensors and picture.png.
    A run that is there already is refused, unless `resume` goes on with it, also under another `lr` or with more
    `epochs`, or `overwrite` throws it away. (A model that is trained already starts a run of its own; and what a layer
    of your own draws, such as dropout, comes from PyTorch's own generator, which no run keeps.) Under `torchrun` the
    batch is shared among the processes. `callback(model, history)` is called after each epoch; if it returns True, the
    run ends there in good order.

    Raises:
        ValueError: a setting that cannot be, no images or model that go with it, a folder with a run, or a resume under other ones.
        Diverged: figures that are no sign of learning; the last good checkpoint stays as it was.
        KeyboardInterrupt: Ctrl-C, once the state is saved.
    """
    config = TrainConfig() if config is None else config
    if not isinstance(config, TrainConfig):
        raise ValueError(f"config is {config!r}, and a TrainConfig is needed, as in TrainConfig(epochs=3)")
    config.check(images, model)
    whole("save_every", save_every, 0)
    check_callback(callback)
    folder = Path(out) if out else None
    if folder:
        check_folder(folder, resume, overwrite)
    run = Run(model, images, config, folder)
    if folder:
        check_size(run)
    shown: dict[str, Any] = {} if progress else {"disable": True}  # unset, so that $TQDM_DISABLE still counts
    try:
        if resume:
            load_run(run)
        steps = config.epochs * run.steps_per_epoch
        with (
            opened(run, overwrite, about or {}),
            stop_on_interrupt() as stop,
            tqdm(total=steps, initial=run.number, leave=False, **shown) as bar,
        ):
            for _ in run.steps():
                if run.position == 0:  # an epoch has ended
                    bar.clear()
                    note_epoch(run)
                    if run.any_says(callback and callback(model, run.history)):
                        break
                    continue
                bar.update()
                if run.position % config.log_every == 0:
                    bar.set_postfix(epoch=f"{run.epoch + 1}/{config.epochs}", elbo=f"{run.look().elbo:.1f}")
                if stop.is_set() or (save_every and run.position % save_every == 0):
                    run.save()
                if stop.is_set():
                    raise KeyboardInterrupt(how_to_go_on(run))
        finish(run)
    finally:
        model.eval()
        model.zero_grad()
    return run.history


def check_callback(callback: Any) -> None:
    """Refuse before an epoch is trained what could not be called after it.

    Raises:
        ValueError: it does not take a model and a history.
    """
    try:
        if callback is not None:
            inspect.signature(callback).bind("model", "history")
    except TypeError as error:
        name = getattr(callback, "__name__", repr(callback))
        raise ValueError(f"callback is {name}, which cannot be called as callback(model, history): {error}") from error


class Run:
    """A training run at one moment: all that a checkpoint holds, and the step that moves it on.

    Every process draws the noise of the whole batch from the same generator and keeps its own share, so
    that the result does not depend on how many processes there are. Batch normalisation does: it sees its share alone.
    """

    def __init__(self, model: LatentModel, images: ImageSet, config: TrainConfig, out: Path | None):
        self.model, self.images, self.config = model, images, config
        self.path = out / CHECKPOINT if out else None
        self.workers = dist.get_world_size() if dist.is_initialized() else 1
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.device = pick_device(config.device)
        model.to(self.device)
        objective = model if config.plain else Objective(model, config.objective, config.free_bits)
        self.objective: nn.Module = DistributedDataParallel(objective) if self.workers > 1 else objective
        self.optimizer = Adam([weight for weight in model.parameters() if weight.requires_grad], config.lr)
        self.optimizer.zero_grad()  # forget what the model may have brought along
        self.generator = torch.Generator(self.device).manual_seed(derive_seed(config.seed, "noise"))
        self.pixels = images.train.flatten(1).to(self.device)
        self.steps_per_epoch = math.ceil(len(self.pixels) / config.batch_size)
        self.beta = torch.zeros((), device=self.device)
        self.history = History()
        self.epoch = self.position = 0  # the batch to come: `position` counts within the epoch
        self.totals: dict[str, float] = dict.fromkeys(("rate", "distortion", "loss", "images", "seconds"), 0.0)
        self.noted: list[Tensor] = []  # figures still on the device
        self.began: float | None = None  # the loss of the first step
        self.saved = False  # whether there is a checkpoint of this run
        if self.workers > 1 and self.rank == 0 and any(isinstance(part, nn.BatchNorm2d) for part in model.modules()):
            why = "batch normalisation sees one process's share of a batch"
            print(f"{why}: the figures will not be quite those of one process", file=sys.stderr)
        self.get_ready()

    @property
    def number(self) -> int:
        """How many steps have been taken since the start of training."""
        return self.epoch * self.steps_per_epoch + self.position

    def get_ready(self) -> None:
        """At the start of every epoch, for a callback may have changed the model's mode or parts."""
        self.model.train()
        equip(self)  # an option: the same steps, taken faster

    def steps(self) -> Iterator[None]:
        """Go on to the end of the run. Pauses after each step and, with `position` 0, after each epoch."""
        while self.epoch < self.config.epochs:
            self.get_ready()
            for batch in self.batches()[self.position :]:
                self.advance(batch)
                if self.position % self.config.log_every == 0:
                    self.look()
                yield
            self.finish_epoch()
            yield

    def batches(self) -> tuple[Tensor, ...]:
        """This epoch's batches of image numbers: a permutation drawn from (seed, epoch) alone."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "order", self.epoch))
        order = torch.randperm(len(self.pixels), generator=generator)
        return order.to(self.device).split(self.config.batch_size)

    def advance(self, batch: Tensor) -> None:
        """Take the step, and note its figures without waiting for them."""
        start = time.perf_counter()
        self.beta.fill_(self.config.beta_at(self.number, self.steps_per_epoch))
        self.optimizer.lr.fill_(self.config.lr_at(self.number, self.steps_per_epoch))
        self.noted.append(self.step(batch))
        self.totals["images"] += len(batch)
        self.position += 1
        self.totals["seconds"] += time.perf_counter() - start

    def step(self, batch: Tensor) -> Tensor:
        """One step of gradient descent on the images of these numbers: -> (summed rate, summed distortion, norm)."""
        mine = slice(self.rank, None, self.workers)
        images = self.pixels.index_select(0, batch)
        x = to_pixels(images, self.config.pixels, generator=self.generator)[mine]
        shape = (self.config.num_samples, len(batch), self.model.latent_dim)
        epsilon = torch.randn(shape, generator=self.generator, device=self.device)[:, mine]
        if self.config.plain:
            epsilon = epsilon[0]

        terms = self.backward(x, epsilon, len(batch))
        norm = vector_norm(torch.stack([vector_norm(gradient) for gradient in self.optimizer.gradients]))
        if self.config.clip_norm is not None:
            clip_grads_with_norm_(self.optimizer.weights, self.config.clip_norm, norm)
        self.optimizer.step()
        self.optimizer.zero_grad()  # the memory of the gradients, still warm, serves the next step's activations
        return torch.stack([terms.rate.detach().sum(), terms.distortion.detach().sum(), norm])

    def backward(self, x: Tensor, epsilon: Tensor, batch_size: int) -> Elbo:
        """Find the gradient of the batch's mean loss by every weight: -> the terms of each image, (B,)."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            if self.config.plain:
                terms: Elbo = self.objective(x, epsilon)
                check_terms(self.model, terms, len(x))
                loss = terms.loss(self.beta)
            else:
                terms, loss = self.objective(x, epsilon, self.beta, batch_size)
        (loss.sum() * (self.workers / batch_size)).backward()  # workers' gradients are averaged
        return terms

    def any_says(self, stop: object) -> bool:
        """Whether one of the processes wants to stop: they do so together, or would wait for each other for ever."""
        if self.workers == 1:
            return bool(stop)
        wishes = torch.tensor(float(bool(stop)), device=self.device)
        dist.all_reduce(wishes)
        return bool(wishes)

    def look(self) -> Elbo:
        """Wait for the noted figures, refuse what is no sign of learning, and return the epoch's means so far.

        Raises:
            ValueError: the epoch's first step has not been taken.
            Diverged: names the first bad step and term.
        """
        if not self.totals["images"]:
            raise ValueError(f"there is nothing to look at: epoch {self.epoch + 1} has not had a step yet")
        start = time.perf_counter()
        if self.noted:
            figures = torch.stack(self.noted).T.contiguous()  # (3, steps)
            if self.workers > 1:
                dist.all_reduce(figures[:2])
            first = self.number - len(self.noted)
            self.noted = []
            for number, values in enumerate(figures.T.tolist(), first):
                self.count(number, *values)
        self.totals["seconds"] += time.perf_counter() - start
        rate, distortion, loss = (self.totals[name] / self.totals["images"] for name in ("rate", "distortion", "loss"))
        self.refuse_far(loss, "the mean loss")
        return Elbo(torch.tensor(rate), torch.tensor(distortion))

    def count(self, number: int, rate: float, distortion: float, gradient: float) -> None:
        """Add a step's figures to the epoch's, once they are seen to be finite."""
        for term, value in zip(TERMS, (rate, distortion, gradient), strict=True):
            if not math.isfinite(value):
                step = number - self.epoch * self.steps_per_epoch + 1
                raise Diverged(self.what_diverged(f"step {step} of epoch {self.epoch + 1}: the {term} is {value}"))
        loss = distortion + self.weight_at(number) * rate
        if self.began is None:
            self.began = loss / self.config.batch_size
        for name, value in {"rate": rate, "distortion": distortion, "loss": loss}.items():
            self.totals[name] += value

    def weight_at(self, number: int) -> float:
        """What the rate counts for in `refuse_far`: β, but no more than 1, for a large β makes a large loss of a small rate."""
        return min(1.0, self.config.beta_at(number, self.steps_per_epoch))

    def refuse_far(self, loss: float, what: str) -> None:
        """Refuse a loss that is not finite, or so far above that of the first step that the network knows less than nothing.

        Before its first step a network's loss is about a nat a pixel. Ten times that, and ten times where this run began,
        is reached by no run that learns.
        """
        began = self.began or 0.0
        if not loss <= FAR * max(abs(began), self.model.input_dim):
            where = f"epoch {self.epoch + 1}: {what} is {loss:.4g} nats an image, and began at {began:.4g}"
            raise Diverged(self.what_diverged(where))

    def what_diverged(self, where: str) -> str:
        kept = f"the last good checkpoint stands in {self.path.parent}; " if self.saved and self.path else ""
        clip = "" if self.config.clip_norm else " or set clip_norm=1.0"
        return f"{where}: {kept}lower the learning rate (now {self.config.lr:g}){clip}"

    def finish_epoch(self) -> None:
        """Close the epoch: measure on the test set, write the row, save.

        Raises:
            Diverged: training or test figures that are no sign of learning; nothing is written or saved.
        """
        train = self.look()
        test = evaluate(self.model, self.images.test, pixels=self.config.pixels, seed=self.config.seed)
        self.refuse_far(float(test.loss(self.weight_at(self.number - 1))), "the test loss")
        lr = self.config.lr_at(self.number - 1, self.steps_per_epoch)
        self.epoch += 1
        self.position = 0
        seconds, images = self.totals["seconds"], int(self.totals["images"])
        self.history.add(self.epoch, train, test, lr, seconds, images)
        self.totals = dict.fromkeys(self.totals, 0.0)
        self.save()

    def save(self) -> None:
        """Write everything the run needs to go on, once its figures and weights are seen to be good."""
        if self.path is None:
            return
        if self.position:
            self.look()
        for name, value in self.model.state_dict().items():
            if not value.isfinite().all():
                raise Diverged(self.what_diverged(f"after step {self.number}: {name} is not finite"))
        if self.rank == 0:
            save_run(self, self.path)
        self.saved = True


def check_encoder(model: LatentModel, x: Tensor) -> None:
    """See that a model's encoder, which may be somebody's own, gives what the book's `forward` takes: x (B, D).

    Raises:
        ValueError: not one code (B, L), or of a VAE not a mean and a log variance (B, L).
    """
    parts = {Autoencoder.forward: 1, VAE.forward: 2}.get(type(model).forward)
    if parts is None:  # one's own, which may take what it likes
        return
    with evaluating(model):
        encoded: Any = model.encoder(x.to(model.device))
    several = isinstance(encoded, tuple | list) or getattr(encoded, "ndim", 2) == 3
    shapes = [tuple(getattr(part, "shape", ())) for part in (encoded if several else [encoded])]
    if shapes != [(len(x), model.latent_dim)] * parts:
        words = ("one code", "mean and log_var, two tensors as h.chunk(2, dim=-1) makes them,")[parts - 1]
        wanted = f"it must return {words} of shape {(len(x), model.latent_dim)}"
        kind = f"{type(model.encoder).__name__}, the encoder,"
        raise ValueError(f"{kind} returned {type(encoded).__name__} of shapes {shapes} for {len(x)} images: {wanted}")


def check_terms(model: LatentModel, terms: Any, count: int) -> None:
    """See that a model's `forward`, which may be somebody's own, gave what the loss is made of.

    Raises:
        ValueError: no Elbo, or not a rate and a distortion for each of the `count` images.
    """
    wanted = f"an Elbo(rate, distortion) of vae_core.losses, each of shape ({count},), one number an image"
    if not isinstance(terms, Elbo):
        raise ValueError(f"{type(model).__name__}.forward returned a {type(terms).__name__}: it must return {wanted}")
    shapes = [tuple(term.shape) for term in terms]
    if shapes != [(count,), (count,)]:
        raise ValueError(f"{type(model).__name__}.forward returned terms of shapes {shapes}: it must return {wanted}")
