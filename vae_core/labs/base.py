"""`Lab`: one widget, two hosts.

In Jupyter and Colab a lab is an `ipywidgets.VBox` of ordinary controls and one canvas, an
`anywidget.AnyWidget` whose ES module does the arithmetic in the browser; `jslink` ties them, so dragging asks
nothing of the kernel. In a published page it is the same module, inlined, with native controls. Both are
made from one list of controls (`controls.py`), one JSON `spec` and one block of bytes (`pack.py`).

To add a lab, write two files:

1. `js/mine.mjs` exports `create(spec, read)`; `read(ref)` gives the numbers of an array packed in Python.
   It returns `{ height(width), paint(pen, values, width), grab(x, y) }` as the top of `js/host.mjs` says:
   pure arithmetic and drawing; size, theme, frames, pointer, keyboard, words and failures are the host's business.
2. `mine.py`: a subclass that says what travels:

       class MyLab(Lab):
           module = "mine.mjs"

           def __init__(self, model=None):
               block = Block()
               spec = {"layers": pack_dense(model.decoder.layers, block), "codes": block.add(codes, "float16")}
               controls = [Slider("z1", "z₁", -3, 3, 0.05, 0), Press("draw", "new ε")]
               super().__init__(controls, spec, block.data, picture=(image, "what the picture shows"))

Then name it in `labs/__init__.py`. `lab.values` is a dict that follows every control and can be observed;
`lab.controls["z1"]` is the ipywidgets slider itself. The tests in tests/test_labs.py and tests/browser/test_labs.py
run over every lab named in `LABS`.
"""

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import ipywidgets as widgets
import traitlets
from PIL.Image import Image

from vae_core.labs.bundle import bundle
from vae_core.labs.controls import Choice, Control, Press, as_json

CSS = Path(__file__).parent / "js" / "lab.css"
VIEW = "application/vnd.jupyter.widget-view+json"
WAITING = "A still picture of this lab, which comes alive when its script has run."


class Canvas(anywidget.AnyWidget):
    """The part of a lab that is drawn: everything the ES module reads, one synced trait for each control."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    fallback = traitlets.Unicode().tag(sync=True)

    def __init__(self, controls: Sequence[Control], **state: Any):
        taken = {control.name for control in controls if self.has_trait(control.name) or hasattr(self, control.name)}
        if taken or len({control.name for control in controls}) < len(controls):
            raise ValueError(f"a control needs a name of its own: {sorted(taken) or [c.name for c in controls]}")
        self.add_traits(**{control.name: control.trait() for control in controls})
        super().__init__(**state)


class Lab(widgets.VBox):
    """An explorable: see this module's docstring. `values` maps each control's name to its value."""

    module: ClassVar[str]
    """The ES module in js/ that exports `create`."""

    values = traitlets.Dict()

    def __init__(self, controls: Sequence[Control], spec: dict[str, Any], data: bytes, picture: tuple[Image, str]):
        """`picture` is what a reader sees before the script runs or if it fails: an image and its alt text."""
        self._specification = list(controls)
        whole = {**spec, "controls": [as_json(control) for control in controls], "bytes": len(data)}
        self.canvas = Canvas(
            controls,
            _esm=bundle("host.mjs", self.module) + "\nexport default { render: (context) => render(create, context) };\n",
            _css=styles(),
            spec=whole,
            data=bytes(data),
            fallback=still(*picture),
        )
        self.controls: dict[str, Any] = {control.name: control.widget() for control in controls}
        panel = widgets.Box(list(self.controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([self.canvas, panel])
        self.add_class("vae-lab-live")
        for control in controls:
            self._tie(control)
        self._follow()

    def _tie(self, control: Control) -> None:
        """Join a control to the canvas in the browser, and to `values` in Python."""
        widget = self.controls[control.name]
        if isinstance(control, Press):
            widget.on_click(lambda _: setattr(self.canvas, control.name, getattr(self.canvas, control.name) + 1))
            self.canvas.observe(self._follow, control.name)
        else:
            # No link in Python beside it: its answers would reach the browser late and pull the slider back.
            widgets.jslink((widget, control.linked), (self.canvas, control.name))
            widget.observe(self._follow, control.linked)

    def _state(self, control: Control) -> Any:
        """A control's value as the browser has it: a Choice is an index."""
        holder = self.canvas if isinstance(control, Press) else self.controls[control.name]
        return getattr(holder, control.linked or control.name)

    def _follow(self, _: Any = None) -> None:
        state = {control: self._state(control) for control in self._specification}
        self.values = {c.name: c.options[v] if isinstance(c, Choice) else v for c, v in state.items()}

    def html(self) -> str:
        """The lab for a page with no kernel: one element, everything inside, the same text every time."""
        values = {control.name: self._state(control) for control in self._specification}
        data = base64.b64encode(self.canvas.data).decode()
        payload = json.dumps({"spec": self.canvas.spec, "values": values, "data": data}, sort_keys=True)
        payload = payload.replace("</", "<\\/")  # nothing inside may end the script element
        script = bundle("host.mjs", self.module)
        mark = hashlib.sha256((payload + script).encode()).hexdigest()[:12]
        return (
            f'<div class="vae-lab" data-lab="{mark}" data-ready="false"><style>{styles()}</style>'
            f'{self.canvas.fallback}<script type="application/json">{payload}</script>'
            f'<script type="module">\n{script}\nmountAll(create, "{mark}");\n</script></div>'
        )

    def _bundle(self) -> dict[str, Any]:
        """Every form of the lab a front end may choose from."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), "text/html": self.html(), VIEW: view}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._bundle()

    if hasattr(widgets.Widget, "_ipython_display_"):  # ipywidgets 7, which Colab has, displays through this one

        def _ipython_display_(self, **kwargs: Any) -> None:
            display_bundle(self, **kwargs)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{type(self).__name__}({settings})"


def display_bundle(lab: Lab, **kwargs: Any) -> None:
    """Show a lab under ipywidgets 7, the widget view and the text/html together."""
    from IPython.display import display

    display(lab._bundle(), raw=True)
    lab._handle_displayed(**kwargs)


@cache
def styles() -> str:
    return CSS.read_text(encoding="utf-8")


def still(image: Image, alt: str) -> str:
    """The picture and the sentence that stand where the lab will be."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80, method=6)
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    size = f'width="{image.width}" height="{image.height}"'
    return (
        f'<figure class="vae-lab-fallback"><img src="{source}" alt="{html.escape(alt)}" {size}>'
        f"<figcaption>{WAITING}</figcaption></figure>"
    )
