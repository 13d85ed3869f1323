"""Measurements over a data set, against the definitions written out."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from vae_core import VAE, Autoencoder, ConvVAE, losses
from vae_core.data import to_pixels
from vae_core.likelihoods import DiscretizedLogistic
from vae_core.losses import gaussian_kl
from vae_core.metrics import (
    active_units,
    elbo,
    evaluate,
    iwae_bound,
    log_likelihood,
    neighbours,
    posteriors,
    rate_per_unit,
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VAE(784, (16,), 3)


def test_evaluate_is_the_mean_of_the_elbo(model, digits):
    terms = evaluate(model, digits.test, num_samples=40, batch_size=100)
    x = to_pixels(digits.test)
    expected = elbo(model, x, 40, generator=torch.Generator().manual_seed(1))
    assert math.isclose(terms.rate, expected.rate.mean().item(), rel_tol=1e-5)
    assert math.isclose(terms.distortion, expected.distortion.mean().item(), rel_tol=1e-3)
    assert math.isclose(terms.elbo, -(terms.rate + terms.distortion), rel_tol=1e-12)
    assert model.training  # left as it was found


def test_evaluate_repeats_itself_and_samples_z(model, digits):
    first, again = (evaluate(model, digits.test, seed=3) for _ in range(2))
    assert first.distortion == again.distortion
    assert evaluate(model, digits.test, seed=4).distortion != first.distortion


def test_units_add_up_to_the_rate(model, digits):
    mean, log_var = posteriors(model, digits.test)
    assert mean.shape == log_var.shape == (297, 3)
    torch.testing.assert_close(rate_per_unit(mean, log_var).sum(), gaussian_kl(mean, log_var).mean())


def test_active_units():
    mean = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.05, 0.2])
    assert active_units(mean).tolist() == [True, False, True]


@pytest.mark.parametrize("count", [0, 1])
def test_of_fewer_than_two_images_no_unit_is_said_to_be_at_rest(count):
    with pytest.raises(ValueError, match=rf"mean has shape \({count}, 3\): .* pass two images or more"):
        active_units(torch.zeros(count, 3))


@pytest.mark.parametrize("estimate", [elbo, iwae_bound])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_estimates_take_numbers_of_any_kind(estimate, likelihood):
    """As `encode` does, and refuse what it refuses."""
    torch.manual_seed(0)
    model = VAE(20, (16,), 3, likelihood=likelihood)
    x = (torch.rand(4, 20) > 0.5).float()

    def measured(x):
        found = estimate(model, x, 2, generator=torch.Generator().manual_seed(1))
        return found.elbo if estimate is elbo else found

    for same in (x.numpy(), x.tolist(), x.bool(), x.byte(), x.double(), x.bool().numpy(), x.double().numpy()):
        torch.testing.assert_close(measured(same).float(), measured(x))
    for wrong, message in ((None, "x is of NoneType"), (x.numpy() * 2, r"pixels range over \[0, 2\]")):
        with pytest.raises(ValueError, match=message):
            measured(wrong)


def test_coarse_weights_cost_the_pixels_no_bits():
    """In bfloat16 many a level of 256 would be its neighbour."""
    torch.manual_seed(0)
    model, x = VAE(256, (8,), 2, likelihood=DiscretizedLogistic(0.01)).bfloat16(), torch.arange(256)[None] / 255
    mean, log_var = model.encode(x)
    noise = torch.randn(1, 1, 2, generator=torch.Generator().manual_seed(1), dtype=torch.bfloat16)
    z = mean + (0.5 * log_var.float()).exp() * noise
    by_hand = -model.likelihood.log_prob(x, model.decode(z))[0]
    torch.testing.assert_close(elbo(model, x, generator=torch.Generator().manual_seed(1)).distortion, by_hand)
    assert abs(by_hand + model.likelihood.log_prob(x.bfloat16(), model.decode(z))[0]) > 0.01


def test_log_likelihood_is_above_the_elbo(model, digits):
    images = digits.test[:60]
    bound = log_likelihood(model, images, num_samples=200, batch_size=20)
    assert bound > evaluate(model, images, num_samples=200).elbo
    direct = iwae_bound(model, to_pixels(images), 200, generator=torch.Generator().manual_seed(5)).mean().item()
    assert math.isclose(bound, direct, rel_tol=2e-3)


@pytest.mark.parametrize("measure", [evaluate, posteriors, log_likelihood])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0: it must be a whole number, 1 or more"),
        ({"batch_size": 10.0}, "batch_size is 10.0"),
        ({"images": None}, "images is of NoneType: pass a uint8 tensor, such as an ImageSet's test"),
    ],
)
def test_what_is_no_batch_is_refused(measure, change, message, model, digits):
    with pytest.raises(ValueError, match=message):
        measure(**{"model": model, "images": digits.test, **change})


@pytest.mark.parametrize("measure", [evaluate, log_likelihood])
def test_what_cannot_be_measured_is_refused(measure, model, digits):
    with pytest.raises(ValueError, match="no images"):
        measure(model, digits.test[:0])
    with pytest.raises(ValueError, match="1024"):
        measure(model, digits.padded(32).test)
    with pytest.raises(ValueError, match="num_samples is 0"):
        measure(model, digits.test, num_samples=0)


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}, [m.training for m in model.modules()]


@pytest.fixture(params=[True, False], ids=["all training", "a part at rest"])
def normalised(request):
    """A model whose forward pass in training mode leaves a trace in its running statistics."""
    torch.manual_seed(0)
    model = ConvVAE(1, 28, (4, 8), 16, 3)
    next(part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)).train(request.param)
    return model


@pytest.mark.parametrize(
    "measure",
    [evaluate, posteriors, log_likelihood, lambda model, images: model.draw(torch.zeros(5, model.latent_dim))],
    ids=["evaluate", "posteriors", "log_likelihood", "draw"],
)
def test_a_measurement_leaves_no_trace(measure, normalised, digits):
    before, modes = state_of(normalised)
    for images in (digits.test[:20], digits.test[:0]):
        try:
            measure(normalised, images)
        except ValueError as error:
            assert "no images" in str(error)  # a refusal leaves no trace either
        after, now = state_of(normalised)
        assert all(torch.equal(before[name], after[name]) for name in before) and now == modes


def test_running_statistics_are_what_is_measured_with(normalised, digits):
    normalised.eval()
    expected = normalised.encoder(to_pixels(digits.test[:20]))[0]
    torch.testing.assert_close(posteriors(normalised.train(), digits.test[:20])[0], expected)


@pytest.mark.parametrize("measure", [posteriors, log_likelihood])
def test_an_autoencoder_has_no_posterior_to_measure(measure, digits):
    with pytest.raises(ValueError, match="model is of Autoencoder, which gives each image a point and no posterior"):
        measure(Autoencoder(784, (8,), 2), digits.test[:5])


@pytest.mark.parametrize("k", [1, 10, 25])
def test_neighbours_vote_as_in_scikit_learn(k):
    """In double precision, on pictures of which no two are as near as another; more of them than are looked at at a time."""
    generator = torch.Generator().manual_seed(0)
    pictures, library = (torch.rand(n, 20, generator=generator, dtype=torch.float64) for n in (1201, 300))
    labels = torch.randint(10, (300,), generator=generator)
    label, agree = neighbours(pictures, library, labels, k)
    judge = KNeighborsClassifier(k, algorithm="brute").fit(library.numpy(), labels.numpy())
    votes = labels.numpy()[judge.kneighbors(pictures.numpy(), return_distance=False)]
    assert (agree.numpy() == [np.bincount(vote).max() for vote in votes]).all()
    assert ((votes == label.numpy()[:, None]).sum(1) == agree.numpy()).all()
    clear = torch.tensor([(np.bincount(vote) == np.bincount(vote).max()).sum() == 1 for vote in votes])
    assert clear.any() and torch.equal(label[clear], torch.tensor(judge.predict(pictures.numpy()))[clear])


def test_neighbours_know_a_digit(digits):
    library, labels = to_pixels(digits.train), digits.train_labels
    assert torch.equal(neighbours(library[:50], library, labels, 1)[0], labels[:50])  # each is its own
    label, agree = neighbours(to_pixels(digits.test), library, labels)
    right = label == digits.test_labels
    assert right.float().mean() > 0.9 < right[agree >= 9].float().mean()
    assert [len(part) for part in neighbours(library[:0], library, labels)] == [0, 0]


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "k is 0: it must be a whole number, 1 or more"),
        (2.0, "k is 2.0: it must be"),
        (8, "k is 8, and the library holds 7: ask for 7 or fewer"),
    ],
)
def test_no_or_more_neighbours_than_there_are_are_refused(k, message):
    x = torch.rand(7, 4)
    with pytest.raises(ValueError, match=message):
        neighbours(x, x, torch.arange(7), k)


def test_older_notebooks_find_the_estimators_where_they_were():
    assert losses.elbo is elbo and losses.iwae_bound is iwae_bound
    with pytest.raises(AttributeError, match="has no attribute 'elbow'"):
        getattr(losses, "elbow")  # noqa: B009
