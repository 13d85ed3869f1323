"""Rules for every test: none reaches beyond this machine. And for notebooks under nbval: what they print is compared.

A claim's number (vae_core/claims.py) is compared on the data from which the committed numbers come, MNIST, or of the chapter
on colour a part of CIFAR-10, within the tolerance that stands beside it.
"""

import os
import re
from functools import cache

from nbval.plugin import IPyNbCell

# Whoever asks the web, a kernel or a child of a child, is sent to a door that is closed, and is told so at once.
os.environ.update(http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1,localhost")

# progress bars and warnings; labs, whose weights are floats and have tests of their own; claims, which are compared below
MACHINE_DEPENDENT = ("stderr", "text/html")
CLAIM = re.compile(r'<th scope="row">([^<]+)</th><td data-value="([^"]+)" data-within="([^"]+)">')


def pytest_collection_modifyitems(items):
    cells = [item for item in items if isinstance(item, IPyNbCell)]
    for notebook in {cell.parent for cell in cells}:
        notebook.skip_compare += MACHINE_DEPENDENT  # pyright: ignore[reportAttributeAccessIssue]
    for cell in cells:
        cell.output_timeout = cell.config.option.nbval_cell_timeout  # five seconds are too few beside busy processes


@cache
def on_the_same_data(notebook):
    from vae_core import load_images  # two seconds to import, and only notebooks need it
    from vae_core.sources.colour import find_colour

    if notebook == "10_colour.ipynb":
        return find_colour()[0] == "cifar10-jpeg"
    return load_images("mnist", fallback="digits").name == "mnist"


def numbers(outputs):
    """Every claim of a cell: (what, value, tolerance)."""
    pages = [output.get("data", {}).get("text/html", "") for output in outputs]
    return [(what, float(value), float(within)) for what, value, within in CLAIM.findall("".join(pages))]


def compare_outputs(self, test, ref, skip_compare=None):
    """nbval's own comparison, and the claims' numbers."""
    if not as_nbval_does(self, test, ref, skip_compare):
        return False
    for (what, value, _), (_, stood, within) in zip(numbers(test), numbers(ref), strict=True):
        if on_the_same_data(self.parent.path.name) and not abs(value - stood) <= within:
            words = f"{what}: {value:g}, and the notebook says {stood:g}, give or take {within:g}: make chapters"
            self.comparison_traceback.append(words)
    return not self.comparison_traceback


as_nbval_does, IPyNbCell.compare_outputs = IPyNbCell.compare_outputs, compare_outputs
