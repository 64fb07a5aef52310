"""The catalogue in the database is what the files say, whatever was there before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from ldt.errors import NotFound, RecipeError
from ldt.model.indicator import Definition
from ldt.pipeline.ingest import make_twin
from ldt.settings import shipped
from ldt.store import catalogue, schema
from ldt.store.connect import connect
from ldt.store.schema import is_current


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the files that a test may change."""
    for kind in catalogue.KINDS:
        shutil.copytree(shipped("schemas") / kind, tmp_path / kind)
    return tmp_path


def change(path: Path, **members: Any) -> None:
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | members, allow_unicode=True), "utf-8"
    )


def dump(conn: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    tables = ("vocabulary", "concept", "indicator", "dpsir_chain", "dpsir_node", "dpsir_link")
    return {
        name: conn.execute(f"SELECT x::text FROM ldt.{name} x ORDER BY x::text".encode()).fetchall()
        for name in tables
    }


def written(conn: psycopg.Connection[Any]) -> set[str]:
    """The ids of the vocabularies by the transaction that wrote them."""
    return {f"{i}:{x}" for i, x in conn.execute("SELECT id, xmin::text FROM ldt.vocabulary").fetchall()}


def test_loading_again_changes_nothing(conn: psycopg.Connection[Any]) -> None:
    content, rows = dump(conn), written(conn)
    assert catalogue.load_catalogue(conn) == len(list((shipped("schemas") / "vocabularies").glob("*.yaml")))
    assert dump(conn) == content
    assert written(conn) == rows


def test_only_the_vocabulary_that_changed_is_written(conn: psycopg.Connection[Any], folder: Path) -> None:
    rows = written(conn)
    change(folder / "vocabularies" / "scales.yaml", source="another source")
    catalogue.load_catalogue(conn, folder)
    assert {r.split(":")[0] for r in written(conn) - rows} == {"scales"}
    assert catalogue.vocabulary(conn, "scales")["source"] == "another source"
    assert catalogue.vocabulary(conn, "scales")["concepts"] == 9


def test_what_is_gone_is_removed_but_not_what_runs_refer_to(
    conn: psycopg.Connection[Any], folder: Path
) -> None:
    for gone in (
        "vocabularies/scales",
        "dpsir/flood",
        "indicators/natural-share",
        "indicators/no2-annual-mean",
    ):
        (folder / f"{gone}.yaml").unlink()
    conn.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('t', '{}', 'city')")
    conn.execute(
        "INSERT INTO ldt.run (twin_id, indicator, revision, computed_at, started, finished, code_version, definition,"
        " definition_digest, rules_digest, parameters, inputs) SELECT id, 'no2-annual-mean', 1, 0, now(), now(), '', '{}',"
        " '', '', '{}', '[]' FROM ldt.twin"
    )
    catalogue.load_catalogue(conn, folder)
    with pytest.raises(NotFound, match="no vocabulary 'scales'"):
        catalogue.concepts(conn, "scales")
    with pytest.raises(NotFound, match="flood"):
        catalogue.dpsir(conn, "flood")
    assert "natural-share" not in catalogue.indicator_definitions(conn)
    assert "no2-annual-mean" in catalogue.indicator_definitions(conn)


def test_a_wrong_file_is_named_and_nothing_is_changed(conn: psycopg.Connection[Any], folder: Path) -> None:
    before = dump(conn)
    change(folder / "vocabularies" / "scales.yaml", source="another source")
    change(folder / "law" / "who-2021.yaml", id="who-2005")
    change(folder / "indicators" / "natural-share.yaml", unit=None)
    with pytest.raises(RecipeError, match=r"natural-share\.yaml: unit: "):
        catalogue.load_catalogue(conn, folder)
    assert dump(conn) == before
    with pytest.raises(RecipeError, match=r"who-2021\.yaml: the id is 'who-2005'"):
        catalogue.rule_sets(folder)
    (folder / "dpsir" / "air.yaml").write_text("a: [", "utf-8")
    with pytest.raises(RecipeError, match=r"air\.yaml: not readable as YAML"):
        catalogue.read_files("dpsir", catalogue.KINDS["dpsir"], folder)


def test_concepts_carry_the_tags_of_what_was_checked_less(conn: psycopg.Connection[Any]) -> None:
    (forest,) = catalogue.concepts(conn, "corine", "311")
    assert (forest["checked"], forest["parent"]) == ("V", "31")
    assert forest["properties"]["grid_code"] == 23
    assert forest["properties"]["checked"]["is_natural_seminatural"] == "P"
    assert "grid_code" not in forest["properties"]["checked"]
    (theme,) = catalogue.concepts(conn, "inspire-themes", "ps")
    assert theme["uri"] == "http://inspire.ec.europa.eu/theme/ps"
    with pytest.raises(NotFound, match="no concept '999'"):
        catalogue.concepts(conn, "corine", "999")


def test_chains_come_with_their_nodes_and_arrows(conn: psycopg.Connection[Any]) -> None:
    (air,) = catalogue.dpsir(conn, "air")
    assert [n["role"] for n in air["nodes"]] == sorted((n["role"] for n in air["nodes"]), key="DPSIR".index)
    arrows = {(k["from"], k["to"]) for k in air["links"]}
    assert ("population", "nox-emissions-by-sector") in arrows
    assert ("population", "no2-annual-mean") not in arrows  # no driving force acts on a state
    assert len(catalogue.dpsir(conn)) == 10


def test_definitions_come_back_as_they_were(conn: psycopg.Connection[Any]) -> None:
    files = {d.id: d for d in catalogue.read_files("indicators", Definition)}
    assert catalogue.indicator_definitions(conn) == files
    assert catalogue.indicator_definition(conn, "natural-share") == files["natural-share"]
    with pytest.raises(NotFound, match="there are: data-completeness"):
        catalogue.indicator_definition(conn, "nothing")


def test_other_files_are_noticed_and_loaded_by_the_next_ingest(
    database_url: str, conn: psycopg.Connection[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that brings other vocabularies and no other schema needs no command of its own."""
    assert is_current(conn)
    for module in (schema, catalogue):
        monkeypatch.setattr(module, "shipped", lambda _kind: folder)
    assert is_current(conn)
    change(folder / "vocabularies" / "scales.yaml", source="another source")
    assert not is_current(conn)
    make_twin(database_url, "any")
    assert catalogue.vocabulary(conn, "scales")["source"] == "another source"
    assert is_current(conn)
    rows = written(conn)
    make_twin(database_url, "any")
    assert written(conn) == rows
    (folder / "indicators" / "natural-share.yaml").unlink()
    assert not is_current(conn)
    # A database that nobody wrote the digest into is one of an older version.
    conn.execute("COMMENT ON SCHEMA ldt IS NULL")
    assert not is_current(conn)
    make_twin(database_url, "any")
    assert is_current(conn)
