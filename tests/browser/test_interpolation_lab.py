"""`InterpolationLab` as published: its numbers are PyTorch's, and the walk can be dragged."""

import base64
import re

import numpy as np
import pytest
import torch
from screen import HEAD, READY, drag, settle, tiles, words

from vae_core.labs import InterpolationLab
from vae_core.labs.bundle import bundle
from vae_core.labs.interpolation import halve
from vae_core.labs.pack import read, unpack_network
from vae_core.latent import lerp, slerp
from vae_core.likelihoods import get_likelihood

# a canvas seen from inside `create`: its own frames, decoded for one setting of the controls
PROBE = """async ({ module, data, spec, values }) => {
  const { create, judge, place, tensorReader, fromBase64 } =
      await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  const lab = create(spec, tensorReader(fromBase64(data), spec.bytes));
  const drawn = [], words = [];
  const pen = new Proxy({}, { get: (_, name) => (...args) => {
    if (name === "digit") drawn.push(args);
    if (name === "text") words.push(args[0]);
  } });
  const { tiles } = lab.paint(pen, values, 640);
  const code = (model, row) => {
    const all = tensorReader(fromBase64(data), spec.bytes)(model.codes), wide = model.layers[0].inputs;
    return all.subarray(row * wide, (row + 1) * wide);
  };
  const path = ["lerp", "slerp"][values.path];
  const places = path && spec.models.map(model => {
    const out = new Float64Array(model.layers[0].inputs);
    place(path, code(model, values.from), code(model, values.to), values.t, out);
    return [...out];
  });
  return { frames: [drawn[0], drawn[2]].map(([pixels]) => [...pixels]), places, tiles, words };
}"""


@pytest.fixture
def lab(labs):
    return labs[InterpolationLab]


@pytest.fixture
def page(watched_page, tmp_path, request, lab):
    """The lab alone on a page, `request.param` wide, opened from disk: no foreign request, no error."""
    (tmp_path / "page.html").write_text(HEAD + lab.html, encoding="utf-8")
    watched = watched_page(width=getattr(request, "param", 1280))
    watched.page.goto((tmp_path / "page.html").as_uri())
    watched.page.wait_for_selector(READY)
    yield watched.page
    assert not watched.abroad and not watched.errors


def choose(page, **options):
    for name, index in options.items():
        page.get_by_role("combobox", name=name).select_option(index=index)
    settle(page)


def position(page):
    return page.get_by_role("slider", name="Position t")


@pytest.mark.parametrize(("path", "t"), [(0, 0.5), (1, 0.37), (2, 0.81), (1, 0.0)])
def test_the_browser_draws_and_measures_as_pytorch_does(path, t, page, lab):
    """Codes to 1e-6, pixels to 1e-5, with the weights the browser was given; then distances and votes."""
    spec, data = lab.spec, lab.data
    values = {"t": t, "from": 1, "to": 14, "path": path}
    module = bundle("host.mjs", lab.module) + "\nexport { create, judge, place, tensorReader, fromBase64 };"
    arguments = {"module": module, "data": base64.b64encode(data).decode(), "spec": spec, "values": values}
    theirs = page.evaluate(PROBE, arguments)

    library = torch.from_numpy(read(data, spec["library"]).astype(np.float64)) / 255
    labels = torch.from_numpy(read(data, spec["labels"]).astype(np.int64))
    for i, model in enumerate(spec["models"]):
        network, likelihood = unpack_network(model["layers"], data).double(), get_likelihood(model["likelihood"])
        start, end = torch.from_numpy(read(data, model["codes"]).astype(np.float64))[[1, 14]]
        k = round(100 * t)
        with torch.no_grad():
            if path == 2:
                ends = likelihood.mean(network(torch.stack([start, end])))
                pixels = lerp(ends[0], ends[1], 101)[k]
            else:
                z = (lerp, slerp)[path](start, end, 101)[k]
                np.testing.assert_allclose(theirs["places"][i], z, atol=1e-6)
                pixels = likelihood.mean(network(z))
        np.testing.assert_allclose(theirs["frames"][i], pixels, atol=1e-5)
        distance, nearest = (library - halve(pixels[None])).norm(dim=1).topk(10, largest=False)
        tile = theirs["tiles"][i]
        assert float(tile["value"]) == pytest.approx(distance[0].item() / spec["typical"], abs=0.0051)
        votes, called = map(int, re.findall(r"nearest 10: (\d+) (?:is a|are) (\d)", "\n".join(theirs["words"]))[i])
        counts = labels[nearest].bincount(minlength=10)
        assert votes == counts.max() == counts[called]


