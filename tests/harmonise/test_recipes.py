"""The shipped recipes of features: they load, they fit the real files, and what they make lies where it must.

Counts are those of the real data's README; places are told by other means (GDAL's own transformation, envelopes that stand in the
files, coordinates that anybody can look up).
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import pytest
import shapely
from pyproj import CRS, Geod, Transformer

from ldt.harmonise import harmonise, harmoniser
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import Recipe, load_recipe, recipe_names
from ldt.harmonise.schema import recipe_schema, schema_text
from ldt.model.outcome import Tally
from ldt.settings import shipped
from ldt.sources import read

FEATURES = [name for name in recipe_names() if load_recipe(name).feature]
#: Cologne: 50.83 to 51.09 N, 6.77 to 7.17 E.
COLOGNE = (6.77, 50.83, 7.17, 51.09)


def made(
    name: str, path: Path, selection: Any = None, **options: Any
) -> tuple[list[dict[str, Any]], Tally, list[Chunk]]:
    """Read a file through its recipe: features (properties and geometry taken apart), the tally, the chunks."""
    recipe = load_recipe(name)
    batches = read(recipe.source.reader, path, {**recipe.source.options, **options})
    chunks = list(harmonise(recipe, batches, Context("https://example.org/id/test", selection)))
    tally, rows = Tally(), []
    for chunk in chunks:
        assert chunk.tally.adds_up
        tally.add(chunk.tally)
        for row in chunk.features.to_pylist() if chunk.features else []:
            shape = shapely.from_wkb(row["geometry"]) if row["geometry"] else None
            assert shape is None or shape.is_valid
            rows.append({**row, "geometry": shape, "properties": json.loads(row["properties"])})
    assert len(rows) == tally.accepted + tally.repaired
    return rows, tally, chunks


def bounds(rows: list[dict[str, Any]]) -> tuple[float, ...]:
    return tuple(shapely.total_bounds([r["geometry"] for r in rows]).tolist())


def within(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def geodesic_area(rows: list[dict[str, Any]]) -> float:
    geod = Geod(ellps="GRS80")
    return sum(abs(geod.geometry_area_perimeter(r["geometry"])[0]) for r in rows)


@pytest.mark.parametrize("name", FEATURES)
def test_each_recipe_of_features_is_sound(name: str) -> None:
    recipe = load_recipe(name)
    assert harmoniser(recipe, Context("https://example.org/id/test")) is not None
    assert recipe.title["en"]
    assert recipe.anatomy.split(".")[0] in {"structure", "interactions", "society"}


def test_the_schema_of_recipes_is_that_of_the_models() -> None:
    written = (shipped("schemas") / "recipe.schema.json").read_bytes()
    assert written == schema_text(), "run: python -m ldt.harmonise.schema"


def test_the_schema_of_recipes_accepts_the_shipped_ones_and_nothing_else() -> None:
    import jsonschema
    import yaml

    schema = recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in recipe_names():
        content = yaml.safe_load((shipped("connectors") / f"{name}.yaml").read_text(encoding="utf-8"))
        assert validator.is_valid(content), (name, [e.message for e in validator.iter_errors(content)])
        assert not validator.is_valid({**content, "colour": "red"})
        assert Recipe.model_validate(content).name


# The real files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "file", "count", "repaired"),
    [
        ("cologne/boundary", "geo/cityboundary.geojson", 1, 0),
        ("cologne/districts", "geo/Stadtbezirk.shp", 9, 0),
        ("cologne/parts", "geo/Stadtteil.shp", 86, 1),
        ("cologne/quarters", "geo/Stadtviertel.shp", 371, 2),
        ("cologne/protected-areas", "landuse/naturschutz.shp", 19, 0),
    ],
)
def test_cologne_lies_where_cologne_lies(
    real_data: Path, recipe: str, file: str, count: int, repaired: int
) -> None:
    rows, tally, _ = made(recipe, real_data / "cologne" / file)
    assert (tally.read, tally.accepted, tally.repaired, tally.derived) == (
        count,
        count - repaired,
        repaired,
        0,
    )
    assert within(bounds(rows), COLOGNE)
    # GDAL and PROJ through geopandas: another route from the same bytes.
    frame = pyogrio.read_dataframe(real_data / "cologne" / file)
    assert (~frame.is_valid).sum() == repaired
    assert bounds(rows) == pytest.approx(tuple(frame.to_crs("EPSG:4326").total_bounds), abs=1e-9)


def test_the_units_of_cologne_are_nested_and_have_their_area(real_data: Path) -> None:
    """405 km², as the city states. The quarters leave out woods, fields and the Rhine: by the file's own SHAPE_AREA they have 187.9 km²."""
    codes: dict[str, set[str]] = {}
    for name, file in [
        ("boundary", "cityboundary.geojson"),
        ("districts", "Stadtbezirk.shp"),
        ("parts", "Stadtteil.shp"),
        ("quarters", "Stadtviertel.shp"),
    ]:
        rows, _, _ = made(f"cologne/{name}", real_data / "cologne/geo" / file)
        assert geodesic_area(rows) == pytest.approx(187.9e6 if name == "quarters" else 405e6, rel=0.002), name
        properties = [r["properties"] for r in rows]
        codes[properties[0]["scheme"]] = {p["code"] for p in properties}
        for p in properties:
            assert "parent_code" not in p or p["parent_code"] in codes[p["parent_scheme"]]
    assert {k: len(v) for k, v in codes.items()} == {"city": 1, "district": 9, "part": 86, "quarter": 371}


