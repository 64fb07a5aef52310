"""The EEA's e-reporting, data flows D and E, and observations in XML: documents written here in the layout of the schema id2011850eu-1.0, and real ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from ldt.errors import CheckError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import load_recipe
from ldt.harmonise.vocabulary import concepts, observed_property
from ldt.model.outcome import Tally
from ldt.sources import read

AQ = "http://dd.eionet.europa.eu/vocabulary/aq"
SPACES = (
    'xmlns:aqd="http://dd.eionet.europa.eu/schemaset/id2011850eu-1.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' xmlns:ef="http://inspire.ec.europa.eu/schemas/ef/3.0" xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3" xmlns:base2="http://inspire.ec.europa.eu/schemas/base2/1.0"'
    ' xmlns:ompr="http://inspire.ec.europa.eu/schemas/ompr/2.0" xmlns:sams="http://www.opengis.net/samplingSpatial/2.0" xmlns:sam="http://www.opengis.net/sampling/2.0"'
    ' xmlns:om="http://www.opengis.net/om/2.0" xmlns:swe="http://www.opengis.net/swe/2.0" xmlns:gmd="http://www.isotc211.org/2005/gmd"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
AUSTRIA = (9.53, 46.4, 17.17, 49.02)


def identifier(local: str, prefix: str = "ef") -> str:
    return f"<{prefix}:inspireId><base:Identifier><base:localId>{local}</base:localId><base:namespace>AT.0008.20.AQ</base:namespace><base:versionId>1</base:versionId></base:Identifier></{prefix}:inspireId>"


def document(path: Path, *members: str) -> Path:
    inside = "".join(f"<gml:featureMember>{m}</gml:featureMember>" for m in members)
    path.write_text(f"<gml:FeatureCollection {SPACES}>{inside}</gml:FeatureCollection>", encoding="utf-8")
    return path


def chunks_of(recipe_name: str, paths: Sequence[Path]) -> tuple[list[Chunk], Tally]:
    recipe = load_recipe(recipe_name)
    worker = harmoniser(recipe, Context("https://example.org/id/test"))
    found = [c for p in paths for c in worker.batches(read(recipe.source.reader, p, recipe.source.options))]
    tally = Tally()
    for chunk in found:
        assert chunk.tally.adds_up
        tally.add(chunk.tally)
    return found, tally


def features(recipe_name: str, path: Path) -> tuple[list[dict[str, Any]], Tally]:
    chunks, tally = chunks_of(recipe_name, [path])
    rows = [r for c in chunks if c.features is not None for r in c.features.to_pylist()]
    for row in rows:
        row["properties"] = json.loads(row["properties"])
        row["geometry"] = shapely.from_wkb(row["geometry"]) if row["geometry"] else None
    return rows, tally


def observed(recipe_name: str, *paths: Path) -> tuple[list[dict[str, Any]], list[Any], Tally]:
    chunks, tally = chunks_of(recipe_name, paths)
    rows = [r for c in chunks if c.observations is not None for r in c.observations.to_pylist()]
    return rows, chunks[-1].datastreams, tally


# Data flow D ----------------------------------------------------------------------------------------------------------


def test_a_sampling_point_has_the_code_of_its_values_and_its_station(tmp_path: Path) -> None:
    point = f"""<aqd:AQD_SamplingPoint gml:id="SPO.1">{identifier("SPO.08.1")}<ef:mediaMonitored xlink:href="http://inspire.ec.europa.eu/codelist/MediaValue/air"/>
      <ef:geometry><gml:Point gml:id="p" srsName="urn:ogc:def:crs:EPSG::4258"><gml:pos>48.2 16.4</gml:pos></gml:Point></ef:geometry><ef:mobile>false</ef:mobile>
      <ef:operationalActivityPeriod><ef:OperationalActivityPeriod gml:id="a"><ef:activityTime><gml:TimePeriod gml:id="b"><gml:beginPosition>2003-01-01T00:00:00+01:00</gml:beginPosition>
      <gml:endPosition indeterminatePosition="unknown"/></gml:TimePeriod></ef:activityTime></ef:OperationalActivityPeriod></ef:operationalActivityPeriod>
      <ef:broader xlink:href="AT.0008.20.AQ/STA.03.0065"/><ef:belongsTo xlink:href="AT.0008.20.AQ/NET.10"/>
      <aqd:stationClassification xlink:href="{AQ}/stationclassification/traffic"/></aqd:AQD_SamplingPoint>"""
    (found,), tally = features("eea/aqd-sampling-points", document(tmp_path / "d.xml", point))
    assert (tally.read, tally.accepted) == (1, 1)
    assert found["geometry"].wkt == "POINT (16.4 48.2)"
    assert found["properties"] == {
        "code": "AT/SPO.08.1",
        "type": "sampling-point",
        "station": "STA.03.0065",
        "broader": "AT.0008.20.AQ/STA.03.0065",
        "station_type": "traffic",
        "media": "air",
        "mobile": False,
        "network": "NET.10",
        "started": "2003-01-01",
        "position": "geometry",
    }


def test_networks_samples_and_processes(tmp_path: Path) -> None:
    network = f'<aqd:AQD_Network gml:id="NET.1">{identifier("NET.10")}<ef:name>Umweltbundesamt</ef:name><ef:mediaMonitored xlink:href="http://inspire.ec.europa.eu/codelist/MediaValue/air"/><ef:organisationLevel xlink:href="http://inspire.ec.europa.eu/codelist/LegislationLevelValue/national/"/><aqd:networkType xlink:href="{AQ}/networktype/national"/><aqd:operationActivityPeriod><gml:TimePeriod gml:id="t"><gml:beginPosition>1990-01-01T00:00:00Z</gml:beginPosition><gml:endPosition indeterminatePosition="unknown"/></gml:TimePeriod></aqd:operationActivityPeriod></aqd:AQD_Network>'
    sample = f'<aqd:AQD_Sample gml:id="SAM.1"><sam:sampledFeature xlink:href="http://x/air"/><sams:shape><gml:Point gml:id="q" srsName="http://www.opengis.net/gml/srs/epsg.xml#4326"><gml:pos>48.2 16.4</gml:pos></gml:Point></sams:shape>{identifier("SAM.1", "aqd")}<aqd:inletHeight uom="http://dd.eionet.europa.eu/vocabulary/uom/length/cm">350</aqd:inletHeight><aqd:kerbDistance uom="http://dd.eionet.europa.eu/vocabulary/uom/length/m">2.5</aqd:kerbDistance></aqd:AQD_Sample>'
    process = f'<aqd:AQD_SamplingPointProcess gml:id="SPP.1">{identifier("SPP.1", "ompr")}<ompr:name>Chemiluminescence</ompr:name><aqd:measurementType xlink:href="{AQ}/measurementtype/automatic"/><aqd:measurementMethod><aqd:MeasurementMethod><aqd:measurementMethod xlink:href="{AQ}/measurementmethod/CHEMI"/></aqd:MeasurementMethod></aqd:measurementMethod><aqd:duration><aqd:TimeReferences><aqd:unit xlink:href="http://dd.eionet.europa.eu/vocabulary/uom/time/hour"/><aqd:numUnits>1</aqd:numUnits></aqd:TimeReferences></aqd:duration><aqd:dataQuality><aqd:DataQuality><aqd:detectionLimit uom="http://dd.eionet.europa.eu/vocabulary/uom/concentration/ug.m-3">1.5</aqd:detectionLimit></aqd:DataQuality></aqd:dataQuality></aqd:AQD_SamplingPointProcess>'
    path = document(tmp_path / "d.xml", network, sample, process)

    (net,), _ = features("eea/aqd-networks", path)
    assert net["geometry"] is None
    assert net["properties"] == {
        "code": "NET.10", "name": "Umweltbundesamt", "description": "national", "media": "air",
        "organisation_level": "national", "started": "1990-01-01",
    }  # fmt: skip
    (air,), tally = features("eea/aqd-samples", path)
    assert (tally.accepted, tally.repaired) == (0, 1)
    assert air["geometry"].wkt == "POINT (16.4 48.2)"
    assert (air["properties"]["inlet_height_m"], air["properties"]["kerb_distance_m"]) == (3.5, 2.5)
    (how,), _ = features("eea/aqd-processes", path)
    assert how["properties"]["measurement_method"] == "CHEMI"
    assert how["properties"]["duration"] == "1 hour"
    assert (how["properties"]["detection_limit"], how["properties"]["detection_limit_unit"]) == (
        1.5,
        "ug.m-3",
    )


@pytest.mark.parametrize(
    ("recipe", "file", "outcome"),
    [
        ("eea/aqd-samples", "brgm_toolbox/AQD_UBA_Sample_50.xml", "repaired"),
        ("eea/aqd-stations", "brgm_toolbox/AQD_UBA_Station_50.xml", "accepted"),
        ("om/sampling-features", "ef_datacove/AQ_Sample_O3.xml", "repaired"),
    ],
)
def test_one_authority_two_orders_each_lands_in_austria(
    real_data: Path, recipe: str, file: str, outcome: str
) -> None:
    rows, tally = features(recipe, real_data / "inspire" / file)
    assert tally.read == getattr(tally, outcome) == len(rows) > 0
    west, south, east, north = shapely.total_bounds([r["geometry"] for r in rows])
    assert AUSTRIA[0] < west
    assert AUSTRIA[1] < south
    assert east < AUSTRIA[2]
    assert north < AUSTRIA[3]


# Data flow E ----------------------------------------------------------------------------------------------------------


def delivery(path: Path, values: str, *, unit: str = "ug.m-3", pollutant: str = "8", point: str = "DE.UBA.AQ/SPO-DE1", word: str = "hour") -> Path:  # fmt: skip
    header = f'<aqd:AQD_ReportingHeader gml:id="h">{identifier("REP", "aqd").replace("AT.0008.20.AQ", "DE.UBA.AQ")}</aqd:AQD_ReportingHeader>'
    names = "".join(f'<swe:field name="{n}"><swe:{k} definition="{d}"/></swe:field>' for n, k, d in (("StartTime", "Time", ""), ("EndTime", "Time", ""), ("Verification", "Category", ""), ("Validity", "Category", "")))  # fmt: skip
    quantity = f'<swe:field name="Value"><swe:Quantity definition="{AQ}/primaryObservation/{word}"><swe:uom xlink:href="http://dd.eionet.europa.eu/vocabulary/uom/concentration/{unit}"/></swe:Quantity></swe:field>'
    body = f'<om:OM_Observation gml:id="o"><om:procedure xlink:href="SPP"/><om:parameter><om:NamedValue><om:name xlink:href="{AQ}/processparameter/SamplingPoint"/><om:value xlink:href="{point}"/></om:NamedValue></om:parameter><om:observedProperty xlink:href="{AQ}/pollutant/{pollutant}"/><om:featureOfInterest xlink:href="SAM"/><om:result><swe:DataArray><swe:elementType name="r"><swe:DataRecord>{names}{quantity}</swe:DataRecord></swe:elementType><swe:encoding><swe:TextEncoding decimalSeparator="." blockSeparator="@@" tokenSeparator=","/></swe:encoding><swe:values>{values}</swe:values></swe:DataArray></om:result></om:OM_Observation>'
    return document(path, header, body)


def test_values_of_the_e_reporting(tmp_path: Path) -> None:
    """Hand calculation: 0.05 mg/m3 are 50 ug/m3; the row that withdraws keeps its flag; -9999 says that there is no value."""
    rows = (
        "2024-01-01T00:00:00+01:00,2024-01-01T01:00:00+01:00,1,1,0.05",
        "2024-01-01T01:00:00+01:00,2024-01-01T02:00:00+01:00,3,-1,",
        "2024-01-01T02:00:00+01:00,2024-01-01T03:00:00+01:00,2,1,-9999",
        "2024-01-01T03:00:00+01:00,2024-01-01T04:00:00+01:00,2,7,0.01",
        f"2024-01-01T04:00:00+01:00,2024-01-01T05:00:00+01:00,{AQ}/observationverification/1,{AQ}/observationvalidity/2,0.02",
        "2024-01-01T06:00:00+01:00,2024-01-01T05:00:00+01:00,1,1,0.02",
    )
    found, (stream,), tally = observed("eea/aqd-observations", delivery(tmp_path / "e.xml", "@@".join(rows), unit="mg.m-3"))  # fmt: skip
    assert (tally.read, tally.accepted, tally.rejected, tally.missing) == (6, 4, 2, 1)
    assert [(r["value"], r["validity"], r["verification"]) for r in found] == [
        (pytest.approx(50), 1, 1), (pytest.approx(-999_000), -1, 3), (pytest.approx(20), 2, 1),
    ]  # fmt: skip
    assert (stream.thing, stream.observed_property, stream.averaging, stream.unit, stream.zone) == (
        "DE/SPO-DE1", "NO2", "PT1H", "ug/m3", "+01:00",
    )  # fmt: skip
    assert stream.properties["namespace"] == "DE.UBA.AQ"


@pytest.mark.parametrize(
    ("point", "thing"),
    [
        ("SPO-DE1", "DE/SPO-DE1"),  # the delivery's namespace
        ("ES.BDCA.AQD/SP_28079004_8_8", "ES/SP_28079004_8_8"),
        ("http://example.org/so/SP1", "DE/SP1"),
    ],
)
def test_the_code_of_a_sampling_point(tmp_path: Path, point: str, thing: str) -> None:
    row = "2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,1,1,5"
    _, (stream,), _ = observed("eea/aqd-observations", delivery(tmp_path / "e.xml", row, point=point))
    assert stream.thing == thing


@pytest.mark.parametrize(("word", "averaging"), [("hour", "PT1H"), ("day", "P1D"), ("var", "var")])
def test_what_a_value_is_averaged_over(tmp_path: Path, word: str, averaging: str) -> None:
    row = "2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,1,1,5"
    found, (stream,), _ = observed("eea/aqd-observations", delivery(tmp_path / "e.xml", row, word=word))
    assert stream.averaging == averaging
    assert found[0]["time_end"] - found[0]["time"] == timedelta(days=1)


def test_times_without_an_offset_are_refused(tmp_path: Path) -> None:
    row = "2024-01-01T00:00:00,2024-01-01T01:00:00,1,1,5"
    with pytest.raises(CheckError, match="times without a zone"):
        observed("eea/aqd-observations", delivery(tmp_path / "e.xml", row))


def test_real_deliveries(real_data: Path) -> None:
    folder = real_data / "inspire"
    found, streams, tally = observed(
        "eea/aqd-observations",
        folder / "brgm_toolbox/AQD_Envirocloud_oneOffering.xml",
        folder / "ef_datacove/AQ_Observation_O3.xml",
    )
    assert (tally.read, tally.accepted) == (53, 53)
    assert [(s.thing[:10], s.observed_property, s.averaging) for s in streams] == [
        ("SE/SPO-SE0", "O3", "PT1H"), ("https://ra", "O3", "PT1H"),
    ]  # fmt: skip
    # 2012-10-11 from midnight to midnight at +01:00, and one hour of the next day.
    austrian = [r for r in found if r["datastream"] == 1]
    assert austrian[0]["time"] == datetime.fromisoformat("2012-10-11T00:00:00+01:00")
    assert austrian[-1]["time_end"] == datetime.fromisoformat("2012-10-12T01:00:00+01:00")
    assert {r["validity"] for r in austrian} == {-1}


# Observations of other services ---------------------------------------------------------------------------------------


def test_real_series_in_xml(real_data: Path) -> None:
    folder = real_data / "inspire"
    found, streams, tally = observed(
        "om/time-series",
        folder / "brgm_toolbox/4_SOS_TimeSeries.xml",
        folder / "brgm_toolbox/BRGM_raw_database_observation_PointTimeseriesObservation_output.xml",
        folder / "mif_2017_2/observation.xml",
        folder / "services/sos_52n_getobservation_wml2_response.xml",
    )
    # The longer answer of the same piezometer repeats the 2,000 values of the shorter one.
    assert (tally.read, tally.accepted, tally.duplicate) == (7_007, 5_007, 2_000)
    assert len(found) == 5_007
    assert [(s.observed_property, s.unit, s.averaging) for s in streams] == [
        ("groundwater-level", "m", "PT0S"), ("groundwater-level", "m", "PT0S"), ("air-temperature", "Cel", "PT0S"),
    ]  # fmt: skip


def test_the_same_measurement_as_xml_and_as_json(real_data: Path) -> None:
    as_xml, (first,), _ = observed("om/time-series", real_data / "inspire/mif_2017_2/observation.xml")
    as_json, (second,), _ = observed("om/sos-json", real_data / "inspire/mif_2017_2/observation.json")
    assert as_xml == as_json
    assert (first.thing, first.observed_property) == (second.thing, second.observed_property)


def test_a_profile_is_a_series_for_each_depth(real_data: Path) -> None:
    found, streams, tally = observed("om/profiles", real_data / "inspire/ef_datacove/ProfileObservations.gml")
    assert (tally.read, tally.accepted, len(streams)) == (78, 78, 78)
    assert {s.zone for s in streams} == {"UTC"}
    salt = [r["value"] for r, s in zip(found, streams, strict=True) if s.observed_property == "salinity"]
    assert 34 < min(salt) <= max(salt) < 35  # g/kg, as in the North Sea


def test_a_place_for_each_feature_of_interest(real_data: Path) -> None:
    (place,), tally = features("om/places", real_data / "inspire/brgm_toolbox/4_SOS_TimeSeries.xml")
    assert (tally.accepted, tally.duplicate) == (1, 1_999)
    assert place["properties"]["code"] == "http://ressource.brgm-rec.fr/data/Piezometre/00463X0036/H1.2"
    assert place["geometry"].wkt == "POINT (2.3597603712661 49.9506859240222)"


def test_what_is_not_known_is_kept_as_features(tmp_path: Path) -> None:
    path = document(
        tmp_path / "x.xml",
        '<om:OM_Observation gml:id="o"><om:phenomenonTime><gml:TimeInstant gml:id="t"><gml:timePosition>2024-01-01T00:00:00Z</gml:timePosition></gml:TimeInstant></om:phenomenonTime><om:procedure xlink:href="p"/><om:observedProperty xlink:href="http://example.org/def/turbidity"/><om:featureOfInterest xlink:href="f"/><om:result uom="1">5</om:result></om:OM_Observation>',
    )
    _, _, tally = observed("om/time-series", path)
    assert tally.rejected == 1
    assert tally.reasons == {"rejected:code-list": 1}
    (kept,), _ = features("generic/observations", path)
    assert kept["properties"]["value"] == "5"
    assert kept["properties"]["observed_property"] == "http://example.org/def/turbidity"


# Vocabularies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "notation",
    ["NO2", "8", f"{AQ}/pollutant/8", f"{AQ}/pollutant/8".replace("http:", "https:"), "no2", "NO₂"],
)
def test_every_notation_of_a_pollutant_is_the_same_property(notation: str) -> None:
    found = observed_property(notation)
    assert found is not None
    assert (found.code, found.unit) == ("NO2", "ug/m3")


def test_aggregation_processes_follow_their_grammar() -> None:
    found = {c["code"]: c for c in concepts("aggregation-processes")}
    assert len(found) == 67
    assert found["P1Y-P1D-per90.4"]["uri"] == f"{AQ}/aggregationprocess/P1Y-P1D-per90.4"
    assert {"P1D", "P1Y", "P1Y-daysAbove50", "P1Y-hr-max19", "AOT40c"} <= found.keys()


# Tables of AirBase and of a state agency --------------------------------------------------------------


def test_annual_means_of_airbase(tmp_path: Path) -> None:
    header = "station_european_code,component_code,component_name,component_caption,measurement_unit,measurement_european_group_code,statistics_period,statistics_year,statistics_average_group,statistic_shortname,statistic_name,statistic_value,statistics_percentage_valid,statistics_number_valid,statistics_calculated"
    rows = (
        "XX0001,8,Nitrogen dioxide,NO2,µg/m3,100,Calendar year,2007,hour,Mean,annual mean,31.5,98.1,8594,True",
        "XX0001,8,Nitrogen dioxide,NO2,µg/m3,100,Calendar year,2007,day,Mean,annual mean,31.4,98.1,358,True",
        "XX0001,8,Nitrogen dioxide,NO2,µg/m3,100,Calendar year,2007,hour,Max19,19th highest value,140,98.1,8594,True",
        "XX0001,10,Carbon monoxide,CO,mg/m3,100,Calendar year,2008,hour,Mean,annual mean,0.4,98.1,8594,True",
        "XX0001,9,Nitrogen oxides,NOX,µg NO2/m3,100,Calendar year,2007,hour,Mean,annual mean,60,98.1,8594,True",
        "XX0001,8,Nitrogen dioxide,NO2,µg/m3,100,Winter,2007,hour,Mean,winter mean,38,98.1,8594,True",
    )
    path = tmp_path / "XX0001.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    found, streams, tally = observed("eea/airbase-statistics", path)
    assert (tally.read, tally.accepted, tally.outside) == (6, 4, 2)
    assert [(streams[r["datastream"]].observed_property, r["value"]) for r in found] == [
        ("NO2", 31.5), ("NO2", 31.4), ("CO", 0.4), ("NOx", 60.0),
    ]  # fmt: skip
    assert (found[0]["time"], found[0]["time_end"]) == (
        datetime.fromisoformat("2007-01-01T00:00:00+01:00"), datetime.fromisoformat("2008-01-01T00:00:00+01:00"),
    )  # fmt: skip
    assert {s.averaging for s in streams} == {"P1Y"}
    assert len(streams) == 4


def test_annual_means_of_cologne(real_data: Path) -> None:
    files = sorted((real_data / "cologne/airbase").glob("DENW*.csv"))
    table = pd.concat([pd.read_csv(f) for f in files])
    means = table[table["statistic_shortname"] == "Mean"]
    found, streams, tally = observed("eea/airbase-statistics", *files)
    assert (tally.read, tally.accepted, tally.outside) == (len(table), len(means), len(table) - len(means))
    assert sum(r["value"] for r in found) == pytest.approx(means["statistic_value"].sum())
    no2 = means[(means["component_code"] == 8) & (means["station_european_code"] == "DENW059")]
    got = [r["value"] for r in found if streams[r["datastream"]].thing == "DENW059" and streams[r["datastream"]].observed_property == "NO2"]  # fmt: skip
    assert sorted(got) == sorted(no2["statistic_value"])


@pytest.mark.parametrize(
    ("recipe", "file", "count"),
    [
        ("cologne/airbase-stations", "cologne/airbase/stations.csv", 19),
        ("cologne/lanuv-stations", "cologne/lanuv/lanuv_aq_stations.csv", 61),
    ],
)
def test_stations_of_cologne_and_its_state(real_data: Path, recipe: str, file: str, count: int) -> None:
    rows, tally = features(recipe, real_data / file)
    assert tally.accepted == len(rows) == count
    west, south, east, north = shapely.total_bounds([r["geometry"] for r in rows])
    assert west > 5.8  # North Rhine-Westphalia
    assert south > 50.3
    assert east < 9.5
    assert north < 52.6


# Parquet and the former CSV -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "averaging", "hours"), [("hour", "PT1H", 1), ("day", "P1D", 24), ("var", "var", 336)]
)
@pytest.mark.parametrize("unit", ["ug.m-3", "µg/m³", "mg.m-3"])
def test_the_parquet_of_the_download_service(
    tmp_path: Path, word: str, averaging: str, hours: int, unit: str
) -> None:
    """Times have no zone and mean UTC+1, and name the beginning of the hour: midnight is 23 o'clock of the day before in UTC."""
    begin = datetime(2024, 1, 1)  # noqa: DTZ001 - as the files have it
    table = pa.table(
        {
            "Samplingpoint": ["MT/SPO-1"] * 3,
            "Pollutant": pa.array([8] * 3, pa.int32()),
            "Start": [begin, begin + timedelta(hours=hours), begin + timedelta(hours=2 * hours)],
            "End": [begin + timedelta(hours=hours * n) for n in (1, 2, 3)],
            "Value": pa.array([Decimal("0.5"), Decimal(-999), Decimal("0.25")], pa.decimal128(38, 18)),
            "Unit": [unit] * 3,
            "AggType": [word] * 3,
            "Validity": pa.array([1, -1, 2], pa.int32()),
            "Verification": pa.array([1, 3, 2], pa.int32()),
            "ResultTime": [begin] * 3,
            "DataCapture": pa.array([None] * 3, pa.float64()),
            "FkObservationLog": ["x"] * 3,
        }
    )
    pq.write_table(table, tmp_path / "SPO-1.parquet")
    found, (stream,), tally = observed("eea/air-quality-parquet", tmp_path / "SPO-1.parquet")
    factor = 1000 if unit == "mg.m-3" else 1
    assert (tally.accepted, tally.rejected) == (3, 0)
    assert (stream.thing, stream.averaging, stream.unit, stream.zone) == (
        "MT/SPO-1",
        averaging,
        "ug/m3",
        "+01:00",
    )
    assert [r["value"] for r in found] == [pytest.approx(v * factor) for v in (0.5, -999, 0.25)]
    assert [(r["validity"], r["verification"]) for r in found] == [(1, 1), (-1, 3), (2, 2)]
    assert found[0]["time"] == datetime.fromisoformat("2023-12-31T23:00:00Z")
    assert found[0]["time_end"] - found[0]["time"] == timedelta(hours=hours)
