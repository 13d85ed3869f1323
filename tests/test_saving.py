"""What comes back from a file is what was saved; what would not come back is not written."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vae_core import (
    VAE,
    Autoencoder,
    ConvVAE,
    TrainConfig,
    checkpoint,
    fit,
    load_model,
    load_pretrained,
    register,
    save_model,
)
from vae_core.checkpoint import CheckpointError
from vae_core.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian, LearnedGaussian
from vae_core.losses import Elbo
from vae_core.models import ACTIVATIONS, LatentModel
from vae_core.models import MODELS as MODELS_KNOWN
from vae_core.presets import BETAS, PRESETS, SHIPPED, get_preset
from vae_core.saving import check_fit, made_of, what_would_change

MODELS = {
    "Autoencoder": lambda: Autoencoder(20, (16, 8), 3),
    "VAE": lambda: VAE(20, (16, 8), 3, bias=False, init="glorot"),
    "narrow": lambda: VAE(20, (16,), 3, likelihood=Gaussian(std=0.1)),
    "ConvVAE": lambda: ConvVAE(channels=3, size=16, widths=(4, 8), hidden_dim=10, latent_dim=3),
    **{name: lambda name=name: VAE(20, (16, 8), 3, activation=name) for name in ACTIVATIONS},
}


@pytest.fixture(params=MODELS)
def model(request) -> LatentModel:
    torch.manual_seed(0)
    return MODELS[request.param]()


def small(**options: object) -> VAE:
    torch.manual_seed(0)
    return VAE(20, (16, 8), 3, **options)  # pyright: ignore[reportArgumentType]


def test_saved_and_loaded(model, tmp_path):
    save_model(tmp_path / "model.safetensors", model, {"epochs": 3})
    twin = load_model(tmp_path / "model.safetensors")
    assert twin.record["epochs"] == 3 and not twin.training
    assert twin.config == model.config and twin.likelihood == model.likelihood and repr(twin) == repr(model)
    assert all(
        torch.equal(a.to(b), b) for a, b in zip(model.state_dict().values(), twin.state_dict().values(), strict=True)
    )


def test_saving_leaves_no_trace(model, tmp_path):
    """Neither in the model nor in the random numbers to come."""
    torch.manual_seed(5)
    expected = torch.randn(3)
    before, modes = copy.deepcopy(model.state_dict()), [part.training for part in model.modules()]
    torch.manual_seed(5)
    save_model(tmp_path / "model.safetensors", model)
    assert torch.equal(torch.randn(3), expected)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [part.training for part in model.modules()] == modes


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_would_come_back(name):
    assert what_would_change(PRESETS[name].build()) == ""


# --- what would come back as something else ---


class Scaled(nn.Module):
    """A layer of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 6))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.layers(2 * x).chunk(2, dim=-1)
        return mean, log_var


class Nameless(VAE):
    """A subclass that no configuration can name."""


@dataclass(frozen=True)
class Flat:
    """A likelihood that no configuration can name."""

    scale: float = 0.2

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        return -(x - outputs).abs().sum(-1) / self.scale

    def mean(self, outputs: Tensor) -> Tensor:
        return outputs.clamp(0, 1)


@register
@dataclass
class Weighted:
    """A registered one, with what no configuration can hold."""

    weights: Tensor

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        return -((x - outputs).square() * self.weights).sum(-1)

    def mean(self, outputs: Tensor) -> Tensor:
        return outputs.clamp(0, 1)


@register
class Tempered(VAE):
    """A registered subclass with a number that can be changed after it was made."""

    def __init__(self, temperature: float = 1.0):
        super().__init__(20, (16, 8), 3)
        self.temperature = temperature

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z) / self.temperature


@register
class Sparing(VAE):
    """A registered subclass with a number of which nothing is seen in evaluation."""

    def __init__(self, free: float = 0.25):
        super().__init__(20, (16, 8), 3)
        self.free = free

    def forward(self, x: Tensor, epsilon: Tensor) -> Elbo:
        terms = super().forward(x, epsilon)
        return Elbo(terms.rate.clamp_min(self.free), terms.distortion) if self.training else terms


@register
class Steps(VAE):
    """A registered subclass with a list that can be changed after it was made."""

    def __init__(self, sizes: list[float]):
        super().__init__(20, (16, 8), 3)
        self.sizes = list(sizes)

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z) * self.sizes[0]


