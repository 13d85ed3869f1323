"""The labs under Colab's ipywidgets 7.7.1: a classic Notebook server of the stand-in environment, driven by Chromium.

`make colab` runs these, once it has made that environment.
"""

import json

import colab_standin
import nbformat
import pytest
from notebook_server import moves_one_value, running, until
from screen import READY

from vae_core.labs import LABS, ManifoldLab

pytestmark = pytest.mark.colab

VIEW = "application/vnd.jupyter.widget-view+json"
CONTROLS = ".vae-lab-live .ui-slider-handle, .vae-lab-live select, .vae-lab-live button.jupyter-button"
LISTENING = """() => { const kernel = window.Jupyter?.notebook?.kernel;
  return kernel?.is_connected() && Jupyter.notebook._fully_loaded && kernel.widget_manager
    && kernel.comm_manager.targets['jupyter.widget'] }"""
RUN = """code => new Promise(done => {
  let said = ''; const hear = { iopub: { output: message => { said += message.content.text || '' } },
                                shell: { reply: function heard() { said ? done(said) : setTimeout(heard, 20) } } };
  Jupyter.notebook.kernel.execute(code, hear, { silent: false, store_history: false }) })"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The stand-in environment's Python, with this tree's package installed from a wheel."""
    ours = colab_standin.ENVIRONMENT / "bin" / "python"
    if not ours.is_file():
        pytest.fail("there is no stand-in for Colab yet: make colab", pytrace=False)
    wheel = colab_standin.build_wheel(tmp_path_factory.mktemp("wheel"))
    install = ("install", "--quiet", "--no-deps", "--force-reinstall", "--disable-pip-version-check")
    colab_standin.command(ours, "-m", "pip", *install, wheel)
    return ours


@pytest.fixture(scope="module")
def server(python, tmp_path_factory):
    """A classic Notebook server of our own whose kernels start as Colab's."""
    folder = tmp_path_factory.mktemp("notebook")
    env = {**colab_standin.kernel_settings(folder, python), "JUPYTER_PATH": str(folder)}
    with running(python, "notebook", folder, env) as found:
        yield found


@pytest.fixture(scope="module", params=LABS, ids=lambda lab: lab.__name__)
def page(request, server, watch):
    """A notebook that shows one lab, alive."""
    name = request.param.__name__
    cell = nbformat.v4.new_code_cell(f"from vae_core.labs import {name}\nlab = {name}()\nlab")
    book = nbformat.v4.new_notebook(cells=[cell])
    book.metadata.kernelspec = {"name": "colab", "display_name": "Colab", "language": "python"}
    nbformat.write(book, server.notebooks / f"{name}.ipynb")
    with watch(server.url, height=1500) as watched:
        page = watched.page
        page.goto(f"{server.url}/notebooks/{name}.ipynb?token={server.token}")
        page.wait_for_function(LISTENING)
        ask(page, "None")  # an answer means that the kernel and the widget manager have met
        page.evaluate("Jupyter.notebook.execute_all_cells()")
        page.locator(READY).wait_for()
        count = ask(page, "len(lab.controls)")
        until(page.locator(CONTROLS).count, lambda found: found == count)  # they come after the canvas
        yield page
        assert not watched.abroad


def ask(page, code):
    """What this line of Python prints in the notebook's kernel."""
    return json.loads(page.evaluate(RUN, f"import json\nprint(json.dumps({code}))"))


def test_the_versions_are_those_of_colab(python):
    modules = "ipywidgets, anywidget, IPython, torch, numpy"
    said = colab_standin.command(
        python, "-c", f"import {modules}\nprint(*(m.__version__ for m in ({modules})))"
    ).split()
    assert said[:3] == ["7.7.1", "0.9.21", "7.34.0"] and said[3].startswith("2.11.") and said[4].startswith("2.1.")


def test_each_control_moves_the_canvas_and_python_reads_it_back(page):
    lab = page.locator(".vae-lab")
    for control in page.locator(CONTROLS).all():
        moves_one_value(control, lab, lambda: ask(page, "lab.values"))


def test_the_output_carries_the_view_the_page_and_colabs_widget_manager(page):
    outputs = page.evaluate("Jupyter.notebook.get_cell(0).output_area.toJSON()")
    (output,) = (output for output in outputs if "data" in output)  # beside what is said where MNIST is missing
    assert set(output["data"]) == {"text/plain", "text/html", VIEW}
    assert output["metadata"][VIEW]["colab"]["custom_widget_manager"]["url"].startswith("https://")
    assert output["data"][VIEW]["model_id"] == ask(page, "lab.model_id")
    assert page.locator(".vae-lab").count() == 1  # the widget, and not the page's twin beside it


def test_sliders_are_floatsliders_joined_in_the_browser(page):
    kinds = ask(page, "{n: type(c).__module__ + '.' + type(c).__name__ for n, c in lab.controls.items()}")
    assert set(kinds.values()) <= {
        "ipywidgets.widgets.widget_float.FloatSlider",
        "ipywidgets.widgets.widget_selection.Dropdown",
        "ipywidgets.widgets.widget_selection.SelectionSlider",
        "ipywidgets.widgets.widget_button.Button",
    }
    sliders = [name for name, kind in kinds.items() if kind.endswith("FloatSlider")]
    joined = ask(page, "[link.target[1] for link in lab.links if type(link).__name__ == 'Link']")
    assert set(sliders) <= set(joined)
    for name in sliders:
        assert ask(page, f"lab.values[{name!r}] == lab.controls[{name!r}].value == getattr(lab.canvas, {name!r})")


@pytest.mark.parametrize("page", [ManifoldLab], ids=lambda lab: lab.__name__, indirect=True)
def test_a_value_set_in_python_reaches_the_canvas(page):
    ask(page, "setattr(lab.controls['z1'], 'value', -1.5)")
    page.wait_for_function(
        "document.querySelector('.vae-lab canvas').getAttribute('aria-label').includes('z₁ = −1.50')"
    )
