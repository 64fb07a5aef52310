"""Places in the columns of other producers' tables: their names in Europe's languages, national coordinates, geometries as text.

Each is told by `ldt inspect`, stands in the draft, and is where the recipes that take any layer put the record.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pyogrio
import pytest
from pyproj import Transformer
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.cli.ingest import render_ingested
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.check import check
from ldt.pipeline.ingest import ingest, make_twin
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.settings import settings

BONN, PRAHA, PARIS, MADRID, ROMA, WARSZAWA, BERN = (7.1, 50.73), (14.4, 50.0), (2.35, 48.85), (-3.7, 40.42), (12.5, 41.9), (21.0, 52.23), (7.45, 46.95)  # fmt: skip

#: header of the two columns, place, EPSG code of the numbers, decimal comma, whether the first column is the northing
COLUMNS = [
    ("Längengrad;Breitengrad", BONN, 4326, True, False),
    ("geogr. Breite;geogr. Länge", BONN, 4326, False, True),
    ("LONGITUD;LATITUD", MADRID, 4326, False, False),
    ("Latitudine;Longitudine", ROMA, 4326, True, True),
    ("coord_x;coord_y", PARIS, 4326, False, False),
    ("Rechtswert;Hochwert", BONN, 31466, False, False),
    ("Rechtswert_GK2;Hochwert_GK2", BONN, 31466, True, False),
    ("Nordwert UTM32;Ostwert UTM32", BONN, 25832, True, True),
    ("X_LAMBERT93;Y_LAMBERT93", PARIS, 2154, False, False),
    ("UTM30_X;UTM30_Y", MADRID, 25830, True, False),
    ("E_LV95;N_LV95", BERN, 2056, False, False),
    ("x_25832;y_25832", BONN, 25832, False, False),
]  # fmt: skip


def table(folder: Path, header: str, place: tuple[float, float], code: int, comma: bool, north: bool) -> Path:
    to = Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=True)
    rows = []
    for i in range(3):
        x, y = to.transform(place[0] + i / 100, place[1] + i / 100)
        pair = [f"{v:.6f}" for v in ((y, x) if north else (x, y))]
        rows.append(";".join([f"s{i}", *(p.replace(".", ",") if comma else p for p in pair)]))
    path = folder / "stations.csv"
    path.write_text(f"name;{header}\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("header", "place", "code", "comma", "north"), COLUMNS, ids=[c[0] for c in COLUMNS])
def test_inspect_tells_the_place(
    tmp_path: Path, header: str, place: tuple[float, float], code: int, comma: bool, north: bool
) -> None:
    path = table(tmp_path, header, place, code, comma, north)
    (layer,) = inspect(path)["layers"]
    assert (layer["crs_judged"], layer["kind"]) == (f"EPSG:{code}", "feature"), layer["problems"]
    expected = (place[0], place[1], place[0] + 0.02, place[1] + 0.02)
    assert layer["extent"] == pytest.approx(expected, abs=1e-3)
    options = draft(path).content["source"]["options"]
    first, second = header.split(";")
    assert (options["x"], options["y"]) == ((second, first) if north else (first, second))


def test_coordinates_that_several_crs_fit_are_told_and_not_placed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id;x;y\n1;250000;500000\n2;251000;501000\n")
    (layer,) = inspect(path)["layers"]
    assert (layer["crs_judged"], layer["extent"]) == (None, None)
    (told,) = (p for p in layer["problems"] if "are coordinates" in p)
    assert "EPSG:28992 or " in told
    assert "state the option `crs`" in told
    # Coordinates of UTM do not tell their zone; a column's name does. A sentinel among them does not hide them.
    rows = "".join(f"{i};3660{i}0;5621000\n" for i in range(5)) + "6;-9999;-9999\n"
    path.write_text(f"id;Rechtswert;Hochwert\n{rows}")
    assert "EPSG:25831 or EPSG:25832" in inspect(path)["layers"][0]["problems"][0]
    path.write_text(f"id;East_EPSG25832;North_EPSG25832\n{rows}")
    assert inspect(path)["layers"][0]["crs_judged"] == "EPSG:25832"
    # Letters that anything is called by, and lengths and widths, are no degrees.
    for header in ("e;n", "Länge;Breite"):
        path.write_text(f"id;{header}\n1;50;4\n2;60;5\n", encoding="utf-8")
        assert inspect(path)["layers"][0]["extent"] is None


def test_a_doubt_about_the_order_is_told(tmp_path: Path) -> None:
    """Surveyors of Poland call the northing x: Warsaw is at 486 km north and 637 km east, and so is a place in the south-east."""
    path = table(tmp_path, "X_PUWG1992;Y_PUWG1992", WARSZAWA, 2180, False, True)
    (layer,) = inspect(path)["layers"]
    assert layer["crs_judged"] == "EPSG:2180"
    assert any(
        "the other way round they would lie in the area of EPSG:2180 too" in p for p in layer["problems"]
    )


def test_a_doubt_about_the_order_is_told_by_the_ingest(
    shared_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warsaw in EPSG:2180 lies in Poland with its numbers exchanged too; with the country stated there is no doubt."""
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:2180", always_xy=True).transform(*WARSZAWA)
    path = tmp_path / "doubtful.csv"
    path.write_text(f"name,easting,northing\na,{x},{y}\n")
    make_twin(shared_database_url, "doubts")
    generic = load_recipe("generic/features")
    options = {"x": "easting", "y": "northing", "crs": "EPSG:2180"}
    source = generic.source.model_copy(update={"reader": "table", "options": options})
    recipe = generic.model_copy(update={"source": source})
    first, again = (ingest(shared_database_url, "doubts", recipe, [path]) for _ in range(2))
    assert (first.unchanged, again.unchanged) == (False, True)
    for done in (first, again):
        assert done.said is not None
        assert done.said.count("both orders lie in the area of use") == 1
        assert set(done.summary()) == set(first.summary())
        render_ingested(done)
        assert "  in doubt: both orders lie in the area of use" in capsys.readouterr().out
    told = recipe.model_copy(update={"source": recipe.source.model_copy(update={"country": "PL"})})
    assert ingest(shared_database_url, "doubts", told, [path], name="told").said is None


