"""The live host for real: a JupyterLab server with a kernel, driven by headless Chromium.

One notebook in one kernel shows every lab; what Python has of them is asked of the kernel itself.
"""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from nbconvert import HTMLExporter
from notebook_server import moves_one_value, running, until
from screen import READY, drag, knob, looks, press, settle, wait_for_change
from traitlets.config import Config

from vae_core.labs import LABS, DrawLab, ElboLab, ManifoldLab, PlaygroundLab

MAKE = """
import json
from vae_core.labs import LABS
made = {lab_class.__name__: lab_class() for lab_class in LABS}
"""
DAMAGE = """
import copy
import numpy as np
from IPython.display import display
from vae_core.labs.base import Lab, still
from PIL import Image

def refs(value):
    if isinstance(value, dict) and "dtype" in value:
        return [value]
    return [ref for part in (value.values() if isinstance(value, dict) else value) if isinstance(part, dict | list) for ref in refs(part)]

def cut_short(spec, data):
    return spec, data[:-99]

def added_to(spec, data):
    return spec, data + b"x"

def not_a_number(spec, data):
    ref = next((ref for ref in refs(spec) if ref["dtype"].startswith("float")), None)
    if ref is None:  # nothing but bytes travels, which are all numbers
        return cut_short(spec, data)
    nan = np.array([np.nan], ref["dtype"]).tobytes()
    return spec, data[: ref["at"]] + nan + data[ref["at"] + len(nan) :]

def unknown_layer(spec, data):
    parts = [spec, *(part for value in spec.values() if isinstance(value, list) for part in value if isinstance(part, dict))]
    layers = [layer for part in parts for layer in part.get("layers", [])]
    target = layers[0] if layers else refs(spec)[0]
    target["activation" if layers else "dtype"] = "gelu"
    return spec, data

def twin(lab, damage):
    "The same lab again, packed no second time, with what travels damaged."
    kind = type(type(lab).__name__, (Lab,), {"module": lab.module})
    again = kind(lab.specification, copy.deepcopy(lab.canvas.spec), lab.canvas.data, (Image.new("L", (400, 100)), "x"))
    again.canvas.fallback = lab.canvas.fallback
    again.canvas.spec, again.canvas.data = damage(copy.deepcopy(lab.canvas.spec), lab.canvas.data)
    return again

damaged = []
for lab in made.values():
    for damage in (cut_short, not_a_number, unknown_layer):
        damaged.append(twin(lab, damage if refs(lab.canvas.spec) else added_to))  # formulas alone have no arrays
display(*damaged, made["PosteriorLab"])
"""
TERMS = """
import torch
from vae_core import VAE
from vae_core.labs.noise import normals
from vae_core.labs.playground import small_digits

def terms(model):
    "Rate and distortion of the test digits, z drawn with the noise that the browser draws."
    x = small_digits()[2].float() / 255
    with torch.no_grad():
        found = model(x, torch.from_numpy(normals(0, len(x) * model.latent_dim)).float().view(len(x), -1))
    return found.rate.mean().item(), found.distortion.mean().item()
"""
TWICE = "display(made['ManifoldLab'], made['ManifoldLab'])"
AGAIN = """
from ipywidgets import Label
from vae_core.labs import ManifoldLab
kept = [*globals().get("kept", []), ManifoldLab(*(plane.model for plane in made["ManifoldLab"].planes))]
news = Label("none")
display(news, kept[-1])
"""
CELLS = [MAKE, *(f"made['{lab_class.__name__}']" for lab_class in LABS), DAMAGE, TWICE, AGAIN]

