"""Twins and data sets: making, describing, removing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ldt.errors import Conflict, NotFound
from ldt.model.dataset import DatasetDescription
from ldt.store import views
from ldt.store.connect import translated
from ldt.store.revisions import next_revision


def put_twin(
    conn: psycopg.Connection[Any],
    name: str,
    *,
    title: dict[str, str],
    description: dict[str, str] | None,
    scale: str,
    buffer_m: float,
    manifest: dict[str, Any] | None = None,
) -> int:
    """Make a twin, or bring its description up to date; returns its id."""
    with translated():
        row = conn.execute(
            "INSERT INTO ldt.twin (name, title, description, scale, buffer_m, manifest) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE SET title = excluded.title, description = excluded.description,"
            " scale = excluded.scale, buffer_m = excluded.buffer_m,"
            " manifest = coalesce(excluded.manifest, ldt.twin.manifest) RETURNING id",
            (name, Jsonb(title), _jsonb(description), scale, buffer_m, _jsonb(manifest)),
        ).fetchone()
    assert row is not None  # noqa: S101 - an upsert with RETURNING always returns
    return int(row[0])


def _jsonb(content: Any) -> Jsonb | None:
    return None if content is None else Jsonb(content)


def set_boundary(conn: psycopg.Connection[Any], twin_id: int, dataset_id: int | None) -> None:
    """Take the union of a data set's current polygons as a twin's boundary, and derive what is kept from it.

    The buffer is geodesic: PostGIS buffers a geography in a local projection centred on it.
    """
    with translated():
        conn.execute(
            "UPDATE ldt.twin t SET boundary = b.geom,"
            " selection = ST_Multi(CASE WHEN t.buffer_m > 0 THEN ST_Buffer(b.geom::geography, t.buffer_m)::geometry ELSE b.geom END)"
            " FROM (SELECT ST_Multi(ST_CollectionExtract(ST_Union(geom), 3)) AS geom FROM ldt.feature"
            "        WHERE dataset_id = %(dataset)s AND until IS NULL AND ST_Dimension(geom) = 2) b"
            " WHERE t.id = %(twin)s",
            {"twin": twin_id, "dataset": dataset_id},
        )


def selection(conn: psycopg.Connection[Any], twin_id: int) -> bytes | None:
    """Return WKB (EPSG:4326) of what a twin keeps, or None if it keeps everything."""
    with translated():
        row = conn.execute("SELECT ST_AsBinary(selection) FROM ldt.twin WHERE id = %s", (twin_id,)).fetchone()
    return bytes(row[0]) if row and row[0] is not None else None


def put_dataset(
    conn: psycopg.Connection[Any],
    twin_id: int,
    description: DatasetDescription,
    *,
    name: str,
    shape: Literal["feature", "observation", "coverage"],
    feature_type: str | None,
    recipe: dict[str, Any],
) -> int:
    """Register a data set, or bring its description up to date; returns its id.

    Raises:
        Conflict: it is there with another shape or feature type.
    """
    values = {
        "twin": twin_id,
        "name": name,
        "shape": shape,
        "feature_type": feature_type,
        "title": Jsonb(description.title),
        "description": _jsonb(description.description),
        "publisher": description.publisher,
        "licence": description.licence,
        "licence_uri": description.licence_uri,
        "access": description.access.value,
        "personal": description.personal_data,
        "origin": description.origin,
        "stage": description.data_stage,
        "themes": list(description.themes),
        "anatomy": description.anatomy,
        "dpsir": description.dpsir,
        "frequency": description.update_frequency,
        "recipe": Jsonb(recipe),
    }
    with translated(), _twin_still_there():
        row = conn.execute(
            "INSERT INTO ldt.dataset (twin_id, name, shape, feature_type, title, description, publisher, licence, licence_uri,"
            " access, personal_data, origin, data_stage, themes, anatomy, dpsir, update_frequency, recipe) VALUES (%(twin)s,"
            " %(name)s, %(shape)s, %(feature_type)s, %(title)s, %(description)s, %(publisher)s, %(licence)s, %(licence_uri)s,"
            " %(access)s, %(personal)s, %(origin)s, %(stage)s, %(themes)s, %(anatomy)s, %(dpsir)s, %(frequency)s, %(recipe)s)"
            " ON CONFLICT (twin_id, name) DO UPDATE SET title = excluded.title, description = excluded.description,"
            " publisher = excluded.publisher, licence = excluded.licence, licence_uri = excluded.licence_uri,"
            " access = excluded.access, personal_data = excluded.personal_data, origin = excluded.origin,"
            " data_stage = excluded.data_stage, themes = excluded.themes, anatomy = excluded.anatomy, dpsir = excluded.dpsir,"
            " update_frequency = excluded.update_frequency, recipe = excluded.recipe"
            " WHERE (ldt.dataset.shape, ldt.dataset.feature_type) IS NOT DISTINCT FROM (excluded.shape, excluded.feature_type)"
            " RETURNING id",
            values,
        ).fetchone()
    if row is None:
        raise Conflict(
            f"the data set {name!r} is there with another shape or feature type",
            remedy=f"give it another name, or remove it first (`ldt dataset rm {name}`)",
        )
    return int(row[0])


@contextmanager
def _twin_still_there() -> Iterator[None]:
    try:
        yield
    except ForeignKeyViolation as e:
        raise NotFound("the twin was removed while it was written to") from e


def twin_id(conn: psycopg.Connection[Any], name: str) -> int:
    """Return the id of a twin.

    Raises:
        NotFound: there is none of that name.
    """
    with translated():
        row = conn.execute("SELECT id FROM ldt.twin WHERE name = %s", (name,)).fetchone()
    if row is None:
        raise NotFound(f"there is no twin {name!r}", remedy="`ldt twin list` shows what there is")
    return int(row[0])


def manifest(conn: psycopg.Connection[Any], name: str) -> dict[str, Any]:
    """Return the manifest that a twin was last built from, empty if it has none.

    Raises:
        NotFound: there is no twin of that name.
    """
    identifier = twin_id(conn, name)
    with translated():
        row = conn.execute("SELECT manifest FROM ldt.twin WHERE id = %s", (identifier,)).fetchone()
    return dict(row[0]) if row and row[0] else {}


def twins(conn: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return what is said of all twins; what they hold is told by their snapshots."""
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT t.name, t.title, t.description, t.scale, t.revision, t.created, r.committed AS updated,"
            " ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)] AS bbox FROM ldt.twin t"
            " LEFT JOIN ldt.revision r ON r.twin_id = t.id AND r.revision = t.revision"
            " CROSS JOIN LATERAL (SELECT Box3D(t.boundary) AS b) e ORDER BY t.name"
        ).fetchall()


def remove_dataset(conn: psycopg.Connection[Any], twin: str, name: str) -> int:
    """Take a data set out of what a twin shows, from the next revision on; past snapshots keep it. Returns the revision."""
    identifier = twin_id(conn, twin)
    with translated(), conn.transaction():
        revision = next_revision(conn, identifier, "removal")
        row = conn.execute(
            "UPDATE ldt.dataset SET removed = removed + int8multirange(int8range(%s, NULL))"
            " WHERE twin_id = %s AND name = %s AND NOT upper_inf(removed) RETURNING feature_type",
            (revision, identifier, name),
        ).fetchone()
        if row is None:
            raise NotFound(
                f"{twin} has no data set {name!r}", remedy="`ldt dataset list` shows what there is"
            )
        if row[0] is not None:
            views.refresh(conn, identifier, row[0])
    return revision
