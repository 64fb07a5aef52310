"""`ldt inspect`: the shape of its answer, what it finds in real files, the recipe that it names first, the map, and drafts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
import yaml

from ldt.cli import run
from ldt.pipeline.check import check
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.sources.dialect import Dialect, judge_dialect

LAYER_KEYS = {"name", "kind", "count", "crs_declared", "crs_judged", "axis_order", "extent", "time", "schema", "problems", "recipes"}  # fmt: skip
#: file → kind of its first layer, recipe named first (None: a document), encoding. Worked out from the README of the files.
FILES: dict[str, tuple[str, str | None]] = {
    "admin/nuts/NUTS_RG_20M_2021_3035.geojson": ("feature", "eurostat/nuts"),
    "airquality/eea_aqdl/MT_metadata.csv.zip": ("feature", "eea/station-metadata"),
    "airquality/eea_aqdl/city.json": ("table", "generic/records"),
    "airquality/eea_aqdl/summary.sqlite": ("table", "generic/features"),
    "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv": ("series", "eea/air-quality-legacy"),
    "catalogue/geodcat_examples/dataset.ttl": ("document", None),
    "cologne/catalogue_dkan/49.json": ("document", None),
    "cologne/dwd/Stationsmetadaten_klima_stationen_02667_19570901_20121231.txt": ("feature", "cologne/climate-station"),
    "cologne/dwd/produkt_klima_Tageswerte_19570901_20121231_02667.txt": ("series", "cologne/climate"),
    "cologne/employment/13211-03ir.csv": ("series", "generic/table"),
    "cologne/geo/Stadtbezirk.shp": ("feature", "cologne/districts"),
    "cologne/geo/Stadtbezirk.dbf": ("document", None),
    "cologne/geo/postalcodes.geojson": ("feature", "generic/features"),
    "cologne/landuse/naturschutz.geojson": ("feature", "cologne/protected-areas"),
    "cologne/lanuv/gauge_stations.csv": ("feature", "generic/table"),
    "cologne/uba/201401_DENW053_NO2_1SMW.json": ("series", "cologne/air-quality"),
    "cologne/weather_eddk/201303.csv": ("series", "cologne/weather"),
    "eea/hrl/IMD_2018_100m_eu_03035_v1_0.zip": ("coverage", "clms/imperviousness"),
    "inspire/hamburg/AdministrativeUnit.gml": ("feature", "inspire/administrative-units"),
    "inspire/hamburg/ProtectedSite.gml": ("feature", "inspire/protected-sites"),
    "inspire/es_catastro/building.gml": ("feature", "inspire/buildings"),
    "inspire/services/wfs_dov_getcapabilities_200.xml": ("document", None),
    "landcover/clc_granada/clc.gpkg": ("feature", "clc/corine-vector"),
    "landcover/clc_granada/clc.tif": ("coverage", "clc/corine-raster"),
    "metadata/owslib/iso_che.xml": ("feature", "services/csw"),
    "sensors/luftdaten_aberdeen/2017-10-29_sds011_sensor_5331.csv": ("series", "sensors/sensor-community"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_kind_and_first_recipe(real_data: Path, name: str) -> None:
    found = inspect(real_data / name)
    kind, recipe = FILES[name]
    assert set(found) >= {"path", "format", "encoding", "problems", "recipes", "layers"}
    assert all(set(layer) >= LAYER_KEYS for layer in found["layers"])
    json.dumps(found)
    assert (found["layers"][0]["kind"], next(iter(found["recipes"]), None)) == (kind, recipe)
    # Records of a catalogue have one recipe, which takes any.
    if kind != "document" and recipe != "services/csw":
        assert found["recipes"][-1].startswith(("generic/", "inspire/any")) or kind == "coverage"


#: file, layer, declared, judged, order, box in which it lies (an atlas), how many
PLACES = [
    ("inspire/brgm_toolbox/AQD_UBA_Sample_50.xml", 0, "EPSG:4326", "EPSG:4326", "yx", (9.5, 46.3, 17.2, 49.1), 50),
    ("inspire/brgm_toolbox/AQD_UBA_Station_50.xml", 0, "EPSG:4326", "EPSG:4326", "yx", (9.5, 46.3, 17.2, 49.1), 50),
    ("inspire/ef_datacove/AQ_Sample_O3.xml", 0, "EPSG:4258", "EPSG:4258", "xy", (9.5, 46.3, 17.2, 49.1), 1),
    ("inspire/nl_kadaster/example-ad.gml", 0, "EPSG:4258", "EPSG:4258", "xy", (3.3, 50.7, 7.3, 53.6), 50),
    ("inspire/nl_kadaster/kad-gn.gml", 0, "EPSG:4258", "EPSG:4258", "yx", (3.3, 50.7, 7.3, 53.6), 32),
    ("inspire/nl_addresses_pygeoapi/dutch_addresses_28992.gpkg", 0, "EPSG:28992", "EPSG:28992", "xy", (5.6, 52.0, 5.9, 52.2), 2481),
    ("climate/nl_rails/nl_rails.gpkg", 0, None, "EPSG:4326", "xy", (3.3, 50.7, 7.3, 53.6), 500),
    ("inspire/caniuse/ads_example_1_EPSG.3857.geojson", 0, "EPSG:3857", "EPSG:3857", "xy", (8.6, 49.8, 8.7, 49.9), 1),
    ("cologne/lanuv/lanuv_aq_stations.csv", 0, None, "EPSG:4326", "xy", (5.8, 50.3, 9.5, 52.6), 61),
    ("landcover/clc_granada/clc.tif", 0, "EPSG:3042", "EPSG:3042", "xy", (-3.6, 36.8, -3.3, 37.1), 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layer", "declared", "judged", "order", "box", "count"), PLACES, ids=[p[0] for p in PLACES])  # fmt: skip
def test_where_things_really_are(
    real_data: Path,
    name: str,
    layer: int,
    declared: str | None,
    judged: str,
    order: str,
    box: Any,
    count: int,
) -> None:
    found = inspect(real_data / name)["layers"][layer]
    assert (found["crs_declared"], found["crs_judged"], found["axis_order"], found["count"]) == (declared, judged, order, count)  # fmt: skip
    west, south, east, north = found["extent"]
    assert box[0] <= west <= east <= box[2]
    assert box[1] <= south <= north <= box[3]


def test_a_misleading_name_of_a_crs_is_told(real_data: Path) -> None:
    (layer,) = inspect(real_data / "cologne/geo/Stadtbezirk.shp")["layers"]
    assert "not EPSG:32632: False easting" in layer["crs_judged"]
    assert layer["extent"] == pytest.approx((6.77, 50.83, 7.16, 51.09), abs=0.01)


@pytest.mark.parametrize(
    ("name", "time", "words"),
    [
        ("cologne/energy/demand_201303.csv", ("2013-03-01T00:00:00", "2013-03-31T23:45:00", None), "92 of 96 quarter-hours"),
        ("cologne/energy/demand_201310.csv", ("2013-10-01T00:00:00", "2013-10-31T23:45:00", None), "2013-10-27 has 96"),
        ("sensors/istsos_bedretto/P_BED.csv", ("2023-01-02T00:59:05+01:00", "2023-12-31T19:25:00+01:00", "+01:00"), ""),
        ("cologne/weather_eddk/201206.csv", ("2012-06-16T22:00:00Z", "2012-06-30T19:00:00Z", "UTC"), ""),
        ("cologne/dwd/produkt_klima_Tageswerte_19570901_20121231_02667.txt", ("1957-09-01T00:00:00", "2012-12-31T00:00:00", None), "without zone"),
        ("inspire/nl_addresses_pygeoapi/norwegian_urban_areas.csv", None, ""),
    ],
)  # fmt: skip
def test_time_span_and_zone(
    real_data: Path, name: str, time: tuple[str, str, str | None] | None, words: str
) -> None:
    (layer,) = inspect(real_data / name)["layers"]
    found = layer["time"]
    assert (found and (found["begin"], found["end"], found["zone"])) == time
    assert words in " ".join(layer["problems"])


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("a,b\n1,2\n", "utf-8", Dialect("utf-8", ",", 0, True)),
        ("a;b\n1,5;2\n2,5;3\n", "utf-8", Dialect("utf-8", ";", 0, True)),
        ("Straße\tb\n1\t2\n", "latin-1", Dialect("latin-1", "\t", 0, True)),
        ("a;b\n„x“;2\n", "windows-1252", Dialect("windows-1252", ";", 0, True)),
        ("a,b\n1,2\n", "utf-16", Dialect("utf-16", ",", 0, True)),
        ("Title of it\nsource: x\n\na;b;c\n1;2;3\n4;5;6\n7;8;9\n", "utf-8", Dialect("utf-8", ";", 3, True)),
        ("1;2;3\n4;5;6\n7;8;9\n", "utf-8", Dialect("utf-8", ";", 0, False)),
        ("place;2010;2011\na;1;2\nb;3;4\n", "utf-8", Dialect("utf-8", ";", 0, True)),
        (";all;all\n;m;f\n2010;1;2\n2011;3;4\n2012;5;6\n", "utf-8", Dialect("utf-8", ";", 1, True)),
        # A line break in quotes is no end of a row; a stray quote is no beginning of a text.
        ('id;name\n1;"x\ny"\n2;z\n', "utf-8", Dialect("utf-8", ";", 0, True)),
        ('"title\nof it"\n\na;b;c\n1;2;3\n4;5;6\n7;8;9\n', "utf-8", Dialect("utf-8", ";", 3, True)),
        ('nr;name;x\n01001;"L\'A\nB";46,1\n2A;C;41,9\n', "utf-8", Dialect("utf-8", ";", 0, True)),
        ('5" pipes\na;b;c\n1;2;3\n4;5;6\n7;8;9\n', "utf-8", Dialect("utf-8", ";", 1, True)),
        # As many lines before and after the table as in it; Excel's first line.
        ("# title\n# units\n#\na,b\nx,y\nz,w\n", "utf-8", Dialect("utf-8", ",", 3, True)),
        ("sep=;\na;b\n1,5;2,5\n", "utf-8", Dialect("utf-8", ";", 1, True)),
    ],
)  # fmt: skip
def test_dialects(tmp_path: Path, text: str, encoding: str, expected: Dialect) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert judge_dialect(tmp_path / "a.csv") == expected


def test_the_tab_parts_the_columns_of_a_tsv(tmp_path: Path) -> None:
    """Eurostat's: the first column holds the codes of the other dimensions, with commas."""
    text = "freq,unit,geo\\TIME\t2020 \t2021 \nA,NR,DE11\t12.5 b\t: \n"
    for name, delimiter in (("a.tsv", "\t"), ("a.csv", ",")):
        (tmp_path / name).write_text(text)
        assert judge_dialect(tmp_path / name).delimiter == delimiter
    (told,) = inspect(tmp_path / "a.tsv")["layers"]
    assert list(told["columns"]) == ["freq,unit,geo\\TIME", "2020", "2021"]


