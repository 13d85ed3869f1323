"""Run the book as Colab would, on a machine that is not Colab.

    python tools/colab_standin.py                       # every notebook of _toc.yml, in its order
    python tools/colab_standin.py chapters/04_training.ipynb

Each notebook gets an empty folder, a kernel started as Colab starts its own, and Colab's versions
(tools/colab/requirements.txt). Its set-up cell runs as it is, but for the address: in place of GitHub's stands a wheel
built from this tree. A notebook passes when

- every cell runs, and prints what is committed;
- `pip freeze` before and after differs by vae-core alone, and `pip check` has no complaint;
- the set-up cell says what the chapter will run on;
- every lab is shown as a widget that Colab's own front end would load.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
STANDIN = ROOT / "tools" / "colab"
ENVIRONMENT = ROOT / ".venv-colab"
COLAB_PYTHON = "3.13"
ADDRESS = re.compile(r"git\+https://github\.com/[\w.-]+/[\w.-]+")
STATED = re.compile(r"welcome\(cpu_minutes=(\d+)\)")
VIEW = "application/vnd.jupyter.widget-view+json"
# what would let the kernel see this tree, or the settings of whoever runs this
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "IPYTHONDIR", "MPLBACKEND")


class Failure(Exception):
    """Something outside the notebooks went wrong, with its remedy."""


def book() -> list[Path]:
    """The notebooks of the book, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
    return [path for page in pages if (path := ROOT / f"{page}.ipynb").is_file()]


