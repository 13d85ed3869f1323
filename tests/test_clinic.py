"""`check_vae` names each fault that is planted, and none where there is none."""

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_core import VAE, Autoencoder, ConvVAE, TrainConfig, check_vae, fit, gaussian_kl, load_images, load_pretrained
from vae_core.clinic.findings import REMEDIES
from vae_core.data import to_pixels
from vae_core.losses import Elbo


class Sound(nn.Module):
    """The network of countless example scripts."""

    def __init__(self, latent_dim: int = 8):
        super().__init__()
        self.body, self.to_mean, self.to_log_var = (
            nn.Linear(784, 64),
            nn.Linear(64, latent_dim),
            nn.Linear(64, latent_dim),
        )
        self.hidden, self.out = nn.Linear(latent_dim, 64), nn.Linear(64, 784)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.body(x))
        return self.to_mean(h), self.to_log_var(h)

    def reparameterize(self, mean: Tensor, log_var: Tensor) -> Tensor:
        return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.out(F.relu(self.hidden(z))))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_var = self.encode(x.flatten(1))
        return self.decode(self.reparameterize(mean, log_var)), mean, log_var


class WithLogits(Sound):
    def decode(self, z):
        return self.out(F.relu(self.hidden(z)))


class Inline(WithLogits):
    """Draws within forward."""

    @property
    def reparameterize(self):  # pyright: ignore  # there is none
        raise AttributeError

    def draw(self, mean, log_var):
        return mean + torch.exp(log_var / 2) * torch.randn(mean.shape)

    def forward(self, x):
        mean, log_var = self.encode(x)
        return self.decode(self.draw(mean, log_var)), mean, log_var


