"""Gradients of an average: the exact ones against integrals, the estimators against both and against their formulas."""

import math

import numpy as np
import pytest
import torch

from vae_core.gradients import FUNCTIONS, pathwise, score_function

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)  # exact for polynomials, good to 1e-9 for the wave
SMOOTH = FUNCTIONS[:4]


def draws(batches, count, units=1, seed=0):
    return torch.randn(batches, count, units, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def at(value):
    return torch.tensor([value], dtype=torch.float64)


@pytest.mark.parametrize("cost", SMOOTH, ids=lambda cost: cost.words)
@pytest.mark.parametrize(("mean", "std"), [(1.0, 0.6), (-1.3, 0.2), (0.35, 1.0)])
def test_the_exact_gradient_is_that_of_the_integral(cost, mean, std):
    m, s = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (mean, std))
    z = (m + s * torch.from_numpy(NODES))[:, None]
    integral = torch.from_numpy(WEIGHTS / math.sqrt(2 * math.pi)) @ cost.value(z)
    assert integral.item() == pytest.approx(cost.expected(m, s).item(), abs=1e-8)
    theirs = torch.stack(torch.autograd.grad(integral, (m, s)))
    torch.testing.assert_close(cost.exact_gradient(mean, std), theirs, atol=1e-7, rtol=0)


def test_the_step_has_the_gradient_of_the_share_beyond_zero():
    bell = math.exp(-0.5 * (1.0 / 0.5) ** 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(FUNCTIONS[4].exact_gradient(1.0, 0.5), [bell / 0.5, -1.0 * bell / 0.5**2], rtol=1e-12)


@pytest.mark.parametrize("cost", FUNCTIONS, ids=lambda cost: cost.words)
def test_estimates_are_right_on_average_but_for_the_jump(cost):
    given = cost.value, at(0.7), at(0.8), draws(4000, 8)
    exact = cost.exact_gradient(0.7, 0.8)
    for kind, found in {
        "pathwise": pathwise(*given),
        "score": score_function(*given),
        "baseline": score_function(*given, baseline=True),
    }.items():
        assert found.shape == (2, 4000, 1)
        error = found.std(1)[:, 0] / math.sqrt(4000)
        if kind == "pathwise" and cost is FUNCTIONS[4]:
            assert found.abs().max() == 0 and exact.abs().min() > 0.1
        else:
            assert torch.all((found.mean(1)[:, 0] - exact).abs() < 5 * error)


def test_for_a_square_the_variances_have_formulas():
    mean, std, count = 1.0, 0.6, 4
    given = FUNCTIONS[0].value, at(mean), at(std), draws(50_000, count)
    by_path = [4 * std**2, 4 * mean**2 + 8 * std**2]
    np.testing.assert_allclose(pathwise(*given).var(1)[:, 0] * count, by_path, rtol=0.03)
    by_score = mean**4 / std**2 + 14 * mean**2 + 15 * std**2
    assert score_function(*given)[0].var().item() * count == pytest.approx(by_score, rel=0.05)


def test_a_baseline_for_one_draw_is_refused():
    given = (FUNCTIONS[0].value, torch.tensor([1.0]), torch.tensor([0.6]), torch.ones(5, 1, 1))
    assert score_function(*given).isfinite().all()
    with pytest.raises(ValueError, match="K is 1: .*give two draws or more"):
        score_function(*given, baseline=True)


def test_a_baseline_takes_out_what_is_added_to_f():
    epsilon = draws(100, 8)
    plain, lifted = (
        score_function(cost.value, at(1.0), at(0.6), epsilon, baseline=True) for cost in (FUNCTIONS[0], FUNCTIONS[1])
    )
    torch.testing.assert_close(plain, lifted)
    loud = score_function(FUNCTIONS[1].value, at(1.0), at(0.6), epsilon)
    assert loud[0].var() > 10 * plain[0].var()


def test_each_unit_of_a_longer_z_gets_its_own_gradient():
    """f = 3 z₁² + z₁ z₂: E[f] = 3 (m₁² + s₁²) + m₁ m₂."""
    mean, std = torch.tensor([0.5, -1.0]).double(), torch.tensor([0.4, 0.8]).double()

    def f(z):
        return 3 * z[..., 0] ** 2 + z[..., 0] * z[..., 1]

    given = f, mean, std, draws(20_000, 4, units=2)
    exact = torch.tensor([[6 * 0.5 - 1.0, 0.5], [6 * 0.4, 0.0]]).double()
    for found in (pathwise(*given), score_function(*given), score_function(*given, baseline=True)):
        assert found.shape == (2, 20_000, 2)
        assert torch.all((found.mean(1) - exact).abs() < 5 * found.std(1) / math.sqrt(20_000))
