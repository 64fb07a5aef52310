"""Files that harmonising is measured on: INSPIRE buildings in GML, land cover as polygons and as a raster."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import rasterio
import rasterio.transform
import shapely

from ldt.pipeline.sample.buildings import RESIDENTIAL, Buildings
from ldt.pipeline.sample.gml_buildings import write_buildings

BUILDINGS = 200_000


def write_gml(path: Path, count: int = BUILDINGS) -> None:
    """Write buildings, each a rectangle somewhere in a square of 60 km, with what INSPIRE says of them."""
    rng = np.random.default_rng(20_412)
    west, south = rng.uniform(300_000, 360_000, count), rng.uniform(5_600_000, 5_660_000, count)
    width, depth = rng.uniform(8, 40, (2, count))
    footprints = shapely.box(west, south, west + width, south + depth)
    floors = rng.integers(1, 9, count)
    packed = path.with_name(f"{path.name}.gz")
    write_buildings(
        packed,
        Buildings(
            footprints=shapely.set_precision(footprints, 0.01),
            use=rng.choice(np.array(RESIDENTIAL, dtype=object), count),
            floors=floors,
            height=np.round(floors * 3.1, 1).astype(np.float64),
            year=rng.integers(1850, 2025, count),
            inhabitants=np.zeros(count, dtype=np.int64),
        ),
        "Made for measurements",
    )
    with gzip.open(packed) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    packed.unlink()


def write_land_cover(path: Path, count: int) -> None:
    """Write polygons of 65 vertices with Corine's columns, in EPSG:3035, to a GeoPackage."""
    rng = np.random.default_rng(112)
    turn = np.linspace(0, -2 * np.pi, 65)[:-1]
    centre = np.column_stack([rng.uniform(4.0e6, 4.4e6, count), rng.uniform(2.9e6, 3.3e6, count)])
    ring = centre[:, None, :] + rng.uniform(250, 700, (count, 64))[..., None] * np.stack(
        [np.cos(turn), np.sin(turn)], -1
    )
    ring = np.concatenate([ring, ring[:, :1]], axis=1)
    shapes = shapely.polygons(
        shapely.linearrings(ring.reshape(-1, 2), indices=np.repeat(np.arange(count), 65))
    )
    table = pa.table(
        {
            "Code_18": rng.choice(["112", "211", "231", "311", "512"], count),
            "Remark": [""] * count,
            "Area_Ha": shapely.area(shapes) / 1e4,
            "ID": [f"EU_{i}" for i in range(count)],
            "Shape": pa.array(shapely.to_wkb(shapes), pa.binary()),
        }
    )
    pyogrio.write_arrow(
        table,
        path,
        driver="GPKG",
        layer="U2018_CLC2018_V2020_20u1",
        geometry_name="Shape",
        geometry_type="Polygon",
        crs="EPSG:3035",
        append=False,
    )


def write_land_cover_raster(path: Path, side: int) -> None:
    """Write a raster of 100 m cells with Corine's numbers from 1 to 44, in patches of ten by ten cells."""
    rng = np.random.default_rng(44)
    classes = rng.integers(1, 45, (side // 10, side // 10)).astype(np.uint8)
    cells = np.kron(classes, np.ones((10, 10), np.uint8))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=1,
        dtype="uint8",
        crs="EPSG:3035",
        nodata=48,
        transform=rasterio.transform.from_origin(3_000_000, 4_000_000, 100, 100),
        compress="deflate",
        tiled=True,
    ) as target:
        target.write(cells, 1)
