"""Models of one's own, as a reader would write them: trained, saved, loaded, put behind every lab, taken to plain PyTorch."""

import copy
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vae_core import VAE, Autoencoder, ImageSet, TrainConfig, fit, load_model, register, save_model
from vae_core.labs import DimensionLab, InterpolationLab, ManifoldLab, PosteriorLab
from vae_core.labs.pack import unpack_network
from vae_core.likelihoods import Gaussian, get_likelihood
from vae_core.losses import Elbo
from vae_core.metrics import elbo, evaluate
from vae_core.models import LatentModel

ONE_EPOCH = TrainConfig(epochs=1, batch_size=50, lr=2e-3, device="cpu")


class Bottleneck(nn.Module):
    """An encoder of one's own: (B, 784) -> mean (B, L), log_var (B, L)."""

    def __init__(self, width: int, latent_dim: int):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(784, width), nn.LayerNorm(width), nn.GELU())
        self.mean, self.log_var = nn.Linear(width, latent_dim), nn.Linear(width, latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(x)
        return self.mean(x), self.log_var(x)


@register
class OwnEncoder(VAE):
    def __init__(self, width: int = 32, latent_dim: int = 2):
        super().__init__(hidden_dims=(width,), latent_dim=latent_dim)
        self.encoder = Bottleneck(width, latent_dim)


@register
class OwnDecoder(VAE):
    def __init__(self, latent_dim: int = 2):
        super().__init__(hidden_dims=(32,), latent_dim=latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 64), nn.Tanh(), nn.Linear(64, 784))


@register
@dataclass(frozen=True)
class Laplace:
    """Each pixel is Laplace about a mean that is the sigmoid of the decoder's output."""

    scale: float = 0.1

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        return torch.distributions.Laplace(torch.sigmoid(outputs), self.scale).log_prob(x).sum(-1)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)


@register
class FreeBits(VAE):
    """A loss of one's own: a unit's first nats are free (Kingma et al. 2016, appendix C.8), on average over the batch."""

    def __init__(self, free: float = 0.5, latent_dim: int = 2):
        super().__init__(hidden_dims=(32,), latent_dim=latent_dim)
        self.free = free

    def forward(self, x: Tensor, epsilon: Tensor) -> Elbo:
        terms = super().forward(x, epsilon)
        return Elbo(terms.rate.clamp_min(self.free * self.latent_dim), terms.distortion)


OWN = {
    "encoder": OwnEncoder,
    "decoder": OwnDecoder,
    "likelihood": lambda: VAE(hidden_dims=(32,), latent_dim=2, likelihood=Laplace(0.2)),
    "narrow": lambda: VAE(hidden_dims=(32,), latent_dim=2, likelihood=Gaussian(0.1, squash=True)),
    "loss": FreeBits,
}


@pytest.fixture(scope="module", params=OWN)
def own(request, digits) -> tuple[str, VAE]:
    torch.manual_seed(0)
    model = OWN[request.param]()
    before = evaluate(model, digits.test)
    history = fit(model, digits, ONE_EPOCH, progress=False)
    assert history["test_elbo"][0] > float(before.elbo)
    return request.param, model


def test_it_comes_back_as_it_was(own, digits, tmp_path):
    """To the bit, down to its loss, and made of the same parts."""
    _, model = own
    save_model(tmp_path / "mine.safetensors", model, {"by": "me"})
    again = load_model(tmp_path / "mine.safetensors")
    assert type(again) is type(model) and repr(again) == repr(model) and again.config == model.config
    assert again.likelihood == model.likelihood and again.record["by"] == "me"
    assert torch.equal(torch.stack(evaluate(again, digits.test)), torch.stack(evaluate(model, digits.test)))


