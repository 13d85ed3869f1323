"""A notebook server of a test's own on a free port of this machine, and what a kernel of it answers to those who touch a lab."""

import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from patience import PATIENCE
from screen import looks, press, settle, wait_for_change


class Server(NamedTuple):
    """Where it listens, what it asks of whoever calls, and the folder of its notebooks."""

    url: str
    token: str
    notebooks: Path


@contextmanager
def running(python, module, folder, env):
    """`python -m module` as a server over `folder`/notebooks, all that it writes in `folder`; ended with the block."""
    notebooks, token = folder / "notebooks", secrets.token_hex(16)
    notebooks.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {f"JUPYTER_{place}_DIR": str(folder / place.lower()) for place in ("CONFIG", "RUNTIME", "DATA")}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--notebook-dir={notebooks}"]
    server = Server(f"http://127.0.0.1:{port}", token, notebooks)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", module, *options],
            env={**env, **places, "JUPYTER_TOKEN": token},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_it_answers(process, server, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait()


def _wait_until_it_answers(process, server, log):
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{server.url}/api?token={server.token}").close()
            return
        except urllib.error.HTTPError as error:
            pytest.fail(f"the server refuses: {error}", pytrace=False)
        except OSError:
            time.sleep(0.1)  # it does not listen yet
    pytest.fail(f"the server ended by itself:\n{log.read_text(encoding='utf-8')[-2000:]}", pytrace=False)


def until(look, wanted):
    """Ask again until `wanted(answer)`, and return the answer."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(answer := look()):
        assert time.monotonic() < deadline, f"it never came to be: {answer}"
        time.sleep(0.02)
    return answer


def moves_one_value(control, lab, values):
    """Move a control of a lab as a reader does, once: the canvas follows, and of Python's `values()` one alone.

    Beside it LossLab's `found`, which is of whatever is set by hand no longer; and it sets the others. And DrawLab's `ready`, where a button puts another drawing, which lies where it was drawn. What only the canvas sets is no control's: a dict, a list, or nothing yet. What a button starts is stopped again.
    """

    def set_by_controls():
        return {
            name: value for name, value in values().items() if value is not None and not isinstance(value, dict | list)
        }

    before, then = looks(lab), set_by_controls()
    kind = control.evaluate("e => e.tagName")
    if kind == "SELECT":
        last = control.locator("option").count() - 1
        control.select_option(index=0 if control.evaluate("e => e.selectedIndex") == last else last)
    elif kind == "BUTTON":
        control.click()
    else:
        control.focus()
        press(lab.page, "ArrowRight")  # once: of several, some might reach Python among the next control's
    wait_for_change(lab, before)
    now = until(set_by_controls, lambda now: now != then)
    changed = {name for name in now if now[name] != then[name]}
    besides = {"run", "found", "ready"} | ({"right", "down", "size"} if kind == "BUTTON" else set())
    alone = len(changed - besides or changed) == 1 or (kind == "SELECT" and "found" in changed)
    assert alone and (kind == "BUTTON" or "run" not in changed)  # what begins anew also runs
    settle(lab.page)
    stop = lab.page.get_by_role("button", name="Pause", exact=True)
    if kind == "BUTTON" and stop.count():
        stop.click()
        until(set_by_controls, lambda again: again != now)
