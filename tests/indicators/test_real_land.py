"""Land indicators of real files through the whole chain, against rasterio, geopandas and numpy on the same files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from tests.indicators.world import World

from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.indicators.lineage import records
from ldt.model.indicator import ValueKey
from ldt.pipeline.ingest import ingest
from ldt.store import values

NUTS = "admin/nuts/NUTS_RG_20M_2021_3035.geojson"
MALTA = "landcover/clc_malta/clc2018_mt.gpkg.zip"
GRANADA = "landcover/clc_granada"
IMD = "eea/hrl/IMD_2018_100m_eu_03035_v1_0.zip"
IMD_TIF = "IMD_2018_100m_eu_03035_v1_0/IMD_2018_100m_eu_03035_v1_0.tif"
Chain = Callable[..., None]


@pytest.fixture
def chain(world: World, database_url: str) -> Chain:
    """A function that ingests files by a recipe into the twin `test`, wherever they lie."""

    def run(recipe: str | Recipe, *paths: Path, **options: str) -> None:
        chosen = load_recipe(recipe) if isinstance(recipe, str) else recipe
        ingest(
            database_url,
            "test",
            chosen.with_options(options) if options else chosen,
            list(paths),
            everywhere=True,
        )

    return run


def value(world: World, indicator: str, scheme: str, code: str, period: str) -> dict[str, Any]:
    found: dict[str, Any] = values.one(
        world.conn, world.snapshot(), ValueKey(indicator, scheme, code, period)
    )
    return found


def of_malta(real_data: Path) -> gpd.GeoSeries:
    regions = gpd.read_file(real_data / NUTS)
    return regions[regions.NUTS_ID.str.startswith("MT")].set_index("NUTS_ID").geometry


def counted(cells: NDArray[Any], transform: rasterio.Affine, area: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (values, square metres of each) within an area: every cell as a polygon of its own, cut by shapely."""
    columns, lines = np.meshgrid(np.arange(cells.shape[1]), np.arange(cells.shape[0]))
    x, y = transform.c + transform.a * columns, transform.f + transform.e * lines
    boxes = shapely.box(x, y + transform.e, x + transform.a, y)
    shapely.prepare(area)
    share = np.where(shapely.contains(area, boxes), shapely.area(boxes), 0.0)
    rim = shapely.intersects(area, boxes) & (share == 0)
    share[rim] = shapely.area(shapely.intersection(boxes[rim], area))
    values, group = np.unique(cells, return_inverse=True)
    return values, np.bincount(group.ravel(), share.ravel())


def test_sealing_of_malta_from_the_imperviousness_layer(world: World, chain: Chain, real_data: Path) -> None:
    chain("eurostat/nuts", real_data / NUTS)
    chain("clms/imperviousness", real_data / IMD)
    world.compute("soil-sealing", periods=["2017", "2018"])
    with rasterio.open(f"/vsizip/{(real_data / IMD).resolve()}/{IMD_TIF}") as file:
        cells, transform = file.read(1), file.transform
    # Sides of some kilometres: straight in EPSG:3035 in the file, straight in degrees once stored (0.03 % of the area).
    regions = of_malta(real_data).to_crs(4326).segmentize(0.01).to_crs(3035)
    for code, scheme, status in (
        ("MT", "nuts0", "valid"),
        ("MT001", "nuts3", "valid"),
        ("MT002", "nuts3", "insufficient"),  # the coast of Gozo at 1:20 million holds much sea
    ):
        area = regions[code]
        classes, m2 = counted(cells, transform, area)
        land = classes <= 100
        found = value(world, "soil-sealing", scheme, code, "2018")
        assert found["status"] == status
        assert found["coverage"] == pytest.approx(m2[land].sum() / area.area, rel=1e-6)
        assert found["quality"]["area_m2"] == pytest.approx(area.area, rel=1e-8)
        if status == "valid":
            expected = (classes[land] * m2[land]).sum() / m2[land].sum()
            assert found["value"] == pytest.approx(expected, rel=1e-6)
            assert 10 < expected < 20
    early = values.page(world.conn, world.snapshot(), "soil-sealing", periods=["2017"])
    assert [v["status"] for v in early] == ["not-computable"]
    named = records(world.conn, world.snapshot(), ValueKey("soil-sealing", "nuts0", "MT", "2018"))
    assert [r["source"] for r in named if r["role"] == "input"] == [Path(IMD_TIF).name]


