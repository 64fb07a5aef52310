"""Export: a twin, or parts of it, in one state, as files that others read without us; beside them a description with digests.

The description follows the Data Package of Frictionless Standards: resources with path, bytes, hash, licences and sources.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import orjson
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from ldt import __version__
from ldt.errors import NotFound
from ldt.model.coverage import COG
from ldt.model.snapshot import PUBLIC, Access, DatasetVersion, Snapshot
from ldt.pipeline.geopackage import GEOMETRY, KINDS, GeoPackage, Style, value_layers
from ldt.pipeline.tables import (
    OBSERVATION_SCHEMA,
    VALUE_SCHEMA,
    CollectionTable,
    observations_table,
    values_table,
)
from ldt.store import bulk, catalogue, coverages, files, records, snapshots, values, views
from ldt.store.connect import connect, translated
from ldt.store.folders import made
from ldt.store.load import FILES_LOCK

What = Literal["features", "indicators", "observations", "coverages"]
Form = Literal["gpkg", "parquet"]
EVERYTHING: tuple[What, ...] = get_args(What)
PACKAGE = "datapackage.json"
_PAGE = 1000

#: Told what is being written.
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be exported; an empty choice means all.

    Attributes:
        what: kinds of things.
        form: `gpkg` (one GeoPackage) or `parquet` (GeoParquet, a file for each collection); observations are always Parquet.
        collections: of these, the features.
        indicators: of these, the values.
        datasets: of these, the features, observations and coverages.
    """

    what: tuple[What, ...] = EVERYTHING
    form: Form = "gpkg"
    collections: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


@dataclass(slots=True)
class _Export:
    """An export under way."""

    conn: psycopg.Connection[Any]
    snapshot: Snapshot
    asked: Asked
    folder: Path
    step: Step
    resources: list[dict[str, Any]] = field(default_factory=list)
    geopackage: GeoPackage | None = None

    def chosen(self, datasets: Sequence[DatasetVersion]) -> list[DatasetVersion]:
        return [d for d in datasets if not self.asked.datasets or d.name in self.asked.datasets]

    def add(self, path: str, datasets: Collection[str], **about: Any) -> None:
        self.resources.append({"path": path, **about, "datasets": sorted(datasets)})

    def add_layer(self, name: str, datasets: Collection[str], **about: Any) -> None:
        self.add(f"{self.snapshot.twin}.gpkg", datasets, layer=name, **about)

    def package(self) -> GeoPackage:
        if self.geopackage is None:
            self.geopackage = GeoPackage(self.folder / f"{self.snapshot.twin}.gpkg")
        return self.geopackage