@register
class Fed(VAE):
    """A registered subclass whose argument no configuration can hold."""

    def __init__(self, encoder: nn.Module):
        super().__init__(20, (16, 8), 3)
        self.encoder = encoder


def altered(model: LatentModel, path: str, value: object) -> LatentModel:
    owner, _, name = path.rpartition(".")
    setattr(model.get_submodule(owner) if owner else model, name, value)
    return model


@register
class Tied(VAE):
    """A registered subclass whose encoder and decoder have a layer in common."""

    def __init__(self) -> None:
        super().__init__(20, (8, 8), 3)
        altered(self, "decoder.layers.2", self.encoder.get_submodule("layers.2"))


def with_a_shared_weight() -> VAE:
    model = VAE(20, (8, 8), 3)
    altered(model, "decoder.layers.2.weight", model.encoder.get_submodule("layers.2").weight)
    return model


ALTERED = {
    "activation": (
        lambda: altered(small(), "encoder.layers.1", nn.Tanh()),
        r"encoder.layers.1 is Tanh\(\) here, ReLU\(\)",
    ),
    "slope": (
        lambda: altered(small(activation="leaky-relu"), "decoder.layers.1", nn.LeakyReLU(0.2)),
        r"decoder.layers.1 is LeakyReLU\(negative_slope=0.2\) here, LeakyReLU\(negative_slope=0.01\)",
    ),
    "encoder": (lambda: altered(small(), "encoder", Scaled()), "encoder is Scaled here, Encoder in the model"),
    "wider": (
        lambda: altered(small(), "decoder.layers.4", nn.Linear(16, 20, bias=False)),
        "decoder.layers.4.bias is missing",
    ),
    "subclass": (lambda: Nameless(20, (16, 8), 3), "unknown model 'Nameless'.*registered first"),
    "likelihood": (lambda: small(likelihood=Flat()), "unknown likelihood 'Flat'.*registered first"),
    "tensor": (
        lambda: small(likelihood=Weighted(torch.ones(20))),
        r"its likelihood.weights is tensor\(.*holds numbers, words, and lists",
    ),
    "number": (lambda: altered(Tempered(), "temperature", 2.0), "temperature is 2.0 here, 1.0 in the model"),
    "unseen": (lambda: altered(Sparing(), "free", 0.5), "free is 0.5 here, 0.25 in the model"),
    "double": (lambda: small().double(), "encoder.layers.0.weight is of torch.float64, and would be of float32"),
    "list": (lambda: altered(Steps([1.0]), "sizes", [2.0]), "given the same noise, decode gives other numbers"),
    "shared weight": (with_a_shared_weight, "decoder.layers.2.weight is shared between layers in one of the two"),
    "argument": (lambda: Fed(Scaled()), "its encoder is Scaled, and a configuration holds numbers"),
    "forward": (
        lambda: altered(small(), "forward", lambda x, epsilon: (x.sum(1), x.sum(1))),
        "given the same noise, forward gives other numbers",
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_what_would_come_back_as_something_else_is_not_written(name, tmp_path):
    """And the message names what, and the two ways out. One of them works."""
    make, message = ALTERED[name]
    model, path = make(), tmp_path / "mine.safetensors"
    with pytest.raises(ValueError, match=message) as refused:
        save_model(path, model)
    assert not path.exists() and str(path) in str(refused.value)
    assert "@register" in str(refused.value) and "load_model(path, into=my_model)" in str(refused.value)

    save_model(path, model, {"by": "me"}, own=True)
    with pytest.raises(CheckpointError, match=r"a model of one's own, which is not rebuilt: .*into=my_model"):
        load_model(path)
    other = make()
    for weight in other.parameters():
        nn.init.normal_(weight)
    assert load_model(path, into=other) is other and not other.training and other.record["by"] == "me"
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_layer_that_two_parts_share_comes_back_as_one(tmp_path):
    model, path = Tied(), tmp_path / "model.safetensors"
    save_model(path, model)
    again = load_model(path)
    assert again.encoder.layers[2] is again.decoder.layers[2]
    assert torch.equal(again.draw(torch.ones(3)), model.draw(torch.ones(3)))
    with pytest.raises(CheckpointError, match="decoder.layers.2 is missing here, Linear in the model: "):
        load_model(path, into=altered(Tied(), "decoder.layers.2", nn.Linear(8, 8)))


def test_another_likelihood_comes_back_with_the_model(tmp_path):
    """The reviewer's case: the file said Bernoulli, and the loss came back 320 nats lower."""
    model = small()
    model.likelihood = Gaussian(std=0.1)
    save_model(tmp_path / "model.safetensors", model)
    again, x = load_model(tmp_path / "model.safetensors"), torch.rand(5, 20)
    assert again.likelihood == Gaussian(std=0.1)
    assert torch.equal(again(x, torch.ones(5, 3)).distortion, model(x, torch.ones(5, 3)).distortion)


def test_a_class_that_changed_since_it_was_saved_is_not_taken_for_it(tmp_path):
    class Changing(VAE):
        activation: type[nn.Module] = nn.Tanh

        def __init__(self) -> None:
            super().__init__(20, (16, 8), 3)
            self.decoder = nn.Sequential(nn.Linear(3, 8), self.activation(), nn.Linear(8, 20))

    register(Changing)
    save_model(tmp_path / "model.safetensors", Changing())
    Changing.activation = nn.ReLU
    with pytest.raises(CheckpointError, match=r"decoder.1 is Tanh\(\) here, ReLU\(\) in the model"):
        load_model(tmp_path / "model.safetensors")


# --- into a model of one's own ---


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: Nameless(20, (16, 8), 3), "the model is VAE here, Nameless in the model"),
        (lambda: small(activation="tanh"), r"encoder.layers.1 is ReLU\(\) here, Tanh\(\) in the model"),
        (lambda: small(likelihood="gaussian"), "its likelihood is 'bernoulli' here, 'gaussian' in the model"),
        (lambda: small(bias=False), r"layers.\d.bias is not part of this model"),
        (lambda: VAE(20, (16, 9), 3), r"encoder.layers.2.weight has shape \(8, 16\) here, \(9, 16\)"),
    ],
)
def test_a_model_that_is_not_the_one_that_was_saved_stays_as_it_was(other, message, tmp_path):
    path, into = tmp_path / "model.safetensors", other()
    save_model(path, small())
    before = copy.deepcopy(into.state_dict())
    with pytest.raises(CheckpointError, match=f"{message}.*make the model as it was that was saved") as refused:
        load_model(path, into=into)
    assert str(refused.value).startswith(str(path))
    assert all(torch.equal(before[name], value) for name, value in into.state_dict().items())
    assert into.training and not hasattr(into, "record")


