"""The playground's engine against PyTorch: gradients in every combination of settings, runs, bugs, and optima that are known."""

import base64
import json
import math
import subprocess
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vae_core import VAE
from vae_core.labs.noise import normals
from vae_core.labs.playground import BUGS, CODE, SETTINGS, PlaygroundLab, from_model, small_digits, to_model
from vae_core.likelihoods import Gaussian
from vae_core.metrics import evaluate

ENGINE = Path(__file__).parent / "js" / "engine.mjs"
TRAINING_BUGS = ["", *BUGS]
PIXELS, BATCH = 12, 7  # of the many small cases; a batch that is no multiple of the engine's blocks


def engine(task: str, **given: Any) -> Any:
    done = subprocess.run(
        ["node", str(ENGINE)], input=json.dumps({"task": task, **given}), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pack(array: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def doubles(text: str) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.float64).copy())


def random_images(count: int, pixels: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, pixels), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def network(settings: dict, weights: torch.Tensor, pixels: int) -> tuple[Any, nn.Parameter]:
    """vae_core's VAE in double precision with these weights, and log σ."""
    activation = settings["activation"]
    hidden = (settings["hidden"],) if settings["hidden"] else ()
    model: Any = VAE(
        pixels, hidden, settings["latent"], activation="relu" if activation == "none" else activation
    ).double()
    if hidden and activation == "none":
        for part in (model.encoder, model.decoder):
            part.layers[1] = nn.Identity()
    nn.utils.vector_to_parameters(weights[:-1], model.parameters())
    return model, nn.Parameter(weights[-1].clone())