def export(
    url: str,
    twin: str,
    folder: Path,
    asked: Asked,
    *,
    at: str | None = None,
    access: frozenset[Access] = PUBLIC,
    step: Step | None = None,
) -> dict[str, Any]:
    """Write a twin in one state into a folder; returns its description, as `datapackage.json` has it.

    Args:
        url: the database.
        twin: name of the twin.
        folder: where; it must not exist, or be empty. It is there whole or not at all.
        asked: what.
        at: the state, a revision or an instant; the newest by default.
        access: the classes of data that may be in it; open ones alone by default.
        step: told what is being written.

    Raises:
        NotFound: no such twin, state, collection, indicator or data set, or it may not be seen.
        Gone: the state was pruned.
        Conflict: the folder holds something.
        StoreError: the database cannot be used, or the folder not be written.
    """
    with made(folder) as new, connect(url, application="ldt export") as conn, translated():
        # Before the state is fixed: from here on no file is deleted.
        conn.execute("SELECT pg_advisory_lock_shared(%s, 0)", (FILES_LOCK,))
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = snapshots.resolve(conn, twin, access, snapshots.parse_at(at))
            _must_be_there(conn, snapshot, asked)
            under_way = _Export(conn, snapshot, asked, new, step or (lambda what: None))
            for what in asked.what:
                _WRITERS[what](under_way)
            if under_way.geopackage:
                under_way.geopackage.finish()
            package = _described(under_way)
        text = orjson.dumps(package, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
        (new / PACKAGE).write_bytes(text)
    return package


def _must_be_there(conn: psycopg.Connection[Any], snapshot: Snapshot, asked: Asked) -> None:
    types = {d.feature_type for d in snapshot.datasets.values() if d.feature_type}
    indicators = set(catalogue.indicator_definitions(conn))
    for given, there, kind in (
        (asked.collections, types, "collection"),
        (asked.indicators, indicators, "indicator"),
        (asked.datasets, set(snapshot.datasets), "data set"),
    ):
        if missing := sorted(set(given) - there):
            raise NotFound(
                f"{snapshot.id} has no {kind} {', '.join(missing)}",
                remedy=f"there are: {', '.join(sorted(there)) or 'none'}",
            )


# Features -----------------------------------------------------------------------------------------------------


def _features(e: _Export) -> None:
    by_type: dict[str, list[DatasetVersion]] = {}
    for dataset in e.chosen(e.snapshot.of_shape("feature")):
        by_type.setdefault(str(dataset.feature_type), []).append(dataset)
    write = _feature_layers if e.asked.form == "gpkg" else _feature_file
    for collection, datasets in sorted(by_type.items()):
        if not e.asked.collections or collection in e.asked.collections:
            e.step(collection)
            write(e, collection, datasets, bulk.contents(e.conn, e.snapshot, datasets))


def _feature_layers(
    e: _Export, collection: str, datasets: Sequence[DatasetVersion], found: bulk.Contents
) -> None:
    """Write a layer for each dimension that a collection has; what has no geometry is in the first."""
    package, table = e.package(), CollectionTable(collection, found)
    title = views.feature_schema(collection).get("x-ldt", {}).get("title", {}).get("en", collection)
    # One that has no geometry at all is a table.
    for number, dimension in enumerate(sorted(found.geometry_types) or [None]):
        kind, suffix, multi = None, "", False
        if dimension is not None:
            kind, multi = _kind(dimension, found.geometry_types[dimension])
            suffix = f"_{KINDS[dimension][1]}" if len(found.geometry_types) > 1 else ""
        geometry = GEOMETRY if kind else None
        name = collection.replace("-", "_") + suffix
        schema = table.schema(geometry)
        counted = _Counted(
            table.batch(d, rows, geometry)
            for d in datasets
            for rows in bulk.features(
                e.conn, e.snapshot, d, dimension=dimension, nulls=number == 0, multi=multi
            )
        )
        package.layer(name, schema, iter(counted), kind, title)
        if dimension is not None:
            qml = views.style(collection, dimension)
            package.styles[name] = [Style("ldt", qml, title)]
        e.add_layer(name, [d.name for d in datasets], title=title, rows=counted.rows, **_fields(schema))


def _kind(dimension: int, types: Sequence[str]) -> tuple[str, bool]:
    """Return the type of a layer's geometry, and whether single geometries are given as multi-geometries."""
    single = KINDS[dimension][0]
    if set(types) == {single.upper()}:
        return single, False
    if set(types) <= {single.upper(), f"MULTI{single.upper()}"}:
        return f"Multi{single}", True
    return "Unknown", False


def _feature_file(
    e: _Export, collection: str, datasets: Sequence[DatasetVersion], found: bulk.Contents
) -> None:
    """Write a collection as GeoParquet 1.1; the CRS is left out of its metadata, which there means OGC:CRS84."""
    table = CollectionTable(collection, found)
    schema = table.schema("geometry")
    names = {kind: _geojson_name(kind) for kinds in found.geometry_types.values() for kind in kinds}
    batches = (
        table.batch(d, rows, "geometry") for d in datasets for rows in bulk.features(e.conn, e.snapshot, d)
    )
    path = f"features/{collection}.parquet"
    rows = _parquet(e.folder / path, _with_geo(schema, sorted(names.values()), found.bbox), batches)
    e.add(path, [d.name for d in datasets], rows=rows, **_fields(schema))


def _geojson_name(kind: str) -> str:
    multi = kind.startswith("MULTI")
    single = kind.removeprefix("MULTI")
    spelt = {
        "POINT": "Point",
        "LINESTRING": "LineString",
        "POLYGON": "Polygon",
        "GEOMETRYCOLLECTION": "GeometryCollection",
    }
    return ("Multi" if multi else "") + spelt[single]


def _with_geo(schema: pa.Schema, types: Sequence[str], bbox: Sequence[float] | None) -> pa.Schema:
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": types}
    if bbox:
        column["bbox"] = bbox
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return schema.with_metadata({b"geo": orjson.dumps(about)})


# Indicators ---------------------------------------------------------------------------------------------------


def _indicators(e: _Export) -> None:
    e.step("indicators")
    definitions = catalogue.indicator_definitions(e.conn)
    present = sorted({o["indicator"] for o in values.overview(e.conn, e.snapshot)})
    wanted = [i for i in present if not e.asked.indicators or i in e.asked.indicators]
    rows = [r for i in wanted for r in _values(e, i)]
    if not rows:
        return
    sources = {name for r in rows for name in r["inputs"]}
    units = {i: definitions[i].unit for i in wanted}
    if e.asked.form == "gpkg":
        counts = value_layers(e.package(), [definitions[i] for i in wanted], rows, e.snapshot.id)
        for name, count in counts.items():
            e.add_layer(name, sources, title="Values of indicators", rows=count, units=units)
        return
    path = "indicators.parquet"
    schema = VALUE_SCHEMA.append(pa.field("geometry", pa.binary()))
    batches = (
        b
        for start in range(0, len(rows), _PAGE)
        for b in values_table(rows[start : start + _PAGE], e.snapshot.id)
    )
    count = _parquet(e.folder / path, _with_geo(schema, [], None), batches)
    e.add(path, sources, rows=count, units=units, **_fields(schema))


def _values(e: _Export, indicator: str) -> Iterator[dict[str, Any]]:
    after, shapes = None, dict[str, str]()
    while True:
        page = values.page(e.conn, e.snapshot, indicator, after=after, limit=_PAGE, geometry=True)
        for row in page:
            # An area has the same geometry in each of its values: one text serves them all.
            row["geometry"] = row["geometry"] and shapes.setdefault(row["geometry"], row["geometry"])
            yield row
        if len(page) < _PAGE:
            return
        last = page[-1]
        after = (last["scheme"], last["code"], last["period_start"], last["period_end"])


# Observations and coverages -----------------------------------------------------------------------------------


def _observations(e: _Export) -> None:
    for dataset in e.chosen(e.snapshot.of_shape("observation")):
        e.step(dataset.name)
        path = f"observations/{dataset.name}.parquet"
        batches = (observations_table(rows) for rows in bulk.observations(e.conn, e.snapshot, dataset))
        rows = _parquet(e.folder / path, OBSERVATION_SCHEMA, batches)
        e.add(path, [dataset.name], rows=rows, **_fields(OBSERVATION_SCHEMA))


def _coverages(e: _Export) -> None:
    names = {d.name for d in e.chosen(e.snapshot.of_shape("coverage"))}
    for coverage in coverages.listed(e.conn, e.snapshot):
        if coverage.dataset.name not in names:
            continue
        e.step(coverage.id)
        path = f"coverages/{coverage.id}{'.tif' if coverage.media_type == COG else '.zarr'}"
        target = e.folder / path
        target.parent.mkdir(exist_ok=True)
        source = coverages.path(coverage)
        if not source.exists():
            raise NotFound(
                f"the file store lacks the file of {coverage.id}",
                where=str(source),
                remedy="ingest its data set again, or restore a backup",
            )
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, target)
        about = {k: v for k, v in coverage.summary().items() if k in ("bands", "grid", "averaging", "steps")}
        e.add(path, [coverage.dataset.name], mediatype=coverage.media_type, **about)


