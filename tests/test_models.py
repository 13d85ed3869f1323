"""Networks: shapes, what they make, and what they refuse."""

import pytest
import torch

from vae_core import VAE, Autoencoder, ConvVAE, load_pretrained
from vae_core.metrics import elbo
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
    ("x", "message"),
    [
        (torch.full((2, 20), 1.5), r"\[1.5, 1.5\].*255"),
        (torch.full((2, 20), -0.1), r"-0.1"),
        (torch.full((2, 20), float("nan")), "nan"),
        (torch.zeros(2, 19), r"\(2, 19\).*\(batch, 20\)"),
        (torch.zeros(2, 1, 4, 5), r"flatten\(1\)"),
    ],
)
@pytest.mark.parametrize("kind", ["VAE", "Autoencoder"])
def test_bad_pixels_are_refused(kind, x, message):
    with pytest.raises(ValueError, match=message):
        MODELS[kind]().encode(x)


def test_a_code_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"\(1, 4\).*latent_dim = 3"):
        MODELS["VAE"]().decode(torch.zeros(1, 4))
