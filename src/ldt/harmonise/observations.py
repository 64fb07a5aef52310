"""Observations: from Arrow batches with the source's own columns to canonical observations and outcomes.

Everything on the path of an accepted record is vectorised over the batch; Python steps are spent only on records that are
not simply accepted. What the rules are is told in `docs/observations.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ldt.errors import CheckError, RecipeError
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.columns import INDEX, Mapper
from ldt.harmonise.recipe import ObservationMapping, Recipe
from ldt.harmonise.records import Records, State, assemble, shown
from ldt.harmonise.seen import CONTENT, Seen
from ldt.harmonise.series import Combination, SeriesIndex
from ldt.harmonise.times import Instants, add, as_datetime, instants
from ldt.harmonise.vocabulary import integer_codes
from ldt.model.observation import OBSERVATION_SCHEMA
from ldt.sources.source import FILE, MALFORMED, ROW, Batch
from ldt.timerange import format_instant, parse_zone

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_FirstSeen = Callable[[int], tuple[str, dict[str, Any]]]
_DEFAULT_KEY = {"datastream", "time"}
_EXTRA = "datastream."


class ObservationHarmoniser:
    """Makes observations of the records of one ingest, over all its files.

    Args:
        recipe: a recipe with an `observation` mapping.
        context: what is to be known of the twin; series have no place of their own, so its selection does not apply.

    Raises:
        RecipeError: the recipe's expressions, zone or duplicate key cannot be used.
    """

    def __init__(self, recipe: Recipe, context: Context) -> None:
        if recipe.observation is None:
            raise RecipeError("the recipe has no `observation`", where=recipe.name)
        if recipe.duplicate_key and set(recipe.duplicate_key) != _DEFAULT_KEY:
            raise RecipeError(
                "duplicate_key: observations are the same by datastream and time",
                where=recipe.name,
                remedy="put what else tells them apart into `observation.datastream`",
            )
        self.context = context
        self._mapping = recipe.observation
        self._zone = parse_zone(self._mapping.zone) if self._mapping.zone else None
        expressions = _expressions(self._mapping)
        self._mapper = Mapper(expressions, unpivot=self._mapping.unpivot)
        self._properties = Mapper(self._mapping.properties, unpivot=self._mapping.unpivot)
        extras = [name for name in expressions if name.startswith(_EXTRA)]
        self._series = SeriesIndex(extras, self._mapping.units, self._mapping.zone)
        self._seen = Seen()
        self._files: list[str] = []

    def batches(self, batches: Iterable[Batch], *, name: str | None = None) -> Iterator[Chunk]:
        """Yield a chunk for each batch of one source; call it once per file of an ingest.

        Datastreams and the observations met are remembered from call to call, so that a file that repeats another's is
        found out.

        Args:
            batches: the source's records.
            name: what the source is called in messages; the column `_file` by default.

        Raises:
            CheckError: the source fails as a whole: times without a zone, a unit that is not known.
            RecipeError: an expression does not fit the source's columns.
        """
        self._files.append(name or "")
        for batch in batches:
            records = batch.records
            if not self._files[-1]:
                has_name = records.num_rows and FILE in records.schema.names
                self._files[-1] = str(records.column(FILE)[0]) if has_name else f"source {len(self._files)}"
            yield self._chunk(records)

    def _chunk(self, batch: pa.RecordBatch) -> Chunk:
        mapped = self._mapper.run(batch)
        records = Records(batch, mapped, self._mapping.unpivot)
        _first_checks(records, self._mapping)
        live = records.live()
        table = mapped.table if len(live) == mapped.table.num_rows else mapped.table.take(pa.array(live))
        observations = self._observations(records, table, live) if len(live) else None
        chunk = Chunk(observations=observations, datastreams=list(self._series.datastreams))
        assemble(records, chunk)
        return chunk

    def _observations(self, records: Records, table: pa.Table, live: Rows) -> pa.RecordBatch | None:
        """Check the rows that hold a value; `live` are their places in the batch."""
        begin = instants(table.column("time"), self._zone)
        records.reject(
            live, begin.unreadable, "bad-time", lambda i: f"time {records.given(i, 'time')} is no time"
        )
        records.reject(
            live, begin.unclear, "time-zone",
            lambda i: f"time {records.given(i, 'time')} does not exist or occurs twice in {self._zone}",
        )  # fmt: skip
        which, combinations = self._series.combinations(table, self._first_seen(records, live, begin))
        for number, combination in enumerate(combinations):
            if combination.problem:
                records.reject(live, which == number, *combination.problem)
        end = self._ends(records, table, live, begin, which, combinations)
        value = _values(records, table, live, which, combinations)
        validity = _codes(records, table, live, "validity")
        verification = _codes(records, table, live, "verification")
        series = np.array([c.series for c in combinations], np.int32)[which]

        good = np.flatnonzero(records.state[live] == State.OK)
        row = table.column(ROW).to_numpy()
        if len(row) and row[-1] > np.iinfo(np.int32).max:
            raise CheckError("more than 2,147,483,647 records", remedy="split the file")
        content = np.empty(len(good), CONTENT)
        content["row"], content["file"] = row[good], len(self._files) - 1
        content["value"], content["span"] = value[good], end[good] - begin.utc[good]
        content["flags"] = validity[good] * 16 + verification[good]
        repeats = self._seen.add(series[good], begin.utc[good], content)
        if repeats.repeated.any():
            self._tell_repeats(records, live[good], content, repeats.first, repeats.repeated)
            good = good[~repeats.repeated]
        if not len(good):
            return None
        columns = (series, begin.utc, end, value, validity, verification, row)
        arrays = (
            pa.array(column[good]).cast(field.type, safe=False)
            for column, field in zip(columns, OBSERVATION_SCHEMA, strict=True)
        )
        return pa.RecordBatch.from_arrays(list(arrays), schema=OBSERVATION_SCHEMA)

    def _first_seen(self, records: Records, live: Rows, begin: Instants) -> _FirstSeen:
        kept: list[pa.Table] = []

        def first_seen(row: int) -> tuple[str, dict[str, Any]]:
            if not self._mapping.properties:
                return begin.offset(row), {}
            if not kept:  # what is kept with a series is worked out only in batches that begin one
                kept.append(self._properties.run(records.batch).table)
            place = int(live[row])
            values = {name: shown(kept[0].column(name)[place].as_py()) for name in self._mapping.properties}
            return begin.offset(row), {name: value for name, value in values.items() if value is not None}

        return first_seen

    def _ends(
        self,
        records: Records,
        table: pa.Table,
        live: Rows,
        begin: Instants,
        which: Rows,
        combinations: list[Combination],
    ) -> Rows:
        """Return the ends of the intervals, and reject intervals that are none."""
        instant = np.array([c.averaging is not None and not c.averaging for c in combinations])[which]
        if "time_end" in table.column_names:
            ends = instants(table.column("time_end"), self._zone, "time_end")
            records.reject(
                live,
                ends.unreadable,
                "bad-time",
                lambda i: f"time_end {records.given(i, 'time_end')} is no time",
            )
            records.reject(
                live, ends.unclear, "time-zone",
                lambda i: f"time_end {records.given(i, 'time_end')} does not exist or occurs twice in {self._zone}",
            )  # fmt: skip
            end = ends.utc
        else:
            end = np.zeros(len(live), np.int64)
            durations = {c.averaging for c in combinations if not c.problem}
            for duration in durations:
                rows = np.array([c.averaging == duration for c in combinations])[which]
                if duration is None:
                    records.reject(
                        live, rows, "bad-interval", "the averaging varies and the record gives no end"
                    )
                else:
                    end = np.where(rows, add(begin, duration, self._zone), end)
        empty = (end < begin.utc) | ((end == begin.utc) & ~instant)
        place = {int(row): i for i, row in enumerate(live)} if empty.any() else {}
        records.reject(
            live, empty, "bad-interval",
            lambda i: f"the interval ends at {_time(end[place[i]])}, not after its beginning {_time(begin.utc[place[i]])}",
        )  # fmt: skip
        return end

    def _tell_repeats(self, records: Records, rows: Rows, own: Any, first: Any, repeated: Flags) -> None:
        """Mark the rows that repeat another: a duplicate where they say the same, a conflict where not."""
        this = len(self._files) - 1
        for place in np.flatnonzero(repeated):
            mine, other = own[place], first[place]
            here = int(other["file"]) == this
            of = f"record {other['row']}" + ("" if here else f" of {self._files[int(other['file'])]}")
            same_value = mine["value"] == other["value"]
            if same_value and mine["span"] == other["span"] and mine["flags"] == other["flags"]:
                problem = State.DUPLICATE, "duplicate", f"repeats {of}"
            elif same_value:
                problem = (
                    State.REJECTED,
                    "conflict",
                    f"repeats {of} with the same value {mine['value']:g} but other flags or another end",
                )
            else:
                problem = (
                    State.REJECTED,
                    "conflict",
                    f"contradicts {of}: {other['value']!s} there, {mine['value']!s} here",
                )
            records.mark(int(rows[place]), *problem, duplicate_of=int(other["row"]) if here else None)


def _expressions(mapping: ObservationMapping) -> dict[str, str]:
    expressions = {
        name: sql
        for name in ("thing", "observed_property", "averaging", "time", "time_end", "value", "missing", "unit", "validity", "verification", "where")
        if (sql := getattr(mapping, name)) is not None
    }  # fmt: skip
    expressions |= {f"{_EXTRA}{place}": sql for place, sql in enumerate(mapping.datastream)}
    return expressions


def _first_checks(records: Records, mapping: ObservationMapping) -> None:
    """Set aside what is malformed, not selected, declared missing or failed; in this order, the first one counts."""
    table, failed = records.mapped.table, records.mapped.failed
    everything = np.arange(table.num_rows)
    index = table.column(INDEX).to_numpy()
    if records.malformed is not None:
        reasons = records.batch.column(MALFORMED)
        records.reject(
            everything, records.malformed[index], "malformed", lambda i: str(reasons[int(index[i])].as_py())
        )
    if "where" in failed:
        records.reject(everything, failed["where"], "bad-value", partial(records.failure, name="where"))
    if mapping.where is not None:
        chosen = _booleans(table.column("where"), "where")
        for row in np.flatnonzero(~chosen & (records.state == State.OK)):
            records.mark(int(row), State.OUTSIDE, "not-selected", "the recipe's `where` is not true for it")
    if mapping.missing is not None:
        records.state[_booleans(table.column("missing"), "missing") & (records.state == State.OK)] = (
            State.MISSING
        )
    for name, flags in failed.items():
        reason = "bad-time" if name in {"time", "time_end"} else "bad-value"
        records.reject(everything, flags, reason, partial(records.failure, name=name))


def _booleans(column: pa.ChunkedArray, name: str) -> Flags:
    if not pa.types.is_boolean(column.type):
        if pa.types.is_null(column.type):
            return np.zeros(len(column), bool)
        raise RecipeError(
            f"`{name}` gives values of type {column.type}", remedy="make it a condition, true or false"
        )
    flags: Flags = column.fill_null(False).to_numpy()
    return flags


def _values(
    records: Records, table: pa.Table, live: Rows, which: Rows, combinations: list[Combination]
) -> npt.NDArray[np.float64]:
    """Return the values in the stored unit, and reject what is no number."""
    column = table.column("value").combine_chunks()
    try:
        numbers = column.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        # At least one text is no number; each is read on its own, so that it costs its record only.
        numbers = pa.array([_number(text) for text in column.to_pylist()], pa.float64())
    except pa.ArrowNotImplementedError as e:
        raise RecipeError(
            f"`value` gives values of type {column.type}", remedy="make numbers of them in SQL"
        ) from e
    value: npt.NDArray[np.float64] = numbers.fill_null(np.nan).to_numpy(zero_copy_only=False)
    records.reject(
        live, ~np.isfinite(value), "bad-value", lambda i: f"value {records.given(i, 'value')} is no number"
    )
    conversions = [c.conversion for c in combinations]
    if all(c.factor == 1.0 and c.offset == 0.0 for c in conversions):
        return value
    if len(conversions) == 1:
        return conversions[0](value)
    factor, offset = (
        np.array(list(each), float) for each in zip(*((c.factor, c.offset) for c in conversions), strict=True)
    )
    converted: npt.NDArray[np.float64] = value * factor[which] + offset[which]
    return converted


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _codes(records: Records, table: pa.Table, live: Rows, name: str) -> npt.NDArray[np.int16]:
    """Return the codes of a column, and reject those that the vocabulary does not have."""
    column = table.column(name).combine_chunks()
    if pa.types.is_floating(column.type) or pa.types.is_string(column.type):
        column = pc.if_else(
            pc.is_in(column.cast(pa.string()), value_set=_spelled(name)), column.cast(pa.string()), None
        )
    codes = column.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    known = np.isin(codes, np.array(sorted(integer_codes(f"observation-{name}"))))
    records.reject(
        live,
        ~known,
        "code-list",
        lambda i: f"{name} {records.given(i, name)} is not in the vocabulary observation-{name}",
    )
    return np.where(known, codes, 0).astype(np.int16)


def _spelled(name: str) -> pa.Array:
    return pa.array([str(code) for code in sorted(integer_codes(f"observation-{name}"))])


def _time(micros: Any) -> str:
    return format_instant(as_datetime(micros))
