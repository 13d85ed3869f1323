"""`make chapters` runs what changed and nothing else, and what it leaves out is what would have come out the same."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from built import ROOT


def execute(folder, *options):
    """Run the tool over `folder`'s notebooks: its exit status, and a word for each notebook (or what it said)."""
    command = [sys.executable, ROOT / "tools" / "run_notebooks.py", "book", "--record", "book/executed.json"]
    done = subprocess.run([*command, "--package", "package", *options], cwd=folder, capture_output=True, text=True)
    words = {}
    for line in done.stdout.splitlines():
        name, _, word = line.partition(" ... ")
        if name.endswith(".ipynb"):
            words[name.removeprefix("book/")] = "run" if word.endswith(" s") else word
    return done.returncode, words, done.stdout + done.stderr


def change(path, act):
    notebook = nbformat.read(path, as_version=4)
    act(notebook.cells)
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Two small notebooks, run once, and the package that they could import."""
    tmp_path, new = tmp_path_factory.mktemp("executed"), nbformat.v4
    for name in ("one", "two"):
        cells = [new.new_markdown_cell(f"# {name}", id="title"), new.new_code_cell(f"print('{name}')", id="say")]
        (tmp_path / "book").mkdir(exist_ok=True)
        nbformat.write(new.new_notebook(cells=cells), tmp_path / "book" / f"{name}.ipynb")
    (tmp_path / "package" / "js").mkdir(parents=True)
    (tmp_path / "package" / "js" / "lab.mjs").write_text("export const a = 1", encoding="utf-8")
    status, words, said = execute(tmp_path)
    assert (status, words) == (0, {"one.ipynb": "run", "two.ipynb": "run"})
    (tmp_path / "said").write_text(said, encoding="utf-8")
    return tmp_path


@pytest.fixture
def folder(executed, tmp_path):
    return Path(shutil.copytree(executed, tmp_path / "copy"))


def test_a_line_for_each_notebook_is_all_that_is_said(executed):
    """A kernel's own warnings would come between them."""
    said = (executed / "said").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" ... ")[0] for line in said] == ["book/one.ipynb", "book/two.ipynb"]


def test_what_has_not_changed_is_left_alone(folder):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (folder / "book").iterdir()}
    assert len(before) == 3
    assert execute(folder)[:2] == (0, {"one.ipynb": "unchanged", "two.ipynb": "unchanged"})
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (folder / "book").iterdir()} == before
    assert execute(folder, "--all")[:2] == (0, {"one.ipynb": "run", "two.ipynb": "run"})
    assert {path: path.read_bytes() for path in before} == {path: content for path, (content, _) in before.items()}


def test_prose_runs_nothing_and_is_kept(folder):
    change(folder / "book" / "one.ipynb", lambda cells: cells[0].update(source="# another title"))
    assert execute(folder)[1] == {"one.ipynb": "unchanged", "two.ipynb": "unchanged"}
    assert nbformat.read(folder / "book" / "one.ipynb", as_version=4).cells[0].source == "# another title"


@pytest.mark.parametrize(
    "act",
    [
        lambda cells: cells[1].update(source="print('other')"),
        lambda cells: cells[1].outputs[0].update(text="not what it says\n"),
        lambda cells: cells[1].update(outputs=[], execution_count=None),
    ],
    ids=["code", "output edited by hand", "outputs cleared"],
)
def test_only_the_notebook_that_changed_is_run(folder, act):
    change(folder / "book" / "one.ipynb", act)
    assert execute(folder)[1] == {"one.ipynb": "run", "two.ipynb": "unchanged"}
    cell = nbformat.read(folder / "book" / "one.ipynb", as_version=4).cells[1]
    assert cell.outputs[0].text == f"{cell.source[7:-2]}\n" and cell.execution_count == 1
    assert execute(folder)[1] == {"one.ipynb": "unchanged", "two.ipynb": "unchanged"}


def test_a_change_of_the_package_runs_all(folder):
    (folder / "package" / "js" / "lab.mjs").write_text("export const a = 2", encoding="utf-8")
    assert execute(folder)[1] == {"one.ipynb": "run", "two.ipynb": "run"}


def test_a_notebook_that_fails_is_left_as_it_was_and_tried_again(folder):
    change(folder / "book" / "one.ipynb", lambda cells: cells[1].update(source="1 / 0"))
    broken, record = ((folder / "book" / name).read_bytes() for name in ("one.ipynb", "executed.json"))
    for _ in range(2):
        status, _, said = execute(folder)
        assert status == 1 and "ZeroDivisionError" in said and "left as it was" in said
    assert (folder / "book" / "one.ipynb").read_bytes() == broken
    assert (folder / "book" / "executed.json").read_bytes() == record


def test_a_record_with_a_merge_conflict_is_named(folder):
    (folder / "book" / "executed.json").write_text("<<<<<<< ours\n{}\n", encoding="utf-8")
    status, words, said = execute(folder)
    assert status == 2 and words == {} and "executed.json is no JSON" in said and "delete it" in said
