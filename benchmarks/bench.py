"""The trainer, a textbook loop and the bare matrix products, side by side in one run.

    python benchmarks/bench.py            # or: make bench

Same network (784–400–20), batch (128), optimizer (Adam, 1e-3) and seed; they take turns, an epoch each, so that
a machine that slows down slows all of them. `fit` runs twice, in float32 and with its opt-in bfloat16. Writes results/DEVICE.json, results/table.md and results/time_to_quality.png.
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
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor
from vae_core.fast.backprop import in_float32

from vae_core import History, ImageSet, TrainConfig, fit, load_images
from vae_core.metrics import evaluate
from vae_core.presets import PRESETS
from vae_core.training import Run, pick_device

RESULTS = Path(__file__).parent / "results"
TARGETS = {  # of the task this engine was built to
    "textbook / fit": {"cpu": "at least 3.5", "cuda": "at least 60"},
    "fit / floor": {"cpu": "at most 1.8"},
    "ten epochs, s": {"cuda": "at most 1.0"},
    "test −ELBO": {"cpu": "at most 106.0", "cuda": "at most 106.0"},
    "peak memory, MB": {"cpu": "at most 500"},
}


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
        self.device = device
        torch.manual_seed(config.seed)
        self.loader = DataLoader(OneByOne(images.train, images.train_labels), config.batch_size, shuffle=True)
        self.model = TextbookVAE().to(device)
        self.twin = PRESETS["classic-400-20"].build(config.seed).to(device)  # the same weights, for `evaluate`
        copy_weights(self.twin, self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.lr)

    def epoch(self) -> float:
        """One pass over the training set: the seconds it took."""
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

    def test_loss(self, images: Tensor) -> float:
        """The mean −ELBO over these images, measured as `fit` measures its own."""
        copy_weights(self.model, self.twin)
        return -float(evaluate(self.twin, images).elbo)


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give `target` the weights of `source`, layer by layer in order."""
    for ours, theirs in zip(source.parameters(), target.parameters(), strict=True):
        theirs.copy_(ours)


class Floor:
    """The matrix products of one step of the same network, forward and backward, as `fit` makes them, and nothing else."""

    def __init__(self, model: nn.Module, images: ImageSet, batch_size: int, device: torch.device):
        self.device, self.count, self.batch_size = device, len(images.train), batch_size
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


