"""The trainer, a textbook loop and the bare matrix products, side by side in one run.

    python benchmarks/bench.py            # or: make bench

Same network (784–400–20), batch (128) and seeds; they take turns, an epoch each, so that a machine that slows down slows
all of them. Two questions. How long is an epoch: with the same Adam at 1e-3, `fit` in float32 and in its opt-in bfloat16? And
how soon is a quality reached: the test −ELBO of the textbook loop's last epoch, by `fit` with a one-cycle schedule?
Writes results/DEVICE.json, results/table.md and results/time_to_quality.png.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from vae_core import ImageSet, TrainConfig, fit, load_images
from vae_core.machine import pick_device
from vae_core.metrics import evaluate
from vae_core.presets import PRESETS
from vae_core.training import Run

try:
    from vae_core.fast.backprop import in_float32
except ImportError:  # the option is not there: `fit` makes its products as PyTorch does
    in_float32 = F.linear

RESULTS = Path(__file__).parent / "results"
SEEDS = (0, 1, 2)
ONE_CYCLE = {"epochs": 4, "lr": 0.01, "schedule": "one-cycle"}
SOONER = "textbook / fit one-cycle, to the same −ELBO"
TARGETS = {  # of the tasks this engine was built to
    "textbook / fit": {"cpu": "at least 3.5", "cuda": "at least 60"},
    "fit / floor": {"cpu": "at most 1.8"},
    SOONER: {"cpu": "at least 8, 6 on a busy machine"},
    "ten epochs, s": {"cuda": "at most 1.0"},
    "test −ELBO": {"cpu": "at most 106.0", "cuda": "at most 106.0"},
    "peak memory, MB": {"cpu": "at most 500"},
}


class Arm(Protocol):
    """One who takes turns: `epochs` in all."""

    epochs: int

    def epoch(self) -> float:
        """Train for an epoch: the seconds it took, measurements left out."""
        ...

    def test_loss(self) -> float | None:
        """The mean −ELBO over the test images, z sampled; None of what learns nothing."""
        ...


class OneByOne(Dataset):
    """Images served as torchvision's own MNIST serves them: one PIL image, one ToTensor, one label at a time."""

    def __init__(self, images: Tensor, labels: Tensor):
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index, 0].numpy())
        return to_tensor(picture), int(self.labels[index])


class TextbookVAE(nn.Module):
    """784–400–20 as a tutorial writes it, of plain `nn.Linear`."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.posterior = nn.Linear(784, 400), nn.Linear(400, 40)
        self.widen, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_var = self.posterior(F.relu(self.hidden(x))).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return torch.sigmoid(self.pixels(F.relu(self.widen(z)))), mean, log_var


class Textbook:
    """The loop most people write first: a DataLoader, plain Adam, the loss read after every step."""

    def __init__(self, images: ImageSet, config: TrainConfig, device: torch.device):
        self.device, self.epochs, self.seed, self.test = device, config.epochs, config.seed, images.test
        torch.manual_seed(config.seed)
        self.loader = DataLoader(OneByOne(images.train, images.train_labels), config.batch_size, shuffle=True)
        self.model = TextbookVAE().to(device)
        self.twin = PRESETS["classic-400-20"].build(config.seed).to(device)  # the same weights, for `evaluate`
        copy_weights(self.twin, self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.lr)

    def epoch(self) -> float:
        start = time.perf_counter()
        total = 0.0
        self.model.train()
        for pictures, _ in self.loader:
            x = pictures.to(self.device).flatten(1)
            self.optimizer.zero_grad()
            pixels, mean, log_var = self.model(x)
            distortion = F.binary_cross_entropy(pixels, x, reduction="sum")
            rate = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
            loss = (distortion + rate) / len(x)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return time.perf_counter() - start

    def test_loss(self) -> float:
        """Measured as `fit` measures its own, with the same noise."""
        copy_weights(self.model, self.twin)
        return -float(evaluate(self.twin, self.test, seed=self.seed).elbo)


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give `target` the weights of `source`, layer by layer in order."""
    for ours, theirs in zip(source.parameters(), target.parameters(), strict=True):
        theirs.copy_(ours)


