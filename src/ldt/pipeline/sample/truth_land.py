"""What the indicators of land must say of the sample city: computed from the drawn polygons and arrays alone, with Shapely and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from ldt.pipeline.sample.city import Floats
from ldt.pipeline.sample.grids import to_laea
from ldt.pipeline.sample.landcover import AFTER, BEFORE, LandCover
from ldt.pipeline.sample.population import COUNTED, GRID_YEAR, WITHHELD, Population
from ldt.pipeline.sample.sites import ProtectedSite, repaired_union
from ldt.pipeline.sample.surfaces import Surface
from ldt.pipeline.sample.truth import Areas, row

#: Classes that are vegetated, without arable land and permanent crops (the project's own list, see the vocabulary `corine`).
GREEN = frozenset(
    [
        "141",
        "142",
        "231",
        "243",
        "244",
        "311",
        "312",
        "313",
        "321",
        "322",
        "323",
        "324",
        "333",
        "411",
        "412",
        "421",
        "423",
    ]
)

Row = dict[str, Any]


def land_values(
    areas: Areas,
    cover: LandCover,
    sites: list[ProtectedSite],
    surfaces: dict[str, list[Surface]],
    periods: tuple[int, ...],
) -> list[Row]:
    """Return the values of all areas for each period.

    Args:
        areas: the areas.
        cover: land cover.
        sites: protected sites; overlapping ones count once.
        surfaces: id of the indicator → the rasters that it averages; the latest that is not after the period counts.
        periods: years.
    """
    made = []
    protected = to_laea(np.array([repaired_union(sites)], dtype=object))[0]
    shielded = np.asarray(shapely.area(shapely.intersection(areas.quarters, protected)), dtype=np.float64)
    taken = _taken(areas, cover)
    for period in periods:
        classes = areas.by_class(cover.units(BEFORE if period < AFTER else AFTER))
        made += _shares(areas, period, classes)
        made += [
            row("protected-area-share", scheme, code, period, 100 * share)
            for scheme, code, share in _share(areas, shielded)
        ]
        if period >= AFTER:
            made += [
                row("land-take", s, c, period, t / 1e6 / (AFTER - BEFORE))
                for s, c, t in areas.per_area(taken)
            ]
        for indicator, rasters in surfaces.items():
            fitting = [r for r in rasters if r.year <= period]
            if fitting:
                last = max(fitting, key=lambda r: r.year)
                made += areas.means(indicator, period, last.grid, last.values.astype(np.float64), last.valid)
    return made


def _taken(areas: Areas, cover: LandCover) -> Floats:
    """Return the area (41,) in each quarter that became artificial between the two years, square metres."""
    changes = areas.by_class(cover.changes())
    found = [size for code, size in changes.items() if code[0] != "1" and code[4] == "1"]
    return np.asarray(np.sum([np.zeros(len(areas.quarters)), *found], axis=0), dtype=np.float64)


def _share(areas: Areas, of_quarter: Floats) -> list[tuple[str, str, float]]:
    whole = areas.per_area(areas.sizes)
    return [
        (s, c, part / size)
        for (s, c, part), (_, _, size) in zip(areas.per_area(of_quarter), whole, strict=True)
    ]


def _shares(areas: Areas, period: int, classes: dict[str, Floats]) -> list[Row]:
    zero = np.zeros(len(areas.quarters))
    natural = np.sum([zero, *(v for c, v in classes.items() if c[0] in "345")], axis=0)
    green = np.sum([zero, *(v for c, v in classes.items() if c in GREEN)], axis=0)
    made = [row("natural-share", s, c, period, 100 * v) for s, c, v in _share(areas, natural)]
    made += [row("urban-green-share", s, c, period, 100 * v) for s, c, v in _share(areas, green)]
    for scheme, code, own in areas.members:
        sizes = np.array([v[own].sum() for v in classes.values()])
        p = sizes[sizes > 0] / sizes.sum()
        entropy = float(-(p * np.log(p)).sum())
        evenness = entropy / float(np.log(len(p))) if len(p) > 1 else None
        made.append(row("landscape-diversity", scheme, code, period, entropy, evenness=evenness))
    return made


def green_per_inhabitant(
    areas: Areas, cover: LandCover, population: Population, periods: tuple[int, ...]
) -> list[Row]:
    """Return green area per inhabitant, in square metres.

    An area's own figure of the last year goes first; the city has none and one quarter's is withheld: they are given the
    cells of the grid by the share of each that lies in them.
    """
    everywhere = np.ones(population.grid.shape, dtype=np.bool_)
    from_cells, _ = areas.sums(population.grid, population.in_cell.astype(np.float64), everywhere)
    made = []
    for period in periods:
        classes = areas.by_class(cover.units(BEFORE if period < AFTER else AFTER))
        green = np.sum(
            [np.zeros(len(areas.quarters)), *(v for c, v in classes.items() if c in GREEN)], axis=0
        )
        counted = [y for y in COUNTED if y <= period]
        for (scheme, code, size), (_, _, cells) in zip(
            areas.per_area(green), areas.per_area(from_cells), strict=True
        ):
            own = population.in_area.get((scheme, code)) if code != WITHHELD and counted else None
            if own is None and period < GRID_YEAR:
                continue  # the grid is of a later year
            persons = float(own[max(counted)]) if own is not None else cells
            told: Row = {"inhabitants": round(persons, 6)}
            if not persons:
                told["status"] = "not-computable"  # nobody lives there
            value = size / persons if persons else None
            made.append(row("green-area-per-inhabitant", scheme, code, period, value, **told))
    return made