def test_a_run_of_it_is_resumed_to_the_bit_and_its_checkpoint_is_a_model(own, digits, tmp_path):
    name, _ = own
    config = TrainConfig(epochs=2, batch_size=500, device="cpu")
    torch.manual_seed(1)
    whole, parts = OWN[name](), OWN[name]()
    parts.load_state_dict(whole.state_dict())
    fit(whole, digits, config, progress=False)
    fit(parts, digits, TrainConfig(**{**vars(config), "epochs": 1}), out=tmp_path, progress=False)
    half = load_model(tmp_path / "checkpoint.safetensors")
    assert torch.equal(half.draw(torch.ones(1, 2)), parts.draw(torch.ones(1, 2)))
    fit(half, digits, config, out=tmp_path, resume=True, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), half.parameters(), strict=True))


@pytest.mark.parametrize("lab_class", [PosteriorLab, InterpolationLab, ManifoldLab, DimensionLab])
def test_every_lab_shows_it_or_says_why_not(lab_class, own, digits):
    """What is shown is what PyTorch draws: the weights that travel, through the likelihood that travels, at the lab's z."""
    name, model = own
    given = [model] if lab_class is DimensionLab else model
    if name == "likelihood":
        with pytest.raises(ValueError, match=r"Bernoulli.* Laplace\(scale=0.2\)"):
            lab_class(given, images=digits)
        return
    if name == "narrow" and lab_class is DimensionLab:
        with pytest.raises(ValueError, match=r"Bernoulli pixels.*VAE of Gaussian\(std=0.1, squash=True\)"):
            lab_class(given, images=digits)
        return
    lab = lab_class(given, images=digits)
    spec = lab.canvas.spec
    packed = (spec.get("models") or spec.get("planes") or [spec])[-1]
    assert packed.get("title", type(model).__name__) == type(model).__name__
    z, drawn = (values[-1] if isinstance(values, list) else values for values in (lab.z, lab.answer()))
    likelihood = get_likelihood(packed["likelihood"])
    assert likelihood == model.likelihood
    with torch.no_grad():
        shown = likelihood.mean(unpack_network(packed["layers"], lab.canvas.data)(torch.from_numpy(z)))
    np.testing.assert_allclose(shown, drawn, atol=0.05)


def test_it_is_a_plain_module(own, digits):
    """Its weights are a state_dict, and encoder and decoder can be exported, with nothing of this package in them."""
    name, model = own
    x, z = torch.rand(3, 784), torch.randn(3, 2)
    twin = OWN[name]().eval()
    twin.load_state_dict({key: value.clone() for key, value in model.state_dict().items()})
    assert all(torch.equal(a, b) for a, b in zip(twin.encode(x), model.encode(x), strict=True))
    assert copy.deepcopy(model).config == model.config
    for part, at in ((model.encoder, x), (model.decoder, z)):
        exported = torch.export.export(part, (at,)).module()
        torch.testing.assert_close(exported(at), part(at))


def test_measures_of_it_are_by_its_own_likelihood():
    model = VAE(hidden_dims=(8,), latent_dim=2, likelihood=Laplace(0.5))
    x, draw = torch.rand(4, 784), torch.Generator()
    terms = elbo(model, x, generator=draw.manual_seed(0))
    mean, log_var = model.encode(x)
    z = mean + (0.5 * log_var).exp() * torch.randn(1, 4, 2, generator=draw.manual_seed(0))[0]
    by_hand = 784 * np.log(2 * 0.5) + (x - torch.sigmoid(model.decode(z))).abs().sum(-1) / 0.5
    torch.testing.assert_close(terms.distortion, by_hand.float())


def test_a_loss_of_ones_own_may_leave_the_noise_to_the_model_as_well(digits):
    terms = FreeBits(free=100.0)(torch.rand(3, 784))
    assert terms.rate.tolist() == [200.0] * 3


# --- what its configuration says ---


def test_a_configuration_is_the_arguments_that_a_class_takes_itself():
    assert FreeBits(0.25).config == {"model": "FreeBits", "free": 0.25, "latent_dim": 2, "likelihood": "bernoulli"}
    narrow = VAE(latent_dim=np.int64(20), likelihood=Gaussian(std=np.float64(0.5))).config  # pyright: ignore[reportArgumentType]
    assert narrow["likelihood"] == {"name": "Gaussian", "std": 0.5, "squash": False}
    assert (narrow["latent_dim"], narrow["hidden_dims"]) == (20, [400])


