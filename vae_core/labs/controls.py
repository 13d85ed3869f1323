"""What can be set in a lab, said once: ipywidgets in Jupyter and native controls in a page are made from it."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import ipywidgets as widgets
import traitlets

HALF = {"width": "auto", "min_width": "260px", "flex": "1 1 45%"}  # of a row; each grows to fill what is left
THIRD = {"width": "auto", "min_width": "160px", "flex": "1 1 30%"}
NAMED = {"description_width": "initial"}


@dataclass(frozen=True)
class Slider:
    """A number between two ends. `unit` is shown behind it, as in "0.40 σ"."""

    kind: ClassVar[str] = "slider"
    linked: ClassVar[str] = "value"

    name: str
    label: str
    min: float
    max: float
    step: float
    value: float
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.min < self.max or self.step <= 0:
            raise ValueError(f"{self.name}: a slider from {self.min} to {self.max} in steps of {self.step} cannot move")
        if not self.min <= self.value <= self.max:
            raise ValueError(f"{self.name} = {self.value} lies outside its slider, {self.min} to {self.max}")

    def widget(self) -> widgets.Widget:
        decimals = len(f"{self.step:.10f}".rstrip("0").split(".")[1])
        label = f"{self.label} ({self.unit})" if self.unit else self.label
        limits = {"min": self.min, "max": self.max, "step": self.step, "value": self.value}
        return widgets.FloatSlider(
            **limits, description=label, readout_format=f".{decimals}f", layout=widgets.Layout(**HALF), style=NAMED
        )

    def trait(self) -> traitlets.TraitType:
        return traitlets.Float(self.value).tag(sync=True)


@dataclass(frozen=True)
class Choice:
    """One of several words. The canvas sees its index, Python the word."""

    kind: ClassVar[str] = "choice"
    linked: ClassVar[str] = "index"  # what a Dropdown tells the browser

    name: str
    label: str
    options: tuple[str, ...]
    value: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.value < len(self.options):
            raise ValueError(f"{self.name}: there is no option {self.value} among {len(self.options)}")

    def widget(self) -> widgets.Widget:
        return widgets.Dropdown(
            options=self.options, index=self.value, description=self.label, layout=widgets.Layout(**THIRD), style=NAMED
        )

    def trait(self) -> traitlets.TraitType:
        return traitlets.Int(self.value).tag(sync=True)


@dataclass(frozen=True)
class Press:
    """A button; its value counts the presses. A Button has nothing to link: in Jupyter a press goes through Python."""

    kind: ClassVar[str] = "press"

    name: str
    label: str
    value: int = 0

    def widget(self) -> widgets.Widget:
        return widgets.Button(description=self.label, layout=widgets.Layout(**THIRD))

    def trait(self) -> traitlets.TraitType:
        return traitlets.Int(self.value).tag(sync=True)


@dataclass(frozen=True)
class State:
    """A value that only the canvas sets, such as what was drawn on it: any JSON, and no control of its own."""

    kind: ClassVar[str] = "state"

    name: str
    value: Any = None

    def trait(self) -> traitlets.TraitType:
        return traitlets.Any(self.value).tag(sync=True)


Control = Slider | Choice | Press | State


def as_json(control: Control) -> dict[str, Any]:
    """The control as js/controls.mjs reads it."""
    return {"kind": control.kind, **asdict(control)}
