"""Features: batches with the source's own columns become batches of `FEATURE_SCHEMA`, every record with one outcome.

What happens to a record is decided in this order, and the first decision stands:

1. `rejected: malformed`: the reader could not take it apart.
2. `outside: not-selected`: the recipe's `where` is not true for it.
3. `rejected`: its geometry cannot be used (`bad-cell`, `no-crs`, `no-geometry`, `bad-geometry`, `impossible-coordinates`, `invalid-geometry`).
4. `outside: outside`: it does not intersect the twin's selection.
5. `rejected`: `bad-value` (an expression failed), `missing-id`, `missing-value`, `naive-time`, `schema`, `unknown-code`.
6. `duplicate`: its key was there before with equal content; `rejected: id-conflict`: with other content.
7. `repaired`: `empty-geometry`, `crs-of-the-others`, `axis-order`, `invalid-geometry`, `rounding`. All else is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from ldt.errors import LdtError, RecipeError
from ldt.harmonise.cells import GRID_CRS, squares
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.columns import Mapped, Mapper
from ldt.harmonise.content import UNIT, First, SeenKeys, digests, raw_record, shown
from ldt.harmonise.crs import CrsJudgement, Geometries, judge, override
from ldt.harmonise.feature_columns import (
    ID_PARTS,
    check_values,
    documents,
    expressions,
    identify,
    life_span,
)
from ldt.harmonise.feature_types import feature_type
from ldt.harmonise.geometry import Bools, Checked, Problems, check
from ldt.harmonise.recipe import Recipe
from ldt.harmonise.undeclared import after_the_others, of_the_others
from ldt.harmonise.vocabulary import finest_codes
from ldt.model.feature import FEATURE_SCHEMA
from ldt.model.outcome import Outcome, RecordOutcome
from ldt.sources.source import GEOMETRY, MALFORMED, ROW, Batch, DeclaredCrs
from ldt.timerange import parse_zone


@dataclass(slots=True)
class _Fate:
    """What becomes of the records of one batch; positions are those in the batch."""

    alive: Bools
    rejected: Problems = field(default_factory=Problems)
    outside: Problems = field(default_factory=Problems)
    repaired: Problems = field(default_factory=Problems)
    duplicates: dict[int, tuple[int, str]] = field(default_factory=dict)

    def settle(self) -> None:
        """Take the records that have an outcome out of play."""
        for problems in (self.rejected.found, self.outside.found, self.duplicates):
            self.alive[list(problems)] = False


@dataclass(slots=True)
class _Prepared:
    """Records of one batch with what the engine, GEOS and PROJ made of them, and the CRS that were judged first here."""

    records: pa.RecordBatch
    mapped: Mapped
    fate: _Fate
    checked: Checked
    crs: list[CrsJudgement]


class FeatureHarmoniser:
    """Makes features of the records of one data set.

    One harmoniser serves one ingest: it remembers the keys of all its sources, so that a record that comes again, in the same
    or in another file, is a duplicate.

    Args:
        recipe: a recipe of features.
        context: the data set's namespace and the twin's selection.

    Raises:
        RecipeError: the recipe has no `feature`, names a type or property that there is not, or an expression is wrong.
    """

    def __init__(self, recipe: Recipe, context: Context) -> None:
        if recipe.feature is None:
            raise RecipeError(
                "the recipe makes no features", where=recipe.name, remedy="it needs a block `feature`"
            )
        self._recipe = recipe
        self._mapping = mapping = recipe.feature
        self._context = context
        try:
            self._type = feature_type(mapping.type)
            self._type.check_recipe(list(mapping.columns), mapping.required)
            self._zone = parse_zone(mapping.zone) if mapping.zone else None
            for name, vocabulary in mapping.codes.items():
                finest_codes(vocabulary)
                if name not in mapping.columns:
                    raise RecipeError(f"feature.codes: {name!r} is not among the columns")
            self._expressions = expressions(recipe, mapping)
            self._mapper = Mapper(self._expressions)
        except LdtError as e:
            e.where = e.where or recipe.name
            raise
        self._required = sorted({*self._type.required, *mapping.required})
        self._seen, self._seen_keys = SeenKeys(), SeenKeys()
        self._source = -1
        if context.selection is not None:
            shapely.prepare(context.selection)

    def batches(self, batches: Iterable[Batch]) -> Iterator[Chunk]:
        """Yield one chunk for each batch of one source.

        Raises:
            CheckError: the source's CRS is unknown (nothing declares one), impossible, or not where the data must lie.
            RecipeError: an expression does not fit the source's columns.
        """
        self._source += 1
        judgements: dict[DeclaredCrs | None, CrsJudgement] = {}
        with ThreadPoolExecutor(1, thread_name_prefix="harmonise") as pool:
            ahead: Future[_Prepared] | None = None
            for batch in after_the_others(batches, self._undeclared):
                # Python runs in this thread: the reader, and what is left to do for a batch. Engine, GEOS and PROJ, which let
                # Python run, work on the next batch meanwhile.
                before, ahead = ahead, pool.submit(self._prepare, batch, judgements)
                if before is not None:
                    yield self._chunk(before.result())
            if ahead is not None:
                yield self._chunk(ahead.result())

    def _prepare(self, batch: Batch, judgements: dict[DeclaredCrs | None, CrsJudgement]) -> _Prepared:
        """Run the expressions and check the geometries of a batch; batches come here one after another, in order."""
        records, met = batch.records, set(judgements)
        mapped = self._mapper.run(records)
        fate = _Fate(np.ones(records.num_rows, dtype=bool))
        self._select(records, mapped, fate)
        checked = self._check_geometry(self._with_cells(batch, mapped, fate), fate, judgements)
        return _Prepared(records, mapped, fate, checked, [j for c, j in judgements.items() if c not in met])

    def _chunk(self, prepared: _Prepared) -> Chunk:
        features, kept = self._features(prepared)
        chunk = Chunk(features=features, crs=[judgement.entry() for judgement in prepared.crs])
        self._tell(chunk, prepared.records, prepared.fate, kept)
        return chunk

    def _undeclared(self, batch: Batch) -> bool:
        """Whether a batch has geometries, and nothing says in which CRS: neither it nor the recipe."""
        mapping, records = self._mapping, batch.records
        told = batch.crs or self._recipe.source.crs or mapping.cell or mapping.geometry == "none"
        return (
            not told
            and GEOMETRY in records.schema.names
            and records.column(GEOMETRY).null_count < len(records)
        )

    def _select(self, records: pa.RecordBatch, mapped: Mapped, fate: _Fate) -> None:
        """Put aside what the reader could not take apart and what the recipe does not want."""
        if MALFORMED in records.schema.names:
            why = records.column(MALFORMED)
            bad = why.is_valid().to_numpy(zero_copy_only=False)
            fate.rejected.add(
                bad, "malformed", lambda i: f"the record cannot be taken apart: {why[i].as_py()}"
            )
            fate.settle()
        if "where" in self._expressions:
            failed = mapped.failed.get("where")
            if failed is not None:
                every = np.arange(records.num_rows)
                message = partial(self._failure, records, mapped, "where", every)
                fate.rejected.add(failed & fate.alive, "bad-value", message)
                fate.settle()
            wanted = pc.fill_null(mapped.table.column("where").cast(pa.bool_()), False).to_numpy()
            fate.outside.add(~wanted & fate.alive, "not-selected", "the recipe's `where` is not true for it")
            fate.settle()

    def _with_cells(self, batch: Batch, mapped: Mapped, fate: _Fate) -> Batch:
        """Return the batch with the cells of the grid for its geometry, where the recipe makes it of their codes."""
        if self._mapping.cell is None:
            return batch
        polygons, problems = squares(_array(mapped.table.column("cell")))
        bad = np.zeros(len(polygons), dtype=bool)
        bad[list(problems)] = True
        fate.rejected.add(bad & fate.alive, "bad-cell", problems.__getitem__)
        fate.settle()
        records = batch.records
        if GEOMETRY in records.schema.names:
            records = records.drop_columns([GEOMETRY])
        return Batch(records.append_column(GEOMETRY, polygons), GRID_CRS)

    def _check_geometry(
        self, batch: Batch, fate: _Fate, judgements: dict[DeclaredCrs | None, CrsJudgement]
    ) -> Checked:
        source = self._recipe.source
        wkb = batch.records.column(GEOMETRY) if GEOMETRY in batch.records.schema.names else None
        others = of_the_others(judgements.values()) if judgements and self._undeclared(batch) else None
        if wkb is not None and isinstance(others, str):
            fate.rejected.add(wkb.is_valid().to_numpy(zero_copy_only=False) & fate.alive, "no-crs", others)
            fate.settle()

        def judged(geometries: Geometries) -> CrsJudgement:
            if isinstance(others, CrsJudgement):
                return others
            if batch.crs not in judgements:
                declared = override(source.crs, batch.crs) if source.crs else batch.crs
                judgements[batch.crs] = judge(
                    geometries,
                    declared,
                    selection=self._context.selection,
                    country=source.country,
                    because=source.crs_because,
                    certain=self._mapping.cell is not None,
                )
            return judgements[batch.crs]

        if wkb is not None and not fate.alive.all():
            wkb = pc.if_else(pa.array(fate.alive), wkb, None)
        checked = check(wkb, len(fate.alive), self._mapping.geometry, judged, self._context.selection)
        for position, problem in checked.rejected.found.items():
            if fate.alive[position]:
                fate.rejected.found[position] = problem
        fate.settle()
        fate.outside.add(
            checked.outside & fate.alive, "outside", "it does not intersect the twin and its buffer"
        )
        fate.repaired = checked.repaired
        fate.settle()
        return checked

    def _features(self, prepared: _Prepared) -> tuple[pa.RecordBatch | None, Any]:
        """Return the features of the records still in play, and their positions."""
        fate, mapped = prepared.fate, prepared.mapped
        positions = np.flatnonzero(fate.alive)
        if len(positions) == 0:
            return None, positions
        local = Problems()
        records, table = prepared.records, mapped.table
        if len(positions) < records.num_rows:
            records, table = records.take(pa.array(positions)), table.take(pa.array(positions))
        columns = {name: _array(table.column(name)) for name in self._expressions}
        for name, failed in mapped.failed.items():
            message = partial(self._failure, prepared.records, mapped, name, positions)
            local.add(failed[positions], "bad-value", message)
        made = identify(columns, self._context.namespace, local)
        for name in ("valid_from", "valid_to"):
            made[name] = life_span(name, columns, self._zone, len(positions), local)
        check_values(columns, self._mapping, self._type, self._required, local)
        made |= documents(
            {name: columns[name] for name in self._mapping.columns},
            records,
            mapped.used,
            has_raw=self._mapping.raw,
            is_open=self._type.open,
        )
        made["geometry"] = pa.array(shapely.to_wkb(prepared.checked.geometries[positions]), pa.binary())
        made["digest"] = digests(made)
        made["source_row"] = records.column(ROW).cast(pa.int64())
        duplicates = self._duplicates(made, columns, local)
        fate.rejected.found.update({int(positions[i]): p for i, p in local.found.items()})
        fate.duplicates.update({int(positions[i]): first for i, first in duplicates.items()})
        fate.settle()
        batch = pa.RecordBatch.from_pydict({f.name: made[f.name] for f in FEATURE_SCHEMA}, schema=_LOOSE)
        good = fate.alive[positions]
        batch = (batch if good.all() else batch.filter(pa.array(good))).cast(FEATURE_SCHEMA)
        return (batch if batch.num_rows else None), positions[good]

    def _failure(self, records: pa.RecordBatch, mapped: Mapped, name: str, positions: Any, i: int) -> str:
        """Say which expression failed on which values, for the record at `positions[i]`."""
        position = int(positions[i])
        values = ", ".join(f"{c} = {shown(records.column(c)[position])}" for c in mapped.uses[name])
        return f"{name}: {' '.join(self._expressions[name].split())} failed for {values or 'this record'}"

    def _duplicates(
        self, table: dict[str, pa.Array], columns: dict[str, pa.Array], rejected: Problems
    ) -> dict[int, tuple[int, str]]:
        """Return position → (row of the record that it repeats, message); note those that contradict an earlier one."""
        rows, contents, fids = (table[n].to_pylist() for n in ("source_row", "digest", "fid"))
        keys = self._keys(table, columns)
        alike = (
            digests({n: table[n] for n in ("valid_from", "valid_to", "properties", "geometry")}).to_pylist()
            if keys
            else []
        )
        repeats: dict[int, tuple[int, str]] = {}
        if not keys and not rejected.found and self._seen.meet_new(fids, rows, self._source, contents):
            return repeats
        for i, (fid, row, digest) in enumerate(zip(fids, rows, contents, strict=True)):
            if i in rejected.found:
                continue
            before, what = self._seen.meet(fid, First(row, self._source, digest)), f"identifier {fid}"
            same = before is not None and before.content == digest
            key = keys[i] if keys else None
            if before is None and key is not None:
                before = self._seen_keys.meet(key, First(row, self._source, alike[i]))
                same = before is not None and before.content == alike[i]
                what = f"{' and '.join(self._recipe.duplicate_key)} {key.replace(UNIT, ' / ')}"
            if before is None:
                continue
            where = f"record {before.row}" + (
                "" if before.source == self._source else " of an earlier source"
            )
            if same:
                repeats[i] = before.row, f"repeats {where}"
            else:
                rejected.found[i] = ("id-conflict", f"{where} has the same {what} and other content")
        return repeats

    def _keys(self, table: dict[str, pa.Array], columns: dict[str, pa.Array]) -> list[str | None]:
        """Return the recipe's own duplicate key of each record; None where a part of it is null."""
        names = self._recipe.duplicate_key
        if not names:
            return []
        parts = [table[n] if n in ID_PARTS else columns[n] for n in names]
        joined: list[str | None] = pc.binary_join_element_wise(
            *[p.cast(pa.string()) for p in parts], UNIT
        ).to_pylist()
        return joined

    def _tell(self, chunk: Chunk, records: pa.RecordBatch, fate: _Fate, kept: Any) -> None:
        """Fill in the outcomes and the tally."""
        rows = records.column(ROW).to_pylist()
        tally = chunk.tally
        tally.read = records.num_rows
        told: list[RecordOutcome] = []
        for outcome, problems in ((Outcome.REJECTED, fate.rejected), (Outcome.OUTSIDE, fate.outside)):
            for i, (reason, message) in problems.found.items():
                record = raw_record(records, i) if outcome is Outcome.REJECTED else None
                told.append(RecordOutcome(rows[i], outcome, reason, message, record=record))
        for i, (first, message) in fate.duplicates.items():
            told.append(RecordOutcome(rows[i], Outcome.DUPLICATE, "duplicate", message, duplicate_of=first))
        for i, (reason, message) in fate.repaired.found.items():
            if fate.alive[i]:
                told.append(RecordOutcome(rows[i], Outcome.REPAIRED, reason, message))
        chunk.outcomes = sorted(told, key=lambda o: o.row)
        for one in told:
            tally.count(one.outcome, reason=one.reason)
        tally.accepted = len(kept) - tally.repaired


#: FEATURE_SCHEMA before the records that break it are taken out.
_LOOSE = pa.schema([f.with_nullable(True) for f in FEATURE_SCHEMA])


def _array(column: pa.ChunkedArray) -> pa.Array:
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    )