class Changing(VAE):
    """Its code can be another than when it was saved, and no part or setting of it shows that."""

    power = 1.0

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z) * self.power


@pytest.mark.parametrize("own", [True, False])
def test_what_computes_something_else_now_is_refused(own, tmp_path, monkeypatch):
    """Weights, parts and settings are the same: only what it computes tells."""
    monkeypatch.setitem(MODELS_KNOWN, "Changing", Changing)
    path, into = tmp_path / "model.safetensors", Changing(20, (16, 8), 3)
    save_model(path, Changing(20, (16, 8), 3), own=own)
    before = copy.deepcopy(into.state_dict())
    load_model(path, into=into)
    into.load_state_dict(before)
    monkeypatch.setattr(Changing, "power", 1.1)
    with pytest.raises(CheckpointError, match=f"{path}: given the same noise, decode gives other numbers.*as it was"):
        load_model(path, into=into)
    assert all(torch.equal(before[name], value) for name, value in into.state_dict().items())
    if not own:
        with pytest.raises(CheckpointError, match="given the same noise, decode gives other numbers"):
            load_model(path)


def test_a_model_that_cannot_be_asked_is_saved_all_the_same(tmp_path):
    """`own=True` asks for nothing but weights; and what could be asked then must answer now."""
    path, mute = tmp_path / "model.safetensors", altered(small(), "decode", lambda z: z.no_such_thing)
    save_model(path, mute, own=True)
    assert load_model(path, into=altered(small(), "decode", lambda z: z.no_such_thing)).record["outputs"] is None
    save_model(path, small(), own=True)
    with pytest.raises(CheckpointError, match="given the same noise, decode gives other numbers"):
        load_model(path, into=mute)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_kinds_of_number_come_back_only_where_nothing_is_lost(dtype, tmp_path):
    path, model = tmp_path / "model.safetensors", small().to(dtype)
    with pytest.raises(ValueError, match=rf"is of {dtype}, and would be of float32 \(model.float\(\) makes it so\)"):
        save_model(path, model)
    save_model(path, model, own=True)
    if dtype == torch.float64:
        with pytest.raises(CheckpointError, match="is of torch.float64 here, torch.float32 in the model"):
            load_model(path, into=small())
    else:
        weights = zip(load_model(path, into=small()).parameters(), model.parameters(), strict=True)
        assert all(torch.equal(wide, weight.float()) for wide, weight in weights)
    into = small().to(dtype)
    assert all(
        torch.equal(a, b) for a, b in zip(load_model(path, into=into).parameters(), model.parameters(), strict=False)
    )