# how many views follow the size of their lab, and how often one has asked for a frame
COUNT = """{
  window.views = new Set()
  window.asked = 0
  const frame = requestAnimationFrame
  window.requestAnimationFrame = act => { if (act.name === 'tick') asked++; return frame(act) }
  window.ResizeObserver = class extends ResizeObserver {
    observe(element, ...rest) { if (element.classList.contains('vae-lab')) views.add(this); super.observe(element, ...rest) }
    disconnect() { views.delete(this); super.disconnect() }
  }
}"""


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab of our own that asks nobody for news and shows every cell of a notebook at once."""
    folder = tmp_path_factory.mktemp("jupyter")
    settings = folder / "settings" / "@jupyterlab"
    for name, content in {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    env = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(settings.parent),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
    }
    with running(sys.executable, "jupyterlab", folder, env) as server:
        yield server


class Notebook:
    """A notebook open in a browser, and its kernel."""

    def __init__(self, watched, kernel):
        self.watched, self.page, self.kernel = watched, watched.page, kernel

    def run(self, number):
        """Execute the cell of this number (from 0) by keyboard, and wait for its end."""
        cell = self.page.locator(".jp-CodeCell").nth(number)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]:")).wait_for()
        return cell

    def ask(self, expression):
        """The value of a Python expression in the kernel."""
        asked = self.kernel.execute("", user_expressions={"it": f"json.dumps({expression})"}, store_history=False)
        while (reply := self.kernel.get_shell_msg())["parent_header"].get("msg_id") != asked:
            pass  # an answer to somebody else
        answer = reply["content"]["user_expressions"]["it"]
        assert answer["status"] == "ok", answer
        return json.loads(answer["data"]["text/plain"][1:-1].encode().decode("unicode_escape"))

    def values(self, lab_class):
        return self.ask(f"made['{lab_class.__name__}'].values")

    def lab(self, lab_class):
        """The lab's controls and canvas, where its own cell shows them."""
        return self.page.locator(".jp-CodeCell").nth(1 + LABS.index(lab_class)).locator(".vae-lab-live")


