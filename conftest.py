"""Rules for notebooks under nbval: the printed claims are compared, what differs from machine to machine is not."""

from nbval.plugin import IPyNbFile

MACHINE_DEPENDENT = (
    "stderr",
    "text/html",
)  # progress bars and warnings; labs, whose weights are floats and have tests of their own


def pytest_collection_modifyitems(items):
    for notebook in {item.parent for item in items if isinstance(item.parent, IPyNbFile)}:
        notebook.skip_compare += MACHINE_DEPENDENT  # pyright: ignore[reportAttributeAccessIssue]
