"""Loading by hand, for the tests of the store: canonical batches made without sources and recipes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
import psycopg
import pyarrow as pa
import shapely

from ldt.model.coverage import NewCoverage
from ldt.model.dataset import DatasetDescription
from ldt.model.feature import FEATURE_SCHEMA
from ldt.model.observation import OBSERVATION_SCHEMA, Datastream
from ldt.model.outcome import Tally
from ldt.model.snapshot import Access, Snapshot
from ldt.store import features, pages, twins
from ldt.store.load import Load, Loaded, SourceObject, VersionKey, commit, exclusive
from ldt.store.load_coverages import CoverageRows
from ldt.store.load_features import FeatureRows
from ldt.store.load_observations import ObservationRows
from ldt.store.pages import Position, Selection

EVERYTHING = Selection()
START = datetime(2013, 1, 1, tzinfo=UTC)


def description(name: str, access: Access = Access.OPEN) -> DatasetDescription:
    return DatasetDescription(
        name=name,
        title={"en": name},
        publisher="a test",
        licence="CC0-1.0",
        access=access,
        origin="local",
        anatomy="structure.environment.air",
    )


def make_twin(conn: psycopg.Connection[Any], name: str = "town") -> int:
    return twins.put_twin(conn, name, title={"en": name}, description=None, scale="city", buffer_m=0)


def feature_batch(objects: Mapping[str, Any], geometry: shapely.Geometry | None = None) -> pa.RecordBatch:
    """Features by localId, whose properties are `{"name": …}`; each a small square unless a geometry is given.

    A property `alias` is the feature's other name instead.
    """
    rows = []
    for number, (fid, name) in enumerate(objects.items()):
        place = ord(fid[0]) - ord("a")  # by name, so that an object stays where it is in another order
        shape = (
            geometry
            if geometry is not None
            else shapely.box(7 + place / 1000, 50, 7.0005 + place / 1000, 50.0005)
        )
        content = dict(name) if isinstance(name, dict) else {"name": name}
        alias = content.pop("alias", None)
        properties = orjson.dumps(content).decode()
        wkb = shapely.to_wkb(shape)
        digest = hashlib.blake2b(fid.encode() + wkb + properties.encode(), digest_size=16).digest()
        rows.append(
            {
                "fid": fid,
                "namespace": "town/things",
                "local_id": fid,
                "alias": alias,
                "geometry": wkb,
                "properties": properties,
                "raw": "{}",
                "digest": digest,
                "source_row": number,
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=FEATURE_SCHEMA)


def source(content: object) -> SourceObject:
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    return SourceObject(digest=digest, name="test.gpkg", size=1, media_type=None, kept=False)


def load_features(
    conn: psycopg.Connection[Any],
    objects: Mapping[str, Any],
    *,
    twin: str = "town",
    name: str = "things",
    feature_type: str = "generic-features",
    access: Access = Access.OPEN,
    geometry: shapely.Geometry | None = None,
    indexed: Sequence[str] = (),
) -> Loaded:
    """Make objects the new version of a data set of features; `indexed` are properties that its recipe names as such."""
    twin_id = twins.twin_id(conn, twin)
    with conn.transaction():
        dataset_id = twins.put_dataset(
            conn,
            twin_id,
            description(name, access),
            name=name,
            shape="feature",
            feature_type=feature_type,
            recipe={"feature": {"indexed": list(indexed)}} if indexed else {},
        )
        with exclusive(conn, dataset_id):
            load = begin(conn, twin_id, dataset_id)
            load.rows = FeatureRows(conn, twin_id, dataset_id, load.version, feature_type)
            origin = source(objects)
            load.rows.add(feature_batch(objects, geometry), load.source(origin), ())
            load.tally = Tally(read=len(objects), accepted=len(objects))
            return commit(load, key(origin), "test")


def begin(conn: psycopg.Connection[Any], twin_id: int, dataset_id: int) -> Load:
    row = conn.execute("SELECT current_version FROM ldt.dataset WHERE id = %s", (dataset_id,)).fetchone()
    assert row is not None
    return Load(conn, twin_id, dataset_id, row[0] + 1, rows=None)  # type: ignore[arg-type]


def key(origin: SourceObject) -> VersionKey:
    return VersionKey((origin,), "recipe", "1", "everything")


def observation_batch(values: Sequence[tuple[int, datetime, float]], hours: int = 1) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {
                "datastream": series,
                "time": time,
                "time_end": time + timedelta(hours=hours),
                "value": value,
                "validity": 1,
                "verification": 1,
                "source_row": row,
            }
            for row, (series, time, value) in enumerate(values)
        ],
        schema=OBSERVATION_SCHEMA,
    )


def stream(code: str, observed_property: str = "NO2") -> Datastream:
    return Datastream(f"{code}/{observed_property}", code, observed_property, "ug/m3", "PT1H", "+01:00")


def load_observations(
    conn: psycopg.Connection[Any],
    url: str,
    streams: Sequence[Datastream],
    values: Sequence[tuple[int, datetime, float]],
    *,
    twin: str = "town",
    name: str = "air",
    update: Literal["upsert", "replace"] = "upsert",
    access: Access = Access.OPEN,
) -> Loaded:
    """Make values (series, time, value) the new version of a data set of observations."""
    twin_id = twins.twin_id(conn, twin)
    with conn.transaction():
        dataset_id = twins.put_dataset(
            conn,
            twin_id,
            description(name, access),
            name=name,
            shape="observation",
            feature_type=None,
            recipe={},
        )
        with exclusive(conn, dataset_id):
            load = begin(conn, twin_id, dataset_id)
            load.rows = ObservationRows(conn, url, twin_id, dataset_id, load.version, update)
            origin = source(values)
            load.rows.add(observation_batch(values), load.source(origin), streams)
            load.tally = Tally(read=len(values), accepted=len(values))
            return commit(load, key(origin), "test")


def read_items(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    collection: str = "generic-features",
    selection: Selection = EVERYTHING,
    *,
    limit: int = 1000,
    after: Position | None = None,
) -> list[tuple[Position, dict[str, Any]]]:
    """Return a page of a collection's features as (position, GeoJSON); nothing where the snapshot does not see it."""
    items = features.items(snapshot, collection)
    if items is None:
        return []
    found = pages.page(conn, items, selection, limit=limit, after=after)
    return [(position, orjson.loads(document)) for position, document in found]


def load_coverages(
    conn: psycopg.Connection[Any], *new: NewCoverage, name: str = "cover", access: Access = Access.OPEN
) -> Loaded:
    """Load a version of a data set of coverages, as an ingest does."""
    twin_id = twins.twin_id(conn, "town")
    with conn.transaction():
        dataset = twins.put_dataset(
            conn,
            twin_id,
            description(name, access),
            name=name,
            shape="coverage",
            feature_type=None,
            recipe={},
        )
        with exclusive(conn, dataset):
            made = begin(conn, twin_id, dataset)
            made.rows = rows = CoverageRows(conn, twin_id, dataset, made.version)
            origin = source([name, *(c.code for c in new)])
            for one in new:
                rows.add(one, made.source(origin))
            made.tally = Tally(read=len(new), accepted=len(new))
            return commit(made, key(origin), "test")
