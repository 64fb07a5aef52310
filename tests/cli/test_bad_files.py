"""Bad and hostile files: each gives one clear error line with the file's name and the documented exit code, and changes nothing."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from ldt.cli import run
from ldt.settings import settings
from ldt.store import twins
from ldt.store.connect import connect

GML = """<?xml version="1.0" encoding="UTF-8"?>
{doctype}<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:ps="http://inspire.ec.europa.eu/schemas/ps/4.0">
<gml:featureMember><ps:ProtectedSite gml:id="a"><ps:siteName>{text}</ps:siteName><ps:geometry>
<gml:Point srsName="http://www.opengis.net/def/crs/EPSG/0/4258"><gml:pos>50.9 7.0</gml:pos></gml:Point>
</ps:geometry></ps:ProtectedSite></gml:featureMember></gml:FeatureCollection>
"""
UBA = "station_code,station_name,station_latitude_d,station_longitude_d\n"


def gml(doctype: str = "", text: str = "x", cut: int | None = None) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "bad.gml"
        path.write_text(GML.format(doctype=doctype, text=text)[:cut], encoding="utf-8")
        return path

    return write


def content(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def truncated_geopackage(folder: Path) -> Path:
    path = folder / "bad.gpkg"
    table = pa.table(
        {
            "code": ["a"] * 500,
            "geometry": pa.array(
                shapely.to_wkb(shapely.points(np.zeros(500), np.arange(500.0))), pa.binary()
            ),
        }
    )
    pyogrio.write_arrow(
        table, path, driver="GPKG", geometry_name="geometry", geometry_type="Point", crs="EPSG:25832"
    )
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def truncated_parquet(folder: Path) -> Path:
    path = folder / "bad.parquet"
    pq.write_table(pa.table({"Samplingpoint": ["DE/SPO-1"] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def impossible_crs(folder: Path) -> Path:
    """Metres in a file that says degrees."""
    return content(
        "bad.geojson",
        b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"a"},'
        b'"geometry":{"type":"Point","coordinates":[356000.0,5645000.0]}}]}',
    )(folder)


def bomb(folder: Path) -> Path:
    path = folder / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bad.gml", b"0" * 60_000_000)
    return path


def ten_gigabytes(folder: Path) -> Path:
    """A small archive whose directory claims a member of 10 GB."""
    path = folder / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.gml", b"<x/>")
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(data)
    return path


def traversal(folder: Path) -> Path:
    path = folder / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.gml", b"<x/>")
    return path


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {b} '{('&' + a + ';') * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)

CASES: list[tuple[str, str, Callable[[Path], Path], int]] = [
    ("empty GML", "inspire/protected-sites", content("bad.gml", b""), 4),
    ("truncated GML", "inspire/protected-sites", gml(cut=420), 4),
    ("no XML at all", "inspire/protected-sites", content("bad.gml", b"not XML"), 4),
    ("entity expansion", "inspire/protected-sites", gml(LAUGHS, "&i;"), 4),
    ("external entity", "inspire/protected-sites", gml('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;"), 4),
    ("wrong encoding", "inspire/protected-sites", content("bad.gml", GML.format(doctype="", text="Köln").encode("latin-1")), 4),
    ("zip bomb", "inspire/protected-sites", bomb, 4),
    ("claim of gigabytes", "inspire/protected-sites", ten_gigabytes, 4),
    ("path traversal", "inspire/protected-sites", traversal, 4),
    ("truncated GeoPackage", "generic/features", truncated_geopackage, 4),
    ("impossible coordinates", "generic/features", impossible_crs, 6),
    ("truncated GeoJSON", "generic/features", content("bad.geojson", b'{"type":"FeatureCollection","features":[{"type"'), 4),
    ("truncated Parquet", "eea/air-quality-parquet", truncated_parquet, 4),
    ("empty CSV", "cologne/stations", content("bad.csv", b""), 4),
    ("wrongly encoded CSV", "cologne/stations", content("bad.csv", (UBA + "X,Köln,50.9,7.0\n").encode("latin-1")), 4),
    ("another table", "eea/air-quality-legacy", content("bad.csv", b"a,b\n1,2\n"), 5),
    ("broken JSON", "cologne/air-quality", content("201401_DENW053_NO2_1SMW.json", b'{"20140101": [1, 2'), 4),
    ("missing", "generic/features", lambda folder: folder / "bad.gpkg", 3),
]  # fmt: skip


@pytest.fixture
def twin(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LDT_DATABASE_URL", database_url)
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    with connect(database_url) as conn:
        twins.put_twin(conn, "town", title={"en": "Town"}, description=None, scale="city", buffer_m=0)
    return database_url


@pytest.mark.parametrize(("recipe", "write", "code"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_clear_line_and_the_documented_exit_code(
    twin: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    recipe: str,
    write: Callable[[Path], Path],
    code: int,
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    path = write(folder)
    assert run(["ingest", recipe, str(path), "--twin", "town"]) == code
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("Error")]
    assert len(lines) == 1, err
    others = [
        line
        for line in err.splitlines()
        if line not in lines and not re.match(r"reading .*(…|\.\.\.|done)", line)
    ]
    assert others == [], err
    assert path.stem in lines[0] or "bad" in lines[0]
    assert "Traceback" not in out + err
    assert out == ""
    with connect(twin) as conn:
        assert conn.execute("SELECT count(*) FROM ldt.version").fetchone() == (0,)
    assert not (tmp_path / "outside.gml").exists()


def test_records_that_cannot_be_written_down_are_one_clear_line(
    twin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gml()(tmp_path)
    path.write_text(path.read_text("utf-8").replace(' gml:id="a"', ""), encoding="utf-8")  # no identifier
    assert run(["ingest", "inspire/protected-sites", str(path), "--twin", "town"]) == 0
    capsys.readouterr()
    wanted = ["rejected", "inspire-protected-sites", "--twin", "town"]
    assert run([*wanted, "--out", str(tmp_path / "out.jsonl")]) == 0
    assert len((tmp_path / "out.jsonl").read_text("utf-8").splitlines()) == 1
    capsys.readouterr()
    for words, said in (
        (["--out", str(tmp_path / "nowhere" / "out.jsonl")], "cannot be written"),
        (["--limit", "99999999999999999999"], "a value that the database cannot take"),
    ):
        assert run([*wanted, *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert len(err.splitlines()) == 1


def test_a_trial_of_a_recipe_says_why_records_would_be_turned_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gml()(tmp_path)
    path.write_text(path.read_text("utf-8").replace(' gml:id="a"', ""), encoding="utf-8")  # no identifier
    assert run(["recipes", "check", "inspire/protected-sites", "--source", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "read 1, accepted 0, repaired 0, rejected 1, duplicate 0, outside 0" in out
    assert "rejected:missing-id: 1" in out
    assert err == ""
