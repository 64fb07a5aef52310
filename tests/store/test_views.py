"""The views that a desktop GIS sees: typed, named, styled, fast, and of open data only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
import shapely
from psycopg.conninfo import make_conninfo
from tests.store.loading import load_features, make_twin

from ldt.model.snapshot import Access
from ldt.store import reader, twins, views
from ldt.store.connect import connect

SITES = "protected-sites"
UNITS = "administrative-units"


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as found:
        make_twin(found)
        yield found


def load(conn: psycopg.Connection[Any], objects: dict[str, Any], **options: Any) -> list[str]:
    """Load a data set and bring the views of its feature type up to date, as an ingest does."""
    loaded = load_features(conn, objects, **options)
    row = conn.execute("SELECT twin_id FROM ldt.dataset WHERE id = %s", (loaded.dataset_id,)).fetchone()
    assert row is not None
    return views.refresh(conn, row[0], options.get("feature_type", "generic-features"))


def there(conn: psycopg.Connection[Any]) -> set[str]:
    rows = conn.execute("SELECT table_name FROM information_schema.views WHERE table_schema = 'gis'")
    return {name for (name,) in rows}


def ids(conn: psycopg.Connection[Any], view: str) -> set[str]:
    return {i for (i,) in conn.execute(f'SELECT id FROM gis."{view}"').fetchall()}


def test_one_view_of_a_type_with_a_typed_geometry(conn: psycopg.Connection[Any]) -> None:
    assert load(conn, {"a": "x", "b": "y"}, feature_type=SITES) == ["town_protected_sites"]
    found = conn.execute(
        "SELECT f_table_name, f_geometry_column, coord_dimension, srid, type FROM geometry_columns WHERE f_table_schema = 'gis'"
    ).fetchall()
    assert found == [("town_protected_sites", "geom", 2, 4326, "MULTIPOLYGON")]
    assert ids(conn, "town_protected_sites") == {"things.a", "things.b"}


def test_mixed_dimensions_make_one_view_each(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": "x"}, name="areas", feature_type=SITES)
    load(conn, {"b": "x"}, name="points", feature_type=SITES, geometry=shapely.Point(7, 50))
    line = shapely.LineString([(7, 50), (7.1, 50.1)])
    load(conn, {"c": "x"}, name="lines", feature_type=SITES, geometry=line)
    found = conn.execute("SELECT f_table_name, type FROM geometry_columns WHERE f_table_schema = 'gis'")
    assert dict(found.fetchall()) == {
        "town_protected_sites_points": "MULTIPOINT",
        "town_protected_sites_lines": "MULTILINESTRING",
        "town_protected_sites_polygons": "MULTIPOLYGON",
    }
    assert ids(conn, "town_protected_sites_points") == {"points.b"}
    assert ids(conn, "town_protected_sites_lines") == {"lines.c"}
    assert ids(conn, "town_protected_sites_polygons") == {"areas.a"}


def test_views_show_the_current_state(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": "x", "b": "y"})
    load(conn, {"b": "z", "c": "y"})
    rows = conn.execute(
        "SELECT id, properties ->> 'name' FROM gis.town_generic_features v JOIN ldt.feature f"
        " ON f.fid = v.local_id AND f.until IS NULL"
    ).fetchall()
    assert dict(rows) == {"things.b": "z", "things.c": "y"}


def test_only_the_data_set_that_changed_is_looked_at(conn: psycopg.Connection[Any]) -> None:
    """The others keep the dimensions that they had: all of them, and no more."""
    load(conn, {"a": "x"}, name="areas")
    load(conn, {"b": "x"}, name="points", geometry=shapely.Point(7, 50))
    changed = load_features(conn, {"b": "y"}, name="points").dataset_id
    row = conn.execute("SELECT twin_id FROM ldt.dataset WHERE id = %s", (changed,)).fetchone()
    assert row is not None
    # The points became areas; their old index is still there, but what it is for is gone.
    assert views.refresh(conn, row[0], "generic-features", changed=changed) == ["town_generic_features"]
    other = load_features(conn, {"c": "x"}, name="lines", geometry=shapely.LineString([(7, 50), (8, 51)]))
    names = views.refresh(conn, row[0], "generic-features", changed=other.dataset_id)
    assert names == ["town_generic_features_lines", "town_generic_features_polygons"]
    assert ids(conn, names[1]) == {"areas.a", "points.b"}
    assert ids(conn, names[0]) == {"lines.c"}


def test_columns_are_typed_as_the_schema_says(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": {"scheme": "city", "code": "1", "name": "x", "population": 12}}, feature_type=UNITS)
    names = {"string": "text", "integer": "bigint", "number": "double precision", "boolean": "boolean"}
    stated = {
        key: names.get(str(about.get("type")), "text")
        for key, about in views.feature_schema(UNITS)["properties"].items()
    }
    found = dict(
        conn.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'gis'"
            " AND table_name = 'town_administrative_units'"
        ).fetchall()
    )
    assert len(stated) > 3
    assert stated.items() <= found.items()
    assert found.keys() - stated.keys() == {
        "id", "dataset", "namespace", "local_id", "valid_from", "valid_to", "geom",
    }  # fmt: skip


def test_numbers_come_as_numbers(conn: psycopg.Connection[Any]) -> None:
    cover = {"class": "311", "nomenclature": "corine", "reference_year": 2018, "area_source_ha": 25.5}
    load(conn, {"a": cover}, feature_type="land-cover-units")
    row = conn.execute('SELECT "class", reference_year, area_source_ha FROM gis.town_land_cover_units')
    assert row.fetchone() == ("311", 2018, 25.5)


def test_comment_and_style(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": {"class": "311", "nomenclature": "corine"}}, feature_type="land-cover-units")
    row = conn.execute("SELECT obj_description('gis.town_land_cover_units'::regclass)").fetchone()
    assert row is not None
    title = views.feature_schema("land-cover-units")["x-ldt"]["title"]["en"]
    assert row[0].startswith(title)
    (style,) = conn.execute(
        "SELECT f_table_catalog = current_database(), f_geometry_column, useasdefault, styleqml::text FROM gis.layer_styles"
        " WHERE f_table_schema = 'gis' AND f_table_name = 'town_land_cover_units'"
    ).fetchall()
    assert style[:3] == (True, "geom", True)
    renderer = ElementTree.fromstring(style[3]).find("renderer-v2")  # noqa: S314 - our own text
    assert renderer is not None
    categories = {c.get("value"): c.get("symbol") for c in renderer.iter("category")}
    symbols = {s.get("name"): s for s in renderer.iter("symbol")}
    # colour of 311, broad-leaved forest, in the legend of the EEA: 128, 255, 0
    chosen = symbols[str(categories["311"])].find(".//Option[@name='color']")
    assert chosen is not None
    assert str(chosen.get("value")).startswith("128,255,0")
    assert len(categories) == 44
    assert set(categories.values()) <= set(symbols)


@pytest.mark.parametrize("dimension", [0, 1, 2])
@pytest.mark.parametrize("feature_type", [SITES, UNITS, "land-cover-units", "generic-features"])
def test_every_style_is_well_formed(feature_type: str, dimension: int) -> None:
    root = ElementTree.fromstring(views.style(feature_type, dimension))  # noqa: S314 - our own text
    assert root.tag == "qgis"
    kinds = {s.get("type") for s in root.iter("symbol")}
    assert kinds == {("marker", "line", "fill")[dimension]}


def test_a_bbox_on_a_view_uses_the_expression_index(conn: psycopg.Connection[Any]) -> None:
    load(conn, {f"{c}{i:04d}": "x" for c in "abcdefgh" for i in range(500)}, feature_type=SITES)
    conn.execute("ANALYZE")
    row = conn.execute(
        "EXPLAIN (FORMAT json) SELECT id, geom FROM gis.town_protected_sites"
        " WHERE geom && ST_MakeEnvelope(7.0021, 50, 7.0024, 50.0004, 4326)"
    ).fetchone()
    assert row is not None
    used = set(index_names(row[0][0]["Plan"]))
    index = conn.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'feature_%_gis_2'").fetchone()
    assert index is not None
    assert index[0] in used, json.dumps(row[0])
    found = conn.execute(
        "SELECT count(*) FROM gis.town_protected_sites WHERE geom && ST_MakeEnvelope(7.0021, 50, 7.0024, 50.0004, 4326)"
    ).fetchone()
    assert found == (500,)  # those whose name begins with c


def index_names(plan: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in plan:
        yield plan["Index Name"]
    for part in plan.get("Plans", ()):
        yield from index_names(part)


# What may not be seen -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [Access.RESTRICTED, Access.CONFIDENTIAL])
def test_what_is_not_open_is_in_no_view(conn: psycopg.Connection[Any], access: Access) -> None:
    load(conn, {"a": "x"}, name="secret", access=access)
    assert there(conn) == set()
    load(conn, {"b": "x"}, name="public")
    assert ids(conn, "town_generic_features") == {"public.b"}


def test_what_becomes_restricted_leaves_the_views(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": "x"}, name="one")
    load(conn, {"b": "x"}, name="two")
    load(conn, {"a": "y"}, name="one", access=Access.RESTRICTED)
    assert ids(conn, "town_generic_features") == {"two.b"}
    load(conn, {"b": "y"}, name="two", access=Access.RESTRICTED)
    assert there(conn) == set(), "the view of a type without open data is still there"
    assert conn.execute("SELECT count(*) FROM gis.layer_styles").fetchone() == (0,)


def test_what_is_removed_leaves_the_views(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": "x"}, name="one")
    load(conn, {"b": "x"}, name="two")
    twins.remove_dataset(conn, "town", "one")
    assert ids(conn, "town_generic_features") == {"two.b"}
    twins.remove_dataset(conn, "town", "two")
    assert there(conn) == set()
    load(conn, {"a": "y"}, name="one")
    assert ids(conn, "town_generic_features") == {"one.a"}


def test_a_dimension_that_is_no_more_has_no_view(conn: psycopg.Connection[Any]) -> None:
    load(conn, {"a": "x"}, name="areas")
    load(conn, {"b": "x"}, name="points", geometry=shapely.Point(7, 50))
    assert there(conn) == {"town_generic_features_points", "town_generic_features_polygons"}
    load(conn, {"b": "y"}, name="points")
    assert there(conn) == {"town_generic_features"}
    assert ids(conn, "town_generic_features") == {"areas.a", "points.b"}


def test_twins_whose_names_begin_alike_have_views_of_their_own(conn: psycopg.Connection[Any]) -> None:
    names = [f"{'a-very-' * 9}long-name-{i}" for i in (1, 2)]
    for name in names:
        make_twin(conn, name)
        load(conn, {"a": name}, twin=name)
    found = there(conn)
    assert len(found) == 2
    assert all(len(view) <= 63 for view in found)
    both = [conn.execute(f'SELECT count(*) FROM gis."{view}"').fetchone() for view in sorted(found)]
    assert both == [(1,), (1,)]


def test_the_reader_sees_the_views_and_nothing_else(conn: psycopg.Connection[Any], database_url: str) -> None:
    load(conn, {"a": "x"}, name="before")
    before = set(there(conn))
    grants(database_url)
    load(conn, {"a": "x"}, name="after", feature_type=SITES)  # made later: readable, too
    with psycopg.connect(make_conninfo(database_url), autocommit=True) as other:
        other.execute("SET SESSION AUTHORIZATION ldt_reader")
        for view in before | {"town_protected_sites", "layer_styles"}:
            assert (
                other.execute(f'SELECT count(*) FROM gis."{view}"').fetchone() == (1,)
                or view == "layer_styles"
            )
        refused = 0
        tables = conn.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'ldt'"
        ).fetchall()
        for (table,) in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(f"SELECT * FROM {table} LIMIT 1")
            refused += 1
        assert refused > 15
        for statement in (
            "DELETE FROM gis.layer_styles",
            "CREATE TABLE gis.mine (a int)",
            "CREATE TABLE public.mine (a int)",
            "CREATE SCHEMA mine",
            "DROP VIEW gis.town_protected_sites",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                other.execute(statement)


def grants(database_url: str) -> None:
    """Give the rights that `ldt db connect` gives; they name the database `ldt`, the tests' ones have other names."""
    database = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            reader,
            "_GRANTS",
            tuple(g.replace("DATABASE ldt ", f"DATABASE {database} ") for g in reader._GRANTS),
        )
        reader.grant(database_url, "a password")
