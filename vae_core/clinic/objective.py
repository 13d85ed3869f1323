"""Looks at what a VAE is trained with: what an error and a KL cost there, against what they must."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vae_core.clinic.findings import Finding, found
from vae_core.clinic.patient import Patient, gradients
from vae_core.losses import gaussian_log_prob
from vae_core.models import evaluating

DRAWS = 4096
ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": lambda x_hat, x: (x_hat - x) / (x_hat * (1 - x_hat)),
    "cross-entropy of logits": lambda logits, x: torch.sigmoid(logits) - x,
    "squared error": lambda x_hat, x: 2 * (x_hat - x),
}
"""The slope of a pixel's error by what is drawn: it tells one from the other, and how much it weighs."""
PROBES = {"mean 1.5": (1.5, 0.0), "variance e": (0.0, 1.0), "variance e⁻²": (0.0, -2.0)}
"""Posteriors whose KL is asked for: (mean, log_var) of every unit."""


def look_at_elbo(p: Patient) -> Iterator[Finding]:
    """Of a model that returns an `Elbo`: its rate and its distortion, against Monte Carlo."""
    if not (p.gives_elbo and hasattr(p.model, "likelihood")):  # else nobody says what its decoder's output means
        return
    given: list[Tensor] = []
    known: list[Tensor] = []
    std = torch.exp(0.5 * p.log_var)
    with evaluating(p.model):
        for _ in range(64):
            terms = p.model(p.x)
            given.append(torch.stack([terms.rate.mean(), terms.distortion.mean()]))
            z = p.mean + std * torch.randn_like(std)
            rate = gaussian_log_prob(z, p.mean, p.log_var) - gaussian_log_prob(z)
            known.append(torch.stack([rate.mean(), -p.model.likelihood.log_prob(p.x, p.model.decode(z)).mean()]))
    theirs, ours = torch.stack(given), torch.stack(known)  # (64, 2)
    noise = ((theirs.var(0) + ours.var(0)) / 64).sqrt()
    off = (theirs.mean(0) - ours.mean(0)).abs() > 5 * noise + 0.02 * ours.mean(0).abs()
    for i, (fault, name) in enumerate((("KL", "rate"), ("loss scale", "distortion"))):
        if off[i]:
            seen = (
                f"forward's {name} is {theirs[:, i].mean():.4g} nats an image, by Monte Carlo {ours[:, i].mean():.4g}"
            )
            yield found(fault, seen)


class Price:
    """What things cost in a loss(x_hat, x, mean, log_var): an error by its slope, a KL against Monte Carlo."""

    def __init__(self, p: Patient):
        with torch.no_grad():
            self.x = p.x.reshape(p.x_hat(p.mean).shape).clamp(0, 1)
        self.loss, self.like, self.probabilities = p.loss, p.mean, p.draws_probabilities
        self.x_hat = 0.05 + 0.9 * torch.rand_like(self.x) if self.probabilities else torch.randn_like(self.x)

    def of(self, x_hat: Tensor, mean: float = 0.0, log_var: float = 0.0, x: Tensor | None = None) -> Tensor:
        """The loss, a number, of posteriors that are all alike."""
        means, log_vars = torch.full_like(self.like, mean), torch.full_like(self.like, log_var)
        out = self.loss(x_hat, self.x if x is None else x, means, log_vars)  # type: ignore[misc]
        return out["loss"] if isinstance(out, dict) else out[0] if isinstance(out, tuple | list) else out

    def slope(self, x_hat: Tensor, x: Tensor | None = None) -> Tensor:
        """The loss's gradient by what is drawn."""
        x_hat = x_hat.clone().requires_grad_()
        cost = self.of(x_hat, x=x)
        return gradients(cost, [x_hat], torch.ones_like(cost))[0]

    def error(self) -> tuple[str, float]:
        """Which of ERRORS it is, and what the sum of a batch's pixels weighs; ("", nan) of none of them."""
        slope = self.slope(self.x_hat)
        for name, known in ERRORS.items():
            alone = known(self.x_hat, self.x)
            weight = (slope * alone).sum() / alone.square().sum()
            if weight and (slope - weight * alone).norm() < 1e-2 * slope.norm():
                return name, weight.item()
        return "", math.nan

    def kl(self) -> dict[str, float]:
        """What the KL of each of PROBES costs, over the Monte Carlo estimate of its sum over a batch's images and units."""
        half = torch.randn(DRAWS, dtype=torch.float64)
        noise = torch.cat([half, -half]) / half.square().mean().sqrt()  # with the mean and variance that it should have
        costs = {}
        for name, (mean, log_var) in PROBES.items():
            z = mean + math.exp(0.5 * log_var) * noise[:, None]
            m, v = torch.tensor([mean]).to(z), torch.tensor([log_var]).to(z)
            known = (gaussian_log_prob(z, m, v) - gaussian_log_prob(z)).mean().item() * self.like.numel()
            costs[name] = (self.of(self.x_hat, mean, log_var) - self.of(self.x_hat)).item() / known
        return costs

    def is_number_at_edges(self) -> bool:
        """Of pixels that are drawn surely, rightly and wrongly."""
        paper = torch.zeros_like(self.x)
        sure = (paper, paper + 1) if self.probabilities else (paper - 200, paper + 200)
        cases = [(drawn, pixel) for drawn in sure for pixel in (paper, paper + 1)]
        return all(self.of(drawn, x=x).isfinite().all() and self.slope(drawn, x).isfinite().all() for drawn, x in cases)


