"""`Lab`: one widget, two hosts.

In Jupyter and Colab a lab is an `ipywidgets.VBox` of ordinary controls and one canvas, an
`anywidget.AnyWidget` whose ES module does the arithmetic in the browser; `jslink` ties them, so dragging asks
nothing of the kernel. In a published page it is the same module, inlined, with native controls. Both are
made from one list of controls (`controls.py`), one JSON `spec` and one block of bytes (`pack.py`).

To add a lab, write two files:

1. `js/mine.mjs` exports `create(spec, read)`; `read(ref)` gives the numbers of an array packed in Python.
   It returns `{ height(width), paint(pen, values, width) }` as the top of `js/host.mjs` says: pure arithmetic, and drawing with the
   pen whose methods the top of `js/draw.mjs` lists; size, theme, frames, pointer, keyboard, steps, address, words and failures
   are the host's business.
2. `mine.py`: a subclass that says what travels:

       class MyLab(Lab):
           module = "mine.mjs"

           def __init__(self, model=None):
               block = Block()
               spec = {**pack_decoder(model, block), "codes": block.add(codes, "float16")}
               controls = [Slider("z1", "z₁", -3, 3, 0.05, 0.0), Press("draw", "New ε")]
               steps = [Step("Move *z₁* to the right.", {"z1": -2.0}, watch=("digit",))]
               super().__init__(controls, spec, block.data, picture=(image, "alt text: what the picture shows"), steps=steps)

Then import it in `__init__.py`, name it there in `LABS` and `__all__`, and in the last block of api.md: most tests of
tests/test_labs.py and tests/browser/ run over `LABS`, the comparison of every packed network with PyTorch among them (so
keep each one under the key "layers").
`lab.values` is a dict that follows every control and can be observed; `lab.controls["z1"]` is the ipywidgets slider
itself. What is drawn on the canvas by hand travels as a `State`.
"""

import base64
import hashlib
import html
import io
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, ClassVar

import anywidget
import ipywidgets as widgets
import traitlets
from PIL.Image import Image

from vae_core.files import write_atomically
from vae_core.labs.bundle import bundle
from vae_core.labs.controls import Choice, Control, Press, Slider, State, Step, as_json

CSS = Path(__file__).parent / "js" / "lab.css"
PAGE = Path(__file__).parent / "js" / "page.html"
VIEW = "application/vnd.jupyter.widget-view+json"
WAITING = "A still picture of this lab, which comes alive when its script has run."
LEGEND = {
    "accent": "the VAE and its clouds",
    "orange": "the autoencoder",
    "distortion": "distortion",
    "rate": "rate, KL to the prior",
    "gap": "KL to the posterior",
}
"""What a colour means, in every lab: the names are those of js/draw.mjs."""
LIVE = "\nexport default { render: (context) => render(create, context) };\n"


