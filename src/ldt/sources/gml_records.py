"""Records of GML features: what a walk over a feature gives, put into columns, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, SourceError
from ldt.sources.gml_crs import parse_srs_name, with_labels
from ldt.sources.gml_each import parts
from ldt.sources.gml_geometry import GmlGeometryError, Scope, local_name
from ldt.sources.gml_members import Members
from ldt.sources.gml_paths import (
    FoundGeometry,
    LocationPath,
    Place,
    TooDeepError,
    Walk,
    first_axis_labels,
    first_srs_name,
    gml_id,
    parse_path,
)
from ldt.sources.gml_pieces import Pieces
from ldt.sources.gml_shapes import Shapes
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, ROW, Batch, DeclaredCrs

GML_ID = "gml_id"
TYPE = "_type"
#: Of a solid, top minus bottom, in the unit of its third ordinates.
HEIGHT = "_height"
#: Path of the property that the record's geometry comes from, where a feature has several.
GEOMETRY_PATH = "_geometry"
#: Features in a batch, at most; and bytes of geometry and text, so that large features are few in one.
BATCH_FEATURES, BATCH_BYTES = 10_000, 24 * 1024**2
#: Properties whose geometry only marks where a label or an icon is put.
_LABELS = frozenset(
    {
        "referencePoint",
        "representativePoint",
        "labelPoint",
        "annotationPosition",
        "centroid",
        "pointOnSurface",
    }
)


class NotPlainError(Exception):
    """A part of a file that cannot be read by itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a file is wanted; see :class:`ldt.sources.gml.GmlOptions`.

    Attributes:
        paths: column → location path.
        geometry: location path of the geometry property.
        features: local names of the feature types that become records; all without it.
        each: local name of the property of which each makes a record.
    """

    paths: dict[str, str] = field(default_factory=dict)
    geometry: str | None = None
    features: frozenset[str] | None = None
    each: str | None = None


@dataclass(slots=True)
class Reading:
    """The records of the batch that is being made, by column.

    Attributes:
        path: the file.
        wanted: what of it.
        span: bytes of the file, from and up to, in which the members lie that are read; all of it without.
        members, row: members and records that were read, in this file; those that lie before are passed over.
    """

    path: Path
    wanted: Wanted
    span: tuple[int, int] | None = None
    members: int = 0
    row: int = 0
    names: list[str] = field(default_factory=list)
    paths: list[LocationPath] = field(default_factory=list)
    geometry: LocationPath | None = None
    crs: DeclaredCrs | None = None
    places: dict[str, Place] = field(default_factory=dict)
    defined: dict[str, str | None] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    rows: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: list[list[Any]] = field(default_factory=list)
    wkb: list[bytes | None] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    malformed: list[str | None] = field(default_factory=list)
    geometry_paths: list[str | None] = field(default_factory=list)
    heights: list[float | None] = field(default_factory=list)
    axis_labels: str | None = None
    located: bool = False
    size: int = 0

    def __post_init__(self) -> None:
        self.names = list(self.wanted.paths)
        self.paths = [parse_path(path) for path in self.wanted.paths.values()]
        self.geometry = parse_path(self.wanted.geometry) if self.wanted.geometry else None

    def batches(self) -> Iterator[Batch]:
        """Yield the file's records.

        Raises:
            SourceError: the bytes cannot be read; what was read before the damage has been yielded.
            HostileSource: they were made to do harm.
            NotPlainError: the bytes of a span are not whole plain members.
        """
        try:
            for member, member_walk, member_srs in self._walked():
                waiting = [(member, member_walk, member_srs)]
                while waiting:
                    feature, walk, srs_name = waiting.pop()
                    if self.wanted.features is None or local_name(feature.tag) in self.wanted.features:
                        yield from self.add(self.row, feature, walk, srs_name, member)
                    self.row += 1
                    if walk.inlined:
                        around = walk.envelope_srs or srs_name
                        # The first of them is taken up next.
                        waiting += [(f, self.walk(f), around) for f in reversed(walk.inlined)]
        except SourceError:
            # What was read before the damage is good and stays.
            yield from self.flush()
            raise
        yield from self.flush()

    def _walked(self) -> Iterator[tuple[Any, Walk, str | None]]:
        """Yield (feature, walk over it, `srsName` of the collection) of every member, parsing only what must be parsed."""
        if self.wanted.each is not None:
            members = Members(self.path)
            for feature in members:
                for part in parts(feature, self.wanted.each):
                    self.axis_labels = members.axis_labels
                    yield part, self.walk(part), members.srs_name
            return
        pieces = Pieces(self.path, self.span)
        shapes = Shapes(pieces.parse, self.walk)
        for text, allowed in pieces if not self.members else ():
            known = shapes.recall(text) if allowed else None
            if known is None:
                feature = pieces.parse(text) if allowed else None
                if feature is None:
                    break
                known = feature, self.walk(feature)
            self.axis_labels = pieces.axis_labels
            self.members += 1
            yield *known, pieces.srs_name
        if pieces.complete:
            return
        if self.span is not None:
            raise NotPlainError
        # The file is not, or no longer, one of plain members.
        members = Members(self.path)
        for feature in members:
            self.axis_labels = members.axis_labels
            if members.completed >= self.members:
                yield feature, self.walk(feature), members.srs_name

    def walk(self, feature: Any) -> Walk:
        """Walk over a feature.

        Raises:
            HostileSource: it is nested too deep.
        """
        place = self.places.get(feature.tag)
        if place is None:
            place = self.places[feature.tag] = Place((), self.paths, None, feature.tag, self.wanted.features)
        try:
            return Walk(feature, place, self.paths)
        except TooDeepError as e:
            raise HostileSource(str(e), where=self.path.name, remedy="do not trust this file") from e

    def add(
        self, row: int, feature: Any, walk: Walk, collection_srs: str | None, member: Any
    ) -> Iterator[Batch]:
        """Take a feature in; yield the batch before it where its CRS is another, or the batch with it where that is full.

        Args:
            row: its number.
            feature: the element.
            walk: over it.
            collection_srs: `srsName` of what is around it.
            member: the feature in which it stands, or itself: local references are looked up there.
        """
        chosen = self._choose(walk)
        wkb, problem, height = None, None, None
        if chosen is not None:
            crs = self._crs_of(chosen, walk.envelope_srs or collection_srs, member)
            scope = Scope(member, crs)
            try:
                wkb = chosen.wkb(_dimension_of(chosen, crs), scope)
                height = scope.height
            except GmlGeometryError as e:
                problem = f"geometry: {e}"
            if wkb is not None:
                if self.located and crs != self.crs:
                    yield from self.flush()
                self.crs, self.located = crs, True
        for other in [*walk.geometries, *walk.inlined_geometries]:
            if other is not chosen:
                _keep_other(walk, other, member)
        self.rows.append(row)
        self.ids.append(_identifier(feature))
        self.types.append(local_name(feature.tag))
        self.values.append(walk.values)
        self.wkb.append(wkb)
        raw = orjson.dumps(walk.raw).decode()
        self.raw.append(raw)
        self.size += len(raw) + (len(wkb) if wkb is not None else 0)
        self.malformed.append(problem)
        self.geometry_paths.append("/".join(chosen.place.path[:-1]) if chosen is not None else None)
        self.heights.append(height)
        if len(self.rows) >= BATCH_FEATURES or self.size >= BATCH_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[Batch]:
        """Yield what was taken in, if anything, and begin anew."""
        if not self.rows:
            return
        columns: dict[str, pa.Array] = {
            ROW: pa.array(self.rows, pa.int64()),
            GML_ID: pa.array(self.ids, pa.string()),
            TYPE: pa.array(self.types, pa.string()),
            GEOMETRY_PATH: pa.array(self.geometry_paths, pa.string()),
            HEIGHT: pa.array(self.heights, pa.float64()),
        }
        taken = zip(*self.values, strict=True)
        for name, path, values in zip(self.names, self.paths, taken, strict=True):
            columns[name] = pa.array(values, pa.list_(pa.string()) if path.many else pa.string())
        columns[GEOMETRY] = pa.array(self.wkb, pa.binary())
        columns[RAW] = pa.array(self.raw, pa.string())
        columns[MALFORMED] = pa.array(self.malformed, pa.string())
        batch = Batch(pa.RecordBatch.from_pydict(columns), self.crs)
        self.crs, self.located, self.size = None, False, 0
        for column in (
            self.rows,
            self.ids,
            self.types,
            self.values,
            self.wkb,
            self.raw,
            self.malformed,
            self.geometry_paths,
            self.heights,
        ):
            column.clear()
        yield batch

    def _choose(self, walk: Walk) -> FoundGeometry | None:
        """Return the geometry that the recipe names; else the first that is more than a point put there to carry a label."""
        if self.geometry is None:
            found = walk.geometries or walk.inlined_geometries
            if len(found) < 2:
                return found[0] if found else None
            return next((f for f in found if not _LABELS & set(f.place.path)), found[0])
        for candidate in [*walk.geometries, *walk.inlined_geometries]:
            if self.geometry.matches(candidate.place.path[:-1]) or self.geometry.matches(
                candidate.place.path
            ):
                return candidate
        return None

    def _crs_of(self, found: FoundGeometry, inherited: str | None, member: Any) -> DeclaredCrs | None:
        name = found.srs_name or first_srs_name(found.element) or inherited
        if name is None:
            return None
        if name.startswith("#"):
            if name not in self.defined:
                self.defined[name] = Members(self.path).definition(name[1:])
            name = self.defined[name] or name
        crs = parse_srs_name(name)
        if crs is None:
            self.unknown.add(name)
        elif crs.order is AxisOrder.UNKNOWN:
            return with_labels(crs, self._axis_labels(found.element, member))
        return crs

    def _axis_labels(self, element: Any, member: Any) -> str | None:
        """Return the `axisLabels` of a geometry, of what is around it, or of the feature's or the collection's envelope."""
        labels = first_axis_labels(element)
        above = element
        while labels is None and above is not member and (above := above.getparent()) is not None:
            labels = above.get("axisLabels")
            for child in above if labels is None else ():
                if isinstance(child.tag, str) and local_name(child.tag) == "boundedBy":
                    labels = labels or first_axis_labels(child)
        return labels or self.axis_labels


def _identifier(feature: Any) -> str | None:
    return gml_id(feature) or feature.get("fid")


def _dimension_of(found: FoundGeometry, crs: DeclaredCrs | None) -> int | None:
    if found.dimension is not None:
        return found.dimension
    return _axes(crs.text) if crs is not None else None


@lru_cache(maxsize=256)
def _axes(srs_name: str) -> int | None:
    """Return 3 for a CRS with heights (of which only the horizontal part is declared), else None: data may have them still."""
    if srs_name.lower().startswith("urn:ogc:def:crs,") or "/def/crs-compound" in srs_name:
        return 3
    try:
        return 3 if len(CRS.from_user_input(srs_name).axis_info) == 3 else None
    except CRSError:
        return None


def _keep_other(walk: Walk, other: FoundGeometry, member: Any) -> None:
    """Put a geometry that is not the record's own into `raw`, as WKT under the path of its property."""
    key = "/".join(other.place.path[:-1])
    try:
        wkb = other.wkb(other.dimension, Scope(member))
    except GmlGeometryError as e:
        walk.raw[f"{key}/@problem"] = str(e)
        return
    if wkb is not None:
        walk.keep(key, shapely.to_wkt(shapely.from_wkb(wkb), rounding_precision=-1))
        srs_name = other.srs_name or first_srs_name(other.element)
        if srs_name:
            walk.keep(f"{key}/@srsName", srs_name)
