"""The explorables: widgets that live in Jupyter and in a published page alike (`base.py` says how, and how to add one)."""

from typing import Any

from vae_core.labs.base import Lab
from vae_core.labs.bound import BoundLab
from vae_core.labs.colour import ColourLab
from vae_core.labs.dimension import DimensionLab
from vae_core.labs.draw import DrawLab
from vae_core.labs.elbo import ElboLab
from vae_core.labs.gradient import GradientLab
from vae_core.labs.interpolation import InterpolationLab
from vae_core.labs.loss import LossLab
from vae_core.labs.manifold import ManifoldLab
from vae_core.labs.playground import PlaygroundLab
from vae_core.labs.posterior import PosteriorLab
from vae_core.labs.ratedistortion import RateDistortionLab
from vae_core.labs.style import StyleLab
from vae_core.labs.training import TrainingLab

LABS: tuple[Any, ...] = (
    BoundLab,
    ColourLab,
    DimensionLab,
    DrawLab,
    ElboLab,
    GradientLab,
    InterpolationLab,
    LossLab,
    ManifoldLab,
    PlaygroundLab,
    PosteriorLab,
    RateDistortionLab,
    StyleLab,
    TrainingLab,
)

__all__ = [
    "LABS",
    "BoundLab",
    "ColourLab",
    "DimensionLab",
    "DrawLab",
    "ElboLab",
    "GradientLab",
    "InterpolationLab",
    "Lab",
    "LossLab",
    "ManifoldLab",
    "PlaygroundLab",
    "PosteriorLab",
    "RateDistortionLab",
    "StyleLab",
    "TrainingLab",
]
