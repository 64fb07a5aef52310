"""Words of messages: numbers with what they count."""

from __future__ import annotations


def plural(count: int, one: str, several: str | None = None) -> str:
    """Return a number with what it counts: `1 value is nil`, `2,000 values are nil`.

    Args:
        count: the number.
        one: what is said of one.
        several: what is said of any other number; by default `one` with an s.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def singular(several: str) -> str:
    """Return an English noun of many as one of one: `feature types`, `entries`, `processes`."""
    for ending, one in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if several.endswith(ending):
            return several.removesuffix(ending) + one
    return several