def look_at_loss(p: Patient) -> Iterator[Finding]:
    """The loss that was given: which error it takes, and what its KL costs."""
    if p.loss is None:
        return
    price = Price(p)
    try:
        error, scale = price.error()
    except (RuntimeError, ValueError) as refused:
        seen = f"the loss refuses what is drawn: {str(refused).splitlines()[0]}"
        yield found("logits or probabilities", seen)
        return
    if error == "cross-entropy of logits" and p.draws_probabilities:
        yield found("logits or probabilities", "the loss takes a sigmoid of what is a probability already")
    if not price.is_number_at_edges():
        yield found("NaN", "the loss, or its gradient, is no number where a pixel is drawn surely")
    if scale < 0:
        yield found("loss scale", f"the {error}, summed over pixels, weighs {scale:.3g}: its sign is turned")
    costs = price.kl()
    low, high = min(costs.values()), max(costs.values())
    if high <= 0 or high - low > 0.05 * high:
        times = ", ".join(f"{cost:.3g} ({name})" for name, cost in costs.items())
        why = "its sign is turned" if high < 0 else "it is another formula" if high > 0 else "there is none"
        yield found("KL", f"over the Monte Carlo estimate it costs {times}: {why}")
    elif scale > 0:
        yield from weigh(p, error, scale, sum(costs.values()) / len(costs))


def weigh(p: Patient, error: str, scale: float, kl: float) -> Iterator[Finding]:
    """Do a nat of error and a nat of KL weigh the same? `scale`, `kl`: of their sums over a batch."""
    weight, images = kl / scale, len(p.x)
    entropy = error != "squared error"
    if any(abs(weight / fair - 1) < 0.03 for fair in ([p.beta] if entropy else [p.beta, 2 * p.beta])):
        return  # of squared errors the whole sum (σ² = ½) and half of it (σ = 1) are both in use
    summed = any(abs(scale * n * half - 1) < 0.03 for n in (1, images) for half in (1, 2))
    std = math.sqrt(weight / p.beta / 2)
    if not entropy and not summed and std <= 1:
        return  # somebody's own σ
    counts = {"pixels": p.x[0].numel(), "units": p.mean.shape[1], "images": images}
    counts["pixels of a batch"] = counts["pixels"] * images
    hints = [f" (one over the number of {name})" for name, n in counts.items() if n > 2 and abs(weight * n - 1) < 0.03]
    hints += [f" (the number of {name})" for name, n in counts.items() if n > 2 and abs(weight / n - 1) < 0.03]
    sigma = "" if entropy else f", as if pixels had σ = {std:.3g}"
    seen = f"against the {error}, summed over pixels, the KL weighs {weight:.4g}{''.join(hints[:1])}{sigma}"
    yield found("KL" if summed else "loss scale", seen)
