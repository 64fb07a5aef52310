"""Where data lie: the declared CRS and axis order of a source, held against where the data must lie.

A declaration is tried as it stands, and with the axes the other way round, against three places, from narrow to wide: the
twin's selection, the country that the recipe names, the CRS's own area of use. The first place in which at least half of a
sample lies, in either order, decides:

========================================  ========================================================================
the sample lies there                     judgement
========================================  ========================================================================
as declared (and perhaps swapped too)     the declared order holds
only when swapped                         the file is repaired: every record of it is reported as `axis-order`
order not declared, in one order only     that order
order not declared, in both orders        x first, as short codes such as `EPSG:4326` are read by nearly all software
in no place, in neither order             the file is refused: never silently misplaced
========================================  ========================================================================

A CRS that is made for the whole Earth (EPSG:4326) has room for both orders: latitude and longitude of a place in Europe,
exchanged, are one off Somalia. So, where neither a twin nor a country tells, data that lie outside Europe as declared, and
nearly all within it when swapped, are taken as swapped, and that is reported like any repair; unless they lie in one of the
Union's outermost regions as they are (Réunion would become a place west of Ireland). Likewise for data in a national CRS that
lie more than two degrees outside its area of use, within the margin, and nearly all in the area itself when swapped.

Data that fit the area of use but not the twin are right where they are, and outside. If a recipe names a country and the
data lie neither there nor in the twin, the file is refused.

To EPSG:4326 goes the best operation that PROJ has for where the data lie, without the network; its name and accuracy are
recorded, and whether a better one exists whose grid is not installed (DHDN is some 3 m off without BETA2007 or NTv2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from threading import Lock
from typing import Any

import numpy as np
import pyproj.network
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from ldt.axis import AxisOrder, horizontal, to_xy
from ldt.errors import CheckError, RecipeError
from ldt.harmonise.countries import Box, country_box, country_codes, places_name
from ldt.harmonise.operation import KEPT, operation_for
from ldt.sources.judge import EUROPE
from ldt.sources.source import DeclaredCrs

# An operation that depends on a grid fetched in between would give other coordinates tomorrow.
pyproj.network.set_network_enabled(active=False)  # type: ignore[attr-defined] # not in its stub

#: How many geometries are looked at to judge a file.
SAMPLE = 1000
#: Degrees by which data may lie beyond a CRS's area of use: national files in one UTM zone reach into the next.
MARGIN = 6.0

#: Degrees about it within which they are taken as they are: data of a region across a border often have one country's CRS.
NEIGHBOURS = 2.0

#: Share of a sample that must lie in Europe, swapped, before an order is doubted that is possible as it is.
_NEARLY_ALL = 0.95
_REMEDY = "state the right one in the recipe: source.crs, with source.crs_because"

#: Several threads may move parts of a batch; an operation of PROJ's must not be used by two at once.
_TRANSFORMING = Lock()

Geometries = NDArray[Any]


@dataclass(frozen=True, slots=True)
class CrsJudgement:
    """How coordinates of one source and CRS become longitude and latitude.

    Attributes:
        declared: what the source (or, overriding it, the recipe) says.
        found: the order in which the coordinates stand, `XY` or `YX`.
        repaired: whether `found` is not what was declared.
        reason: why, one sentence.
        expected: the place that decided.
        operation: name of the coordinate operation to EPSG:4326.
        accuracy_m: its accuracy in metres as EPSG states it, None if unknown.
        ballpark: whether it ignores the difference of the datums.
        better: an operation that would be more accurate, whose grid is not installed.
        because: the recipe's reason to override the source's declaration.
        assumed: whether it is used for records that declare no CRS, as it is that of the source's others.
        doubt: that both orders lie in the CRS's area of use and only the declaration tells them apart; None where the data do.
    """

    declared: DeclaredCrs
    found: AxisOrder
    repaired: bool
    reason: str
    expected: str
    operation: str
    accuracy_m: float | None
    ballpark: bool
    better: str | None
    because: str | None
    transformer: Transformer | None = field(repr=False)
    assumed: bool = False
    doubt: str | None = None

    @property
    def swap(self) -> bool:
        """Whether the first two coordinates are exchanged before they are transformed."""
        return self.found is AxisOrder.YX

    def to_lonlat(self, geometries: Geometries) -> Geometries:
        """Return geometries (2D, None allowed) in EPSG:4326, x = longitude; coordinates that fail become infinite."""
        straight = to_xy(geometries, self.found)
        if self.transformer is None:
            return straight
        coordinates = shapely.get_coordinates(straight)
        x, y = coordinates.T.copy()
        with _TRANSFORMING:
            self.transformer.transform(x, y, inplace=True)
        coordinates[:, 0], coordinates[:, 1] = x, y
        # set_coordinates writes into its argument, which may be the caller's.
        moved: Geometries = shapely.set_coordinates(straight.copy(), coordinates)
        return moved

    def fits(self, geometries: Geometries) -> NDArray[np.bool_]:
        """Return which geometries (as they stand in the source) lie in the CRS's area of use; false for None."""
        crs = horizontal(CRS.from_json(self.declared.projjson))
        boxes = _boxes(crs, shapely.bounds(geometries), self.found)
        return _meets(boxes, _places(crs, None, None)[0][1])

    def entry(self) -> dict[str, Any]:
        """Return what is recorded with a version."""
        return {
            "declared": self.declared.text,
            "order_declared": self.declared.order.value,
            "order_found": self.found.value,
            "repaired": self.repaired,
            "reason": self.reason,
            "expected": self.expected,
            "operation": self.operation,
            "accuracy_m": self.accuracy_m,
            "ballpark": self.ballpark,
            **({"better": self.better} if self.better else {}),
            **({"because": self.because} if self.because else {}),
            **({"doubt": self.doubt} if self.doubt else {}),
        }


