"""EDR on real files: a month of reanalysis against GDAL's own decoder, half a century of a station against pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from starlette.testclient import TestClient
from tests.api.edr.test_grids import axis, coverages, one, values
from tests.pipeline.cityfiles import make_twin

from ldt.api.app import create_app
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest

MONTH = "climate/era5-2mt-2019-03-uk.grib"
DAYS = "cologne/dwd/produkt_klima_Tageswerte_19570901_20121231_02667.txt"
PLACE = "POINT(-1.054687 52.498649)"


@pytest.fixture(scope="module")
def client(shared_database_url: str, real_data: Path, own_data_dir: Path) -> Iterator[TestClient]:
    url = shared_database_url
    make_twin(url)
    ingest(url, "town", load_recipe("climate/era5"), [real_data / MONTH], name="month")
    ingest(url, "town", load_recipe("cologne/climate"), [real_data / DAYS], name="days")
    with TestClient(create_app(url), raise_server_exceptions=False) as found:
        yield found


def test_a_month_of_hours_at_a_place_is_gdals(client: TestClient, real_data: Path) -> None:
    base = "/twins/town/collections/coverage.month"
    found = one(client.get(f"{base}/position", params={"coords": PLACE}))
    with rasterio.Env(GRIB_NORMALIZE_UNITS="NO"), rasterio.open(real_data / MONTH) as file:
        (kelvin,) = file.sample([(-1.054687, 52.498649)])
        window = file.read(1, window=rasterio.windows.from_bounds(-2, 52, -1, 53, file.transform).round_offsets())  # fmt: skip
        assert window.size
    np.testing.assert_allclose(values(found), kelvin - 273.15, atol=1e-4)
    assert found["domain"]["axes"]["t"]["values"][0] == "2019-03-01T00:00:00Z"
    assert len(found["domain"]["axes"]["t"]["values"]) == 744
    (name,) = found["ranges"]
    assert found["parameters"][name]["unit"]["symbol"]["value"] == "Cel"
    hour = {"bbox": "-2.1,52.1,-0.9,52.9", "datetime": "2019-03-15T12:00:00Z"}
    grid = one(client.get(f"{base}/cube", params=hour))
    with rasterio.Env(GRIB_NORMALIZE_UNITS="NO"), rasterio.open(real_data / MONTH) as file:
        x, y = np.meshgrid(axis(grid, "x"), axis(grid, "y"))
        want = np.array([v[14 * 24 + 12] for v in file.sample(zip(x.ravel(), y.ravel(), strict=True))])
    np.testing.assert_allclose(values(grid)[-1].ravel(), want - 273.15, atol=1e-4)


def test_half_a_century_of_days_is_pandas(client: TestClient, real_data: Path) -> None:
    path = "/twins/town/collections/series.days/locations/dwd-02667"
    asked = {"parameter-name": "air-temperature-maximum,precipitation"}
    found = one(client.get(path, params=asked))
    frame = pd.read_csv(real_data / DAYS, skipinitialspace=True, encoding="latin-1").dropna(thresh=5)
    frame.columns = frame.columns.str.strip()
    days = pd.to_datetime(frame["Mess_Datum"].astype(int).astype(str)) - pd.Timedelta("1h")  # a day at UTC+1
    times = pd.to_datetime(pd.Series(found["domain"]["axes"]["t"]["values"])).dt.tz_localize(None)
    for name, column in (("air-temperature-maximum", "LUFTTEMPERATUR_MAXIMUM"), ("precipitation", "NIEDERSCHLAGSHOEHE")):  # fmt: skip
        want = pd.Series(frame[column].to_numpy(float), index=days)
        got = pd.Series(found["ranges"][name]["values"], index=times, dtype=float)
        pd.testing.assert_series_equal(got.dropna(), want[want > -999], check_names=False, check_freq=False)
        assert got.notna().sum() > 20_000
    summer = coverages(client.get(path, params={**asked, "datetime": "2003-08-09/2003-08-09"}))
    assert summer[0]["domain"]["axes"]["t"]["values"] == ["2003-08-08T23:00:00Z", "2003-08-09T23:00:00Z"]