@pytest.fixture(scope="module")
def notebook(jupyter, watch):
    """One notebook that makes every lab in its first cell and shows one in each further cell; then one damages them all."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, jupyter.notebooks / "labs.ipynb")
    with watch(jupyter.url, height=1500) as watched:
        page = watched.page
        page.add_init_script(COUNT)
        page.goto(f"{jupyter.url}/lab/tree/labs.ipynb?token={jupyter.token}&reset")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        (connection,) = (jupyter.notebooks.parent / "runtime").glob("kernel-*.json")
        kernel = BlockingKernelClient(connection_file=str(connection))
        kernel.load_connection_file()
        kernel.start_channels()
        opened = Notebook(watched, kernel)
        opened.run(0)
        yield opened
        kernel.stop_channels()
        assert not watched.abroad


@pytest.mark.parametrize("lab_class", LABS, ids=lambda lab: lab.__name__)
def test_each_control_moves_the_canvas_and_python_reads_it_back(lab_class, notebook):
    notebook.run(1 + LABS.index(lab_class))
    lab = notebook.lab(lab_class)
    lab.locator(READY).wait_for()
    count = notebook.ask(f"len(made['{lab_class.__name__}'].controls)")
    controls = lab.locator(".noUi-handle, select, button.jupyter-button")
    until(controls.count, lambda found: found == count)
    for control in controls.all():
        moves_one_value(control, lab.locator(".vae-lab"), lambda: notebook.values(lab_class))


def test_dragging_on_the_canvas_moves_slider_and_python(notebook):
    notebook.run(1 + LABS.index(ManifoldLab))
    lab = notebook.lab(ManifoldLab)
    lab.locator(READY).wait_for()
    start = notebook.values(ManifoldLab)
    canvas = lab.locator("canvas")
    canvas.scroll_into_view_if_needed()
    x, y = knob(lab)
    drag(notebook.page, (x, y), (x + 20, y + 10), steps=5)
    readouts = lab.locator(".widget-readout")

    def both():  # asked together: on a busy machine what was dragged arrives in parts
        shown = [float(text.replace("−", "-")) for text in readouts.all_text_contents()]
        now = notebook.values(ManifoldLab)
        return shown, [now["z1"], now["z2"]]

    begun = [start["z1"], start["z2"]]
    until(
        both,
        lambda found: found[0] == pytest.approx(found[1]) and all(a != b for a, b in zip(begun, found[1], strict=True)),
    )


def test_a_value_set_in_python_reaches_the_canvas(notebook):
    notebook.run(1 + LABS.index(ManifoldLab))
    canvas = notebook.lab(ManifoldLab).locator("canvas")
    for value, words in ((-1.5, "z₁ = −1.50"), (2.0, "z₁ = 2.00")):
        notebook.kernel.execute(f"made['ManifoldLab'].controls['z1'].value = {value}")
        until(lambda: canvas.get_attribute("aria-label"), lambda said, words=words: words in said)


def test_what_is_drawn_reaches_python_as_the_encoder_gets_it_and_python_draws_too(notebook):
    notebook.run(1 + LABS.index(DrawLab))
    lab = notebook.lab(DrawLab)
    lab.locator(READY).wait_for()
    canvas, mine = lab.locator("canvas"), "made['DrawLab']"
    stood = "{'right': 0.0, 'down': 0.0, 'size': 1.0, 'placed': 'centred'}"  # whatever was moved before
    notebook.kernel.execute(f"for name, value in {stood}.items(): {mine}.controls[name].value = value")
    notebook.kernel.execute(
        f"{mine}.draw([]); seen = []; {mine}.observe(lambda _: seen.append({mine}.image), 'values')"
    )
    until(lambda: canvas.get_attribute("aria-label"), lambda said: said.startswith("Nothing is drawn"))
    canvas.scroll_into_view_if_needed()
    x, y, size = map(float, canvas.get_attribute("data-pads").split(","))
    box = canvas.bounding_box()
    left, top = box["x"] + x, box["y"] + y
    drag(notebook.page, (left + 0.3 * size, top + 0.2 * size), (left + 0.3 * size, top + 0.8 * size))
    until(lambda: notebook.ask(f"len({mine}.strokes)"), lambda count: count == 1)
    assert notebook.ask(f"{mine}.values['ready']") == "yours"
    assert notebook.ask("[*map(int, (seen[-1] > 1e-3).nonzero()[:, 0].aminmax())]") == [4, 23]  # a line of 20 pixels
    notebook.kernel.execute(f"{mine}.draw([[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]])")
    until(lambda: canvas.get_attribute("aria-label"), lambda said: said.startswith("Your drawing, of 2 lines"))


def test_the_playground_gives_python_its_network_and_takes_one(notebook):
    notebook.run(1 + LABS.index(PlaygroundLab))
    lab = notebook.lab(PlaygroundLab)
    lab.locator(READY).wait_for()
    mine, root = "made['PlaygroundLab']", lab.locator(".vae-lab")
    notebook.kernel.execute(f"{mine}.canvas.network = None")  # whatever was trained before
    lab.get_by_role("button", name="Step", exact=True).click()
    until(lambda: notebook.ask(f"{mine}.canvas.network is not None"), bool)
    notebook.kernel.execute(TERMS)
    rate, distortion = notebook.ask(f"terms({mine}.model())")
    assert float(root.get_attribute("data-rate")) == pytest.approx(rate, abs=1e-3)
    assert float(root.get_attribute("data-distortion")) == pytest.approx(distortion, abs=1e-3)
    notebook.kernel.execute(f"other = VAE(196, (16,), 4); {mine}.load(other)")
    rate, distortion = notebook.ask("terms(other)")
    until(
        lambda: float(root.get_attribute("data-distortion")), lambda shown: shown == pytest.approx(distortion, abs=1e-3)
    )
    assert float(root.get_attribute("data-rate")) == pytest.approx(rate, abs=1e-3)
    assert root.get_attribute("data-step") == "0"


def test_bad_weights_leave_the_picture_and_one_sentence(notebook):
    """Every lab, damaged in three ways, above one that is whole, all in one cell."""
    cell = notebook.run(CELLS.index(DAMAGE))
    count = 3 * len(LABS)
    failed = cell.locator(".vae-lab[data-failed]")
    until(lambda: failed.count() + cell.locator(READY).count(), lambda settled: settled == count + 1)
    assert failed.count() == count
    for lab in failed.all():
        said = lab.locator("figcaption").inner_text()
        assert re.fullmatch(r"This lab could not start \(weights: .+\); the picture shows how it begins\.", said), said
        assert lab.locator("img").evaluate("e => e.naturalWidth") > 300
        assert lab.locator("canvas").count() == 0
    live = cell.locator(".vae-lab-live")
    assert live.count() == count + 1
    for lab in live.all()[:-1]:
        assert not lab.locator("select, button, .noUi-handle").first.is_visible()  # nothing is left to move
    whole = live.last
    before = looks(whole.locator(".vae-lab"))
    whole.locator(".noUi-handle").first.focus()
    press(notebook.page, "ArrowRight")
    wait_for_change(whole.locator(".vae-lab"), before)


def test_one_lab_shown_twice_stays_in_step(notebook):
    """A slider of the one and the canvas of the other move both."""
    cell = notebook.run(CELLS.index(TWICE))
    until(cell.locator(READY).count, lambda count: count == 2)
    first, second = cell.locator(".vae-lab-live").all()

    def both_changed(before):
        shown = until(
            lambda: [looks(lab) for lab in (first, second)],
            lambda now: now[0] == now[1] != before,
        )
        return shown[0]

    start = both_changed(None)
    first.locator(".noUi-handle").first.focus()
    press(notebook.page, "ArrowRight", 3)
    moved = both_changed(start)
    canvas = second.locator("canvas")
    canvas.scroll_into_view_if_needed()
    x, y = knob(second)
    drag(notebook.page, (x, y), (x + 20, y + 10), steps=5)
    both_changed(moved)


def test_a_cell_run_again_leaves_nothing_of_what_it_showed_and_a_closed_lab_nothing_at_all(notebook):
    """No view but the last, and no listener of one that is gone: the earlier labs' controls move, and nobody asks to paint."""
    page, asked = notebook.page, lambda: notebook.page.evaluate("asked")
    others = page.evaluate("views.size")
    cell = page.locator(".jp-CodeCell").nth(CELLS.index(AGAIN))
    for _ in range(3):
        notebook.run(CELLS.index(AGAIN))
        cell.locator(READY).wait_for()
        until(lambda: page.evaluate("views.size"), lambda count: count == others + 1)
        assert cell.locator(".vae-lab").count() == 1
    settle(page)
    before = asked()
    notebook.kernel.execute("for lab in kept[:-1]: lab.controls['z1'].value = -2.0")
    notebook.kernel.execute("news.value = 'moved'")
    cell.get_by_text("moved", exact=True).wait_for()
    settle(page)
    assert notebook.ask("[lab.values['z1'] for lab in kept[:-1]]") == [-2.0, -2.0] and asked() == before
    notebook.kernel.execute("kept[-1].controls['z1'].value = -2.0")
    until(lambda: cell.locator("canvas").get_attribute("aria-label"), lambda said: "z₁ = −2.00" in said)
    assert asked() > before

    notebook.kernel.execute("for lab in kept: lab.close()")
    until(lambda: page.evaluate("views.size"), lambda count: count == others)
    until(lambda: cell.locator(".vae-lab-live, .vae-lab, .noUi-handle").count(), lambda count: count == 0)


def test_a_front_end_that_prefers_html_gets_the_static_twin(watched_page, tmp_path):
    """nbconvert's page, told to take text/html: no kernel, no widget manager, and its own CDN links cut off."""
    shown = ElboLab()._repr_mimebundle_()
    cell = nbformat.v4.new_code_cell(
        "lab", outputs=[nbformat.v4.new_output("execute_result", shown, execution_count=1)]
    )
    exporter = HTMLExporter(config=Config(NbConvertBase={"display_data_priority": ["text/html", "text/plain"]}))
    page_of = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]
    (tmp_path / "book.html").write_text(page_of, encoding="utf-8")
    page = watched_page().page
    page.goto((tmp_path / "book.html").as_uri())
    page.wait_for_selector(READY)
    lab = page.locator(".vae-lab")
    before = looks(lab)
    lab.locator("input[type=range]").first.press("ArrowRight")
    wait_for_change(lab, before)
