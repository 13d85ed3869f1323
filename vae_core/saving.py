"""Models on disk: what comes back is what was saved, or nothing is.

A file holds the weights, the model's `config`, which module is of which type and has which settings, and some numbers
that the model computed. `load_model` builds the model from its `config`, so `save_model` does the same at once, on the
spot, and refuses what would come back as something else. For a model of your own there are two ways: `register` its
class, and the file brings it back by itself; or save it with `own=True`, and load it into a model that you have made as
it was: `load_model(path, into=my_model)`. Either way, what is loaded must compute what the model computed that was saved.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn

from vae_core import checkpoint
from vae_core.checkpoint import CheckpointError
from vae_core.likelihoods import UNSAID, describe
from vae_core.models import LatentModel, build, check_model, evaluating

WEIGHTS = Path(__file__).parent / "weights"
REMEDY = "build the model the file was saved from (its record's 'config')"
TWO_WAYS = (
    "make it a class of its own and @register that, or pass own=True and get it back by load_model(path, into=my_model)"
)

MADE_OF = ("parts", "settings", "outputs")
PLAIN = (bool, int, float, str)


class Unlike(ValueError):
    """The first way in which a file and a model differ."""


def save_model(
    path: str | Path,
    model: LatentModel,
    record: dict[str, Any] | None = None,
    half: bool = False,
    own: bool = False,
) -> None:
    """Write weights, configuration and a record of how they came to be into one safetensors file.

    `half` stores float16, for weights that ship with the book. `own` is for a model that its configuration does not
    describe: it is not rebuilt, and comes back by `load_model(path, into=my_model)` alone.

    Raises:
        ValueError: no model, or `load_model(path)` would bring back another, and `own` was not asked for; nothing is written.
    """
    check_model("model, the second argument,", model)
    why = None if own else what_would_change(model)
    if why:
        raise ValueError(f"{path} was not written, for load_model would bring back another model: {why}; {TWO_WAYS}")
    tensors = model.state_dict()
    if half:
        tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    shown = {} if half else {"outputs": excerpt(model)}  # rounded weights compute something a little different
    checkpoint.save(path, tensors, {**(record or {}), "config": model.config, **made_of(model), "own": own, **shown})


def load_model(path: str | Path, into: LatentModel | None = None) -> Any:
    """The model a file describes, with its weights, in evaluation mode; `model.record` says where it comes from.

    The file is one of `save_model`, or the checkpoint of a run. `into` is a model of your own that gets the weights,
    once it is seen to have the same parts, settings, likelihood and shapes, and to compute the same with them; where it
    has not, it stays as it was.

    Raises:
        ValueError: `into` is no model.
        FileNotFoundError: no such file.
        CheckpointError: a damaged file, or weights that do not fit `into` or the configuration beside them.
    """
    if into is not None:
        check_model("into, the model that gets the weights,", into)
    tensors, record = checkpoint.load(path)
    config, its = record.get("config"), record
    if isinstance(record.get("model"), dict) and not (isinstance(config, dict) and "model" in config):
        its = record["model"]  # of a run; what is called its config is how it trains
        config = {name: value for name, value in its.items() if name not in MADE_OF}
        tensors = {name[6:]: value for name, value in tensors.items() if name.startswith("model.")}
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds no model configuration: it was not written by save_model")
    if into is None:
        with naming(path, "load it into a model that you have made as it was, load_model(path, into=my_model)"):
            if record.get("own"):
                raise Unlike("it holds a model of one's own, which is not rebuilt")
            model = restored(config, its, tensors)
            check_excerpt(model, its.get("outputs"))
    else:
        with naming(path, "make the model as it was that was saved"):
            check_like(into, config, its, tensors)
            take_weights(into, tensors, its.get("outputs"))
            model = into
    model.record = record
    return model.eval()


def load_pretrained(name: str) -> Any:
    """One of the small trained models the book ships with, such as "vae-2".

    Raises:
        ValueError: no weights of that name; the message lists those there are.
    """
    path = WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        there = sorted(file.stem for file in WEIGHTS.glob("*.safetensors"))
        raise ValueError(f"no pretrained model {name!r}: choose one of {', '.join(map(repr, there))}")
    return load_model(path)


def what_would_change(model: LatentModel) -> str:
    """How what `load_model` would make of this model's file differs from the model; nothing where it does not."""
    config = json.loads(json.dumps(model.config))  # as a file has it
    if unsaid := _unsaid(config):
        return f"{unsaid}, and a configuration holds numbers, words, and lists of them"
    for name, weight in model.named_parameters():
        if weight.dtype != torch.float32:
            return f"{name} is of {weight.dtype}, and would be of float32 (model.float() makes it so)"
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            twin = restored(config, made_of(model), model.state_dict())
            check_outputs(model, twin.to(next(model.parameters())))
    except Unlike as error:
        return str(error)
    except Exception as error:  # whatever somebody's own code may raise
        return f"it cannot be built again and compared ({error!r})"
    for (name, part), other in zip(model.named_modules(), twin.modules(), strict=True):
        if type(part) is not type(other):
            return f"{name or 'the model'} is another {type(part).__name__} than the one that would be built"
    apart = dict(model.named_parameters()).keys() ^ dict(twin.named_parameters()).keys()
    if apart:
        return f"{min(apart)} is shared between layers in one of the two, and not in the other"
    return ""


