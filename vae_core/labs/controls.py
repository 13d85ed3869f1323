"""What can be set in a lab, said once: ipywidgets in Jupyter and native controls in a page are made from it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import ipywidgets as widgets
import traitlets

HALF = {"width": "auto", "min_width": "260px", "flex": "1 1 45%"}  # of a row; each grows to fill what is left
THIRD = {"width": "auto", "min_width": "160px", "flex": "1 1 30%"}
NAMED = {"description_width": "initial"}


@dataclass(frozen=True)
class Slider:
    """A number between two ends. `unit` is shown behind it, as in "0.40 σ"; `play`: seconds from end to end, by itself.

    What is `folded` a page keeps out of sight until its reader asks for more settings.
    """

    kind: ClassVar[str] = "slider"
    linked: ClassVar[str] = "value"

    name: str
    label: str
    min: float
    max: float
    step: float
    value: float
    unit: str = ""
    play: float = 0
    folded: bool = False

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
    """One of several words. The canvas sees its index, Python the word.

    `resets` names controls that go back to their beginning when a reader of a page chooses anew. What is `slid` is a slider
    that stands at one word after another, as at numbers that are no even steps apart.
    """

    kind: ClassVar[str] = "choice"
    linked: ClassVar[str] = "index"  # what a Dropdown tells the browser

    name: str
    label: str
    options: tuple[str, ...]
    value: int = 0
    resets: tuple[str, ...] = ()
    slid: bool = False
    folded: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.value < len(self.options):
            raise ValueError(f"{self.name}: there is no option {self.value} among {len(self.options)}")

    def widget(self) -> widgets.Widget:
        kind, room = (widgets.SelectionSlider, HALF) if self.slid else (widgets.Dropdown, THIRD)
        return kind(
            options=self.options, index=self.value, description=self.label, layout=widgets.Layout(**room), style=NAMED
        )

    def trait(self) -> traitlets.TraitType:
        return traitlets.Int(self.value).tag(sync=True)


@dataclass(frozen=True)
class Press:
    """A button; its value counts the presses. A Button has nothing to link: in Jupyter a press goes through Python.

    `play`: seconds between presses that come by themselves, where the lab can play. `on`: what it is called after every odd
    press, as one that starts and pauses. What is not `kept` is no part of the state that an address holds.
    """

    kind: ClassVar[str] = "press"

    name: str
    label: str
    value: int = 0
    play: float = 0
    on: str = ""
    kept: bool = True

    def widget(self) -> widgets.Widget:
        return widgets.Button(description=self.called(self.value), layout=widgets.Layout(**THIRD))

    def called(self, value: int) -> str:
        return self.on if self.on and value % 2 else self.label

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


@dataclass(frozen=True)
class Step:
    """One thing to try in a lab.

    `words` is its sentence, in which *stars* set off the name of a control; `state` says where the controls stand as it begins, a
    Choice by one of its words, and those not named as they were at first; `watch` names what to look at: regions of the picture
    (`regions` in js/host.mjs), tiles, or controls.
    """

    words: str
    state: dict[str, Any] = field(default_factory=dict)
    watch: tuple[str, ...] = ()

    def as_json(self, controls: Sequence[Control]) -> dict[str, Any]:
        """The step as js/tools.mjs reads it.

        Raises:
            ValueError: a state for which there is no such control, or at which it cannot stand.
        """
        named = {control.name: control for control in controls}
        for name in self.state:
            if name not in named:
                raise ValueError(f"the step {self.words!r} sets {name!r}, and the controls are {', '.join(named)}")
        state = {name: stand(named[name], value) for name, value in self.state.items()}
        return {"words": self.words, "state": state, "watch": list(self.watch)}


def stand(control: Control, value: Any) -> Any:
    """What the browser has where a control stands at this value: a Choice's index, else the value itself.

    Raises:
        ValueError: a value at which the control cannot stand.
    """
    if isinstance(control, Choice):
        if value not in control.options:
            raise ValueError(f"{control.name} cannot be {value!r}: it is one of {', '.join(control.options)}")
        return control.options.index(value)
    return replace(control, value=value).value


def as_json(control: Control, value: Any) -> dict[str, Any]:
    """The control as js/controls.mjs reads it, beginning at this value."""
    return {"kind": control.kind, **asdict(control), "value": value}
