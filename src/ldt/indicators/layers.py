"""Layers: what describes an area in a year, and which of several years a period takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby

import psycopg
import xarray as xr

from ldt.indicators.request import Request, named, resolve
from ldt.model.coverage import Coverage
from ldt.model.indicator import Value
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import coverages


@dataclass(frozen=True, slots=True)
class Layer:
    """What one data set says of one year.

    Attributes:
        year: None where it is not known.
        tiles: its coverages; none where it is made of features.
    """

    dataset: DatasetVersion
    year: int | None
    tiles: tuple[Coverage, ...] = field(default=(), hash=False)


def of_coverages(conn: psycopg.Connection[object], snapshot: Snapshot, observed_property: str) -> list[Layer]:
    """Return the layers of the coverages that have a band of a property and no time axis; the tiles of a year are one layer."""
    found = [
        c
        for c in coverages.listed(conn, snapshot, observed_property=observed_property)
        if c.averaging is None
    ]
    found.sort(key=lambda c: (c.dataset.dataset_id, _year(c) or 0, c.code))
    return [
        Layer(tiles[0].dataset, _year(tiles[0]), tuple(tiles))
        for _, group in groupby(found, key=lambda c: (c.dataset.dataset_id, _year(c)))
        for tiles in (list(group),)
    ]


def latest(request: Request, layers: Sequence[Layer]) -> dict[str, Layer]:
    """Return the layer that each period takes: that of the latest year that is not after the period's last.

    An unknown year is the last resort; of equals the data set that came first. Periods before all layers are left out.
    """
    chosen = {}
    for period in request.periods:
        fitting = [y for y in layers if y.year is None or y.year <= last_year(period)]
        best = max(
            fitting, key=lambda y: (-1 if y.year is None else y.year, -y.dataset.dataset_id), default=None
        )
        if best is not None:
            chosen[period] = best
    return chosen


def too_early(request: Request, chosen: dict[str, Layer], layers: Iterable[Layer], what: str) -> list[Value]:
    """Return the value of each period that lies before all layers; it says what years there are."""
    years = named(sorted({str(y.year) for y in layers if y.year is not None}))
    reason = f"needs {what} of its last year or before; there are those of {years}"
    return [v for v in request.lacking(reason) if v.key.period not in chosen]


def last_year(period: str) -> int:
    """Return the year of a period's last day."""
    end = resolve(period).end
    return end.year - 1 if (end.month, end.day) == (1, 1) else end.year


@contextmanager
def opened(layer: Layer, observed_property: str) -> Iterator[list[xr.DataArray]]:
    """Open the tiles of a layer, and give the band of a property of each, lazily."""
    with ExitStack() as stack:
        yield [stack.enter_context(coverages.opened(c))[observed_property] for c in layer.tiles]


def _year(coverage: Coverage) -> int | None:
    return None if coverage.time_first is None else coverage.time_first.year