def _unsaid(tree: Any, name: str = "") -> str:
    """The first value of a configuration that JSON has not, in words."""
    if isinstance(tree, dict) and UNSAID in tree:
        return f"its {name} is {shorten(tree[UNSAID], 60, placeholder=' …')}"
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = (_unsaid(branch, f"{name}.{key}".lstrip(".")) for key, branch in branches)
    return next(filter(None, found), "")


def outputs(model: Any) -> dict[str, list[Tensor]]:
    """All that a model makes of a small fixed batch of noise, in evaluation mode, by who makes it."""
    at, draw = next(model.parameters()), torch.Generator().manual_seed(0)
    x = torch.rand(3, model.input_dim, generator=draw).to(at)
    z = torch.randn(3, model.code_dim, generator=draw).to(at)
    torch.manual_seed(0)  # for one whose forward draws more
    with evaluating(model):
        decoded = model.decode(z)
        found = {"encode": model.encode(x), "decode": decoded, "forward": model(x, z[:, : model.latent_dim])}
        pixels = x[:, : decoded.shape[-1]]  # all of them, but for a model that is told a class behind them
        found |= {"the likelihood": (model.likelihood.mean(decoded), model.likelihood.log_prob(pixels, decoded))}
    return {name: [values] if isinstance(values, Tensor) else list(values) for name, values in found.items()}


def check_outputs(model: LatentModel, twin: LatentModel) -> None:
    """Raise Unlike where two models, given the same noise, do not compute the same."""
    its = outputs(twin)
    for name, values in outputs(model).items():
        pairs = zip(values, its[name], strict=True)
        if not all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-4, equal_nan=True) for a, b in pairs):
            raise Unlike(f"given the same noise, {name} gives other numbers here than in the model")


def made_of(model: nn.Module) -> dict[str, dict[str, str]]:
    """What no weight shows, in words: each module's type, or all of it where it has no weights, such as an activation;
    and the numbers, words and switches in the attributes of what is not PyTorch's own, such as a temperature."""
    parts, settings = {}, {}
    for name, part in model.named_modules():
        parts[name] = type(part).__name__ if part.state_dict() or list(part.children()) else repr(part)
        its = {} if type(part).__module__.startswith("torch.nn") else vars(part)
        for key, value in its.items():
            if type(value) in PLAIN and key != "training" and key[0] != "_":
                settings[f"{name}.{key}".lstrip(".")] = repr(value)
    return {"parts": parts, "settings": settings}


def excerpt(model: LatentModel) -> dict[str, list[float]] | None:
    """Some numbers of each of the model's `outputs`; none of a model of one's own that cannot be asked for them."""
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            return {
                name: [number for value in values for number in _some(value)] for name, values in outputs(model).items()
            }
    except Exception:  # whatever somebody's own code may raise
        return None