_WRITERS: dict[What, Callable[[_Export], None]] = {
    "features": _features,
    "indicators": _indicators,
    "observations": _observations,
    "coverages": _coverages,
}


# Files and their description ----------------------------------------------------------------------------------


class _Counted:
    """Batches that are counted while they are read."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


def _parquet(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """Write batches as they come; returns how many rows they had."""
    path.parent.mkdir(exist_ok=True)
    counted = _Counted(batches)
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        for batch in counted:
            out.write_batch(batch)
    return counted.rows


def _fields(schema: pa.Schema) -> dict[str, Any]:
    kinds = {"double": "number", "bool": "boolean", "binary": "any"}

    def kind(of: pa.DataType) -> str:
        if pa.types.is_timestamp(of):
            return "datetime"
        return "integer" if pa.types.is_integer(of) else kinds.get(str(of), "string")

    return {"schema": {"fields": [{"name": f.name, "type": kind(f.type)} for f in schema]}}


def _described(e: _Export) -> dict[str, Any]:
    known = {d["name"]: d for d in records.datasets(e.conn, e.snapshot)}
    signed = {path: _signed(e.folder / path) for path in {r["path"] for r in e.resources}}
    resources = []
    for r in e.resources:
        mine = [known[name] for name in r["datasets"] if name in known]
        resources.append(
            {
                "name": r["path"].replace("/", "-").lower() + (f"-{r['layer']}" if "layer" in r else ""),
                **r,
                **signed[r["path"]],
                "licenses": _licences(mine),
            }
        )
    used = sorted({name for r in e.resources for name in r["datasets"] if name in known})
    return {
        "name": e.snapshot.twin,
        "snapshot": e.snapshot.id,
        "committed": e.snapshot.committed,
        "created": datetime.now(UTC).replace(microsecond=0),
        "ldt": __version__,
        "licenses": _licences([known[name] for name in used]),
        "sources": [_source(known[name]) for name in used],
        "resources": resources,
    }


def _licences(datasets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {(d["licence"], d["licence_uri"]) for d in datasets}
    return [
        {"name": name, **({"path": path} if path else {})}
        for name, path in sorted(found, key=lambda pair: (pair[0], pair[1] or ""))
    ]


def _source(dataset: dict[str, Any]) -> dict[str, Any]:
    about = ("name", "title", "publisher", "licence", "licence_uri", "access", "version", "committed")
    return {name: dataset[name] for name in about}


def _signed(path: Path) -> dict[str, Any]:
    """Return size and digest of a file; of a folder, the digest that the file store gives it."""
    if path.is_dir():
        size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        return {"bytes": size, "hash": f"sha256:{files.digest_of(path)}"}
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "hash": f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}",
        }
