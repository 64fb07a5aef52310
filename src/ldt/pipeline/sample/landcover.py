"""Land cover of the sample city and its surroundings, in the manner of Corine Land Cover.

Voronoi cells of jittered points get a class by how central they are and by smooth random fields (hills, moisture,
industry); cells of one class are joined. The cells share their vertices, so the result covers the square exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from shapely.geometry import MultiPoint

from ldt.pipeline.sample.city import CENTRE, CRS, City, Floats, SmoothField

#: CRS of Corine: ETRS89 / LAEA Europe. Files hold easting first, as GeoPackage demands.
LAEA = "EPSG:3035"
#: Half the side of the square that is covered, metres. The city and its 5 km buffer lie within it, so some is outside.
HALF_SIDE = 15_000.0
_SPACING = 750.0
_BANK = 150.0


#: Years of the two status layers. Both are years of real releases.
BEFORE, AFTER = 2018, 2024
YEARS = (BEFORE, AFTER)


@dataclass(frozen=True, slots=True)
class Units:
    """Polygons (n,) in :data:`LAEA` of one class each; `codes` (n,) of three digits as text, in a layer of changes `from-to`."""

    polygons: npt.NDArray[np.object_]
    codes: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class LandCover:
    """Land cover as cells that never change their shape, only their class.

    Attributes:
        cells: polygons (n,) in :data:`LAEA` that cover the square exactly; neighbours share their vertices.
        codes: year → class of each cell (n,), three digits as text.
    """

    cells: npt.NDArray[np.object_]
    codes: dict[int, npt.NDArray[np.object_]]

    def units(self, year: int) -> Units:
        """Return the status layer of a year: neighbouring cells of one class are one unit."""
        return _joined(self.cells, self.codes[year])

    def changes(self) -> Units:
        """Return the layer of changes between the two years; its codes are `211-112`."""
        before, after = self.codes[BEFORE], self.codes[AFTER]
        changed = before != after
        return _joined(self.cells[changed], before[changed] + "-" + after[changed])


def land_cover(rng: np.random.Generator, growth: np.random.Generator, city: City) -> LandCover:
    """Draw the land cover around a city; `rng` decides about the first year, `growth` about what changes."""
    centre = square_centre()
    seeds, on_river = _seeds(rng, centre)
    to_city = Transformer.from_crs(LAEA, CRS, always_xy=True)
    local = np.column_stack(to_city.transform(seeds[:, 0], seeds[:, 1]))
    codes = _classes(rng, city, local)
    codes[on_river] = "511"
    later = _later(growth, city, local, codes)

    square = shapely.box(*(centre - HALF_SIDE), *(centre + HALF_SIDE))
    cells = shapely.get_parts(shapely.voronoi_polygons(MultiPoint(seeds), extend_to=square.buffer(1_000)))
    # Voronoi cells come in an order of GEOS's own: find the seed of each, then put them in the order of the seeds.
    cell_of, seed_of = shapely.STRtree(cells).query(shapely.points(seeds), predicate="within")[::-1]
    cells = shapely.intersection(cells[cell_of[np.argsort(seed_of)]], square)
    # Rounded to a decimetre, alike in every cell, vertices stay shared and files stay the same on other machines.
    cells = shapely.transform(cells, lambda xy: np.round(xy, 1))
    return LandCover(cells, {BEFORE: codes, AFTER: later})


def square_centre() -> Floats:
    """Return the middle (2,) of the square that is covered, in :data:`LAEA`; it lies on the 100 m grid."""
    to_laea = Transformer.from_crs(CRS, LAEA, always_xy=True)
    return np.asarray(np.round(np.array(to_laea.transform(*CENTRE)), -2), dtype=np.float64)


def _joined(cells: npt.NDArray[np.object_], codes: npt.NDArray[np.object_]) -> Units:
    parts: list[npt.NDArray[np.object_]] = []
    names: list[str] = []
    for code in np.unique(codes.astype(str)):
        joined = shapely.get_parts(shapely.coverage_union_all(cells[codes == code]))
        parts.append(shapely.normalize(joined))
        names += [str(code)] * len(joined)
    return Units(np.concatenate(parts), np.array(names, dtype=object))


def _seeds(rng: np.random.Generator, centre: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return points (n, 2) and which of them lie in the river: a row of points between two rows on its banks."""
    x = np.arange(-HALF_SIDE - 300, HALF_SIDE + 301, _BANK)
    y = 1_900 * np.sin(x / 5_200 + 0.8) + 500 * np.sin(x / 1_700) - 600
    slope = np.gradient(y, x)
    across = np.column_stack([-slope, np.ones_like(slope)]) / np.hypot(1, slope)[:, None]
    middle = np.column_stack([x, y])
    banks = np.concatenate([middle + _BANK * across, middle - _BANK * across])

    grid = np.arange(-HALF_SIDE, HALF_SIDE + 1, _SPACING)
    land = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    land = land + rng.uniform(-0.3, 0.3, land.shape) * _SPACING
    from_river = shapely.distance(shapely.points(land), shapely.linestrings(middle))
    land = land[from_river > 2.2 * _BANK]
    seeds = np.concatenate([middle, banks, land]) + centre
    inside = (np.abs(seeds - centre) < HALF_SIDE).all(axis=1)
    on_river = np.arange(len(seeds)) < len(middle)
    return seeds[inside], on_river[inside]


