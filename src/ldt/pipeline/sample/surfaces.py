"""Rasters of the sample city: land cover with grid codes, imperviousness and tree cover density, in EPSG:3035.

They say the same as the other files: land cover is that of the polygons, cells are sealed where buildings stand, trees grow
where neither a building nor a class without trees leaves no room.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.features
import shapely
from affine import Affine

from ldt.pipeline.sample.buildings import Buildings
from ldt.pipeline.sample.city import Area, City, Floats, SmoothField
from ldt.pipeline.sample.grids import Grid, to_laea
from ldt.pipeline.sample.landcover import LAEA, LandCover

Bytes = npt.NDArray[np.uint8]

#: Values that mean that there is none: in land cover, and in the high resolution layers (254 unclassifiable, 255 outside).
LAND_COVER_NODATA, UNCLASSIFIABLE, OUTSIDE = 128, 254, 255
#: Corine's 44 classes in the official order: a raster holds the number of the class in it, from 1.
CLASSES = [
    "111",
    "112",
    "121",
    "122",
    "123",
    "124",
    "131",
    "132",
    "133",
    "141",
    "142",
    "211",
    "212",
    "213",
    "221",
    "222",
    "223",
    "231",
    "241",
    "242",
    "243",
    "244",
    "311",
    "312",
    "313",
    "321",
    "322",
    "323",
    "324",
    "331",
    "332",
    "333",
    "334",
    "335",
    "411",
    "412",
    "421",
    "422",
    "423",
    "511",
    "512",
    "521",
    "522",
    "523",
]
#: Percent that is sealed between the buildings of a class, and percent under trees; what is not named has none.
_SEALED = {
    "111": 58,
    "112": 24,
    "121": 52,
    "122": 46,
    "123": 60,
    "124": 30,
    "133": 20,
    "141": 6,
    "142": 14,
    "131": 3,
}
_TREES = {
    "111": 7, "112": 21, "121": 8, "122": 12, "124": 3, "133": 3, "141": 48, "142": 26, "231": 6, "242": 7, "243": 17,
    "311": 84, "312": 80, "313": 82, "321": 5, "322": 9, "324": 44, "411": 8, "412": 6, "511": 4,
}  # fmt: skip
#: The quarter of which a part lay under clouds, and the radius of that part in metres.
_CLOUDED, _CLOUD_RADIUS = "0606", 700.0


@dataclass(frozen=True, slots=True)
class Surface:
    """A raster of whole numbers; `values` (height, width), `year` that it stands for."""

    grid: Grid
    values: Bytes
    nodata: int
    year: int

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which cells (height, width) have a value."""
        return self.values < UNCLASSIFIABLE if self.nodata == OUTSIDE else self.values != self.nodata

    def write(self, path: Path, notice: str) -> None:
        """Write a GeoTIFF as the Copernicus service delivers them: one band, deflate, no data declared."""
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": 1, "width": self.grid.width, "height": self.grid.height,
            "crs": LAEA, "transform": Affine(*self.grid.transform), "nodata": self.nodata, "compress": "deflate",
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as file:
            file.write(self.values, 1)
            file.update_tags(TIFFTAG_IMAGEDESCRIPTION=notice)


def land_cover_raster(cover: LandCover, year: int) -> Surface:
    """Return the land cover of a year in cells of 100 m, each of the class in its middle, as the number of the class."""
    grid = Grid.over_square(100.0)
    return Surface(grid, _class_numbers(cover, year, grid), LAND_COVER_NODATA, year)


