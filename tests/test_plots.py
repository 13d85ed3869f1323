"""Figures: drawn, described, and closed."""

from dataclasses import replace
from html import escape
from typing import Any, cast

import matplotlib.pyplot as plt
import pytest
import torch

from vae_core import VAE, History
from vae_core.latent import lerp
from vae_core.losses import Elbo
from vae_core.plots import data_note, overview, show_codes, show_grid, show_history, show_plane, show_rows

X = torch.rand(6, 784, generator=torch.Generator().manual_seed(0))


def a_history():
    history = History()
    for epoch in (1, 2):
        history.add(
            epoch,
            Elbo(torch.tensor(5.0), torch.tensor(100.0 / epoch)),
            Elbo(torch.tensor(4.0), torch.tensor(90.0)),
            lr=1e-3,
            seconds=1.0,
            images=10,
        )
    return history


@pytest.mark.parametrize(
    "draw",
    [
        lambda: show_rows({"one": X, "two": X[:3]}),
        lambda: show_grid(X, 3, "six"),
        lambda: show_plane(VAE(784, (8,), 2), across=4),
        lambda: show_codes({"a": X[:, :2], "b": X[:, 2:4]}, torch.arange(6) % 3),
        lambda: show_history(a_history()),
    ],
)
def test_every_figure_is_drawn_described_and_closed(draw, tmp_path):
    figure = draw()
    assert len(figure.alt) > 20
    assert plt.get_fignums() == []
    figure.savefig(tmp_path / "figure.png")
    pixels = plt.imread(tmp_path / "figure.png")
    assert pixels[..., :3].std() > 0.02
    assert pixels[0, 0, :3].min() == 1  # on white, whatever the reader's theme


CODES, LABELS = X[:, :2], torch.arange(6) % 3
COLOUR = X[:, : 3 * 8 * 8]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: show_rows({"a": COLOUR}), r"'a' has shape \(6, 192\), not \(N, 1 × side × side\): .*3 for colour"),
        (
            lambda: show_rows({"a": X}, channels=3),
            r"'a' has shape \(6, 784\), not \(N, 3 × side × side\): .*1 for grey",
        ),
        (lambda: show_rows({"a": X.view(6, 1, 28, 28)}), r"'a' has shape \(6, 1, 28, 28\).*x.flatten\(1\)"),
        (lambda: show_rows({"a": X[0]}), r"'a' has shape \(784,\)"),
        (lambda: show_rows({"a": X[:0]}), r"'a' has shape \(0, 784\)"),
        (lambda: show_rows({}), "rows is empty: pass one or more by name"),
        (lambda: show_rows(cast(Any, X)), "rows is of Tensor: pass one or more by name"),
        (lambda: show_grid(COLOUR, 3), r"the grid has shape \(6, 192\).*3 for colour"),
        (
            lambda: show_codes({"a": X[:, :3]}, LABELS),
            r"'a' have shape \(6, 3\), and 6 labels want \(6, 2\): .*z\[:, :2\]",
        ),
        (lambda: show_codes({"a": CODES}, LABELS[:5]), "5 labels want"),
        (lambda: show_codes({}, LABELS), "codes is empty"),
        (
            lambda: overview(VAE(784, (8,), 2), cast(Any, X)),
            r"images is of Tensor, and an ImageSet is needed: ImageSet.of",
        ),
        (
            lambda: overview(cast(Any, torch.nn.Linear(2, 2)), cast(Any, X)),
            "model is of Linear, which is no LatentModel",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "show",
    [
        lambda x, labels: show_rows({"a": x}),
        lambda x, labels: show_grid(x, 3),
        lambda x, labels: show_codes({"a": x[:, :2]}, labels),
    ],
)
def test_arrays_are_drawn_as_tensors_are(show, tmp_path):
    show(X, LABELS).savefig(tmp_path / "tensors.png")
    show(X.numpy(), LABELS.numpy()).savefig(tmp_path / "arrays.png")
    assert (tmp_path / "tensors.png").read_bytes() == (tmp_path / "arrays.png").read_bytes()


def test_overview_is_the_same_twice(digits, tmp_path):
    torch.manual_seed(0)
    model = VAE(784, (8,), 2)
    for name in ("a.png", "b.png"):
        overview(model, digits, count=4).savefig(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_page_and_a_lab_call_a_set_by_one_name(digits):
    assert digits.title == "scikit-learn's small digits"
    assert f"<strong>{escape(digits.title)}, which stand in where MNIST" in str(data_note(digits).data)
    mine = replace(digits, name="folder <mine>")
    assert mine.title == "folder <mine>"
    assert "<strong>folder &lt;mine&gt;</strong>: 1,500 training and 297 test images." in str(data_note(mine).data)


def test_an_overview_leaves_the_model_as_it_was(digits):
    model = VAE(784, (8,), 2)
    overview(model, digits, count=4)
    assert model.training


@pytest.mark.parametrize("show", [lambda x: show_rows({"given": X, "walk": x}), lambda x: show_grid(x, 3)])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (20 * X - 15, r"pixels range over \[-14.*\], not \[0, 1\]: model.draw\(z\)"),
        (255 * X, r"over \[0.*, 25\d.*8-bit pixels are to be divided by 255"),
        (X / 0 * 0, "nan"),
    ],
)
def test_what_holds_no_pixels_is_not_drawn_as_if_it_did(show, images, message):
    """The reviewer's walk: logits looked like a crisp 7, four nearly empty frames and a crisp 2."""
    where = "the row 'walk': " if show(X).alt.startswith("Rows") else "the grid: "
    with pytest.raises(ValueError, match=where + ".*" + message):
        show(images)


def test_a_walk_through_a_model_is_shown_by_its_draw():
    torch.manual_seed(0)
    model = VAE(784, (8,), 2)
    z = lerp(torch.tensor([-30.0, 0.0]), torch.tensor([30.0, 3.0]), 6)
    with pytest.raises(ValueError, match="the row 'walk'"):
        show_rows({"walk": model.decode(z)})
    walk = show_rows({"walk": model.draw(z)}).axes[0].images[0].get_array()
    assert walk is not None and walk.min() >= 0 and walk.max() <= 1


def test_pixels_may_miss_by_a_rounding_and_be_differentiated():
    x = (X * (1 + 1e-6)).clamp(0, 1 + 1e-6).requires_grad_()
    assert show_rows({"blend": x, "few": x[:2]}).axes[0].images and show_grid(x, 3).axes[0].images


def test_tiles_hold_the_images_in_sixteen_greys():
    figure = show_grid(X, 6)
    tiles = figure.axes[0].images[0].get_array()
    assert tiles is not None
    torch.testing.assert_close(
        torch.from_numpy(tiles[1:29, 1:29]).float(), X[0].unflatten(0, (28, 28)), atol=0.034, rtol=0
    )
