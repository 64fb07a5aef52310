"""GRIB, editions 1 and 2, through ecCodes: messages that belong together become variables over time, levels, members.

A file is a row of messages, each one field. They are looked through once without their values; those of a message are unpacked when
its cells are asked for, one message at a time. No index file is written. Names are those of ecCodes' tables (`cfVarName`).

Time is that for which a field is valid: reference time plus step. Fields over an interval (sums, means, extremes) have bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import HostileSource, SourceError
from ldt.sources import cf
from ldt.sources.eccodes_library import eccodes
from ldt.sources.raster import check_block
from ldt.sources.source import TimeAxis, Transform

_AGAIN = "get it again from where it came"
#: Messages that a file may have; a year of hours on 37 levels has 324,120.
MAX_MESSAGES = 1_000_000
#: Rows between pole and equator that a Gaussian grid may have; those in use have up to 8,000, and finding them takes their square.
_MAX_GAUSSIAN = 10_000
#: What stands in unpacked values where there is none; no quantity is so large.
_NONE = 1e36
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
    points: int
    bits: int
    version: str
    axes: tuple[float, ...]
    step: float
    valid: float
    bounds: tuple[float, float] | None = field(compare=False)


def variables(path: Path, options: cf.CubeOptions) -> list[cf.Variable]:
    """Return the variables of a file.

    Args:
        path: the file.
        options: `select` may name `step`, in hours, where forecasts of several reference times overlap.

    Raises:
        SourceError: it cannot be read.
        HostileSource: more messages or cells than memory is made for.
    """
    groups: dict[tuple[str, ...], list[_Message]] = {}
    for message in _scan(path):
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
        found.append(_variable(path, name if told[name] == 1 else f"{name}_{told[name]}", messages, options))
    return found


# Messages -----------------------------------------------------------------------------------------------------


def _scan(path: Path) -> list[_Message]:
    """Return the messages of a file, without their values."""
    ec = eccodes()
    found = []
    with path.open("rb") as file, _said(path):
        while (handle := ec.codes_grib_new_from_file(file, headers_only=True)) is not None:
            try:
                found.append(_message(ec, path, handle))
            finally:
                ec.codes_release(handle)
            if len(found) > MAX_MESSAGES:
                raise HostileSource(
                    f"more than {MAX_MESSAGES:,} messages", where=path.name, remedy="cut the file into parts"
                )
    return found


@contextmanager
def _said(path: Path) -> Any:
    """Turn what ecCodes says into one SourceError."""
    ec = eccodes()
    try:
        yield
    except (ec.CodesInternalError, ValueError, OSError, MemoryError) as e:
        what = "truncated" if isinstance(e, ec.PrematureEndOfFileError) else "ecCodes cannot read it"
        raise SourceError(f"{what}: {' '.join(str(e).split())}", where=path.name, remedy=_AGAIN) from e


def _message(ec: Any, path: Path, handle: Any) -> _Message:
    def key(name: str, kind: Any = None) -> Any:
        """Return the value of a key; None where the message does not have it."""
        try:
            return None if ec.codes_is_missing(handle, name) else ec.codes_get(handle, name, kind)
        except ec.CodesInternalError:
            return None

    def number(name: str) -> float:
        value = key(name, float)
        return 0.0 if value is None else float(value)

    points = int(number("numberOfDataPoints") or number("numberOfPoints"))
    check_block(path, (points,), "float64")
    if (rows := number("N")) > _MAX_GAUSSIAN:
        raise HostileSource(
            f"a Gaussian grid of {rows:,.0f} rows to the equator, more than {_MAX_GAUSSIAN:,}",
            where=path.name,
            remedy=_AGAIN,
        )
    # Seconds, so that steps of minutes and of hours are told alike.
    ec.codes_set(handle, "stepUnits", "s")
    start, end = number("startStep"), number("endStep")
    reference = _instant(int(number("dataDate")), int(number("dataTime")))
    chemical = key("chemShortName", str) if key("constituentType") is not None else None
    name = _name(key) + (f"_{chemical}" if chemical not in {None, "unknown"} else "")
    return _Message(
        offset=int(number("offset")),
        name=name,
        label=str(key("name", str) or name),
        unit=key("units", str),
        kind=str(key("typeOfLevel", str) or ""),
        grid=str(key("md5GridSection", str) or key("md5Section3", str) or ""),
        step_type=str(key("stepType", str) or ""),
        points=points,
        bits=int(number("bitsPerValue")),
        version=str(key("experimentVersionNumber", str) or ""),
        axes=tuple(number(k) for k in _AXES.values()),
        step=end / 3600,
        valid=reference + end,
        bounds=(reference + start, reference + end) if end > start else None,
    )


def _name(key: Any) -> str:
    """Return what a quantity is called: by CF, in short, or by its numbers in the tables."""
    for name in ("cfVarName", "shortName"):
        value = key(name, str)
        if value and value not in {"unknown", "~"}:
            return str(value)
    if key("edition", int) == 2:
        return f"d{key('discipline', int)}c{key('parameterCategory', int)}n{key('parameterNumber', int)}"
    return f"t{key('table2Version', int)}p{key('indicatorOfParameter', int)}"


def _instant(date: int, time: int) -> float:
    """Return seconds since 1970 of `20190301` and `1200`."""
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    return (datetime(year, month, day, time // 100, time % 100, tzinfo=UTC) - _EPOCH).total_seconds()


# Variables ----------------------------------------------------------------------------------------------------


def _variable(path: Path, name: str, messages: list[_Message], options: cf.CubeOptions) -> cf.Variable:
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
    field_of = _Fields(path, first)

    def read(wanted: Sequence[cf.Place], top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        cells = np.full((len(wanted), bottom - top, right - left), np.nan, field_of.dtype)
        with path.open("rb") as file:
            for i, (step, *others) in enumerate(wanted):
                key = (times[step], *(axes[a][n] for a, n in zip(axes, others, strict=True)))
                if key in places:
                    cells[i] = field_of.read(file, places[key].offset)[top:bottom, left:right]
        return cells

    transform, points = field_of.transform, field_of.cells
    return cf.Variable(
        name=name,
        label=first.label,
        dtype=field_of.dtype,
        unit=first.unit,
        scale=1.0,
        offset=0.0,
        nodata=(),
        axes={"time": times, **axes},
        time_name="time",
        time=_time(messages, times),
        width=field_of.shape[1],
        height=field_of.shape[0],
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


class _Fields:
    """The values of messages that have one grid.

    Attributes:
        shape: (rows, columns) as they are delivered; of a list of cells one row.
        transform, cells: where they lie.
        dtype: of the values; packed with more than 24 bits they need double precision.
    """

    def __init__(self, path: Path, first: _Message) -> None:
        self._path = path
        self.dtype = "float32" if first.bits <= 24 else "float64"
        ec = eccodes()
        with path.open("rb") as file, _said(path), _handle(ec, file, first.offset) as handle:
            latitude = np.asarray(ec.codes_get_array(handle, "latitudes"), dtype=np.float64)
            longitude = np.asarray(ec.codes_get_array(handle, "longitudes"), dtype=np.float64)
            rows, columns = _number(ec, handle, "Nj"), _number(ec, handle, "Ni")
            rows, columns = rows or _number(ec, handle, "Ny"), columns or _number(ec, handle, "Nx")
            self._columns_first = bool(_number(ec, handle, "jPointsAreConsecutive"))
            self._back_and_forth = bool(_number(ec, handle, "alternativeRowScanning"))
            regular = _text(ec, handle, "gridType") in {"regular_ll", "regular_gg", "mercator"}
        whole = rows * columns == first.points
        self.shape = (rows, columns) if whole else (1, first.points)
        latitude, longitude = self._ordered(latitude), self._ordered(longitude)
        self.transform: Transform | None = None
        self.cells: cf.Points | None = cf.Points(longitude, latitude)
        if whole and regular and min(self.shape) > 1:
            self.transform, self.cells = cf.rectilinear(longitude[0], latitude[:, 0])

    def read(self, file: IO[bytes], offset: int) -> NDArray[Any]:
        """Return the cells of the message at an offset, NaN where there is no value."""
        ec = eccodes()
        with _said(self._path), _handle(ec, file, offset) as handle:
            ec.codes_set(handle, "missingValue", _NONE)
            values = np.asarray(ec.codes_get_values(handle))
            if values.size != self.shape[0] * self.shape[1]:
                raise SourceError(
                    f"a message has {values.size:,} values, its grid {self.shape[0] * self.shape[1]:,} cells",
                    where=self._path.name,
                    remedy=_AGAIN,
                )
        return self._ordered(np.where(values == _NONE, np.nan, values).astype(self.dtype))

    def _ordered(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values by row and column: they may stand by columns, or turn back at the end of each row."""
        rows, columns = self.shape
        cells = values.reshape(columns, rows) if self._columns_first else values.reshape(rows, columns)
        if self._back_and_forth:
            cells = cells.copy()
            cells[1::2] = cells[1::2, ::-1]
        return cells.T if self._columns_first else cells


@contextmanager
def _handle(ec: Any, file: IO[bytes], offset: int) -> Any:
    file.seek(offset)
    handle = ec.codes_grib_new_from_file(file)
    if handle is None:
        raise ValueError("no message where there was one")
    try:
        yield handle
    finally:
        ec.codes_release(handle)


def _number(ec: Any, handle: Any, name: str) -> int:
    try:
        return 0 if ec.codes_is_missing(handle, name) else int(ec.codes_get(handle, name, int))
    except ec.CodesInternalError:
        return 0


def _text(ec: Any, handle: Any, name: str) -> str:
    return str(ec.codes_get(handle, name, str))
