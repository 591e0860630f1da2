"""The one style of refusing bad input: `"name" expected X, got Y`.

TypeError for the wrong kind of value, ValueError for the wrong value of the right kind (JavaScript's RangeError).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NoReturn

UINT32 = 2**32
UINT64 = 2**64


def wrong_type(name: str, expected: str, got: Any) -> NoReturn:
    """Raises the TypeError for an argument of the wrong kind."""
    raise TypeError(f'"{name}" expected {expected}, got {_describe(got)}')


def wrong_value(name: str, expected: str, got: Any, words: str | None = None) -> NoReturn:
    """Raises the ValueError for a wrong value; `got` is put into words unless `words` are given."""
    raise ValueError(f'"{name}" expected {expected}, got {words or _describe(got)}')


def _describe(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} {list(value.shape)}"
    words = repr(value)
    return words if len(words) <= 100 else words[:100] + "..."


def check_integer(name: str, value: Any, least: int, most: int) -> int:
    """An integer from `least` to `most`, both included; True and 1.0 are none."""
    expected = f"an integer from {least} to {most}"
    if isinstance(value, bool):
        wrong_type(name, expected, value)
    try:
        number = operator.index(value)
    except TypeError:
        wrong_type(name, expected, value)
    if not least <= number <= most:
        wrong_value(name, expected, number)
    return number


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """One of a few strings."""
    expected = "one of " + ", ".join(f'"{choice}"' for choice in choices)
    if not isinstance(value, str):
        wrong_type(name, expected, value)
    if value not in choices:
        wrong_value(name, expected, value)
    return value
