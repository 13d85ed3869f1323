"""TrainingLab as published: the figures and pictures of a snapshot are those that PyTorch computed."""

import base64

import numpy as np
import pytest
import torch
from screen import HEAD, READY, choose, drag, knob, press, settle, tile_numbers, words

from vae_core import VAE, TrainConfig
from vae_core.labs import TrainingLab
from vae_core.labs.bundle import bundle
from vae_core.labs.training import record

ASK = """async ({ module, data, bytes, spec }) => {
  const { tensorReader, fromBase64, curvesOf } =
      await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  const read = tensorReader(fromBase64(data), bytes);
  return { curves: [0, 1].map(which => curvesOf(spec.terms, which).map(({ values }) => values)),
           pictures: [spec.again, spec.invented].map(ref => [...read(ref)].map(v => v / 255)) } }"""


@pytest.fixture(scope="module")
def lab(digits) -> TrainingLab:
    torch.manual_seed(0)
    model = VAE(hidden_dims=(16,), latent_dim=3)
    return TrainingLab(record(model, digits.first(256, 100), TrainConfig(epochs=2, batch_size=16, device="cpu")))


@pytest.fixture
def page(lab, watched_page, tmp_path):
    (tmp_path / "page.html").write_text(HEAD + lab.html(), encoding="utf-8")
    watched = watched_page()
    watched.page.goto((tmp_path / "page.html").as_uri())
    watched.page.wait_for_selector(READY)
    yield watched.page
    assert not watched.abroad and not watched.errors


def test_the_browser_has_pytorchs_numbers(lab, page):
    """The shipped bundle over the shipped bytes: losses exact, pixels to the half of a grey level they are stored at."""
    spec = lab.canvas.spec
    module = bundle("host.mjs", lab.module) + "\nexport { tensorReader, fromBase64, curvesOf };"
    data = base64.b64encode(lab.canvas.data).decode()
    theirs = page.evaluate(ASK, {"module": module, "data": data, "bytes": spec["bytes"], "spec": spec})
    train, test = (np.array(lab.album.terms[name]) for name in ("train", "test"))
    np.testing.assert_allclose(theirs["curves"][0], [test.sum(1), train.sum(1)], rtol=0, atol=1e-6)
    np.testing.assert_allclose(theirs["curves"][1], [test[:, 1], test[:, 0]], rtol=0, atol=1e-6)
    stored = torch.stack(lab.album.drawn).float().numpy() / 255  # (snapshots, 20, D)
    for pictures, ours in zip(theirs["pictures"], (stored[:, :10], stored[:, 10:]), strict=True):
        np.testing.assert_allclose(np.reshape(pictures, ours.shape), ours, atol=1e-5)
    np.testing.assert_allclose(stored[-1], lab.answer(), atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("snapshot", [0, 3, 6])
def test_the_tiles_are_the_snapshots_figures(snapshot, lab, page):
    slider = page.get_by_role("slider", name="Snapshot")
    choose(page.get_by_role("combobox", name="Show"), 0)
    slider.press("Home")
    press(page, "ArrowRight", snapshot)
    train, test = (lab.album.terms[name][snapshot] for name in ("train", "test"))
    assert tile_numbers(page) == pytest.approx([lab.album.steps[snapshot], sum(test), sum(train)], abs=0.051)
    choose(page.get_by_role("combobox", name="Show"), 1)
    assert tile_numbers(page) == pytest.approx([lab.album.steps[snapshot], test[1], test[0]], abs=0.051)
    said = words(page)
    assert f"after {lab.album.steps[snapshot]} steps" in said and f"rate {test[0]:.1f}" in said.replace("−", "-")


def test_dragging_along_the_curves_moves_the_slider(lab, page):
    slider = page.get_by_role("slider", name="Snapshot")
    box = page.locator("canvas").bounding_box()
    x, y = knob(page)
    drag(page, (x, y), (box["x"] + box["width"] - 12, y - 40))
    assert float(slider.input_value()) == len(lab.album.steps) - 1
    assert tile_numbers(page)[0] == lab.album.steps[-1]
    page.mouse.click(box["x"] + 44, y - 80)  # a mouse may press among the curves: there it goes
    settle(page)
    assert float(slider.input_value()) == 0
