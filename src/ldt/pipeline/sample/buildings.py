"""Buildings of the sample city: on lots of a street grid, dense in the centre, none in water or in protected sites.

Footprints lie within their lots, so no two overlap. Use, height, age and inhabitants follow from the land cover about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from ldt.pipeline.sample.city import CRS, City, Floats, SmoothField
from ldt.pipeline.sample.landcover import AFTER, BEFORE, LAEA, LandCover

#: Buildings to draw, and how many of them stand in the file a second time, as at the seam of two deliveries.
COUNT, TWICE = 20_000, 12
#: How many footprints have a ring that crosses itself, as digitising errors do.
CROSSED = 3
#: Side of a block of the street grid in metres; and the classes of land cover in which one building of works fills a block.
_BLOCK = 90.0
_WORKS = ("121", "122", "124")
#: How readily a lot of a class is built on, relative to each other.
_DENSITY = {
    "111": 1.0, "112": 0.42, "121": 0.9, "122": 0.12, "133": 0.05, "142": 0.02, "141": 0.004,
    "211": 0.003, "231": 0.004, "242": 0.012, "243": 0.008,
}  # fmt: skip
#: INSPIRE code list CurrentUseValue: share of the uses in dense and in other quarters.
_USES = ("collectiveResidence", "individualResidence", "office", "trade", "publicServices", "ancillary")
_USES_DENSE = (0.62, 0.03, 0.14, 0.12, 0.05, 0.04)
_USES_OTHER = (0.22, 0.55, 0.02, 0.04, 0.03, 0.14)
RESIDENTIAL = ("individualResidence", "collectiveResidence")
_FLOOR_HEIGHT = 3.1
#: Square metres of floor to a person, walls and stairs included.
_FLOOR_PER_PERSON = 62.0


@dataclass(frozen=True, slots=True)
class Buildings:
    """Buildings, one entry each (n,), in the order of the file.

    Attributes:
        footprints: polygons in the city's CRS, rounded to centimetres; the first :data:`CROSSED` cross themselves in the file.
        use: INSPIRE CurrentUseValue.
        floors: number above ground.
        height: metres above ground.
        year: of construction.
        inhabitants: persons that live there.
    """

    footprints: npt.NDArray[np.object_]
    use: npt.NDArray[np.object_]
    floors: npt.NDArray[np.int64]
    height: Floats
    year: npt.NDArray[np.int64]
    inhabitants: npt.NDArray[np.int64]

    def crossed(self, number: int) -> bool:
        """Tell whether the ring of a building crosses itself in the file."""
        return number < CROSSED


def buildings(
    rng: np.random.Generator, city: City, cover: LandCover, forbidden: shapely.Geometry, count: int = COUNT
) -> Buildings:
    """Draw buildings.

    Args:
        rng: source of chance.
        city: the city; all buildings lie within it.
        cover: the land cover; that of its second year tells where there are buildings.
        forbidden: area in the city's CRS that no building touches: water, protected sites.
        count: how many to draw.
    """
    xy, whole, codes, grown = _lots(city, cover)
    n, dense = len(xy), codes == "111"
    turn = 0.35 * SmoothField.random(rng, 3_500)(xy)
    # A house with its diagonal of at most 26 m stays within its lot of 30 m, one of works within its block.
    width = np.where(whole, rng.uniform(30, 66, n), rng.uniform(9, 14, n) + 7 * dense)
    depth = np.where(whole, rng.uniform(24, 48, n), rng.uniform(8, 11, n) + 4 * dense)
    shapes = _footprints(xy, turn, width, depth, rng.random(n), whole)
    boundary = city.boundary.polygon
    shapely.prepare(boundary)
    shapely.prepare(forbidden)
    fits = shapely.contains_properly(boundary, shapes) & ~shapely.intersects(forbidden, shapes)

    weight = np.array([_DENSITY.get(str(c), 0.0) for c in codes]) * fits
    # The nearer the centre, the fewer gaps between buildings.
    out = city.rurality(xy)
    weight *= np.exp(-1.1 * out)
    # The largest of u^(1/w) are a sample without replacement with weights w (Efraimidis and Spirakis 2006).
    with np.errstate(divide="ignore"):
        key = np.where(weight > 0, np.log(rng.random(n)) / weight, -np.inf)
    chosen = np.sort(np.argsort(-key, kind="stable")[:count])
    chosen = chosen[np.isfinite(key[chosen])]
    return _described(rng, out[chosen], shapes[chosen], codes[chosen], grown[chosen])


def _lots(
    city: City, cover: LandCover
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """Return of each lot its middle (n, 2), whether it is a whole block, its class, and whether it was built up between the two years.

    Blocks of a street grid have the class of land cover in their middle. One of works is one lot, any other nine.
    """
    west, south, east, north = city.boundary.polygon.bounds
    middle = np.stack(np.meshgrid(np.arange(west, east, _BLOCK), np.arange(south, north, _BLOCK)), axis=-1)
    middle = middle.reshape(-1, 2)
    to_laea = Transformer.from_crs(CRS, LAEA, always_xy=True)
    points = shapely.points(np.column_stack(to_laea.transform(middle[:, 0], middle[:, 1])))
    block, cell = shapely.STRtree(cover.cells).query(points, predicate="within")
    middle, codes = middle[block], cover.codes[AFTER][cell]
    grown = cover.codes[BEFORE][cell] != codes
    works = np.isin(codes.astype(str), _WORKS)
    steps = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2) * _BLOCK / 3
    nine = (middle[~works, None] + steps).reshape(-1, 2)
    return (
        np.concatenate([middle[works], nine]),
        np.arange(works.sum() + len(nine)) < works.sum(),
        np.concatenate([codes[works], np.repeat(codes[~works], 9)]),
        np.concatenate([grown[works], np.repeat(grown[~works], 9)]),
    )


def _footprints(
    xy: Floats, turn: Floats, width: Floats, depth: Floats, shape: Floats, whole: npt.NDArray[np.bool_]
) -> npt.NDArray[np.object_]:
    """Return footprints (n,) about the points (n, 2): rectangles, some with a corner cut out, large ones with a courtyard.

    `width` and `depth` in metres, `turn` in radians anticlockwise, `shape` from 0 to 1 chooses.
    """
    right, up = width / 2, depth / 2
    cut = np.where((shape < 0.3) & ~whole, 0.4, 0.0)
    # Six corners; where nothing is cut out, two of them coincide with a third, and are dropped as repeated points.
    corners = np.stack(
        [
            np.stack([-right, -up], -1),
            np.stack([right, -up], -1),
            np.stack([right, up - 2 * cut * up], -1),
            np.stack([right - 2 * cut * right, up - 2 * cut * up], -1),
            np.stack([right - 2 * cut * right, up], -1),
            np.stack([-right, up], -1),
        ],
        axis=1,
    )
    shells = shapely.linearrings(_turned(corners, turn, xy))
    yard = (shape > 0.8) & (np.minimum(width, depth) > 14)
    inner = 0.38 * np.stack(
        [
            np.stack([-right, -up], -1),
            np.stack([-right, up], -1),
            np.stack([right, up], -1),
            np.stack([right, -up], -1),
        ],
        axis=1,
    )
    made = shapely.polygons(shells)
    holes = shapely.linearrings(_turned(inner, turn, xy)[yard])
    made[yard] = shapely.polygons(shells[yard], holes[:, None])
    return np.asarray(shapely.remove_repeated_points(made), dtype=object)


def _turned(corners: Floats, turn: Floats, xy: Floats) -> Floats:
    """Return corners (n, k, 2) turned by `turn` (n,) and moved to `xy` (n, 2), rounded to centimetres."""
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y = corners[..., 0], corners[..., 1]
    turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)
    return np.asarray(np.round(turned + xy[:, None], 2), dtype=np.float64)


def _described(
    rng: np.random.Generator,
    out: Floats,
    shapes: npt.NDArray[np.object_],
    codes: npt.NDArray[np.object_],
    grown: npt.NDArray[np.bool_],
) -> Buildings:
    """Draw what is known of buildings, of which `out` (n,) tells how far from the centre they stand."""
    n = len(shapes)
    works, dense = np.isin(codes.astype(str), _WORKS), codes == "111"
    use = np.where(dense, rng.choice(_USES, n, p=_USES_DENSE), rng.choice(_USES, n, p=_USES_OTHER))
    use = np.where(works, "industrial", use)
    country = np.char.startswith(codes.astype(str), "2")
    use = np.where(country & (use != "individualResidence"), "agriculture", use)
    few = 1 + rng.integers(0, 2, n)
    floors = np.where(use == "collectiveResidence", 3 + rng.integers(0, 3, n), few) + 2 * dense
    floors = np.where(works | (use == "ancillary"), 1, floors)
    height = np.where(works, rng.uniform(7, 14, n), floors * _FLOOR_HEIGHT + rng.uniform(0.5, 4.0, n))
    # The old town is old, and each ring outwards younger; what grew between the two years of land cover is of these years.
    year = np.clip(1870 + 130 * out**0.8 + 22 * rng.standard_normal(n), 1640, 2018).astype(np.int64)
    year = np.where(grown, rng.integers(BEFORE + 1, AFTER + 1, n), year)
    persons = np.where(np.isin(use, RESIDENTIAL), shapely.area(shapes) * floors / _FLOOR_PER_PERSON, 0.0)
    return Buildings(
        footprints=shapes,
        use=use.astype(object),
        floors=floors.astype(np.int64),
        height=np.asarray(np.round(height, 1), dtype=np.float64),
        year=year,
        inhabitants=rng.poisson(persons).astype(np.int64),
    )
