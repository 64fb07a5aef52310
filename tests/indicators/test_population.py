"""Population of areas and green area per inhabitant, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from tests.indicators.test_land import CLASSES, box, cover, lacking, raster, value
from tests.indicators.world import World

from ldt.indicators.lineage import lineage, records
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import Access

GREEN = "green-area-per-inhabitant"


def people(
    world: World,
    items: list[tuple[str, str, float, BaseGeometry | None]],
    of: int = 2020,
    name: str = "people",
    **options: Any,
) -> None:
    """Add (scheme, code, population, geometry) of a year."""
    world.features(
        name,
        "population-distribution",
        [
            (
                f"{scheme}-{code}-{of}",
                shapely.Point() if geometry is None else geometry,
                {"scheme": scheme, "code": code, "population": number, "reference_year": of},
            )
            for scheme, code, number, geometry in items
        ],
        **options,
    )


def grid(numbers: dict[tuple[int, int], float]) -> list[tuple[str, str, float, BaseGeometry | None]]:
    """Return cells of a kilometre by (column, row)."""
    return [("grid-1km", f"{c}-{r}", n, box(c, r, c + 1, r + 1)) for (c, r), n in numbers.items()]


@pytest.fixture
def green(world: World) -> World:
    """Four by four kilometres, the western half of it wood."""
    world.area("A", box(0, 0, 4, 4))
    world.area("B", box(1.5, 0, 2.5, 2))
    cover(world, [("311", box(-1, -1, 2, 5)), ("112", box(2, -1, 5, 5))], 2012)
    return world


def test_an_area_s_own_figure_of_the_latest_year_that_is_not_after(green: World) -> None:
    people(green, [("city", "A", 4000, None), ("district", "A", 1, None), ("city", "Z", 7, None)], 2015)
    people(green, [("city", "A", 5000, None)], 2020)
    people(green, [("city", "A", 9999, None)], 2020, "second-source")
    green.compute(GREEN, periods=["2014", "2019", "2020", "2024"])
    found = {p: value(green, GREEN, "A", p) for p in ("2014", "2019", "2020", "2024")}
    assert [found[p]["value"] for p in ("2019", "2020", "2024")] == pytest.approx(
        [8e6 / 4000, 8e6 / 5000, 8e6 / 5000], rel=1e-6
    )
    assert found["2024"]["unit"] == "m2"
    assert found["2024"]["method"] == "land cover of 2012; population of 2020"
    assert found["2024"]["quality"]["population_from"] == {
        "source": "own",
        "dataset": "people",
        "scheme": "city",
        "year": 2020,
        "units": 1,
    }
    assert set(found["2024"]["inputs"]) == {"areas", "clc", "people"}
    assert (found["2014"]["status"], found["2014"]["value"]) == ("not-computable", None)
    assert found["2014"]["reason"] == "no population of the last year of the period or before is known for it"


def test_cells_count_with_the_share_of_them_that_lies_in_the_area(green: World) -> None:
    people(green, grid({(0, 0): 100, (1, 0): 200, (2, 1): 400, (3, 3): 50, (5, 5): 1000}))
    people(green, [("city", "A", 1000, None)], 2020, "register")
    green.compute(GREEN, periods=["2020"])
    own, cells = value(green, GREEN, "A"), value(green, GREEN, "B")
    assert own["value"] == pytest.approx(8e6 / 1000, rel=1e-6)
    # B is half a kilometre of wood wide and two long; half of the cells (1, 0) and (2, 1) lies in it.
    assert cells["quality"]["population"] == pytest.approx(100 + 200, rel=1e-6)
    assert cells["value"] == pytest.approx(1e6 / 300, rel=1e-6)
    assert cells["method"] == "land cover of 2012; population of 2020 from cells (grid-1km), weighted by area"
    assert set(cells["inputs"]) == {"areas", "clc", "people"}
    assert set(own["inputs"]) == {"areas", "clc", "register"}


def test_of_several_sets_of_cells_one_is_taken_never_their_sum(green: World) -> None:
    people(green, grid({(c, r): 10 for c in range(4) for r in range(4)}), 2018)
    people(green, grid({(c, r): 20 for c in range(4) for r in range(4)}), 2020)
    people(green, [("part", "west", 777, box(0, 0, 2, 4)), ("part", "east", 333, box(2, 0, 4, 4))], 2021)
    green.compute(GREEN, periods=["2019", "2024"])
    assert value(green, GREEN, "A", "2019")["quality"]["population"] == pytest.approx(160, rel=1e-6)
    found = value(green, GREEN, "A", "2024")
    assert found["quality"]["population"] == pytest.approx(320, rel=1e-6)
    assert found["quality"]["population_from"]["scheme"] == "grid-1km"


def test_where_nobody_lives_or_nobody_was_counted_there_is_no_value(green: World) -> None:
    green.area("FAR", box(20, 20, 21, 21))
    green.area("EMPTY", box(0, 0, 1, 1))
    cover(green, [("311", box(19, 19, 22, 22))], 2012, "far")
    people(green, [("city", "EMPTY", 0, None), ("city", "A", 5, None)])
    green.compute(GREEN, periods=["2020"])
    empty, far = value(green, GREEN, "EMPTY"), value(green, GREEN, "FAR")
    assert (empty["status"], empty["value"], empty["reason"]) == (
        "not-computable",
        None,
        "nobody lives there",
    )
    # Its land cover is another data set's: the first one's is taken for all areas.
    assert (far["status"], far["coverage"]) == ("insufficient", 0.0)


def test_what_is_needed_is_told(green: World) -> None:
    green.compute(GREEN, periods=["2020"])
    assert lacking(green, GREEN) == "needs features of the type population-distribution"


def test_land_cover_may_be_a_raster(world: World) -> None:
    world.area("A", box(0, 0, 4, 4))
    cells = np.full((10, 10), 112)
    cells[:, :2] = 311
    raster(world, cells, 2018, CLASSES, "clc-raster")
    people(world, [("city", "A", 4000, None)])
    world.compute(GREEN, periods=["2020"])
    assert value(world, GREEN, "A")["value"] == pytest.approx(8e6 / 4000, rel=1e-6)


def test_the_class_of_the_population_is_inherited(green: World) -> None:
    people(green, [("city", "A", 4000, None)], access=Access.CONFIDENTIAL)
    green.compute(GREEN, periods=["2020"])
    assert value(green, GREEN, "A")["access"] == "confidential"


def test_lineage_holds_the_population_that_was_used(green: World) -> None:
    people(green, grid({(0, 0): 100, (1, 0): 200, (2, 1): 400, (3, 3): 50}), 2020)
    people(green, grid({(1, 0): 7, (3, 3): 9}), 2015)
    people(green, [("city", "A", 4000, None), ("city", "B", 1, None)], 2018, "register")
    green.compute(GREEN, periods=["2016", "2020"])
    for code, period, expected in (
        ("A", "2020", ["register.city-A-2018"]),
        ("B", "2016", ["people.grid-1km-1-0-2015"]),
    ):
        key = ValueKey(GREEN, "city", code, period)
        found = records(green.conn, green.snapshot(), key)
        assert [r["feature"] for r in found if r["dataset"] in ("people", "register")] == expected
        tally = lineage(green.conn, green.snapshot(), key)["records"]
        assert (tally["used"], tally["discarded"]) == (1 + 2 + 1, {})
