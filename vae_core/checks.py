"""Whole numbers that a caller gives, Python's or NumPy's, seen to be that before anything is made of them."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any


def whole(name: str, value: Any, least: int = 1) -> int:
    """The number itself. Raises ValueError where it is not whole, or below `least`."""
    if not _is_whole(value, least):
        raise ValueError(f"{name} is {value!r}: it must be a whole number, {least} or more")
    return int(value)


def whole_list(name: str, given: Any) -> tuple[int, ...]:
    """A list of such numbers. Raises ValueError where it is none, or one of them is below 1."""
    values = list(given) if isinstance(given, Iterable) else given
    if values is given or not all(_is_whole(value, 1) for value in values):
        raise ValueError(f"{name} is {values!r}: it must be a list of whole numbers, 1 or more, as in {name}=[64]")
    return tuple(map(int, values))


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least  # True counts nothing