class Convolutional(nn.Module):
    """With batch normalisation, dropout, and pictures that stay pictures."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2)
        )
        self.mean, self.log_var = nn.Linear(8 * 14 * 14, 4), nn.Linear(8 * 14 * 14, 4)
        self.decoder = nn.Sequential(
            nn.Linear(4, 8 * 14 * 14), nn.Unflatten(1, (8, 14, 14)), nn.ConvTranspose2d(8, 1, 4, 2, 1)
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.mean(h), self.log_var(h).clamp(-10, 10)

    def decode(self, z):
        return self.decoder(z)

    def reparameterize(self, mean, log_var):
        return torch.distributions.Normal(mean, (log_var / 2).exp()).rsample()

    def forward(self, x):
        mean, log_var = self.encode(x)
        return self.decode(self.reparameterize(mean, log_var)), mean, log_var


class Bare(nn.Module):
    """Nothing but what must be there."""

    def __init__(self):
        super().__init__()
        self.layers, self.decode = nn.Linear(784, 6), nn.Linear(3, 784)

    def encode(self, x):
        return self.layers(x).chunk(2, -1)


def cross_entropy(x_hat, x, mean, log_var):
    return F.binary_cross_entropy(x_hat, x.flatten(1), reduction="sum") + gaussian_kl(mean, log_var).sum()


def with_logits(logits, x, mean, log_var):
    error = F.binary_cross_entropy_with_logits(logits, x.view_as(logits), reduction="none").flatten(1).sum(1)
    return (error + gaussian_kl(mean, log_var)).mean()


def squared(x_hat, x, mean, log_var):
    return {"loss": (x_hat - x).square().sum() + gaussian_kl(mean, log_var).sum(), "kl": None}


def half_squared(x_hat, x, mean, log_var):
    return F.mse_loss(x_hat, x, reduction="sum") / 2 / len(x) + gaussian_kl(mean, log_var).mean(), "more"


def narrow(x_hat, x, mean, log_var):  # a Gaussian with σ = 0.1
    return F.mse_loss(x_hat, x, reduction="sum") / 2 / 0.1**2 / len(x) + gaussian_kl(mean, log_var).mean()


@pytest.fixture(scope="module")
def x(digits):
    return to_pixels(digits.train)[:200]


SOUND: dict[str, Any] = {
    "classic": (Sound, cross_entropy),
    "classic, one unit": (lambda: Sound(1), cross_entropy),
    "squared error": (Sound, squared),
    "half of it": (Sound, half_squared),
    "σ of one's own": (WithLogits, narrow),
    "logits": (WithLogits, with_logits),
    "inline": (Inline, with_logits),
    "convolutional": (Convolutional, with_logits),
    "bare": (Bare, None),
    "the book's": (VAE, None),
    "the book's, Gaussian": (lambda: VAE(likelihood="squared-error", activation="tanh", latent_dim=2), None),
    "the book's, convolutional": (lambda: ConvVAE(size=28, widths=(4, 8)), None),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_model_is_not_named_ill(name, x):
    torch.manual_seed(1)
    build, loss = SOUND[name]
    model = build()
    pictures = x.view(-1, 1, 28, 28) if name == "convolutional" else x
    assert check_vae(model, pictures, loss) == []
    noise = torch.rand_like(pictures)  # images that are none, a model that learned nothing
    assert check_vae(model, noise, loss) == []
    assert check_vae(model.eval(), pictures[:2], loss) == []


@pytest.mark.parametrize("name", ["vae-2", "vae-5", "vae-10", "vae-20", "vae-50", "beta-0.01", "beta-10"])
def test_nor_is_a_trained_one(name, x):
    assert check_vae(load_pretrained(name), x) == []


def test_nor_is_one_in_colour_whose_running_statistics_the_looks_move():
    patches = to_pixels(load_images("patches").test[:64])
    assert check_vae(load_pretrained("colour-gaussian"), patches) == []


class Dropping(Inline):
    """Its random numbers are not the same in both modes."""

    def encode(self, x):
        return super().encode(F.dropout(x, 0.2, self.training))


@pytest.mark.parametrize(("build", "images", "units"), [(Inline, 2, 1), (Inline, 4, 2), (Dropping, 16, 1)])
def test_nor_is_one_that_draws_within_forward_of_few_images_and_units(build, images, units, x):
    for seed in range(2):
        torch.manual_seed(seed)
        assert check_vae(build(units), x[:images]) == []


class Deep(Inline):
    def __init__(self, norm: type[nn.Module], layers: int):
        super().__init__()
        self.more = nn.Sequential(*(nn.Sequential(nn.Linear(64, 64), norm(64), nn.ReLU()) for _ in range(layers)))

    def encode(self, x):
        h = self.more(F.relu(self.body(x)))
        return self.to_mean(h), self.to_log_var(h)


@pytest.mark.parametrize(("norm", "layers"), [(nn.Identity, 6), (nn.Identity, 9), (nn.BatchNorm1d, 2)])
def test_nor_is_a_deep_one_that_draws_within_forward(norm, layers, x):
    torch.manual_seed(1)
    assert check_vae(Deep(norm, layers), x, with_logits) == []
    assert check_vae(Deep(norm, layers), x[:3], with_logits) == []


def test_a_wrong_draw_of_a_deep_one_is_named(x):
    torch.manual_seed(1)
    build = ill(Deep, draw=draw(torch.exp), __init__=lambda self: Deep.__init__(self, nn.Identity, 6))
    assert "taken for σ is exp(log_var), the variance" in check_vae(build(), x)[0].seen


class Layers(nn.Module):
    """`decode` is a layer, and forward draws."""

    def __init__(self):
        super().__init__()
        self.layers, self.decode = nn.Linear(784, 6), nn.Linear(3, 784)

    def encode(self, x):
        return self.layers(x).chunk(2, -1)

    def forward(self, x):
        mean, log_var = self.encode(x)
        return self.decode(mean + self.sigma(log_var) * torch.randn_like(mean)), mean, log_var

    def sigma(self, log_var):
        return std(log_var)


def test_what_forward_draws_is_seen_where_decode_is_a_layer(x):
    assert check_vae(Layers(), x, with_logits) == []
    (finding,) = check_vae(ill(Layers, sigma=lambda self, log_var: log_var.exp())(), x)
    assert finding.fault == "log variance or σ" and "taken for σ is exp(log_var), the variance" in finding.seen


class Keeping(Sound):
    """Its terms are kept for the loss, as tutorials do, alone and in what holds several."""

    def encode(self, x):
        mean, log_var = super().encode(x)
        self.kl = gaussian_kl(mean, log_var).sum()
        self.parts, self.posterior = {"codes": [(mean, log_var)]}, torch.distributions.Normal(mean, std(log_var))
        return mean, log_var


def test_tensors_of_a_graph_that_a_model_keeps_are_no_hindrance_and_stay(x):
    model = Keeping()
    model(x)
    kept = model.kl
    assert check_vae(model, x, cross_entropy) == []
    assert model.kl is kept and kept.requires_grad and not kept.is_leaf
    kept.backward()  # its graph is whole


def test_a_trained_plain_one_is_not_ill_either(x):
    torch.manual_seed(2)
    model = Sound()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(100):
        loss = cross_entropy((out := model(x))[0], x, *out[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert check_vae(model, x, cross_entropy) == []


def ill(base: type = Sound, **methods: Any) -> Any:
    """The class, with one method wrong."""
    return lambda: type("Ill", (base,), methods)()


def heads(bend):
    def encode(self, x):
        mean, log_var = base_encode(self, x)
        return bend(mean, log_var)

    base_encode = Sound.encode
    return encode


def decoder(end):
    return lambda self, z: end(self.out(F.relu(self.hidden(z))))


def draw(sigma, noise=torch.randn_like):
    return lambda self, mean, log_var: mean + sigma(log_var) * noise(mean)


def std(log_var):
    return torch.exp(0.5 * log_var)


def dropping(self, x):
    h = F.dropout(F.relu(self.body(x)), 0.2)
    return self.to_mean(h), self.to_log_var(h)


class BatchStatistics(Sound):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(64, track_running_stats=False)

    def encode(self, x):
        h = self.norm(F.relu(self.body(x)))
        return self.to_mean(h), self.to_log_var(h)


class Standardising(Sound):
    def encode(self, x):
        return super().encode((x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True))


class NewRate(VAE):
    """A rate with the ½ missing."""

    def forward(self, x, epsilon):
        terms = super().forward(x, epsilon)
        return Elbo(2 * terms.rate, terms.distortion)


class NewDistortion(VAE):
    def forward(self, x, epsilon):
        terms = super().forward(x, epsilon)
        return Elbo(terms.rate, terms.distortion / 784)


def twice_sigmoid():
    model = VAE()
    model.decoder = nn.Sequential(model.decoder, nn.Sigmoid())
    return model


def mean_alone(self, x):
    mean, log_var = self.encode(x)
    return self.decode(mean), mean, log_var


def cut(self, x):
    mean, log_var = self.encode(x)
    return self.decode(self.reparameterize(mean, log_var).detach()), mean, log_var


NETWORKS: dict[str, tuple[str, Any]] = {
    "σ is the variance": ("log variance or σ", ill(reparameterize=draw(torch.exp))),
    "σ is log_var": ("log variance or σ", ill(reparameterize=draw(lambda log_var: log_var))),
    "σ is softplus": ("log variance or σ", ill(reparameterize=draw(F.softplus))),
    "σ is one": ("log variance or σ", ill(reparameterize=draw(torch.ones_like))),
    "1 / σ": ("log variance or σ", ill(reparameterize=draw(lambda log_var: torch.exp(-0.5 * log_var)))),
    "σ is the variance, inline": ("log variance or σ", ill(Inline, draw=draw(torch.exp))),
    "softplus of log_var": ("log variance or σ", ill(encode=heads(lambda m, v: (m, F.softplus(v))))),
    "ReLU of log_var": ("log variance or σ", ill(encode=heads(lambda m, v: (m, F.relu(v))))),
    "a variance": ("log variance or σ", ill(encode=heads(lambda m, v: (m, v.exp())))),
    "tanh of log_var": ("log variance or σ", ill(encode=heads(lambda m, v: (m, v.tanh())))),
    "leaky ReLU of both": ("encoder's last layer", ill(encode=heads(lambda m, v: (F.leaky_relu(m), F.leaky_relu(v))))),
    "ReLU of the mean": ("encoder's last layer", ill(encode=heads(lambda m, v: (F.relu(m), v)))),
    "tanh of the mean": ("encoder's last layer", ill(encode=heads(lambda m, v: (m.tanh(), v)))),
    "hardly any noise": ("draw", ill(reparameterize=draw(lambda log_var: 0.01 * std(log_var)))),
    "uniform noise": ("draw", ill(reparameterize=draw(std, torch.rand_like))),
    "one ε for all images": ("draw", ill(reparameterize=draw(std, lambda m: torch.randn(m.shape[1])))),
    "one ε for all units": ("draw", ill(reparameterize=draw(std, lambda m: torch.randn(len(m), 1)))),
    "no draw": ("draw", ill(reparameterize=lambda self, mean, log_var: mean + 0 * log_var)),
    "the mean decoded": ("draw", ill(forward=mean_alone)),
    "torch.normal": ("gradient", ill(reparameterize=lambda self, m, v: torch.normal(m, std(v)))),
    "sample()": ("gradient", ill(reparameterize=lambda self, m, v: torch.distributions.Normal(m, std(v)).sample())),
    "σ detached": ("gradient", ill(reparameterize=draw(lambda v: std(v).detach()))),
    "z detached": ("gradient", ill(forward=cut)),
    "sigmoid twice": ("logits or probabilities", ill(decode=decoder(lambda out: out.sigmoid().sigmoid()))),
    "sigmoid before the book's": ("logits or probabilities", twice_sigmoid),
    "ReLU at the end": ("logits or probabilities", ill(decode=decoder(F.relu))),
    "tanh at the end": ("logits or probabilities", ill(decode=decoder(torch.tanh))),
    "a dropout that stays": ("evaluation mode", ill(encode=dropping)),
    "batch statistics": ("evaluation mode", BatchStatistics),
    "the mean in evaluation": (
        "evaluation mode",
        ill(reparameterize=lambda self, m, v: draw(std)(self, m, v) if self.training else m),
    ),
    "a tenth of the draw in evaluation": (
        "evaluation mode",
        ill(reparameterize=lambda self, m, v: m + (1 if self.training else 0.1) * std(v) * torch.randn_like(m)),
    ),
    "the mean decoded in evaluation": (
        "evaluation mode",
        ill(forward=lambda self, x: (Sound.forward if self.training else mean_alone)(self, x)),
    ),
    "a tenth of the draw in evaluation, inline": (
        "evaluation mode",
        ill(Inline, draw=lambda self, m, v: m + (1 if self.training else 0.1) * std(v) * torch.randn_like(m)),
    ),
    "half the units unread": ("dead units", ill(decode=lambda self, z: Sound.decode(self, z * (torch.arange(8) < 4)))),
    "half the units mute": ("dead units", ill(encode=heads(lambda m, v: (m * (torch.arange(8) < 4), v * (torch.arange(8) < 4))))),
    "collapsed": ("dead units", lambda: load_pretrained("beta-100")),
    "a blank image": ("NaN", Standardising),
    "a power": ("NaN", ill(reparameterize=lambda self, m, v: m + v.exp().pow(4).pow(1 / 8) * torch.randn_like(m))),
    "a rate of its own": ("KL", NewRate),
    "a distortion of its own": ("loss scale", NewDistortion),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_planted_fault_is_named_and_no_other(name, x):
    torch.manual_seed(3)
    fault, build = NETWORKS[name]
    findings = check_vae(build(), x)
    expected = {fault, "log variance or σ"} if name == "leaky ReLU of both" else {fault}
    assert {finding.fault for finding in findings} == expected


@pytest.mark.parametrize("name", ["σ is the variance, inline", "a tenth of the draw in evaluation, inline"])
def test_nor_do_few_images_hide_a_draw_that_is_wrong(name, x):
    torch.manual_seed(3)
    fault, build = NETWORKS[name]
    assert {finding.fault for finding in check_vae(build(), x[:2])} == {fault}


def total(error, kl):
    return lambda x_hat, x, mean, log_var: error(x_hat, x.flatten(1)) + kl(mean, log_var)


def terms(mean, log_var):
    return 1 + log_var - mean.square() - log_var.exp()


def summed(x_hat, x):
    return F.binary_cross_entropy(x_hat, x, reduction="sum")


def kl_sum(mean, log_var):
    return -0.5 * terms(mean, log_var).sum()


def naive(x_hat, x):
    return -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).sum()


LOSSES: dict[str, tuple[str, Any]] = {
    "mean over pixels": ("loss scale", total(F.binary_cross_entropy, lambda m, v: kl_sum(m, v) / len(m))),
    "mean over all": ("loss scale", total(F.mse_loss, lambda m, v: kl_sum(m, v))),
    "KL averaged over units": ("KL", total(lambda a, b: summed(a, b) / len(b), lambda m, v: -0.5 * terms(m, v).mean())),
    "KL averaged over images": ("KL", total(summed, lambda m, v: kl_sum(m, v) / len(m))),
    "KL divided by pixels": ("KL", total(summed, lambda m, v: kl_sum(m, v) / 784)),
    "½ missing": ("KL", total(summed, lambda m, v: -terms(m, v).sum())),
    "sign": ("KL", total(summed, lambda m, v: -kl_sum(m, v))),
    "no KL": ("KL", total(summed, lambda m, v: 0.0)),
    "σ for log σ²": ("KL", total(summed, lambda m, v: -0.5 * (1 + (v**2 + 1e-9).log() - m**2 - v**2).sum())),
    "the mean not squared": ("KL", total(summed, lambda m, v: -0.5 * (1 + v - m - v.exp()).sum())),
    "KL of log σ": ("KL", total(summed, lambda m, v: -0.5 * (1 + 2 * v - m**2 - (2 * v).exp()).sum())),
    "naive logarithm": ("NaN", total(naive, kl_sum)),
    "logits taken for": (
        "logits or probabilities",
        total(lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction="sum"), kl_sum),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_fault_of_the_loss_is_named_and_no_other(name, x):
    fault, loss = LOSSES[name]
    torch.manual_seed(4)
    assert {finding.fault for finding in check_vae(Sound(), x, loss)} == {fault}


def test_probabilities_asked_of_logits(x):
    (finding,) = check_vae(WithLogits(), x, cross_entropy)
    assert finding.fault == "logits or probabilities" and "refuses" in finding.seen


def test_how_much_the_kl_weighs_is_said(x):
    (finding,) = check_vae(Sound(), x, LOSSES["mean over pixels"][1])
    assert "the KL weighs 784 (the number of pixels)" in finding.seen
    (finding,) = check_vae(Sound(), x, LOSSES["KL averaged over units"][1])
    assert "weighs 0.125 (one over the number of units)" in finding.seen
    (finding,) = check_vae(Sound(), x, LOSSES["mean over all"][1])
    assert "as if pixels had σ = 158" in finding.seen  # √(784 · 64 / 2)


@pytest.mark.parametrize("error", [summed, lambda x_hat, x: F.mse_loss(x_hat, x, reduction="sum") / 2])
def test_an_error_of_the_wrong_sign_is_named(error, x):
    (finding,) = check_vae(Sound(), x, total(lambda x_hat, x: -error(x_hat, x), kl_sum))
    assert finding.fault == "loss scale" and finding.seen.endswith(": its sign is turned")
    both = check_vae(Sound(), x, total(lambda x_hat, x: -error(x_hat, x), lambda m, v: -kl_sum(m, v)))
    assert {finding.fault for finding in both} == {"KL", "loss scale"}


@pytest.mark.parametrize("beta", [0, -1.0, torch.inf, torch.nan, "1"])
def test_a_beta_that_is_no_weight_is_refused(beta, x):
    with pytest.raises(ValueError, match=re.escape(f"beta is {beta!r}: give a positive finite number")):
        check_vae(Sound(), x, cross_entropy, beta=beta)


def test_a_beta_that_is_meant_is_no_fault(x):
    loss = total(summed, lambda m, v: 4 * kl_sum(m, v))
    assert check_vae(Sound(), x, loss, beta=4) == []
    assert [finding.fault for finding in check_vae(Sound(), x, loss)] == ["KL"]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda x: 255 * x, "[0, 255]"),
        (lambda x: (x - 0.1307) / 0.3081, "[-0.42"),
        (lambda x: x / 255, "divided by 255 twice"),
        (lambda x: x.index_fill(0, torch.tensor([3]), torch.nan), "NaN"),
    ],
)
def test_pixels_that_are_none(change, seen, x):
    findings = check_vae(WithLogits(), change(x), with_logits)
    assert "pixels" in {finding.fault for finding in findings}
    assert seen in next(finding.seen for finding in findings if finding.fault == "pixels")


def test_tanh_goes_with_pixels_from_minus_one(x):
    assert check_vae(ill(decode=decoder(torch.tanh))(), 2 * x - 1) == []


def test_nothing_is_changed(x):
    """Weights, buffers, modes, gradients and the caller's random numbers are as before; twice is the same."""
    model = Convolutional()
    model.decoder.eval()
    model(x.view(-1, 1, 28, 28))[0].sum().backward()
    before, modes = copy.deepcopy(model.state_dict()), [part.training for part in model.modules()]
    slopes = [None if weight.grad is None else weight.grad.clone() for weight in model.parameters()]
    state = torch.get_rng_state()
    first, again = (check_vae(model, 2 * x.view(-1, 1, 28, 28), with_logits) for _ in range(2))
    assert first == again != []
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert modes == [part.training for part in model.modules()]
    for before_it, weight in zip(slopes, model.parameters(), strict=True):
        assert (weight.grad is None) == (before_it is None)
        assert before_it is None or torch.equal(before_it, weight.grad)  # pyright: ignore
    with torch.no_grad():
        assert check_vae(Sound(), x, cross_entropy) == []


