"""The catalogue's records as items: what words find, in five languages, on the sample city; rights; what keeps the words up to date; many data sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.types.json import Jsonb

from ldt.model.snapshot import OPERATOR, PUBLIC, Access
from ldt.store import catalogue, counts, pages, records_items, snapshots
from ldt.store.connect import connect
from ldt.store.pages import Selection
from ldt.store.revisions import next_revision


def search(
    conn: psycopg.Connection[Any],
    *terms: str,
    twin: str = "t",
    access: frozenset[Access] = PUBLIC,
    at: int | None = None,
) -> set[str]:
    with conn.transaction():
        items = records_items.items(snapshots.resolve(conn, twin, access, at))
        asked = Selection(where=records_items.found_by(items, terms))
        found = {position.key for position, _ in pages.page(conn, items, asked, limit=1000)}
        assert counts.count(conn, items, asked) == (len(found), True)
        return found


# The sample city ----------------------------------------------------------------------------------------------

AIR = {"sample-air-quality", "sample-air-quality-legacy"}
COVER = {"sample-land-cover-2018", "sample-land-cover-2024", "sample-land-cover-changes", "sample-land-cover-raster"}  # fmt: skip
PEOPLE = {"sample-population", "sample-population-grid"}
TREES = {"sample-trees", "sample-tree-cover"}


@pytest.fixture(scope="module")
def city(sample_city_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(sample_city_url) as connection:
        yield connection


@pytest.mark.parametrize(
    ("term", "must", "must_not"),
    [
        # a German compound, its parts, without umlauts, in another form
        ("Luftqualität", AIR, TREES),
        ("qualitaet", AIR, TREES),
        ("Bäume", TREES, AIR),
        ("Gebaeude", {"sample-buildings"}, COVER),
        ("Schutzgebiet", {"sample-protected-sites"}, AIR),
        ("Feinstaub", {*AIR, "sample-sensors"}, {"sample-temperature"}),
        ("air quality", AIR, TREES),
        ("tree", TREES, AIR),
        ("protected site", {"sample-protected-sites"}, TREES),
        ("ozone", {"sample-air-quality"}, {"sample-sensors"}),
        # French, with and without accents, with an article that is cut off
        ("qualité de l'air", AIR, TREES),
        ("qualite de l’air", AIR, TREES),
        ("arbre", {"sample-trees"}, AIR),
        ("occupation du sol", COVER, AIR),
        ("calidad del aire", AIR, TREES),
        ("edificio", {"sample-buildings"}, COVER),
        ("CUBIERTA TERRESTRE", COVER, AIR),
        ("alberi", {"sample-trees"}, AIR),
        ("popolazione", PEOPLE, AIR),
        ("copertura del suolo", COVER, AIR),
        # codes, beginnings of words
        ("PM2.5", {"sample-air-quality", "sample-sensors"}, {"sample-temperature"}),
        ("imperm", {"sample-imperviousness"}, AIR),
        ("sample-trees", {"sample-trees"}, {"sample-tree-cover"}),
    ],
)
def test_what_words_find(
    city: psycopg.Connection[Any], term: str, must: set[str], must_not: set[str]
) -> None:
    found = search(city, term, twin="sample-city")
    assert must <= found
    assert not must_not & found


def test_words_of_a_term_follow_each_other_and_terms_are_alternatives(city: psycopg.Connection[Any]) -> None:
    assert search(city, "quality air", twin="sample-city") == set()
    assert search(city, "air   quality", twin="sample-city") == search(
        city, "air quality", twin="sample-city"
    )
    one, other = (search(city, term, twin="sample-city") for term in ("tree", "building"))
    assert search(city, "tree", "building", twin="sample-city") == one | other != one


@pytest.mark.parametrize(
    "term", ["!!!", "'", "a & b | !c", ":*", "\\", "🌳", "(", "<->", "x" * 400, "ß" * 399]
)
def test_nothing_that_is_written_breaks_the_search(city: psycopg.Connection[Any], term: str) -> None:
    assert search(city, term, twin="sample-city") == set()


# By hand ------------------------------------------------------------------------------------------------------


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('t', '{}', 'city')")
        yield connection


def put(conn: psycopg.Connection[Any], name: str, title: dict[str, str], **more: Any) -> int:
    """Make a data set with one version, in a revision of its own; returns its id."""
    columns = {
        "name": name, "shape": "feature", "feature_type": "buildings", "title": Jsonb(title), "licence": "CC0-1.0",
        "origin": "local", "anatomy": "society", "recipe": Jsonb({}), "current_version": 1, **more,
    }  # fmt: skip
    with conn.transaction():
        row = conn.execute(
            f"INSERT INTO ldt.dataset (twin_id, {', '.join(columns)})"
            f" SELECT id, {', '.join(['%s'] * len(columns))} FROM ldt.twin RETURNING id",
            list(columns.values()),
        ).fetchone()
        assert row is not None
        conn.execute(
            "INSERT INTO ldt.version (dataset_id, version, twin_id, revision, key, recipe_digest, harmoniser, selection_digest,"
            " code_version, read, accepted, repaired, rejected, duplicate, outside, derived, missing, rows, added, changed, removed)"
            " VALUES (%s, 1, 1, %s, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
            (row[0], next_revision(conn, 1, "version")),
        )
    return int(row[0])


def test_rights_are_part_of_every_search(conn: psycopg.Connection[Any]) -> None:
    put(conn, "open", {"en": "Noise of roads"})
    put(conn, "secret", {"en": "Noise of barracks"}, access="restricted")
    assert search(conn, "noise") == {"open"}
    assert search(conn, "noise", access=OPERATOR) == {"open", "secret"}
    with conn.transaction():
        items = records_items.items(snapshots.resolve(conn, "t", PUBLIC, None))
        assert pages.one(conn, items, "open")
        assert pages.one(conn, items, "secret") is None
        assert counts.count(conn, items, Selection()) == (1, True)


def test_past_states_have_the_data_sets_of_then(conn: psycopg.Connection[Any]) -> None:
    put(conn, "first", {"en": "Noise"})
    put(conn, "second", {"en": "Noise"})
    assert search(conn, "noise", at=1) == {"first"}
    conn.execute("UPDATE ldt.dataset SET removed = '{[2,)}' WHERE name = 'first'")
    assert search(conn, "noise") == {"second"}


def test_words_are_those_of_the_newest_description(conn: psycopg.Connection[Any]) -> None:
    put(conn, "one", {"en": "Noise", "pl": "Hałas"}, description=Jsonb({"fr": "Bruit des routes"}))
    assert search(conn, "halas") == search(conn, "BRUIT") == {"one"}
    conn.execute("UPDATE ldt.dataset SET title = %s, themes = '{hh}'", (Jsonb({"de": "Lärmkarten"}),))
    assert search(conn, "halas") == set()
    assert search(conn, "Karte") == search(conn, "laerm") == search(conn, "human health") == {"one"}
    conn.execute("DELETE FROM ldt.dataset")
    assert conn.execute("SELECT count(*) FROM ldt.dataset_words").fetchone() == (0,)


def test_words_of_vocabularies_are_found_and_follow_them(conn: psycopg.Connection[Any]) -> None:
    put(conn, "one", {"en": "Something"}, themes=["ps"], dpsir="R", anatomy="structure.environment.air")
    assert search(conn, "protected sites") == search(conn, "Maßnahme") == {"one"}
    assert search(conn, "Umwelt") == {"one"}  # what air is part of
    with conn.transaction():
        conn.execute("UPDATE ldt.vocabulary SET digest = '' WHERE id = 'inspire-themes'")
        conn.execute("UPDATE ldt.dataset_words SET words = ''")
    assert search(conn, "protected sites") == set()
    catalogue.load_catalogue(conn)  # writes the changed vocabulary anew
    assert search(conn, "protected sites") == {"one"}


def test_words_of_two_texts_do_not_follow_each_other(conn: psycopg.Connection[Any]) -> None:
    put(conn, "one", {"en": "Green"}, description=Jsonb({"en": "houses"}))
    put(conn, "two", {"en": "Green houses"})
    assert search(conn, "green houses") == {"two"}


def test_titles_are_in_the_language_that_is_wanted(conn: psycopg.Connection[Any]) -> None:
    put(conn, "a", {"de": "Zoo", "en": "Animals"})
    put(conn, "b", {"de": "Brunnen", "en": "Wells"})
    put(conn, "c", {"nl": "Molens"})
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "t", PUBLIC, None)
        for languages, expected in (
            (["de"], ["Brunnen", "Molens", "Zoo"]),
            (["xx"], ["Animals", "Molens", "Wells"]),
        ):
            items = records_items.items(snapshot, languages)
            asked = Selection(sort=(pages.Sort(items.properties["title"]),))
            rows = [orjson.loads(text) for _, text in pages.page(conn, items, asked, limit=10)]
            assert [r["properties"]["title"] for r in rows] == expected


def test_a_search_in_ten_thousand_data_sets_uses_its_index(conn: psycopg.Connection[Any]) -> None:
    conn.execute("SET session_replication_role = replica")  # the words are put in below
    conn.execute(
        "INSERT INTO ldt.dataset (twin_id, name, shape, feature_type, title, licence, origin, anatomy, recipe, current_version)"
        " SELECT 1, 'd' || n, 'feature', 'buildings', '{\"en\": \"x\"}', '', 'local', 'society', '{}', 1 FROM generate_series(1, 10000) n"
    )
    conn.execute(
        "INSERT INTO ldt.version (dataset_id, version, twin_id, revision, key, recipe_digest, harmoniser, selection_digest,"
        " code_version, read, accepted, repaired, rejected, duplicate, outside, derived, missing, rows, added, changed, removed)"
        " SELECT id, 1, 1, 1, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM ldt.dataset"
    )
    conn.execute(
        "INSERT INTO ldt.dataset_words SELECT id, to_tsvector('simple', 'number n' || id % 2500) FROM ldt.dataset"
    )
    conn.execute("SET session_replication_role = origin")
    next_revision(conn, 1, "version")
    conn.execute("ANALYZE ldt.dataset; ANALYZE ldt.version; ANALYZE ldt.dataset_words")
    assert len(search(conn, "number n7")) == 4
    with conn.transaction():
        items = records_items.items(snapshots.resolve(conn, "t", PUBLIC, None))
        assert counts.count(conn, items, Selection()) == (10_000, True)
        conn.execute(
            "LOAD 'auto_explain'; SET LOCAL auto_explain.log_min_duration = 0; SET LOCAL auto_explain.log_level = notice"
        )
        conn.execute("SET LOCAL client_min_messages = notice")
        plans: list[str] = []
        conn.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
        asked = Selection(where=records_items.found_by(items, ["n7"]))
        assert len(list(pages.page(conn, items, asked, limit=10))) == 4
    assert any("dataset_words_words" in plan for plan in plans)
