"""DimensionLab in a browser: what it counts is what PyTorch counts, with the weights it was given."""

import base64
import re

import numpy as np
import pytest
import torch
from screen import settle, words

from vae_core.labs import DimensionLab
from vae_core.labs.bundle import bundle
from vae_core.labs.noise import normals
from vae_core.labs.pack import read, unpack_network
from vae_core.likelihoods import get_likelihood
from vae_core.losses import gaussian_kl, reparameterize


@pytest.fixture
def lab(labs):
    return labs[DimensionLab]


@pytest.fixture
def open_lab(lab, open_living):
    """`open_lab(width=…)` opens the lab's own HTML."""
    return lambda **options: open_living(lab.html, **options)


def by_pytorch(lab, digit, noise, draw, on="all"):
    """Each model's exact rate, the distortion of its four draws and their pixels, in double precision."""
    data = lab.data
    x = torch.from_numpy(read(data, lab.spec["images"])[digit] / 255).float().double()
    for spec in lab.spec["models"]:
        mean, log_var = (torch.from_numpy(read(data, spec[name])[digit].astype(float)) for name in ("mean", "log_var"))
        active = torch.tensor(spec["active"])
        touched = {"all": torch.ones_like(active), "active": active, "grey": ~active}[on]
        log_var = log_var + 2 * np.log(noise) * touched.double()
        epsilon = torch.from_numpy(normals(draw + 1, 4 * spec["units"]).reshape(4, -1))
        with torch.no_grad():
            outputs = unpack_network(spec["layers"], data).double()(reparameterize(mean, log_var, epsilon))
        distortion = -get_likelihood(spec["likelihood"]).log_prob(x, outputs).mean().item()
        yield gaussian_kl(mean, log_var).item(), distortion, outputs.sigmoid().flatten().numpy()


@pytest.mark.parametrize(("digit", "noise", "draw"), [(0, 1.0, 0), (7, 0.35, 3), (19, 3.0, 1)])
def test_it_counts_as_pytorch_counts(lab, open_lab, digit, noise, draw):
    """Rate and distortion within 1e-6, pixels within 1e-5, by the module that ships."""
    page = open_lab()
    names = "unpack, measure, normals, tensorReader, fromBase64, sigmoid"
    theirs = page.evaluate(
        """async ({ module, data, spec, digit, noise, draw }) => {
            const { unpack, measure, normals, tensorReader, fromBase64, sigmoid } =
                await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
            const read = tensorReader(fromBase64(data), spec.bytes);
            const size = spec.side ** 2;
            const x = Float32Array.from(read(spec.images).subarray(digit * size, (digit + 1) * size), (v) => v / 255);
            return spec.models.map((packed) => {
                const model = unpack(packed, read, spec.draws);
                const { rate, distortion, outputs } = measure(model, digit, x, noise, 0, normals(draw + 1, 4 * model.units));
                return { rate, distortion, pixels: [...outputs].map(sigmoid) };
            });
        }""",
        {
            "module": bundle("host.mjs", lab.module) + f"\nexport {{ {names} }};",
            "data": base64.b64encode(lab.data).decode(),
            "spec": lab.spec,
            "digit": digit,
            "noise": noise,
            "draw": draw,
        },
    )
    for shown, (rate, distortion, pixels) in zip(theirs, by_pytorch(lab, digit, noise, draw), strict=True):
        assert shown["rate"] == pytest.approx(rate, abs=1e-6)
        assert shown["distortion"] == pytest.approx(distortion, abs=1e-6)
        np.testing.assert_allclose(shown["pixels"], pixels, atol=1e-5)


@pytest.mark.parametrize("width", [1280, 375])
def test_it_shows_what_it_counts(lab, open_lab, width):
    page = open_lab(width=width)
    page.get_by_role("combobox", name="Digit").select_option(index=12)
    page.get_by_role("combobox", name="Noise on").select_option(label="grey")
    page.get_by_role("button", name="New ε").click()
    for _ in range(8):
        page.get_by_role("slider", name="Noise").press("ArrowRight")
    settle(page)
    shown = re.findall(
        r"(\d+) dimensions, (\d+) active: distortion ([\d.]+), rate ([\d.]+), sum (\d+[.]\d)", words(page)
    )
    expected = by_pytorch(lab, 12, 1.4, 1, "grey")
    for spec, numbers, (rate, distortion, _) in zip(lab.spec["models"], shown, expected, strict=True):
        assert [int(number) for number in numbers[:2]] == [spec["units"], sum(spec["active"])]
        np.testing.assert_allclose([float(n) for n in numbers[2:]], [distortion, rate, distortion + rate], atol=0.051)


def test_without_noise_the_rate_is_infinite(open_lab):
    page = open_lab()
    page.get_by_role("slider", name="Noise").press("Home")
    settle(page)
    assert words(page).count("rate ∞, sum ∞") == 6
