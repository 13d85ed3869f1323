"""The VAE that is told the class: its bound, where the class stands, and what is no class."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from vae_core import ConditionalVAE, ImageSet, TrainConfig, elbo, fit, iwae_bound, load_model, save_model
from vae_core.annealing import log_weights
from vae_core.data import DataError, to_pixels
from vae_core.metrics import ais, evaluate, log_likelihood, posteriors


def a_model(latent_dim=2, hidden_dims=(8,)):
    torch.manual_seed(0)
    return ConditionalVAE(6 + 3, hidden_dims, latent_dim, classes=3).eval()


def pictures(count=4):
    """Pixels, classes, and both in a row: (N, 6), (N,), (N, 9)."""
    generator = torch.Generator().manual_seed(1)
    pixels, label = torch.rand(count, 6, generator=generator), torch.arange(count) % 3
    return pixels, label, torch.cat([pixels, torch.eye(3)[label]], 1)


def test_the_objective_is_that_of_torchs_distributions():
    model, (pixels, label, x) = a_model(), pictures()
    pixels, x = pixels.round(), torch.cat([pixels.round(), x[:, 6:]], 1)
    epsilon = torch.randn(4, 2)
    terms = model(x, epsilon)
    mean, log_var = model.encode(x)
    q = Normal(mean, (0.5 * log_var).exp())
    torch.testing.assert_close(terms.rate, kl_divergence(q, Normal(0, 1)).sum(1))
    z = mean + q.scale * epsilon
    by_hand = model.decoder(torch.cat([z, torch.eye(3)[label]], 1))
    torch.testing.assert_close(terms.distortion, -Bernoulli(logits=by_hand).log_prob(pixels).sum(1))
    torch.testing.assert_close(by_hand, model.decode(model.join(z, label)))


def test_it_bounds_log_p_of_the_picture_given_the_class():
    """Of one latent unit log p(x | y) is a sum over a fine grid; the ELBO lies below, and averaged weights reach it."""
    model, (pixels, label, x) = a_model(latent_dim=1), pictures()
    grid = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        outputs = torch.stack([model.decode(model.join(grid, int(one))) for one in label])
        joint = model.likelihood.log_prob(pixels[:, None], outputs) + Normal(0, 1).log_prob(grid[:, 0])
        log_p = joint.logsumexp(1) + math.log(16 / 4000)
        many = x.repeat_interleave(20_000, 0)
        epsilon = torch.randn(len(many), 1, generator=torch.Generator().manual_seed(2))
        terms = model(many, epsilon)
        mean, log_var = model.encode(many)
        std = (0.5 * log_var).exp()
        z = mean + std * epsilon
        log_w = -terms.distortion + (Normal(0, 1).log_prob(z) - Normal(mean, std).log_prob(z))[:, 0]
        assert (terms.elbo.view(4, -1).mean(1) < log_p).all()
        torch.testing.assert_close(log_w.view(4, -1).logsumexp(1) - math.log(20_000), log_p, atol=0.01, rtol=0)


def test_estimates_of_it_are_those_of_torchs_distributions():
    """Of log p(x | y), with the class behind each of three draws, and nowhere else."""
    model, (pixels, label, x) = a_model(), pictures()
    pixels, x = pixels.round(), torch.cat([pixels.round(), x[:, 6:]], 1)
    mean, log_var = model.encode(x)
    q = Normal(mean, (0.5 * log_var).exp())
    z = mean + q.scale * torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(5))
    behind = torch.eye(3)[label].expand(3, 4, 3)
    log_p = Bernoulli(logits=model.decoder(torch.cat([z, behind], -1))).log_prob(pixels).sum(-1)
    terms = elbo(model, x, 3, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(terms.rate, kl_divergence(q, Normal(0, 1)).sum(1))
    torch.testing.assert_close(terms.distortion, -log_p.mean(0))
    log_w = log_p + (Normal(0, 1).log_prob(z) - q.log_prob(z)).sum(-1)
    bound = iwae_bound(model, x, 3, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(bound, log_w.logsumexp(0) - math.log(3))


def test_annealing_finds_log_p_of_the_picture_given_the_class():
    """Of one latent unit log p(x | y) is a sum over a fine grid."""
    model, (pixels, label, x) = a_model(latent_dim=1), pictures()
    grid = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        outputs = torch.stack([model.decode(model.join(grid, int(one))) for one in label])
        joint = model.likelihood.log_prob(pixels[:, None], outputs) + Normal(0, 1).log_prob(grid[:, 0])
    weights = log_weights(model, x, steps=20, chains=400, leapfrog=4, generator=torch.Generator().manual_seed(0))
    found = weights.logsumexp(0) - math.log(400)
    scaled = (weights - found).exp()
    off = (found - joint.logsumexp(1) - math.log(16 / 4000)).exp() - 1
    assert (off.abs() < 4 * scaled.std(0) / 20).all() and scaled.std(0).max() < 1
    start = torch.zeros(4, 1)
    assert ais(model, x, steps=2, chains=2, start=start, generator=torch.Generator().manual_seed(0)).isfinite().all()


def test_a_data_set_with_its_classes_is_measured(digits):
    images, model = digits.first(9, 20).with_classes(10).test, ConditionalVAE(hidden_dims=(8,), latent_dim=2)
    assert log_likelihood(model, images, num_samples=50) > evaluate(model, images, num_samples=50).elbo


def test_the_class_reaches_encoder_and_decoder():
    model, (_, label, x) = a_model(), pictures()
    other = torch.cat([x[:, :6], torch.eye(3)[(label + 1) % 3]], 1)
    assert not torch.allclose(model.encode(x)[0], model.encode(other)[0])
    z = torch.randn(4, 2)
    assert not torch.allclose(model.decode(model.join(z, 0)), model.decode(model.join(z, 1)))


def test_two_pictures_that_differ_by_their_class_alone_cost_no_rate(tmp_path):
    """Told which of two it is, the model need not send it: the ELBO passes −log 2, which no model reaches that must."""
    images = torch.zeros(256, 1, 4, 4, dtype=torch.uint8)
    images[::2, :, :2], images[1::2, :, 2:] = 255, 255
    told = ImageSet.of(images, images[:64], torch.arange(256) % 2, test_labels=torch.arange(64) % 2).with_classes()
    torch.manual_seed(0)
    model = ConditionalVAE(told.input_dim, (16,), 2, classes=2)
    fit(model, told, TrainConfig(epochs=60, batch_size=32, lr=1e-2, device="cpu"), out=tmp_path / "run", progress=False)
    assert evaluate(model, told.test).elbo > -0.5 * math.log(2)
    twin = load_model(tmp_path / "run" / "model.safetensors")
    torch.testing.assert_close(evaluate(twin, told.test), evaluate(model, told.test))


def test_a_picture_is_followed_by_its_class(digits):
    told = digits.first(50, 20).with_classes()
    x = to_pixels(told.train)
    assert x.shape == (50, 794) and torch.equal(x[:, 784:].argmax(1), digits.train_labels[:50])
    assert torch.equal(x[:, :784], to_pixels(digits.train[:50])) and (x[:, 784:].sum(1) == 1).all()
    for pixels in ("threshold", "dynamic"):  # no coin is tossed for the class
        assert torch.equal(to_pixels(told.test, pixels)[:, 784:], to_pixels(told.test)[:, 784:])
    assert digits.with_classes(12).input_dim == 796


def test_codes_samples_and_copies():
    model, (_, label, x) = a_model(), pictures()
    z = torch.randn(5, 4, 2)
    joined = model.join(z, label)
    assert joined.shape == (5, 4, 5) and torch.equal(joined[..., :2], z)
    assert torch.equal(joined[..., 2:].argmax(-1), label.expand(5, 4))
    assert torch.equal(model.join(z, 2), model.join(z, torch.full((5, 4), 2)))
    assert model.decode(joined).shape == (5, 4, 6) and model.draw(joined).shape == (5, 4, 6)
    assert model.code(x).shape == (4, 5) and model.reconstruct(x).shape == (4, 6)
    torch.testing.assert_close(model.reconstruct(x), model.draw(model.join(model.encode(x)[0], label)))
    one, same = (model.sample(7, 1, generator=torch.Generator().manual_seed(0)) for _ in range(2))
    assert one.shape == (7, 6) and torch.equal(one, same)
    mixed = model.sample(2000, generator=torch.Generator().manual_seed(0))
    each = torch.stack([model.sample(2000, label).mean(0) for label in range(3)])
    torch.testing.assert_close(mixed.mean(0), each.mean(0), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda m: m.sample(2, 3), r"label 3 is no class of this model: it has 0 to 2"),
        (lambda m: m.join(torch.zeros(2, 2), torch.tensor([0, -1])), r"label -1 is no class"),
        (lambda m: m.join(torch.zeros(2, 2), torch.tensor([0, 1, 2])), r"labels have shape \(3,\) and codes \(2, 2\)"),
        (lambda m: m.join(torch.zeros(2, 2), torch.tensor(0.5)), r"label is of torch.float32, and a class is a whole"),
        (lambda m: m.decode(torch.zeros(2, 2)), r"must be latent_dim \+ classes = 5 \(join\(z, label\) puts the class"),
        (lambda m: m.encode(torch.zeros(2, 6)), r"x has shape \(2, 6\).*with_classes\(\) puts 3 classes behind 6 pixels"),
        (lambda m: ConditionalVAE(10, classes=10), r"classes is 10, and input_dim = 10 counts pixels and classes"),
        (lambda m: ConditionalVAE(classes=0), r"classes"),
    ],
)  # fmt: skip
def test_what_is_no_class_is_named(act, message):
    with pytest.raises(ValueError, match=message):
        act(a_model())


def test_a_label_beyond_the_classes_is_named(digits):
    with pytest.raises(DataError, match=r"digits: label \d is no class: with classes=5 they are 0 to 4"):
        digits.with_classes(5)


def test_a_plain_set_of_images_is_refused(digits):
    with pytest.raises(ValueError, match=r"digits has 784 numbers an image, the model takes 794"):
        fit(ConditionalVAE(), digits, TrainConfig(epochs=1))


def test_it_is_saved_and_comes_back(tmp_path, digits):
    model, (_, _, x) = a_model(), pictures()
    save_model(tmp_path / "c.safetensors", model)
    twin = load_model(tmp_path / "c.safetensors")
    assert type(twin) is ConditionalVAE and twin.config == model.config
    torch.testing.assert_close(twin(x, torch.zeros(4, 2)), model(x, torch.zeros(4, 2)))
    means, _ = posteriors(ConditionalVAE(hidden_dims=(8,), latent_dim=2), digits.first(9, 9).with_classes(10).test)
    assert means.shape == (9, 2)