def _some(values: Tensor) -> list[float]:
    """Eight numbers, spread over all."""
    flat = values.detach().flatten().double().cpu()
    return flat[:: max(1, len(flat) // 8)][:8].tolist()


def check_excerpt(model: LatentModel, shown: Any) -> None:
    """Raise Unlike where a model does not compute what was `shown` of the one that was saved, but for rounding."""
    if not isinstance(shown, dict):  # a file of an earlier version, or of float16
        return
    found = excerpt(model) or {}
    for name, values in shown.items():
        then, now = (
            torch.tensor(numbers, dtype=torch.float64).nan_to_num() for numbers in (values, found.get(name, []))
        )
        if now.shape != then.shape or (now - then).abs().max() > 0.01 * then.abs().max():
            raise Unlike(f"given the same noise, {name} gives other numbers here than in the model")


def take_weights(model: LatentModel, tensors: dict[str, Tensor], shown: Any) -> None:
    """Load weights that fit; where the model then does not compute what was `shown`, put back those it had."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(tensors)
    try:
        check_excerpt(model, shown)
    except Unlike:
        model.load_state_dict(before)
        raise


def restored(config: Any, its: dict[str, Any], tensors: dict[str, Tensor]) -> LatentModel:
    """The model of a configuration, with these weights; `its` is what it must be `made_of`.

    Raises:
        Unlike: it cannot be built, or its parts or weights would be others.
    """
    try:
        with torch.device("meta"):  # a configuration gets memory only once the weights are seen to fit it
            outline = build(config)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Unlike(f"it describes a model that cannot be built ({error})") from error
    check_parts(outline, its)
    check_weights(outline.state_dict(), tensors)
    model = build(config)
    model.load_state_dict(tensors)
    return model


def check_like(model: LatentModel, config: dict[str, Any], its: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Raise Unlike for the first thing that a model has not in common with the one that was saved."""
    check_parts(model, its)
    for what, ours in {"model": type(model).__name__, "likelihood": describe(model.likelihood)}.items():
        if config.get(what) != ours:
            raise Unlike(f"its {what} is {config.get(what)!r} here, {ours!r} in the model")
    check_weights(model.state_dict(), tensors)


def check_parts(model: nn.Module, its: dict[str, Any]) -> None:
    """Raise Unlike for the first module or setting that is another than what the saved one was `made_of`, where it is said."""
    for what, ours in made_of(model).items():
        theirs = its.get(what)
        if not isinstance(theirs, dict):  # a file of an earlier version
            continue
        for name in [*ours, *theirs]:
            here, there = theirs.get(name, "missing"), ours.get(name, "missing")
            if here != there:
                remedy = " (if training changes it, keep it in a buffer: register_buffer)" if what == "settings" else ""
                raise Unlike(f"{name or 'the model'} is {here} here, {there} in the model{remedy}")


def check_weights(wanted: dict[str, Tensor], tensors: dict[str, Tensor]) -> None:
    """Raise Unlike for the first name, shape or kind of number that is not the wanted one."""
    for name in [*wanted, *tensors]:
        if name not in wanted or name not in tensors:
            raise Unlike(f"{name} is {'missing' if name in wanted else 'not part of this model'}")
        if wanted[name].shape != tensors[name].shape:
            shapes = f"{tuple(tensors[name].shape)} here, {tuple(wanted[name].shape)} in the model"
            raise Unlike(f"{name} has shape {shapes}")
        wide = torch.promote_types(wanted[name].dtype, tensors[name].dtype)  # float16 becomes float32, not the reverse
        if wide != wanted[name].dtype or wanted[name].is_floating_point() != tensors[name].is_floating_point():
            raise Unlike(f"{name} is of {tensors[name].dtype} here, {wanted[name].dtype} in the model")


def check_fit(wanted: dict[str, Tensor], tensors: dict[str, Tensor], path: str | Path, remedy: str = REMEDY) -> None:
    """`check_weights` for a file: its CheckpointError names that, and the remedy."""
    with naming(path, remedy):
        check_weights(wanted, tensors)


def check_made_of(model: nn.Module, its: dict[str, Any], path: str | Path, remedy: str) -> None:
    """`check_parts` for a file: its CheckpointError names that, and the remedy."""
    with naming(path, remedy):
        check_parts(model, its)


@contextmanager
def naming(path: str | Path, remedy: str) -> Iterator[None]:
    """Within, an Unlike becomes a CheckpointError that names the file and the remedy."""
    try:
        yield
    except Unlike as error:
        raise CheckpointError(f"{path}: {error}: {remedy}") from error