def test_swapped_geojson_in_europe_is_told_and_placed(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(geometry=[shapely.Point(50.94, 6.95), shapely.Point(51.0, 7.0)], crs=4326)
    frame.to_file(tmp_path / "a.geojson")
    (layer,) = inspect(tmp_path / "a.geojson")["layers"]
    assert (layer["axis_order"], layer["extent"]) == ("yx", [6.95, 50.94, 7.0, 51.0])
    assert any("axes are exchanged" in p for p in layer["problems"])


def test_text_and_map_for_people(real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "a.png"
    path = str(real_data / "cologne/geo/cityboundary.geojson")
    assert run(["inspect", path, "--map", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "fitting recipes: cologne/boundary, generic/features" in out
    assert "Germany" in out
    drawn = [line for line in out.splitlines() if line.startswith("|")]
    # Cologne: 7 E of -32 to 45 is half way, 51 N of 72 to 27 not quite half.
    (row,) = (i for i, line in enumerate(drawn) if "#" in line)
    assert (row, drawn[row].index("#")) == (9, 33)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(["inspect", path, "--map", str(tmp_path / "no" / "a.png")]) == 2
    assert run(["inspect", str(real_data / "inspire/services/wfs_dov_getcapabilities_200.xml")]) == 0
    assert "gw_meetnetten:meetnetten" in capsys.readouterr().out


DRAFTED = [
    ("climate/dresden.tif", "dresden.tif"),
    ("climate/test4.nc", "t"),
    ("climate/nl_rails/nl_rails.gpkg", "rails"),
    ("cologne/landuse/33111-02ir_source.csv", None),
    ("cologne/employment/13211-03ir.csv", None),
    ("cologne/lanuv/gauge_stations.csv", None),
    ("cql2/vectors.json", None),
    ("airquality/eea_aqdl/summary.sqlite", "city"),
    ("inspire/es_catastro/geom1.gml", None),
    ("inspire/deegree/cadastralzonings.xml", None),
    ("inspire/nl_addresses_pygeoapi/obs_malformatted.csv", None),
    ("sensors/istsos_bedretto/P_BED.csv", None),
]


@pytest.mark.parametrize(("name", "layer"), DRAFTED, ids=[d[0] for d in DRAFTED])
def test_a_draft_passes_the_check_and_takes_the_file(
    real_data: Path, tmp_path: Path, name: str, layer: str | None
) -> None:
    """All files: tests/real/test_every_file.py."""
    made = draft(real_data / name, layer)
    (tmp_path / "draft.yaml").write_text(made.text, encoding="utf-8")
    done = check(str(tmp_path / "draft.yaml"), real_data / name)
    assert done["problems"] == []
    told = done["outcomes"]
    assert told["accepted"] + told["repaired"] > 0
    assert told["read"] == sum(told[n] for n in ("accepted", "repaired", "rejected", "duplicate", "outside"))
    assert "# decide:" in made.text


def test_a_draft_says_what_to_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "weather.csv", tmp_path / "draft.yaml"
    rows = [f"K1;{day:02d}.03.2013 {hour:02d}:00;{hour / 2:.1f};-999".replace(".", ",", 0) for day in (30, 31) for hour in range(24) if (day, hour) != (31, 2)]  # fmt: skip
    path.write_text("station;Datum;NO2 [µg/m3];PM10\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert run(["inspect", str(path), "--draft", "--out", str(out)]) == 0
    made = yaml.safe_load(out.read_text("utf-8"))
    assert made["observation"]["thing"] == '"station"::VARCHAR'
    assert made["observation"]["averaging"] == "'PT1H'"
    assert "WHEN 'NO2 [µg/m3]' THEN 'NO2'" in made["observation"]["observed_property"]
    text = out.read_text("utf-8")
    assert "decide: the header does not name the unit of PM10" in text
    assert "-999 means that there is no value" in text
    assert "changes to summer time" in text
    done = check(str(out), path)
    assert (done["problems"], done["outcomes"]["read"], done["outcomes"]["accepted"]) == ([], 47, 47)
    assert (done["outcomes"]["derived"], done["outcomes"]["missing"]) == (94, 47)


def test_a_draft_of_one_of_several_layers(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(real_data / "cql2/ne110m4cql2.gpkg")
    assert run(["inspect", path, "--draft"]) == 2
    assert "--layer: ne_110m_admin_0_countries" in capsys.readouterr().err
    assert run(["inspect", path, "--draft", "--layer", "ne_110m_rivers_lake_centerlines"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    assert made["feature"]["collection"] == "ne_110m_rivers_lake_centerlines"
    capabilities = real_data / "inspire/services/Kadaster-WMS-Capabilities-INSPIRE.xml"
    assert run(["inspect", str(capabilities), "--draft"]) == 4


def test_recipes_are_tried_not_only_compared(tmp_path: Path) -> None:
    """An object with one entry a key has the columns that the recipe of Cologne's air looks for, and none of its records."""
    (tmp_path / "prices.json").write_text('{"apples": [1, 2], "pears": [3]}')
    assert inspect(tmp_path / "prices.json")["recipes"] == ["generic/records"]