class Canvas(anywidget.AnyWidget):
    """The part of a lab that is drawn: everything the ES module reads, and one synced trait for each control."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    fallback = traitlets.Unicode().tag(sync=True)

    def __init__(self, controls: Sequence[Control], **state: Any):
        names = [control.name for control in controls]
        taken = [name for name in names if names.count(name) > 1 or hasattr(self, name)]
        if taken:
            raise ValueError(f"a control needs a name of its own, and {taken[0]!r} is taken")
        unknown = [name for each in controls if isinstance(each, Choice) for name in each.resets if name not in names]
        if unknown:
            raise ValueError(f"a choice resets {unknown[0]!r}, and the controls are {', '.join(names)}")
        self.add_traits(**{control.name: control.trait() for control in controls})
        super().__init__(**state)


class Lab(widgets.VBox):
    """An explorable: in Jupyter and on Colab ordinary controls and one canvas, in a page one element with everything inside.

    `values` maps each control's name to its value, follows it and can be observed; `controls` holds the ipywidgets, by name.
    How to write a lab of your own, and what these arguments are, stands at the top of `vae_core/labs/base.py`.
    """

    module: ClassVar[str]
    """The ES module in js/ that exports `create`."""
    tall: ClassVar[tuple[int, int]] = (0, 0)
    """How many pixels it takes in a window 375 wide and in one 1280 wide: a page keeps them free until it has come."""

    values = traitlets.Dict()

    def __init__(
        self,
        controls: Sequence[Control],
        spec: dict[str, Any],
        data: bytes,
        picture: tuple[Image, str],
        caption: str = "",
        steps: Sequence[Step] = (),
        legend: Sequence[str] = (),
    ):
        """`picture` is what a reader sees before the script runs or if it fails: an image and its alt text.

        `legend` names the colours of `LEGEND` that are to be explained below the picture.

        Raises:
            ValueError: a step whose state the controls cannot have, or a control whose name is taken.
        """
        self.specification, self.steps = list(controls), tuple(steps)
        described = {
            "controls": [as_json(control, control.value) for control in controls],
            "steps": [step.as_json(controls) for step in steps],
            "legend": [(colour, LEGEND[colour]) for colour in legend],
            "bytes": len(data),
            "caption": caption,
        }
        self.canvas = Canvas(
            controls,
            _esm=bundle("host.mjs", self.module) + LIVE,
            _css=styles(),
            spec={**spec, **described},
            data=data,
            fallback=still(*picture) + as_list(steps),
        )
        self.controls: dict[str, Any] = {c.name: c.widget() for c in controls if not isinstance(c, State)}
        self.links: list[Any] = []
        panel = widgets.Box(list(self.controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([self.canvas, panel])
        self.add_class("vae-lab-live")
        for control in controls:
            self._tie(control)
        self._follow()

    def _tie(self, control: Control) -> None:
        """Join a control to the canvas in the browser, and to `values` in Python."""
        if isinstance(control, Slider | Choice):
            # No link in Python beside it: its answers would reach the browser late and pull the slider back.
            widget = self.controls[control.name]
            self.links.append(widgets.jslink((widget, control.linked), (self.canvas, control.name)))
            widget.observe(self._follow, control.linked)
            return
        if isinstance(control, Press):
            self.controls[control.name].on_click(lambda _: self._press(control.name))
            if control.on:
                self.canvas.observe(lambda change: self._call(control, change.new), control.name)
        self.canvas.observe(self._follow, control.name)

    def _press(self, name: str) -> None:
        setattr(self.canvas, name, getattr(self.canvas, name) + 1)

    def _call(self, control: Press, value: int) -> None:
        self.controls[control.name].description = control.called(value)

    def close(self) -> None:
        """Close all that the lab opened, and tell nobody anything any more: controls, canvas and numbers, links, looks."""
        if self.comm is None:
            return  # closed already, or refused before it was open: Python's `del` closes too
        for widget in (*self.links, *self.controls.values(), *self.children, self):
            widget.unobserve_all()
            for look in {"layout", "style"} & set(widget.keys):
                getattr(widget, look).close()
            widgets.Widget.close(widget)

    def state(self) -> dict[str, Any]:
        """Every value as the browser has it: a Choice is an index, a Press a count."""
        state = {control.name: getattr(self.canvas, control.name) for control in self.specification}
        linked = [control for control in self.specification if isinstance(control, Slider | Choice)]
        return state | {control.name: getattr(self.controls[control.name], control.linked) for control in linked}

    def _follow(self, _: Any = None) -> None:
        state = self.state()
        words = {c.name: c.options[state[c.name]] for c in self.specification if isinstance(c, Choice)}
        self.values = state | words

    def html(self) -> str:
        """The lab for a page with no kernel: one element, everything inside, the same text every time."""
        data = base64.b64encode(self.canvas.data).decode()
        state = self.state()
        controls = [as_json(control, state[control.name]) for control in self.specification]
        contents = {"spec": {**self.canvas.spec, "controls": controls}, "data": data}
        payload = json.dumps(contents, sort_keys=True, allow_nan=False)  # a browser's JSON knows no NaN
        payload = payload.replace("<", "\\u003c")  # no "</script" may end it early, no "<!--<script" late
        script = bundle("host.mjs", self.module)
        mark = hashlib.sha256((payload + script).encode()).hexdigest()[:12]
        place = "--vae-phone: {}px; --vae-desk: {}px".format(*self.tall)
        return (
            f'<div class="vae-lab" data-lab="{mark}" data-kind="{type(self).__name__}" data-ready="false" style="{place}">'
            f"<style>{styles()}</style>"
            f'{self.canvas.fallback}<script type="application/json">{payload}</script>'
            f'<script type="module">\n{script}\nmountAll(create, "{mark}");\n</script></div>'
        )

    def save(self, path: str | Path, title: str | None = None) -> None:
        """Write a page to send to somebody: one file with the lab and its models in it, which opens without a network.

        It begins where the controls stand now, and is light or dark as the system of whoever reads it.

        Args:
            path: where to, as "posterior.html"; what stands there is replaced once the new page is whole.
            title: plain text for the window and above the lab; "Posterior Lab" if none is given to a `PosteriorLab`.

        Raises:
            ValueError: `path` ends in something else, which a browser would not open as a page.
            OSError: the folder is not there, or the disk is full; what stood at `path` still stands.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"{path}: browsers open a page by its ending; call it {path.with_suffix('.html').name}")
        name = title or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(self).__name__)
        page = Template(PAGE.read_text(encoding="utf-8"))
        write_atomically(path, page.substitute(title=html.escape(name), lab=self.html()).encode())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Every form of the lab that a front end may choose from."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), "text/html": self.html(), VIEW: view}

    if hasattr(widgets.Widget, "_ipython_display_"):  # ipywidgets 7, which Colab has, displays through this one

        def _ipython_display_(self, **kwargs: Any) -> None:
            display_in_ipywidgets_7(self, **kwargs)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={self.values[name]!r}" for name in self.controls)  # a State may be long
        return f"{type(self).__name__}({settings})"


def display_in_ipywidgets_7(lab: Any, **kwargs: Any) -> None:
    """Show a lab where `_repr_mimebundle_` is not asked: the widget view and the text/html together."""
    from IPython.display import display

    display(lab._repr_mimebundle_(), raw=True)
    lab._handle_displayed(**kwargs)


@cache
def styles() -> str:
    return re.sub(r"/\*.*?\*/\n?", "", CSS.read_text(encoding="utf-8"), flags=re.DOTALL)  # no page is sent its comments


def as_list(steps: Sequence[Step]) -> str:
    """The steps as they are read on paper, and where no script runs."""
    words = (re.sub(r"\*(.+?)\*", r"<b>\1</b>", html.escape(step.words)) for step in steps)
    return f'<ol class="vae-lab-steps">{"".join(f"<li>{each}</li>" for each in words)}</ol>' if steps else ""


def still(image: Image, alt: str) -> str:
    """The picture and the sentence that stand where the lab will be."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=50, method=6)
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    size = f'width="{image.width}" height="{image.height}"'
    return (
        f'<figure class="vae-lab-fallback"><img src="{source}" alt="{html.escape(alt)}" {size}>'
        f"<figcaption>{WAITING}</figcaption></figure>"
    )
