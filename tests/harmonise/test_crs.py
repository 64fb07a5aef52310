"""Where data lie: declarations that hold, declarations that lie, and those that cannot be."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
import yaml
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from ldt.axis import AxisOrder
from ldt.errors import CheckError, RecipeError
from ldt.harmonise.countries import country_box
from ldt.harmonise.crs import judge, override
from ldt.settings import shipped
from ldt.sources.batches import declare
from ldt.sources.source import DeclaredCrs

XY, YX, UNKNOWN = AxisOrder.XY, AxisOrder.YX, AxisOrder.UNKNOWN
#: Around Cologne.
TWIN = shapely.box(6.7, 50.8, 7.2, 51.1)
#: Cologne cathedral, as maps give it: 50.9413 N, 6.9583 E.
DOM = (6.9583, 50.9413)


def declared(code: str, order: AxisOrder) -> DeclaredCrs:
    return DeclaredCrs(code, CRS.from_user_input(code).to_json(), order)


def points(*pairs: tuple[float, float]) -> NDArray[Any]:
    return np.array([shapely.Point(p) for p in pairs], dtype=object)


@pytest.mark.parametrize(
    ("code", "order", "given", "found", "repaired"),
    [
        ("EPSG:4258", YX, (50.9413, 6.9583), YX, False),
        ("EPSG:4258", YX, (6.9583, 50.9413), XY, True),
        ("EPSG:4326", XY, (6.9583, 50.9413), XY, False),
        ("EPSG:4326", XY, (50.9413, 6.9583), YX, True),
        ("OGC:CRS84", XY, (6.9583, 50.9413), XY, False),
        # The cathedral by PROJ's own forward projection, to the metre.
        ("EPSG:25832", XY, (356560, 5645282), XY, False),
        ("EPSG:25832", XY, (5645282, 356560), YX, True),
        ("EPSG:4326", UNKNOWN, (50.9413, 6.9583), YX, False),
        ("EPSG:4326", UNKNOWN, (6.9583, 50.9413), XY, False),
    ],
)
@pytest.mark.parametrize("places", [{"selection": TWIN}, {"country": "DE"}])
def test_the_order_is_found_in_the_twin_or_the_country(
    code: str,
    order: AxisOrder,
    given: tuple[float, float],
    found: AxisOrder,
    repaired: bool,
    places: dict[str, Any],
) -> None:
    judgement = judge(points(given), declared(code, order), **places)
    assert (judgement.found, judgement.repaired) == (found, repaired)
    lon, lat = shapely.get_coordinates(judgement.to_lonlat(points(given)))[0]
    assert lon == pytest.approx(DOM[0], abs=2e-5)
    assert lat == pytest.approx(DOM[1], abs=2e-5)
    assert judgement.entry()["order_found"] == found.value


@pytest.mark.parametrize(("order", "given"), [(YX, (3210000, 4321000)), (XY, (4321000, 3210000))])
def test_the_european_grid_turns_around_52_north_10_east(
    order: AxisOrder, given: tuple[float, float]
) -> None:
    """The projection centre of ETRS89-LAEA (INSPIRE D2.8.I.2): 52 N 10 E is N 3,210,000 E 4,321,000."""
    judgement = judge(points(given), declared("EPSG:3035", order), country="DE")
    assert not judgement.repaired
    assert shapely.get_coordinates(judgement.to_lonlat(points(given)))[0] == pytest.approx(
        (10.0, 52.0), abs=1e-9
    )


def test_the_data_are_not_changed_in_place() -> None:
    given = points((50.9413, 6.9583))
    judge(given, declared("EPSG:4258", YX), selection=TWIN).to_lonlat(given)
    projected = points((356548, 5645176))
    judge(projected, declared("EPSG:25832", XY), selection=TWIN).to_lonlat(projected)
    assert shapely.get_coordinates(given)[0].tolist() == [50.9413, 6.9583]
    assert shapely.get_coordinates(projected)[0].tolist() == [356548, 5645176]


def test_data_elsewhere_are_right_where_they_are() -> None:
    """Oslo, rightly declared, for a twin of Cologne: nothing is swapped, nothing refused."""
    judgement = judge(points((59.91, 10.75)), declared("EPSG:4258", YX), selection=TWIN)
    assert (judgement.found, judgement.repaired) == (YX, False)
    assert judgement.expected.startswith("area of use")


def test_the_majority_counts_not_a_single_record() -> None:
    good = [(50.94 + i / 1000, 6.95) for i in range(20)]
    judgement = judge(points((6.95, 50.94), *good), declared("EPSG:4258", YX), selection=TWIN)
    assert not judgement.repaired
    swapped = [(b, a) for a, b in good]
    assert judge(points((50.94, 6.95), *swapped), declared("EPSG:4258", YX), selection=TWIN).repaired


def test_an_order_that_nothing_tells_is_x_first() -> None:
    """(45, 44) lies in the area of use of EPSG:4326 either way."""
    judgement = judge(points((45, 44)), declared("EPSG:4326", UNKNOWN))
    assert (judgement.found, judgement.repaired) == (XY, False)
    assert "do not tell" in judgement.reason


def test_the_twin_tells_where_the_area_of_use_does_not() -> None:
    twin = shapely.box(43.9, 44.9, 44.1, 45.1)
    assert judge(points((45, 44)), declared("EPSG:4326", UNKNOWN), selection=twin).found is YX
    assert judge(points((45, 44)), declared("EPSG:4326", XY), selection=twin).repaired


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("EPSG:25832", (7.0, 51.0)),  # degrees, declared as metres
        ("EPSG:32632", (2356548, 5645176)),  # Cologne's own false easting, read as plain UTM
        ("EPSG:4326", (356548, 5645176)),  # metres, declared as degrees
        ("EPSG:3035", (1e9, 1e9)),
    ],
)
def test_impossible_coordinates_refuse_the_file(code: str, given: tuple[float, float]) -> None:
    with pytest.raises(CheckError, match="not possible") as caught:
        judge(points(given), declared(code, XY), selection=TWIN)
    text = str(caught.value)
    assert code in text
    assert f"{given[0]:.10g}" in text
    assert "source.crs" in text


def test_a_crs_without_an_area_of_use_still_has_impossible_coordinates() -> None:
    """Cologne's own projection is in no register, so only the way back tells that coordinates cannot be meant."""
    own = declared("+proj=tmerc +lat_0=0 +lon_0=9 +k=0.9996 +x_0=2500000 +y_0=0 +ellps=WGS84 +units=m", XY)
    assert not judge(points((2356560, 5645282)), own, selection=TWIN).repaired
    assert judge(points((2356560, 5645282)), own).expected == "the bounds of the Earth"
    with pytest.raises(CheckError, match="not possible"):
        judge(points((90e6, 45e6)), own)
    # 10,000 km east and 30,000 km north comes back as a place in the Indian Ocean, but does not lead back to itself.
    with pytest.raises(CheckError, match="not possible"):
        judge(points((10e6, 30e6)), own)


