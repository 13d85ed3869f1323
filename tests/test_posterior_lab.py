"""PosteriorLab's Python side: whose steps it shows, models of one's own, and its axis."""

import numpy as np
import pytest
import torch
from drive import frames

from vae_core import VAE, ConvVAE, ImageSet
from vae_core.labs import PosteriorLab
from vae_core.labs.noise import normals
from vae_core.labs.scales import costs, round_up


@pytest.mark.parametrize("channels", [1, 3])
def test_it_takes_convolutions_in_grey_and_in_colour(channels, tmp_path):
    """Saved, and painted: what is drawn at the lab's z is what PyTorch draws; of other images no word of digits."""
    torch.manual_seed(0)
    images = ImageSet.of(torch.randint(0, 256, (60, channels, 8, 8), dtype=torch.uint8))
    lab = PosteriorLab(ConvVAE(channels=channels, size=8, widths=(4,), hidden_dim=8, latent_dim=2), images)
    lab.save(tmp_path / "mine.html")
    assert lab.html() in (tmp_path / "mine.html").read_text(encoding="utf-8") and lab.steps == ()
    (frame,) = frames(lab, lab.state(), width=319)
    assert not any("digit" in words for words in [*frame["words"], frame["summary"], lab.canvas.spec["caption"]])
    drawn = frame["pictures"][-9]["pixels"]
    assert len(drawn) == 64 * channels and frame["pictures"][-8]["pixels"] == drawn
    np.testing.assert_allclose(drawn, lab.answer(), atol=0.02)


def test_steps_are_those_that_are_asked_for_with_the_books_own_model_alone(digits):
    assert [len(PosteriorLab(steps=name).steps) for name in ("clouds", "losses")] == [4, 3]
    torch.manual_seed(0)
    assert PosteriorLab(VAE(hidden_dims=(8,), latent_dim=2), digits).steps == ()


def test_what_images_cost_is_by_the_models_own_formulas(digits):
    """Against one image after another; a distortion below 0 counts as none."""
    torch.manual_seed(0)
    for likelihood in ("bernoulli", "gaussian"):
        model = VAE(64, (8,), 3, likelihood=likelihood)
        x = torch.rand(5, 64)
        with torch.no_grad():
            mean, log_var = model.encode(x)
            found = costs(model, x, mean, log_var, 4)
            for row in range(5):
                std = (0.5 * log_var[row]).exp()
                z = mean[row] + std * torch.tensor(normals(1, 12)).float().view(4, 3)
                distortion = -model.likelihood.log_prob(x[row], model.decode(z)).mean()
                rate = 0.5 * (mean[row] ** 2 + std**2 - 1 - log_var[row]).sum()
                assert found[row].item() == pytest.approx(max(1, max(0, distortion.item()) + rate.item()), rel=1e-5)


@pytest.mark.parametrize(
    ("value", "end"), [(1, 1), (1.2, 1.5), (9, 10), (283, 300), (205, 250), (0.07, 0.08), (1000, 1000)]
)
def test_an_axis_ends_at_a_round_number(value, end):
    assert round_up(value) == pytest.approx(end)