def test_it_prints_as_a_table(x):
    findings = check_vae(ill(reparameterize=draw(torch.exp))(), 255 * x)
    assert [finding.remedy for finding in findings] == [REMEDIES[finding.fault] for finding in findings]
    lines = repr(findings).splitlines()
    assert lines[0].startswith("pixels            | pixels range over [0, 255]") and lines[1].strip().startswith(
        "| → bring"
    )
    assert "taken for σ is exp(log_var), the variance" in repr(findings)
    assert findings._repr_html_().count("<tr>") == 3 and "<td>log variance or σ</td>" in findings._repr_html_()
    none = check_vae(Sound(), x)
    assert repr(none) == "nothing found" and "nothing found" in none._repr_html_()


def test_a_run_that_collapses_is_found(digits, x):
    model = VAE(hidden_dims=(32,), latent_dim=4)
    fit(model, digits, TrainConfig(epochs=5, batch_size=50, lr=2e-3, beta=784, device="cpu"), progress=False)
    assert [finding.fault for finding in check_vae(model, x)] == ["dead units"]


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        (lambda: Autoencoder(), None, r"encode returns \[\(64, 20\)\] for 64 images: it must return \(mean, log_var\)"),
        (lambda: nn.Linear(784, 2), None, "model is Linear: give a torch.nn.Module with encode"),
        (lambda: "vae", None, "model is str"),
        (lambda: Sound(), 3, "x is int: give a tensor of two images or more"),
        (lambda: Sound(), torch.zeros(1, 784), r"x is \(1, 784\)"),
        (lambda: ill(decode=lambda self, z: z)(), None, r"decode makes \(64, 8\) of the codes of images \(64, 784\)"),
    ],
)
def test_what_cannot_be_examined_is_refused(model, given, words, x):
    with pytest.raises(ValueError, match=words):
        check_vae(model(), x if given is None else given)