def test_the_parts_of_cologne_lie_in_their_districts(real_data: Path) -> None:
    """The numbers say which district a part is of; the geometries must agree."""
    districts = {
        r["properties"]["code"]: r["geometry"]
        for r in made("cologne/districts", real_data / "cologne/geo/Stadtbezirk.shp")[0]
    }
    for row in made("cologne/parts", real_data / "cologne/geo/Stadtteil.shp")[0]:
        assert districts[row["properties"]["parent_code"]].contains(row["geometry"].representative_point())


def test_nature_reserves_keep_their_numbers_and_what_no_column_took(real_data: Path) -> None:
    rows, _, _ = made("cologne/protected-areas", real_data / "cologne/landuse/naturschutz.shp")
    forest = next(r for r in rows if r["properties"]["name"] == "Königsforst")
    assert forest["fid"] == "N20"
    assert forest["properties"]["area_source_ha"] == pytest.approx(989.525)
    assert geodesic_area([forest]) == pytest.approx(9.890231e6, rel=0.002)
    assert json.loads(forest["raw"])["KüRZEL"] == "N"


def test_the_stations_near_cologne_are_kept_and_all_others_are_outside(real_data: Path) -> None:
    path = real_data / "cologne/uba/stations_active.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        listed = list(csv.DictReader(lines))
    west, south, east, north = COLOGNE
    near = {
        r["station_code"]
        for r in listed
        if west <= float(r["station_longitude_d"]) <= east
        and south <= float(r["station_latitude_d"]) <= north
    }
    rows, tally, chunks = made("cologne/stations", path, selection=shapely.box(*COLOGNE))
    assert (tally.read, len(listed)) == (893, 893)
    assert {r["properties"]["code"] for r in rows} == near >= {"DENW053", "DENW059", "DENW211"}
    assert tally.outside == 893 - len(near)
    assert {o.reason for c in chunks for o in c.outcomes} == {"outside"}
    ring = next(r for r in rows if r["fid"] == "DENW211")
    assert ring["geometry"].coords[0] == pytest.approx((7.00459, 50.962857))
    assert ring["properties"] == {
        "code": "DENW211", "name": "Köln Clevischer Ring 3", "type": "station", "area_type": "urban", "station_type": "traffic",
        "altitude_m": 48, "network": "DE004A", "media": "air", "started": "2006-05-06",
    }  # fmt: skip


def test_all_german_stations_are_taken_where_there_is_no_boundary(real_data: Path) -> None:
    rows, tally, _ = made("cologne/stations", real_data / "cologne/uba/stations_active.csv")
    assert (tally.accepted, len({r["fid"] for r in rows})) == (893, 893)
    assert within(bounds(rows), (5.8, 47.2, 15.1, 55.1))


