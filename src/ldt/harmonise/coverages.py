"""Coverages: a file of cells becomes one coverage, with one outcome.

What happens to a file is decided in this order, and the first decision stands:

1. `rejected`: `missing-band`, `unusable-band`, `different-grids`, `no-grid`, `rotated`: what the recipe reads is not there as it must be;
   `crs`: none, impossible, or not where the data must lie; `axis-order`: it tells north where it should tell east.
2. `outside`: no cell lies in the twin's selection.
3. `duplicate`: the same bytes again; `rejected`: `no-code`, `code-conflict`, `time`, `classes`, `values` (no unit,
   or most of them cannot be).
4. `repaired`: `out-of-range`, `unknown-class`: cells made no data. All else is accepted.

Cells stay where they are and as they are, but for their order (x ascending, y descending, longitudes from -180 to 180), their unit, and
the codes of classes. They are read twice: once to look at them, once to store them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from ldt.axis import AxisOrder
from ldt.errors import CheckError, LdtError, RecipeError
from ldt.harmonise.bands import BandReader, Classes, Numbers, class_codes, float_type
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.crs import CrsJudgement, judge, override
from ldt.harmonise.grids import Cut, arrange, box_of, clip, footprint
from ldt.harmonise.periods import times_of
from ldt.harmonise.recipe import CoverageMapping, Recipe
from ldt.harmonise.vocabulary import ObservedProperty, observed_property
from ldt.model.coverage import NewCoverage
from ldt.model.feature import encode_fid
from ldt.model.outcome import Outcome, RecordOutcome
from ldt.sources.source import Layer, Raster
from ldt.timerange import parse_duration, parse_period, parse_zone

#: Cells looked at together.
_BLOCK_CELLS = 4_000_000


class _Settled(Exception):
    """A file has its outcome, and no coverage."""

    def __init__(self, outcome: Outcome, reason: str, message: str) -> None:
        super().__init__(message)
        self.outcome, self.reason, self.message = outcome, reason, message


class CoverageHarmoniser:
    """Makes coverages of the files of one data set; one harmoniser serves one ingest, so that a code is given once.

    Args:
        recipe: a recipe of coverages.
        context: the data set's namespace and the twin's selection.

    Raises:
        RecipeError: the recipe has no `coverage`, or names a property, vocabulary, duration, zone or pattern that there is not.
    """

    def __init__(self, recipe: Recipe, context: Context) -> None:
        if recipe.coverage is None:
            raise RecipeError(
                "the recipe makes no coverages", where=recipe.name, remedy="it needs a block `coverage`"
            )
        self._recipe, self._context, self._mapping = recipe, context, recipe.coverage
        try:
            self._observed = {code: _observed(code) for code in recipe.coverage.bands}
            _check(recipe.coverage, recipe.source.reader)
        except LdtError as e:
            raise RecipeError(e.message, where=e.where or recipe.name, remedy=e.remedy) from e
        #: Code → name and digest of the file that has it.
        self._codes: dict[str, tuple[str, str]] = {}
        if context.selection is not None:
            shapely.prepare(context.selection)

    def batches(self, rasters: Iterable[Raster]) -> Iterator[Chunk]:
        """Yield one chunk for each raster; its coverage's cells can be read until the next chunk is asked for.

        Raises:
            SourceError: cells cannot be read.
        """
        for raster in rasters:
            yield self._chunk(raster)

    def _chunk(self, raster: Raster) -> Chunk:
        chunk = Chunk()
        chunk.tally.read = 1
        outcome, reason, message, record = Outcome.ACCEPTED, None, "", None
        try:
            coverage, repairs = self._coverage(raster, chunk)
            chunk.coverages = [coverage]
            if repairs:
                outcome, reason = Outcome.REPAIRED, repairs[0][0]
                message = "; ".join(message for _, message in repairs)
        except _Settled as settled:
            outcome, reason, message = settled.outcome, settled.reason, settled.message
            if outcome is Outcome.REJECTED:
                record = {
                    "file": raster.name,
                    "digest": raster.digest,
                    "bands": [x.name for x in raster.layers],
                }
        if reason is not None:
            repeated = 0 if outcome is Outcome.DUPLICATE else None
            chunk.outcomes = [RecordOutcome(0, outcome, reason, message, repeated, record)]
        chunk.tally.count(outcome, reason=reason)
        return chunk

    def _coverage(self, raster: Raster, chunk: Chunk) -> tuple[NewCoverage, list[tuple[str, str]]]:
        """Return the coverage of a file, and (reason, message) of what was repaired in it."""
        layers = self._layers(raster)
        first = next(iter(layers.values()))
        crs, judgement, cut = self._place(first)
        chunk.crs = [judgement.entry()]
        cut, outline = self._clip(cut, crs, judgement)
        code = self._code(raster)
        with _rejected("time"):
            times = times_of(self._mapping, raster.name, first.time)
        bands, found = self._bands(layers, cut, len(times.steps))
        self._codes[code] = raster.name, raster.digest
        quality: dict[str, Any] = {"bands": found}
        if absent := [code for code in self._observed if code not in layers]:
            quality["absent"] = absent
        if times.note:
            quality["time"] = times.note
        if method := [note for note in dict.fromkeys(x.note for x in layers.values()) if note]:
            quality["method"] = "; ".join(method)

        def read(number: int, step: int, start: int, stop: int) -> NDArray[Any]:
            band = bands[number]
            return band.convert(cut.read(band.layer, step, start, stop))

        coverage = NewCoverage(
            code=code,
            bands=tuple(band.band for band in bands),
            grid=cut.grid,
            time_first=times.first,
            time_last=times.last,
            times=times.steps,
            averaging=times.averaging,
            footprint=shapely.to_wkb(outline),
            read=read,
            quality=quality,
        )
        return coverage, [repair for band in bands for repair in band.repairs]

    def _layers(self, raster: Raster) -> dict[str, Layer]:
        """Return the layers that the recipe's bands are read from, by observed property; those that the file has."""
        layers = {}
        for code, band in self._mapping.bands.items():
            wanted = [str(s) for s in (band.source if isinstance(band.source, list) else [band.source])]
            by_name = {name: x for x in reversed(raster.layers) for name in (x.label, x.name) if name}
            found = next((by_name[name] for name in wanted if name in by_name), None)
            if found is not None:
                layers[code] = found
        if not layers:
            there = ", ".join(x.name for x in raster.layers)
            raise _reject(
                "missing-band",
                f"it has none of the bands that the recipe reads; it has {there} (correct coverage.bands in the recipe)",
            )
        for layer in layers.values():
            if layer.problem is not None:
                raise _reject("unusable-band", f"{layer.name} {layer.problem}")
        if len({(x.width, x.height, x.transform, x.time) for x in layers.values()}) > 1:
            raise _reject(
                "different-grids",
                f"{', '.join(x.name for x in layers.values())} do not lie on the same cells and times (make a recipe for each)",
            )
        return layers

    def _place(self, layer: Layer) -> tuple[CRS, CrsJudgement, Cut]:
        """Judge where a layer lies; return its CRS, that judgement, and all its cells in order."""
        if layer.transform is None or not np.isfinite(layer.transform).all():
            raise _reject("no-grid", "its cells do not lie on a regular grid that the file states")
        if layer.transform[1] or layer.transform[3]:
            raise _reject("rotated", "its grid is rotated against its CRS (warp it first: gdalwarp)")
        if not (layer.transform[0] and layer.transform[4]):
            raise _reject("no-grid", "its cells have no size")
        source = self._recipe.source
        with _rejected("crs"):
            declared = override(source.crs, layer.crs) if source.crs else layer.crs
            if declared is None:
                raise CheckError(
                    "no CRS is declared",
                    remedy="state the right one in the recipe: source.crs, with source.crs_because",
                )
            crs = CRS.from_json(declared.projjson)
            cut = arrange(layer, layer.transform, crs, self._context.selection)
            if cut is None:
                raise CheckError(
                    "there are gaps between its columns, as longitudes are counted from -180 to 180",
                    remedy="a grid over the antimeridian is taken by a twin that lies on one side of it",
                )
            judgement = judge(
                np.array([box_of(cut.grid, geographic=crs.is_geographic)]),
                declared,
                selection=self._context.selection,
                country=source.country,
                because=source.crs_because,
            )
        if judgement.found is AxisOrder.YX:
            raise _reject(
                "axis-order",
                f"{judgement.reason}: its transformation tells north where it should tell east (correct the file: gdal_edit -a_ullr)",
            )
        return crs, judgement, cut

    def _clip(self, cut: Cut, crs: CRS, judgement: CrsJudgement) -> tuple[Cut, BaseGeometry]:
        """Return the cells about the twin, and their outline in EPSG:4326."""
        selection = self._context.selection
        kept = clip(cut, crs, selection)
        if kept is not None:
            outline = footprint(kept.grid, judgement, geographic=crs.is_geographic)
            if selection is None or selection.intersects(outline):
                return kept, outline
        raise _Settled(Outcome.OUTSIDE, "outside", "none of its cells lies in the twin and its buffer")

    def _code(self, raster: Raster) -> str:
        """Return the code of a file's coverage, which no earlier file has."""
        code = raster.name.rsplit(".", 1)[0] or raster.name
        if self._mapping.code is not None:
            found = re.search(self._mapping.code, raster.name)
            if found is None or not found.group(1):
                raise _reject(
                    "no-code", f"the name of the file does not tell its code (pattern {self._mapping.code})"
                )
            code = found.group(1)
        code = encode_fid("", code, "")
        if code not in self._codes:
            return code
        name, digest = self._codes[code]
        if digest == raster.digest:
            raise _Settled(Outcome.DUPLICATE, "duplicate", f"repeats {name}")
        raise _reject("code-conflict", f"{name} has the code {code} too (tell them apart with coverage.code)")

    def _bands(
        self, layers: dict[str, Layer], cut: Cut, steps: int
    ) -> tuple[list[BandReader], dict[str, Any]]:
        """Return the bands, looked through, and what was found in each."""
        bands: list[BandReader] = []
        found = {}
        # A file has one type for all of its bands, and a cube no value for "none" but NaN.
        dtype = None if len(layers) == 1 and not steps else float_type(layers.values())
        for code, layer in layers.items():
            mapping, observed = self._mapping.bands[code], self._observed[code]
            with _rejected("classes" if mapping.vocabulary else "values"):
                band: BandReader = (
                    Classes(observed, mapping, layer)
                    if mapping.vocabulary
                    else Numbers(observed, mapping, layer, dtype)
                )
                for step in range(max(1, steps)):
                    for start, stop in _stripes(cut):
                        band.look(cut.read(layer, step, start, stop))
                found[code] = band.judge()
            bands.append(band)
        return bands, found


