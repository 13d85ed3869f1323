"""What is wrong with a VAE, found by what it does: anybody's, in plain PyTorch.

    check_vae(model, x)                      # its networks and its draw
    check_vae(model, x, loss=loss_function)  # and the loss that it is trained with

Each look is an experiment whose outcome is known where a VAE is sound: draw with a mean and a variance that are given; ask for a
gradient; move one unit; give every layer other weights and see where its outputs can lie. No code is read, so any repair counts.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vae_core.clinic import networks, objective
from vae_core.clinic.findings import Finding, Findings
from vae_core.clinic.patient import Patient

__all__ = ["Finding", "Findings", "check_vae"]

LOOKS = (
    networks.look_at_pixels,
    networks.look_at_draw,
    networks.look_at_gradients,
    networks.look_at_encoder,
    networks.look_at_outputs,
    networks.look_at_evaluation,
    networks.look_at_units,
    networks.look_at_edges,
    objective.look_at_elbo,
    objective.look_at_loss,
)


def check_vae(model: nn.Module, x: Tensor, loss: Callable[..., Any] | None = None, *, beta: float = 1.0) -> Findings:
    """The faults that a VAE shows, in one batch of its images.

    model: any module with `encode(x) -> (mean, log_var)`, (B, L) each, and `decode(z)`. Where it has them, its
    `reparameterize(mean, log_var)` and its `forward(x)`, which returns (x_hat or logits, mean, log_var) or an `Elbo`, are
    looked at too. x: images as `forward` gets them, (B, …), two or more.
    loss: `loss(x_hat, x, mean, log_var)`, a number, or a tuple that begins with it, or a dict that has it as "loss";
    `beta` is the weight that its KL is meant to have, above 0.
    Neither the model, its mode and gradients, nor the caller's random numbers are touched.

    Raises:
        ValueError: no such module, no batch of images, a `beta` that is not positive and finite, or networks
            whose shapes do not fit together.
    """
    with torch.random.fork_rng(range(torch.cuda.device_count())), torch.enable_grad():
        torch.manual_seed(0)
        patient = Patient(model, x, loss, beta)
        return Findings(finding for look in LOOKS for finding in look(patient.rested()))
