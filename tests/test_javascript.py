"""JavaScript is held to its types and to a style: `make check`'s own two commands, over a copy with slips in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JS = "vae_core/labs/js"
SLIPS = {
    "a word for a number": (
        f"{JS}/posterior.mjs",
        "arrange(width, units, count, other);",
        "arrange(width, String(units), count, other);",
    ),
    "a control that has no such part": (f"{JS}/elbo.mjs", "max: high", "most: high"),
    "what may be missing": (f"{JS}/dimension.mjs", "if (!means || !logVars) return null;", ""),
    "no type at all": (f"{JS}/vae.mjs", "(middle, i) => unitKl", "(middle, i = (a) => a) => unitKl"),
    "a style that no pen knows": (f"{JS}/manifold.mjs", '{ fill: "paper", alpha', '{ fil: "paper", alpha'),
    "on a page": ("_static/later.js", "waiting.delete(lab)", "waiting.delet(lab)"),
}


@pytest.fixture
def copy(tmp_path):
    shutil.copy(ROOT / "deno.json", tmp_path)
    for folder in (JS, "_static", "_ext", "tests/js"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run_check(word, folder):
    """The one line of the Makefile that begins `deno <word>`, run in a folder."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (sources,) = re.findall(r"^JS +:= (.+)$", text, re.MULTILINE)
    (command,) = re.findall(rf"^\t\.venv/bin/(deno {word} .+)$", text, re.MULTILINE)
    deno, *words = command.replace("$(JS)", sources).split()
    env = {**os.environ, "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    done = subprocess.run(
        [Path(sys.executable).parent / deno, *words], cwd=folder, env=env, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_a_slip_of_type_fails_the_check(copy):
    assert run_check("check", copy) == (0, "")
    for name, before, after in SLIPS.values():
        text = (copy / name).read_text(encoding="utf-8")
        assert before in text, (name, before)
        (copy / name).write_text(text.replace(before, after, 1), encoding="utf-8")
    code, said = run_check("check", copy)
    assert code != 0
    for slip, (name, _, _) in SLIPS.items():
        assert f"/{name}:" in said, (slip, said)


def test_a_slip_of_style_fails_the_check(copy):
    assert run_check("lint", copy) == (0, "")
    path = copy / JS / "nn.mjs"
    path.write_text(path.read_text(encoding="utf-8") + "var unused = 1;\n", encoding="utf-8")
    code, said = run_check("lint", copy)
    assert code != 0 and "no-var" in said and "no-unused-vars" in said