def test_a_country_that_the_data_do_not_lie_in_refuses_the_file() -> None:
    with pytest.raises(CheckError, match="Germany"):
        judge(points((-3.7, 40.4)), declared("EPSG:4326", XY), country="DE")
    # In the twin they are where they belong, whatever the recipe's country.
    assert judge(points(DOM), declared("EPSG:4326", XY), country="ES", selection=TWIN).expected == "the twin"


def test_no_crs_and_a_crs_without_a_place_on_earth_refuse_the_file() -> None:
    with pytest.raises(CheckError, match="no CRS is declared"):
        judge(points(DOM), None)
    local = (
        'ENGCRS["Site",EDATUM["Pole"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'
    )
    with pytest.raises(CheckError, match="does not say where"):
        judge(points(DOM), declared(local, XY))
    with pytest.raises(CheckError, match="could be judged"):
        judge(np.array([shapely.Point()], dtype=object), declared("EPSG:4326", XY))


def test_an_override_keeps_the_order_that_the_source_declares() -> None:
    assert override("EPSG:31466", declared("EPSG:4326", XY)).order is XY
    assert override("EPSG:31466", None).order is UNKNOWN
    with pytest.raises(RecipeError, match=r"EPSG:99999999"):
        override("EPSG:99999999", None)


def test_the_datum_operation_is_recorded_with_its_accuracy_and_what_would_be_better() -> None:
    """Gauß-Krüger on DHDN: without the grid BETA2007 the operation is good to 3 m (EPSG:15949), and says so."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:31466", always_xy=True).transform(*DOM)
    judgement = judge(
        points((x, y)), override("EPSG:31466", None), selection=TWIN, because="the file has no .prj"
    )
    entry = judgement.entry()
    assert "DHDN to WGS 84" in entry["operation"] or "BETA2007" in entry["operation"]
    assert entry["because"] == "the file has no .prj"
    assert not entry["ballpark"]
    if "better" in entry:
        assert entry["accuracy_m"] == 3.0
    lon, lat = shapely.get_coordinates(judgement.to_lonlat(points((x, y))))[0]
    assert (lon, lat) == pytest.approx(DOM, abs=1e-4)


def test_nothing_is_fetched() -> None:
    assert pyproj.network.is_network_enabled() is False  # type: ignore[attr-defined] # not in its stub


def test_the_table_of_countries_is_that_of_the_epsg_dataset() -> None:
    """Against the extents in PROJ's own database, which is the EPSG Dataset."""
    database = sqlite3.connect(f"file:{Path(pyproj.datadir.get_data_dir()) / 'proj.db'}?mode=ro", uri=True)
    extents = {
        int(code): box
        for code, *box in database.execute(
            "SELECT code, west_lon, south_lat, east_lon, north_lat FROM extent WHERE auth_name = 'EPSG'"
        )
    }
    database.close()
    table = yaml.safe_load((shipped("schemas") / "countries.yaml").read_text(encoding="utf-8"))
    assert len(table["countries"]) >= 45
    assert all(
        isinstance(code, str) and len(code) == 2 for code in table["countries"]
    )  # NO is Norway, not `false`
    for code, country in table["countries"].items():
        assert country["box"] == pytest.approx(extents[country["epsg"]]), code


