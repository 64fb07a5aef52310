"""Files of cells become coverages: outcomes, order of cells, clipping, units, classes, periods. Rasters are made here, by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from ldt.axis import AxisOrder
from ldt.errors import RecipeError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import Recipe
from ldt.model.coverage import NewCoverage
from ldt.model.outcome import Outcome
from ldt.sources.batches import declare
from ldt.sources.source import Layer, Raster, TimeAxis, Transform

DESCRIPTION = {
    "ldt": 1,
    "name": "cover",
    "title": {"en": "Cover"},
    "publisher": "a test",
    "licence": "CC0-1.0",
    "origin": "local",
    "anatomy": "structure.environment.soil",
}
SEALED = {"imperviousness": {"unit": "%", "nodata": [254, 255], "valid_range": [0, 100]}}
CORINE = {"land-cover": {"vocabulary": "corine", "alternative": "grid_code", "nodata": [48, 128, 255]}}
WARM = {"air-temperature": {"source": "t"}}
#: 4 x 3 cells of 100 m near Cologne.
UTM: Transform = (100.0, 0.0, 350000.0, 0.0, -100.0, 5650000.0)
COLOGNE = shapely.box(6.8, 50.8, 7.2, 51.1)


def recipe(bands: dict[str, Any], source: dict[str, Any] | None = None, **coverage: Any) -> Recipe:
    reader = "cube" if any(isinstance(b.get("source"), str) for b in bands.values()) else "raster"
    content = {"source": {"reader": reader, **(source or {})}, "coverage": {"bands": bands, **coverage}}
    return Recipe.model_validate({**DESCRIPTION, **content})


def layer(
    cells: NDArray[Any],
    *,
    name: str = "1",
    crs: str | None = "EPSG:25832",
    transform: Transform | None = UTM,
    **changes: Any,
) -> Layer:
    """A layer that holds some cells, (row, column) or (step, row, column)."""
    cube = cells if cells.ndim == 3 else cells[None]
    known: dict[str, Any] = {
        "label": None, "dtype": str(cells.dtype), "unit": None, "scale": 1.0, "offset": 0.0, "nodata": (), "time": None,
        "problem": None, "read": lambda step, top, bottom, left, right: cube[step, top:bottom, left:right],
    }  # fmt: skip
    return Layer(
        name=name,
        width=cube.shape[2],
        height=cube.shape[1],
        transform=transform,
        crs=declare(crs, crs, AxisOrder.XY) if crs else None,
        **{**known, **changes},
    )


def run(
    made: Recipe, *layers: Layer, name: str = "IMD_2018.tif", selection: shapely.Geometry | None = None
) -> Chunk:
    chunk: Chunk
    (chunk,) = harmoniser(made, Context("town/cover", selection)).batches([Raster(layers, name, "d1")])
    assert chunk.tally.adds_up
    assert chunk.tally.read == 1
    return chunk


def only(chunk: Chunk) -> NewCoverage:
    assert len(chunk.coverages) == 1, chunk.outcomes
    return chunk.coverages[0]


def cells(coverage: NewCoverage, band: int = 0, step: int = 0) -> NDArray[Any]:
    return coverage.read(band, step, 0, coverage.grid.height)


def reason(chunk: Chunk) -> tuple[Outcome, str]:
    assert not chunk.coverages
    (one,) = chunk.outcomes
    return one.outcome, one.reason


COUNTING = np.arange(12, dtype="uint8").reshape(3, 4)


# Cells --------------------------------------------------------------------------------------------------------


def test_whole_numbers_stay_what_they_are() -> None:
    given = COUNTING.copy()
    given[0, :2], given[2, 2:] = (254, 255), (0, 100)  # the least and the greatest that there can be
    coverage = only(run(recipe(SEALED, period="2018"), layer(given, nodata=(255.0,))))
    assert coverage.bands[0].nodata == 255
    assert coverage.bands[0].dtype == "uint8"
    np.testing.assert_array_equal(cells(coverage)[0], [255, 255, 2, 3])
    np.testing.assert_array_equal(cells(coverage)[2], [8, 9, 0, 100])
    assert coverage.quality == {"bands": {"imperviousness": {"cells": 12, "missing": 2}}}
    assert (coverage.grid.crs, coverage.grid.transform) == ("EPSG:25832", UTM)


def test_numbers_without_a_value_for_none_become_floats() -> None:
    coverage = only(run(recipe({"imperviousness": {"unit": "%"}}), layer(COUNTING)))
    assert (coverage.bands[0].dtype, coverage.bands[0].nodata) == ("float32", None)
    np.testing.assert_array_equal(cells(coverage), COUNTING)


def test_packed_kelvin_become_degrees() -> None:
    """By hand: 10000 * 0.01 + 200 K = 300 K = 26.85 Cel."""
    packed = np.array([[10000, -32767], [0, 9000]], "int16")
    given = layer(packed, name="t", scale=0.01, offset=200.0, nodata=(-32767.0,), unit="K")
    coverage = only(run(recipe(WARM), given))
    expected = [[26.85, np.nan], [-73.15, 16.85]]
    np.testing.assert_allclose(cells(coverage), expected, atol=1e-5)
    assert (coverage.bands[0].unit, coverage.bands[0].dtype) == ("Cel", "float32")


def test_scale_and_offset_of_the_recipe_come_after_those_of_the_file() -> None:
    """By hand: (3 * 10 + 1) * 2 + 5 = 67."""
    bands = {"imperviousness": {"unit": "%", "scale": 2.0, "offset": 5.0}}
    coverage = only(run(recipe(bands), layer(np.array([[3, 3], [3, 3]], "int16"), scale=10.0, offset=1.0)))
    assert set(cells(coverage).ravel().tolist()) == {67.0}


def test_values_that_cannot_be_are_no_data_and_told() -> None:
    given = COUNTING.copy()
    given[1, 1], given[2, 2] = 101, 200
    chunk = run(recipe(SEALED), layer(given, nodata=(255.0,)))
    coverage = only(chunk)
    assert [coverage.read(0, 0, 0, 3)[i, i] for i in range(3)] == [0, 255, 255]
    assert chunk.outcomes[0].reason == "out-of-range"
    assert "2 cells of imperviousness are not within 0 to 100" in chunk.outcomes[0].message
    assert coverage.quality["bands"]["imperviousness"]["out_of_range"] == 2
    assert chunk.tally.repaired == 1


def test_a_file_of_something_else_is_turned_away() -> None:
    chunk = run(recipe(SEALED), layer(np.full((3, 4), 111, "uint32")))
    assert reason(chunk) == (Outcome.REJECTED, "values")
    assert "most of its values are not within 0 to 100" in chunk.outcomes[0].message


def test_no_unit_no_number() -> None:
    chunk = run(recipe({"air-temperature": {}}), layer(COUNTING))
    assert reason(chunk) == (Outcome.REJECTED, "values")
    assert "unit of air-temperature" in chunk.outcomes[0].message
    assert reason(run(recipe({"air-temperature": {}}), layer(COUNTING, unit="m"))) == (
        Outcome.REJECTED,
        "values",
    )


# Classes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "notation"),
    [
        # Corine: 1 is 111, 23 is 311, 44 is 523 (numbers of the classes in the official order).
        (np.array([[1, 23], [44, 255]], "uint8"), "grid_code"),
        (np.array([[111, 311], [523, 255]], "uint16"), "code"),
        (np.array([[111, 311], [523, 4294967295]], "uint32"), "code"),
        (np.array([[1.0, 23.0], [44.0, -9999.0]], "float32"), "grid_code"),
    ],
)
def test_grid_codes_and_class_codes(given: NDArray[Any], notation: str) -> None:
    chunk = run(recipe(CORINE), layer(given, nodata=(4294967295.0, -9999.0)))
    coverage = only(chunk)
    np.testing.assert_array_equal(cells(coverage), [[111, 311], [523, 65535]])
    assert coverage.quality["bands"]["land-cover"] == {"cells": 4, "missing": 1, "notation": notation}
    assert (coverage.bands[0].vocabulary, coverage.bands[0].dtype) == ("corine", "uint16")
    assert chunk.tally.accepted == 1


def test_values_that_are_no_class() -> None:
    given = np.full((3, 4), 23, "uint8")
    given[0, 0], given[2, 3] = 77, 0
    chunk = run(recipe(CORINE), layer(given))
    coverage = only(chunk)
    assert (cells(coverage) == 65535).sum() == 2
    assert cells(coverage)[0, 0] == 65535
    assert chunk.outcomes[0].reason == "unknown-class"
    assert coverage.quality["bands"]["land-cover"]["unknown_classes"] == {"0": 1, "77": 1}


@pytest.mark.parametrize("values", [[[90, 91], [92, 1]], [[0.5, 1.5], [2.5, 1.0]]])
def test_a_file_without_classes(values: list[list[float]]) -> None:
    given = np.array(values, "float32")
    chunk = run(recipe(CORINE), layer(given))
    assert reason(chunk) == (Outcome.REJECTED, "classes")


# Places -------------------------------------------------------------------------------------------------------


def test_south_first_becomes_north_first() -> None:
    upside: Transform = (100.0, 0.0, 350000.0, 0.0, 100.0, 5649700.0)
    coverage = only(run(recipe(SEALED), layer(COUNTING[::-1], transform=upside, nodata=(255.0,))))
    assert coverage.grid.transform == UTM
    np.testing.assert_array_equal(cells(coverage), COUNTING)
    np.testing.assert_array_equal(coverage.read(0, 0, 1, 2), COUNTING[1:2])


def test_east_first_becomes_west_first() -> None:
    mirrored: Transform = (-100.0, 0.0, 350400.0, 0.0, -100.0, 5650000.0)
    coverage = only(run(recipe(SEALED), layer(COUNTING[:, ::-1], transform=mirrored, nodata=(255.0,))))
    assert coverage.grid.transform == UTM
    np.testing.assert_array_equal(cells(coverage), COUNTING)


def test_longitudes_from_0_to_360() -> None:
    """Columns of 30 degrees with middles at 0, 30, … 330: those from 210 on are west of Greenwich."""
    values = np.tile(np.arange(12, dtype="float32"), (3, 1))
    given = layer(
        values, name="t", crs="EPSG:4326", transform=(30.0, 0.0, -15.0, 0.0, -30.0, 45.0), unit="Cel"
    )
    whole = only(run(recipe(WARM), given))
    assert whole.grid.transform == (30.0, 0.0, -165.0, 0.0, -30.0, 45.0)
    np.testing.assert_array_equal(cells(whole)[0], [7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6])
    # A box from 20 W to 20 E meets the cells about 30 W, 0 and 30 E.
    part = only(run(recipe(WARM), given, selection=shapely.box(-20, -5, 20, 20)))
    assert part.grid.transform == (30.0, 0.0, -45.0, 0.0, -30.0, 45.0)
    np.testing.assert_array_equal(cells(part), [[11, 0, 1], [11, 0, 1]])
    assert shapely.from_wkb(part.footprint).bounds == pytest.approx((-45, -15, 45, 45))


def test_cells_that_reach_over_the_pole() -> None:
    values = np.zeros((7, 12), "float32")
    given = layer(
        values, name="t", crs="EPSG:4326", transform=(30.0, 0.0, -15.0, 0.0, -30.0, 105.0), unit="Cel"
    )
    assert shapely.from_wkb(only(run(recipe(WARM), given)).footprint).bounds[3] == 90.0


def test_columns_with_a_gap() -> None:
    given = layer(
        np.zeros((2, 10), "float32"),
        name="t",
        crs="EPSG:4326",
        transform=(30.0, 0, 30.0, 0, -30.0, 30.0),
        unit="Cel",
    )
    assert reason(run(recipe(WARM), given)) == (Outcome.REJECTED, "crs")


def test_a_grid_over_the_antimeridian() -> None:
    """Columns with middles at 175 to 184 E: a twin on Vanua Levu (179 E) has those west of the line, one on Lau (-179) those east of it."""
    values = np.tile(np.arange(10, dtype="float32"), (2, 1))
    given = layer(values, name="t", crs="EPSG:4326", transform=(1.0, 0, 174.5, 0, -1.0, -16.0), unit="Cel")
    west = only(run(recipe(WARM), given, selection=shapely.box(178.6, -17.5, 179.9, -16.5)))
    assert (west.grid.transform[2], cells(west)[0].tolist()) == (178.5, [4, 5])
    east = only(run(recipe(WARM), given, selection=shapely.box(-179.2, -17.5, -178.6, -16.5)))
    assert (east.grid.transform[2], cells(east)[0].tolist()) == (-179.5, [6])
    neither = run(recipe(WARM), given)
    assert reason(neither) == (Outcome.REJECTED, "crs")
    assert "antimeridian" in neither.outcomes[0].message


def test_clipped_to_whole_cells_about_the_twin() -> None:
    """1,000 x 1,000 cells of 100 m; by hand: 6.95 E 50.95 N is 356,006 E 5,646,241 N in EPSG:25832 (PROJ's cs2cs)."""
    values = np.arange(1_000_000, dtype="int32").reshape(1000, 1000)
    given = layer(values, transform=(100.0, 0.0, 300000.0, 0.0, -100.0, 5700000.0), unit="%")
    point = shapely.box(6.95, 50.95, 6.9501, 50.9501)
    coverage = only(run(recipe({"imperviousness": {}}), given, selection=point))
    a, _, west, _, e, north = coverage.grid.transform
    assert (a, e) == (100.0, -100.0)
    assert (coverage.grid.width, coverage.grid.height) == (1, 1)
    assert west <= 356006 <= west + 100
    assert north - 100 <= 5646241 + 20 <= north + 20
    column, row = round((west - 300000) / 100), round((5700000 - north) / 100)
    np.testing.assert_array_equal(cells(coverage), values[row : row + 1, column : column + 1])


def test_outside() -> None:
    elsewhere = shapely.box(13.3, 52.4, 13.5, 52.6)
    assert reason(run(recipe(SEALED), layer(COUNTING), selection=elsewhere)) == (Outcome.OUTSIDE, "outside")
    # In the box of a triangle, and not in the triangle.
    corner = shapely.Polygon([(6.8, 50.8), (7.2, 50.8), (7.2, 51.2)])
    assert reason(run(recipe(SEALED), layer(COUNTING), selection=corner)) == (Outcome.OUTSIDE, "outside")


def test_north_first_in_the_definition_is_no_matter() -> None:
    """EPSG:3042 begins with north; the cells of a GeoTIFF lie east first all the same."""
    granada: Transform = (25.0, 0.0, 453239.0, 0.0, -25.0, 4099639.0)
    coverage = only(
        run(recipe(SEALED, {"country": "ES"}), layer(COUNTING, crs="EPSG:3042", transform=granada))
    )
    west, south, east, north = shapely.from_wkb(coverage.footprint).bounds
    assert -3.53 < west < east < -3.52
    assert 37.03 < south < north < 37.05
    assert coverage.grid.crs == "EPSG:3042"


def test_no_crs() -> None:
    chunk = run(recipe(SEALED), layer(COUNTING, crs=None))
    assert reason(chunk) == (Outcome.REJECTED, "crs")
    assert "source.crs" in chunk.outcomes[0].message
    assert chunk.outcomes[0].record == {"file": "IMD_2018.tif", "digest": "d1", "bands": ["1"]}
    known = {"crs": "EPSG:25832", "crs_because": "the office says so"}
    told = run(recipe(SEALED, known), layer(COUNTING, crs=None), selection=COLOGNE)
    assert only(told).grid.crs == "EPSG:25832"
    assert told.crs[0]["because"] == "the office says so"


def test_a_file_that_lies_where_it_cannot() -> None:
    wrong = run(recipe(SEALED, {"country": "ES"}), layer(COUNTING))
    assert reason(wrong) == (Outcome.REJECTED, "crs")
    swapped: Transform = (0.1, 0.0, 50.8, 0.0, -0.1, 7.2)
    chunk = run(recipe(SEALED), layer(COUNTING, crs="EPSG:4326", transform=swapped), selection=COLOGNE)
    assert reason(chunk) == (Outcome.REJECTED, "axis-order")


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (None, "no-grid"),
        ((0.0, 0.0, 350000.0, 0.0, -100.0, 5650000.0), "no-grid"),
        ((100.0, 0.0, 350000.0, 0.0, float("nan"), 5650000.0), "no-grid"),
        ((100.0, 5.0, 350000.0, 5.0, -100.0, 5650000.0), "rotated"),
    ],
)
def test_grids_that_are_none(transform: Transform | None, expected: str) -> None:
    assert reason(run(recipe(SEALED), layer(COUNTING, transform=transform))) == (Outcome.REJECTED, expected)