@pytest.mark.parametrize(
    ("file", "layer", "count", "country"),
    [
        # Lanjarón in the Sierra Nevada: 36.9 N, 3.5 W. Malta: 36 N, 14.5 E.
        ("clc_granada/clc.gpkg", "clc", 136, (-3.7, 36.7, -3.2, 37.2)),
        ("clc_malta/clc2018_mt.gpkg.zip", "clc18_mt", 148, (13.8, 35.5, 14.9, 36.4)),
        ("clc_malta/clc2018_mt.gpkg.zip", "clc12_mt", 148, (13.8, 35.5, 14.9, 36.4)),
        ("clc_malta/clc2018_mt.gpkg.zip", "cha18_mt", 1, (14.0, 35.7, 14.7, 36.2)),
    ],
)
def test_corine_layers_of_all_kinds(
    real_data: Path, file: str, layer: str, count: int, country: tuple[float, ...]
) -> None:
    path = real_data / "landcover" / file
    rows, tally, _ = made("clc/corine-vector", path, layer=layer)
    assert (tally.read, len(rows)) == (count, count)
    assert within(bounds(rows), country)
    frame = pyogrio.read_dataframe(path, layer=layer)
    column = "CODE_18" if "CODE_18" in frame else "CODE_12"
    assert [r["properties"]["class"] for r in rows] == frame[column].tolist()
    assert {r["properties"]["reference_year"] for r in rows} == {2000 + int(column[-2:])}
    assert sum(r["properties"]["area_source_ha"] for r in rows) == pytest.approx(frame["AREA_HA"].sum())
    # The stated hectares are those of the polygons, up to the distortion of UTM.
    if layer == "clc18_mt":
        assert geodesic_area(rows) / 1e4 == pytest.approx(frame["AREA_HA"].sum(), rel=0.003)
    assert [r["properties"].get("change_from") for r in rows] == (
        ["323"] if layer == "cha18_mt" else [None] * count
    )
    assert [r["properties"].get("change_from_year") for r in rows] == (
        [2012] if layer == "cha18_mt" else [None] * count
    )


def test_any_layer_as_generic_features(real_data: Path) -> None:
    """5 of the 2,121 polygons of the land-use plan are invalid in the file; 5 more only touch so nearly that degrees round them across."""
    path = real_data / "cologne/landuse/fnp_aktuell.shp"
    rows, tally, chunks = made("generic/features", path)
    assert (tally.read, tally.accepted, tally.repaired, tally.rejected) == (2121, 2111, 9, 1)
    invalid = {int(i) for i in pyogrio.read_dataframe(path).pipe(lambda f: f.index[~f.is_valid])}
    reasons = {(o.row, o.reason) for c in chunks for o in c.outcomes}
    assert {row for row, reason in reasons if reason == "invalid-geometry"} == invalid
    assert len([1 for _, reason in reasons if reason == "rounding"]) == 5
    assert within(bounds(rows), COLOGNE)
    assert rows[0]["properties"]["Langname"] == "Wohnbaufläche"
    (turned_away,) = (o for c in chunks for o in c.outcomes if o.outcome == "rejected")
    assert turned_away.record is not None
    assert shapely.from_wkb(turned_away.record["geometry"]).area == 0


def test_protected_sites_of_hamburg(real_data: Path) -> None:
    rows, tally, chunks = made("inspire/protected-sites", real_data / "inspire/hamburg/ProtectedSite.gml")
    assert (tally.read, tally.accepted) == (9, 9)
    # gml:Envelope of the file: lowerCorner and upperCorner, latitude first.
    assert bounds(rows) == pytest.approx(
        (8.21278852435676, 53.4703733934128, 10.1937189529264, 53.9836697483145)
    )
    first = rows[0]
    assert first["namespace"] == "https://registry.gdi-de.org/id/de.hh/91133fe1-1d90-4dba-b9ca-c56c809b8c78"
    assert (
        first["local_id"] == "ProtectedSite_170adb04c84b698e04e68ba6778ca5f7b0cf1099cf5cd6c8328b70e67800231c"
    )
    assert "/" not in first["fid"]
    assert first["properties"] == {
        "name": "Wohldorfer Wald", "designation": "specialProtectionArea", "designation_scheme": "natura2000",
        "classification": "natureConservation", "legal_foundation_date": "2009-03-24",
    }  # fmt: skip
    assert chunks[0].crs[0]["order_found"] == "yx"