def judge(
    geometries: Geometries,
    declared: DeclaredCrs | None,
    *,
    selection: BaseGeometry | None = None,
    country: str | None = None,
    because: str | None = None,
    certain: bool = False,
) -> CrsJudgement:
    """Judge the CRS and axis order of a source by a sample of its geometries.

    Args:
        geometries: at least one that is not empty; coordinates as they stand in the source.
        declared: what the source says, or what the recipe says instead (see :func:`override`).
        selection: polygon of the twin in EPSG:4326, x = longitude.
        country: ISO 3166 code of where the data must lie.
        because: the recipe's reason, where it overrides the source.
        certain: the declared order is beyond doubt (the code of a grid cell says which number is the northing): it is never
            exchanged.

    Raises:
        CheckError: no CRS is known, or the coordinates are not possible in it, or not where they must be.
        RecipeError: the country is not known.
    """
    if declared is None:
        raise CheckError("no CRS is declared", remedy=_REMEDY)
    crs = horizontal(CRS.from_json(declared.projjson))
    if (
        crs.is_engineering
        or not (crs.is_geographic or crs.is_projected)
        or crs.name.lower().startswith("undefined")
    ):
        raise CheckError(f"the CRS {declared.text!r} does not say where it lies on Earth", remedy=_REMEDY)
    bounds = _sample_bounds(geometries)
    as_xy = _boxes(crs, bounds, AxisOrder.XY)
    as_yx = _boxes(crs, bounds, AxisOrder.YX)
    places = _places(crs, selection, country)
    if certain:
        as_xy = as_yx = as_xy if declared.order is AxisOrder.XY else as_yx
    found, expected, both = _decide(declared.order, as_xy, as_yx, places)
    if found is not None and len(places) == 1 and not certain:
        found, expected = _closer(places[0][1], found, expected, as_xy, as_yx)
    if found is None:
        raise _refusal(declared, bounds, places)
    if country and expected not in {"the twin", places_name(country)}:
        raise CheckError(
            f"the recipe says that the data lie in {places_name(country)}, but as {declared.text} they lie elsewhere",
            remedy="correct source.country or source.crs in the recipe",
        )
    chosen = as_xy if found is AxisOrder.XY else as_yx
    operation = operation_for(crs, chosen)
    repaired = declared.order not in {found, AxisOrder.UNKNOWN}
    told = crs.is_geographic or certain or declared.by_format or len(places) > 1
    return CrsJudgement(
        declared=declared,
        found=found,
        repaired=repaired,
        reason=_reason(declared, found, expected, both and not certain),
        expected=expected,
        because=because,
        doubt=None if told else _doubt(declared, found, as_xy, as_yx, places[0]),
        **operation,
    )


