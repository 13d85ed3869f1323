"""The β of other people's losses: every combination is held to autograd, by the very lines that are shown."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vae_core import VAE
from vae_core.accounting import ERRORS, FOUND, KL, OVER, Loss, effective_beta, plain
from vae_core.likelihoods import Gaussian

PIXELS, UNITS, BATCH = 30, 4, 6


def gradients(loss, variance=1.0):
    """Of the lines that `code` shows, run as they stand, and of the book's loss with its β: float64, one vector each."""
    torch.manual_seed(0)
    coins = loss.error == "cross-entropy"
    likelihood = "bernoulli" if coins else Gaussian(std=variance**0.5)
    model = VAE(PIXELS, (8,), UNITS, likelihood=likelihood).double()
    x, epsilon = torch.rand(BATCH, PIXELS).double(), torch.randn(BATCH, UNITS).double()
    mean, log_var = model.encode(x)
    outputs = model.decode(mean + (0.5 * log_var).exp() * epsilon)
    names = {"F": F, "torch": torch, "x": x, "x_hat": outputs.sigmoid() if coins else outputs}
    names |= {"mean": mean, "log_var": log_var}
    exec(loss.code(), names)
    parameters = list(model.parameters())
    return [
        torch.nn.utils.parameters_to_vector(torch.autograd.grad(each, parameters))
        for each in (names["loss"], model(x, epsilon).loss(loss.beta).mean())
    ]


@pytest.mark.parametrize(("error", "over", "kl"), [*product(ERRORS, OVER, KL)])
def test_the_lines_that_are_shown_pull_the_way_that_their_beta_says(error, over, kl):
    weight, variance = 0.02, 0.3
    loss = Loss(error, over, kl, weight, PIXELS, UNITS, BATCH, variance)
    theirs, ours = gradients(loss, variance)
    factor = theirs.norm() / ours.norm()
    torch.testing.assert_close(theirs, factor * ours, rtol=1e-9, atol=1e-12 * float(theirs.norm()))
    # and a β that is a tenth off is told from it
    wrong = Loss(error, over, kl, 1.1 * weight, PIXELS, UNITS, BATCH, variance)
    off = gradients(wrong, variance)[1]
    assert (theirs / theirs.norm() - off / off.norm()).norm() > 1e-8


@pytest.mark.parametrize(("over", "kl"), [*product(OVER, KL)])
def test_sigma_is_that_of_a_gaussian_for_which_the_loss_is_the_elbo(over, kl):
    loss = Loss("squared error", over, kl, 0.3, PIXELS, UNITS, BATCH, variance=2.0)
    assert loss.std is not None
    as_elbo = Loss("squared error", over, kl, 0.3, PIXELS, UNITS, BATCH, variance=loss.std**2)
    assert as_elbo.beta == pytest.approx(1) and as_elbo.std == pytest.approx(loss.std)
    assert Loss("cross-entropy", over, kl).std is None


@pytest.mark.parametrize(("over", "scale"), [("sum / batch", 1.0), ("mean", 1 / PIXELS)])
@pytest.mark.parametrize(("kl", "kl_scale"), [("sum / batch", 1.0), ("mean", 1 / UNITS)])
def test_it_agrees_with_the_formula_of_two_scales(over, scale, kl, kl_scale):
    loss = Loss("squared error", over, kl, 0.02, PIXELS, UNITS, BATCH, 0.5)
    assert loss.beta == pytest.approx(effective_beta(0.02, error_scale=scale, kl_scale=kl_scale, variance=0.5))


def test_the_found_losses_have_these_betas():
    assert [(name, each.loss.beta) for name, each in FOUND.items()] == [
        ("pytorch/examples, today", 1),
        ("pytorch/examples, 2017", 1),
        ("keras, 2016", 784),
        ("PyTorch-VAE (AntixK)", pytest.approx(1.536)),
        ("pytorch-vae (sksq96)", 1 / 1024),
        ("sigma-vae-pytorch", 128 * 2352 / 2),
    ]
    assert all(each.repository.count("/") == 1 and each.does and each.got for each in FOUND.values())


@pytest.mark.parametrize(
    ("number", "words"), [(1.0, "1"), (0.00025, "0.00025"), (1e-5, "0.00001"), (10.0, "10"), (2.5, "2.5")]
)
def test_a_weight_is_written_as_people_write_it(number, words):
    assert plain(number) == words
    assert Loss(weight=number).code().endswith("loss = error + kl.sum()" if number == 1 else f"{words} * kl.sum()")


def test_sizes_may_be_numpys():
    size: Any = np.int64(100)
    assert Loss(over="mean", batch_size=size).beta == Loss(over="mean", batch_size=100).beta


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"error": "BCE"}, "error is 'BCE': choose one of 'cross-entropy', 'squared error'"),
        ({"over": "max"}, "over is 'max': choose one of 'sum', .*'mean'"),
        ({"kl": "none"}, "kl is 'none': choose one of .*'sum / all pixels'"),
        ({"weight": -0.1}, "weight is -0.1: below 0 .* give a number from 0 on"),
        ({"weight": float("nan")}, "weight is nan"),
        ({"variance": 0}, "variance is 0: .* it must be a positive number"),
        ({"input_dim": 0}, "input_dim is 0: it must be a whole number, 1 or more"),
        ({"latent_dim": 2.5}, "latent_dim is 2.5"),
        ({"batch_size": True}, "batch_size is True"),
    ],
)
def test_what_cannot_be_is_named_with_its_remedy(given, message):
    with pytest.raises(ValueError, match=message):
        Loss(**given)
