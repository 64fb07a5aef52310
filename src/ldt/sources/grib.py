"""GRIB, editions 1 and 2, through ecCodes: messages that belong together become variables over time, levels, members.

A file is a row of messages, each one field. They are looked through once without their values; those of a message are unpacked when
its cells are asked for, one message at a time. No index file is written. Names are those of ecCodes' tables (`cfVarName`).

Time is that for which a field is valid: reference time plus step. Fields over an interval (sums, means, extremes) have bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import HostileSource, SourceError
from ldt.sources import cf
from ldt.sources.grib_process import Decoder
from ldt.sources.raster import check_block
from ldt.sources.source import TimeAxis, Transform

_AGAIN = "get it again from where it came"
#: Messages that a file may have; a year of hours on 37 levels has 324,120.
MAX_MESSAGES = 1_000_000
#: Rows between pole and equator that a Gaussian grid may have; those in use have up to 8,000, and finding them takes their square.
_MAX_GAUSSIAN = 10_000
#: Grids whose rows have one latitude and whose columns have one longitude.
_RECTILINEAR = frozenset({"regular_ll", "regular_gg", "mercator"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Axes beside time, by the key that tells the value, in the order in which they are told.
_AXES = {
    "level": "level",
    "number": "number",
    "wavelength": "scaledValueOfFirstWavelength",
    "percentile": "percentileValue",
    "direction": "directionNumber",
    "frequency": "frequencyNumber",
    "threshold": "scaledValueOfLowerLimit",
}


@dataclass(frozen=True, slots=True)
class _Message:
    """What is known of a message without its values; times in seconds since 1970."""

    offset: int
    name: str
    label: str
    unit: str | None
    kind: str
    grid: str
    step_type: str
    grid_type: str
    bits: int
    version: str
    axes: tuple[float, ...]
    step: float
    valid: float
    bounds: tuple[float, float] | None = field(compare=False)


def variables(path: Path, options: cf.CubeOptions, stack: ExitStack) -> list[cf.Variable]:
    """Return the variables of a file; what decodes it ends with the stack.

    Args:
        path: the file.
        options: `select` may name `step`, in hours, where forecasts of several reference times overlap.
        stack: outlives the reading of cells.

    Raises:
        SourceError: it cannot be read.
        HostileSource: more messages or cells than memory is made for.
    """
    decoder = stack.enter_context(Decoder(path))
    groups: dict[tuple[str, ...], list[_Message]] = {}
    for message in _scan(path, decoder):
        groups.setdefault((message.name, message.kind, message.step_type, message.grid), []).append(message)
    names = [key[0] for key in groups]
    told: dict[str, int] = {}
    found = []
    for key, messages in groups.items():
        name = key[0]
        if (
            names.count(name) > 1
        ):  # the same quantity on levels of another kind, or as a mean beside a maximum
            kinds = {k[1] for k in groups if k[0] == name}
            name = f"{name}_{key[1] if len(kinds) > 1 else key[2]}"
        told[name] = told.get(name, 0) + 1
        found.append(
            _variable(decoder, name if told[name] == 1 else f"{name}_{told[name]}", messages, options)
        )
    return found


# Messages -----------------------------------------------------------------------------------------------------


def _scan(path: Path, decoder: Decoder) -> Iterator[_Message]:
    """Yield the messages of a file, without their values."""
    for count, keys in enumerate(decoder.messages()):
        if count >= MAX_MESSAGES:
            raise HostileSource(
                f"more than {MAX_MESSAGES:,} messages", where=path.name, remedy="cut the file into parts"
            )
        yield _message(path, keys)


def _message(path: Path, keys: Mapping[str, Any]) -> _Message:
    def number(name: str) -> int:
        return int(keys[name] or 0)

    points = number("numberOfDataPoints") or number("numberOfPoints")
    check_block(path, (points,), "float64")
    if number("N") > _MAX_GAUSSIAN:
        raise HostileSource(
            f"a Gaussian grid of {number('N'):,} rows to the equator, more than {_MAX_GAUSSIAN:,}",
            where=path.name,
            remedy=_AGAIN,
        )
    start, end = number("startStep"), number("endStep")
    try:
        reference = _instant(number("dataDate"), number("dataTime"))
    except (ValueError, OverflowError) as e:
        raise SourceError(f"a message has no date: {e}", where=path.name, remedy=_AGAIN) from e
    # What it is of (WMO, code table 4.230), by its name or its number.
    of = keys["constituentType"]
    chemical = None if of is None else keys["chemShortName"] if _known(keys["chemShortName"]) else of
    name = _name(keys)
    return _Message(
        offset=number("offset"),
        name=name if chemical is None else f"{name}_{chemical}",
        label=keys["name"] if _known(keys["name"]) else name,
        unit=keys["units"] if _known(keys["units"]) else keys["parameterUnits"],
        kind=keys["typeOfLevel"] or "",
        grid=keys["md5GridSection"] or keys["md5Section3"] or "",
        grid_type=keys["gridType"] or "",
        step_type=keys["stepType"] or "",
        bits=number("bitsPerValue"),
        version=keys["experimentVersionNumber"] or "",
        axes=tuple(float(number(key)) for key in _AXES.values()),
        step=end / 3600,
        valid=reference + end,
        bounds=(reference + start, reference + end) if end > start else None,
    )


def _known(text: str | None) -> bool:
    return bool(text) and text not in {"unknown", "~"}


def _name(keys: Mapping[str, Any]) -> str:
    """Return what a quantity is called: by CF, in short, or by its numbers in the tables."""
    for name in ("cfVarName", "shortName"):
        if _known(keys[name]):
            return str(keys[name])
    if keys["edition"] == 2:
        return f"d{keys['discipline']}c{keys['parameterCategory']}n{keys['parameterNumber']}"
    return f"t{keys['table2Version']}p{keys['indicatorOfParameter']}"


def _instant(date: int, time: int) -> float:
    """Return seconds since 1970 of `20190301` and `1200`."""
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    return (datetime(year, month, day, time // 100, time % 100, tzinfo=UTC) - _EPOCH).total_seconds()


# Variables ----------------------------------------------------------------------------------------------------


def _variable(decoder: Decoder, name: str, messages: list[_Message], options: cf.CubeOptions) -> cf.Variable:
    note = problem = None
    if "step" in options.select:
        wanted = [m for m in messages if np.isclose(m.step, options.select["step"])]
        if not wanted:
            hours = sorted({m.step for m in messages})
            problem = f"has no step {options.select['step']:g}: the option `select` can name {cf.shown(hours)} (hours)"
        messages = wanted or messages
    messages, older = _newest(messages)
    if older:
        note = f"of {older:,} fields that are there twice, the final ones are taken, not the preliminary"
    first = messages[0]
    axes = {
        axis: tuple(sorted({m.axes[i] for m in messages}))
        for i, axis in enumerate(_AXES)
        if len({m.axes[i] for m in messages}) > 1
    }
    numbers = {axis: list(_AXES).index(axis) for axis in axes}
    times = tuple(sorted({m.valid for m in messages}))
    places = {(m.valid, *(m.axes[i] for i in numbers.values())): m for m in messages}
    if len(places) < len(messages):
        hours = sorted({m.step for m in messages})
        problem = problem or (
            f"has forecasts of several reference times for the same time: say which step, in hours, with the option `select` ({cf.shown(hours)})"
            if len(hours) > 1
            else "has several fields for the same time, that differ in nothing that is known here"
        )
    order, latitude, longitude = decoder.grid(first.offset)
    # Packed with more than 24 bits they need double precision.
    dtype = "float32" if first.bits <= 24 else "float64"

    def read(wanted: Sequence[cf.Place], top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        cells = np.full((len(wanted), bottom - top, right - left), np.nan, dtype)
        for i, (step, *others) in enumerate(wanted):
            key = (times[step], *(axes[a][n] for a, n in zip(axes, others, strict=True)))
            if key in places:
                cells[i] = decoder.values(places[key].offset, order, (top, bottom, left, right))
        return cells

    transform: Transform | None = None
    points: cf.Points | None = cf.Points(longitude, latitude)
    if first.grid_type in _RECTILINEAR and min(latitude.shape) > 1:
        transform, points = cf.rectilinear(longitude[0], latitude[:, 0])
    return cf.Variable(
        name=name,
        label=first.label,
        dtype=dtype,
        unit=first.unit,
        scale=1.0,
        offset=0.0,
        nodata=(),
        axes={"time": times, **axes},
        time_name="time",
        time=_time(messages, times),
        width=latitude.shape[1],
        height=latitude.shape[0],
        transform=transform,
        crs=cf.geographic(),
        points=points,
        read=read,
        note=note,
        problem=problem,
    )


def _newest(messages: list[_Message]) -> tuple[list[_Message], int]:
    """Return messages without those that are there twice: of two versions of an experiment, `0001` is final and `0005` preliminary."""
    kept: dict[tuple[Any, ...], _Message] = {}
    dropped = 0
    same: list[_Message] = []
    for message in messages:
        key = (message.valid, message.step, message.bounds, message.axes)
        before = kept.setdefault(key, message)
        if before is message:
            continue
        if before.version == message.version:
            same.append(message)
        else:
            dropped += 1
            kept[key] = min(before, message, key=lambda m: m.version)
    return [*kept.values(), *same], dropped


def _time(messages: list[_Message], times: tuple[float, ...]) -> TimeAxis:
    by_time = {m.valid: m.bounds for m in messages}
    stated = [by_time[t] for t in times]
    bounds = tuple(b for b in stated if b is not None)
    return TimeAxis(
        times,
        "seconds since 1970-01-01",
        "standard",
        bounds if len(bounds) == len(times) else (),
        messages[0].step_type == "instant",
    )