# Bands --------------------------------------------------------------------------------------------------------


def test_the_first_name_that_is_there() -> None:
    bands = {
        "air-temperature-maximum": {"source": ["tasmax", "tx"], "unit": "Cel"},
        "air-temperature-minimum": {"source": "tasmin", "unit": "Cel"},
    }
    coverage = only(run(recipe(bands), layer(COUNTING, name="tg"), layer(COUNTING + 1, name="tx")))
    assert [b.property for b in coverage.bands] == ["air-temperature-maximum"]
    assert coverage.quality["absent"] == ["air-temperature-minimum"]
    np.testing.assert_array_equal(cells(coverage), COUNTING + 1)


def test_a_band_by_its_label() -> None:
    bands = {"land-cover": {**CORINE["land-cover"], "source": ["CODE_18", "CODE_12"]}}
    given = [
        layer(np.full((2, 2), 9, "uint8")),
        layer(np.full((2, 2), 111, "uint16"), name="2", label="CODE_12"),
    ]
    assert cells(only(run(recipe(bands), *given)))[0, 0] == 111


def test_bands_that_are_not_there_or_do_not_fit() -> None:
    assert reason(run(recipe({"imperviousness": {"source": 3, "unit": "%"}}), layer(COUNTING))) == (
        Outcome.REJECTED,
        "missing-band",
    )
    broken = layer(COUNTING, problem="has 2 values of level (500, 850)")
    assert reason(run(recipe(SEALED), broken)) == (Outcome.REJECTED, "unusable-band")
    two = {"imperviousness": {"unit": "%"}, "tree-cover-density": {"source": 2, "unit": "%"}}
    other = layer(COUNTING[:2], name="2")
    assert reason(run(recipe(two), layer(COUNTING), other)) == (Outcome.REJECTED, "different-grids")


