"""What Colab gets, as far as it can be seen with neither Colab nor a registry; `make colab` shows the rest."""

import re
import sys
import types
import zipfile
from email import message_from_string
from pathlib import Path

import colab_standin
import nbformat
import pytest
import torch
from chapter_rules import is_set_up
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement

from vae_core import __version__
from vae_core.colab import welcome

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [*sorted(ROOT.glob("*.ipynb")), *sorted((ROOT / "chapters").glob("*.ipynb"))]
MINUTES = re.compile(r"cpu_minutes=([1-9]\d*)\)")
PIP = r'install --quiet --no-deps "vae-core @ git\+https://github\.com/[\w.-]+/[\w.-]+"'


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(colab_standin.build_wheel(tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel):
    package = ROOT / "vae_core"
    ours = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == {str(path.relative_to(ROOT)) for path in ours}
    assert {Path(name).suffix for name in packed} >= {".py", ".safetensors", ".mjs", ".css"}
    for path in ours:
        assert wheel.read(str(path.relative_to(ROOT))) == path.read_bytes()


def test_the_wheel_takes_colabs_versions(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    about = message_from_string(wheel.read(name).decode())
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("vae-core", __version__, ">=3.11")
    there = {}
    for line in (ROOT / "tools" / "colab" / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            package, _, version = line.partition("==")
            there[package] = version
    for needed in map(Requirement, about.get_all("Requires-Dist", [])):
        assert needed.name in there, f"{needed} is not on Colab: the set-up cell would have to install it"
        version = there[needed.name]
        assert not version or needed.specifier.contains(version), f"{needed} is needed, but Colab has {version}"


def set_up(path):
    found = [cell for cell in nbformat.read(path, as_version=4).cells if is_set_up(cell)]
    assert len(found) == 1, (
        f"{path.name} has {len(found)} set-up cells, not one: it is the second of docs/chapter.ipynb"
    )
    return found[0]


def play(source, monkeypatch, on_colab):
    """Run a set-up cell with a stand-in for IPython, and for Colab's module. Returns the magics it asked for."""
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    asked = []
    shell = types.SimpleNamespace(run_line_magic=lambda name, line: asked.append((name, line)))
    exec(TransformerManager().transform_cell(source), {"get_ipython": lambda: shell})
    return asked


def test_every_notebook_has_the_same_set_up_cell_but_for_its_minutes():
    cells = [set_up(path).source for path in NOTEBOOKS]
    assert len(cells) == len(NOTEBOOKS)
    assert {MINUTES.sub("cpu_minutes=N)", cell) for cell in cells} == {MINUTES.sub("cpu_minutes=N)", cells[0])}
    assert all(len(MINUTES.findall(cell)) == 1 for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_elsewhere_the_set_up_cell_does_and_says_nothing(path, monkeypatch, capsys):
    assert play(set_up(path).source, monkeypatch, on_colab=False) == []
    assert capsys.readouterr() == ("", "") and set_up(path).outputs == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_on_colab_it_installs_this_package_alone_and_speaks(path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ((magic, line),) = play(set_up(path).source, monkeypatch, on_colab=True)
    assert magic == "pip" and re.fullmatch(PIP, line)
    (minutes,) = MINUTES.findall(set_up(path).source)
    said = capsys.readouterr().out
    assert ("a minute" if minutes == "1" else f"{minutes} minutes") in said


def test_the_welcome_names_the_gpu(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    welcome(cpu_minutes=2)
    assert capsys.readouterr().out == "Ready. Training will use the GPU found here: Tesla T4.\n"


def test_with_no_gpu_the_welcome_says_how_long_it_takes_and_where_to_get_one(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    welcome(cpu_minutes=1)
    welcome(cpu_minutes=3)
    one, runtime, three, _ = capsys.readouterr().out.splitlines()
    assert "no GPU" in one and one.endswith("takes about a minute from top to bottom.")
    assert three == one.replace("a minute", "3 minutes") and "Change runtime type" in runtime


def test_the_stand_in_runs_the_whole_book_in_its_order():
    book = colab_standin.book()
    assert book[0] == ROOT / "intro.ipynb" and set(book) == set(NOTEBOOKS)


def test_a_notebook_without_the_cell_is_refused_before_anything_runs(tmp_path):
    path = tmp_path / "bare.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), path)
    seconds, wrong = colab_standin.run_notebook(path, Path("no-python"), Path("no-wheel"))
    assert seconds == 0 and "set-up cell" in wrong[0]


def test_a_lab_that_colab_would_not_load_is_noticed():
    def shown(data, metadata):
        cell = nbformat.v4.new_code_cell("lab")
        cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
        return colab_standin.dead_labs(cell)

    view = colab_standin.VIEW
    page, widget = {"text/html": '<div class="vae-lab">'}, {view: {"model_id": "1"}}
    named = {view: {"colab": {"custom_widget_manager": {"url": "https://colab.invalid/manager.min.js"}}}}
    assert not shown({"text/html": "<p>a table</p>"}, {})
    assert not shown({**page, **widget}, named)
    assert shown(page, {}) and shown(page, named) and shown({**page, **widget}, {})


def test_a_command_that_fails_says_what_it_printed():
    with pytest.raises(colab_standin.Failure, match="status 3:\nno such thing"):
        colab_standin.command(sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)")
