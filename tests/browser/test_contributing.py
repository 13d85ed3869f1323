"""The worked example of CONTRIBUTING.md, built as it stands there: two files that `make check` passes, and a lab that works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built import ROOT, wait_until_ready
from screen import HEAD, looks, tiles, words

CHECK = """
import torch, vae_core, vae_core.labs.stretch as mine
from vae_core.labs.pack import unpack_network
assert vae_core.__file__.startswith({folder!r}), vae_core.__file__
lab = mine.StretchLab()
z = torch.randn(5, lab.canvas.spec["layers"][0]["inputs"], generator=torch.Generator().manual_seed(0))
assert unpack_network(lab.canvas.spec["layers"], lab.canvas.data)(z).shape == (5, 784)
lab.controls["stretch"].value = 2.0
assert lab.values == {{"stretch": 2.0, "draw": 0}} and len(lab.steps) == 2
try:
    odd = vae_core.ConvVAE(latent_dim=10)
    mine.StretchLab(odd)
    odd.decoder.layers.append(torch.nn.GELU())
    mine.StretchLab(odd)  # whose size is known, and whose layers a lab cannot take
except ValueError as refused:
    assert "dense layers" in str(refused) and "GELU" in str(refused), refused
else:
    raise AssertionError("an activation was left out")
print(mine.StretchLab().html())
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the package with the two files put where the page says."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("pyproject.toml", "deno.json"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)  # where pyproject.toml tells pyright that the libraries are
    shutil.copytree(ROOT / "vae_core", folder / "vae_core", ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for language, name in (("js", "js/stretch.mjs"), ("python", "stretch.py")):
        (code,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert f"vae_core/labs/{name}" in text
        (folder / "vae_core" / "labs" / name).write_text(code, encoding="utf-8")
    return folder


def run(folder, *command):
    """Run a command in a folder: -> what it printed."""
    env = os.environ | {"PYTHONPATH": str(folder), "DENO_NO_UPDATE_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def example(clone):
    """The lab's HTML."""
    return run(clone, sys.executable, "-c", CHECK.format(folder=str(clone)))


STYLE_AND_TYPES = [
    ("ruff", "check", "vae_core/labs/stretch.py"),
    ("ruff", "format", "--check", "--diff", "vae_core/labs/stretch.py"),
    ("pyright", "vae_core/labs/stretch.py"),
    ("deno", "lint", "--quiet", "vae_core/labs/js"),
    ("deno", "check", "--quiet", "--no-remote", "--no-npm", "vae_core/labs/js"),
]


@pytest.mark.parametrize("command", STYLE_AND_TYPES, ids=" ".join)
def test_the_worked_example_passes_make_check(clone, command):
    """Style and types, by the tools and the settings that `make check` has."""
    tool, *arguments = command
    run(clone, Path(sys.executable).with_name(tool), *arguments)


@pytest.mark.parametrize("width", [1280, 375])
def test_the_worked_example_is_a_lab(example, watched_page, tmp_path, width):
    (tmp_path / "page.html").write_text(HEAD + example, encoding="utf-8")
    watched = watched_page(width=width)
    page = watched.page
    page.goto((tmp_path / "page.html").as_uri())
    wait_until_ready(page)
    slider, pictures = page.get_by_role("slider", name="Stretch"), page.locator(".vae-lab-stage")
    slider.press("End")
    stretched, said = looks(pictures), words(page)
    slider.press("Home")
    flat = looks(pictures)
    assert flat != stretched, "the slider changes nothing"
    page.get_by_role("button", name="New ε", exact=True).press("Enter")
    assert looks(pictures) == flat, "at stretch 0 every draw is the mean"
    slider.press("End")
    assert looks(pictures) != stretched, "another draw is another picture"
    assert "stretched 3.00 times" in said
    page.get_by_role("button", name="2: Move").press("Enter")
    assert looks(pictures) == flat and page.locator(".vae-lab-mark").count() == 1
    page.wait_for_function("location.hash.includes('StretchLab~stretch=0')")
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    assert looks(pictures) != flat and page.locator(".vae-lab-mark").count() == 0
    assert re.fullmatch(r"\d\.\d\d|\d\d\.\d", *tiles(page)), "a tile's number has three digits that count"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert (watched.abroad, watched.errors) == ([], [])