def test_two_bands_share_their_type() -> None:
    two = {"imperviousness": {"unit": "%", "nodata": [255]}, "tree-cover-density": {"source": 2, "unit": "%"}}
    coverage = only(run(recipe(two), layer(COUNTING), layer(COUNTING.astype("float64"), name="2")))
    assert [b.dtype for b in coverage.bands] == ["float64", "float64"]
    np.testing.assert_array_equal(cells(coverage, 0), cells(coverage, 1))


# Times --------------------------------------------------------------------------------------------------------


def axis(values: list[float], units: str = "days since 2020-01-01", calendar: str = "standard") -> Layer:
    cube = np.zeros((len(values), 3, 4), "float32") + np.arange(len(values), dtype="float32")[:, None, None]
    return layer(cube, name="t", unit="Cel", time=TimeAxis(tuple(values), units, calendar))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_the_year_in_the_name() -> None:
    made = recipe(SEALED, period_pattern=r"IMD_(\d{4})", period="1999")
    named = only(run(made, layer(COUNTING)))
    assert (named.time_first, named.time_last) == (utc(2018, 1, 1), utc(2019, 1, 1))
    assert named.code == "IMD_2018"
    unnamed = only(run(made, layer(COUNTING), name="x.tif"))
    assert unnamed.time_first == utc(1999, 1, 1)
    unknown = only(run(recipe(SEALED), layer(COUNTING)))
    assert (unknown.time_first, unknown.averaging, unknown.times) == (None, None, ())
    assert "period" in unknown.quality["time"]
    assert reason(run(recipe(SEALED, period_pattern=r"IMD_(\d{3})"), layer(COUNTING)))[1] == "time"