@pytest.fixture(scope="module")
def api(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        make_twin(shared_database_url, "places")
        with TestClient(create_app(shared_database_url)) as client:
            client.headers["x-url"] = shared_database_url
            yield client
    settings.cache_clear()


def placed(api: TestClient, recipe: str, path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Ingest a file; return the outcomes, and the geometries of the collection in the order of the records."""
    done = ingest(api.headers["x-url"], "places", load_recipe(recipe), [path])
    found = api.get(f"/twins/places/collections/{path.stem}/items", params={"limit": 100}).json()
    return done.summary(), [
        f["geometry"] and (f["geometry"]["type"], f["geometry"]["coordinates"]) for f in found["features"]
    ]


def test_easting_and_northing_are_where_they_are(api: TestClient, tmp_path: Path) -> None:
    path = table(tmp_path, "Hochwert;Rechtswert", BONN, 31466, True, True).rename(tmp_path / "eastings.csv")
    _, found = placed(api, "generic/table", path)
    assert [f[1] for f in found] == [
        pytest.approx([7.1 + i / 100, 50.73 + i / 100], abs=1e-6) for i in range(3)
    ]


def test_geometries_of_a_table(api: TestClient, tmp_path: Path) -> None:
    """WKT in national coordinates that says no CRS, EWKT that does, and one that is none: rejected by name, alone."""
    path = tmp_path / "wkt_rows.csv"
    x, y = Transformer.from_crs(4326, 5514, always_xy=True).transform(*PRAHA)
    path.write_text(
        f"id;geom\n1;POINT ({x} {y})\n2;\n" + "".join(f"{i};POINT ({x + i} {y})\n" for i in range(3, 20))
    )
    told, found = placed(api, "generic/table", path)
    assert (told["accepted"], len(found), found.count(None), found[0][0]) == (19, 19, 1, "Point")
    assert found[0][1] == pytest.approx(PRAHA, abs=1e-5)
    (layer,) = inspect(path)["layers"]
    assert (layer["crs_judged"], layer["kind"]) == ("EPSG:5514", "feature")
    (tmp_path / "draft.yaml").write_text(draft(path).text)
    done = check(str(tmp_path / "draft.yaml"), path)
    assert (done["problems"], done["outcomes"]["accepted"]) == ([], 19)

    path = tmp_path / "ewkt_rows.csv"
    path.write_text(
        "id,the_geom\n" + "".join(f"{i},SRID=4326;POINT(7.{i} 50.7)\n" for i in range(10)) + "10,POINT(7\n"
    )
    told, found = placed(api, "generic/table", path)
    assert (told["accepted"], told["rejected"], told["reasons"]) == (10, 1, {"malformed": 1})
    assert sorted(f[1][0] for f in found) == pytest.approx([7.0 + i / 10 for i in range(10)])


def test_geometries_of_workbooks(api: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "sheet_rows.xlsx"
    frame = pd.DataFrame({"id": [1, 2], "WKT": ["POINT (7.1 50.7)", "POINT (7.2 50.7)"]})
    pyogrio.write_dataframe(frame, path, driver="XLSX")
    (layer,) = inspect(path)["layers"]
    assert layer["extent"] == [7.1, 50.7, 7.2, 50.7]
    _, found = placed(api, "generic/table", path)
    assert found == [("Point", [7.1, 50.7]), ("Point", [7.2, 50.7])]


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("openaq", {"results": [{"v": i, "coordinates": {"latitude": 50.7, "longitude": 7.1 + i}} for i in range(2)]}),
        ("airrohr", [{"id": i, "location": {"latitude": "50.7", "longitude": str(7.1 + i)}} for i in range(2)]),
        ("expanded", {"value": [{"@iot.id": i, "Locations": [{"location": {"type": "Point", "coordinates": [7.1 + i, 50.7]}}]} for i in range(2)]}),
        ("context", [{"id": f"urn:ngsi-ld:X:{i}", "type": "X", "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.1 + i, 50.7]}}} for i in range(2)]),
        ("rows_wkt", [{"id": i, "shape": f"POINT ({7.1 + i} 50.7)"} for i in range(2)]),
    ],
)  # fmt: skip
def test_records_of_json(api: TestClient, tmp_path: Path, name: str, document: Any) -> None:
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(document))
    (layer,) = inspect(path)["layers"]
    assert (layer["extent"], layer["kind"]) == ([7.1, 50.7, 8.1, 50.7], "feature")
    _, found = placed(api, "generic/records", path)
    assert [f[1] for f in found] == [pytest.approx([7.1, 50.7]), pytest.approx([8.1, 50.7])]
    (tmp_path / "draft.yaml").write_text(draft(path).text)
    done = check(str(tmp_path / "draft.yaml"), path)
    assert (done["problems"], done["outcomes"]["accepted"]) == ([], 2)


def test_tables_of_sqlite(api: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "stations.sqlite"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE table_stations (id INTEGER, lon REAL, lat REAL)")
        conn.executemany("INSERT INTO table_stations VALUES (?, ?, ?)", [(1, 7.1, 50.7), (2, 7.2, 50.8)])
        conn.commit()
    (layer,) = inspect(path)["layers"]
    assert (layer["extent"], layer["kind"]) == ([7.1, 50.7, 7.2, 50.8], "feature")
    (tmp_path / "draft.yaml").write_text(draft(path).text)
    done = check(str(tmp_path / "draft.yaml"), path)
    assert (done["problems"], done["outcomes"]["accepted"]) == ([], 2)
    ingest(api.headers["x-url"], "places", load_recipe("generic/features"), [path])
    found = api.get("/twins/places/collections/table_stations/items").json()["features"]
    assert sorted(f["geometry"]["coordinates"] for f in found) == [[7.1, 50.7], [7.2, 50.8]]
