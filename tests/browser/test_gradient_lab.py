"""GradientLab as published, in Chromium: its estimates are PyTorch's, its draws move as they should, a keyboard is enough."""

import re

import numpy as np
import pytest
import screen
from screen import HEAD, READY, drag, knob, settle, tile_numbers, words

from vae_core.labs.bundle import bundle
from vae_core.labs.gradient import BATCHES, COUNTS, FIRST, MOST, GradientLab
from vae_core.labs.noise import normals

ESTIMATES = """async ({ module, batches, most, f, by, mean, std, samples, seed }) => {
    const { normals, estimates, FUNCTIONS } =
        await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const found = estimates(normals(seed, batches * most), most, FUNCTIONS[f], by, mean, std, [samples])[samples];
    return { three: found.map(kind => [...kind]), exact: FUNCTIONS[f].exact[by](mean, std) } }"""


@pytest.fixture
def page(labs, watched_page, tmp_path):
    (tmp_path / "page.html").write_text(HEAD + labs[GradientLab].html, encoding="utf-8")
    watched = watched_page()
    watched.page.goto((tmp_path / "page.html").as_uri())
    watched.page.wait_for_selector(READY)
    yield watched.page
    assert not watched.abroad and not watched.errors


def set_slider(page, name, value):
    screen.set_slider(page.get_by_role("slider", name=name, exact=True), value)


def choose(page, name, index):
    screen.choose(page.get_by_role("combobox", name=name), index)


def slider_value(page, name):
    return float(page.get_by_role("slider", name=name, exact=True).input_value())


@pytest.mark.parametrize("by", [0, 1])
@pytest.mark.parametrize("f", range(5))
def test_the_browser_estimates_as_pytorch_does(f, by, page):
    """All 600 estimates and the exact value within 1e-6 of autograd's, and what the page shows of them."""
    lab = GradientLab()
    module = bundle("host.mjs", lab.module) + "\nexport { normals, estimates, FUNCTIONS };"
    given = {"module": module, "batches": BATCHES, "most": MOST}
    lab.controls["f"].index, lab.controls["by"].index = f, by
    choose(page, "f(z) =", f)
    choose(page, "Slope by", by)
    for seed, (mean, std, samples) in enumerate([(1.0, 0.6, 8), (-1.85, 0.2, 64), (0.35, 1.5, 2)], start=FIRST):
        place = {"mean": mean, "std": std}
        for name, value in place.items():
            lab.controls[name].value = value
            set_slider(page, name, value)
        lab.controls["samples"].value = str(samples)
        choose(page, "Draws K", COUNTS.index(str(samples)))
        theirs = page.evaluate(ESTIMATES, {**given, "f": f, "by": by, "seed": seed, "samples": samples, **place})
        ours = lab.answer()
        np.testing.assert_allclose(theirs["three"], ours, atol=1e-6, rtol=1e-9)
        assert theirs["exact"] == pytest.approx(lab.exact, abs=1e-6)
        expected = [lab.exact, *ours.mean(1)]
        for found, value in zip(tile_numbers(page), expected, strict=True):
            assert found == pytest.approx(value, rel=0.0051, abs=5e-4)  # three digits, and 0 for next to none
        assert f"{BATCHES * samples:,} draws in all" in words(page)
        lab.controls["draw"].click()
        page.get_by_role("button", name="New ε", exact=True).click()
        settle(page)


def dots(page, y):
    """Where the dots of a rail are: columns of the canvas, read from its pixels in the row `y` CSS pixels from the top."""
    return page.locator("canvas").evaluate(
        """(canvas, y) => {
            const ratio = devicePixelRatio;
            const { data } = canvas.getContext("2d").getImageData(0, Math.round(y * ratio), canvas.width, 1);
            const probe = canvas.closest(".vae-lab").appendChild(document.createElement("span"));
            const one = new OffscreenCanvas(1, 1).getContext("2d");
            const of = name => { probe.style.color = `var(--vae-${name})`;
                one.fillStyle = getComputedStyle(probe).color;
                one.fillRect(0, 0, 1, 1);
                return [...one.getImageData(0, 0, 1, 1).data].slice(0, 3) };
            const colours = [of("muted"), of("accent")];
            probe.remove();
            const found = [];
            for (let x = 0; x < canvas.width; x++) {
                const near = colours.some(colour => colour.every((v, i) => Math.abs(data[4 * x + i] - v) < 12));
                if (near) found.push(x / ratio);
            }
            return found }""",
        y,
    )