def test_days() -> None:
    coverage = only(run(recipe(WARM, averaging="P1D"), axis([58, 59, 60])))
    assert coverage.times == (utc(2020, 2, 28), utc(2020, 2, 29), utc(2020, 3, 1))
    assert (coverage.time_first, coverage.time_last) == (utc(2020, 2, 28), utc(2020, 3, 2))
    assert coverage.averaging == "P1D"
    assert [cells(coverage, 0, s)[0, 0] for s in range(3)] == [0, 1, 2]
    assert coverage.quality["bands"]["air-temperature"]["cells"] == 36


def test_days_told_by_their_noon() -> None:
    coverage = only(run(recipe(WARM, averaging="P1D"), axis([0.5, 1.5])))
    assert coverage.times == (utc(2020, 1, 1), utc(2020, 1, 2))
    assert "middle of each day" in coverage.quality["time"]
    hours = only(run(recipe(WARM, averaging="PT1H"), axis([12, 13], "hours since 2020-01-01")))
    assert hours.times == (utc(2020, 1, 1, 12), utc(2020, 1, 1, 13))


def test_zones_of_the_axis() -> None:
    local = only(run(recipe(WARM, averaging="P1D", zone="+01:00"), axis([0, 1])))
    assert local.times == (utc(2019, 12, 31, 23), utc(2020, 1, 1, 23))
    for units in ("days since 2020-01-01 00:00:00 +02:00", "days since 2020-01-01 00:00:0.0 +2:00"):
        own = only(run(recipe(WARM, averaging="P1D", zone="+01:00"), axis([0, 1], units)))
        assert own.times[0] == utc(2019, 12, 31, 22)
    # What ends like an offset and is none.
    plain = only(
        run(recipe(WARM, averaging="P1D", zone="+01:00"), axis([0, 1], "days since 2020-01-01 00:00:00.0"))
    )
    assert plain.times[0] == utc(2019, 12, 31, 23)