def imperviousness(
    rng: np.random.Generator, city: City, cover: LandCover, built: Bytes, year: int, cell: float
) -> Surface:
    """Return the sealed share of cells in percent: what is built on, and streets and yards between.

    Args:
        rng: source of chance.
        city: its quarter :data:`_CLOUDED` has a part that is unclassifiable, 254.
        cover: the land cover.
        built: percent (height, width) of each cell that buildings cover, by :func:`built_share`.
        year: one of the land cover.
        cell: side of a cell in metres.
    """
    grid = Grid.over_square(cell)
    between = _of_class(cover, year, grid, _SEALED) * _unrest(rng, grid, 0.45)
    # Lanes and farms: a cell in forty in the country.
    lanes = (rng.random(grid.shape) < 0.025) * rng.uniform(10, 70, grid.shape)
    between = np.clip(np.maximum(between, np.where(between == 0, lanes, 0)), 0, 92)
    water = _class_numbers(cover, year, grid) >= 1 + CLASSES.index("411")
    sealed = np.where(water, 0, between + (100 - between) * built / 100)
    values = np.round(np.clip(sealed, 0, 100)).astype(np.uint8)
    quarter = next(q for q in city.quarters if q.code == _CLOUDED)
    values[_disc(grid, quarter)] = UNCLASSIFIABLE
    return Surface(grid, values, OUTSIDE, year)


def tree_cover_density(
    rng: np.random.Generator, cover: LandCover, built: Bytes, year: int, cell: float
) -> Surface:
    """Return the share of cells under crowns of trees in percent; none where buildings stand."""
    grid = Grid.over_square(cell)
    crowns = _of_class(cover, year, grid, _TREES) * _unrest(rng, grid, 0.3) * (1 - built / 100)
    return Surface(grid, np.round(np.clip(crowns, 0, 100)).astype(np.uint8), OUTSIDE, year)


def built_share(buildings: Buildings, grid: Grid, until: int) -> Bytes:
    """Return percent (height, width) of each cell under buildings of the years up to `until`, to a sixteenth."""
    fine = 4
    standing = to_laea(buildings.footprints[buildings.year <= until])
    parts = Grid(grid.west, grid.north, grid.cell / fine, grid.width * fine, grid.height * fine)
    hit = rasterio.features.rasterize(
        standing.tolist(), parts.shape, transform=Affine(*parts.transform), dtype="uint8"
    )
    built = hit.reshape(grid.height, fine, grid.width, fine).sum(axis=(1, 3))
    return np.asarray(np.round(built * 100 / fine**2), dtype=np.uint8)


def _class_numbers(cover: LandCover, year: int, grid: Grid) -> Bytes:
    number = {c: n for n, c in enumerate(CLASSES, 1)}
    units = cover.units(year)
    burnt = [(p, number[c]) for p, c in zip(units.polygons, units.codes, strict=True)]
    drawn = rasterio.features.rasterize(
        burnt, grid.shape, fill=LAND_COVER_NODATA, transform=Affine(*grid.transform), dtype="uint8"
    )
    return np.asarray(drawn, dtype=np.uint8)


def _of_class(cover: LandCover, year: int, grid: Grid, share: dict[str, int]) -> Floats:
    table = np.array([0, *(share.get(c, 0) for c in CLASSES)], dtype=np.float64)
    return np.asarray(table[_class_numbers(cover, year, grid)], dtype=np.float64)


def _unrest(rng: np.random.Generator, grid: Grid, strength: float) -> Floats:
    """Return factors (height, width) around 1 that vary from block to block and from cell to cell."""
    coarse = Grid.over_square(100.0)
    slow = SmoothField.random(rng, 900.0)(coarse.in_city_crs())
    repeat = round(coarse.cell / grid.cell)
    blocks = np.repeat(np.repeat(slow, repeat, axis=0), repeat, axis=1)
    noise = rng.standard_normal(grid.shape)
    return np.asarray(np.exp(strength * (0.8 * blocks + 0.6 * noise) - strength**2 / 2), dtype=np.float64)


def _disc(grid: Grid, quarter: Area) -> npt.NDArray[np.bool_]:
    """Return the cells (height, width) about the middle of a quarter that the cloud hides."""
    middle = to_laea(np.array([shapely.point_on_surface(quarter.polygon)], dtype=object))[0]
    x, y = np.meshgrid(grid.x, grid.y)
    return np.asarray(np.hypot(x - middle.x, y - middle.y) < _CLOUD_RADIUS, dtype=np.bool_)