def log_prob(settings: dict, log_sigma: torch.Tensor, x: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Of each pixel, by PyTorch's own."""
    if settings["likelihood"] == "bernoulli":
        return -F.binary_cross_entropy_with_logits(outputs, x, reduction="none")
    sigma = log_sigma.exp() if settings["likelihood"] == "learned" else log_sigma.detach().exp()
    return torch.distributions.Normal(outputs, sigma).log_prob(x)


def step(
    settings: dict, model: Any, log_sigma: torch.Tensor, images: torch.Tensor, epsilon: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """distortion, rate and loss of a batch, one line for each bug: written here, not taken from the engine or the page."""
    bug = settings["bug"]
    x = images.double() if bug == "images in 0…255" else images.double() / 255
    mean, log_var = model.encoder(x)
    believed = log_var.clamp(-30, 20)
    std = (believed / 2).exp()
    if bug == "log variance taken for σ":
        std = log_var
    if bug == "no ½":
        std = believed.exp()
    z = mean + std * epsilon if settings["sample"] else mean
    outputs = model.decoder(z)
    if bug == "sigmoid twice":
        outputs = outputs.sigmoid()
    nats = -log_prob(settings, log_sigma, x, outputs)
    distortion = (nats.mean(1) if bug == "reconstruction averaged over pixels" else nats.sum(1)).mean()
    kl = (0.5 * (mean**2 + believed.exp() - 1 - believed)).mean(0)
    limited = kl.clamp(min=settings["free"])
    rate, pull = kl.sum(), limited.sum()
    if bug == "KL averaged over units":
        rate, pull = kl.mean(), limited.mean()
    if bug == "sign of the KL":
        rate, pull = -rate, -pull
    return distortion, rate, distortion + settings["beta"] * pull


def worst_of(found: dict, settings: dict, images: torch.Tensor) -> float:
    """How far the engine's gradient is from autograd's, against the longest of its numbers; and so for each of the three parts."""
    pixels = images.shape[1]
    model, log_sigma = network(settings, doubles(found["weights"]), pixels)
    epsilon = doubles(found["epsilon"]).view(-1, settings["latent"])
    distortion, rate, loss = step(settings, model, log_sigma, images[found["order"]], epsilon)
    parameters = [*model.parameters(), log_sigma]
    ours = doubles(found["gradient"])
    parts = torch.autograd.grad(loss, parameters, materialize_grads=True)
    wrong = [abs(found["terms"]["distortion"] - distortion.item()) / abs(distortion.item())]
    wrong.append(abs(found["terms"]["rate"] - rate.item()) / abs(rate.item()))
    at = 0
    for part in parts:  # each layer's weights and biases by themselves: a small one may not hide behind a large one
        mine = ours[at : at + part.numel()].view(part.shape)
        at += part.numel()
        wrong.append(((mine - part).norm() / part.norm().clamp(min=1e-12)).item())
    assert at == len(ours)
    return max(wrong)


def gradients(cases: list[dict], images: torch.Tensor) -> list[float]:
    found = engine("gradients", images=pack(images), pixels=images.shape[1], cases=cases)
    return [worst_of(one, settings, images) for one, settings in zip(found, cases, strict=True)]


@pytest.mark.parametrize("latent", [1, 2, 4, 8, 16])
def test_gradients_are_autograds_in_every_combination(latent):
    """1e-5 is asked for; both compute in double precision, so far less is found."""
    networks = [(0, "none"), *product((5,), ("tanh", "relu", "none"))]
    cases = [
        SETTINGS
        | {"latent": latent, "hidden": hidden, "activation": activation, "likelihood": likelihood, "batch": BATCH}
        | {"sigma": 0.3, "beta": 0.7, "seed": 3, "sample": sample, "free": free, "bug": bug, "scale": 3}
        for (hidden, activation), likelihood, sample, free, bug in product(
            networks, ("bernoulli", "gaussian", "learned"), (True, False), (0.0, 0.3), TRAINING_BUGS
        )
    ]
    worst = gradients(cases, random_images(9, PIXELS))
    assert len(worst) == 4 * 3 * 2 * 2 * 10
    assert max(worst) < 1e-9, cases[int(np.argmax(worst))]


def test_gradients_at_full_size():
    networks = [(0, "none"), (1, "tanh"), (64, "tanh"), (128, "relu"), (64, "none")]
    cases = [
        SETTINGS | {"hidden": hidden, "activation": activation, "latent": latent, "likelihood": likelihood, "batch": 64}
        for (hidden, activation), latent, likelihood in product(networks, (1, 2, 16), ("bernoulli", "learned"))
    ]
    worst = gradients(cases, random_images(100, 196))
    assert max(worst) < 1e-9, cases[int(np.argmax(worst))]


def test_free_bits_hold_back_only_units_below_them():
    """The threshold between the units' rates: some pull and some do not, which each gradient above could not tell alone."""
    images = random_images(9, PIXELS)
    base = SETTINGS | {"latent": 4, "hidden": 5, "batch": BATCH, "scale": 3}
    (found,) = engine("gradients", images=pack(images), pixels=PIXELS, cases=[base])
    model, _ = network(base, doubles(found["weights"]), PIXELS)
    mean, log_var = model.encoder(images[found["order"]].double() / 255)
    kl = (0.5 * (mean**2 + log_var.exp() - 1 - log_var)).mean(0).sort().values
    cases = [base | {"free": ((low + high) / 2).item()} for low, high in pairwise(kl)]
    assert max(gradients(cases, images)) < 1e-9


def test_a_log_variance_out_of_range_is_clamped_as_by_vae_core():
    images = random_images(9, PIXELS)
    cases = [
        SETTINGS | {"latent": 4, "hidden": 0, "activation": "none", "batch": BATCH, "scale": 250, "bug": bug}
        for bug in ("", "no ½", "log variance taken for σ")
    ]
    found = engine("gradients", images=pack(images), pixels=PIXELS, cases=cases)
    model, _ = network(cases[0], doubles(found[0]["weights"]), PIXELS)
    log_var = model.encoder(images[found[0]["order"]].double() / 255)[1]
    assert (log_var < -30).any() and (log_var > 20).any()
    assert max(worst_of(one, settings, images) for one, settings in zip(found, cases, strict=True)) < 1e-9


@pytest.mark.parametrize("bug", [bug for bug in TRAINING_BUGS if bug != "ELBO at the mean"])  # of that one, below
def test_the_lines_that_the_page_shows_are_what_is_computed(bug):
    """`CODE`, with a bug's line in the place of the right one, run as it stands."""
    settings = SETTINGS | {"latent": 3, "hidden": 5, "batch": BATCH, "free": 0.01, "beta": 2.0, "bug": bug}
    images = random_images(9, PIXELS)
    end = engine("run", images=pack(images), pixels=PIXELS, settings=settings, stages=[{"steps": 1}], record=True)
    model, log_sigma = network(settings, doubles(end["first"]), PIXELS)
    lines: list[str] = [*CODE]
    if bug:
        lines[lines.index(BUGS[bug].right)] = BUGS[bug].wrong
    names: dict[str, Any] = {
        "torch": torch,
        "images": images[end["batches"][0]["order"]].double(),
        "encoder": lambda x: torch.cat(model.encoder(x.double()), -1),
        "decoder": model.decoder,
        "epsilon": doubles(end["batches"][0]["epsilon"]).view(BATCH, -1),
        "log_prob": lambda x, outputs: log_prob(settings, log_sigma, x.double(), outputs),
        "parameters": [*model.parameters()],
        "free_bits": settings["free"],
        "beta": settings["beta"],
        "lr": settings["lr"],
    }
    exec("\n".join(lines), names)
    names["loss"].backward()
    names["optimizer"].step()
    after = nn.utils.parameters_to_vector(model.parameters()).detach()
    assert (doubles(end["weights"])[:-1] - after).abs().max() < 1e-6
    sign = -1 if bug == "sign of the KL" else 1
    kl = names["kl"].mean(0)
    plain = kl.mean() if bug == "KL averaged over units" else kl.sum()  # what is printed is the rate without free bits
    assert end["terms"]["rate"] == pytest.approx(sign * plain.item(), rel=1e-6)
    assert end["terms"]["distortion"] == pytest.approx(names["distortion"].item(), rel=1e-6)


@pytest.mark.parametrize("bug", [*TRAINING_BUGS, "no noise"])
def test_what_is_reported_is_what_the_code_prints_and_what_is_measured_is_right(bug):
    """On test images, after some steps with the bug: the terms that its code prints, and those of the right code."""
    train, _, test, _ = small_digits()
    train, test = train[:128], test[:100]
    knobs = {"sample": False, "bug": ""} if bug == "no noise" else {"bug": bug}
    settings = SETTINGS | {"latent": 4, "hidden": 16, "lr": 0.001} | knobs
    state = engine("session", train=pack(train), test=pack(test), settings=settings, steps=20)
    weights = torch.from_numpy(np.frombuffer(base64.b64decode(state["weights"]), np.float32).copy()).double()
    weights[-1] = weights[-1].log()
    model, log_sigma = network(settings, weights, 196)
    epsilon = torch.from_numpy(normals(0, 512 * 4)).view(512, 4)[:100]
    told = settings | {"sample": bug not in ("no noise", "ELBO at the mean")}
    with torch.no_grad():
        distortion, rate, _ = step(told, model, log_sigma, test, epsilon)
        mean, log_var = model.encoder(test.double() / (1 if bug == "images in 0…255" else 255))
        outputs = model.decoder(mean + (log_var / 2).exp() * epsilon)
        right = -log_prob(settings, log_sigma, test.double() / 255, outputs).sum(1).mean()
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).mean(0)
    assert state["reported"]["distortion"] == pytest.approx(distortion.item(), rel=1e-4)
    assert state["reported"]["rate"] == pytest.approx(rate.item(), rel=1e-4)
    assert state["test"]["distortion"] == pytest.approx(right.item(), rel=1e-4)
    assert state["test"]["rate"] == pytest.approx(kl.sum().item(), rel=1e-4)
    assert state["kl"] == pytest.approx(kl.tolist(), rel=1e-4)
    shown, others = state["units"], sorted({0, 1, 2, 3} - set(state["units"]))  # no other's rate is clearly higher
    assert len(shown) == 2 and shown == sorted(shown) and kl[others].max() <= 1.2 * kl[shown].min() + 0.011
    np.testing.assert_allclose(state["mean"], mean[:, state["units"]].flatten(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(state["std"], (log_var[:, state["units"]] / 2).exp().flatten(), rtol=1e-3)


LIKELIHOODS = {"bernoulli": "bernoulli", "gaussian": Gaussian(0.3)}


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("hidden", "activation"), [(64, "tanh"), (64, "relu"), (0, "none")])
def test_fifty_steps_end_where_vae_core_ends(likelihood, hidden, activation):
    """vae_core's model and torch.optim.Adam in single precision, on the batches and the noise that the engine drew."""
    images = small_digits()[0][:512]
    settings = SETTINGS | {"hidden": hidden, "activation": activation, "likelihood": likelihood, "sigma": 0.3}
    end = engine("run", images=pack(images), pixels=196, settings=settings, stages=[{"steps": 50}], record=True)
    kind = "relu" if activation == "none" else activation
    model = VAE(196, (hidden,) if hidden else (), settings["latent"], LIKELIHOODS[likelihood], kind)
    nn.utils.vector_to_parameters(doubles(end["first"])[:-1].float(), model.parameters())
    optimizer = torch.optim.Adam(model.parameters(), lr=settings["lr"])
    terms = None
    for batch in end["batches"]:
        epsilon = doubles(batch["epsilon"]).view(-1, settings["latent"]).float()
        terms = model(images[batch["order"]].float() / 255, epsilon)
        optimizer.zero_grad()
        terms.loss(settings["beta"]).mean().backward()
        optimizer.step()
    assert terms is not None
    ours, theirs = doubles(end["weights"])[:-1], nn.utils.parameters_to_vector(model.parameters()).detach()
    assert (ours - theirs).abs().max() < 1e-4
    assert end["terms"]["rate"] == pytest.approx(terms.rate.mean().item(), abs=1e-4)
    assert end["terms"]["distortion"] == pytest.approx(terms.distortion.mean().item(), abs=1e-3)


@pytest.mark.parametrize(
    ("hidden", "activation", "likelihood"),
    [(32, "tanh", "bernoulli"), (32, "relu", "gaussian"), (0, "none", "learned"), (32, "none", "bernoulli")],
)
def test_a_model_goes_to_python_and_back_with_the_same_elbo(hidden, activation, likelihood):
    train, _, test, _ = small_digits()
    data = {"train": pack(train[:512]), "test": pack(test)}
    settings = SETTINGS | {"hidden": hidden, "activation": activation, "likelihood": likelihood, "latent": 3}
    state = engine("session", **data, settings=settings, steps=30)
    model = to_model(settings, np.frombuffer(base64.b64decode(state["weights"]), np.float32))
    epsilon = torch.from_numpy(normals(0, len(test) * 3)).view(-1, 3).float()
    with torch.no_grad():
        terms = model(test.float() / 255, epsilon)
    assert state["test"]["rate"] == pytest.approx(terms.rate.mean().item(), abs=1e-3)
    assert state["test"]["distortion"] == pytest.approx(terms.distortion.mean().item(), abs=1e-3)
    said, weights = from_model(model)
    again = engine("session", **data, settings=settings | said, weights=pack(weights))
    assert again["test"] == pytest.approx(state["test"], abs=1e-3)
    assert again["sigma"] == pytest.approx(state["sigma"], rel=1e-6)


def test_models_that_the_playground_has_no_settings_for_are_refused():
    for model, words in (
        (VAE(784, (64,), 2), "not {'model': 'VAE'"),
        (VAE(196, (64, 32), 2), "'hidden_dims': "),
        (VAE(196, (64,), 2, activation="softplus"), "not the activation 'softplus'"),
        (VAE(196, (64,), 2, "squared-error"), "'likelihood': 'squared-error'"),
    ):
        with pytest.raises(ValueError, match="the playground takes a VAE") as refused:
            from_model(model)
        assert words in str(refused.value)
    with pytest.raises(ValueError, match="7 weights for a network of 25800 and σ"):
        to_model(SETTINGS, np.zeros(7, np.float32))


# ---- the linear VAE, whose optimum is known: Tipping & Bishop 1999 (β = 1), and for any β by reverse water-filling (Cover & Thomas) ----


def variances(x: torch.Tensor) -> torch.Tensor:
    """Of the principal components of x, the largest first."""
    return torch.linalg.eigvalsh(torch.cov(x.T, correction=0)).flip(0)


def optimum(spectrum: torch.Tensor, latent: int, variance: float, beta: float) -> tuple[float, torch.Tensor]:
    """The distortion and the units' rates that make distortion + β · rate least: a unit lives where its λ is above βσ²."""
    left = spectrum.clamp(max=beta * variance)
    left[latent:] = spectrum[latent:]
    rates = 0.5 * (spectrum / left).log()[:latent]
    return (left.sum() / (2 * variance) + 0.5 * len(left) * math.log(2 * math.pi * variance)).item(), rates


def exact_terms(settings: dict, weights: torch.Tensor, x: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Distortion, with z integrated out by hand, and each unit's rate, averaged over images."""
    model, log_sigma = network(settings, weights, x.shape[1])
    with torch.no_grad():
        mean, log_var = model.encoder(x)
        (decoder,) = model.decoder.layers
        variance = (2 * log_sigma).exp()
        squares = ((x - decoder(mean)) ** 2).sum(1) + log_var.exp() @ (decoder.weight**2).sum(0)
        distortion = squares.mean() / (2 * variance) + 0.5 * x.shape[1] * (2 * math.pi * variance).log()
        return distortion.item(), (0.5 * (mean**2 + log_var.exp() - 1 - log_var)).mean(0)


COOLING = [{"steps": 3000, "lr": 0.1}, {"steps": 2000, "lr": 0.01}, {"steps": 1500, "lr": 0.001}]


def linear(**settings: Any) -> dict:
    return SETTINGS | {"hidden": 0, "activation": "none", "likelihood": "gaussian", "sigma": 0.2} | settings


@pytest.mark.parametrize("likelihood", ["gaussian", "learned"])
def test_a_linear_vae_reaches_the_optimum_that_is_known(likelihood):
    images = small_digits()[0]
    x, settings = images.double() / 255, linear(likelihood=likelihood)
    end = engine("run", images=pack(images), pixels=196, settings=settings, stages=COOLING)
    distortion, rates = exact_terms(settings, doubles(end["weights"]), x)
    spectrum = variances(x)
    variance = settings["sigma"] ** 2 if likelihood == "gaussian" else spectrum[2:].mean().item()
    least, known = optimum(spectrum, 2, variance, 1)
    gap = distortion + rates.sum().item() - least - known.sum().item()
    assert -1e-9 < gap < 0.1
    assert doubles(end["weights"])[-1].exp().item() == pytest.approx(math.sqrt(variance), rel=0.01)


def test_units_die_in_the_order_that_beta_predicts():
    """Images of four independent parts, each of twice the variance of the next: β is raised to between them, one after another."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.linalg.qr(torch.randn(16, 16, generator=generator, dtype=torch.double)).Q[:4]
    strengths = torch.randn(256, 4, generator=generator, dtype=torch.double) * torch.tensor([0.4, 0.28, 0.2, 0.14])
    images = (255 * (0.5 + strengths @ parts)).round().clamp(0, 255).byte()
    x, settings = images.double() / 255, linear(latent=4, sigma=0.05)
    spectrum, variance = variances(x), settings["sigma"] ** 2
    first, second, third, fourth = (spectrum[:4] / variance).tolist()
    betas = [fourth / 2, *(math.sqrt(a * b) for a, b in ((third, fourth), (second, third), (first, second))), 2 * first]
    stages = [{"steps": 3000, "lr": 0.05}]  # at β = 1 all four come alive
    for beta in betas:
        stages += [{"steps": 3000, "lr": 0.05, "beta": beta}, {"steps": 1000, "lr": 0.005}]
    end = engine("run", images=pack(images), pixels=16, settings=settings, stages=stages)
    found = [exact_terms(settings, doubles(weights), x)[1] for weights in end["ends"][2::2]]
    order = found[0].argsort(descending=True)
    for alive, beta, rates in zip((4, 3, 2, 1, 0), betas, found, strict=True):
        _, known = optimum(spectrum, 4, variance, beta)
        assert (known > 0.1).sum() == (known > 0).sum() == alive
        np.testing.assert_allclose(rates[order], known, atol=0.05)


def test_the_lab_gives_and_takes_a_model():
    lab = PlaygroundLab()
    with pytest.raises(ValueError, match="press Start in the lab, and then Pause"):
        lab.model()
    torch.manual_seed(0)
    model = VAE(196, (32,), 4, Gaussian(0.37))
    lab.load(model)
    assert lab.values["latent"] == "4" and lab.values["hidden"] == "32" and lab.values["activation"] == "ReLU"
    assert lab.values["likelihood"] == "Gaussian, σ learned"  # where it stands is none of the σ that are offered
    again = lab.model()
    assert again.config == model.config | {
        "likelihood": {"name": "Gaussian", "std": pytest.approx(0.37), "squash": False}
    }
    for mine, theirs in zip(again.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    lab.load(VAE(196, (), 2, Gaussian(0.3)))
    assert lab.values["hidden"] == "0 (linear)" and lab.values["likelihood"] == "Gaussian, σ fixed"
    assert lab.values["sigma"] == "0.3" and lab.model().config["hidden_dims"] == []
    with pytest.raises(ValueError, match="hidden is 48, and the playground offers 0, 16, 32, 64, 128"):
        lab.load(VAE(196, (48,), 2))
    assert lab.model().latent_dim == 2  # as before
    lab.close()


def test_a_run_learns_as_well_as_vae_core_does():
    """Each with its own initial weights, batches and noise: after 800 steps they are within two nats of each other."""
    train, _, test, _ = small_digits()
    state = engine("session", train=pack(train), test=pack(test), settings=SETTINGS, steps=800)
    torch.manual_seed(0)
    model = VAE(196, (64,), 2, activation="tanh")
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS["lr"])
    for _ in range(800):
        batch = train[torch.randint(len(train), (64,))].float() / 255
        optimizer.zero_grad()
        model(batch).loss().mean().backward()
        optimizer.step()
    theirs = -evaluate(model, test).elbo.item()
    assert state["test"]["rate"] + state["test"]["distortion"] == pytest.approx(theirs, abs=2)
