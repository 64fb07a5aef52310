"""`ldt twin rm` and `ldt dataset prune`: asked first, told in one document, wrong usage in one line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.loading import load_features, make_twin

from ldt import cli
from ldt.cli import output
from ldt.settings import settings
from ldt.store.connect import connect


@pytest.fixture(autouse=True)
def _town(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATABASE_URL", database_url)
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    with connect(database_url) as conn:
        make_twin(conn)
        load_features(conn, {"a": "A"})
        load_features(conn, {"a": "B"})
    yield
    output.reset()
    settings.cache_clear()


def twins(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.run(["twin", "list", "--json"]) == 0
    return [t["name"] for t in json.loads(capsys.readouterr().out)]


def test_a_twin_is_not_deleted_where_nobody_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["twin", "rm", "town", "--json"]) == 2
    problem = json.loads(capsys.readouterr().out)
    assert (problem["detail"], problem["remedy"]) == (
        "this cannot be undone, and nobody can be asked",
        "say --yes",
    )
    assert twins(capsys) == ["town"]


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 130, ["town"]), ("y\n", 0, [])])
def test_who_can_be_asked_is(
    answer: str,
    code: int,
    left: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", terminal)
    assert cli.run(["twin", "rm", "town"]) == code
    asked = capsys.readouterr()
    assert "Delete the twin town" in asked.err
    assert asked.out == ("" if code else "town and its 1 data sets are deleted.\n")
    assert twins(capsys) == left


def test_yes_deletes_it_and_says_what(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["twin", "rm", "town", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "twin": "town",
        "datasets": ["things"],
        "files": {"deleted": 0, "bytes": 0, "left": 0},
    }
    assert twins(capsys) == []
    assert cli.run(["twin", "rm", "town", "--yes"]) == 3
    assert "there is no twin 'town'" in capsys.readouterr().err


def test_prune_tells_what_is_no_longer_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["dataset", "prune", "things", "--twin", "town"]) == 2
    assert "--keep 1 keeps only the current one" in capsys.readouterr().err
    assert cli.run(["dataset", "prune", "things", "--twin", "town", "--keep", "1"]) == 0
    assert (
        capsys.readouterr().out
        == "things: version 1 is no longer kept (revision 3). Rows deleted: 1 of feature.\n"
    )
    assert cli.run(["dataset", "prune", "things", "--twin", "town", "--before", "2020-01-01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["versions"], found["oldest"], found["revision"]) == ([], 2, None)
    assert cli.run(["dataset", "prune", "things", "--twin", "town", "--before", "yesterday"]) == 2
    assert "yesterday" in capsys.readouterr().err