def test_steps_are_told_to_the_second() -> None:
    """By hand: 0.333333 of a day are 28,799.97 s, 0.03 s before 8 hours."""
    coverage = only(run(recipe(WARM, averaging="PT8H"), axis([0, 0.333333, 0.666667])))
    assert coverage.times == (utc(2020, 1, 1), utc(2020, 1, 1, 8), utc(2020, 1, 1, 16))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (axis([0, 1], calendar="julian"), "julian"),
        (axis([1, 0]), "ascending"),
        (axis([0, 0]), "ascending"),
        (axis([0, float("nan")]), "ascending"),
    ],
)
def test_axes_that_cannot_be_read(given: Layer, message: str) -> None:
    chunk = run(recipe(WARM, averaging="P1D"), given)
    assert reason(chunk) == (Outcome.REJECTED, "time")
    assert message in chunk.outcomes[0].message


def test_an_axis_needs_to_know_what_a_step_is() -> None:
    chunk = run(recipe(WARM), axis([0, 1]))
    assert reason(chunk) == (Outcome.REJECTED, "time")
    assert "coverage.averaging" in chunk.outcomes[0].message
    one = only(run(recipe(WARM, period="2020"), axis([180])))
    assert (one.times, one.time_first) == ((), utc(2020, 1, 1))


