"""The register of street trees (Baumkataster) of the sample city: an open-data table as German cities publish them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from ldt.pipeline.sample.buildings import Buildings
from ldt.pipeline.sample.city import City, Floats

COUNT = 4_000
#: Rows that stand there twice, and rows whose coordinates were never entered.
TWICE, NOWHERE = 5, 4
#: Botanical and German names, and the height that a grown tree of the kind reaches, in metres.
_KINDS = (
    ("Tilia cordata", "Winter-Linde", 24), ("Acer platanoides", "Spitz-Ahorn", 22), ("Quercus robur", "Stiel-Eiche", 26),
    ("Aesculus hippocastanum", "Gewöhnliche Rosskastanie", 23), ("Platanus x hispanica", "Ahornblättrige Platane", 27),
    ("Carpinus betulus 'Fastigiata'", "Säulen-Hainbuche", 14), ("Fraxinus excelsior", "Gewöhnliche Esche", 25),
    ("Prunus serrulata", "Japanische Blütenkirsche", 9), ("Robinia pseudoacacia", "Gewöhnliche Robinie", 20),
    ("Sorbus intermedia", "Schwedische Mehlbeere", 12),
)  # fmt: skip
_THIS_YEAR = 2025


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees, one entry each (n,); `xy` (n, 2) in the city's CRS, rounded to centimetres, lengths in metres."""

    xy: Floats
    botanical: npt.NDArray[np.object_]
    german: npt.NDArray[np.object_]
    planted: npt.NDArray[np.int64]
    height: Floats
    crown: Floats
    quarter: npt.NDArray[np.object_]


def trees(rng: np.random.Generator, city: City, buildings: Buildings, count: int = COUNT) -> Trees:
    """Draw trees beside buildings, none within one."""
    # Three times as many spots as trees: those in other buildings or beyond the boundary fall out.
    beside = rng.choice(len(buildings.footprints), 3 * count)
    bearing = rng.uniform(0, 2 * np.pi, 3 * count)
    middles = shapely.get_coordinates(shapely.centroid(buildings.footprints[beside]))
    step = rng.uniform(8, 22, 3 * count)[:, None] * np.column_stack([np.cos(bearing), np.sin(bearing)])
    xy = np.round(middles + step, 2)
    points = shapely.points(xy)
    built = np.zeros(len(xy), dtype=np.bool_)
    built[shapely.STRtree(buildings.footprints).query(points, predicate="intersects")[0]] = True
    spot, quarter = shapely.STRtree([q.polygon for q in city.quarters]).query(points, predicate="within")
    keep = ~built[spot]
    spot, quarter = spot[keep][:count], quarter[keep][:count]

    kind = rng.integers(0, len(_KINDS), len(spot))
    planted = rng.integers(1935, _THIS_YEAR, len(spot))
    grown = np.array([k[2] for k in _KINDS])[kind]
    # A tree reaches most of its height within sixty years.
    height = grown * (1 - np.exp(-(_THIS_YEAR - planted + 4) / 25)) * rng.uniform(0.75, 1.1, len(spot))
    return Trees(
        xy=xy[spot],
        botanical=np.array([k[0] for k in _KINDS], dtype=object)[kind],
        german=np.array([k[1] for k in _KINDS], dtype=object)[kind],
        planted=planted,
        height=np.round(height, 1),
        crown=np.round(height * rng.uniform(0.3, 0.6, len(spot)), 1),
        quarter=np.array([q.code for q in city.quarters], dtype=object)[quarter],
    )
