"""Other objectives of a step, against second implementations, in expectation and at their edges."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from vae_core import VAE, Autoencoder, ConvVAE, TrainConfig, checkpoint, fit
from vae_core.__main__ import main
from vae_core.exact import EXACT_MODELS
from vae_core.likelihoods import Gaussian
from vae_core.losses import Elbo, free_bits, gaussian_kl
from vae_core.metrics import elbo, iwae_bound
from vae_core.objectives import Objective
from vae_core.training import Run

ONE = torch.tensor(1.0)
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 100, "device": "cpu", "log_every": 4}
IWAE: dict[str, Any] = {"objective": "iwae", "num_samples": 3}


@pytest.fixture
def small(digits):
    return digits.first(640, 100)  # six batches of 100 and one of 40


def make_model(seed=0, **options):
    torch.manual_seed(seed)
    return VAE(784, (32,), 4, **options)


def draw(draws=5, rows=20):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(rows, 60, generator=generator, dtype=torch.double)
    return x, torch.randn(draws, rows, 6, generator=generator, dtype=torch.double)


def tiny(likelihood="bernoulli"):
    torch.manual_seed(0)
    return VAE(60, (40,), 6, activation="tanh", likelihood=likelihood).double()


def gradient_of(loss, model):
    return torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, list(model.parameters()))])


def weights_of(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def by_itself(model, x, epsilon, name="iwae", least=0.0, beta=ONE):
    terms, loss = Objective(model, name, least)(x, epsilon, beta, len(x))
    return terms, loss, gradient_of(loss.mean(), model)


# --- the importance-weighted bound ---


@pytest.mark.parametrize("likelihood", ["bernoulli", "squared-error"])
def test_it_is_the_bound_of_metrics_and_so_is_its_gradient(likelihood):
    model, (x, _) = tiny(likelihood), draw()
    bound = iwae_bound(model, x, 5, generator=torch.Generator().manual_seed(3))
    epsilon = torch.randn(5, 20, 6, generator=torch.Generator().manual_seed(3), dtype=torch.double)
    _, loss, gradient = by_itself(model, x, epsilon)
    torch.testing.assert_close(loss, -bound, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient, gradient_of(-bound.mean(), model), rtol=1e-9, atol=1e-12)


def test_its_gradient_is_that_of_the_draws_weighed_by_their_softmax():
    """Burda et al. 2015, eq. 14: with torch.distributions in place of our formulas, and an image and a draw at a time."""
    model, (x, epsilon) = tiny(), draw()
    total = torch.zeros(())
    for image in range(len(x)):
        mean, log_var = model.encoder(x[image])
        q = torch.distributions.Normal(mean, (0.5 * log_var).exp())
        p = torch.distributions.Normal(0.0, 1.0)
        logs = []
        for noise in epsilon[:, image]:
            z = mean + (0.5 * log_var).exp() * noise
            nats = F.binary_cross_entropy_with_logits(model.decoder(z), x[image], reduction="sum")
            logs.append(-nats + p.log_prob(z).sum() - q.log_prob(z).sum())
        log_weights = torch.stack(logs)
        shares = log_weights.detach().exp() / log_weights.detach().exp().sum()
        total = total - (shares * log_weights).sum() / len(x)
    torch.testing.assert_close(by_itself(model, x, epsilon)[2], gradient_of(total, model), rtol=1e-8, atol=1e-11)


def test_of_one_draw_it_is_the_elbo_in_expectation_and_so_is_its_gradient():
    """Its rate is sampled where the ELBO's has a formula: over many draws the difference goes, as an error of sampling does."""
    model, (x, _) = tiny(), draw(rows=2)
    generator = torch.Generator().manual_seed(4)
    found = []
    for _ in range(2000):
        epsilon = torch.randn(1, 2, 6, generator=generator, dtype=torch.double)
        _, _, gradient = by_itself(model, x, epsilon)
        found.append(gradient - gradient_of(model(x, epsilon[0]).loss().mean(), model))
    difference = torch.stack(found)
    error = difference.std(0) / math.sqrt(len(found))
    assert (error > 0).any() and ((difference.mean(0)).abs() <= 5 * error + 1e-12).all()


def test_more_draws_of_the_elbo_are_their_mean():
    model, (x, epsilon) = tiny(), draw()
    terms, loss, gradient = by_itself(model, x, epsilon, "elbo", beta=torch.tensor(0.7))
    each = [model(x, noise) for noise in epsilon]
    expected = torch.stack([one.loss(0.7) for one in each]).mean(0)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, gradient_of(expected.mean(), model))
    torch.testing.assert_close(terms.distortion, torch.stack([one.distortion for one in each]).mean(0))


