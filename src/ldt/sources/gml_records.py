"""Records of GML features: what a walk over a feature gives, put into columns, batch by batch."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, SourceError
from ldt.sources.gml_columns import Alike, Plan, made, plan
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
from ldt.sources.gml_rows import Rows, alike_columns, together
from ldt.sources.gml_shapes import Shape, Shapes
from ldt.sources.source import Batch, DeclaredCrs

#: Features in a batch, at most; and bytes of geometry and text, so that large features are few in one.
BATCH_FEATURES, BATCH_BYTES = 10_000, 24 * 1024**2
#: Members of a shape in a batch that are not worth columns of their own.
FEW = 40
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
        everything: whether `raw` has also the leaves that columns have.
    """

    paths: dict[str, str] = field(default_factory=dict)
    geometry: str | None = None
    features: frozenset[str] | None = None
    each: str | None = None
    everything: bool = False


@dataclass(slots=True)
class _Record:
    """A record's geometry: the path of its property, its CRS, well-known binary or what is wrong with it, and the height of a solid."""

    path: str | None = None
    crs: DeclaredCrs | None = None
    wkb: bytes | None = None
    problem: str | None = None
    height: float | None = None


@dataclass(slots=True)
class Reading:
    """The records of the batch that is being made, by column.

    Attributes:
        path: the file.
        wanted: what of it.
        span: bytes of the file, from and up to, in which the members lie that are read; all of it without.
        members, row: members and records that were read, in this file; those that lie before are passed over.
        rows: records of the batch that were walked over one by one.
        alike: members of the batch that wait to become columns, by shape; `waiting` is how many there are.
        srs_name, axis_labels: of the collection.
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
    rows: Rows = field(default_factory=Rows)
    plans: dict[Shape, Plan | None] = field(default_factory=dict)
    alike: dict[Shape, Alike] = field(default_factory=dict)
    waiting: int = 0
    srs_name: str | None = None
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
            cut = self.wanted.each is None and not self.members
            if not (cut and (yield from self._cut())):
                if self.span is not None:
                    raise NotPlainError
                # The file is not, or no longer, one of plain members.
                yield from self._parsed()
        except SourceError:
            # What was read before the damage is good and stays.
            yield from self.flush()
            raise
        yield from self.flush()

    def _cut(self) -> Generator[Batch, None, bool]:
        """Yield the records of plain members, parsing only what must be parsed; return whether these were all there are."""
        pieces = Pieces(self.path, self.span)
        shapes = Shapes(pieces, self.walk)
        for block in pieces:
            self.srs_name, self.axis_labels = pieces.srs_name, pieces.axis_labels
            for shape, found, size in shapes.members(block):
                alike = self.alike.get(shape) if shape is not None else None
                if shape is not None and alike is None:
                    alike = yield from self._begun(shape)
                if alike is not None:
                    alike.rows.append(self.row)
                    alike.values.append(found)
                    self.row += 1
                    self.waiting += 1
                    self.size += size
                    if self.waiting >= BATCH_FEATURES or self.size >= BATCH_BYTES:
                        yield from self.flush()
                elif shape is not None:
                    yield from self._add_member(*shape.fill(list(found)))
                else:
                    feature = pieces.parse(str(found))
                    if feature is None:
                        return False
                    yield from self._add_member(feature, self.walk(feature))
                self.members += 1
        return pieces.complete

    def _parsed(self) -> Iterator[Batch]:
        """Yield the records of the members that were not read yet, each of them parsed."""
        members = Members(self.path)
        for feature in members:
            self.srs_name, self.axis_labels = members.srs_name, members.axis_labels
            if self.wanted.each is not None:
                for part in parts(feature, self.wanted.each):
                    yield from self._add_member(part, self.walk(part))
            elif members.completed >= self.members:
                yield from self._add_member(feature, self.walk(feature))

    def _add_member(self, member: Any, member_walk: Walk) -> Iterator[Batch]:
        """Take the feature of a member in, and those within it."""
        waiting = [(member, member_walk, self.srs_name)]
        while waiting:
            feature, walk, srs_name = waiting.pop()
            if self._is_wanted(feature):
                yield from self.add(self.row, feature, walk, srs_name, member)
            self.row += 1
            if walk.inlined:
                around = walk.envelope_srs or srs_name
                # The first of them is taken up next.
                waiting += [(f, self.walk(f), around) for f in reversed(walk.inlined)]

    def _is_wanted(self, feature: Any) -> bool:
        return self.wanted.features is None or local_name(feature.tag) in self.wanted.features

    def _begun(self, shape: Shape) -> Generator[Batch, None, Alike | None]:
        """Return where members of a shape wait in this batch; None if they are to be walked over one by one."""
        if not self._is_wanted(shape.feature):
            return None
        if shape not in self.plans:
            chosen = self._choose(shape.walk)
            crs, dimension = None, None
            if chosen is not None:
                around = shape.walk.envelope_srs or self.srs_name
                crs = self._crs_of(chosen, around, shape.feature)
                dimension = _dimension_of(chosen, crs)
            self.plans[shape] = plan(shape, local_name(shape.feature.tag), crs, chosen, dimension)
        made_so = self.plans[shape]
        if made_so is None:
            return None
        if made_so.geometry is not None:
            if self.located and made_so.crs != self.crs:
                yield from self.flush()
            self.crs, self.located = made_so.crs, True
        self.alike[shape] = Alike(made_so)
        return self.alike[shape]

    def walk(self, feature: Any) -> Walk:
        """Walk over a feature.

        Raises:
            HostileSource: it is nested too deep.
        """
        place = self.places.get(feature.tag)
        if place is None:
            place = self.places[feature.tag] = Place((), self.paths, None, feature.tag, self.wanted.features)
        try:
            return Walk(feature, place, self.paths, everything=self.wanted.everything)
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
        record = self._record(walk, collection_srs, member)
        if record.wkb is not None:
            if self.located and record.crs != self.crs:
                yield from self.flush()
            self.crs, self.located = record.crs, True
        self._keep(row, feature, walk, record)
        if len(self.rows.rows) >= BATCH_FEATURES or self.size >= BATCH_BYTES:
            yield from self.flush()

    def _record(self, walk: Walk, collection_srs: str | None, member: Any) -> _Record:
        """Return a feature's geometry; keep its others."""
        chosen = self._choose(walk)
        record = _Record()
        if chosen is not None:
            record.path = "/".join(chosen.place.path[:-1])
            record.crs = self._crs_of(chosen, walk.envelope_srs or collection_srs, member)
            scope = Scope(member, record.crs)
            try:
                record.wkb = chosen.wkb(_dimension_of(chosen, record.crs), scope)
                record.height = scope.height
            except GmlGeometryError as e:
                record.problem = f"geometry: {e}"
        for other in [*walk.geometries, *walk.inlined_geometries]:
            if other is not chosen:
                _keep_other(walk, other, member)
        return record

    def _keep(self, row: int, feature: Any, walk: Walk, record: _Record) -> None:
        identifier = gml_id(feature) or feature.get("fid")
        name = local_name(feature.tag)
        found = record.path, record.wkb, record.problem, record.height
        self.size += self.rows.add(row, identifier, name, walk.values, walk.raw, *found)

    def flush(self) -> Iterator[Batch]:
        """Yield what was taken in, if anything, and begin anew."""
        columns = []
        for shape, alike in self.alike.items():
            odd: Sequence[int] = range(len(alike.rows))
            done = made(alike) if len(alike.rows) >= FEW else None
            if done is not None:
                odd = done.odd
                columns.append(alike_columns(alike.plan, done, self.names))
            for place in odd:
                feature, walk = shape.fill(list(alike.values[place]))
                self._keep(alike.rows[place], feature, walk, self._record(walk, self.srs_name, feature))
        if self.rows.rows:
            columns.append(self.rows.columns(self.names, self.paths))
        if not columns:
            return
        batch = Batch(together(columns), self.crs)
        self.crs, self.located, self.size, self.waiting = None, False, 0, 0
        self.rows, self.alike = Rows(), {}
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
