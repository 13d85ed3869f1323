"""What some cells of a page define, for a script that measures more of the same: so record and page cannot differ."""

import sys
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import torch

ROOT = Path(__file__).parents[1]


def defined_by(page: str, cells: Iterable[str]) -> dict[str, Any]:
    """Run these cells of a page, by their ids, one after another: the names that they define.

    Gradients, which pages switch off, are afterwards as they were.
    """
    found = {cell.id: cell.source for cell in nbformat.read(ROOT / page, as_version=4).cells}
    with TemporaryDirectory() as folder:  # a file, for functions that are asked for their source
        path = Path(folder) / f"cells_of_{Path(page).stem}.py"
        path.write_text("\n\n".join(found[cell] for cell in cells), encoding="utf-8")
        spec = spec_from_file_location(path.stem, path)
        assert spec and spec.loader
        module = module_from_spec(spec)
        with torch.set_grad_enabled(torch.is_grad_enabled()):
            spec.loader.exec_module(module)
    return vars(module)


def on_mnist(page: dict[str, Any]) -> dict[str, Any]:
    """These names of a page; the script ends where the page's images are its fallback."""
    if page["images"].name != "mnist":
        sys.exit("MNIST is not at hand: put its folder's path into VAE_DATA")
    return page