def bounded(
    pairs: list[tuple[float, float]], units: str = "days since 2020-01-01", calendar: str = "standard"
) -> Layer:
    values = tuple((a + b) / 2 for a, b in pairs)
    time = TimeAxis(values, units, calendar, tuple(pairs))
    return layer(np.zeros((len(pairs), 3, 4), "float32"), name="t", unit="Cel", time=time)


@pytest.mark.parametrize(
    ("pairs", "units", "averaging", "last"),
    [
        ([(0, 1), (1, 2)], "days since 2020-01-01", "P1D", utc(2020, 1, 3)),
        ([(0, 31), (31, 60)], "days since 2020-01-01", "P1M", utc(2020, 3, 1)),
        ([(0, 366)], "days since 2020-01-01", "P1Y", utc(2021, 1, 1)),
        ([(0, 91)], "days since 2020-01-01", "P3M", utc(2020, 4, 1)),
        ([(0, 10), (10, 20)], "days since 2020-01-01", "P10D", utc(2020, 1, 21)),
        ([(0, 6), (6, 12)], "hours since 2020-01-01", "PT6H", utc(2020, 1, 1, 12)),
        # The storm Lothar: from 19:00 on 24 December 1999 to 18:00 on the 27th.
        ([(0, 71)], "hours since 1999-12-24 19:00:00", "PT71H", utc(1999, 12, 27, 18)),
    ],
)
def test_bounds_say_what_a_step_stands_for(
    pairs: list[tuple[float, float]], units: str, averaging: str, last: datetime
) -> None:
    coverage = only(run(recipe(WARM), bounded(pairs, units)))
    assert (coverage.averaging, coverage.time_last) == (averaging, last)
    assert coverage.time_first == coverage.times[0]
    assert len(coverage.times) == len(pairs)


