"""A measured number, shown beside the bound that it must keep.

    claim("codes outside the ring, autoencoder", share, "%") > 1 / 3
    0.9 < claim("what the VAE mends, over what the autoencoder mends", ratio) < 1.1
    claims(claim("units in use", used) == 20, claim("largest difference", gap, within=1e-5) < 1e-5)

A bound that is not kept ends the cell. The bound holds on every data set of the book; the number is that of the data at hand,
and a fresh run on the same data must come within a unit of its last digit, or within what stands behind ±.
"""

import operator
from collections.abc import Callable
from html import escape
from typing import Any

SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "≥": operator.ge,
    "<": operator.lt,
    "≤": operator.le,
    "=": operator.eq,
}
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class claim:  # a function to those who read a cell
    """What was measured, its value, its unit, and how many decimals are shown; comparing it makes it a claim.

    With the unit "%" a share of 0.25 is shown as 25. `within`, in the value's own unit, is how far a fresh run may be from
    this one: a unit of the last digit that is shown, unless it is given.

    Raises:
        AssertionError: a comparison does not hold (of nan, none does); it names what was measured, its value and the bound.
    """

    def __init__(self, what: str, value: Any, unit: str = "", digits: int = 2, *, within: float | None = None):
        self.what, self.value, self.unit = what, float(value), unit
        self.digits = 0 if type(value) is int else digits
        self.scale = 100 if unit == "%" else 1
        self.within, self.stated = 10**-self.digits / self.scale if within is None else within, within is not None
        self.bounds: list[str] = []

    def _keep(self, sign: str, bound: float) -> "claim":
        self.bounds.append(f"{sign} {self._write_bound(float(bound))}{self._suffix()}")
        if not SIGNS[sign](self.value, bound):
            raise AssertionError(f"{self.what}: {self.shown()}, and must be {self.bounds[-1]}")
        return self

    def __gt__(self, bound: float) -> "claim":
        return self._keep(">", bound)

    def __ge__(self, bound: float) -> "claim":
        return self._keep("≥", bound)

    def __lt__(self, bound: float) -> "claim":
        return self._keep("<", bound)

    def __le__(self, bound: float) -> "claim":
        return self._keep("≤", bound)

    def __eq__(self, bound: object) -> "claim":  # type: ignore[override]  # as of tensors, a comparison is no truth value
        return self._keep("=", float(bound))  # type: ignore[arg-type]

    __hash__ = None  # type: ignore[assignment]

    def shown(self) -> str:
        """The number as a reader sees it: 25.0 %."""
        return f"{_write(self.scale * self.value, self.digits)}{self._suffix()}"

    def _suffix(self) -> str:
        return f" {self.unit}" if self.unit else ""

    def _write_bound(self, bound: float) -> str:
        """With no more decimals than it needs."""
        bound *= self.scale
        exact = next((n for n in range(self.digits + 1) if abs(round(bound, n) - bound) <= 1e-9 * abs(bound)), None)
        return _write(bound, self.digits if exact is None else exact)

    def row(self) -> str:
        """Of a table."""
        spread = f" ± {_write(self.scale * self.within, self.digits)}" if self.stated and self.within else ""
        number = _write(self.scale * self.value, self.digits)
        # a phone has no room for a word twice, nor may it part a number from its sign
        bounds = [bound if self.unit == "%" else bound.removesuffix(self._suffix()) for bound in self.bounds]
        return (
            f'<tr><th scope="row">{escape(self.what)}</th>'
            f'<td data-value="{self.value:.6g}" data-within="{self.within:.6g}">{number}{spread}{self._suffix()}</td>'
            f"<td>{' and '.join(f'<span>{escape(bound)}</span>' for bound in bounds)}</td></tr>"
        )

    def __repr__(self) -> str:
        return f"{self.what}: {self.shown()}{' '.join(['', *self.bounds])}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return claims(self)._repr_mimebundle_(**options)


class claims:
    """Several of them, one below the other."""

    def __init__(self, *rows: claim):
        self.rows = rows

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.rows))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """A table; in plain text what holds on every data set alone, for that is compared to the letter."""
        head = '<tr><td></td><th scope="col">measured</th><th scope="col">must be</th></tr>'
        body = "".join(row.row() for row in self.rows)
        table = f'<table class="claims"><thead>{head}</thead><tbody>{body}</tbody></table>'
        return {"text/html": table, "text/plain": "\n".join(f"{row.what}: holds" for row in self.rows)}


def _write(value: float, digits: int) -> str:
    """With this many decimals, or, where these would all be noughts, with one digit that counts."""
    text = f"{value:,.{digits}f}"
    if value and not float(text.replace(",", "")):
        number, _, exponent = f"{value:.0e}".partition("e")
        text = f"{number} · 10{str(int(exponent)).translate(RAISED)}"
    return text.replace("-", "−")