def test_countries_by_alias_and_unknown_ones() -> None:
    assert country_box("EL") == country_box("GR")
    west, south, east, north = country_box("DE")
    assert west < 6.96 < east
    assert south < 50.94 < north
    with pytest.raises(RecipeError, match="'ZZ'"):
        country_box("ZZ")


@pytest.mark.parametrize(
    ("x", "y", "order"),
    [
        (51.0, 7.0, YX),  # Cologne, latitude first
        (55.5, -21.1, XY),  # Saint-Denis de La Réunion: swapped it would lie west of Ireland
        (45.2, -12.8, XY),  # Mamoudzou, Mayotte
        (-61.0, 14.6, XY),  # Fort-de-France
    ],
)
def test_outermost_regions_are_no_places_of_europe_exchanged(x: float, y: float, order: AxisOrder) -> None:
    found = judge(points((x, y)), declared("EPSG:4326", XY))
    assert found.found is order
    assert found.repaired == (order is YX)


@pytest.mark.parametrize(
    ("code", "east", "north", "where"),
    [
        # The castle of Prague and Parliament in Budapest, by PROJ's forward projection.
        ("EPSG:5514", -744207, -1042536, (14.401, 50.090)),
        ("EPSG:23700", 649891, 240341, (19.046, 47.507)),
    ],
)
def test_an_order_that_leads_out_of_the_area_of_use_gives_way_to_one_that_leads_into_it(
    code: str, east: float, north: float, where: tuple[float, float]
) -> None:
    # Exchanged, both are places in Germany, within six degrees of the area of use.
    right, wrong = points((east, north)), points((north, east))
    straight, swapped = (judge(given, declared(code, XY)) for given in (right, wrong))
    assert (straight.found, straight.repaired) == (XY, False)
    assert (swapped.found, swapped.repaired) == (YX, True)
    assert "only north first" in swapped.reason
    for judgement, given in ((straight, right), (swapped, wrong)):
        assert shapely.get_coordinates(judgement.to_lonlat(given))[0] == pytest.approx(where, abs=1e-4)


@pytest.mark.parametrize(
    ("code", "east", "north", "swapped"),
    [
        # Kovel in the Polish system, no better when exchanged.
        ("EPSG:2180", 1025799, 374942, False),
        # Saarlouis in LUREF, of a region across the border: exchanged it would lie in the north of Luxembourg's area of use.
        ("EPSG:2169", 124627, 57438, False),
        # Three degrees east of Great Britain's area, exchanged on Skye; four west of Czechia's; half of one south of Romania's.
        ("EPSG:27700", 890412, 151711, True),
        ("EPSG:5514", -1195264, -857414, True),
        ("EPSG:3844", 472954, 153219, False),
    ],
)
def test_data_near_their_area_of_use_are_right_where_they_are(
    code: str, east: float, north: float, swapped: bool
) -> None:
    assert judge(points((east, north)), declared(code, XY)).repaired is swapped


@pytest.mark.parametrize(("code", "lonlat", "doubted"), [(2180, (21.0, 52.2), True), (27700, (-1.5, 52.5), True), (3035, (7.0, 51.0), True), (25832, (7.0, 51.0), False), (3857, (7.0, 51.0), False)])  # fmt: skip
def test_a_doubt_is_told_where_both_orders_lie_in_the_area_of_use(
    code: int, lonlat: tuple[float, float], doubted: bool
) -> None:
    """Warsaw in PL-1992 is at (637, 486) km: exchanged, a place in Poland too. A country's box or a twin decides, and then nothing is doubted."""
    to = Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=True)
    points = shapely.points([to.transform(lonlat[0] + i / 100, lonlat[1]) for i in range(3)])
    crs = declare(f"EPSG:{code}", f"EPSG:{code}", AxisOrder.XY)
    found = judge(points, crs)
    assert ("both orders lie in the area of use" in (found.doubt or "")) is doubted
    assert ("doubt" in found.entry()) is doubted
    assert found.found is AxisOrder.XY
    assert judge(points, crs, selection=shapely.Point(lonlat).buffer(0.5)).doubt is None
    assert crs is not None
    assert judge(points, replace(crs, by_format=True)).doubt is None
