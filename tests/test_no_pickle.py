"""Nothing here loads code from a file: no module, tool or chapter imports a pickle reader or calls one."""

import ast
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).parents[1]
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle", "hickle"}
LOADERS = {
    ("torch", "load"),
    ("torch", "save"),
    ("torch.jit", "load"),
    ("torch.hub", "load"),
    ("torch.serialization", "load"),
    ("pandas", "read_pickle"),
}
BUILTINS = {"eval", "exec", "compile", "__import__"}
REFUSAL_IS_THE_POINT = {Path("benchmarks/refusals.py")}  # it shows what torch.load accepts
OWN_WORDS = {Path("chapters/07_losses.ipynb")}  # it runs the lines that `Loss.code` writes, and they come from no file


def sources():
    """Every Python file of the book that is not a test, and every notebook."""
    folders = ("vae_core", "benchmarks", "tools", "_ext", "chapters")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".ipynb")]
    paths += [*ROOT.glob("*.py"), *ROOT.glob("*.ipynb")]
    return sorted(path.relative_to(ROOT) for path in paths if ".ipynb_checkpoints" not in path.parts)


def code(path):
    """The Python in a file; in a notebook, that of its cells."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return "".join(TransformerManager().transform_cell(cell) for cell in cells)  # %magics and !commands as calls


def readers_of_code(text):
    """Each import or call in this Python that could run code out of a file, as (line, name)."""
    tree = ast.parse(text)
    known = {}  # what a name in the file stands for: {"t": "torch"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                known[name.asname or name.name] = name.name
                if name.name.split(".")[0] in MODULES:
                    found.append((node.lineno, f"import {name.name}"))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for name in node.names:
                known[name.asname or name.name] = f"{module}.{name.name}"
                if module.split(".")[0] in MODULES or (module, name.name) in LOADERS:
                    found.append((node.lineno, f"from {module} import {name.name}"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            head, _, tail = called.rpartition(".")
            first, dot, rest = head.partition(".")
            owner = known.get(first, first) + dot + rest
            if (owner, tail) in LOADERS or (not head and called in BUILTINS):
                found.append((node.lineno, called))
            found += [(node.lineno, "allow_pickle") for keyword in node.keywords if keyword.arg == "allow_pickle"]
    return found


@pytest.mark.parametrize("path", sources(), ids=str)
def test_no_reader_of_code(path):
    found = readers_of_code(code(ROOT / path))
    if path in REFUSAL_IS_THE_POINT:
        assert {name for _, name in found} == {"torch.load", "torch.save"}
    elif path in OWN_WORDS:
        assert [name for _, name in found] == ["exec"]
    else:
        assert found == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import pickle", "import pickle"),
        ("from dill import loads", "from dill import loads"),
        ("import torch\ntorch.load('a')", "torch.load"),
        ("import torch as t\nt.load('a')", "t.load"),
        ("from torch import load as read", "from torch import load"),
        ("import torch.jit\ntorch.jit.load('a')", "torch.jit.load"),
        ("import numpy\nnumpy.load('a', allow_pickle=True)", "allow_pickle"),
        ("eval('1')", "eval"),
    ],
)
def test_the_search_would_find_it(text, name):
    assert [found for _, found in readers_of_code(text)] == [name]


def test_the_search_looks_everywhere():
    names = {str(path) for path in sources()}
    assert {"vae_core/checkpoint.py", "vae_core/labs/pack.py", "conftest.py", "intro.ipynb"} <= names
    assert len(names) > 30
    assert readers_of_code("from vae_core.checkpoint import load\nload('a')\nmodel.load('b')") == []
