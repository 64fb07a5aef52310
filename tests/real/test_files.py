"""Every kind of real file through the whole chain, into a twin that keeps everything: counts, places, geometry.

Counts are those of the data folder's README, boxes of countries are read off an atlas, geometry is compared with what GDAL
and PROJ make of the same file (through geopandas).
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import psycopg
import pytest
import shapely
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import Ingested, ingest
from ldt.store.connect import connect

Box = tuple[float, float, float, float]
# west, south, east, north in degrees, rounded outwards
GERMANY: Box = (5.8, 47.2, 15.1, 55.1)
NETHERLANDS: Box = (3.3, 50.7, 7.3, 53.6)
FINLAND: Box = (19.0, 59.7, 31.6, 70.1)
COLOGNE: Box = (6.76, 50.82, 7.17, 51.09)
# The city and its island Neuwerk with the national park in the North Sea.
HAMBURG: Box = (8.1, 53.3, 10.4, 54.1)
# West of the province of Granada: the Alpujarras.
LANJARON: Box = (-3.6, 36.8, -3.3, 37.1)
FRANCE: Box = (-4.8, 42.3, 8.3, 51.1)
AUSTRIA: Box = (9.5, 46.3, 17.2, 49.1)
TENERIFE: Box = (-17.0, 27.9, -16.1, 28.7)
MALTA: Box = (14.1, 35.7, 14.6, 36.1)
SCOTLAND: Box = (-7.7, 54.6, -0.7, 60.9)
#: With the overseas regions: from Guadeloupe to Réunion, and to the North Cape.
EU_AND_NEIGHBOURS: Box = (-64.0, -22.0, 56.0, 81.0)


@dataclass(frozen=True)
class Case:
    """A file: its recipe, what the README says is in it, where it must lie, how GDAL's rows are told from one another."""

    recipe: str
    file: str
    read: int
    kept: int
    box: Box
    #: Column of the identifier as GDAL names it; None where the order of the file tells.
    gdal_id: str | None = None
    #: The layer, where the file has several.
    layer: str | None = None
    #: False where GDAL reads no geometry out of the file by itself, or other features than are kept.
    gdal: bool = True
    rejected: int = 0
    duplicate: int = 0

    @property
    def name(self) -> str:
        return (
            f"{self.recipe.rpartition('/')[2]}-{Path(self.file).stem}".lower()
            .replace("_", "-")
            .replace(".", "-")
        )


CASES = [
    Case("cologne/boundary", "cologne/geo/cityboundary.geojson", 1, 1, COLOGNE),
    Case("cologne/districts", "cologne/geo/Stadtbezirk.shp", 9, 9, COLOGNE),
    Case("cologne/parts", "cologne/geo/Stadtteil.shp", 86, 86, COLOGNE),
    Case("cologne/quarters", "cologne/geo/Stadtviertel.shp", 371, 371, COLOGNE),
    Case("cologne/protected-areas", "cologne/landuse/naturschutz.shp", 19, 19, COLOGNE),
    Case("inspire/protected-sites", "inspire/hamburg/ProtectedSite.gml", 9, 9, HAMBURG, "localId"),
    # 1 unit and 5 boundaries; each recipe takes its own
    Case("inspire/administrative-units", "inspire/hamburg/AdministrativeUnit.gml", 6, 1, HAMBURG, "localId", "AdministrativeUnit"),
    Case("inspire/administrative-boundaries", "inspire/hamburg/AdministrativeUnit.gml", 6, 5, HAMBURG, "localId", "AdministrativeBoundary"),
    Case("inspire/protected-sites", "inspire/caniuse/PS.Finland_mixed.geometry.gml", 10, 10, FINLAND, "localId"),
    Case("inspire/administrative-units", "inspire/nl_kadaster/gemeente-au.xml", 2, 2, NETHERLANDS, "localId"),
    Case("clc/corine-vector", "landcover/clc_granada/clc.gpkg", 136, 136, LANJARON, None, "clc"),
    Case("cologne/traffic-segments", "cologne/traffic/street_segments.geojson", 113, 113, COLOGNE),
    # 5 of 2,121 polygons are invalid: four can be made valid, the fifth is a line that goes and comes back.
    Case("cologne/land-use-plan", "cologne/landuse/fnp_aktuell.shp", 2121, 2120, COLOGNE, gdal=False, rejected=1),
    Case("cologne/climate-station", "cologne/dwd/Stationsmetadaten_klima_stationen_02667_19570901_20121231.txt", 5, 5, COLOGNE, gdal=False),
    Case("eurostat/nuts", "admin/nuts/NUTS_RG_20M_2021_3035.geojson", 2010, 2010, EU_AND_NEIGHBOURS, "NUTS_ID"),
    Case("eurostat/nuts", "admin/nuts/NUTS_RG_20M_2021_3035.shp.zip", 2010, 2010, EU_AND_NEIGHBOURS, "NUTS_ID"),
    Case("inspire/environmental-monitoring-facilities", "inspire/brgm_toolbox/BRGM_environmental_monitoring_facility_piezometer_1.xml", 1, 1, FRANCE, gdal=False),
    Case("inspire/environmental-monitoring-facilities", "inspire/brgm_toolbox/BRGM_environmental_monitoring_facility_piezometer_50.xml", 50, 50, FRANCE, gdal=False),
    Case("inspire/environmental-monitoring-facilities", "inspire/caniuse/EMF.BRGM.data.gml", 100, 100, FRANCE, gdal=False),
    Case("inspire/environmental-monitoring-facilities", "inspire/caniuse/EMF.BRGM_1.geom.gml", 5, 5, FRANCE, gdal=False),
    Case("eea/aqd-stations", "inspire/brgm_toolbox/AQD_UBA_Station_50.xml", 50, 50, AUSTRIA, gdal=False),
    Case("inspire/buildings", "inspire/es_catastro/building.gml", 16, 16, TENERIFE, "localId"),
    # 275 rows are 194 sampling points
    Case("eea/station-metadata", "airquality/eea_aqdl/MT_metadata.csv.zip", 275, 194, MALTA, gdal=False, duplicate=81),
    # seven files of four sensors
    Case("sensors/sensor-community-places", "sensors/luftdaten_aberdeen", 4064, 4, SCOTLAND, gdal=False, duplicate=4060),
    # 894 lines with the header
    Case("cologne/stations", "cologne/uba/stations_active.csv", 893, 893, GERMANY, gdal=False),
]  # fmt: skip


