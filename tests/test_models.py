"""Networks: shapes, what they make, and what they refuse."""

import copy

import numpy as np
import pytest
import torch

from vae_core import VAE, Autoencoder, ConvVAE, load_model, load_pretrained, save_model
from vae_core.likelihoods import DiscretizedLogistic, LearnedGaussian
from vae_core.metrics import elbo, evaluate
from vae_core.models import build

MODELS = {
    "Autoencoder": lambda: Autoencoder(20, (16, 8), 3),
    "VAE": lambda: VAE(20, (16, 8), 3),
    "ConvVAE": lambda: ConvVAE(channels=3, size=16, widths=(4, 8), hidden_dim=10, latent_dim=3),
}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]().eval()


def images_for(model, count=4):
    return torch.rand(count, model.input_dim, generator=torch.Generator().manual_seed(0))


def test_shapes(model):
    x = images_for(model)
    assert model.code(x).shape == (4, 3)
    for shape in ((), (4,), (5, 4), (0,)):
        assert model.decode(torch.zeros(*shape, 3)).shape == (*shape, model.input_dim)
    z = torch.randn(5, 4, 3)
    torch.testing.assert_close(model.decode(z)[2, 1], model.decode(z[2, 1]))
    assert model.sample(6).shape == (6, model.input_dim)
    assert model.reconstruct(x).shape == x.shape
    for image in (model.sample(6), model.reconstruct(x)):
        assert image.min() >= 0
        assert image.max() <= 1
    terms = model(x, torch.zeros(4, 3))
    assert terms.rate.shape == terms.distortion.shape == (4,)


def test_draw_gives_pictures_and_nothing_to_differentiate(model):
    z = torch.randn(5, 3, requires_grad=True)
    pictures = model.draw(z)
    torch.testing.assert_close(pictures, model.likelihood.mean(model.decode(z)).detach())
    assert not pictures.requires_grad and pictures.device.type == "cpu" and model.device.type == "cpu"


def test_pictures_are_made_in_evaluation_mode_and_without_gradients(model):
    model.train()
    x, before = images_for(model), {name: value.clone() for name, value in model.state_dict().items()}
    for picture in (model.sample(6), model.reconstruct(x), model.draw(torch.randn(2, 3))):
        assert not picture.requires_grad
    assert model.training and all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model.reconstruct(x), model.eval().reconstruct(x))
    assert all(part.requires_grad for part in (model.code(x), model.decode(torch.randn(2, 3))))


def test_the_noise_may_be_left_to_the_model(model):
    x = images_for(model)
    torch.manual_seed(3)
    drawn = model(x)
    torch.manual_seed(3)
    given = model(x, torch.randn(4, 3))
    assert all(torch.equal(a, b) for a, b in zip(drawn, given, strict=True))
    drawn.loss().mean().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_default_api_of_the_book():
    model = VAE(input_dim=784, hidden_dims=(400,), latent_dim=20, likelihood="bernoulli", activation="relu")
    mean, log_var = model.encode(torch.rand(3, 784))
    assert mean.shape == log_var.shape == (3, 20)
    assert (
        sum(p.numel() for p in model.parameters()) == 784 * 400 + 400 + 400 * 40 + 40 + 20 * 400 + 400 + 400 * 784 + 784
    )


def test_the_training_objective_is_the_elbo(model):
    if isinstance(model, Autoencoder):
        terms = model(images_for(model))
        assert torch.equal(terms.rate, torch.zeros(4))
        constant = 0.5 * 20 * torch.pi**0 * torch.log(torch.tensor(torch.pi))
        squares = (images_for(model) - model.reconstruct(images_for(model))).square().sum(-1)
        torch.testing.assert_close(terms.distortion - constant, squares)
        return
    x = images_for(model)
    drawn = elbo(model, x, 1, generator=torch.Generator().manual_seed(5))
    epsilon = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(5))[0]
    given = model(x, epsilon)
    torch.testing.assert_close(drawn.rate, given.rate)
    torch.testing.assert_close(drawn.distortion, given.distortion)