def test_protected_sites_of_finland_as_areas_and_points(real_data: Path) -> None:
    rows, tally, _ = made(
        "inspire/protected-sites", real_data / "inspire/caniuse/PS.Finland_mixed.geometry.gml"
    )
    assert (tally.read, tally.accepted) == (10, 10)
    kinds = [r["geometry"].geom_type for r in rows]
    assert (kinds.count("Point"), sum("Polygon" in k for k in kinds)) == (2, 8)
    assert within(bounds(rows), (19.0, 59.7, 31.6, 70.1))
    site = rows[0]
    assert (site["namespace"], site["local_id"]) == (
        "http://paikkatiedot.fi/so/1002203/ps/ProtectedSite",
        "a-101_158-alue",
    )
    assert site["properties"]["name"] == "Perniön kuntouttamiskeskus"
    assert site["properties"]["classification"] == "cultural"
    assert site["properties"]["designation"] == "siteOfCommunityImportance"
    # Perniö lies at 60.2 N 22.9 to 23.1 E.
    assert site["geometry"].distance(shapely.Point(22.9, 60.2)) < 0.2


def test_administrative_units_and_boundaries_of_one_file(real_data: Path) -> None:
    path = real_data / "inspire/hamburg/AdministrativeUnit.gml"
    units, tally, _ = made("inspire/administrative-units", path)
    assert (tally.read, tally.accepted, tally.outside) == (6, 1, 5)
    assert tally.reasons == {"outside:not-selected": 5}
    assert units[0]["properties"] == {
        "scheme": "au-de-2ndorder", "code": "020000000000", "name": "Freie und Hansestadt Hamburg", "level": "2ndOrder",
        "level_name": "Land", "country": "DE",
        "boundaries": [f"#AdministrativeBoundary_020000000000_{n}" for n in ("p1-0", "p2-0", "p3-0", "p0-0", "p1-1")],
    }  # fmt: skip
    # 755 km² of land and water, as the statistical office states; the exclave of Neuwerk is part of it.
    assert geodesic_area(units) == pytest.approx(755e6, rel=0.01)
    lines, tally, _ = made("inspire/administrative-boundaries", path)
    assert (tally.read, tally.accepted, tally.outside) == (6, 5, 1)
    assert {line["geometry"].geom_type for line in lines} == {"LineString"}
    envelope = (8.41319041241752, 53.3950108465582, 10.3252767973686, 53.9649062285771)
    assert bounds(units + lines) == pytest.approx(envelope)


def test_administrative_units_in_the_urn_namespaces_of_schema_3(real_data: Path) -> None:
    rows, tally, _ = made("inspire/administrative-units", real_data / "inspire/nl_kadaster/gemeente-au.xml")
    assert (tally.read, tally.accepted) == (2, 2)
    first = rows[0]
    assert (first["namespace"], first["local_id"], first["properties"]["name"]) == (
        "NL.KAD.AU.GEM",
        "1842",
        "Midden-Delfland",
    )
    assert rows[0]["geometry"].contains(
        shapely.Point(4.316, 51.966)
    )  # the village of Schipluiden is at 51.976 N 4.315 E
    assert {r["properties"]["scheme"] for r in rows} == {"au-nl-3rdorder"}
    assert within(bounds(rows), (3.3, 50.7, 7.3, 53.7))


