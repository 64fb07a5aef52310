"""A small twin with something in every table, and everything that a database and its file store say, to be held against another."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import shapely
from tests.store.loading import (
    START,
    load_coverages,
    load_features,
    load_observations,
    make_twin,
    source,
    stream,
)
from tests.store.test_coverages import SEALED, cells, coverage

from ldt.model.snapshot import Access
from ldt.pipeline.recompute import recompute
from ldt.store import files, views
from ldt.store.connect import connect, fetch_all

AREA = {"scheme": "city", "code": "1", "name": "Town", "country": "DE"}
TABLES = (
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'ldt'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition ORDER BY 1"
)


def fill(url: str, folder: Path) -> None:
    """Make the twin `town`: objects in two versions, series with history, a coverage, an area, values; bytes of their sources."""
    with connect(url) as conn:
        twin = make_twin(conn)
        first: dict[str, Any] = {
            "a": "A",
            "b": "B",
            "c": {"name": "Ö\u2028", "n": 1.5, "deep": [1, {"x": None}]},
        }
        for objects in (first, {**first, "b": "other"}):
            load_features(conn, objects)
            keep(conn, objects, folder)
        load_features(conn, {"hidden": "x"}, name="secret", access=Access.RESTRICTED)
        load_features(
            conn,
            {"q": AREA},
            name="areas",
            feature_type="administrative-units",
            geometry=shapely.box(7, 50, 7.02, 50.02),
        )
        station = {"name": "Market", "code": "DE01"}
        load_features(
            conn,
            {"s": station},
            name="stations",
            feature_type="environmental-monitoring-facilities",
            geometry=shapely.Point(7.01, 50.01),
        )
        hours = [START + timedelta(hours=h) for h in range(-1, 8759)]
        streams = [stream("DE01"), stream("DE02")]
        load_observations(conn, url, streams, [(i, t, 10 * i + t.hour / 7) for i in (0, 1) for t in hours])
        load_observations(conn, url, streams, [(0, hours[5], 99.5)])
        load_coverages(conn, coverage("2018", cells(SEALED), SEALED))
        load_coverages(conn, coverage("2018", cells(SEALED, seed=2), SEALED))
        for feature_type in ("generic-features", "administrative-units"):
            views.refresh(conn, twin, feature_type)
    recompute(url, "town", ["no2-annual-mean"], periods=["2013"])


def keep(conn: psycopg.Connection[Any], content: object, folder: Path) -> Path:
    """Keep the bytes of a source as an ingest does; returns their folder in the file store."""
    digest = source(content).digest
    file = folder / "test.gpkg"
    file.write_text(repr(content), encoding="utf-8")
    conn.execute("UPDATE ldt.source_object SET kept = true WHERE digest = %s", (digest,))
    return files.keep(digest, [file])


def rows(url: str) -> dict[str, list[str]]:
    """Return every row of every table of the model as PostgreSQL writes it, and the views of `gis` with their rows and styles."""
    with connect(url) as conn:
        found = {t["name"]: _texts(conn, f"ldt.{t['name']}") for t in fetch_all(conn, TABLES)}
        seen = fetch_all(conn, "SELECT viewname AS name FROM pg_views WHERE schemaname = 'gis' ORDER BY 1")
        return found | {f"gis.{v['name']}": _texts(conn, f"gis.{v['name']}") for v in seen}


def _texts(conn: psycopg.Connection[Any], table: str) -> list[str]:
    return [r["text"] for r in fetch_all(conn, f"SELECT x::text AS text FROM {table} x ORDER BY 1")]


def bytes_kept() -> dict[str, bytes]:
    """Return every file of the file store by its path."""
    root = files.root()
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
