"""Six bits a weight, rounded so that what the network computes hardly changes: for a lab that carries many networks.

Rounding each weight by itself spoils a layer's output by the sum of all its errors. Here the weights of a row are rounded
one after another, and those still to come make up for the error so far, as far as the layer's inputs go up and down
together (Frantar et al. 2023, "GPTQ", section 3). What cannot be made up on the average goes into the bias.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae_core.likelihoods import Likelihood

LEVELS = 31  # integers from −32 to 31
DAMPING = 0.01
FINENESS = 0.15  # of the outputs' rows: the step, in standard deviations of the layer's weights


class Rounded(NamedTuple):
    """A dense layer as integers: weight (outputs, inputs) in −32 … 31, scale (outputs,), bias (outputs,)."""

    weight: Tensor
    scale: Tensor
    bias: Tensor


def sensitivity(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """What a small error in a decoder's output costs, in nats per its square over two: (N, D) -> (D,).

    It is the Fisher information, the curvature of −log p at the image the output stands for: p(1 − p) for the logit
    of a coin, 1/std² for the mean of a Gaussian, and (p(1 − p))²/std² if that mean is the sigmoid of the output.
    """
    with torch.enable_grad():
        outputs = outputs.detach().requires_grad_()
        log_prob = likelihood.log_prob(likelihood.mean(outputs).detach(), outputs).sum()
        (slope,) = torch.autograd.grad(log_prob, outputs, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), outputs)  # each pixel depends on its own output alone
    return -curvature.mean(0)


@torch.no_grad()
def round_network(network: nn.Module, z: Tensor, likelihood: Likelihood) -> list[Rounded]:
    """The linear layers of a decoder in six bits, true to it at codes like z, (N, L), as its likelihood counts errors.

    Pixels that hardly feel an error at any of these codes, such as coins that are certain, get coarser weights.
    """
    network = copy.deepcopy(nn.Sequential(*getattr(network, "layers", network).children())).float().cpu()
    felt = sensitivity(likelihood, network(z))
    last = [layer for layer in network if isinstance(layer, nn.Linear)][-1]
    rounded: list[Rounded] = []
    x = z
    for layer in network:
        if isinstance(layer, nn.Linear):
            scale = layer.weight.abs().amax(1) / LEVELS
            if layer is last:
                worth = felt / felt.mean()
                scale = scale.maximum(FINENESS * layer.weight.std() / worth.clamp_min(1e-3).sqrt())
            layer, integers = _round(layer, scale.clamp_min(1e-6).half().float(), x)  # a scale travels as float16
            rounded.append(integers)
        x = layer(x)  # the next layer makes up for what this one got wrong
    return rounded


def _round(layer: nn.Linear, scale: Tensor, x: Tensor) -> tuple[nn.Linear, Rounded]:
    """One layer rounded to multiples of its rows' scales, and the layer that computes with them."""
    weight, step, inputs = layer.weight.double(), scale.double(), x.double()
    together = inputs.T @ inputs / len(inputs)  # (inputs, inputs): which inputs are large, and which rise together
    together += DAMPING * together.diagonal().mean() * torch.eye(len(together), dtype=torch.float64)
    order = together.diagonal().argsort(descending=True, stable=True)
    spread = torch.linalg.cholesky(torch.linalg.inv(together[order][:, order]), upper=True)
    left, integers = weight[:, order].clone(), torch.zeros_like(weight)
    for j in range(weight.shape[1]):
        whole = (left[:, j] / step).round().clamp(-LEVELS - 1, LEVELS)
        integers[:, order[j]] = whole
        error = (left[:, j] - whole * step) / spread[j, j]
        left[:, j:] -= error[:, None] * spread[j, j:]
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias
    after = nn.Linear(layer.in_features, layer.out_features)
    after.weight.data = integers.float() * scale[:, None]
    after.bias.data = bias + (layer.weight - after.weight) @ x.mean(0)
    return after, Rounded(integers, scale, after.bias)
