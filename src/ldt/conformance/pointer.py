"""Places in a JSON document: JSON Pointer (RFC 6901), and `*` for every member of a list or an object."""

from __future__ import annotations

from typing import Any

#: What :func:`select` gives for a place that is not there.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing", "__bool__": lambda self: False})()


def select(document: Any, pointer: str) -> Any:
    """Return what stands at a place of a document.

    Args:
        document: parsed JSON.
        pointer: a JSON Pointer; the empty one is the whole document. A step `*` stands for every member of a list or
            object (our extension: a member that is really called `*` cannot be named).

    Returns:
        The value; for a pointer with `*` the list of the values that are there, in order and flattened over
        several `*`; :data:`MISSING` if there is no such place.

    Raises:
        ValueError: if the pointer neither is empty nor begins with `/`.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"a JSON Pointer begins with '/', not {pointer!r}")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    found, many = [document], False
    for step in steps:
        if step == "*":
            many = True
            found = [member for value in found for member in _members(value)]
        else:
            found = [member for value in found if (member := _member(value, step)) is not MISSING]
    if many:
        return found
    return found[0] if found else MISSING


def _members(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, dict) else []


def _member(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step, MISSING)
    # RFC 6901 section 4: an index is digits without leading zeros; "-" names what is not there yet.
    if isinstance(value, list) and step.isascii() and step.isdigit() and (step == "0" or step[0] != "0"):
        return value[int(step)] if int(step) < len(value) else MISSING
    return MISSING