def command(*words: str | Path, **options) -> str:
    """Run it quietly and return what it printed; where it fails, that is the message."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode:
        tail = (done.stdout + done.stderr)[-3000:]
        raise Failure(f"{' '.join(map(str, words))}\nended with status {done.returncode}:\n{tail}")
    return done.stdout


def build_wheel(folder: Path) -> Path:
    """The package as a wheel in `folder`, built from a copy: setuptools leaves its work beside the source."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        shutil.copytree(ROOT / "vae_core", source / "vae_core", ignore=shutil.ignore_patterns("__pycache__", "*.part"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        offline = ("--no-deps", "--no-build-isolation", "--no-index")
        command(sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", folder, source)
    (wheel,) = folder.glob("vae_core-*.whl")
    return wheel


def find_python(asked: str | None) -> str:
    """The interpreter asked for; else Colab's version where this machine has it; else the one that runs this."""
    if asked:
        return asked
    name = f"python{COLAB_PYTHON}"
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{COLAB_PYTHON}.*/bin/python"))
    for candidate in [*filter(None, [shutil.which(name)]), *map(str, pyenv)]:
        tried = subprocess.run([candidate, "-c", "import ensurepip, venv"], capture_output=True)
        if tried.returncode == 0:  # a shim of pyenv can be there with no Python behind it
            return candidate
    return sys.executable


def prepare(python: str) -> Path:
    """The environment with Colab's versions, made once, with the stand-in for `google.colab`. Returns its Python."""
    wanted = STANDIN / "requirements.txt"
    stamp, ours = ENVIRONMENT / "made-of", ENVIRONMENT / "bin" / "python"
    mark = f"{hashlib.sha256(wanted.read_bytes()).hexdigest()} {command(python, '--version')}"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != mark:
        print(f"Making {ENVIRONMENT.name} from {python}: some 5 GB, once", flush=True)
        command(python, "-m", "venv", "--clear", ENVIRONMENT)
        command(ours, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted)
        stamp.write_text(mark, encoding="utf-8")
    packages = command(ours, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    shutil.copytree(STANDIN / "google", Path(packages) / "google", dirs_exist_ok=True)
    shutil.copy(STANDIN / "colab_kernel_launcher.py", packages)
    return ours


def say_what_differs(python: Path) -> None:
    """Print what this environment shares with Colab, and what it does not."""
    version = command(python, "--version").split()[1]
    same = "as on Colab" if version.startswith(f"{COLAB_PYTHON}.") else f"Colab has {COLAB_PYTHON}"
    pins = [line for line in (STANDIN / "requirements.txt").read_text(encoding="utf-8").splitlines() if "==" in line]
    print(f"Python {version} ({same}); Colab's versions: {', '.join(pins)}")
    print("Not as on Colab: no GPU is asked for, google.colab is a stand-in, Colab's other packages are missing, and")
    print("no front end of Google's is there (tests/browser/test_labs_colab.py drives ipywidgets 7.7.1 in a browser)")


def freeze(python: Path) -> set[str]:
    return set(command(python, "-m", "pip", "freeze", "--all", "--disable-pip-version-check").splitlines())


def kernel_settings(folder: Path, python: Path) -> dict[str, str]:
    """A kernel named "colab", known to this process, and the variables that it starts with."""
    spec = folder / "kernels" / "colab"
    spec.mkdir(parents=True, exist_ok=True)
    launch = f'["{python}", "-m", "colab_kernel_launcher", "-f", "{{connection_file}}"]'
    (spec / "kernel.json").write_text(
        f'{{"argv": {launch}, "display_name": "Colab", "language": "python"}}', encoding="utf-8"
    )
    os.environ["JUPYTER_PATH"] = str(folder)
    theirs = {name: value for name, value in os.environ.items() if name not in OURS}
    path = f"{python.parent}{os.pathsep}{theirs['PATH']}"
    quiet = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # a warning of ipykernel's debugger, at each start
    return {**theirs, **quiet, "PATH": path, "IPYTHONDIR": str(folder / "ipython")}


def printed(cell) -> str:
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def dead_labs(cell) -> bool:
    """Is there a lab among the outputs that Colab could not bring to life?"""
    for output in cell.outputs:
        data = output.get("data", {})
        if "vae-lab" in data.get("text/html", ""):
            manager = output.metadata.get(VIEW, {}).get("colab", {}).get("custom_widget_manager", {})
            if VIEW not in data or not manager.get("url"):
                return True
    return False


def minutes_stated(path: Path) -> str:
    """What the set-up cell says the notebook takes on one core: for the eye, since no machine's clock may fail a run."""
    return next(iter(STATED.findall(path.read_text(encoding="utf-8"))), "?")


def run_notebook(path: Path, python: Path, wheel: Path) -> tuple[float, list[str]]:
    """Seconds from top to bottom, and whatever is wrong."""
    notebook = nbformat.read(path, as_version=4)
    committed = {cell.id: printed(cell) for cell in notebook.cells if cell.cell_type == "code"}
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    setup = next((cell for cell in cells.values() if "google.colab" in cell.source), None)
    if setup is None or not ADDRESS.search(setup.source) or not STATED.search(setup.source):
        return 0.0, ["has no set-up cell of the book's form: copy the one of another chapter"]
    setup.source = ADDRESS.sub(wheel.as_uri(), setup.source)
    where = nbformat.v4.new_code_cell("import vae_core\nprint(vae_core.__file__)")
    notebook.cells.append(where)

    command(python, "-m", "pip", "uninstall", "--quiet", "--yes", "vae-core")
    before, wrong = freeze(python), []
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as empty:
        env = kernel_settings(Path(home), python)
        client = NotebookClient(notebook, timeout=1200, kernel_name="colab", resources={"metadata": {"path": empty}})
        start = time.perf_counter()
        try:
            client.execute(env=env)
        except CellExecutionError as error:
            return time.perf_counter() - start, [str(error)[-2000:]]
        seconds = time.perf_counter() - start

    changed = sorted(before ^ freeze(python))
    if [line.split("==")[0].split(" @ ")[0] for line in changed] != ["vae-core"]:
        wrong.append(f"pip freeze before and after should differ by vae-core alone, not by {changed}")
        (ENVIRONMENT / "made-of").unlink()  # spoilt: the next run makes it anew
    command(python, "-m", "pip", "check", "--disable-pip-version-check")
    if not Path(printed(where).strip()).is_relative_to(python.parents[1]):
        wrong.append(f"vae_core came from {printed(where).strip()}")
    if "\nReady." not in f"\n{printed(setup)}":
        wrong.append(f"the set-up cell printed {printed(setup)!r}")
    for name, cell in cells.items():
        kept = cell is setup or "nbval-ignore-output" in cell.metadata.get("tags", [])
        if not kept and printed(cell) != committed[name]:
            wrong.append(f"cell {name} printed {printed(cell)!r}, committed is {committed[name]!r}")
        if dead_labs(cell):
            wrong.append(f"cell {name} shows a lab that names no widget manager: Colab would not load it")
    return seconds, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of _toc.yml")
    parser.add_argument("--python", help=f"makes the environment (default: a Python {COLAB_PYTHON}, else this one)")
    options = parser.parse_args()
    notebooks = [path.resolve() for path in options.notebooks] or book()
    failed = 0
    try:
        python = prepare(find_python(options.python))
        say_what_differs(python)
        with tempfile.TemporaryDirectory() as folder:
            wheel = build_wheel(Path(folder))
            print(f"{wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB; data: {os.environ.get('VAE_DATA', 'as found')}")
            print(f"\n{'notebook':<36}{'seconds':>8}  set-up cell says  result", flush=True)
            for path in notebooks:
                seconds, wrong = run_notebook(path, python, wheel)
                failed += bool(wrong)
                name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
                said = f"{minutes_stated(path)} min"
                print(f"{name!s:<36}{seconds:>8.0f}  {said:<16}  {'ok' if not wrong else 'FAILED'}", flush=True)
                for line in wrong:
                    print(f"    {line}", flush=True)
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{len(notebooks) - failed} of {len(notebooks)} notebooks pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