def _stripes(cut: Cut) -> Iterator[tuple[int, int]]:
    """Yield (first row, row after the last) of stripes of as many cells as are looked at together."""
    rows = max(1, _BLOCK_CELLS // cut.grid.width)
    for start in range(0, cut.grid.height, rows):
        yield start, min(start + rows, cut.grid.height)


def _reject(reason: str, message: str) -> _Settled:
    return _Settled(Outcome.REJECTED, reason, message)


@contextmanager
def _rejected(reason: str) -> Iterator[None]:
    """Make a check that fails for a file the reason why it is turned away."""
    try:
        yield
    except CheckError as e:
        raise _reject(reason, f"{e.message} ({e.remedy})" if e.remedy else e.message) from e


def _observed(code: str) -> ObservedProperty:
    found = observed_property(code)
    if found is None or found.code != code:
        raise RecipeError(
            f"coverage.bands: {code!r} is no observed property",
            remedy="take a code of schemas/vocabularies/observed-properties.yaml",
        )
    return found


def _check(mapping: CoverageMapping, reader: str) -> None:
    """Refuse a recipe whose words mean nothing, before a file is opened.

    Raises:
        LdtError: such a one.
    """
    classes = [bool(band.vocabulary) for band in mapping.bands.values()]
    if len(set(classes)) > 1:
        raise RecipeError("coverage.bands: classes and numbers in one file", remedy="write a recipe for each")
    for code, band in mapping.bands.items():
        if band.vocabulary and band.values:
            raise RecipeError(f"coverage.bands.{code}: `values` goes with numbers, not with classes")
        if band.vocabulary:
            class_codes(band.vocabulary, band.alternative)
        elif band.alternative:
            raise RecipeError(f"coverage.bands.{code}: `alternative` goes with `vocabulary`")
        if reader == "cube" and isinstance(band.source, int):
            raise RecipeError(
                f"coverage.bands.{code}.source: a cube has variables with names, no numbered bands",
                remedy="see `ldt inspect` for their names",
            )
    for name in ("code", "period_pattern"):
        pattern = getattr(mapping, name)
        try:
            groups = re.compile(pattern).groups if pattern else 1
        except re.error as e:
            raise RecipeError(f"coverage.{name}: is no regular expression: {e}") from e
        if groups < 1:
            raise RecipeError(f"coverage.{name}: needs a group in parentheses")
    zone = parse_zone(mapping.zone or "UTC")
    if mapping.period:
        parse_period(mapping.period, zone)
    if mapping.averaging:
        parse_duration(mapping.averaging)