@pytest.fixture(scope="module")
def done(shared_database_url: str, real_data: Path, own_data_dir: Path) -> dict[str, Ingested]:
    """What each ingest told; each file has a twin of its own."""
    found = {}
    for case in CASES:
        make_twin(shared_database_url, case.name)
        reader_options = {"layer": case.layer} if case.recipe.startswith("clc/") else {}
        recipe = load_recipe(case.recipe).with_options(reader_options)
        found[case.name] = ingest(shared_database_url, case.name, recipe, [real_data / case.file])
    return found


@pytest.fixture(scope="module")
def conn(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(shared_database_url) as found:
        yield found


def stored(conn: psycopg.Connection[Any], twin: str) -> gpd.GeoDataFrame:
    """Return the current features of a twin, in the order of the file."""
    rows = conn.execute(
        "SELECT f.local_id, f.source_row, ST_AsBinary(f.geom), f.properties FROM ldt.feature f"
        " JOIN ldt.twin t ON t.id = f.twin_id WHERE t.name = %s AND f.until IS NULL ORDER BY f.source_row",
        (twin,),
    ).fetchall()
    return gpd.GeoDataFrame(
        {"local_id": [r[0] for r in rows], "row": [r[1] for r in rows], "properties": [r[3] for r in rows]},
        geometry=[shapely.from_wkb(r[2]) for r in rows],
        crs=4326,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_outcomes_add_up_and_counts_agree(
    case: Case, done: dict[str, Ingested], conn: psycopg.Connection[Any]
) -> None:
    tally = done[case.name].tally
    outcomes = (tally.accepted, tally.repaired, tally.rejected, tally.duplicate, tally.outside)
    assert sum(outcomes) == tally.read == case.read
    assert tally.accepted + tally.repaired == case.kept
    assert (tally.rejected, tally.duplicate) == (case.rejected, case.duplicate)
    assert tally.outside == case.read - case.kept - case.rejected - case.duplicate
    assert done[case.name].changes.rows == len(stored(conn, case.name)) == case.kept
    listed = conn.execute(
        "SELECT count(*) FROM ldt.outcome o JOIN ldt.twin t ON t.id = o.twin_id WHERE t.name = %s",
        (case.name,),
    ).fetchone()
    assert listed == (case.read - tally.accepted,)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_features_lie_in_their_country(
    case: Case, done: dict[str, Ingested], conn: psycopg.Connection[Any]
) -> None:
    west, south, east, north = case.box
    for bounds in stored(conn, case.name).bounds.to_numpy():
        assert west < bounds[0] <= bounds[2] < east
        assert south < bounds[1] <= bounds[3] < north


@pytest.mark.parametrize("case", [c for c in CASES if c.gdal], ids=lambda c: c.name)
def test_geometry_is_that_of_gdal(
    case: Case, done: dict[str, Ingested], conn: psycopg.Connection[Any], real_data: Path, tmp_path: Path
) -> None:
    ours = stored(conn, case.name)
    source = real_data / case.file
    for path in source.parent.glob(f"{source.stem}.*"):  # GDAL writes beside what it reads
        shutil.copyfile(path, tmp_path / path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL finds many things in a GML file remarkable
        theirs = gpd.read_file(tmp_path / source.name, layer=case.layer).to_crs(4326)
    if case.gdal_id:
        theirs = theirs.sort_values(case.gdal_id, ignore_index=True)
        ours = ours.sort_values("local_id", ignore_index=True)
        assert list(ours.local_id) == list(theirs[case.gdal_id])
    assert len(ours) == len(theirs) == case.kept
    repaired = 0
    for mine, other in zip(ours.geometry, theirs.geometry, strict=True):
        assert mine.is_valid
        if not other.is_valid:
            other, repaired = shapely.make_valid(other), repaired + 1
        assert same_place(mine, other)
    assert repaired <= done[case.name].tally.repaired


def same_place(mine: shapely.Geometry, other: shapely.Geometry) -> bool:
    """Tell whether two geometries are the same to 1e-8 degrees, a millimetre, whatever the order of their parts."""
    if shapely.equals_exact(multi(mine), multi(other), tolerance=1e-8):
        return True
    different = shapely.symmetric_difference(mine, other).area
    return bool(shapely.hausdorff_distance(mine, other) < 1e-8 and different <= 1e-9 * other.area)


def multi(geometry: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(geometry)
    return shapely.normalize(parts[0] if len(parts) == 1 else geometry)


def test_parts_of_cologne_make_up_the_city(done: dict[str, Ingested], conn: psycopg.Connection[Any]) -> None:
    city = stored(conn, "boundary-cityboundary").to_crs(3035).geometry.iloc[0]
    # The quarters do not: those of the file cover 188 of 405 km².
    for name in ("districts-stadtbezirk", "parts-stadtteil"):
        whole = stored(conn, name).to_crs(3035).geometry.union_all()
        assert (whole ^ city).area < 0.01 * city.area, name


def test_neuwerk_belongs_to_hamburg(done: dict[str, Ingested], conn: psycopg.Connection[Any]) -> None:
    # An island at the mouth of the Elbe, 100 km from the city: 53.92 N, 8.50 E.
    (unit,) = stored(conn, "administrative-units-administrativeunit").geometry
    assert unit.contains(shapely.Point(8.50, 53.92))
    assert unit.contains(shapely.Point(9.99, 53.55))  # the town hall
    assert not unit.contains(shapely.Point(9.2, 53.75))  # Lower Saxony, between the two


def test_the_municipalities_are_where_the_netherlands_have_them(
    done: dict[str, Ingested], conn: psycopg.Connection[Any]
) -> None:
    units = stored(conn, "administrative-units-gemeente-au")
    centres = np.array([(g.centroid.x, g.centroid.y) for g in units.geometry])
    assert ((centres[:, 0] > 4) & (centres[:, 0] < 5.1)).all()
    assert ((centres[:, 1] > 51.3) & (centres[:, 1] < 52.1)).all()
    assert all(p["code"] for p in units.properties)


# Series -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "pattern", "read", "duplicate", "rows"),
    [
        # 15,368 rows = every one of 7,684 hours twice
        ("eea/air-quality-legacy", "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv", 15_368, None, 7_684),
        # one record a day and file; values are counted in tests/real/test_cologne.py
        ("cologne/air-quality", "cologne/uba/2014*.json", 3 * (31 + 28 + 31) + 89, 0, None),
    ],
)  # fmt: skip
def test_series_add_up(
    shared_database_url: str,
    real_data: Path,
    own_data_dir: Path,
    recipe: str,
    pattern: str,
    read: int,
    duplicate: int | None,
    rows: int | None,
) -> None:
    twin = recipe.replace("/", "-")
    make_twin(shared_database_url, twin)
    done = ingest(shared_database_url, twin, load_recipe(recipe), sorted(real_data.glob(pattern)))
    t = done.tally
    assert t.accepted + t.repaired + t.rejected + t.duplicate + t.outside == t.read == read
    if rows is not None:
        assert done.changes.rows == t.accepted == rows
        assert t.duplicate + t.rejected == read - rows
    else:
        assert (t.rejected, t.duplicate, t.outside) == (0, duplicate, 0)
        assert t.derived == done.changes.rows + t.missing
