"""The records of chapter 8: made by the page's own cells, complete, and what the page says of them."""

import json
from statistics import mean

import collapse
import priors
import torch
from cells import defined_by

from vae_core.models import VAE


def rows(module):
    return json.loads(module.PATH.read_text(encoding="utf-8"))["rows"]


def average(runs, key):
    return mean(run[key] for run in runs.values())


def test_the_records_have_all_systems_and_seeds():
    record = json.loads(collapse.PATH.read_text(encoding="utf-8"))
    assert record["settings"] == collapse.SYSTEMS | collapse.GREY and record["protocol"] == collapse.PROTOCOL
    for part, systems in (("rows", collapse.SYSTEMS), ("grey", collapse.GREY)):
        assert list(record[part]) == list(systems)
        assert all(list(runs) == [str(seed) for seed in range(collapse.SEEDS)] for runs in record[part].values())
    assert list(rows(priors)) == [str(beta) for beta in priors.BETAS]
    assert all(list(runs) == [str(seed) for seed in range(priors.SEEDS)] for runs in rows(priors).values())


def test_what_helps_and_what_does_not_is_as_the_page_says():
    found = rows(collapse)
    strong = found["strong"]
    for name in ("strong", "strong, warm-up", "weaker, one row back"):
        assert all(run["rate"] < 0.6 and run["listens"] < 1.6 for run in found[name].values()), name
    assert average(found["strong, free bits"], "rate") > 1.5
    assert average(found["strong, free bits"], "cost") > average(strong, "cost")
    assert average(found["sees no pixel"], "cost") > average(strong, "cost") + 10
    local = found["strong, code at each place"]
    assert all(run["rate"] > 1.5 and run["listens"] > 5 for run in local.values())
    assert average(local, "cost") < average(strong, "cost")


def test_a_learned_width_brings_back_what_a_fixed_one_silenced():
    grey = json.loads(collapse.PATH.read_text(encoding="utf-8"))["grey"]
    assert all(run["active"] == 0 and run["rate"] < 0.01 for run in grey["σ = 3"].values())
    assert all(6 <= run["active"] <= 7 for run in grey["σ = 1"].values())
    for name in ("σ = 0.1", "learned, from 3", "learned, from 1", "learned, from 0.1"):
        assert all(run["active"] == 10 for run in grey[name].values()), name
    assert average(grey["σ = 0.1"], "rate") == max(average(runs, "rate") for runs in grey.values())
    assert min(run["miss"] for run in grey["σ = 0.1"].values()) > max(
        r["miss"] for r in grey["learned, from 1"].values()
    )
    cost = {name: average(runs, "cost") for name, runs in grey.items()}
    assert round(cost["learned, from 3"] - cost["learned, from 1"]) == 51
    assert round(cost["learned, from 0.1"] - cost["learned, from 1"]) == 84


def test_a_model_of_the_codes_mends_bad_inventions():
    for beta, runs in rows(priors).items():
        for run in runs.values():
            assert run["mixture"] > run["prior"], beta
    low = rows(priors)["0.01"]
    assert all(run["mixture"] > run["prior"] + 30 and run["second VAE"] > run["prior"] + 15 for run in low.values())


def test_the_pages_cells_make_and_measure_a_network(digits):
    """No pixel's logit depends on itself or on a later one; the code reaches all."""
    page = defined_by(collapse.PAGE, collapse.CELLS)
    for options in ({}, {"reach": 1}, {"reach": 0}, {"own": True}):
        torch.manual_seed(0)
        model = page["CausalVAE"](6, **options)
        x = torch.rand(1, 36, requires_grad=True)
        z = torch.randn(1, 8, requires_grad=True)
        for pixel in (0, 14, 35):
            by_pixel, by_code = torch.autograd.grad(model.decoder(z, x)[0, pixel], (x, z), allow_unused=True)
            seen = by_pixel[0].nonzero().flatten().tolist()
            assert all(other < pixel for other in seen) and (by_code != 0).any()
            if options.get("reach", 4) == 0:
                assert not seen
    small = page["halved"](digits.first(256, 128))
    assert small.train.shape == (256, 1, 14, 14)
    figures = page["figures"](page["CausalVAE"](), small)
    assert set(figures) == {"cost", "rate", "distortion", "listens"}
    assert abs(figures["cost"] - figures["rate"] - figures["distortion"]) < 2e-3


def test_free_bits_leave_a_unit_what_it_may_say_for_nothing(digits):
    page = defined_by(collapse.PAGE, collapse.CELLS)
    model: VAE = page["CausalVAE"](6, free=0.25)
    x, epsilon = torch.rand(5, 36), torch.randn(5, 8)
    assert model.train()(x, epsilon).rate.mean() >= 8 * 0.25 - 1e-5
    assert model.eval()(x, epsilon).rate.mean() < 8 * 0.25


def test_the_distortion_of_a_learned_width_is_that_of_a_normal_density():
    page = defined_by(collapse.PAGE, collapse.CELLS)
    torch.manual_seed(0)
    model = page["GaussianVAE"](6, 0.7, True)
    x, epsilon = torch.rand(4, 6), torch.randn(4, 10)
    terms = model(x, epsilon)
    mean, log_var = model.encoder(x)
    drawn = model.decoder(mean + (0.5 * log_var).exp() * epsilon)
    expected = -torch.distributions.Normal(drawn, 0.7).log_prob(x).sum(1)
    torch.testing.assert_close(terms.distortion, expected)
    (slope,) = torch.autograd.grad(terms.distortion.mean(), model.log_sigma)
    miss = (x - drawn).square().sum(1).mean()
    torch.testing.assert_close(slope, 6 - miss / 0.49)  # zero where σ² is the mean squared miss of a pixel
    assert not page["GaussianVAE"](6, 0.7, False).log_sigma.requires_grad