def test_a_configuration_follows_the_likelihood_that_the_model_has_now():
    model = Autoencoder(latent_dim=2)
    assert model.config["likelihood"] == "squared-error"
    for likelihood, words in {
        Gaussian(): "gaussian",
        Gaussian(0.5**0.5, squash=True): "squared-error",
        Laplace(0.3): {"name": "Laplace", "scale": 0.3},
    }.items():
        model.likelihood = likelihood
        assert model.config["likelihood"] == words
        assert get_likelihood(words) == likelihood


def test_arguments_handed_on_by_name_are_remembered():
    class Wide(VAE):
        def __init__(self, extra: int = 1, **kwargs: object):
            super().__init__(**kwargs)  # pyright: ignore[reportArgumentType]

    assert Wide(3, latent_dim=4).config == {"model": "Wide", "extra": 3, "latent_dim": 4, "likelihood": "bernoulli"}


# --- what is refused ---


@dataclass
class Mute:
    """A likelihood that cannot say what a picture looks like."""

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        return (x * outputs).sum(-1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VAE(likelihood=3), r"likelihood is 3: choose one of 'bernoulli'.*log_prob\(x, outputs\) and mean"),  # pyright: ignore
        (lambda: VAE(likelihood=Laplace), "or pass an object"),  # pyright: ignore
        (lambda: VAE(likelihood=Mute()), "likelihood is Mute"),  # pyright: ignore
        (lambda: get_likelihood({"name": "Cauchy"}), "unknown likelihood 'Cauchy'.*register"),
        (lambda: get_likelihood({"name": "Laplace", "width": 1}), "Laplace cannot be made from .*width"),
        (lambda: Gaussian(std=0), "std is 0: it must be a positive number"),
        (lambda: Gaussian("a"), "std is 'a': it must be a positive number"),  # pyright: ignore
        (lambda: Gaussian(torch.tensor(0.5)), r"std is tensor\(0.5000\): .*float\(std\)"),  # pyright: ignore
        (lambda: register(Mute), "cannot be registered.*a subclass of LatentModel"),
        (lambda: register(nn.Linear), "cannot be registered"),
        (lambda: register(type("VAE", (VAE,), {})), "the name 'VAE' is taken by vae_core.models.VAE"),
    ],
)
def test_what_is_no_likelihood_or_no_class_to_register_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_class_may_be_registered_again_from_the_cell_that_defines_it():
    assert register(type("OwnDecoder", (OwnDecoder,), {"__module__": __name__, "__qualname__": "OwnDecoder"}))
    assert register(OwnDecoder) is OwnDecoder


class Loud:
    """A likelihood whose mean is no pixel."""

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        return -(x - outputs).square().sum(-1)

    def mean(self, outputs: Tensor) -> Tensor:
        return 9 * outputs


@pytest.mark.parametrize(
    "make", [lambda m: m.sample(3), lambda m: m.draw(torch.ones(1, 20)), lambda m: m.reconstruct(torch.rand(2, 784))]
)
def test_a_mean_that_is_no_pixel_is_not_passed_off_as_one(make):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"Loud.mean gives pixels range over \[-.*not \[0, 1\].*clamp"):
        make(VAE(likelihood=Loud()))


def change(model: LatentModel, **decoder: nn.Module) -> LatentModel:
    for name, part in decoder.items():
        setattr(model, name, part)
    return model