def test_land_take_of_malta_from_the_layer_of_changes(world: World, chain: Chain, real_data: Path) -> None:
    # The coast of the NUTS file leaves out Maghtab, where the change is: by hand all islands, and a part of it.
    boxes = {"MT": shapely.box(14.1, 35.7, 14.7, 36.2), "WEST": shapely.box(14.42, 35.93, 14.437, 35.96)}
    for code, box in boxes.items():
        world.area(code, box)
    chain("clc/corine-vector", real_data / MALTA, layer="cha18_mt")
    world.compute("land-take", "natural-share", periods=["2018", "2024"])
    changes = gpd.read_file(f"zip://{real_data / MALTA}!clc2018_mt.gpkg", layer="cha18_mt")
    # Its one change, from scrub to a dump site, is of 20.6 ha by its own column.
    assert (changes.CHANGE.tolist(), changes.AREA_HA.tolist()) == (["323-132"], [20.6])
    for code, box in boxes.items():
        inside = changes.to_crs(4326).geometry.intersection(box).to_crs(3035).area.sum()
        for period in ("2018", "2024"):
            found = value(world, "land-take", "city", code, period)
            assert found["value"] == pytest.approx(inside / 1e6 / 6, rel=1e-4)
            assert (found["n_valid"], found["quality"]["change_from_year"]) == (1, 2012)
    whole, west = (value(world, "land-take", "city", c, "2018")["value"] for c in boxes)
    assert whole == pytest.approx(0.206 / 6, rel=1e-3)
    assert 0.2 < west / whole < 0.8
    (natural, *_) = values.page(world.conn, world.snapshot(), "natural-share")
    assert natural["reason"].startswith("needs features of the type land-cover-units")


def test_land_cover_of_lanjaron_as_polygons_and_as_raster(
    world: World, chain: Chain, real_data: Path
) -> None:
    shares = ("natural-share", "urban-green-share", "landscape-diversity", "soil-sealing")
    municipality = gpd.read_file(real_data / GRANADA / "clc.gpkg", layer="lanjaron").to_crs(4326)
    world.area("18116", municipality.geometry.iloc[0])
    raster = load_recipe("clc/corine-raster")
    assert raster.coverage is not None
    of_2018 = raster.coverage.model_copy(update={"period": "2018"})  # the name of the file does not say
    chain(raster.model_copy(update={"coverage": of_2018}), real_data / GRANADA / "clc.tif")
    world.compute(*shares, periods=["2024"])
    by_cells = {i: value(world, i, "city", "18116", "2024") for i in shares}
    chain("clc/corine-vector", real_data / GRANADA / "clc.gpkg", layer="clc")
    world.compute(*shares, periods=["2024"])
    by_units = {i: value(world, i, "city", "18116", "2024") for i in shares}

    with rasterio.open(real_data / GRANADA / "clc.tif") as file:
        cells, transform = file.read(1), file.transform
    codes, m2 = counted(cells, transform, municipality.to_crs(25830).geometry.iloc[0])
    codes, p = codes[m2 > 0], m2[m2 > 0] / m2.sum()
    natural = p[(codes >= 300) & (codes != 422)].sum()
    assert by_cells["natural-share"]["value"] == pytest.approx(100 * natural, abs=1e-4)
    assert by_cells["landscape-diversity"]["value"] == pytest.approx(-(p * np.log(p)).sum(), abs=1e-5)
    for i in shares:
        assert "cells" in by_cells[i]["method"]
        assert "cells" not in by_units[i]["method"]
    # A cell of 25 m has the class of its middle. Along the 220 km of borders between the units that is 8,900 cells, each wrong by some
    # 125 m2 at random: together about sqrt(8900) * 125 m2 = 0.01 km2, or 0.02 % of 60 km2.
    for i, tolerance in zip(shares, (0.02, 0.02, 1e-3, 0.02), strict=True):
        assert by_cells[i]["value"] == pytest.approx(by_units[i]["value"], abs=tolerance)
    assert by_cells["natural-share"]["coverage"] == pytest.approx(m2.sum() / 60.334e6, abs=1e-4)
