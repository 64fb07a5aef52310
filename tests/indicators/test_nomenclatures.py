"""Classes of other nomenclatures are never counted as Corine classes, whatever codes they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.indicators.test_land import CLASSES, box, changes, cover, lacking, raster, value
from tests.indicators.world import World

from ldt.model.coverage import Band

SHARES = ("natural-share", "urban-green-share", "landscape-diversity", "soil-sealing")
ALL = (*SHARES, "land-take")
#: The local components have three digits at their third level: 111 is urban fabric in both, 311 a forest, 141 no park.
ALIKE = (
    "clms-riparian-zones",
    "clms-natura-2000",
    "clms-coastal-zones",
    "urban-atlas",
    "small-woody-features",
)


def corine(world: World) -> None:
    """Three tenths urban fabric, five forest, two park; 4 km² of arable land were built on in six years."""
    world.area("A", box(0, 0, 10, 10))
    cover(world, [("112", box(0, 0, 3, 10)), ("311", box(3, 0, 8, 10)), ("141", box(8, 0, 10, 10))])
    changes(world, [("211", "112", box(0, 0, 2, 2))])


def others(world: World) -> None:
    """The same land, told by others with the same codes, as states and as changes, as units and as cells."""
    for number, nomenclature in enumerate(ALIKE):
        more: dict[str, Any] = {"nomenclature": nomenclature}
        cover(world, [("111", box(0, 0, 5, 10)), ("311", box(5, 0, 10, 10))], name=f"other-{number}", **more)
        more |= {"change_from": "211", "change_from_year": 2012}
        cover(world, [("111", box(0, 0, 9, 9))], name=f"other-changes-{number}", **more)
    plus = Band("land-cover", "1", "uint16", 65535.0, "clcplus-backbone")
    raster(world, np.full((10, 10), 1), 2018, plus, "clcplus")


def test_other_nomenclatures_change_no_value(world: World) -> None:
    corine(world)
    world.compute(*ALL, periods=["2018"])
    alone = {i: value(world, i, "A", "2018")["value"] for i in ALL}
    assert alone["natural-share"] == pytest.approx(50)  # by hand: 5 of 10 columns are forest
    assert alone["land-take"] == pytest.approx(4 / 6)
    others(world)
    world.compute(*ALL, periods=["2018"])
    found = {i: value(world, i, "A", "2018") for i in ALL}
    assert {i: f["value"] for i, f in found.items()} == alone
    assert all(set(f["inputs"]) <= {"areas", "clc", "changes"} for f in found.values())


def test_other_nomenclatures_alone_are_no_land_cover_of_corine(world: World) -> None:
    world.area("A", box(0, 0, 10, 10))
    others(world)
    world.compute(*ALL, periods=["2018"])
    for indicator in ALL:
        assert "needs" in lacking(world, indicator, "2018"), indicator


def test_changes_in_cells_are_no_state(world: World) -> None:
    """A raster of changes has the same vocabulary; what it observes is another property."""
    world.area("A", box(0, 0, 10, 10))
    change = Band("land-cover-change", "1", "uint16", 65535.0, "corine")
    raster(world, np.full((10, 10), 311), 2018, change, "cha")
    world.compute("natural-share", periods=["2018"])
    assert "needs" in lacking(world, "natural-share", "2018")
    raster(world, np.full((10, 10), 112), 2018, CLASSES, "clc")
    world.compute("natural-share", periods=["2018"])
    assert value(world, "natural-share", "A", "2018")["value"] == 0
