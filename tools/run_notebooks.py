"""Re-execute notebooks in place, those that changed, so that running twice changes nothing.

    python tools/run_notebooks.py intro.ipynb playground.ipynb chapters        add --all to run the others as well

A notebook is left alone when its code, its outputs and every file of the package are what they were after its last run;
`chapters/executed.json` remembers that, in a line each. Prose and the versions of libraries do not count.
Each runs in its own folder from a fresh kernel. A notebook is replaced only when every cell has run; kept are its cell
ids, its claims, figures and labs; dropped is whatever belongs to one session (timings, widget state, progress bars).
"""

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "chapters" / "executed.json"
PACKAGE = ROOT / "vae_core"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# a kernel that listens on TCP unencrypted warns of it at each start
ENCRYPTED = Config(KernelManager={"transport_encryption": "auto"})
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
    NotebookClient(notebook, resources=resources, store_widget_state=False, config=ENCRYPTED, **options).execute()

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


def digest_of_package(folder):
    """One hash of every file a notebook could import, and of the weights and scripts beside them."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    each = [
        (path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(files)
    ]
    return hashlib.sha256(json.dumps(each).encode()).hexdigest()


def digest_of_run(path, package):
    """One hash of a notebook's code, of what it put out, and of the package that it did it with."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    kept = [(cell.source, cell.execution_count, cell.outputs) for cell in cells]
    return hashlib.sha256(json.dumps([package, kept], sort_keys=True).encode()).hexdigest()


def read_record(path):
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is no JSON ({error}), after a merge perhaps: delete it, and every notebook is run"
        ) from error


def write_record(path, record):
    fresh = path.with_suffix(".json.part")
    fresh.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    fresh.replace(path)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="notebooks, or folders of them")
    parser.add_argument("--timeout", type=int, default=300, help="seconds a cell may take (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="also those that have not changed")
    parser.add_argument("--record", type=Path, default=RECORD, help="what was run, with what (default: %(default)s)")
    parser.add_argument("--package", type=Path, default=PACKAGE, help="whose files count (default: %(default)s)")
    options = parser.parse_args()

    notebooks = [
        found for path in options.paths for found in (sorted(path.glob("*.ipynb")) if path.is_dir() else [path])
    ]
    if missing := [str(path) for path in notebooks if not path.is_file()]:
        parser.error(f"no such notebook: {', '.join(missing)}")
    try:
        record = read_record(options.record)
    except ValueError as error:
        parser.error(str(error))
    package = digest_of_package(options.package)
    for path in notebooks:
        name = Path(os.path.relpath(path, options.record.parent)).as_posix()
        print(f"{path} ...", end=" ", flush=True)
        if not options.all and record.get(name) == digest_of_run(path, package):
            print("unchanged")
            continue
        start = time.perf_counter()
        try:
            run(path.resolve(), options.timeout)
        except CellExecutionError as error:
            print(f"failed and left as it was:\n{error}")
            return 1
        record[name] = digest_of_run(path, package)
        write_record(options.record, record)
        print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
