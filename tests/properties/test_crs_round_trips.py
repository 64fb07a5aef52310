"""Every CRS that the real files declare: places within its area of use come back, whatever the order of their coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from ldt.axis import AxisOrder
from ldt.harmonise.crs import judge
from ldt.sources.batches import declare

#: As they stand in the real files, and those of the European grids, with a place in the middle of what they are for and its country.
DECLARED = {
    "EPSG:4326": (7.0, 50.9, "DE"),
    "EPSG:4258": (10.0, 53.5, "DE"),
    "EPSG:3035": (7.0, 50.9, "DE"),
    "EPSG:3034": (7.0, 50.9, "DE"),
    "EPSG:25830": (-3.4, 36.9, "ES"),
    "EPSG:25832": (9.9, 53.5, "DE"),
    "EPSG:25833": (14.4, 50.1, "CZ"),
    "EPSG:32628": (-16.4, 28.2, "ES"),
    "EPSG:32632": (6.95, 50.9, "DE"),
    "EPSG:32633": (14.4, 35.9, "MT"),
    "EPSG:23033": (14.4, 35.9, "MT"),
    "EPSG:3042": (-3.4, 36.9, "ES"),
    "EPSG:3067": (25.0, 62.0, "FI"),
    "EPSG:28992": (5.8, 52.1, "NL"),
    "EPSG:27572": (2.3, 48.8, "FR"),
    "EPSG:3857": (8.6, 49.9, "DE"),
    "EPSG:4979": (8.6, 49.9, "DE"),
    "EPSG:2180": (19.0, 52.0, "PL"),
    "EPSG:5514": (15.0, 49.8, "CZ"),
    "EPSG:31370": (4.4, 50.8, "BE"),
}
#: Grids whose eastings and northings are alike: exchanged, a place in the country is another place in it, and nothing shows it.
ALIKE = {"EPSG:2180", "EPSG:31370"}
shifts = st.floats(-0.2, 0.2, allow_nan=False)
WGS84 = Geod(ellps="WGS84")


@pytest.mark.parametrize("code", DECLARED)
@settings(max_examples=4, deadline=None)
@given(st.lists(st.tuples(shifts, shifts), min_size=1, max_size=8), st.booleans())
def test_places_come_back(code: str, moved: list[tuple[float, float]], swapped: bool) -> None:
    west, south, country = DECLARED[code]
    lon, lat = np.array([[west], [south]]) + np.array(moved).T
    x, y = Transformer.from_crs("EPSG:4326", code, always_xy=True).transform(lon, lat)
    stand = shapely.points(y, x) if swapped else shapely.points(x, y)
    declared = declare(code, code, AxisOrder.XY)
    judgement = judge(stand, declared, country=country)
    if swapped and code in ALIKE:
        assert judgement.found is AxisOrder.XY
        return
    back = shapely.get_coordinates(judgement.to_lonlat(stand))
    # The way there may be another operation than the way back (datum shifts of some metres, without grids): ten metres.
    _, _, metres = WGS84.inv(lon, lat, back[:, 0], back[:, 1])
    assert np.max(metres) < 10
    assert judgement.found is (AxisOrder.YX if swapped else AxisOrder.XY)
    assert judgement.repaired == swapped


@pytest.mark.parametrize("code", DECLARED)
def test_the_order_of_the_definition_is_the_one_of_the_registry(code: str) -> None:
    """A URN means the order of the axes that the EPSG Dataset gives: pyproj carries it."""
    from ldt.sources.gml_crs import parse_srs_name

    parsed = parse_srs_name(f"urn:ogc:def:crs:EPSG::{code[5:]}")
    assert parsed is not None
    first = CRS(code).axis_info[0].direction.lower()
    # Of the Czech grid both axes point away from north and east; its first is the southing.
    north_first = first in {"north", "south"}
    assert parsed.order is (AxisOrder.YX if north_first else AxisOrder.XY)
