"""docs/chapter.ipynb, the chapter that a new one is copied from: run and built as a new one would be."""

import os
import shutil
import sys
from pathlib import Path

import nbformat
from built import ROOT, build, run
from chapter_rules import TEMPLATE, lacks, unedited


def read(path):
    return nbformat.read(path, as_version=4)


def test_the_template_is_a_chapter(tmp_path):
    """Copied and run, it keeps every rule but the one that asks for other words, and each of its claims holds."""
    path = Path(shutil.copy(TEMPLATE, tmp_path / "07_my_topic.ipynb"))
    run(
        sys.executable,
        ROOT / "tools" / "run_notebooks.py",
        path,
        "--record",
        tmp_path / "r.json",
        cwd=ROOT,
        **os.environ,
    )
    notebook = read(path)
    assert lacks(notebook) == [*unedited(notebook)]


def test_the_template_builds_without_a_warning(tmp_path):
    """As a book of its own, with the book's settings and the page that it points to."""
    for name in ("_static", "_ext", "_templates", "benchmarks/results"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "references.bib", "bibliography.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "vae_core").mkdir()
    shutil.copy(ROOT / "vae_core" / "__init__.py", tmp_path / "vae_core")  # where the footer's version stands
    (tmp_path / "chapters").mkdir()
    shutil.copy(TEMPLATE, tmp_path / "chapters" / "07_my_topic.ipynb")
    first = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# The first chapter")])
    nbformat.write(first, tmp_path / "chapters" / "01_ae_vs_vae.ipynb")
    contents = ["format: jb-book", "root: bibliography", "chapters:"]
    contents += [f"  - file: chapters/{name}" for name in ("01_ae_vs_vae", "07_my_topic")]
    (tmp_path / "_toc.yml").write_text("\n".join(contents), encoding="utf-8")
    page = (build(tmp_path) / "chapters" / "07_my_topic.html").read_text(encoding="utf-8")
    assert page.count('class="solution dropdown admonition"') == 2 and page.count("<details>") == 6
