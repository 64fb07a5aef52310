"""What an observation in XML holds: values, and the texts that sources write for times and units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ldt.sources.gml_geometry import local_name

XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})(?:[Tt ]\s*(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?))?"
    r"\s*(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?"
)


class OmError(ValueError):
    """A result that cannot be taken apart; the message says why. It costs its observation, not the file."""


@dataclass(slots=True)
class Value:
    """One value of an observation. All of it is text as the source writes it; times are brought to one notation.

    Attributes:
        time, time_end: beginning and end of the interval, equal or without end for an instant.
        value: as written, with a decimal point; None where the source says that there is none.
        definition: of the field of an array.
        observed_property, feature, procedure, offering: where the value has its own, other than the observation's.
        aggregation: ISO 8601 duration of the interval, where the source states one.
        depth: along a profile, in the source's unit.
        position: ordinates along a profile or track, with blanks between them.
        problem: why the value could not be taken apart; its text then is in `block`.
    """

    time: str | None = None
    time_end: str | None = None
    value: str | None = None
    unit: str | None = None
    definition: str | None = None
    observed_property: str | None = None
    feature: str | None = None
    procedure: str | None = None
    offering: str | None = None
    quality: str | None = None
    nil_reason: str | None = None
    censored: str | None = None
    interpolation: str | None = None
    aggregation: str | None = None
    validity: str | None = None
    verification: str | None = None
    data_capture: str | None = None
    depth: float | None = None
    position: str | None = None
    problem: str | None = None
    block: str | None = None


def instant(text: str | None, zone: str | None = None) -> str | None:
    """Return a time in the notation of RFC 3339, without inventing anything; text that is no time as it stands.

    Understood are quotes around it, a blank for the T, offsets of hours only (`+01`), a day without time, years and months
    (their beginning), and 24 o'clock, which is midnight of the next day (ISO 8601:2004, 4.2.3).

    Args:
        text: as the source writes it; None or nothing gives None.
        zone: offset of times without one, where the source states it elsewhere.
    """
    if text is None or not (given := text.strip().strip("\"'").strip()):
        return None
    if len(given) == 24 and given[-1] == "Z" and given[10] == "T" and given[11:13] != "24":
        return given
    if re.fullmatch(r"\d{4}(-\d{2})?", given):
        given = f"{given}-01-01"[:10]
    match = _TIME.fullmatch(given)
    if match is None:
        return given
    day, clock = match["date"], (match["clock"] or "00:00:00").replace(",", ".")
    if clock.startswith("24:00"):
        day, clock = (date.fromisoformat(day) + timedelta(days=1)).isoformat(), "00:00:00"
    clock = clock if clock.count(":") == 2 else f"{clock}:00"
    offset = match["zone"] or zone or ""
    if len(offset) == 3:
        offset += ":00"
    return f"{day}T{clock.zfill(8) if '.' not in clock else clock}{offset}"


def tail(name: str | None) -> str:
    """Return the last part of an address or URN, in lower case, letters and digits only: what it names."""
    last = re.split(r"[/#:]", (name or "").strip().rstrip("/"))[-1]
    return re.sub(r"[^a-z0-9]", "", last.lower())


def href(element: Any) -> str | None:
    """Return the `xlink:href` of an element, tidied."""
    value: str | None = element.get(XLINK_HREF)
    return value.strip() or None if value else None


def is_nil(element: Any) -> bool:
    """Whether an element says that it has no content."""
    return element.get(_XSI_NIL) in {"true", "1"}


def nil_reason(element: Any) -> str | None:
    """Return why an element has no content, as it says so."""
    return next((v for k, v in element.items() if local_name(k) == "nilReason"), None)


def child(element: Any, *names: str) -> Any:
    """Return the first child with one of some local names, or None."""
    for below in element:
        if local_name(below.tag) in names:
            return below
    return None


def path(element: Any, *names: str) -> Any:
    """Return the first element at the end of a path of local names, or None."""
    for name in names:
        element = child(element, name)
        if element is None:
            return None
    return element


def text_of(element: Any) -> str | None:
    """Return the text of an element, None without any."""
    return (element.text or "").strip() or None if element is not None else None


def unit_of(component: Any) -> str | None:
    """Return the unit of a component or of metadata: the code of its `uom`, or the address that it refers to."""
    uom = child(component, "uom")
    if uom is None:
        return None
    return uom.get("code") or uom.get("uom") or href(uom) or text_of(uom)
