"""The built book, for every test that opens its pages: which there are, how it is built, and when a page has settled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
COPIES = ROOT / "_build" / "copies"
REMOTE = "https://github.com/someone/their-fork.git"
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name not in ("GITHUB_REPOSITORY", "BOOK_URL", "SOURCE_DATE_EPOCH") and not name.startswith("GIT_")
}
SOURCES = [
    "_config.yml",
    "_toc.yml",
    "*.bib",
    "*.md",
    "*.ipynb",
    "chapters/*",
    "_static/*",
    "_ext/*",
    "_templates/**/*",
    "benchmarks/results/*",
    "vae_core/*.py",  # the docstrings, for the page of the package
    "vae_core/labs/*.py",
]


def pages():
    """Every page of the table of contents, as a path in the built book."""

    def files(entry):
        if isinstance(entry, dict):
            yield from (entry[key] for key in ("root", "file") if key in entry)
            entry = list(entry.values())
        if isinstance(entry, list):
            for child in entry:
                yield from files(child)

    return [f"{name}.html" for name in files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))]


def is_fresh(site):
    """Whether every page is there, and nothing that it is made from is newer."""
    found = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    changed = max(path.stat().st_mtime for path in found if path.is_file() and "__pycache__" not in path.parts)
    return all((site / name).exists() and (site / name).stat().st_mtime > changed for name in pages())


def build(book, *options, **env):
    """Build the book that lies in this folder, every warning an error: -> the folder of its pages."""
    tool = Path(sys.executable).with_name("jupyter-book")
    run(tool, "build", "-W", "-n", "--keep-going", "-q", *options, ".", cwd=book, **env)
    return book / "_build" / "html"


def run(*command, cwd, **env):
    """Run a command to its end, told nothing of who runs the tests but `env`: -> what it printed."""
    done = subprocess.run(command, cwd=cwd, env=CLEAN | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def clone(folder):
    """This working tree as a repository of its own, without a remote."""
    tracked = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    run("git", "init", "-q", cwd=folder)
    run("git", "add", "-A", cwd=folder)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    day = "2026-02-03T12:00:00Z"
    run("git", *who, "commit", "-qm", "all", cwd=folder, GIT_COMMITTER_DATE=day, GIT_AUTHOR_DATE=day)


def find_site():
    """The built book; built now if it is missing or older than what it is made from."""
    with lock("site"):
        if not is_fresh(SITE):
            build(ROOT, "--all", **os.environ)
    return SITE


def find_copies():
    """Two copies of the book, built once for all tests: -> (a fork, its pages, the pages of a copy with no remote).

    The fork is the other copy, given a remote and built over its finished pages: the new slug had to reach them.
    """
    book, lone, fork = COPIES / "book", COPIES / "lone", COPIES / "fork"
    with lock("copies"):
        if not is_fresh(fork):
            shutil.rmtree(COPIES, ignore_errors=True)
            clone(book)
            shutil.copytree(build(book), lone)
            run("git", "remote", "add", "origin", REMOTE, cwd=book)
            shutil.copytree(build(book), fork)
    return book, fork, lone


def lock(what):
    """One process at a time builds the site, or the copies; the others find what it built."""
    SITE.parent.mkdir(exist_ok=True)
    return FileLock(SITE.parent / f"{what}.lock")


def wait_until_ready(page):
    """Wait until every lab has drawn its first frame and every picture is there, those further down too."""
    page.wait_for_function("[...document.querySelectorAll('[data-ready]')].every(lab => lab.dataset.ready === 'true')")
    page.wait_for_function("[...document.images].every(image => image.complete)")


def open_page(watched, url):
    watched.page.goto(url)
    wait_until_ready(watched.page)
    return watched.page
