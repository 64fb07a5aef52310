"""Sealing, canopy, green, diversity and land take, by hand, with shapely and pyproj."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from tests.indicators.world import World

from ldt.indicators.lineage import lineage, records
from ldt.model.coverage import Band, Grid
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import Access
from ldt.store import values

#: The upper left corner of ten by ten cells of a kilometre.
X0, Y0 = 4_100_000.0, 3_100_000.0
GRID = Grid("EPSG:3035", 10, 10, (1000.0, 0.0, X0, 0.0, -1000.0, Y0))
IMD = Band("imperviousness", "%", "uint8", 255.0)
CLASSES = Band("land-cover", "1", "uint16", 65535.0, "corine")
SHARES = ("natural-share", "urban-green-share", "landscape-diversity")


def box(left: float, top: float, right: float, bottom: float) -> BaseGeometry:
    """Return a box in EPSG:4326, given in kilometres east and south of the corner, its sides cut small."""
    to = pyproj.Transformer.from_crs(3035, 4326, always_xy=True)
    plane = shapely.box(X0 + 1000 * left, Y0 - 1000 * bottom, X0 + 1000 * right, Y0 - 1000 * top)
    return shapely.transform(
        shapely.segmentize(plane, 100), lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1]))
    )


def year(first: int, last: int | None = None) -> tuple[datetime, datetime]:
    return datetime(first, 1, 1, tzinfo=UTC), datetime((last or first) + 1, 1, 1, tzinfo=UTC)


def raster(
    world: World,
    cells: NDArray[Any],
    of: int,
    band: Band = IMD,
    name: str = "imd",
    code: str | None = None,
    grid: Grid = GRID,
) -> None:
    world.coverage(
        name, code or f"imd-{of}", band, cells[np.newaxis].astype(band.dtype), grid, period=year(of)
    )


def cover(
    world: World, items: list[tuple[str, BaseGeometry]], of: int = 2018, name: str = "clc", **more: Any
) -> None:
    world.features(
        name,
        "land-cover-units",
        [
            (f"{name}-{of}-{i}", g, {"class": c, "nomenclature": "corine", "reference_year": of} | more)
            for i, (c, g) in enumerate(items)
        ],
    )


def changes(
    world: World,
    items: list[tuple[str, str, BaseGeometry]],
    before: int = 2012,
    after: int = 2018,
    name: str = "changes",
    number: int = 0,
) -> None:
    world.features(
        name,
        "land-cover-units",
        [
            (
                f"{name}-{before}-{after}-{number + i}",
                g,
                {
                    "class": now,
                    "nomenclature": "corine",
                    "reference_year": after,
                    "change_from": was,
                    "change_from_year": before,
                },
            )
            for i, (was, now, g) in enumerate(items)
        ],
    )


def value(
    world: World, indicator: str, code: str, period: str = "2020", scheme: str = "city"
) -> dict[str, Any]:
    found: dict[str, Any] = values.one(
        world.conn, world.snapshot(), ValueKey(indicator, scheme, code, period)
    )
    return found


def lacking(world: World, indicator: str, period: str = "2020") -> str:
    found = value(world, indicator, "test", period, "twin")
    assert (found["status"], found["value"]) == ("not-computable", None)
    return str(found["reason"])


# Soil sealing -------------------------------------------------------------------------------------------------


def test_sealing_is_the_mean_of_the_cells_by_exact_share(world: World) -> None:
    cells = np.arange(100).reshape(10, 10)
    world.area("A", box(2.25, 3.5, 4.5, 5.0))
    raster(world, cells, 2018)
    world.compute("soil-sealing", periods=["2020"])
    found = value(world, "soil-sealing", "A")
    # By hand: columns 2 to 4 with 0.75, 1, 0.5; rows 3 and 4 with 0.5 and 1.
    columns, rows = {2: 0.75, 3: 1.0, 4: 0.5}, {3: 0.5, 4: 1.0}
    expected = sum((10 * r + c) * h * w for r, h in rows.items() for c, w in columns.items()) / (2.25 * 1.5)
    assert found["value"] == pytest.approx(expected, rel=1e-6)
    assert (found["status"], found["unit"], found["coverage"]) == ("valid", "%", pytest.approx(1.0))
    assert found["method"] == "mean of imperviousness of 2018, exact shares of cells"
    assert found["quality"]["area_m2"] == pytest.approx(2.25 * 1.5e6, rel=1e-6)
    assert (found["quality"]["reference_year"], found["quality"]["coverages"]) == (2018, ["imd.imd-2018"])
    assert set(found["inputs"]) == {"areas", "imd"}


def test_cells_without_a_value_do_not_count_and_too_many_of_them_give_none(world: World) -> None:
    cells = np.full((10, 10), 40)
    cells[:, 0] = 255
    world.area("ENOUGH", box(0.1, 0, 10, 10))
    world.area("EIGHT-NINTHS", box(0, 0, 9, 9))
    raster(world, cells, 2018)
    world.compute("soil-sealing", periods=["2020"])
    found = value(world, "soil-sealing", "ENOUGH")
    assert (found["status"], found["value"]) == ("valid", pytest.approx(40.0))
    few = value(world, "soil-sealing", "EIGHT-NINTHS")
    assert (few["status"], few["value"], few["coverage"]) == ("insufficient", None, pytest.approx(8 / 9))
    assert few["reason"] == "imperviousness is known for 88.9 % of the area, 90 % are needed"


def test_the_latest_raster_that_is_not_after_the_period_with_all_its_tiles(world: World) -> None:
    west = Grid("EPSG:3035", 5, 10, (1000.0, 0.0, X0, 0.0, -1000.0, Y0))
    east = Grid("EPSG:3035", 5, 10, (1000.0, 0.0, X0 + 5000, 0.0, -1000.0, Y0))
    world.area("A", box(4, 2, 8, 8))
    raster(world, np.full((10, 10), 10), 2015)
    raster(world, np.full((10, 5), 20), 2018, code="west", grid=west)
    raster(world, np.full((10, 5), 60), 2018, code="east", grid=east)
    raster(world, np.full((10, 10), 99), 2018, name="later-data-set")
    world.compute("soil-sealing", periods=["2014", "2015", "2017", "2018", "2024"])
    found = {p: value(world, "soil-sealing", "A", p)["value"] for p in ("2015", "2017", "2018", "2024")}
    tiles = pytest.approx((20 * 1 + 60 * 3) / 4, rel=1e-6)
    assert found == {"2015": pytest.approx(10), "2017": pytest.approx(10), "2018": tiles, "2024": tiles}
    assert value(world, "soil-sealing", "A", "2024")["quality"]["coverages"] == ["imd.east", "imd.west"]
    assert (
        lacking(world, "soil-sealing", "2014")
        == "needs coverages of imperviousness of its last year or before; there are those of 2015 or 2018"
    )


def test_without_any_raster_sealing_is_that_of_the_classes(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    # seal_pct_default: 111 90, 112 50, 311 0.
    cover(world, [("111", box(0, 0, 1, 4)), ("112", box(1, 0, 2, 4)), ("311", box(2, 0, 4, 4))])
    cover(world, [("111", box(0, 0, 4, 4))], 2018, "changes", change_from="311", change_from_year=2012)
    world.compute("soil-sealing", periods=["2020"])
    found = value(world, "soil-sealing", "A")
    assert found["value"] == pytest.approx((90 + 50) / 4, rel=1e-6)
    assert found["method"] == "seal_pct_default of each class, weighted by area, land cover of 2018"
    assert (found["quality"]["units"], found["quality"]["reference_year"]) == (3, 2018)


def test_a_raster_goes_before_land_cover_for_all_periods(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    cover(world, [("111", box(0, 0, 4, 4))], 2012)
    raster(world, np.full((10, 10), 33), 2018)
    world.compute("soil-sealing", periods=["2015", "2020"])
    assert value(world, "soil-sealing", "A")["value"] == pytest.approx(33.0)
    # Two ways of measuring would make a change between the years that there was not.
    assert lacking(world, "soil-sealing", "2015").startswith("needs coverages of imperviousness of its last")


def test_canopy_has_no_other_source_and_all_alternatives_are_named(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    world.compute("tree-canopy-share", "soil-sealing", periods=["2020"])
    assert lacking(world, "tree-canopy-share") == "needs coverages of tree-cover-density"
    assert lacking(world, "soil-sealing") == (
        "needs coverages of imperviousness, features of the type land-cover-units or coverages of land-cover"
    )
    raster(world, np.full((10, 10), 12), 2021, Band("tree-cover-density", "%", "uint8", 255.0), "tcd")
    world.compute("tree-canopy-share", periods=["2021"])
    assert value(world, "tree-canopy-share", "A", "2021")["value"] == pytest.approx(12.0)


def test_a_raster_without_a_year_is_the_last_resort_and_one_with_an_axis_of_time_is_none(
    world: World,
) -> None:
    world.area("A", box(0, 0, 4, 4))
    days = [datetime(2019, 1, d, tzinfo=UTC) for d in (1, 2)]
    world.coverage("cube", "days", IMD, np.full((2, 10, 10), 7, "uint8"), GRID, days, averaging="P1D")
    world.compute("soil-sealing", periods=["2020"])
    assert lacking(world, "soil-sealing").startswith("needs coverages of imperviousness, features")
    world.coverage("undated", "some", IMD, np.full((1, 10, 10), 33, "uint8"), GRID)
    raster(world, np.full((10, 10), 44), 2018)
    world.compute("soil-sealing", periods=["2015", "2020"])
    undated = value(world, "soil-sealing", "A", "2015")
    assert (undated["value"], undated["quality"]["reference_year"]) == (pytest.approx(33.0), None)
    assert undated["method"] == "mean of imperviousness of an unknown year, exact shares of cells"
    assert value(world, "soil-sealing", "A", "2020")["value"] == pytest.approx(44.0)


def test_what_is_computed_from_a_restricted_raster_is_restricted(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    world.dataset("imd", shape="coverage", access=Access.RESTRICTED)
    raster(world, np.full((10, 10), 12), 2018)
    world.compute("soil-sealing", periods=["2020"])
    assert value(world, "soil-sealing", "A")["access"] == "restricted"


def test_lineage_of_a_mean_ends_at_its_raster(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    raster(world, np.full((10, 10), 12), 2015)
    raster(world, np.full((10, 10), 12), 2018)
    world.compute("soil-sealing", periods=["2020"])
    key = ValueKey("soil-sealing", "city", "A", "2020")
    found = records(world.conn, world.snapshot(), key)
    assert [(r["role"], r["used"], r["source"]) for r in found] == [
        ("area", True, "areas-1.csv"),
        ("input", True, "imd-2.csv"),
    ]
    assert found[1]["coverage"] == "imd.imd-2018"
    assert lineage(world.conn, world.snapshot(), key)["records"]["used"] == 2


# Classes ------------------------------------------------------------------------------------------------------


def test_shares_of_units_and_of_cells_of_the_same_land_are_the_same(world: World) -> None:
    cells = np.full((10, 10), 112)
    cells[:, 3:7], cells[6:, 5:] = 311, 512  # forest and a lake
    units = [
        *(("112", box(0, 0, 3, 10)), ("112", box(7, 0, 10, 6)), ("311", box(3, 0, 5, 10))),
        *(("311", box(5, 0, 7, 6)), ("512", box(5, 6, 10, 10))),
    ]
    world.area("A", box(1.5, 2.25, 8.5, 9.75))
    raster(world, cells, 2018, CLASSES, "clc-raster")
    world.compute(*SHARES, periods=["2020"])
    by_cells = {i: value(world, i, "A") for i in SHARES}
    cover(world, units)
    world.compute(*SHARES, periods=["2020"])
    by_units = {i: value(world, i, "A") for i in SHARES}
    whole = 7 * 7.5
    lake = 3.5 * 3.75
    forest = 4 * 7.5 - 2 * 3.75
    assert by_cells["natural-share"]["value"] == pytest.approx(100 * (forest + lake) / whole, rel=1e-6)
    assert by_cells["urban-green-share"]["value"] == pytest.approx(100 * forest / whole, rel=1e-6)
    for i in SHARES:
        assert by_units[i]["value"] == pytest.approx(by_cells[i]["value"], rel=1e-6)
        assert by_units[i]["quality"]["covered_m2"] == pytest.approx(
            by_cells[i]["quality"]["covered_m2"], rel=1e-6
        )
    assert by_cells["natural-share"]["method"].endswith("land cover of 2018, exact shares of cells")
    assert by_cells["natural-share"]["quality"]["coverages"] == ["clc-raster.imd-2018"]
    assert set(by_cells["natural-share"]["inputs"]) == {"areas", "clc-raster"}
    assert by_units["natural-share"]["method"].endswith("land cover of 2018")
    assert set(by_units["natural-share"]["inputs"]) == {"areas", "clc"}


def test_a_raster_of_another_vocabulary_is_not_read(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    other = Band("land-cover", "1", "uint16", 65535.0, "clcplus")
    raster(world, np.full((10, 10), 311), 2018, other, "backbone")
    world.compute("natural-share", periods=["2020"])
    assert (
        lacking(world, "natural-share")
        == "needs features of the type land-cover-units or coverages of land-cover"
    )


def test_cells_of_unknown_classes_are_not_covered(world: World) -> None:
    cells = np.full((10, 10), 311)
    cells[0], cells[1] = 65535, 999
    world.area("A", box(0, 0, 10, 10))
    raster(world, cells, 2018, CLASSES, "clc-raster")
    world.compute("urban-green-share", periods=["2020"])
    found = value(world, "urban-green-share", "A")
    assert (found["status"], found["coverage"]) == ("insufficient", pytest.approx(0.8))
    assert found["reason"] == "land cover is known for 80.0 % of the area, 90 % are needed"


def test_green_is_neither_field_nor_water(world: World) -> None:
    # By hand, of each kind one: park, sports ground, pasture, wood, moor, bog are; town, field, orchard, beach, lake are not.
    expected = {
        **dict.fromkeys(("141", "142", "231", "311", "322", "412"), 100.0),
        **dict.fromkeys(("112", "211", "222", "331", "512"), 0.0),
    }
    for i, code in enumerate(expected):
        world.area(code, box(i, 0, i + 1, 1))
    cover(world, [(c, box(i - 0.001, -0.001, i + 1, 1.001)) for i, c in enumerate(expected)])
    world.compute("urban-green-share", periods=["2020"])
    found = {c: value(world, "urban-green-share", c)["value"] for c in expected}
    assert found == pytest.approx(expected, abs=0.2)


def test_diversity_of_even_and_uneven_shares(world: World) -> None:
    world.area("EVEN", box(0, 0, 4, 1))
    world.area("UNEVEN", box(0, 1, 4, 2))
    world.area("ONE", box(0, 2, 4, 3))
    cover(
        world,
        [
            *((c, box(i, 0, i + 1, 1)) for i, c in enumerate(("112", "211", "311", "512"))),
            *(("112", box(0, 1, 2, 2)), ("112", box(2, 1, 3, 2)), ("311", box(3, 1, 4, 2))),
            ("211", box(0, 2, 4, 3)),
        ],
    )
    world.compute("landscape-diversity", periods=["2020"])
    even, uneven, one = (value(world, "landscape-diversity", c) for c in ("EVEN", "UNEVEN", "ONE"))
    # Neighbours that only touch may leave a sliver of a square metre.
    assert even["value"] == pytest.approx(math.log(4), abs=1e-4)
    assert uneven["value"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), abs=1e-4)
    assert one["value"] == pytest.approx(0.0, abs=1e-4)
    assert (even["unit"], even["quality"]["evenness"]) == ("1", pytest.approx(1.0, abs=1e-4))


def test_diversity_of_one_class_is_zero_and_has_no_evenness(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    # A class of a coarser level says nothing of those of the finest.
    cover(world, [("311", box(-1, -1, 3.8, 5)), ("31", box(3.8, -1, 5, 5))])
    world.compute("landscape-diversity", periods=["2020"])
    found = value(world, "landscape-diversity", "A")
    assert (found["value"], math.copysign(1, found["value"])) == (0.0, 1.0)
    assert (found["quality"]["classes"], found["quality"]["evenness"]) == (1, None)
    assert (found["coverage"], found["quality"]["units_of_unknown_class"]) == (pytest.approx(0.95), 1)


# Land take ----------------------------------------------------------------------------------------------------


def test_land_take_is_what_became_artificial_within_the_area(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    world.area("NONE", box(20, 20, 24, 24))
    changes(
        world,
        [
            ("211", "112", box(1, 1, 2, 2)),  # 1 km2 of field became town
            ("311", "121", box(3, 0, 6, 1)),  # of 3 km2 of wood one lies in the area
            ("512", "123", box(0, 3, 0.5, 4)),  # half a km2 of water became harbour
            ("133", "112", box(2, 2, 3, 3)),  # a building site was artificial already
            ("112", "141", box(2, 3, 3, 4)),  # so is a park
            ("122", "211", box(3, 3, 4, 4)),  # given back
            ("211", "311", box(0, 1, 1, 2)),  # a field became wood
            ("999", "112", box(0, 0, 1, 1)),  # nobody knows what it was
        ],
    )
    cover(world, [("112", box(0, 0, 4, 4))])  # a status layer of the same year
    world.compute("land-take", periods=["2020"])
    found = value(world, "land-take", "A")
    assert found["value"] == pytest.approx(2.5 / 6, rel=1e-6)
    assert (found["unit"], found["n_valid"], found["quality"]["units"]) == ("km2/a", 3, 3)
    assert found["method"] == "changes from 2012 to 2018, per year, EPSG:3035"
    assert set(found["inputs"]) == {"areas", "changes"}
    none = value(world, "land-take", "NONE")
    assert (none["status"], none["value"]) == ("valid", 0.0)


def test_the_layer_of_changes_that_holds_the_year_else_the_latest_before(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    changes(world, [("211", "112", box(0, 0, 1, 1))], 2000, 2006)
    changes(world, [("211", "112", box(0, 0, 2, 1))], 2006, 2012)
    changes(world, [("211", "112", box(0, 0, 4, 1))], 2018, 2024, "newest")
    changes(world, [("211", "112", box(0, 0, 4, 3))], 2000, 2012, "long")
    world.compute("land-take", periods=["2000", "2001", "2006", "2007", "2012", "2015", "2019", "2030"])
    one, two, four = (pytest.approx(km2 / 6, rel=1e-6) for km2 in (1, 2, 4))
    expected = {"2001": one, "2006": one, "2007": two, "2012": two, "2015": two, "2019": four, "2030": four}
    assert {p: value(world, "land-take", "A", p)["value"] for p in expected} == expected
    assert lacking(world, "land-take", "2000") == (
        "needs changes of its last year or before; there are those of 2000 to 2006, 2000 to 2012, 2006 to 2012"
        " or 2018 to 2024"
    )


def test_status_layers_and_layers_of_changes_never_mix(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    changes(world, [("211", "112", box(-1, -1, 5, 5))])
    periods = ["2020"]
    world.compute(*SHARES, "soil-sealing", "land-take", periods=periods)
    for indicator in (*SHARES, "soil-sealing"):
        assert "features of the type land-cover-units" in lacking(world, indicator)
    assert value(world, "land-take", "A")["value"] == pytest.approx(16 / 6, rel=1e-6)
    # In one data set, and of one year.
    cover(world, [("311", box(-1, -1, 5, 5))], 2018, "changes")
    world.compute(*SHARES, "soil-sealing", "land-take", periods=periods)
    assert value(world, "land-take", "A")["value"] == pytest.approx(16 / 6, rel=1e-6)
    assert [value(world, i, "A")["value"] for i in (*SHARES, "soil-sealing")] == [100.0, 100.0, 0.0, 0.0]
    assert value(world, "natural-share", "A")["coverage"] == pytest.approx(1.0)


def test_without_a_layer_of_changes_and_its_years_there_is_no_land_take(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    cover(world, [("112", box(0, 0, 4, 4))])
    cover(world, [("112", box(0, 0, 4, 4))], 2018, "undated", change_from="211")
    world.compute("land-take", periods=["2020"])
    assert lacking(world, "land-take") == (
        "needs features of the type land-cover-units with change_from, change_from_year and reference_year: a layer of changes"
    )


def test_lineage_of_land_take_says_why_a_change_does_not_count(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    changes(
        world,
        [
            ("211", "112", box(1, 1, 2, 2)),
            ("133", "112", box(2, 2, 3, 3)),
            ("211", "112", shapely.Point(box(0, 0, 1, 1).centroid)),
            ("211", "112", box(30, 30, 31, 31)),
        ],
    )
    changes(world, [("211", "112", box(0, 0, 1, 1))], 2006, 2012)
    cover(world, [("112", box(0, 0, 1, 1))], 2018, "changes")
    world.compute("land-take", periods=["2020"])
    found = lineage(world.conn, world.snapshot(), ValueKey("land-take", "city", "A", "2020"))["records"]
    assert found["used"] == 2  # the area and one change
    assert found["discarded"] == {
        "other-change": 1,
        "without-area": 1,
        "other-year": 1,
        "other-layer": 1,
    }


def test_lineage_of_a_diversity_is_its_units(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    place = box(0, 0, 1, 1).centroid
    cover(
        world,
        [("311", box(0, 0, 2, 4)), ("112", box(2, 0, 4, 4)), ("31", box(0, 0, 1, 1)), ("211", place)],
    )
    cover(world, [("311", box(0, 0, 2, 4))], 2012)
    world.compute("landscape-diversity", periods=["2020"])
    found = lineage(world.conn, world.snapshot(), ValueKey("landscape-diversity", "city", "A", "2020"))
    assert found["records"]["used"] == 3
    assert found["records"]["discarded"] == {"other-year": 1, "unknown-class": 1, "without-area": 1}
    assert value(world, "landscape-diversity", "A")["n_valid"] == 2
