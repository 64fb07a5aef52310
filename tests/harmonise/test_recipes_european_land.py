"""Corine, CLC+, Urban Atlas, the High Resolution Layers and the local components, in the layouts of their releases.

Real deliveries where there are any (counts are those that GDAL tells); else files made here with the fields that the releases have.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from tests.harmonise.europe import covered, raster, squares
from tests.harmonise.test_recipes import made

from ldt.errors import CheckError
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.inspect import inspect

CODES = ["111", "211", "523"]


def properties(name: str, path: Path, *wanted: str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(r["properties"].get(w) for w in wanted) for r in made(name, path, **options)[0]]


# Corine, vector ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "columns", "crs", "year"),
    [
        # The European releases, and national ones in their own CRS.
        ("clc18.gpkg", {"Code_18": CODES, "Remark": [""] * 3, "Area_Ha": [1.0] * 3, "ID": ["EU_1", "EU_2", "EU_3"]}, "EPSG:3035", 2018),
        ("x.gpkg", {"code_24": CODES, "id": ["a", "b", "c"]}, "EPSG:32633", 2024),
        ("x.gpkg", {"CODE_12": CODES, "OBJECTID_1": [1, 2, 3]}, "EPSG:25832", 2012),
        ("x.shp", {"CODE_06": CODES, "AREA_HA": [1.0] * 3, "ID": [1, 2, 3]}, "EPSG:23032", 2006),
        ("x.shp", {"code_00": [111, 211, 523]}, "EPSG:31467", 2000),
        ("x.gpkg", {"CODE_90": [111.0, 211.0, 523.0]}, "EPSG:3035", 1990),
        ("x.gpkg", {"CLC18": [" 111", "211 ", "523"]}, "EPSG:3035", 2018),
        ("x.gpkg", {"CODE_2006": CODES}, "EPSG:3035", 2006),
        # The year only in the name of the file.
        ("clc06_xx.gpkg", {"CODE": CODES}, "EPSG:3035", 2006),
        ("CLC1990.shp", {"CLC_CODE": CODES}, "EPSG:3035", 1990),
        ("U2018_CLC2012_V2020_20u1.gpkg", {"CODE_CLC": CODES}, "EPSG:3035", 2012),
        ("nothing.gpkg", {"CODE": CODES}, "EPSG:3035", None),
    ],
)  # fmt: skip
def test_status_layers_of_every_release(
    tmp_path: Path, file: str, columns: dict[str, list[Any]], crs: str, year: int | None
) -> None:
    squares(columns, crs).to_file(tmp_path / file)
    rows, tally, _ = made("clc/corine-vector", tmp_path / file)
    assert (tally.accepted, tally.read) == (3, 3)
    found = [r["properties"] for r in rows]
    assert [p["class"] for p in found] == CODES
    assert {p["nomenclature"] for p in found} == {"corine"}
    assert [p.get("reference_year") for p in found] == [year] * 3
    assert not any("change_from" in p or "change_from_year" in p for p in found)
    # All of them are the same squares, wherever the CRS comes from.
    placed = squares({"x": [0] * 3}).to_crs(4326).total_bounds
    assert np.allclose(gpd.GeoSeries([r["geometry"] for r in rows]).total_bounds, placed, atol=3e-5)


def test_the_year_of_a_layer_goes_before_that_of_its_file(tmp_path: Path) -> None:
    squares({"CODE": CODES}).to_file(tmp_path / "clc2018_xx.gpkg", layer="clc12_xx")
    squares({"CODE": CODES}).to_file(tmp_path / "clc2018_xx.gpkg", layer="clc18_xx")
    for layer, year in (("clc12_xx", 2012), ("clc18_xx", 2018)):
        found = properties("clc/corine-vector", tmp_path / "clc2018_xx.gpkg", "reference_year", layer=layer)
        assert found == [(year,)] * 3


@pytest.mark.parametrize(
    ("file", "columns", "years"),
    [
        ("x.gpkg", {"CODE_12": ["211"], "CODE_18": ["112"], "CHANGE": ["211-112"]}, (2012, 2018)),
        (
            "x.gpkg",
            {"code_18": ["211"], "code_24": ["112"], "change": ["211-112"], "chtype": ["R"]},
            (2018, 2024),
        ),
        ("x.gpkg", {"CODE_00": [211], "CODE_06": [112]}, (2000, 2006)),
        ("x.gpkg", {"CODE_90_OLD": ["211"], "CODE_00_NEW": ["112"]}, (1990, 2000)),
        ("x.gpkg", {"OLD_06": ["211"], "NEW_12": ["112"]}, (2006, 2012)),
        ("cha1218_xx.gpkg", {"CODE_OLD": ["211"], "CODE_NEW": ["112"]}, (2012, 2018)),
        ("CHA9000.shp", {"CHANGE": ["211112"]}, (1990, 2000)),
        ("cha_00_06.gpkg", {"CHANGE": [211112]}, (2000, 2006)),
        ("U2018_CHA1218_V2020_20u1.gpkg", {"CHANGE": ["211-112"]}, (2012, 2018)),
    ],
)
def test_change_layers_of_every_release(
    tmp_path: Path, file: str, columns: dict[str, list[Any]], years: tuple[int, int]
) -> None:
    squares(columns).to_file(tmp_path / file)
    wanted = "change_from", "class", "change_from_year", "reference_year"
    assert properties("clc/corine-vector", tmp_path / file, *wanted) == [("211", "112", *years)]


def test_technical_changes_are_no_changes_of_the_land(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "CODE_12": ["211"] * 3,
        "CODE_18": ["112"] * 3,
        "CHTYPE": ["R", "T", None],
    }
    squares(columns).to_file(tmp_path / "cha18.gpkg")
    _, tally, chunks = made("clc/corine-vector", tmp_path / "cha18.gpkg")
    assert (tally.accepted, tally.outside) == (2, 1)
    assert [(o.row, o.reason) for c in chunks for o in c.outcomes] == [(1, "not-selected")]


def test_what_is_no_class_is_turned_away_and_named(tmp_path: Path) -> None:
    squares({"CODE_18": ["999", "112", "48", None, "1211"]}).to_file(tmp_path / "clc18.gpkg")
    _, tally, chunks = made("clc/corine-vector", tmp_path / "clc18.gpkg")
    assert (tally.accepted, tally.rejected) == (1, 4)
    told = [(o.row, o.reason, o.message) for c in chunks for o in c.outcomes]
    assert [(row, reason) for row, reason, _ in told] == [
        (0, "unknown-code"), (2, "unknown-code"), (3, "missing-value"), (4, "unknown-code"),
    ]  # fmt: skip
    assert [m.split()[1] for _, r, m in told if r == "unknown-code"] == ["999", "48", "1211"]
    squares({"CODE_18S": ["211"], "CODE_24S": ["1212"]}).to_file(tmp_path / "sol1824.gpkg")
    (outcome,) = made("clc/corine-vector", tmp_path / "sol1824.gpkg")[2][0].outcomes
    assert "1212 is no code" in outcome.message


# Corine and CLC+, raster ---------------------------------------------------------------------------------------

#: What ESRI's programs write for EPSG:3035, as the EEA's GeoTIFFs have it.
ESRI = (
    'PROJCS["ETRS89_ETRS_LAEA",GEOGCS["ETRS89",DATUM["European_Terrestrial_Reference_System_1989",SPHEROID["GRS 1980",6378137,298.257222101]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["latitude_of_center",52],'
    'PARAMETER["longitude_of_center",10],PARAMETER["false_easting",4321000],PARAMETER["false_northing",3210000],UNIT["metre",1]]'
)


@pytest.mark.parametrize(
    ("name", "values", "dtype", "nodata", "crs", "years"),
    [
        ("U2018_CLC2018_V2020_20u1.tif", [1, 12, -128], "int8", -128, "EPSG:3035", (2018, 2019)),
        ("U2018_CLC2012_V2020_20u1.tif", [1, 12, 48], "uint8", None, ESRI, (2012, 2013)),
        ("CLC2012_CLC2006_V2018.20.tif", [1, 12, 255], "uint8", 255, "EPSG:3035", (2006, 2007)),
        ("g100_clc90_V18_5.tif", [1, 12, 0], "uint8", None, "EPSG:3035", (1990, 1991)),
        ("clc06_xx.tif", [111, 211, 999], "int32", None, "EPSG:3035", (2006, 2007)),
        ("CLC_2000.tif", [111, 211, 128], "uint32", 4294967295, ESRI, (2000, 2001)),
    ],
)
def test_status_rasters_of_every_release(
    tmp_path: Path,
    name: str,
    values: list[int],
    dtype: str,
    nodata: int | None,
    crs: str,
    years: tuple[int, int],
) -> None:
    path = raster(tmp_path / name, np.array([values], dtype), crs=crs, nodata=nodata)
    found = covered("clc/corine-raster", path)
    assert (found.tally.accepted, found.tally.read) == (1, 1)
    assert found.cells.tolist() == [[111, 211, 65535]]
    assert found.period == years
    west, south, east, north = gpd.GeoSeries.from_wkb([found.coverage.footprint]).total_bounds  # type: ignore[union-attr]
    assert np.allclose(
        (west, south, east, north), squares({"x": [0] * 3}).to_crs(4326).total_bounds, atol=1e-4
    )


def test_cells_that_are_no_class_are_told(tmp_path: Path) -> None:
    """49 stands for unclassified land: no class of the 44."""
    found = covered("clc/corine-raster", raster(tmp_path / "clc2018.tif", np.array([[1, 2, 49]], "uint8")))
    assert found.tally.repaired == 1
    assert "49" in found.outcomes[0].message
    assert found.cells.tolist() == [[111, 112, 65535]]


def test_change_rasters_are_no_state_of_a_year(tmp_path: Path) -> None:
    found = covered(
        "clc/corine-change-raster",
        raster(tmp_path / "U2018_CHA1218_12_V2020_20u1.tif", np.array([[12, 0]], "uint8")),
    )
    assert found.coverage is not None
    assert [b.property for b in found.coverage.bands] == ["land-cover-change"]
    assert found.cells.tolist() == [[211, 65535]]
    assert found.period == (2012, 2019)


def delivery(folder: Path, name: str, cells: np.ndarray, **kinds: Any) -> Path:
    """A zip as the portal delivers it: DATA, Legend, Metadata, documents and side files about one raster."""
    tif = raster(folder / f"{name}.tif", cells, **kinds)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as pack:
        pack.write(tif, f"{name}/DATA/{name}.tif")
        for side in (".tif.vat.dbf", ".tif.aux.xml", ".tif.ovr", ".tfw", ".clr", ".tif.xml"):
            pack.writestr(f"{name}/DATA/{name}{side}", b"beside")
        pack.writestr(
            f"{name}/Metadata/{name}.xml", "<gmd:MD_Metadata xmlns:gmd='http://www.isotc211.org/2005/gmd'/>"
        )
        for other in (
            "Legend/CLC_legend.qml",
            "Legend/legend.clr",
            "Legend/x.lyr",
            "Documents/readme.pdf",
            "readme.txt",
        ):
            pack.writestr(f"{name}/{other}", b"%PDF-1.4 beside")
    tif.unlink()
    return path


@pytest.mark.parametrize(
    ("recipe", "name", "years"),
    [
        ("clc/corine-raster", "U2018_CLC2018_V2020_20u1", (2018, 2019)),
        ("clms/clcplus-backbone", "CLMS_CLCplus_RASTER_2021_010m_eu_03035_V1_1", (2021, 2022)),
        ("clms/clcplus-backbone", "CLMS_CLCPLUS_RAS_S2023_R10m_E41N31_03035_V01_R00", (2023, 2024)),
    ],
)
def test_zipped_deliveries_with_their_side_files(
    tmp_path: Path, recipe: str, name: str, years: tuple[int, int]
) -> None:
    path = delivery(tmp_path, name, np.array([[1, 10, 255]], "uint8"))
    found = covered(recipe, path)
    assert found.tally.accepted == 1
    assert found.period == years
    assert found.cells.tolist() == [[111, 141, 65535] if recipe.startswith("clc/") else [1, 10, 65535]]
    assert inspect(path)["recipes"][0] == recipe


def test_the_masks_of_clcplus_are_no_classes(tmp_path: Path) -> None:
    name = "CLMS_CLCplus_RASTER_2018_010m_eu_03035_V1_1.tif"
    found = covered(
        "clms/clcplus-backbone", raster(tmp_path / name, np.array([[3, 253, 254, 255]], "uint8"), size=10)
    )
    assert found.cells.tolist() == [[3, 65535, 65535, 65535]]
    assert found.coverage is not None
    assert found.coverage.bands[0].vocabulary == "clcplus-backbone"


# Urban Atlas ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "year"),
    [
        (
            {
                "COUNTRY": ["DE"],
                "CITIES": ["Köln"],
                "LUZ_OR_CIT": ["DE004L"],
                "CODE2006": ["11100"],
                "ITEM2006": ["x"],
            },
            2006,
        ),
        (
            {"CITIES": ["Köln"], "FUA_OR_CIT": ["DE004L1"], "CODE2012": ["11100"], "IDENT": ["1-DE004L1"]},
            2012,
        ),
        ({"country": ["DE"], "fua_code": ["DE004"], "code_2018": ["11100"], "Pop2018": [5]}, 2018),
        ({"fua_code": ["DE004"], "code_2021": [11100], "identifier": ["1-DE004"]}, 2021),
    ],
)
def test_urban_atlas_of_every_release(tmp_path: Path, columns: dict[str, list[Any]], year: int) -> None:
    path = tmp_path / "DE004L1_KOELN.gpkg"
    squares(columns).to_file(path)
    wanted = "class", "nomenclature", "reference_year", "change_from"
    assert properties("clms/urban-atlas", path, *wanted) == [("11100", "urban-atlas", year, None)]


def test_urban_atlas_without_data_is_turned_away(tmp_path: Path) -> None:
    squares({"fua_code": ["DE004"] * 2, "code_2018": ["92000", "20000"]}).to_file(tmp_path / "a.gpkg")
    _, tally, chunks = made("clms/urban-atlas", tmp_path / "a.gpkg")
    assert (tally.accepted, tally.rejected) == (1, 1)
    assert "92000" in chunks[0].outcomes[0].message


@pytest.mark.parametrize(
    ("file", "recipe", "count", "expected"),
    [
        ("urban_atlas/EE003L1_NARVA_UA2012.gpkg", "clms/urban-atlas", 2, ("12100", None, "urban-atlas", 2012)),
        ("urban_atlas/EE003L1_NARVA_UA2018.gdb.zip", "clms/urban-atlas", 2, ("12100", None, "urban-atlas", 2018)),
        ("urban_atlas/EE003L1_NARVA_UA2018.gpkg.zip", "clms/urban-atlas", 2, ("12100", None, "urban-atlas", 2018)),
        ("urban_atlas/EE003L1_NARVA_change_2012_2018.gpkg.zip", "clms/urban-atlas", 1, ("12100", "31000", "urban-atlas", 2018)),
        ("urban_atlas/EE003L1_NARVA_UA2018_stl.gpkg.zip", "clms/urban-atlas-street-trees", 2, ("1", None, "urban-atlas-street-trees", 2018)),
    ],
)  # fmt: skip
def test_narva(real_data: Path, file: str, recipe: str, count: int, expected: tuple[Any, ...]) -> None:
    path = real_data / "landcover" / file
    rows, tally, _ = made(recipe, path)
    assert (tally.read, len(rows)) == (count, count)
    first = rows[0]["properties"]
    assert tuple(first.get(k) for k in ("class", "change_from", "nomenclature", "reference_year")) == expected
    # 124,101.86 or 57,508.87 m², as the delivery states them; Narva lies at 59.4 N, 28.2 E.
    assert first["area_source_ha"] == pytest.approx(5.7508872 if count == 1 else 12.4101861)
    west, south, east, north = gpd.GeoSeries([r["geometry"] for r in rows]).total_bounds
    assert 27 < west <= east < 29
    assert 59 < south <= north < 60
    assert inspect(path)["recipes"][0] == recipe


@pytest.mark.parametrize(
    ("file", "recipe", "total", "accepted", "nomenclature", "classes", "year"),
    [
        # One of the four has 0 in all levels: no data.
        ("CZ_2018_DU001_3035_V1_2.gpkg.zip", "clms/coastal-zones", 4, 3, "clms-coastal-zones", {"21200", "11130"}, 2018),
        ("N2K_DU001A_Status2018_LCLU_v1_20200915.gpkg.zip", "clms/natura-2000-land-cover", 2, 2, "clms-natura-2000", {"1400"}, 2018),
        # No data in 2018 for any of them; their classes are those of 2012.
        ("rpz_DU001B_lclu_2018_2012_v01.gpkg.zip", "clms/riparian-zones", 32, 32, "clms-riparian-zones", {"1112", "1113"}, 2012),
    ],
)  # fmt: skip
def test_local_components(
    real_data: Path,
    file: str,
    recipe: str,
    total: int,
    accepted: int,
    nomenclature: str,
    classes: set[str],
    year: int,
) -> None:
    """Deliveries of the quality checks."""
    path = real_data / "landcover" / "clms_local" / file
    assert inspect(path)["recipes"][0] == recipe
    rows, tally, _ = made(recipe, path)
    assert tally.read == total
    assert len(rows) == accepted
    found = {r["properties"]["class"] for r in rows}
    assert classes <= found
    assert {r["properties"]["nomenclature"] for r in rows} == {nomenclature}
    assert {r["properties"]["reference_year"] for r in rows} == {year}


def test_a_delivery_whose_coordinates_are_invented_is_refused(real_data: Path) -> None:
    path = real_data / "landcover/clms_local/N2k_DU001A_Status2018_LULC_v1_20180328.gdb.zip"
    with pytest.raises(CheckError, match="declares EPSG:3035, but its coordinates"):
        made("clms/natura-2000-land-cover", path)


# High Resolution Layers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "name", "values", "expected", "years"),
    [
        ("imperviousness", "IMD_2018_010m_eu_03035.tif", [0, 100, 254, 255], [0, 100, None, None], (2018, 2019)),
        ("imperviousness", "CLMS_HRLNVLCC_IMD_S2021_R10m_E41N31_03035_V01_R00.tif", [7, 255], [7, None], (2021, 2022)),
        ("tree-cover-density", "CLMS_HRL_VLCC_TCD_S2020_R10m_E41N31_03035_V01_R00.tif", [50, 255], [50, None], (2020, 2021)),
        ("imperviousness-change", "IMC_1518_020m_eu_03035.tif", [0, 99, 100, 101, 200, 201, 254, 255], [-100, -1, 0, 1, 100, 0, None, None], (2015, 2019)),
        ("imperviousness-change", "CLMS_HRLNVLCC_IMDC_C2018-2021_R20m_E41N31_03035_V01_R00.tif", [150, 255], [50, None], (2018, 2022)),
        ("imperviousness-change-classes", "IMCC_1518_020m_eu_03035.tif", [0, 1, 2, 10, 11, 12, 254, 255], [0, 1, 2, 10, 11, 12, None, None], (2015, 2019)),
        ("dominant-leaf-type", "DLT_2018_010m_eu_03035_v1_0.tif", [0, 1, 2, 254, 255], [0, 1, 2, None, None], (2018, 2019)),
        ("forest-type", "FTY_2018_100m_eu_03035_v1_0.tif", [0, 1, 2, 3, 255], [0, 1, 2, 3, None], (2018, 2019)),
        ("grassland", "GRA_2018_010m_eu_03035_v1_0.tif", [0, 1, 254], [0, 1, None], (2018, 2019)),
        ("water-wetness", "WAW_2018_010m_eu_03035_v2_0.tif", [0, 1, 2, 3, 4, 253, 254, 255], [0, 1, 2, 3, 4, None, None, None], (2018, 2019)),
        ("small-woody-features", "SWF_2018_005m_de_03035.tif", [0, 1, 255], [0, 1, None], (2018, 2019)),
    ],
)  # fmt: skip
def test_high_resolution_layers(
    tmp_path: Path,
    recipe: str,
    name: str,
    values: list[int],
    expected: list[int | None],
    years: tuple[int, int],
) -> None:
    path = raster(tmp_path / name, np.array([values], "uint8"), size=10)
    found = covered(f"clms/{recipe}", path)
    assert found.tally.accepted == 1
    assert found.coverage is not None
    nodata = found.coverage.bands[0].nodata
    cells = [None if c == nodata or np.isnan(c) else c for c in found.cells[0].tolist()]
    assert cells == expected
    assert found.period == years


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ("clms/imperviousness-change", "IMC_1518_020m_eu_03035.tif"),
        ("clms/imperviousness-change-classes", "IMCC_1518_020m_eu_03035.tif"),
        ("clms/tree-cover-density", "CLMS_HRL_VLCC_TCD_S2020_R10m_E41N31_03035_V01_R00.tif"),
        ("clc/corine-change-raster", "U2018_CHA1218_12_V2020_20u1.tif"),
    ],
)
def test_rasters_are_known_by_their_names(tmp_path: Path, recipe: str, name: str) -> None:
    assert inspect(raster(tmp_path / name, np.array([[1, 2]], "uint8")))["recipes"] == [recipe]


def test_shares_of_grassland_are_no_classes(tmp_path: Path) -> None:
    cells = np.array([[10, 55, 80, 100, 0]], "uint8")
    found = covered("clms/grassland", raster(tmp_path / "GRA_2018_100m_eu_03035_v1_0.tif", cells))
    assert (found.tally.rejected, found.outcomes[0].reason) == (1, "classes")


def test_small_woody_features_as_polygons(tmp_path: Path) -> None:
    path = tmp_path / "SWF_2018_VEC_DE.gpkg"
    squares(
        {"code": [1, 2, 3], "class_name": ["Linear", "Patchy", "Additional"], "area_ha": [1.0] * 3}
    ).to_file(path)
    wanted = "class", "nomenclature", "reference_year"
    found = properties("clms/small-woody-features-vector", path, *wanted)
    assert found == [(c, "small-woody-features", 2018) for c in "123"]
    assert inspect(path)["recipes"][0] == "clms/small-woody-features-vector"


def test_the_recipes_of_land_name_the_public_page() -> None:
    from ldt.harmonise.recipe import recipe_names

    named = [n for n in recipe_names() if n.split("/")[0] in {"clc", "clms"}]
    assert len(named) >= 19
    for name in named:
        assert str(load_recipe(name).source.upstream).startswith("https://land.copernicus.eu/"), name