def side_by_side(images: ImageSet, config: TrainConfig, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Train both loops, epoch by epoch in turn with the floor: seconds and test −ELBO of each epoch."""
    device = pick_device(config.device)
    textbook = Textbook(images, config, device)
    model = PRESETS["classic-400-20"].build(config.seed)
    floor = Floor(model, images, config.batch_size, device)
    half_config = replace(config, precision="bf16")
    half = Run(PRESETS["classic-400-20"].build(config.seed), images, half_config, None)
    rows: dict[str, list[float]] = {"textbook": [], "floor": [], "textbook −ELBO": []}

    def take_turns(history: History) -> None:
        rows["textbook"].append(textbook.epoch())
        rows["textbook −ELBO"].append(textbook.test_loss(images.test))
        rows["floor"].append(floor.epoch())
        for batch in half.batches():
            half.advance(batch)
        half.finish_epoch()
        own = history.rows[-1]
        say(
            f"epoch {len(history):2d}  textbook {rows['textbook'][-1]:6.2f} s  fit {own['seconds']:6.2f} s  "
            f"bf16 {half.history['seconds'][-1]:6.2f} s  floor {rows['floor'][-1]:6.2f} s  test −ELBO {rows['textbook −ELBO'][-1]:.2f} | {-own['test_elbo']:.2f}"
        )

    floor.epoch()
    history = fit(model, images, config, callback=take_turns, progress=False)
    for name, own in {"fit": history, "fit in bf16": half.history}.items():
        rows |= {name: own["seconds"], f"{name} −ELBO": [-value for value in own["test_elbo"]]}
    return rows


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


def start_up(device: str, runs: int = 3) -> dict[str, float]:
    """Seconds from starting Python to the end of the first step, and megabytes over a bare `import torch`: medians."""
    seconds, megabytes = [], []
    for _ in range(runs):
        start = time.time()
        child = subprocess.run([sys.executable, "-c", CHILD, device], capture_output=True, text=True, check=True)
        first, bare, peak = map(float, child.stdout.split())
        seconds.append(first - start)
        megabytes.append(peak - bare)
    return {"start-up, s": statistics.median(seconds), "peak memory, MB": statistics.median(megabytes)}


def summarize(raw: dict[str, Any], images: ImageSet) -> dict[str, float]:
    """The figures of the table; ratios are medians of ratios within an epoch, so of what ran side by side."""
    ratios = {
        "textbook / fit": [a / b for a, b in zip(raw["textbook"], raw["fit"], strict=True)],
        "textbook / fit in bf16": [a / b for a, b in zip(raw["textbook"], raw["fit in bf16"], strict=True)],
        "fit / floor": [a / b for a, b in zip(raw["fit"], raw["floor"], strict=True)],
    }
    figures = {
        f"{name}, s an epoch": statistics.median(raw[name]) for name in ("textbook", "fit", "fit in bf16", "floor")
    }
    figures |= {f"{name}, images/s": len(images.train) / statistics.median(raw[name]) for name in ("textbook", "fit")}
    figures |= {name: statistics.median(values) for name, values in ratios.items()}
    figures["ten epochs, s"] = 10 * statistics.median(raw["fit"])
    figures["test −ELBO"] = raw["fit −ELBO"][-1]
    figures["test −ELBO in bf16"] = raw["fit in bf16 −ELBO"][-1]
    figures["textbook test −ELBO"] = raw["textbook −ELBO"][-1]
    return figures


def machine(device: torch.device) -> dict[str, str | int]:
    """What the figures were measured on."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
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


def table(results: dict[str, dict[str, Any]]) -> str:
    """The figures of every device measured, as a MyST table; a device that was not at hand says so."""
    heads = {"cpu": "two CPU cores", "cuda": "a data-centre GPU"}
    names = [
        *(f"{name}, s an epoch" for name in ("textbook", "fit", "fit in bf16", "floor")),
        *("textbook, images/s", "fit, images/s", "textbook / fit", "textbook / fit in bf16", "fit / floor"),
        *("ten epochs, s", "test −ELBO", "test −ELBO in bf16", "textbook test −ELBO", "peak memory, MB", "start-up, s"),
    ]
    lines = ["| measured | " + " | ".join(heads.values()) + " |", "|---|" + "---|" * len(heads)]
    for name in names:
        cells = []
        for device in heads:
            value = results.get(device, {}).get("figures", {}).get(name)
            text = "not measured" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
            asked = TARGETS.get(name, {}).get(device)
            cells.append(f"{text} (asked: {asked})" if asked else text)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for device, result in results.items():
        where = result["machine"]
        lines += [
            "",
            f"On {heads[device]}: {where['device']}, {where['threads']} threads, torch {where['torch']}, "
            f"Python {where['python']}, {result['data']}, seed {result['config']['seed']}, {result['date']}.",
        ]
    return "\n".join(lines) + "\n"


def plot(raw: dict[str, Any], path: Path) -> None:
    """Test −ELBO against the seconds spent training."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    from vae_core.colours import CLASS_COLOURS
    from vae_core.plots import STYLE

    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.2, 3.4))
        lines = (("textbook", "textbook loop", 6), ("fit", "fit", 0), ("fit in bf16", "fit in bf16", 4))
        for name, label, colour in lines:
            seconds = torch.tensor(raw[name]).cumsum(0).tolist()
            ax.plot(seconds, raw[f"{name} −ELBO"], "o-", ms=4, color=CLASS_COLOURS[colour], label=label)
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
    raw = side_by_side(images, config)
    figures = summarize(raw, images) | start_up(device.type)
    if device.type == "cuda":
        figures["peak memory, MB"] = torch.cuda.max_memory_allocated() / 2**20
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(device),
        "data": f"{images.name}, grey pixels, z sampled",
        "config": asdict(config),
        "figures": figures,
        "epochs": raw,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{device.type}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    results = {
        d: json.loads((RESULTS / f"{d}.json").read_text()) for d in ("cpu", "cuda") if (RESULTS / f"{d}.json").exists()
    }
    text = table(results)
    (RESULTS / "table.md").write_text(text)
    plot(raw, RESULTS / "time_to_quality.png")
    print("\n" + text)


if __name__ == "__main__":
    main()