def override(text: str, declared: DeclaredCrs | None) -> DeclaredCrs:
    """Return the declaration that a recipe makes in place of the source's.

    The order of the coordinates stays what the source says of it; where it says nothing, it is found from the data.

    Raises:
        RecipeError: PROJ does not know the CRS.
    """
    try:
        crs = horizontal(CRS.from_user_input(text))
    except CRSError as e:
        raise RecipeError(
            f"source.crs: PROJ knows no CRS {text!r}", remedy="write it as EPSG:25832, or as WKT"
        ) from e
    return DeclaredCrs(text, crs.to_json(), declared.order if declared else AxisOrder.UNKNOWN)


def _sample_bounds(geometries: Geometries) -> NDArray[np.float64]:
    """Return the bounds of up to `SAMPLE` geometries, evenly taken: (n, 4) of least and greatest coordinates."""
    bounds: NDArray[np.float64] = shapely.bounds(geometries)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if len(bounds) == 0:
        raise CheckError("no coordinates that could be judged: all are empty or not finite")
    return bounds[:: max(1, len(bounds) // SAMPLE)]


def _boxes(crs: CRS, bounds: NDArray[np.float64], order: AxisOrder) -> NDArray[np.float64]:
    """Return the boxes in degrees (n, 4) that bounds mean if they stand in an order; NaN where that is not possible."""
    x0, y0, x1, y1 = (bounds if order is AxisOrder.XY else bounds[:, [1, 0, 3, 2]]).T
    # Corners and centre: enough to tell a place, not to clip by.
    x = np.stack([x0, x0, x1, x1, (x0 + x1) / 2])
    y = np.stack([y0, y1, y0, y1, (y0 + y1) / 2])
    if crs.is_geographic and tuple(crs.to_authority() or ()) in KEPT:
        lon, lat, possible = x, y, np.ones_like(x, dtype=bool)
    else:
        transformer = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
        try:
            lon, lat = transformer.transform(x, y)
            back_x, back_y = transformer.transform(lon, lat, direction="INVERSE")
        except ProjError:
            return np.full((len(bounds), 4), np.nan)
        # A place far off a projection's zone comes back as something; it is possible only if it leads back to itself.
        near = 1e-5 if crs.is_geographic else 1.0
        with np.errstate(invalid="ignore"):
            possible = (np.abs(back_x - x) < near) & (np.abs(back_y - y) < near)
    with np.errstate(invalid="ignore"):
        possible &= (np.abs(lat) <= 90 + 1e-9) & (lon >= -180 - 1e-9) & (lon <= 360)
    boxes = np.column_stack([lon.min(axis=0), lat.min(axis=0), lon.max(axis=0), lat.max(axis=0)])
    boxes[~possible.all(axis=0)] = np.nan
    return boxes


def _places(crs: CRS, selection: BaseGeometry | None, country: str | None) -> list[tuple[str, Box]]:
    places = []
    if selection is not None:
        places.append(("the twin", Box(*selection.bounds)))
    if country is not None:
        box = country_box(country)
        places.append((places_name(country), box))
    use = crs.area_of_use
    if use is None:
        places.append(("the bounds of the Earth", Box(-180, -90, 180, 90)))
    else:
        # An area over the date line (New Zealand) is taken as the whole belt.
        west, east = (use.west, use.east) if use.west < use.east else (-180.0, 180.0)
        box = Box(west - MARGIN, use.south - MARGIN, east + MARGIN, use.north + MARGIN)
        places.append((f"area of use: {shorten(use.name.rstrip('.'), 100, placeholder=' …')}", box))
    return places


def _meets(boxes: NDArray[np.float64], place: Box) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        meets: NDArray[np.bool_] = (boxes[:, 0] <= place.east) & (boxes[:, 2] >= place.west)
        meets &= (boxes[:, 1] <= place.north) & (boxes[:, 3] >= place.south)
    return meets


def _share(boxes: NDArray[np.float64], place: Box) -> float:
    return float(_meets(boxes, place).mean())


def _decide(
    declared: AxisOrder,
    as_xy: NDArray[np.float64],
    as_yx: NDArray[np.float64],
    places: Sequence[tuple[str, Box]],
) -> tuple[AxisOrder | None, str, bool]:
    """Return the order found, the place that decided, and whether both orders were possible there."""
    first, other = (as_yx, as_xy) if declared is AxisOrder.YX else (as_xy, as_yx)
    order = AxisOrder.YX if declared is AxisOrder.YX else AxisOrder.XY
    for name, place in places:
        holds, swapped = _share(first, place) >= 0.5, _share(other, place) >= 0.5
        if holds or swapped:
            return (order if holds else order.other), name, holds and swapped
    return None, "", False


def _is_wide(place: Box) -> bool:
    return place.east - place.west >= 350


def _closer(
    place: Box,
    found: AxisOrder,
    expected: str,
    as_xy: NDArray[np.float64],
    as_yx: NDArray[np.float64],
) -> tuple[AxisOrder, str]:
    """Return the other order where only it brings data to the closer place: all lie outside in the one found, nearly all within in the other.

    That is Europe for a CRS of the whole Earth, of which the outermost regions are a part, and for any other its area of use
    without the margin, and data are outside it beyond its neighbourhood (Prague in S-JTSK, exchanged, is a place near Hanover).
    """
    here, there = (as_yx, as_xy) if found is AxisOrder.YX else (as_xy, as_yx)
    if _is_wide(place):
        name, closer = "Europe", Box(*EUROPE)
        known = [closer, *(country_box(code) for code in country_codes())]
    else:
        name, known = expected, [_shrunk(place, MARGIN - NEIGHBOURS)]
        closer = _shrunk(place, MARGIN)
    if all(_share(here, box) == 0 for box in known) and _share(there, closer) >= _NEARLY_ALL:
        return found.other, name
    return found, expected


def _shrunk(box: Box, by: float) -> Box:
    return Box(box.west + by, box.south + by, box.east - by, box.north - by)


def _reason(declared: DeclaredCrs, found: AxisOrder, expected: str, both: bool) -> str:
    words = {AxisOrder.XY: "east first", AxisOrder.YX: "north first"}
    if declared.order is AxisOrder.UNKNOWN:
        why = (
            "which is how short codes are read; the data do not tell"
            if both
            else f"as only so the data lie in {expected}"
        )
        return f"{declared.text} does not tell the order: read {words[found]}, {why}"
    if declared.order is found:
        return f"as declared, {words[found]}, the data lie in {expected}"
    return f"declared {words[declared.order]}, but only {words[found]} do the data lie in {expected}"


def _doubt(
    declared: DeclaredCrs,
    found: AxisOrder,
    as_xy: NDArray[np.float64],
    as_yx: NDArray[np.float64],
    place: tuple[str, Box],
) -> str | None:
    """Say that both orders lie in a projection's area of use (EPSG:2180, 3035, 27700), where neither a twin nor a country tells."""
    name, use = place
    near = _shrunk(use, MARGIN)
    if _is_wide(use) or min(_share(as_xy, near), _share(as_yx, near)) < 0.5:
        return None
    words = {AxisOrder.XY: "east first", AxisOrder.YX: "north first"}
    return f"both orders lie in the {name}; {declared.text} is taken as {words[found]}; a twin or `source.country` decides"


def _refusal(
    declared: DeclaredCrs, bounds: NDArray[np.float64], places: Sequence[tuple[str, Box]]
) -> CheckError:
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    ranges = f"{low[0]:.10g} to {high[0]:.10g}, {low[1]:.10g} to {high[1]:.10g}"
    return CheckError(
        f"declares {declared.text}, but its coordinates ({ranges}) are not possible there, in either order (expected: {places[-1][0]})",
        remedy=_REMEDY,
    )
