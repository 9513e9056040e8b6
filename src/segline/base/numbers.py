"""Whole numbers as text: `int` is too generous, it takes `1_000`, spaces and digits of any script."""

from __future__ import annotations

MOST_DIGITS = 18  # all such numbers fit 64 bits


def whole(text: str) -> int | None:
    """The number that ASCII digits stand for; None for anything else, and for more than 18 digits.

    >>> whole("042"), whole("²"), whole("-1")
    (42, None, None)
    """
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else None


def shown(text: str) -> str:
    """A text as a message quotes it: of a long one the beginning and the length.

    >>> shown("1 2"), shown("9" * 5000)
    ("'1 2'", "'999999999999999999999999...' (5000 characters)")
    """
    return repr(text) if len(text) <= 48 else f"'{text[:24]}...' ({len(text)} characters)"