def test_mean_and_std_move_the_draws_and_not_the_noise(page):
    choose(page, "Draws K", 0)
    first, second = normals(FIRST, 2)
    epsilon, before = dots(page, 48), dots(page, 96)
    width = page.locator("canvas").bounding_box()["width"]
    column = lambda z: 40 + (z + 5) / 10 * (width - 50)  # noqa: E731
    for dot, row in ((first, epsilon), (second, epsilon), (1 + 0.6 * first, before), (1 + 0.6 * second, before)):
        assert min(abs(column(dot) - x) for x in row) < 1.5
    set_slider(page, "mean", -0.5)
    set_slider(page, "std", 1.2)
    assert dots(page, 48) == epsilon
    after = dots(page, 96)
    for e in (first, second):
        assert min(abs(column(-0.5 + 1.2 * e) - x) for x in after) < 1.5
        assert min(abs(column(1 + 0.6 * e) - x) for x in after) > 3
    page.get_by_role("button", name="New ε", exact=True).click()
    settle(page)
    assert dots(page, 48) != epsilon


def test_a_keyboard_is_enough(page):
    """Tab from control to control; arrows and Enter; each is told to those who listen."""
    page.get_by_role("slider", name="mean", exact=True).focus()
    for expected in ("mean 1.05", "standard deviation 0.65"):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab")
        settle(page)
        assert expected in words(page)
    for key in ("ArrowDown", "Tab", "End", "Tab", "ArrowDown"):
        page.keyboard.press(key)
    settle(page)
    wanted = f"{MOST} draws", "curve z² + 10", "respect to the standard deviation: exact 1.30", "12,800 draws in all"
    for part in wanted:
        assert part in words(page), part
    before = words(page)
    screen.press(page, "Tab", 1 + 6)  # past the six steps
    screen.press(page, "Enter")
    assert re.sub(r"[\d.−]+", "", words(page)) == re.sub(r"[\d.−]+", "", before) and words(page) != before


def test_the_cloud_is_moved_by_its_handles(page):
    """The first is its left edge, the second its mean; each moves its own slider and nothing else."""
    wide = page.locator("canvas").bounding_box()["width"] - 50  # of the axis of z, from −5 to 5
    for which, name, way, expected in ((0, "std", -0.4, 1.0), (1, "mean", -1.5, -0.5), (0, "std", 0.7, 0.3)):
        x, y = knob(page, which)
        others = [slider_value(page, other) for other in ("mean", "std") if other != name]
        drag(page, (x + 3, y - 2), (x + 3 + way * wide / 10, y + 30))
        assert slider_value(page, name) == pytest.approx(expected)
        assert [slider_value(page, other) for other in ("mean", "std") if other != name] == others
    assert dots(page, 48) and "mean −0.50 and standard deviation 0.30" in words(page)


def test_where_f_jumps_the_pathwise_gradient_is_shown_off_the_exact_one(page):
    choose(page, "f(z) =", 4)
    exact, path, score, baseline = tile_numbers(page)
    assert path == 0 and exact == pytest.approx(0.166, abs=0.006)
    assert abs(score - exact) < 0.15 and abs(baseline - exact) < 0.1
    notes = page.locator(".vae-lab-tile-note").all_text_contents()
    assert notes[1] == "spread 0, off by −0.166" and not any("off" in notes[i] for i in (0, 2, 3))
    assert "pathwise 0, spread 0, off by −0.166" in words(page)
    choose(page, "f(z) =", 0)
    assert "off by" not in words(page)


@pytest.mark.parametrize("width", [375, 1280])
def test_the_numbers_of_all_tiles_stand_on_one_line(page, width):
    page.set_viewport_size({"width": width, "height": 667})
    tops = page.locator(".vae-lab-tile-number").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(tops) == 4 and len(set(tops)) == 1
