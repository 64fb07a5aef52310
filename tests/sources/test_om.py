"""Observations in XML: documents in the layouts of O&M, SOS, SWE Common, WaterML 2 and the EEA, written here; what is expected was worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapely
from tests.resident import PEAK

from ldt.errors import HostileSource, SourceError
from ldt.sources import read
from ldt.sources.om import OmReader, holds_observations
from ldt.sources.om_document import observations
from ldt.sources.om_values import instant, tail

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{name}"'
    for prefix, name in {
        "om": "http://www.opengis.net/om/2.0",
        "om1": "http://www.opengis.net/om/1.0",
        "gml": "http://www.opengis.net/gml/3.2",
        "gml1": "http://www.opengis.net/gml",
        "swe": "http://www.opengis.net/swe/2.0",
        "swe1": "http://www.opengis.net/swe/1.0.1",
        "wml2": "http://www.opengis.net/waterml/2.0",
        "sos": "http://www.opengis.net/sos/2.0",
        "sam": "http://www.opengis.net/sampling/2.0",
        "sams": "http://www.opengis.net/samplingSpatial/2.0",
        "sa": "http://www.opengis.net/sampling/1.0",
        "aqd": "http://dd.eionet.europa.eu/schemaset/id2011850eu-1.0",
        "base": "http://inspire.ec.europa.eu/schemas/base/3.3",
        "wfs": "http://www.opengis.net/wfs/2.0",
        "xlink": "http://www.w3.org/1999/xlink",
        "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    }.items()
)
AQ = "http://dd.eionet.europa.eu/vocabulary/aq"
HEAD = f"""
  <om:phenomenonTime><gml:TimePeriod gml:id="t1"><gml:beginPosition>2024-01-01T00:00:00+01:00</gml:beginPosition>
    <gml:endPosition>2024-01-01T02:00:00+01:00</gml:endPosition></gml:TimePeriod></om:phenomenonTime>
  <om:resultTime xlink:href="#t1"/>
  <om:procedure xlink:href="SPP-1" xlink:title="Chemiluminescence"/>
  <om:parameter><om:NamedValue><om:name xlink:href="{AQ}/processparameter/SamplingPoint"/>
    <om:value xlink:href="DE.UBA.AQ/SPO-1"/></om:NamedValue></om:parameter>
  <om:parameter><om:NamedValue><om:name>height</om:name><om:value>4.0</om:value></om:NamedValue></om:parameter>
  <om:observedProperty xlink:href="{AQ}/pollutant/8" xlink:title="NO2"/>
  <om:featureOfInterest xlink:href="SAM-1" xlink:title="Inlet"/>
"""
FIELDS = f"""
  <swe:field name="StartTime"><swe:Time/></swe:field>
  <swe:field name="EndTime"><swe:Time/></swe:field>
  <swe:field name="Verification"><swe:Category definition="{AQ}/observationverification"/></swe:field>
  <swe:field name="Validity"><swe:Category definition="{AQ}/observationvalidity"/></swe:field>
  <swe:field name="Value"><swe:Quantity definition="{AQ}/primaryObservation/hour">
    <swe:uom xlink:href="http://dd.eionet.europa.eu/vocabulary/uom/concentration/ug.m-3"/></swe:Quantity></swe:field>
  <swe:field name="DataCapture"><swe:Quantity><swe:uom code="%"/></swe:Quantity></swe:field>
