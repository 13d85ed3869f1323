"""Backpropagation written out, against autograd and in double precision."""

import copy

import pytest
import torch
from torch import nn

from vae_core import VAE, Autoencoder, ConvVAE, TrainConfig, fit
from vae_core.fast import backprop
from vae_core.likelihoods import LIKELIHOODS, Bernoulli, Gaussian
from vae_core.models import ACTIVATIONS
from vae_core.training import Run

BETA = torch.tensor(0.7)
MODELS = {
    **{f"vae-{name}": lambda name=name: VAE(60, (40, 30), 6, activation=name) for name in ACTIVATIONS},
    **{f"ae-{name}": lambda name=name: Autoencoder(60, (40, 30), 6, activation=name) for name in ACTIVATIONS},
    **{f"vae-{name}": lambda name=name: VAE(60, (40,), 6, likelihood=name) for name in LIKELIHOODS},
    **{f"ae-{name}": lambda name=name: Autoencoder(60, (40,), 6, likelihood=name) for name in LIKELIHOODS},
    "without biases": lambda: VAE(60, (40,), 6, bias=False),
    "no hidden layer": lambda: VAE(60, (), 6),
}


def make(name, scale=3.0):
    torch.manual_seed(0)
    model = MODELS[name]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= scale  # so that no activation is in its linear part
    return model


def test_a_softplus_may_be_steeper():
    model = make("vae-softplus")
    model.encoder.layers[1].beta = 3.0
    x, epsilon = draw()
    assert distance(by_hand(model, x, epsilon)[1], by_autograd(model, x, epsilon)[1]) < 1e-5


def draw(rows=50):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(rows, 60, generator=generator), torch.randn(rows, 6, generator=generator)


def by_autograd(model, x, epsilon, beta=BETA):
    terms = model(x, epsilon)
    gradients = torch.autograd.grad(terms.loss(beta).mean(), list(model.parameters()))
    return terms, torch.cat([gradient.flatten() for gradient in gradients])


def by_hand(model, x, epsilon, beta=BETA, precision="fp32"):
    terms = backprop.backward(model, x, epsilon, beta, precision)
    return terms, torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).clone()


def distance(a, b):
    return ((a.double() - b.double()).norm() / b.double().norm()).item()


@pytest.mark.parametrize("name", MODELS)
def test_gradients_and_terms_are_autograds(name):
    model = make(name)
    assert backprop.understands(model)
    x, epsilon = draw()
    terms, gradients = by_hand(model, x, epsilon)
    _, single = by_autograd(model, x, epsilon)
    exact_terms, exact = by_autograd(copy.deepcopy(model).double(), x.double(), epsilon.double(), BETA.double())
    # no further from the truth than autograd's own float32, to a factor
    assert distance(gradients, exact) < max(3 * distance(single, exact), 1e-6)
    for term, truth in zip(terms, exact_terms, strict=True):
        torch.testing.assert_close(term.double(), truth, rtol=1e-5, atol=1e-5)


def test_without_onednn_the_products_are_pytorchs_own(monkeypatch):
    monkeypatch.setattr(backprop, "HAS_ONEDNN", False)
    test_gradients_and_terms_are_autograds("vae-tanh")


@pytest.mark.parametrize("level", [-1e4, 1e4])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_log_variance_beyond_belief_pulls_no_weight(level, precision):
    model = make("vae-relu", scale=1.0)
    with torch.no_grad():
        model.encoder.layers[-1].bias[6:] = level  # the log variances'
    x, epsilon = draw()
    terms, gradients = by_hand(model, x, epsilon, precision=precision)
    assert gradients.isfinite().all()
    assert terms.rate.isfinite().all() and terms.distortion.isfinite().all()
    assert not model.encoder.layers[-1].bias.grad[6:].any()
    if precision == "fp32":
        _, expected = by_autograd(model, x, epsilon)
        assert distance(gradients, expected) < 1e-5


KINDS = {**LIKELIHOODS, "narrow": Gaussian(std=0.2), "narrow and squashed": Gaussian(std=0.2, squash=True)}


@pytest.mark.parametrize("name", KINDS)
def test_the_cost_is_the_distortion_and_the_error_its_derivative(name):
    likelihood = KINDS[name]
    x, outputs = draw()[0].double(), 4 * torch.randn(50, 60, dtype=torch.float64)
    outputs[:, 0], outputs[:, 1] = 300.0, -300.0
    outputs.requires_grad_()
    expected = -likelihood.log_prob(x, outputs)
    (slope,) = torch.autograd.grad(expected.sum(), outputs)
    cost, error = backprop.COSTS[type(likelihood)](likelihood, x, outputs.detach())
    torch.testing.assert_close((cost, error), (expected.detach(), slope))