def test_a_row_of_history_holds_the_terms_of_the_elbo(small):
    """And under importance weights the bound that is trained lies above them."""
    model = make_model()
    history = fit(model, small, TrainConfig(**QUICK, **IWAE), progress=False)
    row, x = history.rows[-1], small.test.flatten(1) / 255
    expected = elbo(model, x, 200, generator=torch.Generator().manual_seed(1))
    assert math.isclose(row["test_rate"], expected.rate.mean().item(), rel_tol=1e-4)
    assert math.isclose(row["test_distortion"], expected.distortion.mean().item(), rel_tol=1e-2)
    assert iwae_bound(model, x, 3, generator=torch.Generator().manual_seed(1)).mean() > expected.elbo.mean()
    assert history["test_elbo"][1] > history["test_elbo"][0] and row["train_rate"] > 0


class Given(torch.nn.Module):
    """The decoder of an exact model, which has nothing to train."""

    def __init__(self, decode):
        super().__init__()
        self.decode = decode

    def forward(self, z):
        return self.decode(z)


def gap_after_training(exact, objective):
    """log p(x) by quadrature less the bound of 5,000 draws, once an encoder has been trained with 20."""
    x = torch.linspace(0.5, 3.0, 40)[:, None]
    torch.manual_seed(0)
    model = VAE(1, (32,), 1, likelihood=Gaussian(std=exact.std), activation="tanh")
    model.decoder = Given(exact.decode)
    model.check = lambda x: x  # these numbers are no pixels
    step, optimizer = Objective(model, objective), torch.optim.Adam(model.encoder.parameters(), 1e-2)
    for _ in range(600):
        loss = step(x, torch.randn(20, 40, 1), ONE, 40)[1].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        bound = iwae_bound(model, x, 5000, generator=torch.Generator().manual_seed(0)).double()
    return (exact.log_marginal(x[:, 0].double()) - bound).mean().item()


@pytest.mark.parametrize("name", EXACT_MODELS)
def test_trained_on_an_exact_model_the_bound_reaches_log_p_of_x(name):
    assert abs(gap_after_training(EXACT_MODELS[name], "iwae")) < 0.01


def test_the_elbo_leaves_out_one_of_two_bumps():
    """Each holds half of p(x), and ln 2 is what the other would add; less is missing where the two meet, for a small x."""
    assert 0.3 < gap_after_training(EXACT_MODELS["two bumps"], "elbo") < math.log(2)


# --- free bits ---


def test_free_bits_are_what_the_formula_says():
    model, (x, epsilon) = tiny(), draw(draws=1, rows=50)
    mean, log_var = model.encoder(x)
    rates = gaussian_kl(mean[..., None], log_var[..., None])
    least = rates.mean(0).median().item() + 1e-6  # some units lie below it, some above
    _, loss, gradient = by_itself(model, x, epsilon, "elbo", least, torch.tensor(0.7))
    expected = -model.likelihood.log_prob(x, model.decoder(mean + (0.5 * log_var).exp() * epsilon[0])).mean()
    expected = (
        expected + 0.7 * torch.stack([unit if unit > least else torch.tensor(least) for unit in rates.mean(0)]).sum()
    )
    torch.testing.assert_close(loss.mean(), expected)
    torch.testing.assert_close(gradient, gradient_of(expected, model))


def test_a_unit_that_is_free_pulls_no_weight():
    rates = torch.tensor([[0.0, 0.3], [0.1, 0.5]], requires_grad=True)
    counted = free_bits(rates, rates.detach().mean(0), 0.2)
    torch.testing.assert_close(counted, torch.tensor([0.5, 0.7]))
    counted.mean().backward()
    assert rates.grad is not None and rates.grad.tolist() == [[0, 0.5], [0, 0.5]]


def test_where_every_bit_is_free_the_distortion_alone_is_trained():
    model, (x, epsilon) = tiny(), draw(draws=1)
    terms, loss, gradient = by_itself(model, x, epsilon, "elbo", 1e6)
    expected = gradient_of(model(x, epsilon[0]).distortion.mean(), model)
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(loss, terms.distortion + 6e6)  # six units
    assert (terms.rate < 1e3).all()  # a row of the history holds the rate that there is


def test_without_free_bits_nothing_is_changed(small):
    """To the bit, by whatever way the steps are taken: the settings as they stand are those of a run that names none."""
    ends = []
    named: list[dict[str, Any]] = [{}, {"objective": "elbo", "num_samples": 1, "free_bits": 0.0}, {"free_bits": 0}]
    for settings in named:
        model = make_model()
        fit(model, small, TrainConfig(**QUICK, **settings), progress=False)
        ends.append(weights_of(model))
    assert torch.equal(ends[0], ends[1]) and torch.equal(ends[0], ends[2])
    assert isinstance(Run(make_model(), small, TrainConfig(**QUICK), None).objective, VAE)


def test_free_bits_leave_more_of_the_units_in_use(small):
    rates = []
    for least in (0.0, 2.0):
        config = replace(TrainConfig(**QUICK), epochs=8, beta=4.0, free_bits=least)
        rates.append(fit(make_model(), small, config, progress=False)["test_rate"][-1])
    assert rates[1] > rates[0] + 1


# --- in a run ---

OTHERS: list[dict[str, Any]] = [IWAE, {"num_samples": 2, "beta": 0.5}, {"free_bits": 0.3, "warmup_epochs": 1.5}]


