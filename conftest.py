"""Rules for every test: none reaches beyond this machine. And for notebooks under nbval: what they print is compared."""

import os

from nbval.plugin import IPyNbFile

# Whoever asks the web, a kernel or a child of a child, is sent to a door that is closed, and is told so at once.
os.environ.update(http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1,localhost")

# progress bars and warnings; labs, whose weights are floats and have tests of their own
MACHINE_DEPENDENT = ("stderr", "text/html")


def pytest_collection_modifyitems(items):
    for notebook in {item.parent for item in items if isinstance(item.parent, IPyNbFile)}:
        notebook.skip_compare += MACHINE_DEPENDENT  # pyright: ignore[reportAttributeAccessIssue]