def test_both_ends_are_the_same_on_every_path(page):
    for key in ("Home", "End"):
        position(page).press(key)
        shown = set()
        for path in range(3):
            choose(page, From=4, To=11, Path=path)
            shown.add(tuple(tiles(page)))
        assert len(shown) == 1


@pytest.mark.parametrize("page", [1280, 375], indirect=True)
def test_the_walk_can_be_dragged_along(page):
    box = page.locator("canvas").bounding_box()
    y = box["y"] + 0.55 * box["height"]
    drag(page, (box["x"] + 0.5 * box["width"], y), (box["x"] + 0.7 * box["width"], y))
    assert 0.6 < float(position(page).input_value()) < 0.95
    drag(page, (box["x"] + 10, box["y"] + 40), (box["x"] + 60, box["y"] + 40))  # on a frame: nothing to drag
    assert float(position(page).input_value()) > 0.6


PICKS = """([row, k]) => { const canvas = document.querySelector('canvas'), { left, bottom, width } = canvas.getBoundingClientRect()
  const scale = width / (canvas.width / devicePixelRatio), narrow = canvas.width / devicePixelRatio < 560
  const thumb = (canvas.width / devicePixelRatio - 2) / (narrow ? 10 : 20), lines = narrow ? 2 : 1
  const up = (row ? 0 : lines * thumb + 24) + 4 + (lines - Math.floor(k / (narrow ? 10 : 20)) - 0.5) * thumb
  return [left + scale * (1 + (k % (narrow ? 10 : 20) + 0.5) * thumb), bottom - scale * up] }"""


@pytest.mark.parametrize("page", [1280, 375], indirect=True)
def test_the_images_are_picked_by_their_picture_with_a_mouse_and_with_a_finger(page):
    page.locator("canvas").evaluate(
        "canvas => scrollTo(0, canvas.getBoundingClientRect().bottom + scrollY - innerHeight + 260)"
    )
    settle(page)
    menus = [page.get_by_role("combobox", name=name) for name in ("From", "To")]
    for row, k in ((0, 7), (1, 12)):
        page.mouse.click(*page.evaluate(PICKS, [row, k]))
        settle(page)
        assert menus[row].evaluate("menu => menu.selectedIndex") == k
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    x, y = page.evaluate(PICKS, [0, 15])
    for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function("document.querySelector('select').selectedIndex === 15")


def test_it_says_in_words_where_the_walk_stands(page):
    choose(page, From=6, To=15, Path=1)
    position(page).press("Home")
    settle(page)
    assert words(page).startswith("A walk from a 3 to a 7, another by slerp, at t = 0.00. Autoencoder: ")


@pytest.mark.parametrize("page", [1280, 375], indirect=True)
def test_a_steps_frame_leaves_the_first_letters_alone_and_nothing_scrolls_sideways(page):
    page.get_by_role("button", name=re.compile("^1: ")).press("Enter")
    settle(page)
    left, right = page.locator("canvas").evaluate(
        "c => { const b = c.getBoundingClientRect(); return [b.left, b.right] }"
    )
    for mark in page.locator(".vae-lab-mark").all():
        box = mark.bounding_box()
        assert box["x"] == pytest.approx(left - 6, abs=1) and box["x"] + box["width"] == pytest.approx(right + 6, abs=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("page", [375], indirect=True)
def test_the_lab_keeps_its_height_along_a_walk_on_a_phone(page):
    heights = set()
    position(page).press("Home")
    for _ in range(10):
        heights.add(round(page.locator(".vae-lab").bounding_box()["height"]))
        position(page).press("PageUp")
        settle(page)
    assert len(heights) == 1 and float(position(page).input_value()) > 0.9
