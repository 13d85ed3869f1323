"""What a step makes small where that is not the ELBO of one draw: of K draws, their importance-weighted bound, free bits."""

import torch.distributed as dist
from torch import Tensor, nn

from vae_core.losses import Elbo, free_bits, gaussian_kl, importance_weighted, reparameterize
from vae_core.models import LatentModel


class Objective(nn.Module):
    """A VAE with the loss of such a step, which takes the place of the model's own `forward`."""

    def __init__(self, model: LatentModel, name: str = "elbo", least: float = 0.0):
        super().__init__()
        self.model, self.name, self.least = model, name, least

    def forward(self, x: Tensor, epsilon: Tensor, beta: Tensor, batch_size: int) -> tuple[Elbo, Tensor]:
        """x (B, D), epsilon (K, B, L), beta () -> the ELBO's two terms, of all draws, and the loss of each image: (B,) each.

        `batch_size` counts the images of all processes.
        """
        mean, log_var = self.model.encoder(x)
        z = reparameterize(mean, log_var, epsilon)
        outputs = self.model.decoder(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        log_likelihood = self.model.likelihood.log_prob(x, outputs)
        rates = gaussian_kl(mean[..., None], log_var[..., None])  # (B, L)
        terms = Elbo(rates.sum(-1), -log_likelihood.mean(0))
        if self.name == "iwae":
            return terms, -importance_weighted(log_likelihood, z, mean, log_var)
        if not self.least:
            return terms, terms.loss(beta)
        means = rates.detach().sum(0) / batch_size
        if dist.is_initialized():
            dist.all_reduce(means)
        return terms, terms.distortion + beta * free_bits(rates, means, self.least)