@pytest.mark.parametrize("settings", OTHERS, ids=str)
def test_a_run_is_resumed_to_the_bit(small, tmp_path, monkeypatch, settings):
    config = TrainConfig(**QUICK, **settings, pixels="dynamic", clip_norm=50.0)
    whole, advance, steps = make_model(), Run.advance, iter(range(100))
    fit(whole, small, config, progress=False)

    def stop(run, batch):
        if next(steps) == 5:
            raise InterruptedError
        advance(run, batch)

    with monkeypatch.context() as until:
        until.setattr(Run, "advance", stop)
        with pytest.raises(InterruptedError):
            fit(make_model(), small, config, out=tmp_path, save_every=2, progress=False)
    resumed = make_model(seed=9)
    fit(resumed, small, config, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights_of(resumed), weights_of(whole))
    plain = make_model()
    fit(plain, small, TrainConfig(**QUICK, pixels="dynamic", clip_norm=50.0), progress=False)
    assert not torch.equal(weights_of(plain), weights_of(whole))


def test_a_run_from_before_these_settings_is_resumed(small, tmp_path):
    """Its checkpoint does not name them, and meant what they are left alone."""
    fit(make_model(), small, TrainConfig(**QUICK), out=tmp_path, progress=False)
    path = tmp_path / "checkpoint.safetensors"
    tensors, record = checkpoint.load(path)
    for name in ("objective", "num_samples", "free_bits"):
        del record["config"][name]
    checkpoint.save(path, tensors, record)
    longer = replace(TrainConfig(**QUICK), epochs=3)
    with pytest.raises(ValueError, match="config.objective = 'elbo', not 'iwae': resume it with its own settings"):
        fit(make_model(), small, replace(longer, objective="iwae"), out=tmp_path, resume=True, progress=False)
    assert len(fit(make_model(), small, longer, out=tmp_path, resume=True, progress=False)) == 3


@pytest.mark.parametrize("settings", OTHERS, ids=str)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_convolutions_learn_under_it_too(small, settings, precision):
    torch.manual_seed(0)
    model = ConvVAE(1, 28, (4, 8), 16, 3)
    config = replace(TrainConfig(**QUICK, **settings), precision=precision, lr=3e-3)
    history = fit(model, small, config, progress=False)
    assert history["test_elbo"][1] > history["test_elbo"][0]


class Mine(VAE):
    """A loss of one's own."""

    def forward(self, x, epsilon):
        terms = super().forward(x, epsilon)
        return Elbo(terms.rate, 2 * terms.distortion)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_samples": 0}, "num_samples is 0: it must be 1 or more"),
        ({"num_samples": -1}, "num_samples is -1: it must be 1 or more"),
        ({"num_samples": 1.5}, "num_samples is 1.5: it must be of type int, as in num_samples=1"),
        ({"objective": "iwea"}, "objective is 'iwea': choose one of 'elbo', 'iwae'"),
        ({"objective": None}, "objective is None: it must be of type str, as in objective='elbo'"),
        ({"free_bits": -0.1}, "free_bits is -0.1: it must be 0 or more"),
        ({"free_bits": math.nan}, "free_bits is nan: it must be 0 or more"),
        ({"objective": "iwae", "beta": 0.5}, "beta is 0.5 and objective 'iwae': .* no rate .*; leave beta at 1"),
        ({"objective": "iwae", "warmup_epochs": 1.0}, "warmup_epochs is 1.0 and objective 'iwae': .* at 0"),
        ({"objective": "iwae", "free_bits": 0.1}, "free_bits is 0.1 and objective 'iwae': .*or train the 'elbo'"),
    ],
)
def test_a_bad_setting_is_refused_with_its_remedy(small, change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fit(make_model(), small, replace(TrainConfig(**QUICK), **change), out=tmp_path / "run", progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", [{"objective": "iwae"}, {"num_samples": 2}, {"free_bits": 0.1}])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            Autoencoder,
            "{} is {}, but Autoencoder gives each image a point and draws no z: train a VAE, or leave {} out",
        ),
        (Mine, "{} is {}, but Mine.forward is a loss of its own: let that draw and count, and leave {} out"),
    ],
)
def test_a_model_that_has_no_place_for_it_is_refused(small, change, kind, message):
    ((name, value),) = change.items()
    with pytest.raises(ValueError, match=message.format(name, repr(value), name)):
        fit(kind(784, (8,), 2), small, TrainConfig(**QUICK, **change), progress=False)


def test_the_shell_has_them_as_options(tmp_path):
    quick = ["train", "--preset", "relu-200-10", "--data", "digits", "--device", "cpu", "--epochs", "1"]
    assert main([*quick, "--objective", "iwae", "--num-samples", "2", "--out", str(tmp_path / "a")]) == 0
    assert main([*quick, "--free-bits", "0.2", "--out", str(tmp_path / "b")]) == 0
    settings = [json.loads((tmp_path / name / "config.json").read_bytes()) for name in "ab"]
    assert [settings[0][name] for name in ("objective", "num_samples")] == ["iwae", 2]
    assert settings[1]["free_bits"] == 0.2
