"""Reader `gml`: features of any GML application schema, INSPIRE's above all, in one pass and bounded memory.

No schema is loaded and none is needed: the recipe's `paths` say where the values of columns stand (see
:mod:`ldt.sources.gml_paths`), everything else arrives under `raw`. Each feature is parsed, walked once, and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from pydantic import Field
from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.errors import HostileSource, RecipeError, SourceError
from ldt.sources.batches import Options, check_options, column_names
from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.gml_geometry import GmlGeometryError, geometry_wkb, local_name
from ldt.sources.gml_members import Members, is_collection
from ldt.sources.gml_paths import (
    FoundGeometry,
    LocationPath,
    Place,
    TooDeepError,
    Walk,
    first_srs_name,
    parse_path,
)
from ldt.sources.gml_pieces import Pieces
from ldt.sources.gml_shapes import Shapes
from ldt.sources.judge import judge
from ldt.sources.source import (
    GEOMETRY,
    MALFORMED,
    RAW,
    ROW,
    Batch,
    DeclaredCrs,
    Description,
    LayerDescription,
)

SUFFIXES = (".gml", ".xml")

GML_ID = "gml_id"
TYPE = "_type"
#: Path of the property that the record's geometry comes from, where a feature has several.
GEOMETRY_PATH = "_geometry"
BATCH_FEATURES = 2_000


class GmlOptions(Options):
    """Options of the reader `gml`.

    Attributes:
        feature: local names of the feature types to take; all without it.
        paths: column → location path.
        geometry: location path of the geometry property, where a feature has several; the first one without it.
    """

    feature: list[str] | None = None
    paths: dict[str, str] = Field(default_factory=dict)
    geometry: str | None = None


class GmlReader:
    """GML."""

    suffixes = SUFFIXES
    options = GmlOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the features, each batch of one CRS; `_row` counts all members, also those of types not asked for."""
        chosen = check_options(GmlOptions, options, "gml")
        names = list(chosen.paths)
        reserved = {GML_ID, TYPE, GEOMETRY_PATH}
        if column_names(names) != names or reserved & set(names):
            raise RecipeError(
                "a column's name is reserved or there twice",
                where="option `paths`",
                remedy="call it something else than _row, _file, _type, _geometry, gml_id, geometry, raw",
            )
        reading = _Reading(
            file=path.name,
            names=names,
            paths=[parse_path(p) for p in chosen.paths.values()],
            geometry=parse_path(chosen.geometry) if chosen.geometry else None,
        )
        taken = frozenset(chosen.feature) if chosen.feature is not None else None
        try:
            for row, feature, walk, srs_name in _walked(path, reading):
                if taken is None or local_name(feature.tag) in taken:
                    yield from reading.add(row, feature, walk, srs_name)
        except SourceError:
            # What was read before the damage is good and stays.
            yield from reading.flush()
            raise
        yield from reading.flush()

    def describe(self, path: Path) -> Description:
        """Tell the feature types, reading the whole file once."""
        reading = _Reading(file=path.name, names=[], paths=[], geometry=None)
        members = Members(path)
        layers: dict[str, LayerDescription] = {}
        bounds: dict[str, list[float]] = {}
        malformed = 0
        for row, feature in enumerate(members):
            walk = reading.walk(feature)
            batches = [*reading.add(row, feature, walk, members.srs_name), *reading.flush()]
            record, crs = batches[-1].records.to_pylist()[0], batches[-1].crs
            name = record[TYPE]
            layer = layers.setdefault(name, LayerDescription(name=name, count=0, columns={}))
            layer.count = (layer.count or 0) + 1
            layer.columns.update(dict.fromkeys(orjson.loads(record[RAW]), "text"))
            malformed += record[MALFORMED] is not None
            if record[GEOMETRY]:
                layer.crs = layer.crs or crs
                geometry = shapely.from_wkb(record[GEOMETRY])
                if geometry.geom_type not in layer.geometry_types:
                    layer.geometry_types.append(geometry.geom_type)
                if layer.crs == crs:
                    box, now = bounds.setdefault(name, [np.inf, np.inf, -np.inf, -np.inf]), geometry.bounds
                    box[:] = [*np.minimum(box[:2], now[:2]), *np.maximum(box[2:], now[2:])]
        for name, layer in layers.items():
            if layer.geometry_types:
                layer.extent, layer.problems = judge(layer.crs, bounds.get(name))
        problems = [f"{malformed} features have geometry that cannot be read"] if malformed else []
        if not layers:
            problems.append("the collection is empty")
        return Description(format="GML", reader="gml", layers=list(layers.values()), problems=problems)


