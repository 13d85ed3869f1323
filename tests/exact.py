"""A model whose log p(x) is known exactly."""

import torch
from torch import Tensor

from vae_core import VAE


class LinearGaussian(VAE):
    """p(z) = N(0, I), p(x|z) = N(W z + b, I): every quantity of the book in closed form (Tipping & Bishop 1999).

    The encoder is a fixed linear map, the exact posterior plus `error` in its mean and `log_scale` in its log variance.
    """

    def __init__(self, input_dim: int = 5, latent_dim: int = 2, error: float = 0.0, log_scale: float = 0.0):
        super().__init__(input_dim, (), latent_dim, likelihood="gaussian")
        generator = torch.Generator().manual_seed(1)
        # Orthogonal columns make the posterior's covariance diagonal, so that this family holds the exact posterior.
        columns = torch.linalg.qr(torch.randn(input_dim, input_dim, generator=generator, dtype=torch.double))[0][
            :, :latent_dim
        ]
        self.weight = columns * torch.tensor([0.9, 0.6])[:latent_dim]
        self.bias = torch.full((input_dim,), 0.4, dtype=torch.double)
        self.error, self.log_scale = error, log_scale
        self.double()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        precision = 1 + self.weight.square().sum(0)
        mean = (x.double() - self.bias) @ self.weight / precision
        return mean + self.error, (self.log_scale - precision.log()).expand_as(mean)

    def decode(self, z: Tensor) -> Tensor:
        return z @ self.weight.T + self.bias

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), exactly: (B, D) -> (B,), in nats."""
        covariance = self.weight @ self.weight.T + torch.eye(len(self.weight), dtype=torch.double)
        return torch.distributions.MultivariateNormal(self.bias, covariance).log_prob(x.double())
