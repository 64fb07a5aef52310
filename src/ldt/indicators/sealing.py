"""Shares that rasters tell cell by cell: sealed ground, tree canopy."""

from __future__ import annotations

from typing import Any

import psycopg

from ldt.indicators import areas, landcover, layers, zonal
from ldt.indicators.layers import Layer
from ldt.indicators.request import Request
from ldt.indicators.zonal import Mean
from ldt.model.indicator import Value


def coverage_mean(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the mean of a coverage over each area, each cell weighted by its exact share.

    For each period the coverages of the latest year that is not after it are taken, for all areas the same. Where the twin
    has none at all and the formula names a number of the classes of land cover (`concept_value`), the mean of that is
    taken instead.
    """
    measured = str(request.definition.formula.coverage)
    found = layers.of_coverages(conn, request.snapshot, measured)
    if not found:
        if request.definition.formula.concept_value is not None:
            return landcover.class_mean(conn, request)
        return request.lacking(f"needs coverages of {measured}")
    chosen = layers.latest(request, found)
    early = layers.too_early(request, chosen, found, f"coverages of {measured}")
    if not chosen:
        return early
    described = areas.listed(conn, request.snapshot, request.area_schemes)
    if not described:
        return areas.lacking(request)
    means: dict[Layer, list[Mean]] = {}
    for layer in dict.fromkeys(chosen.values()):
        with layers.opened(layer, measured) as tiles:
            means[layer] = zonal.means([a["geom"] for a in described], tiles)
    return early + [
        _value(request, area, period, layer, mean)
        for period, layer in chosen.items()
        for area, mean in zip(described, means[layer], strict=True)
    ]


def _value(request: Request, area: dict[str, Any], period: str, layer: Layer, mean: Mean) -> Value:
    measured = str(request.definition.formula.coverage)
    known = areas.known_share(request, measured, mean.coverage)
    return areas.value(
        request,
        area,
        period,
        [layer.dataset],
        value=mean.value if known["status"] == "valid" else None,
        n_valid=len(layer.tiles),
        method=f"mean of {measured} of {layer.year or 'an unknown year'}, exact shares of cells",
        quality={
            "area_m2": mean.area_m2,
            "covered_m2": mean.known_m2,
            "reference_year": layer.year,
            "coverages": [c.id for c in layer.tiles],
        },
        **known,
    )
