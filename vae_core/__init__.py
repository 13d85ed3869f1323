"""vae_core: a small, fast, exact package for variational autoencoders.

Everything is measured one way: summed over pixels and latent dimensions, averaged over images, in nats.
"""

from vae_core.clinic import check_vae
from vae_core.data import ImageSet, load_images
from vae_core.losses import gaussian_kl
from vae_core.metrics import elbo, iwae_bound
from vae_core.models import VAE, Autoencoder, ConditionalVAE, ConvVAE, register
from vae_core.saving import load_model, load_pretrained, save_model
from vae_core.training import History, TrainConfig, fit

__version__ = "0.1.0"
__all__ = [
    "VAE",
    "Autoencoder",
    "ConditionalVAE",
    "ConvVAE",
    "History",
    "ImageSet",
    "TrainConfig",
    "check_vae",
    "elbo",
    "fit",
    "gaussian_kl",
    "iwae_bound",
    "load_images",
    "load_model",
    "load_pretrained",
    "register",
    "save_model",
]
