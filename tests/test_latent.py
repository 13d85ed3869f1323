"""Paths and perturbations in latent space."""

import math

import pytest
import torch

from vae_core.latent import lerp, perturb, plane, slerp, traverse
from vae_core.losses import gaussian_kl

A, B = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])


@pytest.mark.parametrize("path", [lerp, slerp])
def test_a_path_ends_where_it_should(path):
    codes = path(A, B, 7)
    assert codes.shape == (7, 3)
    torch.testing.assert_close(codes[0], A)
    torch.testing.assert_close(codes[-1], B)
    torch.testing.assert_close(path(A[None], B, 7), codes)  # of a batch of one, as encode gives it


@pytest.mark.parametrize("path", [lerp, slerp])
@pytest.mark.parametrize(
    ("start", "end", "steps", "message"),
    [
        (A, B, 1, "steps is 1: it must be a whole number, 2 or more"),
        (A, B, 2.5, "steps is 2.5"),
        (A, B[:2], 4, r"start has shape \(3,\) and end \(2,\): a path joins two codes of one length"),
        (A[None], B[:2], 4, r"start has shape \(1, 3\) and end \(2,\)"),
        (torch.ones(4, 3), torch.zeros(4, 3), 4, r"\(4, 3\) and end \(4, 3\): .*as z\[0\] is in a batch"),  # no path
        (A.int(), B.int(), 5, r"the codes are of torch.int32: .*give start.float\(\)"),
    ],
)
def test_what_has_no_path_between_is_refused(path, start, end, steps, message):
    with pytest.raises(ValueError, match=message):
        path(start, end, steps)


def test_a_line_is_straight_and_even():
    steps = lerp(A, B, 9).diff(dim=0)
    torch.testing.assert_close(steps, steps[:1].expand_as(steps))


def test_an_arc_keeps_its_distance_and_turns_evenly():
    codes = slerp(A, B, 9)
    torch.testing.assert_close(codes.norm(dim=-1), torch.linspace(3, 4, 9))
    angles = torch.atan2(codes[:, 1], codes[:, 0])
    torch.testing.assert_close(angles, torch.linspace(0, math.pi / 2, 9))
    assert lerp(A, B, 9).norm(dim=-1).min() < 2.5  # the straight line cuts through the thin middle


@pytest.mark.parametrize("short_of_opposite", [3e-4, 5e-4, 1e-3, 2e-3, 0.1])
def test_an_arc_between_nearly_opposite_codes_keeps_its_distance(short_of_opposite):
    """In single precision: there the cosine of the angle has lost it."""
    angle = math.pi - short_of_opposite
    codes = slerp(torch.tensor([1.0, 0.0]), torch.tensor([math.cos(angle), math.sin(angle)]), 9)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(9), rtol=0, atol=1e-3)


def test_no_arc_is_a_line():
    for end in (2 * A, -A, torch.zeros(3)):
        torch.testing.assert_close(slerp(A, end, 5), lerp(A, end, 5))


def test_traversal_changes_one_unit():
    codes = traverse(torch.arange(4.0), 2, torch.tensor([-1.0, 9.0]))
    assert codes.tolist() == [[0, 1, -1, 3], [0, 1, 9, 3]]


def test_perturbing_one_unit_or_all():
    mean, log_var = torch.zeros(2, 3), torch.zeros(2, 3)
    moved, wider = perturb(mean, log_var, shift=2.0, scale=4.0, unit=1)
    assert moved.tolist() == [[0, 2, 0]] * 2
    torch.testing.assert_close(wider.exp(), torch.tensor([[1.0, 4.0, 1.0]] * 2))
    torch.testing.assert_close(gaussian_kl(moved, wider), torch.full((2,), 0.5 * (4 + 4 - 1 - math.log(4))))
    assert perturb(mean, log_var, shift=1.0)[0].tolist() == [[1, 1, 1]] * 2
    with pytest.raises(ValueError, match="scale is 0"):
        perturb(mean, log_var, scale=0)


def test_double_precision_stays_double():
    zeros = torch.zeros(3, dtype=torch.float64)
    assert perturb(zeros, zeros, scale=0.1)[1].tolist() == [math.log(0.1)] * 3


def test_plane_has_its_top_row_first():
    grid = plane(5, span=2.0)
    assert grid.shape == (5, 5, 2)
    assert grid[0, 0].tolist() == [-2, 2]
    assert grid[-1, -1].tolist() == [2, -2]
    assert grid[2, 2].tolist() == [0, 0]
