"""OWSLib's client of OGC API - Records and GDAL on the catalogue and on indicator values, over HTTP."""

from __future__ import annotations

import geopandas
from owslib.ogcapi.records import Records
from tests.clients.conftest import City


def test_owslib_searches_pages_and_reads_records(city: City) -> None:
    catalogue = Records(city.twin)
    (name,) = catalogue.records()
    found = catalogue.collection_items(name, q="Luftqualität")
    assert [one["id"] for one in found["features"]] == ["sample-air-quality", "sample-air-quality-legacy"]
    assert found["numberMatched"] == 2
    assert "title" in catalogue.collection_queryables(name)["properties"]
    within = catalogue.collection_items(name, bbox=[0, 0, 1, 1])
    assert within["numberMatched"] == 0
    chosen = catalogue.collection_items(name, filter="shape='coverage'", limit=100)
    assert {one["properties"]["shape"] for one in chosen["features"]} == {"coverage"}
    titles = [
        one["properties"]["title"]
        for one in catalogue.collection_items(name, limit=100, sortby=("title", "desc"))["features"]
    ]
    assert titles == sorted(titles, reverse=True) != sorted(titles)
    one = catalogue.collection_item(name, "sample-trees")
    assert one["properties"]["type"] == "dataset"


def test_gdal_reads_values_with_their_places_so_that_they_can_be_styled(city: City) -> None:
    where = "indicator = 'no2-annual-mean' AND scheme = 'district' AND period = '2024'"
    drawn = geopandas.read_file(f"OAPIF:{city.twin}", layer="indicator-values", where=where)
    expected = dict(
        city.rows(
            "SELECT code, value FROM ldt.value WHERE until IS NULL AND indicator = 'no2-annual-mean'"
            " AND scheme = 'district' AND period = '2024' AND value IS NOT NULL"
        )
    )
    assert dict(drawn.dropna(subset="value")[["code", "value"]].to_numpy().tolist()) == expected
    assert len(drawn) == 7
    assert set(drawn.geom_type) <= {"Polygon", "MultiPolygon"}
    assert drawn["value"].dtype == float
