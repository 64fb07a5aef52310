"""Observations in XML from real services: every value against lxml on the same file; and what becomes of them in a twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shapely
from lxml import etree

from ldt.sources import describe, read
from ldt.sources.gml_crs import parse_srs_name

SERIES = {
    "inspire/brgm_toolbox/4_SOS_TimeSeries.xml": 2_000,
    "inspire/brgm_toolbox/BRGM_raw_database_observation_PointTimeseriesObservation_output.xml": 5_000,
    "inspire/mif_2017_2/observation.xml": 1,
    "inspire/services/sos_52n_getobservation_wml2_response.xml": 6,
}
E_FLOW = "inspire/brgm_toolbox/AQD_Envirocloud_oneOffering.xml"
AUSTRIA = "inspire/ef_datacove/AQ_Observation_O3.xml"
PROFILES = "inspire/ef_datacove/ProfileObservations.gml"


def records(path: Path) -> list[dict[str, Any]]:
    return [row for batch in read("om", path, {}) for row in batch.records.to_pylist()]


def texts(path: Path, element: str) -> list[str]:
    return [e.text.strip() for e in etree.parse(path).iter(f"{{*}}{element}") if e.text]


@pytest.mark.parametrize(("file", "count"), SERIES.items())
def test_every_point_of_a_time_series(real_data: Path, file: str, count: int) -> None:
    found = records(real_data / file)
    tree = etree.parse(real_data / file)
    pairs = [
        (p.findtext("{*}time"), p.findtext("{*}value")) for p in tree.iter("{http://www.opengis.net/waterml/2.0}MeasurementTVP")
    ]  # fmt: skip
    assert len(found) == len(pairs) == count
    assert [(r["time"], r["value"]) for r in found] == pairs
    assert {r["unit"] for r in found} == {next(tree.iter("{*}uom")).get("code")}
    position = tree.findtext(".//{*}pos")
    geometry = None if position is None else shapely.Point(*map(float, position.split()))
    assert {r["geometry"] and shapely.from_wkb(r["geometry"]) for r in found} == {geometry}
    assert not any(r["_malformed"] for r in found)


@pytest.mark.parametrize(("file", "blocks"), [(E_FLOW, ";"), (AUSTRIA, "@@")])
def test_every_block_of_the_e_reporting(real_data: Path, file: str, blocks: str) -> None:
    found = records(real_data / file)
    (values,) = texts(real_data / file, "values")
    expected = [block.strip().split(",") for block in values.split(blocks) if block.strip()]
    assert (
        len(found) == len(expected) == int(next(filter(str.isdigit, texts(real_data / file, "value"))))
    )  # the array's own count
    assert [[r["verification"], r["validity"], r["value"]] for r in found] == [e[2:] for e in expected]
    assert [r["time"] for r in found] == [e[0] + (":00" if e[0].endswith("+01") else "") for e in expected]
    assert {r["observed_property"] for r in found} == {"http://dd.eionet.europa.eu/vocabulary/aq/pollutant/7"}


def test_profiles_in_the_sea(real_data: Path) -> None:
    """39 values at 39 depths each; the place stands in a line whose `posList` numbers the depths."""
    found = records(real_data / PROFILES)
    lists = [t.split(",") for t in texts(real_data / PROFILES, "QuantityList")]
    assert [len(values) for values in lists] == [39, 39]
    assert [r["value"] for r in found] == [*lists[0], *lists[1]]
    assert [r["depth"] for r in found] == [float(d) for d in range(39)] * 2
    assert {r["time"] for r in found} == {"1987-06-30T04:05:00.0"}
    assert {shapely.from_wkb(r["geometry"]).wkt for r in found} == {
        "POINT (54.32270050048828 5.269700050354004)"
    }
    assert {r["unit"] for r in found} == {"kg/g", "°C"}


@pytest.mark.parametrize("file", [*SERIES, E_FLOW, AUSTRIA, PROFILES])
def test_they_are_recognised(real_data: Path, file: str) -> None:
    found = describe(real_data / file)
    assert (found.reader, found.problems) == ("om", [])
    assert sum(layer.count or 0 for layer in found.layers) == len(records(real_data / file))


def test_the_place_as_inspect_tells_it(real_data: Path) -> None:
    (layer,) = describe(real_data / next(iter(SERIES))).layers
    declared = parse_srs_name("http://www.opengis.net/def/crs/EPSG/0/4326")
    assert layer.crs == declared
    assert layer.extent == pytest.approx((2.35976, 49.95069, 2.35976, 49.95069), abs=1e-5)  # Picardy
