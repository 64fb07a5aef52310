"""Shares of areas against shapely and pyproj."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from tests.indicators.world import World

from ldt.model.indicator import ValueKey
from ldt.store import values

CITY = shapely.Polygon(
    [(6.80, 50.85), (7.15, 50.83), (7.20, 51.05), (6.95, 51.10), (6.78, 51.00)],
    [[(6.90, 50.90), (6.95, 50.90), (6.95, 50.95), (6.90, 50.95)]],  # another municipality inside: a hole
)


def laea(geometry: BaseGeometry) -> BaseGeometry:
    """Project to EPSG:3035 with pyproj."""
    to = pyproj.Transformer.from_crs(4326, 3035, always_xy=True)
    return shapely.transform(geometry, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1])))


def sites(
    world: World, items: dict[str, BaseGeometry], dates: dict[str, str] | None = None, **options: Any
) -> None:
    known = dates or {}
    world.features(
        options.pop("name", "sites"),
        "protected-sites",
        [
            (c, g, {"name": c} | ({"legal_foundation_date": known[c]} if c in known else {}))
            for c, g in items.items()
        ],
        **options,
    )


def cover(
    world: World, items: list[tuple[str, BaseGeometry]], year: Any = 2018, name: str = "clc", **more: Any
) -> None:
    world.features(
        name,
        "land-cover-units",
        [
            (f"{name}-{year}-{i}", g, {"class": c, "nomenclature": "corine", "reference_year": year} | more)
            for i, (c, g) in enumerate(items)
        ],
    )


def value(world: World, indicator: str, code: str, period: str, scheme: str = "city") -> dict[str, Any]:
    return values.one(world.conn, world.snapshot(), ValueKey(indicator, scheme, code, period))


# Protected area share -----------------------------------------------------------------------------------------


def test_overlapping_sites_count_once_and_holes_do_not(world: World) -> None:
    a, b = (
        shapely.box(6.85, 50.88, 7.00, 51.00),
        shapely.box(6.95, 50.95, 7.30, 51.02),
    )  # b reaches out of the city
    world.area("CITY", CITY)
    sites(
        world,
        {"a": a, "b": b, "a-again": a, "far": shapely.box(8, 50, 8.1, 50.1), "point": shapely.Point(7, 51)},
    )
    world.compute("protected-area-share", periods=["2024"])
    found = value(world, "protected-area-share", "CITY", "2024")
    whole, union = laea(CITY), shapely.union_all([laea(a), laea(b)])
    assert found["value"] == pytest.approx(100 * (whole & union).area / whole.area, rel=1e-9)
    assert found["quality"]["area_m2"] == pytest.approx(whole.area, rel=1e-9)
    assert (found["n_valid"], found["quality"]["sites_without_area"]) == (3, 1)
    # Counting overlaps twice, or the hole as land, would give clearly more.
    twice = 100 * sum((whole & laea(g)).area for g in (a, b, a)) / whole.area
    assert twice > found["value"] + 5


def test_an_area_without_any_site_has_a_share_of_zero(world: World) -> None:
    world.area("CITY", CITY)
    sites(world, {"far": shapely.box(8, 50, 8.1, 50.1)})
    world.compute("protected-area-share", periods=["2024"])
    found = value(world, "protected-area-share", "CITY", "2024")
    assert (found["value"], found["status"], found["n_valid"]) == (0.0, "valid", 0)


def test_a_site_counts_from_the_year_of_its_foundation(world: World) -> None:
    world.area("CITY", CITY)
    sites(world, {"old": shapely.box(6.7, 50.7, 7.3, 51.2)}, {"old": "2015-12-31"})
    world.compute("protected-area-share", periods=["2014", "2015"])
    assert value(world, "protected-area-share", "CITY", "2014")["value"] == 0.0
    assert value(world, "protected-area-share", "CITY", "2014")["quality"]["sites_founded_later"] == 1
    assert value(world, "protected-area-share", "CITY", "2015")["value"] == pytest.approx(100.0, rel=1e-9)


def test_all_areas_of_all_schemes_at_once(world: World) -> None:
    cells = {
        f"Q{i}{j}": shapely.box(6.8 + i / 10, 50.8 + j / 10, 6.9 + i / 10, 50.9 + j / 10)
        for i in range(3)
        for j in range(3)
    }
    world.area("CITY", shapely.box(6.8, 50.8, 7.1, 51.1))
    for code, cell in cells.items():
        world.area(code, cell, scheme="quarter", name="quarters")
    site = shapely.Point(6.95, 50.95).buffer(0.12)
    sites(world, {"site": site})
    (result,) = world.compute("protected-area-share", periods=["2023", "2024"])
    assert result.written == 2 * 10
    for code, cell in cells.items():
        expected = 100 * (laea(cell) & laea(site)).area / laea(cell).area
        assert value(world, "protected-area-share", code, "2024", "quarter")["value"] == pytest.approx(
            expected, rel=1e-9
        )
    (only,) = world.compute("protected-area-share", periods=["2022"], schemes=["quarter"])
    assert only.written == 9


def test_parts_of_an_area_are_one_area(world: World) -> None:
    left, right = shapely.box(6.8, 50.8, 6.9, 50.9), shapely.box(7.0, 50.8, 7.1, 50.9)
    world.features(
        "areas",
        "administrative-units",
        [(f, g, {"scheme": "city", "code": "X", "name": "X"}) for f, g in (("left", left), ("right", right))],
    )
    sites(world, {"left": left})
    world.compute("protected-area-share", periods=["2024"])
    assert value(world, "protected-area-share", "X", "2024")["value"] == pytest.approx(50.0, rel=1e-9)


@pytest.mark.parametrize(
    ("has_area", "has_site", "reason"),
    [
        (True, False, "needs features of the type protected-sites"),
        (False, True, "needs areas of the schemes city, district"),
    ],
)
def test_what_lacks_is_told(world: World, has_area: bool, has_site: bool, reason: str) -> None:
    if has_area:
        world.area("CITY", CITY)
    if has_site:
        sites(world, {"a": CITY})
    world.compute("protected-area-share", periods=["2024"])
    (found,) = values.page(world.conn, world.snapshot(), "protected-area-share")
    assert (found["scheme"], found["code"], found["status"]) == ("twin", "test", "not-computable")
    assert found["reason"].startswith(reason)


# Natural share ------------------------------------------------------------------------------------------------


def test_natural_share_of_the_covered_part(world: World) -> None:
    city = shapely.box(7.0, 51.0, 7.1, 51.1)
    forest, town = shapely.box(6.9, 50.9, 7.04, 51.2), shapely.box(7.04, 50.9, 7.095, 51.2)
    world.area("CITY", city)
    cover(world, [("311", forest), ("112", town), ("999", shapely.box(7.095, 51.0, 7.1, 51.1))])
    world.compute("natural-share", periods=["2020"])
    found = value(world, "natural-share", "CITY", "2020")
    covered = (laea(city) & laea(forest)).area + (laea(city) & laea(town)).area
    assert found["value"] == pytest.approx(100 * (laea(city) & laea(forest)).area / covered, rel=1e-9)
    assert found["coverage"] == pytest.approx(covered / laea(city).area, rel=1e-9)
    assert (found["quality"]["units"], found["quality"]["units_of_unknown_class"]) == (2, 1)
    assert found["quality"]["reference_year"] == 2018
    assert "2018" in found["method"]


def test_too_little_land_cover_gives_no_share(world: World) -> None:
    world.area("CITY", shapely.box(7.0, 51.0, 7.1, 51.1))
    cover(world, [("311", shapely.box(6.9, 50.9, 7.08, 51.2))])
    world.compute("natural-share", periods=["2020"])
    found = value(world, "natural-share", "CITY", "2020")
    assert (found["status"], found["value"]) == ("insufficient", None)
    assert found["reason"] == "land cover is known for 80.0 % of the area, 90 % are needed"


def test_the_latest_layer_that_is_not_after_the_period_is_taken(world: World) -> None:
    city = shapely.box(7.0, 51.0, 7.1, 51.1)
    around = shapely.box(6.9, 50.9, 7.2, 51.2)
    world.area("CITY", city)
    cover(world, [("311", around)], 2012)
    cover(world, [("112", around)], 2018)
    cover(world, [("311", around)], 2018, name="changes", change_from="112")  # lies over the status layers
    world.compute("natural-share", periods=["2011", "2012", "2017", "2018", "2024"])
    shares = {p: value(world, "natural-share", "CITY", p) for p in ("2012", "2017", "2018", "2024")}
    assert {p: v["value"] for p, v in shares.items()} == {
        "2012": 100.0,
        "2017": 100.0,
        "2018": 0.0,
        "2024": 0.0,
    }
    assert {p: v["quality"]["reference_year"] for p, v in shares.items()} == {
        "2012": 2012,
        "2017": 2012,
        "2018": 2018,
        "2024": 2018,
    }
    early = value(world, "natural-share", "test", "2011", "twin")
    assert (
        early["reason"]
        == "needs land-cover-units of its last year or before; there are those of 2012 or 2018"
    )


def test_salines_and_fields_are_not_natural(world: World) -> None:
    # Classes of Corine by hand: forest, moor, bog and water are; town, park, field, pasture and saline are not.
    expected = {"311": 1, "322": 1, "412": 1, "512": 1, "112": 0, "141": 0, "211": 0, "231": 0, "422": 0}
    for i, (code, _) in enumerate(expected.items()):
        cell = shapely.box(7 + i / 10, 51, 7.1 + i / 10, 51.1)
        world.area(code, cell)
        cover(world, [(code, cell.buffer(-1e-6))], name=f"clc{i}", year=2018 + i)
    for i, (code, natural) in enumerate(expected.items()):
        world.compute("natural-share", periods=[str(2018 + i)])
        assert value(world, "natural-share", code, str(2018 + i))["value"] == 100.0 * natural