"""
BLOCKS = "2024-01-01T00:00:00+01:00,2024-01-01T01:00:00+01:00,1,1,20.5,100@@2024-01-01T01:00:00+01:00,2024-01-01T02:00:00+01:00,2,-1,,@@"

TIMED = '<swe:field name="t"><swe:Time/></swe:field><swe:field name="x"><swe:Quantity/></swe:field>'

Rows = Callable[..., list[dict[str, Any]]]


def array(values: str, fields: str = FIELDS, encoding: str = '<swe:TextEncoding blockSeparator="@@" tokenSeparator=","/>', count: str = "") -> str:  # fmt: skip
    return (
        f"<swe:DataArray>{count}<swe:elementType name='r'><swe:DataRecord>{fields}</swe:DataRecord></swe:elementType>"
        f"<swe:encoding>{encoding}</swe:encoding><swe:values>{values}</swe:values></swe:DataArray>"
    )


def observation(result: str, head: str = HEAD, name: str = "om:OM_Observation") -> str:
    return f'<{name} gml:id="o1">{head}<om:result>{result}</om:result></{name}>'


def series(points: str, defaults: str = '<wml2:uom code="m3/s"/>', metadata: str = "") -> str:
    return (
        f"<wml2:MeasurementTimeseries>{metadata}<wml2:defaultPointMetadata><wml2:DefaultTVPMeasurementMetadata>{defaults}"
        f"</wml2:DefaultTVPMeasurementMetadata></wml2:defaultPointMetadata>{points}</wml2:MeasurementTimeseries>"
    )


def tvp(time: str, value: str, metadata: str = "") -> str:
    inner = f"<wml2:time>{time}</wml2:time>{value}" + (
        f"<wml2:metadata><wml2:TVPMeasurementMetadata>{metadata}</wml2:TVPMeasurementMetadata></wml2:metadata>" if metadata else ""
    )  # fmt: skip
    return f"<wml2:point><wml2:MeasurementTVP>{inner}</wml2:MeasurementTVP></wml2:point>"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def document(
        *members: str, root: str = "wfs:FeatureCollection", member: str = "wfs:member", before: str = ""
    ) -> Path:
        path = tmp_path / "observations.xml"
        inside = "".join(f"<{member}>{m}</{member}>" for m in members)
        path.write_text(
            f'<?xml version="1.0"?><{root} {NAMESPACES}>{before}{inside}</{root}>', encoding="utf-8"
        )
        return path

    return document


# E-reporting ----------------------------------------------------------------------------------------------------------


def test_a_block_of_the_e_reporting_is_a_record(write: Callable[..., Path], rows: Rows) -> None:
    header = "<aqd:AQD_ReportingHeader gml:id='h'><aqd:inspireId><base:Identifier><base:localId>REP</base:localId><base:namespace>DE.UBA.AQ</base:namespace></base:Identifier></aqd:inspireId></aqd:AQD_ReportingHeader>"
    first, second = rows("om", write(header, observation(array(BLOCKS))))
    assert first["_row"] == 0
    assert second["_row"] == 1
    assert first["namespace"] == "DE.UBA.AQ"
    assert first["observation_id"] == "o1"
    assert (first["time"], first["time_end"]) == ("2024-01-01T00:00:00+01:00", "2024-01-01T01:00:00+01:00")
    assert (first["value"], first["validity"], first["verification"], first["data_capture"]) == (
        "20.5", "1", "1", "100",
    )  # fmt: skip
    assert first["unit"].endswith("/ug.m-3")
    assert first["definition"].endswith("/hour")
    assert first["observed_property"] == f"{AQ}/pollutant/8"
    assert first["observed_property_name"] == "NO2"
    assert first["sampling_point"] == "DE.UBA.AQ/SPO-1"
    assert first["procedure"] == "SPP-1"
    assert json.loads(first["parameters"]) == {"SamplingPoint": "DE.UBA.AQ/SPO-1", "height": "4.0"}
    assert (first["feature_of_interest"], first["feature_name"]) == ("SAM-1", "Inlet")
    assert first["phenomenon_begin"] == "2024-01-01T00:00:00+01:00"
    assert (
        first["result_time"] == "2024-01-01T02:00:00+01:00"
    )  # refers to the phenomenon time, whose end it is
    assert second["value"] is None
    assert second["validity"] == "-1"
    assert second["_malformed"] is None
    # The leaves of the observation come once, and hold none of the values.
    assert json.loads(first["raw"])["procedure/@title"] == "Chemiluminescence"
    assert "20.5" not in first["raw"]
    assert second["raw"] is None


def test_a_malformed_block_costs_itself(write: Callable[..., Path], rows: Rows) -> None:
    good = "2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,1,1,20,100"
    found = rows("om", write(observation(array(f"{good}@@2024-01-01T01:00:00Z,1,1,21@@{good}"))))
    assert [r["value"] for r in found] == ["20", None, "20"]
    assert found[1]["_malformed"] == "a block of 4 tokens, where the array declares 6"
    assert json.loads(found[1]["raw"]) == {"block": "2024-01-01T01:00:00Z,1,1,21"}


def test_an_array_that_ends_too_early_says_so(write: Callable[..., Path], rows: Rows) -> None:
    count = "<swe:elementCount><swe:Count><swe:value>3</swe:value></swe:Count></swe:elementCount>"
    found = rows("om", write(observation(array(BLOCKS, count=count))))
    assert len(found) == 3
    assert found[2]["_malformed"] == "the array says that it has 3 blocks, and has 2"
    exact = count.replace("3", "2")
    assert len(rows("om", write(observation(array(BLOCKS, count=exact))))) == 2


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ('<swe:TextEncoding blockSeparator=";" tokenSeparator=","/>', "{0},1.5;{0},2.5", ["1.5", "2.5"]),
        ('<swe:TextEncoding blockSeparator=" " tokenSeparator=","/>', "\n {0},1.5\n {0},2.5 ", ["1.5", "2.5"]),
        ('<swe:TextEncoding blockSeparator="&#10;" tokenSeparator="&#9;"/>', "{0}\t1.5\n{0}\t2.5\n", ["1.5", "2.5"]),
        ('<swe:TextEncoding blockSeparator="&#10;" tokenSeparator=" "/>', "{0}  1.5\n{0} 2.5", ["1.5", "2.5"]),
        ('<swe:TextEncoding blockSeparator="||" tokenSeparator="|" decimalSeparator=","/>', "{0}|1,5||{0}|2,5", ["1.5", "2.5"]),
        ('<swe:TextEncoding blockSeparator="," tokenSeparator=","/>', "{0},1.5,{0},2.5", ["1.5", "2.5"]),
        ('<swe:TextBlock blockSeparator="@" tokenSeparator=";"/>', "{0};1.5@\n{0};\n2.5@", ["1.5", "2.5"]),
    ],
)  # fmt: skip
def test_separators_of_any_kind(
    write: Callable[..., Path], rows: Rows, encoding: str, text: str, expected: list[str]
) -> None:
    fields = '<swe:field name="phenomenonTime"><swe:Time/></swe:field><swe:field name="x"><swe:Quantity/></swe:field>'
    found = rows("om", write(observation(array(text.format("2024-01-01T00:00:00Z"), fields, encoding))))
    assert [r["value"] for r in found] == expected
    assert {r["time"] for r in found} == {"2024-01-01T00:00:00Z"}
    assert not any(r["_malformed"] for r in found)


def test_blocks_are_the_same_wherever_the_parser_cuts_the_text(
    write: Callable[..., Path], rows: Rows
) -> None:
    times = [f"2024-01-{1 + i // 1440 % 28:02}T{i // 60 % 24:02}:{i % 60:02}:00Z" for i in range(30_000)]
    fields = '<swe:field name="t"><swe:Time/></swe:field><swe:field name="x"><swe:Count/></swe:field>'
    text = "@@".join(f"{t},{i}" for i, t in enumerate(times))
    found = rows("om", write(observation(array(text, fields))))
    assert [r["value"] for r in found] == [str(i) for i in range(30_000)]
    assert [r["time"] for r in found] == times
    assert {r["sampling_point"] for r in found} == {"DE.UBA.AQ/SPO-1"}
    assert sum(r["raw"] is not None for r in found) == 1


def test_a_long_observation_comes_in_parts(write: Callable[..., Path]) -> None:
    text = "@@".join(f"2024-01-01T00:00:00Z,{i}" for i in range(45_000))
    parts = list(observations(write(observation(array(text, TIMED)))))
    assert [(len(p.values), p.first, p.last) for p in parts] == [
        (20_000, True, False), (20_000, False, False), (5_000, False, True),
    ]  # fmt: skip
    assert {id(p.header) for p in parts} == {id(parts[0].header)}


def test_values_as_elements(write: Callable[..., Path], rows: Rows) -> None:
    fields = '<swe:field name="time"><swe:Time/></swe:field><swe:field name="x"><swe:Quantity/></swe:field>'
    blocks = "<swe:r><swe:time>2024-01-01T00:00:00Z</swe:time><swe:x>7</swe:x></swe:r><swe:r><swe:time>2024-01-02T00:00:00Z</swe:time><swe:x>8</swe:x></swe:r>"
    found = rows("om", write(observation(array(blocks, fields, "<swe:XMLEncoding/>"))))
    assert [(r["time"][:10], r["value"]) for r in found] == [("2024-01-01", "7"), ("2024-01-02", "8")]


def test_what_a_field_allows_and_what_stands_for_nothing(write: Callable[..., Path], rows: Rows) -> None:
    fields = """<swe:field name="time"><swe:Time/></swe:field><swe:field name="x"><swe:Quantity><swe:nilValues><swe:NilValues>
      <swe:nilValue reason="http://www.opengis.net/def/nil/OGC/0/BelowDetectionRange">-9999</swe:nilValue></swe:NilValues></swe:nilValues>
      <swe:constraint><swe:AllowedValues><swe:interval>0 50</swe:interval><swe:interval>90 INF</swe:interval><swe:value>-1</swe:value></swe:AllowedValues></swe:constraint>
      </swe:Quantity></swe:field>"""
    text = "@@".join(f"2024-01-01T00:00:00Z,{v}" for v in ("50", "-9999", "70", "-1", "95"))
    found = rows("om", write(observation(array(text, fields))))
    assert [r["value"] for r in found] == ["50", None, "70", "-1", "95"]
    assert [bool(r["_malformed"]) for r in found] == [False, False, True, False, False]
    assert found[2]["_malformed"] == "70 is not allowed by the constraint of the field x"
    assert found[1]["nil_reason"].endswith("BelowDetectionRange")


def test_several_quantities_of_a_block_are_several_records(write: Callable[..., Path], rows: Rows) -> None:
    fields = """<swe:field name="phenomenonTime"><swe:TimeRange/></swe:field>
      <swe:field name="position"><swe:Vector><swe:coordinate name="depth"><swe:Quantity/></swe:coordinate></swe:Vector></swe:field>
      <swe:field name="temperature"><swe:Quantity definition="http://example.org/air_temperature"><swe:uom code="Cel"/></swe:Quantity></swe:field>
      <swe:field name="PM10"><swe:Quantity><swe:uom code="ug/m3"/></swe:Quantity></swe:field>
      <swe:field name="remark"><swe:Category definition="http://example.org/qualityFlag"/></swe:field>"""
    text = "2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,-2.5,3.5,17,good"
    first, second = rows("om", write(observation(array(text, fields))))
    assert (first["observed_property"], first["value"], first["unit"]) == ("http://example.org/air_temperature", "3.5", "Cel")  # fmt: skip
    assert (second["observed_property"], second["value"], second["unit"]) == ("PM10", "17", "ug/m3")
    assert first["time_end"] == "2024-01-01T01:00:00Z"
    assert first["depth"] == -2.5
    assert first["quality"] == second["quality"] == "good"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("<swe:DataArray><swe:elementType xlink:href='#x'/><swe:encoding><swe:TextEncoding/></swe:encoding><swe:values>1,2</swe:values></swe:DataArray>", "what its fields are"),
        (array("AAAA", encoding="<swe:BinaryEncoding/>"), "BinaryEncoding are not read"),
        (array("1", encoding='<swe:TextEncoding tokenSeparator="," decimalSeparator="," blockSeparator=";"/>'), "decimal sign as well"),
        (array("1", fields='<swe:field name="t"><swe:Time/></swe:field>'), "no field of the array holds a value"),
        (array("1", fields='<swe:field name="c"><swe:DataChoice/></swe:field>'), "DataChoice is not read"),
        (array("x" * 1_100_000), "no block separator '@@' in 1,000,000 characters"),
        ("<om:Unknown/>", "a result of the kind Unknown is not read"),
        ("", "no result"),
    ],
)  # fmt: skip
def test_a_result_that_is_not_read_costs_its_observation_only(
    write: Callable[..., Path], rows: Rows, result: str, told: str
) -> None:
    bad, good = rows(
        "om", write(observation(result), observation("5").replace("<om:result>", "<om:result uom='m'>"))
    )
    assert told in bad["_malformed"]
    assert bad["value"] is None
    assert (good["value"], good["unit"], good["_malformed"]) == ("5", "m", None)


# Single results -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "value", "unit"),
    [
        ('<om:result xsi:type="gml:MeasureType" uom="ug/m3">12.5</om:result>', "12.5", "ug/m3"),
        ("<om:result>true</om:result>", "true", None),
        ('<om:result xsi:type="gml:ReferenceType" xlink:href="http://example.org/good"/>', "http://example.org/good", None),
        ('<om:result><swe:Quantity definition="d"><swe:uom code="Cel"/><swe:value>3</swe:value></swe:Quantity></om:result>', "3", "Cel"),
        ('<om:result xsi:nil="true" nilReason="missing"/>', None, None),
    ],
)  # fmt: skip
def test_single_results(
    write: Callable[..., Path], rows: Rows, result: str, value: str | None, unit: str | None
) -> None:
    (found,) = rows("om", write(f'<om:OM_Observation gml:id="o">{HEAD}{result}</om:OM_Observation>'))
    assert (found["value"], found["unit"], found["_malformed"]) == (value, unit, None)
    assert (found["time"], found["time_end"]) == ("2024-01-01T00:00:00+01:00", "2024-01-01T02:00:00+01:00")
    assert found["nil_reason"] == (None if value else "missing")


def test_a_result_elsewhere_is_told_and_not_fetched(write: Callable[..., Path], rows: Rows) -> None:
    (found,) = rows(
        "om", write(f'<om:OM_Observation>{HEAD}<om:result xlink:href="http://a/b"/></om:OM_Observation>')
    )
    assert found["_malformed"] == "the result is a reference (http://a/b), which is not fetched"


def test_a_record_that_holds_its_values(write: Callable[..., Path], rows: Rows) -> None:
    record = '<swe:DataRecord><swe:field name="t"><swe:Time><swe:value>2024-05-01T00:00:00Z</swe:value></swe:Time></swe:field><swe:field name="v"><swe:Quantity><swe:uom code="m"/><swe:value>1.5</swe:value></swe:Quantity></swe:field></swe:DataRecord>'
    (found,) = rows("om", write(observation(record)))
    assert (found["time"], found["value"], found["unit"]) == ("2024-05-01T00:00:00Z", "1.5", "m")


# Time series ----------------------------------------------------------------------------------------------------------


def test_points_take_over_what_the_series_says_of_all(write: Callable[..., Path], rows: Rows) -> None:
    quality = '<wml2:quality xlink:href="http://example.org/good"/>'
    points = (
        tvp("2024-01-01T00:00:00Z", "<wml2:value>1.5</wml2:value>")
        + tvp("2024-01-01T01:00:00Z", '<wml2:value xsi:nil="true"/>', '<wml2:nilReason xlink:href="http://www.opengis.net/def/nil/OGC/0/missing"/>')
        + tvp("2024-01-01T02:00:00Z", "<wml2:value>0.1</wml2:value>", '<wml2:uom code="l/s"/><wml2:censoredReason xlink:href="http://www.opengis.net/def/nil/OGC/0/BelowDetectionRange"/><wml2:quality xlink:href="http://example.org/poor"/>')
    )  # fmt: skip
    found = rows("om", write(observation(series(points, f'<wml2:uom code="m3/s"/>{quality}'))))
    assert [r["value"] for r in found] == ["1.5", None, "0.1"]
    assert [r["unit"] for r in found] == ["m3/s", "m3/s", "l/s"]
    assert [r["quality"][-4:] for r in found] == ["good", "good", "poor"]
    assert found[1]["nil_reason"].endswith("missing")
    assert found[0]["nil_reason"] is None
    assert found[2]["censored"].endswith("BelowDetectionRange")


@pytest.mark.parametrize(
    ("kind", "begin", "end"),
    [
        ("AveragePrec", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
        ("TotalPrec", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
        ("AverageSucc", "2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"),
        ("Continuous", "2024-01-01T01:00:00Z", None),
    ],
)
def test_the_interval_that_a_value_stands_for(
    write: Callable[..., Path], rows: Rows, kind: str, begin: str, end: str | None
) -> None:
    stated = f'<wml2:uom code="mm"/><wml2:interpolationType xlink:href="http://www.opengis.net/def/waterml/2.0/interpolationType/{kind}"/><wml2:aggregationDuration>PT1H</wml2:aggregationDuration>'
    (found,) = rows("om", write(observation(series(tvp("2024-01-01T02:00:00+01:00", "<wml2:value>3</wml2:value>"), stated))))  # fmt: skip
    assert found["aggregation"] == "PT1H"
    assert (found["time"].replace("02:00:00+01:00", "01:00:00Z"), found["time_end"] and found["time_end"].replace("02:00:00+01:00", "01:00:00Z")) == (begin, end)  # fmt: skip


def test_points_without_times_follow_the_base_time(write: Callable[..., Path], rows: Rows) -> None:
    metadata = "<wml2:metadata><wml2:MeasurementTimeseriesMetadata><wml2:baseTime>2024-03-31T00:00:00+01:00</wml2:baseTime><wml2:spacing>PT15M</wml2:spacing></wml2:MeasurementTimeseriesMetadata></wml2:metadata>"
    pair = "<wml2:point><wml2:MeasurementTVP><wml2:value>{}</wml2:value></wml2:MeasurementTVP></wml2:point>"
    found = rows("om", write(observation(series(pair.format(1) + pair.format(2), metadata=metadata))))
    assert [r["time"] for r in found] == ["2024-03-30T23:00:00Z", "2024-03-30T23:15:00Z"]
    bare = rows("om", write(observation(series(pair.format(1)))))
    assert bare[0]["_malformed"] == "a point without a time"


def test_the_zone_of_a_monitoring_point_is_that_of_its_times(write: Callable[..., Path], rows: Rows) -> None:
    place = """<om:featureOfInterest><wml2:MonitoringPoint gml:id="mp"><gml:identifier codeSpace="x">gauge-7</gml:identifier><gml:name>Gauge</gml:name>
      <sams:shape><gml:Point srsName="http://www.opengis.net/def/crs/EPSG/0/4326"><gml:pos>50.9 6.9</gml:pos></gml:Point></sams:shape>
      <wml2:timeZone><wml2:TimeZone><wml2:zoneOffset>+01:00</wml2:zoneOffset></wml2:TimeZone></wml2:timeZone></wml2:MonitoringPoint></om:featureOfInterest>"""
    head = HEAD.replace('<om:featureOfInterest xlink:href="SAM-1" xlink:title="Inlet"/>', place)
    (found,) = rows("om", write(observation(series(tvp("2024-01-01T00:00:00", "<wml2:value>3</wml2:value>")), head)))  # fmt: skip
    assert found["time"] == "2024-01-01T00:00:00+01:00"
    assert (found["feature_of_interest"], found["feature_name"]) == ("gauge-7", "Gauge")
    assert shapely.from_wkb(found["geometry"]).wkt == "POINT (50.9 6.9)"


# Who holds observations -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "member", "name"),
    [
        ("sos:GetObservationResponse", "sos:observationData", "om:OM_Observation"),
        ("sos:InsertObservation", "sos:observation", "om:OM_Observation"),
        ("wml2:Collection", "wml2:observationMember", "om:OM_Observation"),
        ("gml:FeatureCollection", "gml:featureMember", "om:PointTimeSeriesObservation"),
        ("om1:ObservationCollection", "om1:member", "om1:Measurement"),
        ("om1:ObservationCollection", "om1:member", "om1:Observation"),
    ],
)
def test_collections_of_every_kind(
    write: Callable[..., Path], rows: Rows, root: str, member: str, name: str
) -> None:
    one = observation('<gml:Measure uom="m">5</gml:Measure>', name=name)
    path = write(one, one, root=root, member=member, before="<sos:offering>http://offering/1</sos:offering>")
    assert holds_observations(path)
    found = rows("om", path)
    assert [r["value"] for r in found] == ["5", "5"]
    assert {r["offering"] for r in found} == {"http://offering/1"}


def test_the_first_generation_names_its_features_in_the_array(write: Callable[..., Path], rows: Rows) -> None:
    """SOS 1.0 and O&M 1.0: stations inlined in one observation, whose blocks name them."""
    places = "".join(
        f'<gml1:featureMember><sa:SamplingPoint gml1:id="{name}"><gml1:name>Station {name}</gml1:name><sa:position><gml1:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml1:pos>{pos}</gml1:pos></gml1:Point></sa:position></sa:SamplingPoint></gml1:featureMember>'
        for name, pos in (("a", "50 7"), ("b", "51 8"))
    )
    result = """<om1:result><swe1:DataArray><swe1:elementType><swe1:SimpleDataRecord><swe1:field name="Time"><swe1:Time definition="urn:ogc:data:time:iso8601"/></swe1:field>
      <swe1:field name="feature"><swe1:Text definition="urn:ogc:data:feature"/></swe1:field><swe1:field name="level"><swe1:Quantity definition="urn:x:level"><swe1:uom code="cm"/></swe1:Quantity></swe1:field>
      </swe1:SimpleDataRecord></swe1:elementType><swe1:encoding><swe1:TextBlock decimalSeparator="." tokenSeparator="," blockSeparator=";"/></swe1:encoding>
      <swe1:values>2024-01-01T00:00:00Z,a,10;2024-01-01T00:00:00Z,b,20;2024-01-01T00:00:00Z,c,30</swe1:values></swe1:DataArray></om1:result>"""
    head = f'<om1:samplingTime><gml1:TimeInstant><gml1:timePosition>2024-01-01T00:00:00Z</gml1:timePosition></gml1:TimeInstant></om1:samplingTime><om1:procedure xlink:href="urn:x:gauge"/><om1:observedProperty xlink:href="urn:x:level"/><om1:featureOfInterest><gml1:FeatureCollection>{places}</gml1:FeatureCollection></om1:featureOfInterest>'
    path = write(f"<om1:Observation>{head}{result}</om1:Observation>", root="om1:ObservationCollection", member="om1:member")  # fmt: skip
    found = rows("om", path)
    assert [(r["feature_of_interest"], r["value"]) for r in found] == [("a", "10"), ("b", "20"), ("c", "30")]
    assert found[1]["feature_name"] == "Station b"
    assert [r["geometry"] and shapely.from_wkb(r["geometry"]).wkt for r in found] == ["POINT (50 7)", "POINT (51 8)", None]  # fmt: skip


def test_references_within_a_document(write: Callable[..., Path], rows: Rows) -> None:
    inline = '<om:featureOfInterest><sams:SF_SpatialSamplingFeature gml:id="f1"><gml:identifier codeSpace="x">well-1</gml:identifier><sams:shape><gml:Point srsName="urn:ogc:def:crs:EPSG::4258"><gml:pos>50 7</gml:pos></gml:Point></sams:shape></sams:SF_SpatialSamplingFeature></om:featureOfInterest>'
    first = observation(
        "", HEAD.replace('<om:featureOfInterest xlink:href="SAM-1" xlink:title="Inlet"/>', inline)
    )
    second = '<om:OM_Observation gml:id="o2"><om:phenomenonTime xlink:href="#t1"/><om:resultTime xlink:href="#t1"/><om:observedProperty xlink:href="p"/><om:featureOfInterest xlink:href="#f1"/><om:result uom="m">4</om:result></om:OM_Observation>'  # fmt: skip
    found = rows(
        "om", write(first.replace("<om:result></om:result>", '<om:result uom="m">3</om:result>'), second)
    )
    assert [r["feature_of_interest"] for r in found] == ["well-1", "well-1"]
    assert found[0]["geometry"] == found[1]["geometry"] is not None
    assert found[1]["time"] == "2024-01-01T00:00:00+01:00"


def test_each_batch_has_one_crs(write: Callable[..., Path], batches: Callable[..., list[Any]]) -> None:
    def at(code: int, pos: str) -> str:
        place = f'<om:featureOfInterest><sams:SF_SpatialSamplingFeature><sams:shape><gml:Point srsName="urn:ogc:def:crs:EPSG::{code}"><gml:pos>{pos}</gml:pos></gml:Point></sams:shape></sams:SF_SpatialSamplingFeature></om:featureOfInterest>'
        return observation("<swe:Count><swe:value>1</swe:value></swe:Count>", HEAD.replace('<om:featureOfInterest xlink:href="SAM-1" xlink:title="Inlet"/>', place))  # fmt: skip

    found = batches("om", write(at(4326, "50 7"), at(4326, "50 8"), at(25832, "350000 5650000")))
    assert [(b.crs.text[-5:], b.records.num_rows) for b in found] == [(":4326", 2), ("25832", 1)]
    assert [b.records.column("_row").to_pylist() for b in found] == [[0, 1], [2]]


# Documents that are no observations, or bad ---------------------------------------------------------------------------


def test_documents_that_hold_none(write: Callable[..., Path], tmp_path: Path) -> None:
    features = write("<base:Thing gml:id='x'><base:hasObservation xlink:href='y'/></base:Thing>")
    assert not holds_observations(features)
    assert OmReader().describe(features).problems == ["holds no observations"]
    empty = write(root="sos:GetObservationResponse")
    assert holds_observations(empty)
    assert list(read("om", empty, {})) == []
    broken = tmp_path / "broken.xml"
    broken.write_text("<a><b>")
    assert not holds_observations(broken)


def test_a_service_that_answers_an_error(tmp_path: Path) -> None:
    path = tmp_path / "error.xml"
    path.write_text(
        '<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception><ows:ExceptionText>No such offering</ows:ExceptionText></ows:Exception></ows:ExceptionReport>'
    )
    with pytest.raises(SourceError, match="a service's error message: No such offering"):
        list(read("om", path, {}))


def test_damage_ends_the_reading_and_what_came_before_stays(write: Callable[..., Path]) -> None:
    path = write(observation(array(BLOCKS)), observation(array(BLOCKS)))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"2024-01-01T01:00:00+01:00,2024")])
    got: list[int] = []
    with pytest.raises(SourceError, match="not well-formed XML at line"):
        got.extend(b.records.num_rows for b in read("om", path, {}))
    assert got == [2]


def test_damage_in_the_middle_leaves_what_came_before(write: Callable[..., Path]) -> None:
    path = write(observation(array(BLOCKS)), "<a></b>", observation(array(BLOCKS)))
    got: list[int] = []
    with pytest.raises(SourceError, match="not well-formed XML at line 1"):
        got.extend(b.records.num_rows for b in read("om", path, {}))
    assert got == [2]


def test_hostile_documents_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>')
    with pytest.raises(HostileSource):
        list(read("om", path, {}))
    path.write_text(f"<x {NAMESPACES}><om:member><om:OM_Observation>" + "<a>" * 300 + "</a>" * 300 + "</om:OM_Observation></om:member></x>")  # fmt: skip
    with pytest.raises(HostileSource, match="nested deeper than 200"):
        list(read("om", path, {}))


def point_of(number: int) -> str:
    return tvp(
        f"2024-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z", f"<wml2:value>{number}</wml2:value>"
    )


def block_of(number: int) -> str:
    return f"2024-01-01T00:{number // 60 % 60:02}:{number % 60:02}+01:00,{number}.123456789123456789@@"


def element_of(number: int) -> str:
    return f"<swe:r><swe:t>2024-01-01T00:00:{number % 60:02}Z</swe:t><swe:x>{number}</swe:x></swe:r>"


@pytest.mark.parametrize(
    ("result", "one", "count"),
    [
        (array("|", TIMED), block_of, 100_000),
        (array("|", TIMED, "<swe:XMLEncoding/>"), element_of, 45_000),
        (series("|"), point_of, 45_000),
    ],
    ids=["text", "elements", "points"],
)
def test_a_long_result_is_read_in_bounded_memory(
    tmp_path: Path, result: str, one: Callable[[int], str], count: int
) -> None:
    """All values in one element: the process grows by a few batches, not with the number of values."""
    path = tmp_path / "long.xml"
    before, _, after = observation(result).partition("|")
    with path.open("w") as file:
        file.write(before.replace("<om:OM_Observation", f"<om:OM_Observation {NAMESPACES}", 1))
        file.writelines(one(n) for n in range(count))
        file.write(after)
    program = (
        f"{PEAK}from pathlib import Path; from ldt.sources import read\n"
        "counts, first = [], 0\n"
        "for b in read('om', Path(sys.argv[1]), {}):\n"
        "    counts.append(b.records.num_rows); first = first or peak()\n"
        "print(sum(counts), peak() - first)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    read_, grown = done.stdout.split()
    assert int(read_) == count
    assert float(grown) < 25  # MB after the first batch


# Times and names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00.000Z"),
        ('"2012-10-12T01:00:00+01"', "2012-10-12T01:00:00+01:00"),
        ("1987-06-30 04:05:00.0", "1987-06-30T04:05:00.0"),
        ("2024-02-28T24:00:00+01:00", "2024-02-29T00:00:00+01:00"),
        ("2024-01-01", "2024-01-01T00:00:00"),
        ("2003-05-31Z", "2003-05-31T00:00:00Z"),
        ("2024", "2024-01-01T00:00:00"),
        ("2024-07", "2024-07-01T00:00:00"),
        ("2024-01-01T7:30", "2024-01-01T07:30:00"),
        ("now", "now"),
        ("", None),
        (None, None),
    ],
)
def test_notations_of_time(given: str | None, expected: str | None) -> None:
    assert instant(given) == expected


def test_a_stated_zone_is_for_times_that_have_none() -> None:
    assert instant("2024-01-01T00:00:00", "+01:00") == "2024-01-01T00:00:00+01:00"
    assert instant("2024-01-01T00:00:00Z", "+01:00") == "2024-01-01T00:00:00Z"


def test_what_an_address_names() -> None:
    assert tail("http://example.org/def#Quality_Code/") == "qualitycode"
    assert tail("urn:ogc:data:feature") == "feature"
    assert tail(None) == ""
