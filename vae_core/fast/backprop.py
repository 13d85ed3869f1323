"""Backpropagation written out: what `loss.backward()` finds, for dense models on a CPU.

There a step of a small network takes two milliseconds, and autograd's record of it would make that a quarter more.
So the chain rule is followed by hand, once for every dense model; the tests hold it against autograd.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from vae_core.likelihoods import Bernoulli, Gaussian
from vae_core.losses import LOG_VAR_RANGE, Elbo
from vae_core.models import VAE, Autoencoder, Decoder, Encoder

HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")

Product = Callable[..., Tensor]
"""left (B, I), right (O, I), bias (O,) or None -> left · rightᵀ + bias (B, O)."""

Bottleneck = tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]
"""z (B, L), the rate of each image (B,), and the way back: the gradient by z -> that by the encoder's output."""

SLOPES: dict[type[nn.Module], Callable[[Any, Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda _, after, grad: torch.ops.aten.threshold_backward.default(grad, after, 0),
    nn.Tanh: lambda _, after, grad: torch.ops.aten.tanh_backward.default(grad, after),
    nn.Softplus: lambda layer, after, grad: grad * -torch.expm1(-layer.beta * after),
    nn.LeakyReLU: lambda layer, after, grad: torch.where(after > 0, grad, layer.negative_slope * grad),
}
"""For each activation: the layer, its output and the gradient by that -> the gradient by its input."""


def _bernoulli(_: Bernoulli, x: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Expected pixel less true one: the error that a grey coin makes."""
    log_sum = F.softplus(logits, threshold=40)
    return log_sum.addcmul_(x, logits, value=-1).sum(-1), torch.sigmoid(logits).sub_(x)


def _gaussian(likelihood: Gaussian, x: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    mean = torch.sigmoid(outputs) if likelihood.squash else outputs
    error = (mean - x).div_(likelihood.std**2)
    error = torch.ops.aten.sigmoid_backward(error, mean) if likelihood.squash else error
    return -likelihood.log_prob(x, outputs), error


COSTS: dict[type, Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]]] = {Bernoulli: _bernoulli, Gaussian: _gaussian}
"""For each likelihood: it, x and the decoder's outputs (B, D) -> −log p(x | z) (B,), and its derivative by each output."""

IN_PLACE: dict[Any, Callable[[Tensor], Tensor]] = {nn.ReLU: torch.relu_, nn.Tanh: torch.tanh_}
"""Activations that can write over their input."""

KNOWN = {VAE, Autoencoder, Encoder, Decoder, nn.Sequential, nn.Linear, *SLOPES}
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def understands(model: nn.Module) -> bool:
    """Whether `backward` can stand in for autograd: float32 on a CPU, nothing of somebody's own, frozen, shared or hooked."""
    modules = [module for _, module in model.named_modules(remove_duplicate=False)]
    parameters = list(model.parameters())
    known = all(_is_known(part) for part in modules) and type(getattr(model, "likelihood", None)) in COSTS
    in_turn = _is_at_home(model) and all(_alternates(part) for part in modules if isinstance(part, nn.Sequential))
    shared = sum(len(list(module.parameters(recurse=False))) for module in modules) > len(parameters)
    return known and in_turn and not hooked(model) and not shared and all(map(_is_ordinary, parameters))


def _is_at_home(model: Any) -> bool:
    """Whether encoder and decoder are where `backward` looks for their layers, and not networks put into their place."""
    wanted = (nn.Sequential if isinstance(model, Autoencoder) else Encoder), Decoder
    given = [getattr(model, name, None) for name in ("encoder", "decoder")]
    stacks = [getattr(part, "layers", part) for part in given]
    return all(map(isinstance, given, wanted)) and all(isinstance(stack, nn.Sequential) for stack in stacks)


def hooked(model: nn.Module) -> bool:
    """Whether somebody listens to the model, its parts, its weights or every module there is."""
    listened = any(getattr(module, hooks) for module in model.modules() for hooks in HOOKS)
    return listened or bool(_has_any_global_hook()) or any(map(_weight_hooks, model.parameters()))


def _weight_hooks(parameter: nn.Parameter) -> bool:
    return bool(parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None))


def _is_known(part: nn.Module) -> bool:
    """A kind of layer that has its formula here, with its own `forward` and a slope that its output tells."""
    if isinstance(part, nn.LeakyReLU) and not part.negative_slope >= 0:
        return False  # its output no longer has the sign of its input
    if isinstance(part, nn.Softplus) and not part.threshold >= 20:
        return False  # level with its input too early for the one formula
    return type(part) in KNOWN and "forward" not in vars(part)


def _alternates(layers: nn.Sequential) -> bool:
    """Dense layers and activations in turn, so that an activation may write over its input."""
    return all(isinstance(layer, nn.Linear) == (at % 2 == 0) for at, layer in enumerate(layers))


def _is_ordinary(parameter: nn.Parameter) -> bool:
    is_float = parameter.device.type == "cpu" and parameter.dtype == torch.float32
    return is_float and parameter.requires_grad and type(parameter) is nn.Parameter


def in_float32(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """A product by oneDNN, where PyTorch brings it along: (B, I), (O, I), (O,) -> (B, O).

    MKL, which PyTorch would ask itself, leaves half of the arithmetic units idle on processors other than Intel's.
    """
    if HAS_ONEDNN:
        return torch.ops.mkldnn._linear_pointwise.default(left, right, bias, "none", [], "")
    return F.linear(left, right, bias)


def in_bfloat16(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same of operands rounded to 8 bits, summed in float32 and rounded again: (B, I), (O, I), (O,) -> (B, O)."""
    bias = None if bias is None else bias.bfloat16()
    return in_float32(left.bfloat16(), right.bfloat16(), bias).float()


PRODUCTS: dict[str, Product] = {"fp32": in_float32, "bf16": in_bfloat16}


@torch.no_grad()
def backward(model: Any, x: Tensor, epsilon: Tensor, beta: Tensor, precision: str = "fp32") -> Elbo:
    """Find the gradient of the batch's mean loss by every weight of a model that `understands` accepts.

    x (B, D); epsilon (B, L); beta (); `precision` is "fp32" or "bf16" -> the terms of each image, (B,) each.
    """
    product = PRODUCTS[precision]
    is_plain = isinstance(model, Autoencoder)
    encoder, decoder = model.encoder if is_plain else model.encoder.layers, model.decoder.layers

    encoded = forward(encoder, x, product)
    z, rate, back = point(encoded[-1]) if is_plain else cloud(encoded[-1], epsilon, beta / len(x))
    decoded = forward(decoder, z, product)
    distortion, error = COSTS[type(model.likelihood)](model.likelihood, x, decoded[-1])

    by_z = descend(decoder, decoded, error.div_(len(x)), product)
    descend(encoder, encoded, back(by_z), product, to_input=False)
    return Elbo(rate, distortion)


def point(code: Tensor) -> Bottleneck:
    """An autoencoder's: the code itself, at no rate: (B, L)."""
    return code, code.new_zeros(len(code)), lambda by_z: by_z


def cloud(code: Tensor, epsilon: Tensor, beta: Tensor) -> Bottleneck:
    """A VAE's: a draw from the posterior, and its rate, which `beta` weighs: code (B, 2L), epsilon (B, L), beta ().

    What `reparameterize` and `gaussian_kl` say, and their derivatives (Kingma & Welling 2013, section 2.4, appendix B).
    """
    mean, log_var = code.chunk(2, dim=-1)
    believed = log_var.clamp(*LOG_VAR_RANGE)
    variance = believed.exp()
    noise = variance.sqrt().mul_(epsilon)
    rate = torch.addcmul(variance, mean, mean).sub_(believed).sub_(1).sum(-1).mul_(0.5)

    def back(by_z: Tensor) -> Tensor:
        by_mean = torch.addcmul(by_z, beta, mean)
        by_log_var = torch.addcmul(by_z * noise, beta, variance - 1).mul_(0.5)
        return torch.cat([by_mean, by_log_var.masked_fill_(log_var != believed, 0)], dim=-1)

    return mean + noise, rate, back


def forward(layers: Any, x: Tensor, product: Product) -> list[Tensor]:
    """The input, and what each layer makes of it: (B, I) -> (B, ...) each."""
    values = [x]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            values.append(product(values[-1], layer.weight, layer.bias))
        else:
            values.append(IN_PLACE[type(layer)](values[-1]) if type(layer) in IN_PLACE else layer(values[-1]))
    return values


def descend(layers: Any, values: list[Tensor], grad: Tensor, product: Product, to_input: bool = True) -> Tensor:
    """From the gradient by the output to that by every weight; uses `values` up: -> the gradient by the input, if wanted."""
    for layer in reversed(list(layers)):
        after, before = values.pop(), values[-1]
        if isinstance(layer, nn.Linear):
            layer.weight.grad = product(grad.T, before.T)
            if layer.bias is not None:
                layer.bias.grad = grad.sum(0)
            if to_input or len(values) > 1:
                grad = product(grad, layer.weight.T)
        else:
            grad = SLOPES[type(layer)](layer, after, grad)
    return grad