def test_a_file_that_says_nothing_of_parts_still_loads_by_its_configuration(tmp_path):
    """As those of the first editions; into a model, too, if its class, likelihood and shapes are the same."""
    model, path = small(), tmp_path / "old.safetensors"
    checkpoint.save(path, model.state_dict(), {"config": model.config})
    for again in (load_model(path), load_model(path, into=small())):
        assert torch.equal(again.draw(torch.ones(3)), model.draw(torch.ones(3)))
    with pytest.raises(CheckpointError, match="its model is 'VAE' here, 'Nameless'"):
        load_model(path, into=Nameless(20, (16, 8), 3))


SAVE: Any = save_model  # which a reader may call with anything
LOAD: Any = load_model


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: SAVE(path, nn.Linear(2, 2)), "the second argument, is of Linear, .*subclass VAE"),
        (lambda path: SAVE(path, None), "the second argument, is of NoneType"),
        (lambda path: SAVE(path, VAE), r"the second argument, is <class '.*VAE'>.*VAE\(\) is one"),
        (lambda path: SAVE(small(), path), r"the second argument, is \w+Path\(.*no LatentModel"),
        (lambda path: SAVE(path, nn.Linear(2, 2), own=True), "the second argument, is of Linear"),
        (lambda path: LOAD(path, into=VAE), r"into, the model that gets the weights, is <class '.*VAE'>"),
        (lambda path: LOAD(path, into="cpu"), "into, the model that gets the weights, is 'cpu'"),
        (lambda path: LOAD(path, into=nn.Linear(2, 2)), "gets the weights, is of Linear"),
    ],
)
def test_what_is_no_model_is_neither_saved_nor_loaded_into(call, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "mine.safetensors")
    assert not list(tmp_path.iterdir())


# --- a run's checkpoint ---


CONFIG = TrainConfig(epochs=1, batch_size=50, device="cpu")


def test_the_checkpoint_of_a_run_loads_as_a_model(digits, tmp_path):
    model = VAE(hidden_dims=(8,), latent_dim=2, likelihood=Gaussian(0.3))
    fit(model, digits.first(100, 50), CONFIG, out=tmp_path, progress=False)
    again = load_model(tmp_path / "checkpoint.safetensors")
    assert again.config == model.config and torch.equal(again.draw(torch.ones(2)), model.draw(torch.ones(2)))
    assert again.record["epoch"] == 1 and not again.training
    save_model(tmp_path / "again.safetensors", again, again.record)  # its record does no harm to another file
    assert load_model(tmp_path / "again.safetensors").config == model.config


def test_the_checkpoint_of_a_model_of_ones_own_loads_into_it_alone(digits, tmp_path):
    def make() -> LatentModel:
        return altered(VAE(hidden_dims=(8,), latent_dim=2), "decoder.layers.1", nn.Tanh())

    model, path = make(), tmp_path / "checkpoint.safetensors"
    fit(model, digits.first(100, 50), CONFIG, out=tmp_path, progress=False)
    with pytest.raises(
        CheckpointError, match=r"decoder.layers.1 is Tanh\(\) here, ReLU\(\) in the model.*into=my_model"
    ):
        load_model(path)
    assert torch.equal(load_model(path, into=make()).draw(torch.ones(2)), model.draw(torch.ones(2)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: VAE(hidden_dims=(8,), latent_dim=2, likelihood=Gaussian(0.2)), "likelihood"),
        (lambda: altered(VAE(hidden_dims=(8,), latent_dim=2), "likelihood", Flat()), "likelihood"),
        (lambda: altered(VAE(hidden_dims=(8,), latent_dim=2), "decoder.layers.1", nn.Tanh()), r"ReLU\(\) here, Tanh"),
    ],
)
def test_a_run_is_not_resumed_as_another_model(other, message, digits, tmp_path):
    images = digits.first(100, 50)
    fit(VAE(hidden_dims=(8,), latent_dim=2), images, CONFIG, out=tmp_path, progress=False)
    longer = TrainConfig(**{**vars(CONFIG), "epochs": 2})
    with pytest.raises(ValueError, match=message):
        fit(other(), images, longer, out=tmp_path, resume=True, progress=False)


