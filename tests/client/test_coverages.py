"""Coverages through the client: cell by cell what rasterio and xarray read from the file store."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import rasterio
import xarray as xr
from tests.api.coverages.conftest import DAYS, MADE, new_coverage
from tests.e2e.serving import served
from tests.store.loading import load_coverages, make_twin

from ldt.client import BadAnswer, NotFound, Refused, Twin, grids
from ldt.settings import settings
from ldt.store.connect import connect


@pytest.fixture(scope="module")
def town(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin with three coverages, and a second one of imperviousness in another data set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        with connect(shared_database_url) as conn:
            make_twin(conn)
            for identifier, made in MADE.items():
                name, _, code = identifier.partition(".")
                more = [new_coverage("2012", made)] if name == "cover" else []
                load_coverages(conn, new_coverage(code, made), *more, name=name)
            load_coverages(conn, new_coverage("2018", MADE["sealing.2018"]), name="other")
        with served(shared_database_url) as address, Twin(address) as found:
            yield found
    settings.cache_clear()


def test_the_table_says_what_there_is(town: Twin) -> None:
    found = town.coverages()
    assert list(found.index) == ["sealing.2018", "cover.2012", "cover.2018", "warm.2025", "other.2018"]
    assert found.loc["warm.2025", "properties"] == ["air-temperature-maximum"]
    assert found.loc["warm.2025", "units"] == ["Cel"]
    assert found.loc["warm.2025", "steps"] == 9
    assert found.loc["cover.2018", "crs"] == "EPSG:25832"
    assert found.is_valid.all()
    assert found.total_bounds[0] == pytest.approx(6.8, abs=0.2)
    assert found.attrs["snapshot"] == town.snapshot


@pytest.mark.parametrize("name", ["sealing.2018", "cover.2018"])
def test_a_raster_is_what_rasterio_reads_from_the_store(town: Twin, name: str) -> None:
    found = town.coverage(name)
    made = MADE[name]
    digest = town._session.json("coverages", name)["digest"]
    (stored,) = (settings().data_dir / "objects").glob(f"*/{digest}/*.tif")
    with rasterio.open(stored) as file:
        expected, bounds, crs = file.read(1), file.bounds, file.crs
    values = found[made.band.property]
    if made.band.vocabulary:
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected)
        assert values.attrs["_FillValue"] == 65535
        assert values.rio.nodata == 65535
        assert 311 in values.attrs["flag_values"]
    else:
        assert values.dtype.kind == "f"
        np.testing.assert_array_equal(np.isnan(values), expected == 255)
        np.testing.assert_array_equal(values.fillna(255), expected)
    assert found.rio.crs == crs
    assert (float(found.x[0]), float(found.y[0])) == (
        bounds.left + file.res[0] / 2,
        bounds.top - file.res[1] / 2,
    )
    assert values.attrs["unit"] == made.band.unit
    assert found.attrs["snapshot"] == town.snapshot
    assert (found.attrs["coverage"], found.attrs["licence"]) == (name, "CC0-1.0")


def test_a_cube_has_its_days(town: Twin) -> None:
    found = town.coverage("air-temperature-maximum")["air-temperature-maximum"]
    np.testing.assert_array_equal(found, MADE["warm.2025"].cells)
    assert [str(t)[:10] for t in found["time"].to_numpy()] == [f"{d:%Y-%m-%d}" for d in DAYS]
    few = town.coverage("warm.2025", period="2025-06-02/2025-06-04", bbox=(6.905, 51.035, 6.925, 51.045))
    np.testing.assert_array_equal(few["air-temperature-maximum"], MADE["warm.2025"].cells[1:3, 5:7, 10:13])
    assert few["air-temperature-maximum"].attrs["units"] == "degree_Celsius"
    assert town.coverage("warm.2025", period="2025-06-02").sizes["time"] == 1


def test_a_property_means_the_latest_that_has_it_or_that_of_the_time(town: Twin) -> None:
    assert town.coverage("land-cover").attrs["coverage"] == "cover.2018"
    assert town.coverage("land-cover", period=2012).attrs["coverage"] == "cover.2012"
    assert town.coverage("land-cover", period="2012-07-01").attrs["coverage"] == "cover.2012"
    with pytest.raises(NotFound, match="2015"):
        town.coverage("land-cover", period=2015)
    with pytest.raises(Refused, match=r"sealing\.2018, other\.2018"):
        town.coverage("imperviousness")
    with pytest.raises(NotFound, match=r"there is: sealing\.2018"):
        town.coverage("snow")
    with pytest.raises(Refused, match="lies outside"):
        town.coverage("cover.2018", bbox=(20, 40, 21, 41))


def test_years_of_another_time_zone_are_not_mistaken_for_each_other() -> None:
    listed = [
        {
            "id": f"cover.{year}",
            "bands": [{"property": "land-cover"}],
            "time_first": f"{year - 1}-12-31T23:00:00Z",
            "time_last": f"{year}-12-31T23:00:00Z",
        }
        for year in (2017, 2018, 2019)
    ]
    for year in (2017, 2018, 2019):
        assert grids.choose(listed, "land-cover", str(year), "")["id"] == f"cover.{year}"
    assert grids.choose(listed, "land-cover", None, "")["id"] == "cover.2019"


def test_a_part_lies_where_it_lay(town: Twin) -> None:
    whole, part = town.coverage("cover.2018"), town.coverage("cover.2018", bbox=(6.93, 50.95, 6.95, 50.97))
    assert part.sizes["x"] < whole.sizes["x"]
    cut_out = whole.sel(x=part.x, y=part.y)
    xr.testing.assert_equal(part["land-cover"], cut_out["land-cover"])


def test_what_is_no_grid_is_told() -> None:
    for body in (b"", b"PK\x05\x06" + bytes(18), b"<html>"):
        with pytest.raises(BadAnswer, match="zipped Zarr"):
            grids.opened(body)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("2025", "2025-01-01", "2026-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2025-12-31", "2025-12-31", "2026-01-01"),
        ("2025-01-01/2025-02-01", "2025-01-01", "2025-02-01"),
    ],
)
def test_periods_end_before_their_end(period: str, start: str, end: str) -> None:
    first, last = grids.bounds(period)
    assert (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}") == (start, end)
    assert grids.interval(period) == f"{start}T00:00:00Z/{(last - np.timedelta64(1, 'us')).isoformat()[:-6]}Z"
    with pytest.raises(ValueError, match="'soon' is no period"):
        grids.bounds("soon")
