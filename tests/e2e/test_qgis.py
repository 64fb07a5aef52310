"""A twin in QGIS (Debian's, without a screen): the service and the database, opened as a person opens them, drawn with their styles."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict
from tests.e2e.serving import served

from ldt.settings import shipped

TWIN = "sample-city"
QUARTERS, STATIONS = "sample_city_indicators_quarter", "sample_city_indicators_station"
COVER = "sample_city_land_cover_units"
SITES = "protected-sites"
NATURAL = f"twins/{TWIN}/indicators/natural-share/values"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def qgis(sample_city_url: str, pictures: Path) -> dict[str, Any]:
    """What QGIS says of the layers, by name; `api` holds what the service says of the same."""
    service = pictures / "pg_service.conf"
    entry = {**conninfo_to_dict(sample_city_url), "options": "-csearch_path=gis,public"}
    service.write_text("\n".join(["[ldt]", *(f"{k}={v}" for k, v in entry.items()), ""]))
    with served(sample_city_url) as address:
        values = f"{address}/{NATURAL}?f=geojson&scheme=quarter&period=2025&limit=1000"
        asked = {
            "twin": f"{address}/twins/{TWIN}/",
            "views": [QUARTERS, STATIONS, COVER],
            "collections": [SITES, "land-cover-units"],
            "files": {"values": values},
            "pictures": str(pictures),
        }
        done = subprocess.run(
            ["/usr/bin/python3", str(Path(__file__).with_name("qgis_probe.py"))],
            input=json.dumps(asked),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(pictures),
                "PGSERVICEFILE": str(service),
                "XDG_RUNTIME_DIR": str(pictures),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            found["api"] = {
                "values": client.get(values).json(),
                SITES: client.get(
                    f"{address}/twins/{TWIN}/collections/{SITES}/items?limit=10000&f=json"
                ).json(),
            }
    return found


def test_every_layer_opens_and_lies_where_the_city_is(qgis: dict[str, Any]) -> None:
    for name in (QUARTERS, STATIONS, COVER, SITES, "land-cover-units", "values"):
        layer = qgis[name]
        assert layer["valid"], (name, layer)
        assert layer["count"] > 0
        east, north = layer["centre"]
        assert 8.5 < east < 9.5, name
        assert 51 < north < 51.6, name


def test_the_service_gives_every_feature(qgis: dict[str, Any]) -> None:
    expected = qgis["api"][SITES]
    assert qgis[SITES]["count"] == len(expected["features"]) > 5
    names = {f["properties"]["name"] for f in expected["features"] if "name" in f["properties"]}
    assert {r["name"] for r in qgis[SITES]["rows"] if r["name"]} == names


def test_the_view_of_land_cover_equals_the_database(qgis: dict[str, Any], sample_city_url: str) -> None:
    with psycopg.connect(sample_city_url) as conn:
        row = conn.execute(f"SELECT count(*), sum(ST_Area(geom)) FROM gis.{COVER}").fetchone()
    assert row is not None
    assert (qgis[COVER]["count"], sum(qgis[COVER]["areas"])) == (row[0], pytest.approx(row[1], rel=1e-9))


def test_land_cover_comes_with_the_official_colours_and_names(qgis: dict[str, Any]) -> None:
    """Nobody loads a style by hand: QGIS finds it in `layer_styles`."""
    assert qgis[COVER]["renderer"] == "QgsCategorizedSymbolRenderer"
    corine = yaml.safe_load((shipped("schemas") / "vocabularies" / "corine.yaml").read_text("utf-8"))
    official = {
        f"{c['code']} {c['label']['en']}": c["properties"]["hex"]
        for c in corine["concepts"]
        if c["properties"].get("level") == 3
    }
    assert dict(qgis[COVER]["legend"]) == official
    # What is drawn are these colours, 55/255 of them transparent. 112 is #ff0000: on white that leaves 55 = 0x37 of green and
    # blue, and where the units of two years lie on each other 55 * 55 / 255 = 12 = 0x0c.
    assert {"#ff3737", "#ff0c0c"} & set(qgis[COVER]["colours"])


def test_quarters_carry_all_indicators_and_are_drawn_in_classes(qgis: dict[str, Any]) -> None:
    layer = qgis[QUARTERS]
    assert {"code", "name", "period", "natural_share", "natural_share_status", "protected_area_share"} <= set(
        layer["fields"]
    )
    assert layer["renderer"] == "QgsRuleBasedRenderer"
    assert layer["legend"][-1] == ["no value (2025)", "#bdbdbd"]
    # At least two classes of the ramp cover more than a few pixels.
    drawn = [colour for colour, n in layer["colours"].items() if n > 100 and colour != "#ffffff"]
    assert len(drawn) >= 2


def test_values_in_the_view_are_those_of_the_service(qgis: dict[str, Any]) -> None:
    def of_2025(name: str, column: str) -> dict[str, float]:
        return {r["code"]: r[column] for r in qgis[name]["rows"] if r["period"] == "2025"}

    expected = {f["properties"]["code"]: f["properties"]["value"] for f in qgis["api"]["values"]["features"]}
    assert len(expected) == 41
    assert of_2025(QUARTERS, "natural_share") == pytest.approx(expected)
    assert of_2025("values", "value") == pytest.approx(expected)


def test_a_value_that_the_rules_do_not_allow_is_no_number(qgis: dict[str, Any]) -> None:
    rows = qgis[STATIONS]["rows"]
    refused = [r for r in rows if r["no2_annual_mean_status"] == "insufficient"]
    assert refused
    assert all(r["no2_annual_mean"] is None for r in refused)
    assert any(r["no2_annual_mean"] is not None for r in rows)


def test_pictures_are_there_to_be_looked_at(qgis: dict[str, Any], pictures: Path) -> None:
    assert {p.stem for p in pictures.glob("*.png")} == {QUARTERS, STATIONS, COVER}