def test_a_fresh_copy_from_its_configuration(model):
    twin = build(model.config)
    assert type(twin) is type(model)
    assert twin.config == model.config
    twin.load_state_dict(model.state_dict())
    x = images_for(model)
    assert torch.equal(twin.eval().reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("likelihood", [LearnedGaussian(0.3), DiscretizedLogistic(0.3)])
def test_glorots_rule_leaves_a_learned_width_where_it_began(likelihood):
    torch.manual_seed(0)
    model = VAE(20, (16,), 3, likelihood=likelihood, init="glorot")
    (width,) = likelihood.parameters()
    assert width.exp().item() == pytest.approx(0.3)
    torch.manual_seed(0)
    plain = VAE(20, (16,), 3, init="glorot")  # whose weights are the same, to the bit
    for part, other in ((model.encoder, plain.encoder), (model.decoder, plain.decoder)):
        assert all(torch.equal(a, b) for a, b in zip(part.parameters(), other.parameters(), strict=True))
    weight, bias, *_ = model.encoder.parameters()
    assert weight.abs().max() <= (6 / (20 + 16)) ** 0.5 and torch.equal(bias, torch.zeros(16))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VAE(latent_dim=0), "latent_dim is 0"),
        (lambda: Autoencoder(input_dim=-1), "input_dim is -1"),
        (lambda: VAE(hidden_dims=(0,)), r"hidden_dims is \[0\]"),
        (lambda: Autoencoder(hidden_dims=(8, -3)), r"hidden_dims is \[8, -3\]"),
        (lambda: ConvVAE(widths=(8, 0)), r"widths is \[8, 0\]"),
        (lambda: ConvVAE(widths=()), r"widths is \(\)"),
        (lambda: ConvVAE(hidden_dim=0), "hidden_dim is 0"),
        (lambda: ConvVAE(channels=0), "channels is 0"),
        (lambda: ConvVAE(size=0), "size is 0"),
        (lambda: VAE(activation="swish"), "'swish'.*'relu'"),
        (lambda: VAE(init="he"), "'he'.*'glorot'"),
        (lambda: ConvVAE(size=28), "28 cannot be halved 4 times"),
        (lambda: build({"model": "GAN"}), "'GAN'.*'VAE'"),
        (lambda: build({"model": "VAE", "layers": 3}), "layers"),
        (lambda: load_pretrained("vae-none"), "'vae-none'.*'vae-2'"),
    ],
)
def test_bad_architectures_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (VAE, {"input_dim": (1, 28, 28)}, r"input_dim is \(1, 28, 28\): images are flat here, so pass the product"),
        (VAE, {"input_dim": torch.zeros(2, 3).shape}, r"input_dim is \(2, 3\): images are flat"),
        (VAE, {"input_dim": 784.0}, "input_dim is 784.0: it must be a whole number, 1 or more"),
        (VAE, {"hidden_dims": 400}, r"hidden_dims is 400: it must be a list .* as in hidden_dims=\[64\]"),
        (Autoencoder, {"hidden_dims": None}, "hidden_dims is None: it must be a list"),
        (VAE, {"hidden_dims": (16, 2.5)}, r"hidden_dims is \[16, 2.5\]: it must be a list of whole numbers, 1 or more"),
        (VAE, {"latent_dim": None}, "latent_dim is None: it must be a whole number"),
        (VAE, {"latent_dim": 2.5}, "latent_dim is 2.5"),
        (VAE, {"latent_dim": "2"}, "latent_dim is '2'"),
        (VAE, {"latent_dim": np.int64(0)}, r"latent_dim is np.int64\(0\)"),
        (ConvVAE, {"widths": 8}, "widths is 8: it must be a list"),
        (ConvVAE, {"size": (28, 28)}, r"size is \(28, 28\): it must be a whole number"),
        (ConvVAE, {"channels": None}, "channels is None"),
    ],
)
def test_what_is_no_size_is_refused(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(**given)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((2, 20), 1.5), r"\[1.5, 1.5\].*255"),
        (torch.full((2, 20), -0.1), r"-0.1"),
        (torch.full((2, 20), float("nan")), "nan"),
        (torch.zeros(2, 19), r"\(2, 19\).*\(batch, 20\)"),
        (torch.zeros(2, 1, 4, 5), r"flatten\(1\)"),
        (None, "x is of NoneType: pass a tensor or an array"),
        (np.full((2, 20), 255, np.uint8), r"\[255, 255\].*divide 8-bit pixels by 255"),
    ],
)
@pytest.mark.parametrize("kind", ["VAE", "Autoencoder"])
def test_bad_pixels_are_refused(kind, x, message):
    with pytest.raises(ValueError, match=message):
        MODELS[kind]().encode(x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.decode(torch.zeros(1, 4)), r"\(1, 4\).*latent_dim = 3"),
        (lambda model: model.draw(torch.tensor(1.0)), r"z has shape \(\): its last axis"),
        (lambda model: model.draw(None), "z is of NoneType: pass a tensor or an array"),
        (lambda model: model.draw([[1, 2, 3], [1]]), "z is of list: pass a tensor or an array"),
        (lambda model: model.sample(2.5), "n is 2.5: it must be a whole number, 0 or more"),
        (lambda model: model.sample(-1), "n is -1"),
        (lambda model: model.sample((3,)), r"n is \(3,\)"),
    ],
)
def test_what_is_no_code_and_no_count_is_refused(call, message, model):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_numbers_of_any_kind_are_taken(model):
    """As a model's weights have them: arrays, tuples, float64 and, of black and white images, booleans."""
    x = (images_for(model) > 0.5).float()
    for same in (x.numpy(), x.tolist(), x.double(), x.bool(), x.half()):
        assert torch.equal(model.code(same), model.code(x)) and torch.equal(
            model.reconstruct(same), model.reconstruct(x)
        )
    z = torch.tensor([[1.0, 2.0, 3.0]])
    for same in (((1, 2, 3),), z.numpy(), z.long(), z.double()):
        assert torch.equal(model.draw(same), model.draw(z)) and torch.equal(model.decode(same), model.decode(z))
    assert model.draw((1, 2, 3)).shape == (model.input_dim,)
    assert model.sample(np.int64(2)).shape == (2, model.input_dim)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_a_model_of_another_precision_draws_and_is_saved(dtype, model, tmp_path):
    """Near to what it is in float32; that it is not trained, tests of fit say."""
    x, images = images_for(model), (255 * images_for(model)).round().byte()
    expected, other = model.reconstruct(x), copy.deepcopy(model).to(dtype)
    assert other.reconstruct(x).dtype == other.draw(torch.zeros(2, 3)).dtype == other.sample(2).dtype == dtype
    torch.testing.assert_close(other.reconstruct(x).float(), expected, atol=0.02, rtol=0)
    measured = evaluate(model, images, num_samples=50).elbo
    if dtype == torch.float64:
        assert abs(evaluate(other, images, num_samples=50).elbo - measured) < 0.5
    else:
        with pytest.raises(ValueError, match=f"weights are {dtype}, too coarse to measure with: model.float"):
            evaluate(other, images)
    if isinstance(model, VAE):
        assert abs(elbo(other, x.to(dtype), 50).elbo.mean() - measured) < 0.5
    save_model(tmp_path / "model.safetensors", other, own=True)  # by itself it would come back as float32
    again = load_model(tmp_path / "model.safetensors", into=copy.deepcopy(other))
    assert torch.equal(again.reconstruct(x), other.reconstruct(x))
