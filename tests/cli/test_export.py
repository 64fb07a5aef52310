"""`ldt export`: options reach the export, what is written is listed, and what does not exist is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyogrio
import pytest
from tests.store.loading import load_features, make_twin

from ldt import cli
from ldt.cli import export as command
from ldt.cli import output
from ldt.model.snapshot import Access
from ldt.pipeline.export import EVERYTHING
from ldt.settings import settings
from ldt.store.connect import connect


@pytest.fixture(autouse=True)
def _town(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATABASE_URL", database_url)
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    with connect(database_url) as conn:
        make_twin(conn)
        load_features(conn, {"a": "A"})
        load_features(conn, {"a": "B", "b": "C"})
        load_features(conn, {"x": "hidden"}, name="secret", access=Access.RESTRICTED)
    yield
    output.reset()
    settings.cache_clear()


def test_the_choices_are_those_of_the_export() -> None:
    assert [w.value for w in command.What] == list(EVERYTHING)
    assert [c.value for c in command.Class] == [a.value for a in Access]


def test_a_past_state_with_its_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(tmp_path / "out"), "--twin", "town"]
    assert cli.run([*words, "--at", "1", "--what", "features"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1].split("\t")[:3] == ["town.gpkg", "generic_features", "1"]
    assert told.out.splitlines()[-1].endswith("holds town@1; licences: CC0-1.0.")
    rows = pyogrio.read_dataframe(tmp_path / "out" / "town.gpkg", layer="generic_features")
    assert list(rows["name"]) == ["A"]
    assert cli.run(words) == 7
    assert "there is something here already" in capsys.readouterr().err


def test_restricted_data_only_when_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "--twin", "town", "--form", "parquet", "--json"]
    assert cli.run([*words, str(tmp_path / "open")]) == 0
    (resource,) = json.loads(capsys.readouterr().out)["resources"]
    assert (resource["path"], resource["rows"]) == ("features/generic-features.parquet", 2)
    assert cli.run([*words, str(tmp_path / "all"), "--access", "restricted"]) == 0
    (resource,) = json.loads(capsys.readouterr().out)["resources"]
    assert (resource["rows"], resource["datasets"]) == (3, ["secret", "things"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--twin", "none"], 3, "there is no twin 'none'"),
        (["--twin", "town", "--collection", "none"], 3, "no collection none"),
        (["--twin", "town", "--at", "99"], 3, "no state at 99"),
        (["--twin", "town", "--at", "yesterday"], 2, "is no snapshot"),
        (["--twin", "town", "--what", "all"], 2, "--what"),
    ],
)
def test_what_does_not_exist_is_told(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["export", str(tmp_path / "out"), *words]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
