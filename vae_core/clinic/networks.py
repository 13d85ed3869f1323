"""Looks at a VAE's networks and at its draw."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_core.clinic.findings import Finding, found
from vae_core.clinic.patient import REDRAWS, Patient, gradients
from vae_core.metrics import rate_per_unit
from vae_core.models import evaluating

DRAWS = 4096
NUMBERS = 10_000  # of ε, or more, where `forward` draws: each bound is then five standard errors or more
SHRINKS = 16  # tried: of weights drawn anew, many layers make codes so large that no ε can be read off z
DEAD = 0.02  # nats an image: a unit below says nothing
WHATEVER = "whatever the weights are"
STDS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp(log_var), the variance": torch.exp,
    "log_var itself": lambda log_var: log_var,
    "softplus(log_var)": F.softplus,
    "exp(−log_var/2)": lambda log_var: torch.exp(-0.5 * log_var),
    "1, whatever log_var is": torch.ones_like,
}
"""What has been taken for the standard deviation in place of exp(log_var / 2)."""


def look_at_pixels(p: Patient) -> Iterator[Finding]:
    low, high = p.given.min().item(), p.given.max().item()
    seen = f"pixels range over [{low:.4g}, {high:.4g}]"
    by_tanh = p.reach[2].min() < 0 and p.reach[2].abs().max() <= 1
    if math.isnan(low + high):
        yield found("pixels", "some are NaN")
    elif high > 1 or low < (-1 if by_tanh else 0):
        yield found("pixels", seen)
    elif 0 < high <= 1.5 / 255:
        yield found("pixels", f"{seen}: divided by 255 twice")


def look_at_draw(p: Patient) -> Iterator[Finding]:
    """Is z = mean + exp(log_var / 2) · ε, with a fresh standard normal ε for each image and unit?"""
    p.model.train()
    mean, log_var, z = draws_of(p)
    if not len(z):
        return
    apart, noise = z - mean, (z - mean) * torch.exp(-0.5 * log_var)
    lopsided = abs((noise > 0).float().mean() - 0.5) > 0.04  # whatever its size: a mean of 0.1 standard deviations
    thirds = log_var.flatten().argsort().chunk(3)  # small, middling and large variances

    def sizes(std: Tensor) -> list[float]:
        scaled = (apart / std).flatten()
        return [scaled[third].square().mean().sqrt().item() for third in thirds]

    def fits(std: Tensor) -> bool:
        return all(abs(size - 1) < 0.1 for size in sizes(std))

    if apart.abs().max() < 1e-6 * (1 + mean.abs().max()):
        yield found("draw", "z is the mean: in training mode nothing is drawn")
    elif noise.std(0).max() < 0.01 * noise.abs().max():
        yield found("draw", "all images of a batch get the same ε")
    elif z.shape[1] > 1 and noise.std(1).max() < 0.01 * noise.abs().max():
        yield found("draw", "all units of an image get the same ε")
    elif lopsided or ((noise.std() - 1).abs() > 0.1 and fits(torch.exp(0.5 * log_var) * noise.std())):
        yield found("draw", f"ε has mean {noise.mean():.2f} and std {noise.std():.2g}, not 0 and 1")
    elif not fits(torch.exp(0.5 * log_var)):
        known = next((f": taken for σ is {name}" for name, std in STDS.items() if fits(std(log_var))), "")
        seen = ", ".join(f"{size:.2f}" for size in sizes(torch.exp(0.5 * log_var)))
        seen = f"(z − mean) / exp(log_var / 2) has std {seen} at small, middling and large variances, not 1{known}"
        yield found("log variance or σ", seen)


def draws_of(p: Patient) -> tuple[Tensor, Tensor, Tensor]:
    """mean, log_var, z (N, L): of `reparameterize` where there is one, else what `forward` hands to `decode`."""
    none = p.mean[:0], p.mean[:0], p.mean[:0]
    if hasattr(p.model, "reparameterize"):
        log_var = torch.linspace(-3, 3, DRAWS).to(p.mean)[:, None].repeat(1, p.mean.shape[1])
        mean = torch.full_like(log_var, 3.0)
        return mean, log_var, p.model.reparameterize(mean, log_var.clone()).detach()
    if not p.has_forward or p.gives_elbo:
        return none
    caught: list[Tensor] = []
    made: list[tuple[Tensor, Tensor, Tensor]] = []
    copies = math.ceil(NUMBERS / (REDRAWS * p.mean.numel()))  # of a small batch: each gets an ε of its own
    decode = p.model.decode
    vars(p.model)["decode"] = lambda z: (caught.append(z), decode(z))[1]  # also where it is a layer
    with torch.no_grad():
        for _ in p.other_weights():
            for _ in range(SHRINKS):
                out = p.forward(copies)
                if not (caught and len(out) == 3 and out[1].shape == out[2].shape == caught[-1].shape):
                    break
                if is_readable(out[1], out[2]):
                    made.append((out[1], out[2], caught[-1]))
                    break
                for parameter in p.model.parameters():
                    parameter.mul_(0.7)
    vars(p.model)["decode"] = decode
    if not made:
        return none
    means, log_vars, draws = (torch.cat(parts) for parts in zip(*made, strict=True))
    return means, log_vars, draws


def is_readable(mean: Tensor, log_var: Tensor) -> bool:
    """Can ε be read off z: is σ neither lost in the rounding of the mean nor beyond all numbers?"""
    return bool(((1 + mean.abs()) * torch.exp(0.5 * log_var.abs())).max() < 1e4)


def seeded(p: Patient, mean: Tensor, log_var: Tensor) -> Tensor:
    """A draw with the same ε each time."""
    torch.manual_seed(0)
    return p.model.reparameterize(mean, log_var)


def look_at_gradients(p: Patient) -> Iterator[Finding]:
    """Does a gradient reach the encoder through the draw, and does forward draw at all?"""
    p.model.train()
    if hasattr(p.model, "reparameterize"):
        mean, log_var = (part.clone().requires_grad_() for part in (p.mean, p.log_var))
        drawn = [seeded(p, mean, log_var), seeded(p, mean + 1, log_var), seeded(p, mean, log_var + 1)]
        moves = [not torch.equal(drawn[0], other) for other in drawn[1:]]  # what does not even move z is another fault
        slopes = gradients(drawn[0], [mean, log_var])
        rows = zip(("mean", "log_var"), moves, slopes, strict=True)
        if cut := [name for name, moved, slope in rows if moved and not slope.any()]:
            yield found("gradient", f"none passes through reparameterize to {' and '.join(cut)}")
            return
    if not p.has_forward:
        return
    weights = [weight for weight in p.model.parameters() if weight.requires_grad]
    reached = gradients(torch.cat(p.encode(p.x)), weights)
    encoder = [weight for weight, slope in zip(weights, reached, strict=True) if slope.any()]
    if encoder and not any(slope.any() for slope in gradients(p.forward()[0], encoder)):
        yield found("gradient", "none comes from what the decoder draws to the encoder's weights")
    elif all(torch.equal(p.forward()[0], p.forward()[0]) for _ in p.other_weights()):  # whatever σ it has learned
        yield found("draw", "forward gives the same twice, in training mode: it decodes no draw")


def look_at_encoder(p: Patient) -> Iterator[Finding]:
    """Can a mean and a log variance be any number?"""
    for name, values in zip(("mean", "log_var"), p.reach[:2], strict=True):
        above, below = values[values > 0], values[values < 0]
        fault = "log variance or σ" if name == "log_var" else "encoder's last layer"
        if not len(below) or not len(above):
            yield found(fault, f"{name} is never {'above' if len(below) else 'below'} 0, {WHATEVER}")
        elif values.abs().max() <= 1.001:
            yield found(fault, f"{name} never leaves [−1, 1], {WHATEVER}")
        elif below.median().abs() < 0.05 * above.median():
            typical = f"{below.median():.2g} where it is negative, {above.median():.2g} where positive"
            yield found(fault, f"{name} is typically {typical}, {WHATEVER}: an activation")


def look_at_outputs(p: Patient) -> Iterator[Finding]:
    """Logits, probabilities, or neither?"""
    low, high = p.reach[2].min().item(), p.reach[2].max().item()
    seen = f"what is drawn lies in [{low:.3g}, {high:.3g}], {WHATEVER}: "
    if low > 0.499 and high < 0.732:
        yield found("logits or probabilities", f"{seen}a sigmoid of a sigmoid")
    elif low >= 0 and high > 1:
        yield found("logits or probabilities", f"{seen}no logits, which can be negative, and no probabilities")
    elif low < 0 and max(-low, high) <= 1 and p.given.min() >= 0:
        yield found("logits or probabilities", f"{seen}a tanh, for pixels in [0, 1]")


def look_at_evaluation(p: Patient) -> Iterator[Finding]:
    """In evaluation mode: is an image's code the same each time, alone and in company, and is z drawn as in training?"""
    with evaluating(p.model):
        once, again = (torch.cat([*p.encode(p.x), p.model.decode(p.mean).flatten(1)], 1) for _ in range(2))
        pair = torch.cat([*p.encode(p.x[:2]), p.model.decode(p.mean[:2]).flatten(1)], 1)
        near = 1e-3 * (1 + once.abs().max())
        if (once - again).abs().max() > near:
            yield found("evaluation mode", "after eval() the networks give another answer each time")
        elif (once[:2] - pair).abs().max() > near:
            yield found("evaluation mode", "after eval() an image's code depends on the others in its batch")
    (before, moved), (after, moves) = (draw_in(p, training) for training in (True, False))
    if (before > 0.01 and after < 0.01) or (moved and not moves):
        yield found("evaluation mode", "after eval() nothing is drawn: a test loss at the mean is no bound")
    elif before > 0.01 and abs(after / before - 1) > 0.05:
        seen = f"after eval() z is drawn {after / before:.2g} times as widely as in training: a test loss is no bound"
        yield found("evaluation mode", seen)


