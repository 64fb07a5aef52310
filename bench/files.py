"""Files that harmonising is measured on: INSPIRE buildings in GML, land cover as polygons and as a raster."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
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
            height=(floors * 3.1).round(1),
            year=rng.integers(1850, 2025, count),
            inhabitants=np.zeros(count, dtype=np.int64),
        ),
        "Made for measurements",
    )
    with gzip.open(packed) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    packed.unlink()