def test_a_bare_name_in_a_prj_is_not_taken_for_the_crs(real_data: Path) -> None:
    """The .prj of Cologne is called WGS_1984_UTM_Zone_32N; read as EPSG:32632 the data would lie 2,000 km to the east."""
    recipe = load_recipe("cologne/districts")
    batches = list(read("vector", real_data / "cologne/geo/Stadtbezirk.shp", {}))
    (chunk,) = harmonise(recipe, batches, Context("https://example.org/id/test"))
    assert chunk.crs[0]["declared"].startswith("WGS 84 / UTM zone 32N")
    assert batches[0].crs is not None
    assert CRS.from_json(batches[0].crs.projjson).to_epsg() != 32632
    assert isinstance(chunk.features, pa.RecordBatch)


def test_population_of_cells_from_a_table_without_geometry(tmp_path: Path) -> None:
    # Three cells with Cologne's cathedral in the first (its place through PROJ alone), and lines that are wrong.
    x, y = Transformer.from_crs(4326, 3035, always_xy=True).transform(6.9583, 50.9413)
    east, north = int(x // 1000) * 1000, int(y // 1000) * 1000
    cells = [
        f"CRS3035RES1000mN{north}E{east}",
        f"CRS3035RES1000mN{north}E{east + 1000}",
        f"1kmN{north // 1000 + 1}E{east // 1000}",
    ]
    lines = [
        "GRD_ID,TOT_P_2021,CNTR_ID",
        *(f"{c},{n},DE" for c, n in zip(cells, (12_345, 0, 7.5), strict=True)),
    ]
    lines += ["CRS3035RES1000mE1N1,5,DE", f"{cells[0]},12345,DE", f"{cells[1]},x,DE", f"{cells[2]},,DE"]
    path = tmp_path / "population_grid.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows, tally, chunks = made("eurostat/population-grid", path)
    assert [r["properties"] for r in rows] == [
        {"scheme": "grid-1km", "code": f"1kmN{n_km}E{e_km}", "population": n, "reference_year": 2021}
        for n_km, e_km, n in (
            (north // 1000, east // 1000, 12_345),
            (north // 1000, east // 1000 + 1, 0),
            (north // 1000 + 1, east // 1000, 7.5),
        )
    ]
    assert rows[0]["geometry"].contains(shapely.Point(6.9583, 50.9413))
    assert geodesic_area(rows) == pytest.approx(
        3e6, rel=2e-3
    )  # LAEA keeps areas; edges are straight in degrees here
    assert within(bounds(rows), COLOGNE)
    assert {o.row: o.reason for c in chunks for o in c.outcomes} == {
        3: "bad-cell", 4: "duplicate", 5: "bad-value", 6: "missing-value",
    }  # fmt: skip
    assert (tally.read, tally.accepted, tally.rejected, tally.duplicate) == (7, 3, 3, 1)


@pytest.mark.parametrize(
    ("column", "year"), [("TOT_P_2018", 2018), ("TOT_P_2011", 2011), ("tot_p_2006", 2006)]
)
def test_the_year_of_the_population_is_in_the_name_of_the_column(
    tmp_path: Path, column: str, year: int
) -> None:
    path = tmp_path / "GEOSTAT.csv"
    path.write_text(f"GRD_ID,{column}\n1kmN3099E4108,5\n", encoding="utf-8")
    ((row,), _, _) = made("eurostat/population-grid", path)
    assert row["properties"]["reference_year"] == year
    assert row["local_id"].endswith(str(year))


def test_the_recipe_in_the_guide_is_one_and_its_table_has_every_reason() -> None:
    import re

    import yaml

    guide = (shipped("schemas").parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)]
    (whole,) = (b for b in blocks if b and "ldt" in b)
    assert Recipe.model_validate(whole).feature is not None
    source = "".join(
        (Path(__file__).parents[2] / "src/ldt/harmonise" / f"{n}.py").read_text(encoding="utf-8")
        for n in ("features", "feature_columns", "geometry")
    )
    # In these modules every text of words with hyphens is a reason; four reasons are single words.
    used = {*re.findall(r'"((?:[a-z]+-)+[a-z]+)"', source), "malformed", "rounding", "schema", "duplicate"}
    assert len(used) == 19
    assert {reason for reason in used if f"`{reason}`" not in guide} == set()
