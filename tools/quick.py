"""What a writer wants to know between two sentences, in less than a minute: `make quick`.

`make check`, and of the tests and notebooks those that what has changed since the last commit touches: a changed test, the
tests that import a changed module by name, a changed notebook and the rules of notebooks. A change of the package re-runs no other notebook; that is
`make test`'s business.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = ("tests/test_chapters.py", "tests/notebooks/test_committed.py")
SLOW = ("tests/browser", "tests/faults")  # run only where they have changed themselves


def changed() -> set[str]:
    """Files that differ from the last commit, new ones among them, as paths from the root."""
    listing = ["diff --name-only HEAD", "ls-files --others --exclude-standard"]
    found = [subprocess.check_output(["git", *words.split()], cwd=ROOT, text=True).split("\n") for words in listing]
    return {name for names in found for name in names if name and (ROOT / name).is_file()}


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(path: Path) -> set[str]:
    """The modules that a Python file names: `from a.b import c` counts as a.b and as a.b.c."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return named


def exported() -> dict[str, str]:
    """What `vae_core` itself hands on, as {"vae_core.VAE": "vae_core.models"}."""
    tree = ast.parse((ROOT / "vae_core" / "__init__.py").read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return {f"vae_core.{alias.name}": node.module or "" for node in found for alias in node.names}


def tests_for(files: set[str]) -> list[str]:
    """The changed tests, and those that import a changed module."""
    modules, handed_on, chosen = {module_of(name) for name in files if name.endswith(".py")}, exported(), []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        named = {handed_on.get(one, one) for one in imports(path)}
        if name in files or (not name.startswith(SLOW) and named & modules):
            chosen.append(name)
    return chosen


def main() -> int:
    files = changed()
    tests = tests_for(files)
    notebooks = sorted(name for name in files if name.endswith(".ipynb") and not name.startswith("docs/"))
    if notebooks or "_toc.yml" in files:
        tests = sorted({*tests, *RULES})
    make = [os.environ.get("MAKE", "make"), "--no-print-directory"]
    two = ["-n", "2", "--dist", "loadfile"] if len(tests) > 2 else []  # each takes seconds to start
    commands = {
        "check": [*make, "check"],
        "tests": [sys.executable, "-m", "pytest", "-q", *two, *tests] if tests else [],
        "notebooks": [*make, "notebooks", f"ONLY={' '.join(notebooks)}"] if notebooks else [],
    }
    print(f"changed since the last commit: {', '.join(sorted(files)) or 'nothing'}", flush=True)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    failed = [
        part for part, command in commands.items() if command and subprocess.run(command, cwd=ROOT, env=env).returncode
    ]
    print(f"\n{'failed: ' + ', '.join(failed) if failed else 'Fine so far; make test checks the rest'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