def test_a_recipe_that_differs_from_the_bounds() -> None:
    chunk = run(recipe(WARM, averaging="PT1H"), bounded([(0, 1)]))
    assert reason(chunk) == (Outcome.REJECTED, "time")
    assert "a step is P1D, by the recipe PT1H" in chunk.outcomes[0].message


def test_sums_from_the_beginning_of_a_forecast() -> None:
    """ERA5-Land: 0 to 1, 0 to 2, 0 to 3 hours."""
    chunk = run(recipe(WARM), bounded([(0, 1), (0, 2), (0, 3)], "hours since 2020-01-01"))
    assert reason(chunk) == (Outcome.REJECTED, "time")
    assert "select: {step: 24}" in chunk.outcomes[0].message


def test_instants_need_no_averaging() -> None:
    time = TimeAxis((0.0, 6.0), "hours since 2020-01-01", "standard", (), instants=True)
    coverage = only(run(recipe(WARM), layer(np.zeros((2, 3, 4), "float32"), name="t", unit="Cel", time=time)))
    assert (coverage.averaging, coverage.time_last) == ("PT0S", utc(2020, 1, 1, 6))


def test_times_that_are_the_end_of_a_step() -> None:
    coverage = only(run(recipe(WARM, averaging="PT1H", stamp="end"), axis([1, 2], "hours since 2020-01-01")))
    assert coverage.times == (utc(2020, 1, 1), utc(2020, 1, 1, 1))
    assert coverage.time_last == utc(2020, 1, 1, 2)
    assert "the end of each step" in coverage.quality["time"]
    monthly = only(run(recipe(WARM, averaging="P1M", stamp="end"), axis([31, 60])))
    assert monthly.times == (utc(2020, 1, 1), utc(2020, 2, 1))


def test_a_day_within_the_month() -> None:
    """16 January and 15 February 2020 stand for their months."""
    coverage = only(run(recipe(WARM, averaging="P1M"), axis([15.5, 45.0])))
    assert coverage.times == (utc(2020, 1, 1), utc(2020, 2, 1))
    assert coverage.time_last == utc(2020, 3, 1)
    assert "within each step" in coverage.quality["time"]