def draw_in(p: Patient, training: bool) -> tuple[float, bool]:
    """In this mode: how wide the draw is, in σ (NaN where nobody sees z), and whether forward draws at all, whatever the weights are."""
    p.model.train(training)
    torch.manual_seed(0)  # the same weights and ε in both modes
    mean, log_var, z = draws_of(p)
    wide = ((z - mean) * torch.exp(-0.5 * log_var)).std().item() if len(z) else math.nan
    return wide, p.has_forward and not all(torch.equal(p.forward()[0], p.forward()[0]) for _ in p.other_weights())


def look_at_units(p: Patient) -> Iterator[Finding]:
    """Does each unit say something, and is it heard?"""
    p.model.eval()
    z = torch.randn_like(p.mean).requires_grad_()
    heard = gradients(p.model.decode(z), [z])[0].abs().amax(0) > 0
    speaks = torch.stack([p.mean, p.log_var]).std(1).amax(0) > 0
    for told, what in ((~speaks, "say the same of every image"), (~heard, "are not read by the decoder")):
        if told.any():
            yield found("dead units", f"{int(told.sum())} of {len(told)} {what}")
    rates = rate_per_unit(p.mean, p.log_var)
    with torch.no_grad():
        drawn = p.x_hat(z).flatten(1)
    drawn = drawn if p.draws_probabilities else torch.sigmoid(drawn)
    alike = torch.corrcoef(torch.stack([drawn.mean(0), p.x.flatten(1).mean(0)]))[0, 1]
    if speaks.any() and heard.any() and rates.max() < DEAD and alike > 0.9:  # else it has not learned anything yet
        yield found("dead units", f"all {len(rates)} say less than {DEAD} nats; the decoder draws the mean image")


def look_at_edges(p: Patient) -> Iterator[Finding]:
    """Black and white images, far codes, tiny and huge variances: is all still a number?"""
    wrong: list[str] = []
    with evaluating(p.model):
        for name, value in {"a black image": 0.0, "a white image": 1.0}.items():
            if not all(part.isfinite().all() for part in p.encode(torch.full_like(p.x, value))):
                wrong.append(f"the code of {name}")
        if not p.model.decode(torch.full_like(p.mean, 30.0)).isfinite().all():
            wrong.append("the picture of z = 30")
    for extreme in (-40.0, 40.0) if hasattr(p.model, "reparameterize") else ():
        log_var = torch.full_like(p.log_var, extreme).requires_grad_()
        z = p.model.reparameterize(p.mean, log_var)
        if not (z.isfinite().all() and gradients(z, [log_var])[0].isfinite().all()):
            wrong.append(f"the draw, or its gradient, at log_var = {extreme:g}")
    if wrong:
        yield found("NaN", f"no finite number: {'; '.join(wrong)}")