class Ours:
    """`fit`, driven an epoch at a time."""

    def __init__(self, images: ImageSet, config: TrainConfig):
        self.epochs = config.epochs
        self.run = Run(PRESETS["classic-400-20"].build(config.seed), images, config, None)
        self.steps = self.run.steps()

    def epoch(self) -> float:
        for _ in self.steps:
            if self.run.position == 0:
                break
        return self.run.history["seconds"][-1]

    def test_loss(self) -> float:
        return -self.run.history["test_elbo"][-1]


class Floor:
    """The matrix products of one step of the same network, forward and backward, as `fit` makes them, and nothing else."""

    def __init__(self, model: nn.Module, images: ImageSet, config: TrainConfig, device: torch.device):
        self.device, self.count, self.batch_size = device, len(images.train), config.batch_size
        self.epochs, batch_size = config.epochs, config.batch_size
        self.product = in_float32 if device.type == "cpu" else F.linear
        layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        self.products: list[tuple[Tensor, Tensor]] = []  # pairs whose product is left · rightᵀ
        for layer in layers:
            inputs, outputs = layer.in_features, layer.out_features
            x, weight, grad = (
                torch.rand(*s, device=device) for s in ((batch_size, inputs), (outputs, inputs), (batch_size, outputs))
            )
            self.products += [(x, weight), (grad.T, x.T)]
            if layer is not layers[0]:  # nobody needs the gradient of the pixels
                self.products.append((grad, weight.T))

    def epoch(self) -> float:
        start = time.perf_counter()
        for _ in range(self.count // self.batch_size):
            for left, right in self.products:
                self.product(left, right)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) * self.count / (self.count // self.batch_size * self.batch_size)

    def test_loss(self) -> None:
        """It learns nothing."""


def take_turns(arms: dict[str, Arm], say: Callable[[str], None]) -> dict[str, dict[str, list[float]]]:
    """Let every arm train, an epoch each in turn, those with fewer epochs evenly among the rest: seconds and −ELBO of each."""
    rows: dict[str, dict[str, list[float]]] = {name: {"seconds": [], "−ELBO": []} for name in arms}
    turns = max(arm.epochs for arm in arms.values())
    for turn in range(1, turns + 1):
        said = [f"turn {turn:2d}"]
        for name, arm in arms.items():
            if len(rows[name]["seconds"]) < turn * arm.epochs / turns:
                rows[name]["seconds"].append(arm.epoch())
                loss = arm.test_loss()
                rows[name]["−ELBO"] += [] if loss is None else [loss]
                said.append(f"{name} {rows[name]['seconds'][-1]:.2f} s" + (f" {loss:.2f}" if loss else ""))
        say("  ".join(said))
    return rows


def race(
    images: ImageSet, config: TrainConfig, cycle: TrainConfig, say: Callable[[str], None] = print
) -> dict[int, dict[str, dict[str, list[float]]]]:
    """What `take_turns` gives for each seed: with the first everybody, then the textbook loop and the one-cycle schedule alone."""
    device = pick_device(config.device)
    found = {}
    for seed in SEEDS:
        config, cycle = replace(config, seed=seed), replace(cycle, seed=seed)
        say(f"seed {seed}")
        arms: dict[str, Arm] = {"textbook": Textbook(images, config, device), "fit one-cycle": Ours(images, cycle)}
        if seed == SEEDS[0]:
            floor = Floor(PRESETS["classic-400-20"].build(), images, config, device)
            floor.epoch()  # warm-up
            half = replace(config, precision="bf16")
            arms |= {"fit": Ours(images, config), "fit in bf16": Ours(images, half), "floor": floor}
        found[seed] = take_turns(arms, say)
    return found


CHILD = """
import sys, time
import torch
def peak():  # of this process alone: getrusage would count the parent it was forked from
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
bare = peak()
from vae_core import TrainConfig, fit, load_images
from vae_core.presets import PRESETS
from vae_core.training import Run
images = load_images("mnist", fallback="digits")
steps = []
advance = Run.advance
def timed(self, batch):
    advance(self, batch)
    steps.append(time.time())
Run.advance = timed
fit(PRESETS["classic-400-20"].build(), images, TrainConfig(epochs=1, device=sys.argv[1]), progress=False)
print(steps[0], bare / 1024, peak() / 1024)
"""


def start_up(device: str, runs: int = 3) -> dict[str, list[float]]:
    """Seconds from starting Python to the end of the first step, and megabytes over a bare `import torch`: of each run."""
    seconds, megabytes = [], []
    for _ in range(runs):
        start = time.time()
        child = subprocess.run([sys.executable, "-c", CHILD, device], capture_output=True, text=True, check=True)
        first, bare, peak = map(float, child.stdout.split())
        seconds.append(first - start)
        megabytes.append(peak - bare)
    return {"start-up, s": seconds, "peak memory, MB": megabytes}


def seconds_until(row: dict[str, list[float]], target: float) -> float | None:
    """Seconds of training until the test −ELBO was this low; None if it never was."""
    passed = 0.0
    for seconds, loss in zip(row["seconds"], row["−ELBO"], strict=True):
        passed += seconds
        if loss <= target:
            return passed
    return None


def summarize(raw: dict[int, Any], images: ImageSet) -> dict[str, list[float]]:
    """The figures of the table, each as the values it is the median of.

    Ratios are of what ran side by side: epoch by epoch, and seed by seed for the time to a quality, which is the textbook
    loop's last test −ELBO. What never reaches it gives no figure.
    """
    first = raw[SEEDS[0]]
    seconds = {name: row["seconds"] for name, row in first.items()}
    figures = {f"{name}, s an epoch": seconds[name] for name in ("textbook", "fit", "fit in bf16", "floor")}
    figures |= {f"{name}, images/s": [len(images.train) / s for s in seconds[name]] for name in ("textbook", "fit")}
    pairs = {"textbook / fit": ("textbook", "fit"), "textbook / fit in bf16": ("textbook", "fit in bf16")}
    for name, (a, b) in {**pairs, "fit / floor": ("fit", "floor")}.items():
        figures[name] = [x / y for x, y in zip(seconds[a], seconds[b], strict=True)]
    names = {"test −ELBO": "fit", "test −ELBO in bf16": "fit in bf16"}
    figures |= {name: [first[arm]["−ELBO"][-1]] for name, arm in names.items()}
    figures["ten epochs, s"] = [10 * s for s in seconds["fit"]]
    figures["textbook test −ELBO"] = [rows["textbook"]["−ELBO"][-1] for rows in raw.values()]
    figures["fit one-cycle test −ELBO"] = [rows["fit one-cycle"]["−ELBO"][-1] for rows in raw.values()]
    times = {
        name: [seconds_until(rows[name], rows["textbook"]["−ELBO"][-1]) for rows in raw.values()]
        for name in ("textbook", "fit one-cycle")
    }
    if None not in times["fit one-cycle"]:
        figures |= {f"{name}, s to that −ELBO": values for name, values in times.items()}
        figures[SOONER] = [a / b for a, b in zip(*times.values(), strict=True)]
    return figures


def machine(device: torch.device) -> dict[str, str | int]:
    """What the figures were measured on."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
        name = next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()
        )
    return {
        "device": name,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
    }


def in_words(values: list[float] | None) -> str:
    """The median, and from where to where the values reach."""
    if not values:
        return "not measured"
    numbers = [statistics.median(values)] + ([min(values), max(values)] if len(values) > 1 else [])
    median, *reach = [f"{number:,.0f}" if number >= 1000 else f"{number:.2f}" for number in numbers]
    return f"{median}, {reach[0]} to {reach[1]}" if reach else median


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures of every device measured, as a MyST table: the median, lowest and highest of each.

    A device that was not at hand says so.
    """
    heads = {"cpu": "two CPU cores", "cuda": "a data-centre GPU"}
    names = [
        *(f"{name}, s an epoch" for name in ("textbook", "fit", "fit in bf16", "floor")),
        *("textbook, images/s", "fit, images/s", "textbook / fit", "textbook / fit in bf16", "fit / floor"),
        *("ten epochs, s", "test −ELBO", "test −ELBO in bf16", "textbook test −ELBO", "fit one-cycle test −ELBO"),
        *("textbook, s to that −ELBO", "fit one-cycle, s to that −ELBO", SOONER, "peak memory, MB", "start-up, s"),
    ]
    lines = ["| measured | " + " | ".join(heads.values()) + " |", "|---|" + "---|" * len(heads)]
    for name in names:
        cells = []
        for device in heads:
            text = in_words(results.get(device, {}).get("figures", {}).get(name))
            asked = TARGETS.get(name, {}).get(device)
            cells.append(f"{text} (asked: {asked})" if asked else text)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for device, result in results.items():
        where = result["machine"]
        lines += [
            "",
            f"On {heads[device]}: {where['device']}, {where['threads']} threads, torch {where['torch']}, "
            f"Python {where['python']}, {result['data']}, seeds {', '.join(map(str, SEEDS))}, {result['date']}.",
        ]
    return "\n".join(lines) + "\n"


def plot(raw: dict[int, Any], path: Path) -> None:
    """Test −ELBO against the seconds spent training, a line for each seed, and the quality that is raced for."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    from vae_core.colours import CLASS_COLOURS
    from vae_core.plots import STYLE

    labels = {"textbook": "textbook loop", "fit": "fit, constant rate", "fit one-cycle": "fit, one-cycle schedule"}
    colours = {"textbook": CLASS_COLOURS[6], "fit": CLASS_COLOURS[0], "fit one-cycle": CLASS_COLOURS[4]}
    target = statistics.median(rows["textbook"]["−ELBO"][-1] for rows in raw.values())
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.2, 3.4))
        for name, label in labels.items():
            for seed, rows in raw.items():
                if name in rows:
                    seconds = torch.tensor(rows[name]["seconds"]).cumsum(0).tolist()
                    shown = {"color": colours[name], "label": label if seed == SEEDS[0] else None}
                    ax.plot(seconds, rows[name]["−ELBO"], "o-", ms=4, lw=1.2, **shown)
        ax.axhline(target, color="black", lw=1, ls="--", label="the textbook loop's last")
        ax.set(xscale="log", xlabel="seconds of training (log scale)", ylabel="test −ELBO, nats per image")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend()
        figure.savefig(path, dpi=150)
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="turns to take (%(default)s)")
    options = parser.parse_args()
    images = load_images("mnist")  # no fallback: these figures are published
    config = TrainConfig(epochs=options.epochs, device=options.device)
    device = pick_device(options.device)
    print(f"{images.name}, {len(images.train):,} training images, on {machine(device)['device']}")
    if device.type == "cuda":  # warm-up, and its peak memory is the device's
        fit(PRESETS["classic-400-20"].build(), images, TrainConfig(epochs=1, device=options.device), progress=False)
        torch.cuda.reset_peak_memory_stats()
    cycle = TrainConfig(**ONE_CYCLE, device=options.device)
    raw = race(images, config, cycle)
    figures = summarize(raw, images) | start_up(device.type)
    if device.type == "cuda":
        figures["peak memory, MB"] = [torch.cuda.max_memory_allocated() / 2**20]
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(device),
        "data": f"{images.name}, grey pixels, z sampled",
        "config": asdict(config),
        "one_cycle": asdict(cycle),
        "figures": figures,
        "seeds": raw,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{device.type}.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    results = {
        d: json.loads((RESULTS / f"{d}.json").read_text(encoding="utf-8"))
        for d in ("cpu", "cuda")
        if (RESULTS / f"{d}.json").exists()
    }
    text = table(results)
    (RESULTS / "table.md").write_text(text, encoding="utf-8")
    plot(raw, RESULTS / "time_to_quality.png")
    print("\n" + text)


if __name__ == "__main__":
    main()
