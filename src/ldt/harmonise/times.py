"""Times of a batch, as sources write them, made instants: vectorised, without a Python step per value.

Times are counted in microseconds since 1970-01-01T00:00:00Z (int64). Beside each instant stands its *wall clock*, what the
source's clock showed, since calendar durations (a day, a month) are counted on that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ldt.errors import CheckError, UsageError
from ldt.timerange import Duration, format_offset, parse_instant, parse_zone

Micros = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_US = pa.timestamp("us")
#: Arrow knows the changes of the clocks from tables that end with 2037 and takes winter time from then on; what lies
#: beyond is worked out by `zoneinfo`, which goes on by rule. 2037-12-30, so that no offset carries a time across.
_TABLES_END = 2_145_744_000_000_000
_TAIL = re.compile(r"(?:\.(?P<fraction>\d+))?\s?(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?")


@dataclass(frozen=True, slots=True)
class Instants:
    """Times of a batch; all arrays are as long as the batch.

    Attributes:
        utc: the instants; 0 where there is none.
        wall: the same by the source's clock.
        unreadable: there is no time, or it cannot be read.
        unclear: the local time does not exist or occurs twice, at a change of the clocks.
    """

    utc: Micros
    wall: Micros
    unreadable: Flags
    unclear: Flags

    def offset(self, row: int) -> str:
        """Return the offset of a row as text (`+01:00`, `UTC`)."""
        return format_offset(timezone(timedelta(microseconds=int(self.wall[row] - self.utc[row]))))


def instants(column: pa.ChunkedArray, zone: tzinfo | None, name: str = "time") -> Instants:
    """Return the instants of a column.

    Args:
        column: timestamps with or without a zone, dates, or texts (RFC 3339; blanks for `T` and before the offset are read).
        zone: zone of the naive ones.
        name: canonical name of the column, for messages.

    Raises:
        CheckError: there are naive times and no zone, or the column holds something else than times.
    """
    column = column.combine_chunks()
    kind = column.type
    if pa.types.is_null(kind):
        return _none(len(column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_text(column, zone, name)
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise CheckError(
            f"{name} holds values of type {kind}, not times", remedy="make times of them in the recipe's SQL"
        )
    unreadable = _nulls(column)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        utc = _micros(column.cast(pa.timestamp("us", tz="UTC"), safe=False))
        return Instants(utc, _wall(utc, zone), unreadable, np.zeros(len(utc), bool))
    return _from_wall(_micros(column.cast(_US, safe=False)), unreadable, zone, name)


def add(begin: Instants, duration: Duration, zone: tzinfo | None) -> Micros:
    """Return the instants that lie a duration after others.

    Days and months are counted on the wall clock: where the zone changes its clocks, a day may have 23 or 25 hours. A day
    that the later month does not have becomes its last day.
    """
    wall = begin.wall
    if duration.months:
        moments = wall.astype("M8[us]")
        month = moments.astype("M8[M]")
        later = month + np.timedelta64(duration.months, "M")
        length = ((later + 1).astype("M8[D]") - later.astype("M8[D]")).astype(np.int64)
        since = (moments - month.astype("M8[us]")).astype(np.int64)
        day, of_day = np.divmod(since, 86_400_000_000)
        wall = later.astype("M8[us]").astype(np.int64) + np.minimum(day, length - 1) * 86_400_000_000 + of_day
    wall = wall + duration.days * 86_400_000_000
    if zone is None or isinstance(zone, timezone) or not (duration.months or duration.days):
        return wall - begin.wall + begin.utc + duration.microseconds
    early, late, _ = _assume(wall, zone)
    # Where a clock change falls on the end itself, either reading ends the day; the later one leaves no gap.
    return np.maximum(early, late) + duration.microseconds


def _none(number: int) -> Instants:
    zeros = np.zeros(number, np.int64)
    return Instants(zeros, zeros, np.ones(number, bool), np.zeros(number, bool))


def _nulls(column: pa.Array) -> Flags:
    if not column.null_count:
        return np.zeros(len(column), bool)
    flags: Flags = column.is_null().to_numpy(zero_copy_only=False)
    return flags


def _micros(column: pa.Array) -> Micros:
    counts = column.cast(pa.int64())
    values: Micros = (counts.fill_null(0) if counts.null_count else counts).to_numpy(zero_copy_only=False)
    return values


def _wall(utc: Micros, zone: tzinfo | None) -> Micros:
    if zone is None or zone is UTC:
        return utc
    if isinstance(zone, timezone):
        return utc + _offset(zone)
    aware = pa.array(utc).cast(pa.timestamp("us", tz=str(zone)))
    wall = _micros(pc.local_timestamp(aware)).copy()
    for row in np.flatnonzero(utc >= _TABLES_END).tolist():
        offset = as_datetime(utc[row]).astimezone(zone).utcoffset() or timedelta()
        wall[row] = utc[row] + offset // timedelta(microseconds=1)
    return wall


def _offset(zone: timezone) -> int:
    return zone.utcoffset(None) // timedelta(microseconds=1)


def _from_wall(wall: Micros, unreadable: Flags, zone: tzinfo | None, name: str) -> Instants:
    unclear = np.zeros(len(wall), bool)
    if zone is None:
        if not unreadable.all():
            raise CheckError(
                f"{name}: times without a zone", remedy="declare it in the recipe: `zone: +01:00`"
            )
        return Instants(wall, wall, unreadable, unclear)
    if isinstance(zone, timezone):
        return Instants(wall - _offset(zone), wall, unreadable, unclear)
    early, late, differ = _assume(wall, zone)
    utc, unclear = _by_order(wall, early, late, differ & ~unreadable, zone)
    return Instants(utc, wall, unreadable, unclear)


def _by_order(
    wall: Micros, early: Micros, late: Micros, unclear: Flags, zone: tzinfo
) -> tuple[Micros, Flags]:
    """Tell the two hours apart when the clocks go back, where the order of the rows shows it.

    Rows in the order of time show the hour twice: the clock rises, falls back once, rises, and goes on behind the hour. Before the
    fall it is the earlier reading, after it the later one. Without rows before, between and behind, nothing is shown.
    """
    if not unclear.any():
        return early, unclear
    utc, unclear = early.copy(), unclear.copy()
    twice = unclear & (_wall(early, zone) == wall) & (_wall(late, zone) == wall)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], twice, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        steps = np.diff(wall[first:last])
        falls = np.flatnonzero(steps < 0)
        enclosed = (
            first > 0 and last < len(wall) and wall[first - 1] < wall[first] and wall[last - 1] < wall[last]
        )
        if len(falls) == 1 and enclosed:
            fall = first + int(falls[0]) + 1
            utc[fall:last] = late[fall:last]
            unclear[first:last] = False
    return utc, unclear


def _assume(wall: Micros, zone: tzinfo) -> tuple[Micros, Micros, Flags]:
    """Return both readings of wall-clock times in a zone that changes its clocks, and where they differ."""
    naive = pa.array(wall).cast(_US)
    try:
        early, late = (
            _micros(pc.assume_timezone(naive, str(zone), ambiguous=side, nonexistent=side)).copy()
            for side in ("earliest", "latest")
        )
    except pa.ArrowInvalid as e:
        raise CheckError(
            f"the zone {zone} cannot be used on this machine: {str(e).splitlines()[0]}",
            remedy="install the system's time zones (tzdata)",
        ) from e
    for row in np.flatnonzero(wall >= _TABLES_END).tolist():
        clock = as_datetime(wall[row])
        offsets = [clock.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
        early[row], late[row] = (wall[row] - offset // timedelta(microseconds=1) for offset in offsets)
    return early, late, early != late


def _from_text(column: pa.Array, zone: tzinfo | None, name: str) -> Instants:
    """Read texts: the first 19 characters are the wall clock, and what follows is one of a few endings."""
    unreadable = _nulls(column)
    try:
        wall = _micros(pc.utf8_slice_codeunits(column, 0, 19).cast(_US))
    except pa.ArrowInvalid:
        return _one_by_one(column, zone, name)
    endings = pc.utf8_slice_codeunits(column, 19).dictionary_encode()
    which = endings.indices.fill_null(0).to_numpy(zero_copy_only=False)
    read = [_ending(text) for text in endings.dictionary.to_pylist()] or [None]
    wrong = np.array([ending is None for ending in read])
    naive = np.array([ending is not None and ending[1] is None for ending in read])
    wall = wall + np.array([ending[0] if ending else 0 for ending in read])[which]
    offset = np.array([ending[1] or 0 if ending else 0 for ending in read])[which]
    return _join(wall, offset, naive[which], unreadable | wrong[which], zone, name)


def _ending(text: str) -> tuple[int, int | None] | None:
    """Return (microseconds, offset in microseconds or None) of what follows the seconds, or None if it is neither."""
    match = _TAIL.fullmatch(text)
    if match is None:
        return None
    fraction = int((match["fraction"] or "").ljust(6, "0")[:6])
    if match["zone"] is None:
        return fraction, None
    try:
        zone = parse_zone(match["zone"])
    except UsageError:
        return None
    return fraction, _offset(zone) if isinstance(zone, timezone) else None


def _one_by_one(column: pa.Array, zone: tzinfo | None, name: str) -> Instants:
    """Read the texts of a batch in which at least one is not in the usual form."""
    wall, offset = np.zeros(len(column), np.int64), np.zeros(len(column), np.int64)
    naive, unreadable = np.zeros(len(column), bool), np.zeros(len(column), bool)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for row, text in enumerate(column.to_pylist()):
        value = (text or "").strip()
        value = f"{value}T00:00:00" if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else value
        ending = re.search(r"\s?([Zz]|[+-]\d{2}:?\d{2})$", value[16:])
        try:
            clock = parse_instant(value[: 16 + ending.start()] if ending else value, naive=UTC)
            shift = parse_zone(ending[1]).utcoffset(None) if ending else None
        except UsageError:
            unreadable[row] = True
            continue
        wall[row] = (clock - epoch) // timedelta(microseconds=1)
        naive[row] = shift is None
        offset[row] = shift // timedelta(microseconds=1) if shift is not None else 0
    return _join(wall, offset, naive, unreadable, zone, name)


def _join(
    wall: Micros, offset: Micros, naive: Flags, unreadable: Flags, zone: tzinfo | None, name: str
) -> Instants:
    """Put together texts with an offset of their own and naive ones."""
    if not (naive & ~unreadable).any():
        return Instants(wall - offset, wall, unreadable, np.zeros(len(wall), bool))
    local = _from_wall(wall, unreadable | ~naive, zone, name)
    utc = np.where(naive, local.utc, wall - offset)
    return Instants(utc, wall, unreadable, local.unclear)


def as_datetime(micros: Any) -> datetime:
    """Return a count of microseconds since 1970 as an aware datetime, for messages."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))