class Skip(nn.Module):
    """Its layers are dense, and its output is more than theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 784))

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z) + z.sum(-1, keepdim=True)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 784)), r"not LeakyReLU\(negative_slope=0.2\)"),
        (nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Tanh(), nn.Linear(8, 784)), "not Tanh"),
        (nn.Sequential(nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 784)), "not GELU"),
        (Skip(), "not what its layers give"),
    ],
)
def test_a_decoder_that_would_be_shown_as_another_is_refused(decoder, message, digits):
    with pytest.raises(ValueError, match=message):
        ManifoldLab(change(VAE(hidden_dims=(8,), latent_dim=2), decoder=decoder), images=digits)


@pytest.mark.parametrize("lab_class", [PosteriorLab, InterpolationLab, ManifoldLab, DimensionLab])
def test_a_model_of_other_images_is_refused(lab_class, digits):
    model = VAE(64, (8,), 2)
    with pytest.raises(ValueError, match="VAE takes 64 numbers an image, and the images have 28 × 28: pass images="):
        lab_class([model] if lab_class is DimensionLab else model, images=digits)


@pytest.mark.parametrize("lab_class", [InterpolationLab, ManifoldLab])
def test_a_model_given_alone_stands_beside_the_books_own_of_the_other_kind(lab_class: Any, digits):
    vae, ae = OwnDecoder(), Autoencoder(hidden_dims=(8,), latent_dim=2)
    titles = []
    for given in ({"ae": vae}, {"vae": vae}, {"ae": ae}, {"vae": ae}):
        lab = lab_class(**given, images=digits)
        models = lab.models if isinstance(lab, InterpolationLab) else [plane.model for plane in lab.planes]
        assert next(iter(given.values())) in models
        titles.append([part["title"] for part in lab.canvas.spec.get("models") or lab.canvas.spec["planes"]])
        caption = lab.canvas.spec["caption"]
        assert caption.endswith(
            f"The {'VAE' if ae in given.values() else 'Autoencoder'} is the book's own, trained on MNIST."
        )
    assert titles == [["Autoencoder (the book's)", "OwnDecoder"]] * 2 + [["Autoencoder", "VAE (the book's)"]] * 2


def test_nobodys_models_are_the_books(digits):
    """Two of the reader's own are not called so, nor are the book's on the book's own images, where all is its own."""
    ours = (Autoencoder(hidden_dims=(8,), latent_dim=2), OwnDecoder())
    for lab in (ManifoldLab(*ours, digits), InterpolationLab(*ours, digits), ManifoldLab(images=digits)):
        assert "book" not in json.dumps(lab.canvas.spec) + lab.canvas.fallback
    clothes = ImageSet.of(torch.rand(40, 28, 28), name="clothes")
    for lab in (PosteriorLab(images=clothes), DimensionLab(images=clothes), ManifoldLab(images=clothes)):
        assert "the book's own, trained on MNIST." in lab.canvas.spec["caption"]
    assert [plane["title"] for plane in lab.canvas.spec["planes"]] == ["Autoencoder (the book's)", "VAE (the book's)"]


SMALL = VAE(64, (8,), 2)


@pytest.mark.parametrize(
    ("make", "kind", "remedy"),
    [
        (lambda images: ManifoldLab(vae=SMALL, images=images), "Autoencoder", "both models, ae= and vae="),
        (lambda images: InterpolationLab(SMALL, images=images), "Autoencoder", "both models, ae= and vae="),
        (lambda images: ManifoldLab(images=images), "Autoencoder", "both models, ae= and vae="),
        (
            lambda images: InterpolationLab(ae=Autoencoder(64, (8,), 2), images=images),
            "VAE",
            "both models, ae= and vae=",
        ),
        (lambda images: PosteriorLab(images=images), "VAE", "model=, a VAE"),
        (lambda images: DimensionLab(images=images), "VAE", "models=, VAEs"),
    ],
)
def test_the_books_own_models_do_not_fit_images_of_another_size(make, kind, remedy):
    """It is they that are of the wrong size, not the reader's model or images."""
    sizes = "is for the 28 × 28 pixels of MNIST, and the images have 8 × 8"
    with pytest.raises(ValueError, match=f"^the book's own {kind} {sizes}: pass {remedy}, trained on these images$"):
        make(ImageSet.of(torch.rand(40, 8, 8)))


def test_nor_do_they_fit_digits_in_a_frame(digits):
    for lab_class in (ManifoldLab, InterpolationLab):
        with pytest.raises(ValueError, match="the book's own Autoencoder is for the 28 × 28 .* 32 × 32: pass both"):
            lab_class(images=digits.padded(32))
