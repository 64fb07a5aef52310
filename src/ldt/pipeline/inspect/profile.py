"""What the records of a layer look like: types of columns, times, where they lie. One pass, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from ldt.errors import CheckError, LdtError
from ldt.harmonise.crs import CrsJudgement, judge
from ldt.sources.source import GEOMETRY, MALFORMED, Batch, DeclaredCrs

#: Records that `ldt inspect` looks at, at most.
LOOKED_AT = 200_000
#: Distinct values of a column that are remembered to find out whether it tells records apart.
_REMEMBERED = 200_000
_INTEGER = r"^-?(0|[1-9]\d{0,17})$"
#: More digits than a double holds are no quantity, but a code.
_NUMBER = r"^-?((0|[1-9]\d{0,14})(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_COMMA = r"^-?(0|[1-9]\d{0,14})(,\d+)?$"
#: Thousands apart by points, as in the countries of the decimal comma (1.084.831; 1.234,5), and such of them as have no comma.
_GROUPED = r"^-?(0|[1-9]\d{0,2}(\.\d{3})*)(,\d+)?$"
_POINTS = r"^-?(0|[1-9]\d{0,2}(\.\d{3})*)$"
_FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_BOOLEAN = r"^(?i:true|false)$"
_DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)? ?(Z|z|[+-]\d{2}(:?\d{2})?)?$"
_JSON = r"^\s*[\[{].*[\]}]\s*$"
#: Kinds of text, in the order in which they are tried.
_KINDS = {
    "boolean": _BOOLEAN,
    "integer": _INTEGER,
    "number": _NUMBER,
    "comma": _COMMA,
    "grouped": _GROUPED,
    "date": _DATE,
    "date-time": _TIME,
    "json": _JSON,
    "points": _POINTS,
}
#: Other ways in which times are written → pattern of `strptime`. Only columns whose name or kind speaks of time are read so.
TIME_PATTERNS = {
    r"^\d{8}$": "%Y%m%d",
    r"^\d{10}$": "%Y%m%d%H",
    r"^\d{12}$": "%Y%m%d%H%M",
    r"^\d{1,2}\.\d{1,2}\.\d{4}$": "%d.%m.%Y",
    r"^\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}$": "%d.%m.%Y %H:%M",
    r"^\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}:\d{2}$": "%d.%m.%Y %H:%M:%S",
    r"^\d{1,2}/\d{1,2}/\d{4}$": "%d/%m/%Y",
    r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}$": "%d/%m/%Y %H:%M",
    r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2}$": "%d/%m/%Y %H:%M:%S",
    r"^\d{4}/\d{2}/\d{2}$": "%Y/%m/%d",
    r"^\d{4}/\d{2}/\d{2} \d{2}:\d{2}(:\d{2})?$": "%Y/%m/%d %H:%M:%S",
    r"^\d{4}-\d{2}$": "%Y-%m",
}
_OFFSET = re.compile(r"(Z|z|[+-]\d{2}(:?\d{2})?)$")
#: Numbers by which sources say that there is no value.
SENTINELS = ("-999", "-9999", "-99999", "9999", "99999", "-99", "-999.0", "-9999.0", "-99.9", "NaN", "nan", "NA", "N/A", "null", "-")  # fmt: skip

#: Those of them that are words, so that a column of numbers may have them.
WORDS = frozenset({"NaN", "nan", "NA", "N/A", "null", "-"})


@dataclass(slots=True)
class Column:
    """A column of a layer.

    Attributes:
        name: as it stands in the source.
        kind: `text`, `integer`, `number`, `comma` (numbers with a decimal comma), `grouped` (and points between thousands), `boolean`, `date`, `date-time`, `json` or `other`.
        typed: whether the source itself says so; otherwise its texts do.
        zoned: whether the type of its times has a zone.
        filled: records that have a value.
        unique: whether every record has one, each another; None where there were too many to tell.
        low, high: least and greatest text, in the order of texts.
        least, greatest: of the numbers.
        sentinels: values seen that mean that there is none.
        pattern: how times in it are written, for `strptime`, where they are not ISO 8601.
        examples: some of its texts.
    """

    name: str
    kind: str = "text"
    typed: bool = False
    zoned: bool = False
    filled: int = 0
    unique: bool | None = True
    low: str | None = None
    high: str | None = None
    sentinels: set[str] = field(default_factory=set)
    pattern: str | None = None
    examples: list[str] = field(default_factory=list)
    least: float | None = None
    greatest: float | None = None

    def bounds(self) -> list[str]:
        """Return the least and the greatest number as texts; none where the column has none."""
        return [str(v) for v in (self.least, self.greatest) if v is not None]


@dataclass(slots=True)
class Profile:
    """What the records of a layer look like.

    Attributes:
        read: records that were looked at; `whole` says whether these are all.
        malformed: those that could not be taken apart.
        columns: by name, in the source's order.
        crs: how each declared CRS was judged, with the extent in degrees of what lies in it.
        problems: why one could not be judged.
        places: records with a geometry.
        unplaced: the bounds, as they stand, of what could not be judged.
    """

    read: int = 0
    whole: bool = True
    malformed: int = 0
    columns: dict[str, Column] = field(default_factory=dict)
    crs: list[tuple[CrsJudgement, tuple[float, float, float, float]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    places: int = 0
    unplaced: list[tuple[float, float, float, float]] = field(default_factory=list)

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """(west, south, east, north) in degrees of all that was looked at, or None."""
        if not self.crs:
            return None
        boxes = np.array([box for _, box in self.crs])
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


class _Looking:
    """The columns while they are looked at."""

    def __init__(self, unique: bool) -> None:
        self.profile = Profile()
        self._possible: dict[str, set[str]] = {}
        self._patterns: dict[str, set[str]] = {}
        self._values: dict[str, set[Any]] = {}
        self._unique = unique
        self._placed: dict[DeclaredCrs | None, list[Any]] = {}

    def add(self, batch: Batch) -> None:
        records, profile = batch.records, self.profile
        good = records
        if MALFORMED in records.schema.names:
            fine = pc.is_null(records.column(MALFORMED))
            profile.malformed += records.num_rows - int(pc.sum(fine).as_py() or 0)
            good = records.filter(fine)
        profile.read += records.num_rows
        if GEOMETRY in good.schema.names:
            self._places(batch.crs, good.column(GEOMETRY))
        for name in good.schema.names:
            if name not in {GEOMETRY, MALFORMED} and (not name.startswith("_")) and name != "raw":
                self._column(name, good.column(name))

    def _places(self, crs: DeclaredCrs | None, wkb: pa.Array) -> None:
        geometries = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False), on_invalid="ignore")
        there = geometries[~shapely.is_missing(geometries) & ~shapely.is_empty(geometries)]
        self.profile.places += len(there)
        if len(there):
            self._placed.setdefault(crs, []).append(there)

    def _column(self, name: str, values: pa.Array) -> None:
        column = self.profile.columns.setdefault(name, Column(name))
        if isinstance(values.type, pa.BaseExtensionType):
            values = values.storage
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        here = values.drop_null()
        if pa.types.is_null(values.type):
            return
        column.unique = (
            bool(column.unique) and len(here) == len(values) if column.unique is not None else None
        )
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            column.kind, column.typed = _kind(values.type), True
            column.zoned = pa.types.is_timestamp(values.type) and values.type.tz is not None
            column.filled += len(here)
            self._told_apart(column, here)
            if len(here) and not pa.types.is_nested(values.type):
                self._range(column, here.cast(pa.string()) if _castable(values.type) else None)
            return
        text = pc.utf8_trim_whitespace(here.cast(pa.string()))
        full = text.filter(pc.not_equal(text, ""))
        column.filled += len(full)
        if not len(full):
            return
        self._told_apart(column, full)
        distinct = pc.unique(full)
        column.sentinels |= {s for s in SENTINELS if pc.index(distinct, s).as_py() >= 0}
        values = distinct.filter(pc.invert(pc.is_in(distinct, value_set=pa.array(sorted(WORDS)))))
        self._kinds(name, values)
        self._range(column, distinct)
        if len(column.examples) < 5:
            column.examples += [str(v) for v in distinct[: 5 - len(column.examples)].to_pylist()]

    def _kinds(self, name: str, distinct: pa.Array) -> None:
        """Strike out what some values cannot be."""
        if not len(distinct):
            return
        possible = self._possible.setdefault(name, set(_KINDS))
        for kind in list(possible):
            if not pc.all(pc.match_substring_regex(distinct, _KINDS[kind])).as_py():
                possible.discard(kind)
        patterns = self._patterns.setdefault(name, set(TIME_PATTERNS))
        for pattern in list(patterns):
            if not pc.all(pc.match_substring_regex(distinct, pattern)).as_py():
                patterns.discard(pattern)

    def _told_apart(self, column: Column, values: pa.Array) -> None:
        if not (self._unique and column.unique) or pa.types.is_nested(values.type):
            return
        known = self._values.setdefault(column.name, set())
        fresh = values.to_pylist()
        before = len(known)
        known.update(fresh)
        if len(known) < before + len(fresh):
            column.unique = False
        elif len(known) > _REMEMBERED:
            column.unique = None
        if not column.unique:
            del self._values[column.name]

    def _range(self, column: Column, texts: pa.Array | None) -> None:
        if texts is None or not len(texts):
            return
        low, high = (str(pc.min_max(texts)[end].as_py()) for end in ("min", "max"))
        column.low = low if column.low is None else min(column.low, low)
        column.high = high if column.high is None else max(column.high, high)
        numbers = pc.replace_substring(texts, ",", ".")
        numbers = numbers.filter(pc.match_substring_regex(numbers, _FLOAT)).cast(pa.float64())
        if len(numbers):
            ends = pc.min_max(numbers)
            least, greatest = float(ends["min"].as_py()), float(ends["max"].as_py())
            column.least = least if column.least is None else min(column.least, least)
            column.greatest = greatest if column.greatest is None else max(column.greatest, greatest)

    def finish(self) -> Profile:
        for name, column in self.profile.columns.items():
            if not column.typed:
                possible = self._possible.get(name, set())
                column.kind = next((k for k in _KINDS if k in possible - {"points"}), "text")
                found = self._patterns.get(name, set())
                column.pattern = next((p for r, p in TIME_PATTERNS.items() if r in found), None)
            if not column.filled:
                column.unique = False
        self._judge_points()
        for crs, parts in self._placed.items():
            self._judge(crs, np.concatenate(parts))
        return self.profile

    def _judge_points(self) -> None:
        """Tell points between thousands (335.975 people) from decimal points: by the decimal commas elsewhere in the table."""
        columns = [c for c in self.profile.columns.values() if not c.typed and c.filled]
        pointed = [c for c in columns if "points" in self._possible.get(c.name, set())]
        commas = any(c.kind == "comma" or (c.kind == "grouped" and c not in pointed) for c in columns)
        for column in pointed:
            if column.kind == "number" and commas:
                column.kind = "grouped"
            elif column.kind == "grouped" and not commas:
                column.kind = "text"

    def _judge(self, crs: DeclaredCrs | None, geometries: Any) -> None:
        try:
            judgement = judge(geometries, crs)
        except LdtError as e:
            west, south, east, north = (float(v) for v in shapely.total_bounds(geometries))
            self.profile.unplaced.append((west, south, east, north))
            self.profile.problems.append(str(e) if isinstance(e, CheckError) else e.message)
            return
        # What a projection cannot place is infinite.
        with np.errstate(invalid="ignore"):
            corners = shapely.get_coordinates(judgement.to_lonlat(geometries))
        corners = corners[np.isfinite(corners).all(axis=1)]
        if not len(corners):
            return
        found = (*corners.min(axis=0), *corners.max(axis=0))
        west, south, east, north = (float(v) for v in found)
        self.profile.crs.append((judgement, (west, south, east, north)))


def _castable(kind: pa.DataType) -> bool:
    found: bool = pa.types.is_temporal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return found


def _kind(kind: pa.DataType) -> str:
    tests = {
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": lambda t: pa.types.is_floating(t) or pa.types.is_decimal(t),
        "date": pa.types.is_date,
        "date-time": pa.types.is_timestamp,
        "list": pa.types.is_list,
    }
    return next((name for name, test in tests.items() if test(kind)), "other")


def profile(batches: Iterable[Batch], *, limit: int | None = LOOKED_AT, unique: bool = True) -> Profile:
    """Return what the records of a layer look like.

    Args:
        batches: the records.
        limit: how many are looked at, at most; all without it.
        unique: whether to find out which columns tell records apart.

    Raises:
        SourceError: they cannot be read.
    """
    looking = _Looking(unique)
    for batch in batches:
        looking.add(batch)
        if limit is not None and looking.profile.read >= limit:
            looking.profile.whole = False
            break
    return looking.finish()


def has_offset(text: str) -> bool:
    """Whether a time says by itself in which zone it is."""
    return ":" in text and _OFFSET.search(text) is not None
