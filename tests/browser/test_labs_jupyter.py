"""The live host for real: a JupyterLab server with a kernel, driven by headless Chromium."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from vae_core.labs import LABS

PIXELS = """root => [...root.querySelectorAll('canvas')].map(c => {
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let h = 0;
  for (let i = 0; i < d.length; i++) h = (h * 31 + d[i]) | 0; return h }).join()"""
READ_BACK = "import json\nprint('READ', json.dumps({k: v for k, v in lab.values.items()}))"


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab server of our own: port, token, settings and notebooks in a temporary folder. Yields (url, folder)."""
    folder = tmp_path_factory.mktemp("jupyter")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, notebooks = secrets.token_hex(16), folder / "notebooks"
    notebooks.mkdir()
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    env = {**os.environ, **{place: str(folder / place.lower()) for place in places}, "JUPYTER_TOKEN": token, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebooks}"]
    options += ["--allow-root", "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = open(folder / "log", "wb")  # noqa: SIM115: it lives as long as the server
    server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if server.poll() is not None:
                pytest.fail(f"JupyterLab did not start:\n{(folder / 'log').read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"{url}/api?token={token}", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        yield url, token, notebooks
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def notebook(folder, name, *cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, folder / f"{name}.ipynb")


def run_all(page, cells):
    """Run every cell and wait for the last one's count."""
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60000)
    page.locator(".jp-CodeCell .cm-content").first.click()
    for _ in range(cells):
        page.keyboard.press("Shift+Enter")


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.__name__)
def test_a_slider_moves_the_canvas_and_python_reads_it_back(lab, jupyter, watched_page):
    url, token, folder = jupyter
    notebook(folder, lab.__name__, f"from vae_core.labs import {lab.__name__}\nlab = {lab.__name__}()\nlab", READ_BACK)
    watched = watched_page(url)
    page = watched.page
    page.goto(f"{url}/lab/tree/{lab.__name__}.ipynb?token={token}")
    run_all(page, 1)
    root = page.locator(".vae-lab[data-ready=true]")
    try:
        root.wait_for(timeout=25000)
    finally:
        page.screenshot(path="/tmp/labs/live.png"); print(watched.errors, watched.abroad)
    page.screenshot(path="/tmp/labs/live.png")
