"""`ldt rejected`: by reason, with what helps; written out; mended records join the next version without losing the others."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from ldt.cli import run
from ldt.settings import settings
from ldt.store.connect import connect

RECIPE = """
ldt: 1
name: readings
title: {en: Readings}
publisher: x
licence: x
origin: local
anatomy: interactions.information.data_in_out
source: {reader: table, options: {x: long, y: lat, crs: EPSG:4326}}
feature:
  type: generic-features
  id: {local_id: id, stability: source}
  columns: {value: value::DOUBLE}
"""
BROKEN = "inspire/nl_addresses_pygeoapi/obs_malformatted.csv"


@pytest.fixture
def twin(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LDT_DATABASE_URL", database_url)
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    (tmp_path / "readings.yaml").write_text(RECIPE)
    return database_url


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert run([*words, "--twin", "town", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_broken_file_is_told_by_reason_written_out_mended_and_whole(
    twin: str, real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the five rows of the real file one has no coordinates (row 3) and one has letters for them (row 4)."""
    source, recipe, out = real_data / BROKEN, str(tmp_path / "readings.yaml"), tmp_path / "out.jsonl"
    first = said(capsys, "ingest", recipe, str(source))
    assert (first["read"], first["accepted"], first["rejected"], first["reasons"]) == (
        5,
        3,
        2,
        {"malformed": 1, "no-geometry": 1},
    )
    told = said(capsys, "rejected", "readings", "--out", str(out))
    assert sorted((r["reason"], r["count"]) for r in told["reasons"]) == [
        ("malformed", 1),
        ("no-geometry", 1),
    ]
    remedies = {r["reason"]: r["remedy"] for r in told["reasons"]}
    assert "geometry: optional" in remedies["no-geometry"]
    assert [r["row"] for r in told["records"]] == [3, 4]
    rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert [(r["id"], r["lat"], r["long"], r["_row"]) for r in rows] == [
        ("297", None, None, 3),
        ("964", "A", "X", 4),
    ]

    rows[0] |= {"lat": "43", "long": "-79"}  # the other one stays as it is
    out.write_bytes(b"\n".join(orjson.dumps(r) for r in rows))
    done = said(capsys, "rejected", "readings", "--mend", str(out))
    assert (done["version"], done["read"], done["accepted"], done["rejected"]) == (2, 5, 4, 1)
    assert (done["rows"]["added"], done["rows"]["changed"], done["rows"]["removed"]) == (1, 0, 0)
    with connect(twin) as conn:
        found = conn.execute(
            "SELECT local_id, source_row, ST_X(geom), ST_Y(geom), properties ->> 'value' FROM ldt.feature WHERE until IS NULL ORDER BY source_row"
        ).fetchall()
        names = conn.execute("SELECT s.name FROM ldt.version_source v JOIN ldt.source_object s ON s.id = v.source_id WHERE v.version = 2 ORDER BY 1").fetchall()  # fmt: skip
    assert [f[0] for f in found] == ["371", "377", "238", "297"]
    assert found[3] == ("297", 3, -79.0, 43.0, "93.5")
    assert names == [("mended: out.jsonl",), ("obs_malformatted.csv",)]

    again = said(capsys, "rejected", "readings", "--mend", str(out))
    assert (again["version"], again["unchanged"]) == (2, True)
    said(capsys, "rejected", "readings", "--out", str(out))
    rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert [r["_row"] for r in rows] == [4]


def test_malformed_lines_can_be_mended(twin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "lines.csv", tmp_path / "out.jsonl"
    path.write_text("a,b\n1,2\n3\n5,6\n")
    assert said(capsys, "ingest", "generic/table", str(path))["reasons"] == {"malformed": 1}
    said(capsys, "rejected", "lines", "--out", str(out))
    row = orjson.loads(out.read_bytes())
    assert row["raw"] == {"_text": "3"}
    out.write_bytes(orjson.dumps({**row, "a": "3", "b": "4"}))
    done = said(capsys, "rejected", "lines", "--mend", str(out))
    assert (done["read"], done["accepted"]) == (3, 3)
    with connect(twin) as conn:
        found = conn.execute(
            "SELECT properties FROM ldt.feature WHERE until IS NULL ORDER BY source_row"
        ).fetchall()
    assert [f[0] for f in found] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]


def test_other_forms(twin: str, real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The land-use plan has one polygon of which nothing is left when it is made valid."""
    said(capsys, "ingest", "cologne/land-use-plan", str(real_data / "cologne/landuse/fnp_aktuell.shp"))
    for name in ("out.geojson", "out.csv"):
        said(capsys, "rejected", "cologne-land-use-plan", "--out", str(tmp_path / name))
    (feature,) = orjson.loads((tmp_path / "out.geojson").read_bytes())["features"]
    assert feature["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    assert feature["properties"]["_reason"] == "invalid-geometry"
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["_reason"], line["_row"]) == ("invalid-geometry", str(feature["properties"]["_row"]))
    capsys.readouterr()
    assert run(["rejected", "cologne-land-use-plan", "--twin", "town", "--outcome", "repaired"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert {line.split("\t")[0]: line.split("\t")[1] for line in table[1:]} == {
        "rounding": "5",
        "invalid-geometry": "4",
    }


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "no records"), (b"[1]\n", "line 1"), (b'{"a": 1}\n', "_digest"), (b'{"_digest": "00", "_row": 0}\n', "newer delivery")],
)  # fmt: skip
def test_a_file_that_mends_nothing_is_told(
    twin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, word: str
) -> None:
    path = tmp_path / "lines.csv"
    path.write_text("a,b\n1,2\n")
    said(capsys, "ingest", "generic/table", str(path))
    (tmp_path / "mended.jsonl").write_bytes(content)
    capsys.readouterr()
    assert run(["rejected", "lines", "--twin", "town", "--mend", str(tmp_path / "mended.jsonl")]) in {2, 4}
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error")]
    assert len(err) == 1
    assert word in err[0]