def test_the_product_in_bfloat16_rounds_what_goes_in_and_what_comes_out():
    generator = torch.Generator().manual_seed(0)
    left, right, bias = (torch.randn(shape, generator=generator) for shape in ((50, 60), (40, 60), (40,)))
    rounded = [operand.bfloat16().double() for operand in (left, right, bias)]
    expected = rounded[0] @ rounded[1].T + rounded[2]
    product = backprop.in_bfloat16(left, right, bias)
    assert product.dtype == torch.float32
    torch.testing.assert_close(product.double(), expected, rtol=2**-8, atol=1e-4)
    assert torch.equal(product, product.bfloat16().float())


class Own(VAE):
    """Somebody's own model, with an objective of its own."""


class Loaded(Bernoulli):
    """Somebody's own likelihood."""


class Weight(nn.Parameter):
    """Somebody's own kind of weight."""


CHANGES = {
    "likelihood": lambda model: setattr(model, "likelihood", Loaded()),
    "another forward": lambda model: setattr(model.encoder, "forward", model.encoder.layers.forward),
    "double precision": lambda model: model.double(),
    "frozen": lambda model: model.encoder.requires_grad_(False),
    "hook on a gradient": lambda model: next(model.parameters()).register_hook(lambda gradient: gradient),
    "hook before": lambda model: model.register_forward_pre_hook(lambda *_: None),
    "hook after a layer": lambda model: model.encoder.layers[1].register_forward_hook(lambda *_: None),
    "hook on the way back": lambda model: model.register_full_backward_hook(lambda *_: None),
    "shared layer": lambda model: model.decoder.layers.__setitem__(2, model.encoder.layers[0]),
    "shared weight": lambda model: setattr(model.decoder.layers[2], "weight", model.encoder.layers[0].weight),
    "another layer": lambda model: model.decoder.layers.append(nn.Dropout()),
    "two activations in a row": lambda model: model.decoder.layers.insert(2, nn.Tanh()),
    "an activation first": lambda model: model.decoder.layers.insert(0, nn.Tanh()),
    "a decoder put into its place": lambda model: setattr(model, "decoder", model.decoder.layers),
    "one layer alone": lambda model: setattr(model.decoder, "layers", nn.Linear(6, 12)),
    "subclass": lambda model: setattr(model, "__class__", Own),
    "weights of a kind of their own": lambda model: setattr(
        model.encoder.layers[0], "weight", Weight(torch.ones(12, 12))
    ),
    "hook on what has accumulated": lambda model: next(model.parameters()).register_post_accumulate_grad_hook(print),
    "a slope below 0": lambda model: model.decoder.layers.__setitem__(1, nn.LeakyReLU(-0.1)),
    "a softplus that is soon level": lambda model: model.decoder.layers.__setitem__(1, nn.Softplus(threshold=1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_it_does_not_know_is_left_to_autograd(name):
    model = VAE(12, (12,), 6)
    assert backprop.understands(model)
    CHANGES[name](model)
    assert not backprop.understands(model)


EVERY_MODULE = {
    "before": lambda: nn.modules.module.register_module_forward_pre_hook(lambda *_: None),
    "after": lambda: nn.modules.module.register_module_forward_hook(lambda *_: None),
    "on the way back": lambda: nn.modules.module.register_module_full_backward_hook(lambda *_: None),
    "before the way back": lambda: nn.modules.module.register_module_full_backward_pre_hook(lambda *_: None),
}


@pytest.mark.parametrize("name", EVERY_MODULE)
def test_a_hook_on_every_module_is_seen(name):
    model = VAE(12, (12,), 6)
    handle = EVERY_MODULE[name]()
    try:
        assert not backprop.understands(model)
    finally:
        handle.remove()
    assert backprop.understands(model)


@pytest.mark.parametrize("layer", [nn.LeakyReLU(0.0), nn.LeakyReLU(0.5), nn.Softplus(beta=2, threshold=30)], ids=repr)
def test_other_slopes_that_it_does_know(layer):
    model = make("vae-relu")
    model.encoder.layers[1] = layer
    assert backprop.understands(model)
    x, epsilon = draw()
    assert distance(by_hand(model, x, epsilon)[1], by_autograd(model, x, epsilon)[1]) < 1e-5


def test_what_it_finds_can_be_gone_on_with():
    """Its gradients are ordinary tensors, to which autograd can add."""
    model = make("vae-relu")
    x, epsilon = draw()
    _, once = by_hand(model, x, epsilon)
    model(x, epsilon).loss(BETA).mean().backward()
    twice = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    assert distance(twice, 2 * once) < 1e-5


@pytest.mark.parametrize("kind", [VAE, Autoencoder])
def test_a_network_put_into_a_model_is_trained(kind, small):
    """As the refusal of other models advises; by formulas it was looked for where it is not, and nothing was trained."""
    model = kind(784, (8,), 2)
    model.decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 784))
    if kind is Autoencoder:
        model.encoder = nn.Linear(784, 2)
    before = [weight.detach().clone() for weight in model.parameters()]
    fit(model, small, TrainConfig(epochs=1, batch_size=100, device="cpu"), progress=False)
    assert not any(map(torch.equal, model.parameters(), before))


def test_convolutions_are_left_to_autograd():
    assert not backprop.understands(ConvVAE(1, 16, (4, 8), 16, 4))


@pytest.fixture
def small(digits):
    return digits.first(640, 100)


def weights_after(model, small, **settings):
    fit(model, small, TrainConfig(epochs=2, batch_size=100, device="cpu", **settings), progress=False)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def takes_by_hand(model, small):
    return "backward" in vars(Run(model, small, TrainConfig(device="cpu"), None))


@pytest.mark.parametrize("name", ["VAE", "Autoencoder"])
@pytest.mark.parametrize("settings", [{}, {"beta": 0.5, "warmup_epochs": 1, "clip_norm": 5.0, "pixels": "dynamic"}])
def test_training_ends_at_the_same_weights(name, settings, small, monkeypatch):
    def fresh():
        torch.manual_seed(0)
        return {"VAE": VAE, "Autoencoder": Autoencoder}[name](784, (32,), 4)

    assert takes_by_hand(fresh(), small)
    hand = weights_after(fresh(), small, **settings)
    monkeypatch.setattr(backprop, "understands", lambda model: False)
    assert not takes_by_hand(fresh(), small)
    auto = weights_after(fresh(), small, **settings)
    torch.testing.assert_close(hand, auto, rtol=1e-3, atol=1e-4)
    assert not torch.equal(hand, auto)  # two ways, rounded differently


def test_a_trained_model_can_be_differentiated(small):
    model = VAE(784, (32,), 4)
    weights_after(model, small)
    x = small.test[:5].flatten(1) / 255
    model(x, torch.zeros(5, 4)).loss().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


class Stopped(Exception):
    pass


def test_a_model_whose_training_broke_off_can_be_differentiated(small, monkeypatch):
    """Stopped between the gradients and the step, as by a second Ctrl-C."""

    def stop(_):
        raise Stopped

    model = VAE(784, (32,), 4)
    monkeypatch.setattr("vae_core.training.Adam.step", stop)
    with pytest.raises(Stopped):
        weights_after(model, small)
    model(small.test[:5].flatten(1) / 255, torch.zeros(5, 4)).loss().mean().backward()
    assert all(p.grad is not None and not p.grad.is_inference() for p in model.parameters())


def test_weights_that_a_callback_freezes_stay(small):
    model, seen = VAE(784, (32,), 4), []

    def freeze(*_):
        model.encoder.requires_grad_(False)
        seen.append([parameter.detach().clone() for parameter in model.parameters()])

    fit(model, small, TrainConfig(epochs=3, batch_size=100, device="cpu"), callback=freeze, progress=False)
    stays = [torch.equal(a, b) for a, b in zip(seen[0], seen[-1], strict=True)]
    assert stays == [True] * 4 + [False] * 4


def test_weights_that_a_callback_thaws_stay_and_keep_no_gradients(small):
    """The optimizer was made for those that were to be trained, with the option or without."""
    model = VAE(784, (32,), 4)
    model.encoder.requires_grad_(False)
    before = [parameter.clone() for parameter in model.encoder.parameters()]

    def thaw(*_):
        model.encoder.requires_grad_(True)

    fit(model, small, TrainConfig(epochs=2, batch_size=100, device="cpu"), callback=thaw, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(before, model.encoder.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hook_that_a_callback_adds_is_called(small):
    model, calls = VAE(784, (32,), 4), []

    def listen(*_):
        if not calls:
            model.register_forward_hook(lambda *_: calls.append(model.training))

    fit(model, small, TrainConfig(epochs=2, batch_size=100, device="cpu"), callback=listen, progress=False)
    assert calls == [True] * 7 + [False]  # the second epoch's steps, and its look at the test set


def test_gradients_brought_along_are_forgotten(small):
    """Half a step of somebody else's before `fit` must not count in its first."""
    ends = []
    for stale in (False, True):
        torch.manual_seed(0)
        model = ConvVAE(1, 28, (4, 8), 16, 4)
        if stale:
            for parameter in model.parameters():
                parameter.grad = torch.full_like(parameter, 1e3)
        ends.append(weights_after(model, small.first(100, 10)))
    assert torch.equal(*ends)
