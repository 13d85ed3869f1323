"""Re-execute notebooks in place, so that running twice changes nothing.

    python tools/run_notebooks.py intro.ipynb chapters

Each runs in its own folder from a fresh kernel. A notebook is replaced only when every cell has run; kept are its cell
ids, its claims, figures and labs; dropped is whatever belongs to one session (timings, widget state, progress bars).
"""

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def lasting(outputs):
    """Drop stderr, and the widget views whose models die with the kernel (a lab's static twin stays)."""
    kept = []
    for output in outputs:
        data = output.get("data", {})
        is_progress_bar = WIDGET_VIEW in data and "text/html" not in data
        if output.get("name") != "stderr" and not is_progress_bar:
            data.pop(WIDGET_VIEW, None)
            kept.append(output)
    return kept


def run(path, timeout):
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    options = {"timeout": timeout, "kernel_name": "python3", "record_timing": False, "coalesce_streams": True}
    NotebookClient(notebook, resources=resources, store_widget_state=False, **options).execute()

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = lasting(cell.outputs)
            cell.metadata.pop("execution", None)  # timings of an earlier editor
            if cell.execution_count is None:
                raise ValueError(f"{path}: cell {cell.id} is empty; remove it")
    notebook.metadata = nbformat.from_dict(METADATA)

    fresh = path.with_suffix(".ipynb.part")
    nbformat.write(notebook, fresh)
    fresh.replace(path)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="notebooks, or folders of them")
    parser.add_argument("--timeout", type=int, default=300, help="seconds a cell may take (default: %(default)s)")
    options = parser.parse_args()

    notebooks = [
        found for path in options.paths for found in (sorted(path.glob("*.ipynb")) if path.is_dir() else [path])
    ]
    if missing := [str(path) for path in notebooks if not path.is_file()]:
        parser.error(f"no such notebook: {', '.join(missing)}")
    for path in notebooks:
        print(f"{path} ...", end=" ", flush=True)
        start = time.perf_counter()
        try:
            run(path.resolve(), options.timeout)
        except CellExecutionError as error:
            print(f"failed and left as it was:\n{error}")
            return 1
        print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