def test_a_calendar_without_29_february() -> None:
    """By hand: day 58 is 28 February; the next, 59, is 1 March, though 2020 has a 29 February between."""
    coverage = only(run(recipe(WARM, averaging="P1D"), axis([58, 59], calendar="NoLeap")))
    assert coverage.times == (utc(2020, 2, 28), utc(2020, 3, 1))
    assert "no 29 February" in coverage.quality["time"]
    with_bounds = only(run(recipe(WARM), bounded([(58, 59), (59, 60)], calendar="365_day")))
    assert (with_bounds.averaging, with_bounds.times) == ("P1D", coverage.times)


def test_a_calendar_of_months_of_30_days() -> None:
    """By hand: day 28 is 29 January, day 59 is 30 February, which there is not."""
    coverage = only(run(recipe(WARM, averaging="P1D"), axis([28, 29], calendar="360_day")))
    assert coverage.times == (utc(2020, 1, 29), utc(2020, 1, 30))
    chunk = run(recipe(WARM, averaging="P1D"), axis([58, 59], calendar="360_day"))
    assert reason(chunk) == (Outcome.REJECTED, "time")
    assert "2020-02-30" in chunk.outcomes[0].message


def test_what_the_reader_did_is_told() -> None:
    given = layer(np.zeros((3, 4), "float32"), name="t", unit="Cel", note="mean over the 3 values of number")
    assert only(run(recipe(WARM), given)).quality["method"] == "mean over the 3 values of number"


# Codes --------------------------------------------------------------------------------------------------------


def test_codes() -> None:
    made = recipe(SEALED, code=r"_([EN]\d+[EN]\d+)_")
    assert only(run(made, layer(COUNTING), name="IMD_2018_E40N30_v1.0.tif")).code == "E40N30"
    assert reason(run(made, layer(COUNTING), name="other.tif")) == (Outcome.REJECTED, "no-code")
    assert only(run(recipe(SEALED), layer(COUNTING), name="v1.0 ä/b.tif")).code == "v1.0~20~C3~A4~2Fb"


def test_a_code_is_given_once() -> None:
    worker = harmoniser(recipe(SEALED), Context("town/cover"))
    given = [
        Raster((layer(COUNTING, crs=None),), "a.tif", "d0"),
        Raster((layer(COUNTING),), "a.tif", "d1"),
        Raster((layer(COUNTING),), "a.tif", "d2"),
        Raster((layer(COUNTING),), "a.tif", "d1"),
    ]
    told = [
        (c.outcomes[0].outcome, c.outcomes[0].reason) if c.outcomes else None for c in worker.batches(given)
    ]
    assert told == [
        (Outcome.REJECTED, "crs"),
        None,
        (Outcome.REJECTED, "code-conflict"),
        (Outcome.DUPLICATE, "duplicate"),
    ]


@pytest.mark.parametrize(
    ("bands", "more", "message"),
    [
        ({"sealing": {}}, {}, "no observed property"),
        ({"IMD": {}}, {}, "no observed property"),
        ({"land-cover": {"vocabulary": "corinne"}}, {}, "no vocabulary 'corinne'"),
        ({"land-cover": {"vocabulary": "anatomy"}}, {}, "no whole numbers"),
        ({"land-cover": {"vocabulary": "corine", "alternative": "grid"}}, {}, "usable 'grid'"),
        ({"land-cover": {"alternative": "grid_code"}}, {}, "goes with `vocabulary`"),
        ({**CORINE, **SEALED}, {}, "classes and numbers"),
        (SEALED, {"code": "("}, "no regular expression"),
        (SEALED, {"period_pattern": "abc"}, "needs a group"),
        (SEALED, {"period": "last year"}, "is not a period"),
        (SEALED, {"averaging": "daily"}, "not a duration"),
        (SEALED, {"zone": "Cologne"}, "not a time zone"),
    ],
)
def test_recipes_that_mean_nothing(bands: dict[str, Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        harmoniser(recipe(bands, **more), Context("town/cover"))


def test_a_cube_has_no_numbered_bands() -> None:
    with pytest.raises(RecipeError, match="variables with names"):
        harmoniser(recipe({"air-temperature": {"source": 1}}, {"reader": "cube"}), Context("town/cover"))
