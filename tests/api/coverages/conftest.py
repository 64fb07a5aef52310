"""A town with rasters and a cube, loaded by hand: what the cells are is known here, and not read back from the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from starlette.testclient import TestClient
from tests.store.loading import load_coverages, make_twin

from ldt.api.app import create_app
from ldt.model.coverage import Band, Grid, NewCoverage
from ldt.model.snapshot import OPERATOR, Access
from ldt.settings import settings
from ldt.store.connect import connect

DAYS = tuple(datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=i) for i in range(9))


@dataclass
class Made:
    """A coverage as it was made: its cells in (step, row, column), the same in each band."""

    band: Band
    grid: Grid
    cells: NDArray[Any]
    times: tuple[datetime, ...] = ()


def _made() -> dict[str, Made]:
    random = np.random.default_rng(3)
    sealed = random.integers(0, 61, (1, 400, 500)).astype("uint8")
    sealed[0, :40, :60] = 255
    # Blocks of 20 x 20 cells of one class each, a corner without any, and one of a code that the vocabulary does not have.
    blocks = random.choice(np.array([111, 112, 311, 512], "uint16"), (12, 15))
    cover = np.kron(blocks, np.ones((20, 20), "uint16"))[None].astype("uint16")
    cover[0, 200:, 260:] = 65535
    cover[0, :20, 280:] = 999
    warm = (15 + 20 * random.random((len(DAYS), 30, 40))).astype("float32")
    warm[:, 0, 0] = np.nan
    return {
        "sealing.2018": Made(
            Band("imperviousness", "%", "uint8", 255),
            Grid("EPSG:3035", 500, 400, (10.0, 0.0, 4105000.0, 0.0, -10.0, 3101000.0)),
            sealed,
        ),
        "cover.2018": Made(
            Band("land-cover", "1", "uint16", 65535, "corine"),
            Grid("EPSG:25832", 300, 240, (25.0, 0.0, 353000.0, 0.0, -25.0, 5650000.0)),
            cover,
        ),
        "warm.2025": Made(
            Band("air-temperature-maximum", "Cel", "float32"),
            Grid("EPSG:4326", 40, 30, (0.01, 0.0, 6.8, 0.0, -0.01, 51.1)),
            warm,
            DAYS,
        ),
    }


MADE = _made()


def new_coverage(code: str, made: Made) -> NewCoverage:
    a, _, c, _, e, f = made.grid.transform
    carry = Transformer.from_crs(made.grid.crs, 4326, always_xy=True)
    right, bottom = c + a * made.grid.width, f + e * made.grid.height
    corners = [carry.transform(x, y) for x, y in ((c, f), (right, f), (right, bottom), (c, bottom))]
    year = int(code)
    return NewCoverage(
        code=code,
        bands=(made.band,),
        grid=made.grid,
        time_first=made.times[0] if made.times else datetime(year, 1, 1, tzinfo=UTC),
        time_last=made.times[-1] + timedelta(days=1) if made.times else datetime(year + 1, 1, 1, tzinfo=UTC),
        times=made.times,
        averaging="P1D" if made.times else None,
        footprint=shapely.Polygon(corners).wkb,
        read=lambda band, step, first, last: made.cells[step, first:last],
    )


@pytest.fixture(scope="module")
def grids_url(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database with the town: revision 1 sealing, 2 cover, 3 warm, 4 a secret, 5 sealing without 2018."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        with connect(shared_database_url) as conn:
            make_twin(conn)
            for identifier, made in MADE.items():
                name, _, code = identifier.partition(".")
                load_coverages(conn, new_coverage(code, made), name=name)
            secret = new_coverage("2018", MADE["sealing.2018"])
            load_coverages(conn, secret, name="secret", access=Access.RESTRICTED)
        yield shared_database_url
    settings.cache_clear()


@pytest.fixture(scope="module")
def grids(grids_url: str) -> Iterator[TestClient]:
    """A client of the service on the town, as anybody."""
    with TestClient(create_app(grids_url), raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="module")
def operator(grids_url: str) -> Iterator[TestClient]:
    """A client who may see everything."""
    with TestClient(create_app(grids_url, caller=lambda request: OPERATOR)) as found:
        yield found


@pytest.fixture(scope="session")
def data_dir() -> Path:
    return settings().data_dir