class Counting(VAE):
    """It counts its steps, in a plain number or in a buffer."""

    calls: Any

    def __init__(self, buffer: bool) -> None:
        super().__init__(hidden_dims=(8,), latent_dim=2)
        if buffer:
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        else:
            self.calls = 0

    def forward(self, x: Tensor, epsilon: Tensor) -> Elbo:
        self.calls += self.training
        return super().forward(x, epsilon)


def test_a_number_that_training_changes_is_told_to_be_kept_in_a_buffer(digits, tmp_path, capsys):
    """Where it is, the run goes on."""
    images, longer = digits.first(100, 50), TrainConfig(**{**vars(CONFIG), "epochs": 2})
    for buffer in (False, True):
        fit(Counting(buffer), images, CONFIG, out=tmp_path / str(buffer), progress=False)
    again = Counting(buffer=True)
    fit(again, images, longer, out=tmp_path / "True", resume=True, progress=False)
    assert again.calls == 4
    message = r"calls is 2 here, 0 in the model \(if training changes it, keep it in a buffer: register_buffer\)"
    with pytest.raises(CheckpointError, match=message):
        fit(Counting(buffer=False), images, longer, out=tmp_path / "False", resume=True, progress=False)
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path / "False" / "checkpoint.safetensors", into=Counting(buffer=False))


# --- what ships ---


def test_weights_of_another_architecture_are_refused_by_name():
    wanted = VAE(20, (8,), 3).state_dict()
    check_fit(wanted, VAE(20, (8,), 3).state_dict(), "a file")
    with pytest.raises(CheckpointError, match=r"encoder\.layers\.0\.weight has shape \(9, 20\) here, \(8, 20\)"):
        check_fit(wanted, VAE(20, (9,), 3).state_dict(), "a file")
    with pytest.raises(CheckpointError, match="a file: encoder.* is missing: build the model"):
        check_fit(wanted, {}, "a file")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_say_where_they_come_from(name):
    model = load_pretrained(name)
    assert {"preset", "data", "data_sha256", "seed", "epochs", "test_distortion"} <= set(model.record)
    assert model.record["data"] == ("cifar10-jpeg" if name.startswith("colour-") else "mnist")
    assert ("test_elbo" in model.record) == isinstance(model, VAE)
    assert not model.training


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_of_the_likelihood_that_their_file_names(name):
    model = load_pretrained(name)
    if name.startswith("colour-"):
        kinds = {"gaussian": Gaussian, "learned": LearnedGaussian, "logistic": DiscretizedLogistic}
        assert type(model.likelihood) is kinds[name.removeprefix("colour-")]
        assert made_of(model) == made_of(get_preset(name).build())
        return
    squared_error = Gaussian(1.0) if name.endswith("-gaussian") else Gaussian(0.5**0.5, squash=True)
    is_bernoulli = (
        name.startswith(("vae-", "cvae-", "latent-"))
        or name.endswith("-bernoulli")
        or name in {f"beta-{beta}" for beta in BETAS}
    )
    assert model.likelihood == (Bernoulli() if is_bernoulli else squared_error)
    assert made_of(model) == made_of(get_preset(name).build())


def test_a_run_is_not_resumed_by_code_that_computes_something_else(digits, tmp_path, monkeypatch):
    images, longer = digits.first(100, 50), TrainConfig(**{**vars(CONFIG), "epochs": 2})
    fit(Changing(hidden_dims=(8,), latent_dim=2), images, CONFIG, out=tmp_path, progress=False)
    monkeypatch.setattr(Changing, "power", 1.1)
    with pytest.raises(CheckpointError, match="given the same noise, decode gives other numbers"):
        fit(Changing(hidden_dims=(8,), latent_dim=2), images, longer, out=tmp_path, resume=True, progress=False)
    monkeypatch.setattr(Changing, "power", 1.0)
    fit(Changing(hidden_dims=(8,), latent_dim=2), images, longer, out=tmp_path, resume=True, progress=False)