def _classes(rng: np.random.Generator, city: City, xy: Floats) -> npt.NDArray[np.object_]:
    """Return Corine codes (n,) for points (n, 2) in the city's CRS: the first rule that is true names the class."""
    out = city.rurality(xy) + 0.08 * SmoothField.random(rng, 2_500)(xy)
    hills = SmoothField.random(rng, 9_000)(xy)
    wet = SmoothField.random(rng, 4_000)(xy) - 0.6 * hills
    works = SmoothField.random(rng, 3_500)(xy)
    detail = SmoothField.random(rng, 2_000)(xy)
    town, edge, land = out < 0.75, out < 1.05, out >= 1.05
    rules: list[tuple[str, npt.NDArray[np.bool_]]] = [
        ("141", (out < 0.6) & (out > 0.2) & (wet > 1.3)),
        ("111", out < 0.28),
        ("121", edge & (works > 1.25)),
        ("122", edge & (out > 0.4) & (works > 1.1)),
        ("142", edge & (out > 0.4) & (detail > 1.9)),
        ("133", edge & (out > 0.6) & (detail < -2.1)),
        ("112", town | (edge & (detail > 0.1))),
        ("124", (out > 1.15) & (out < 1.7) & (works > 2.1)),
        ("131", land & (works < -2.2)),
        ("512", land & (wet > 2.3)),
        ("411", land & (wet > 2.0)),
        ("412", land & (hills > 0.9) & (wet > 0.6)),
        ("322", land & (hills > 1.7)),
        ("324", land & (hills > 0.3) & (detail > 1.5)),
        ("312", land & (hills > 1.0)),
        ("313", land & (hills > 0.65)),
        ("311", land & (hills > 0.25)),
        ("311", edge & (hills > 0.8)),
        ("112", land & (detail > 1.75)),
        ("321", land & (hills > 0.0) & (detail < -1.4)),
        ("243", land & (hills > 0.0)),
        ("231", wet > 0.7),
        ("242", detail > 0.9),
    ]
    return np.select(
        [r for _, r in rules], [np.array(c, dtype=object) for c, _ in rules], default="211"
    ).astype(object)


def _later(
    rng: np.random.Generator, city: City, xy: Floats, before: npt.NDArray[np.object_]
) -> npt.NDArray[np.object_]:
    """Return the classes (n,) six years later: the town grows into fields, works are finished, woods are felled and grow again.

    Each line names what was, what becomes of it, how many cells, and where: the lowest `place` first.
    """
    out = city.rurality(xy)
    chance = rng.random(len(xy))
    edge, wild = np.abs(out - 0.8) + 0.35 * chance, np.where(out > 1.0, chance, 2 + chance)
    fields, woods = ("211", "231", "242", "243"), ("311", "312", "313")
    after = before.copy()
    for was, becomes, cells, place in (
        (fields, "112", 7, edge),
        (fields, "121", 3, edge + 0.2 * chance),
        (fields, "133", 2, edge),
        (("133",), "112", 1, out),
        (("131",), "512", 1, wild),
        (("131",), "321", 1, wild),
        (woods, "324", 5, wild),
        (("324",), "311", 4, wild),
        (("243",), "231", 3, wild),
    ):
        may = np.isin(before.astype(str), was) & (after == before)
        after[np.argsort(np.where(may, place, np.inf), kind="stable")[: min(cells, int(may.sum()))]] = becomes
    return after