def _walked(path: Path, reading: _Reading) -> Iterator[tuple[int, Any, Walk, str | None]]:
    """Yield (row, feature, walk over it, `srsName` of the collection) of every member, parsing only what must be parsed."""
    pieces = Pieces(path, is_collection)
    shapes = Shapes(pieces.parse, reading.walk)
    done = 0
    for text, allowed in pieces:
        known = shapes.recall(text) if allowed else None
        if known is None:
            feature = pieces.parse(text) if allowed else None
            if feature is None:
                break
            known = feature, reading.walk(feature)
        yield done, *known, pieces.srs_name
        done += 1
    if pieces.complete:
        return
    # The file is not, or no longer, one of plain members.
    members = Members(path)
    for row, feature in enumerate(members):
        if row >= done:
            yield row, feature, reading.walk(feature), members.srs_name


# Records --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reading:
    """The records of the batch that is being made, by column."""

    file: str
    names: list[str]
    paths: list[LocationPath]
    geometry: LocationPath | None
    crs: DeclaredCrs | None = None
    places: dict[str, Place] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: list[list[Any]] = field(default_factory=list)
    wkb: list[bytes | None] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    malformed: list[str | None] = field(default_factory=list)
    geometry_paths: list[str | None] = field(default_factory=list)
    located: bool = False

    def walk(self, feature: Any) -> Walk:
        """Walk over a feature.

        Raises:
            HostileSource: it is nested too deep.
        """
        place = self.places.get(feature.tag)
        if place is None:
            place = self.places[feature.tag] = Place((), self.paths, None, feature.tag)
        try:
            return Walk(feature, place, self.paths)
        except TooDeepError as e:
            raise HostileSource(str(e), where=self.file, remedy="do not trust this file") from e

    def add(self, row: int, feature: Any, walk: Walk, collection_srs: str | None) -> Iterator[Batch]:
        """Take a feature in; yield the batch before it where its CRS is another, or the batch with it where that is full."""
        chosen = self._choose(walk)
        wkb, problem = None, None
        if chosen is not None:
            crs = _crs_of(chosen, walk.envelope_srs or collection_srs)
            try:
                wkb = geometry_wkb(chosen.element, _dimension_of(chosen, crs))
            except GmlGeometryError as e:
                problem = f"geometry: {e}"
            if wkb is not None:
                if self.located and crs != self.crs:
                    yield from self.flush()
                self.crs, self.located = crs, True
        for other in walk.geometries:
            if other is not chosen:
                _keep_other(walk, other)
        self.rows.append(row)
        self.ids.append(_identifier(feature))
        self.types.append(local_name(feature.tag))
        self.values.append(walk.values)
        self.wkb.append(wkb)
        self.raw.append(orjson.dumps(walk.raw).decode())
        self.malformed.append(problem)
        self.geometry_paths.append("/".join(chosen.place.path[:-1]) if chosen is not None else None)
        if len(self.rows) >= BATCH_FEATURES:
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
        }
        for i, (name, path) in enumerate(zip(self.names, self.paths, strict=True)):
            kind = pa.list_(pa.string()) if path.many else pa.string()
            columns[name] = pa.array([values[i] for values in self.values], kind)
        columns[GEOMETRY] = pa.array(self.wkb, pa.binary())
        columns[RAW] = pa.array(self.raw, pa.string())
        columns[MALFORMED] = pa.array(self.malformed, pa.string())
        batch = Batch(pa.RecordBatch.from_pydict(columns), self.crs)
        self.crs, self.located = None, False
        for column in (
            self.rows,
            self.ids,
            self.types,
            self.values,
            self.wkb,
            self.raw,
            self.malformed,
            self.geometry_paths,
        ):
            column.clear()
        yield batch

    def _choose(self, walk: Walk) -> FoundGeometry | None:
        if self.geometry is None:
            return walk.geometries[0] if walk.geometries else None
        for found in walk.geometries:
            if self.geometry.matches(found.place.path[:-1]) or self.geometry.matches(found.place.path):
                return found
        return None


def _identifier(feature: Any) -> str | None:
    for tag, value in feature.items():
        if local_name(tag) in {"id", "fid"} and (
            tag == "fid" or tag.startswith("{http://www.opengis.net/gml")
        ):
            return str(value)
    return None


def _crs_of(found: FoundGeometry, inherited: str | None) -> DeclaredCrs | None:
    name = found.srs_name or first_srs_name(found.element) or inherited
    return parse_srs_name(name) if name else None


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


def _keep_other(walk: Walk, other: FoundGeometry) -> None:
    """Put a geometry that is not the record's own into `raw`, as WKT under the path of its property."""
    key = "/".join(other.place.path[:-1])
    try:
        wkb = geometry_wkb(other.element, other.dimension)
    except GmlGeometryError as e:
        walk.raw[f"{key}/@problem"] = str(e)
        return
    if wkb is not None:
        walk.keep(key, shapely.to_wkt(shapely.from_wkb(wkb), rounding_precision=-1))
        srs_name = other.srs_name or first_srs_name(other.element)
        if srs_name:
            walk.keep(f"{key}/@srsName", srs_name)
