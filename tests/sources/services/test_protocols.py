"""OGC API - Features, ArcGIS REST, SensorThings, NGSI-LD and CSW: every record once, against small servers of each that misbehave when told to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.sources.services.server import Asked, Reply, Server, serving

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services.describe import describe_address, recognise
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service

TREES = 100


def fetch(client: Client, name: str, url: str, query: Query | None = None, **said: Any) -> list[Page]:
    service = Service(protocol=name, url=url, **{"page_size": 30, **said})
    return list(protocol(name).pages(client.filled(service), query or Query(), client))


def found(pages: list[Page], path: str, key: Callable[[Any], Any]) -> list[Any]:
    documents = (orjson.loads(p.path.read_bytes()) for p in pages)
    return sorted(key(r) for d in documents for r in (d[path] if path else d))


# OGC API - Features ---------------------------------------------------------------------------------------------


def features_api(
    *,
    cap: int = 10**9,
    matched: int | None = TREES,
    repeats: bool = False,
    circle: bool = False,
    other: str | None = None,
) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api":
            return _json(
                {
                    "links": [
                        {"rel": "data", "href": "api/collections?f=json"},
                        {"rel": "conformance", "href": "x"},
                    ]
                }
            )
        if asked.path == "/api/collections":
            box = {"spatial": {"bbox": [[6.9, 50.9, 7.0, 51.0]]}}
            links = [
                {"rel": "items", "type": "text/html", "href": "/api/collections/trees/items?f=html"},
                {"rel": "items", "type": "application/geo+json", "href": "collections/trees/items"},
            ]
            return _json({"collections": [{"id": "trees", "extent": box, "links": links}]})
        limit = min(int(asked.query.get("limit", 10)), cap)
        start = int(asked.query.get("token", 0))
        if asked.query.get("bbox", "").startswith("-20"):
            return _json({"type": "FeatureCollection", "features": [], "numberMatched": 0})
        first = max(0, start - 3) if repeats else start
        page: list[dict[str, Any]] = [
            {"type": "Feature", "id": i, "properties": {}, "geometry": None}
            for i in range(first, min(start + limit, TREES))
        ]
        body: dict[str, Any] = {"type": "FeatureCollection", "features": page}
        if matched is not None:
            body["numberMatched"] = matched
        if start + limit < TREES or circle:
            following = 0 if circle else start + limit
            host = other or ""
            body["links"] = [
                {
                    "rel": "next",
                    "href": f"{host}{'items' if not host else '/items'}?limit={limit}&token={following}",
                }
            ]
        return _json(body)

    return answer


@pytest.mark.parametrize("said", [{}, {"cap": 7}, {"matched": None}, {"matched": 90}], ids=str)
@pytest.mark.parametrize("address", ["/api", "/api/collections/trees", "/api/collections/trees/items?f=json"])
def test_ogcapi_gives_every_item_once(client: Client, said: dict[str, Any], address: str) -> None:
    with serving(features_api(**said)) as server:
        pages = fetch(client, "ogcapi", server.url + address, layer="trees")
    assert found(pages, "features", lambda f: f["id"]) == list(range(TREES))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"matched": 101}, "100 records of the 101"),
        ({"repeats": True}, "repeat 9 records"),
        ({"circle": True}, "circle|repeat"),
    ],
    ids=str,
)
def test_ogcapi_tells_what_is_lost_or_repeated(client: Client, said: dict[str, Any], told: str) -> None:
    with serving(features_api(**said)) as server, pytest.raises(ServiceError, match=told):
        fetch(client, "ogcapi", f"{server.url}/api", layer="trees")


def test_ogcapi_knows_nothing_here_from_nothing_at_all(client: Client) -> None:
    far = Query(bbox=(-20.0, 30.0, -19.0, 31.0))
    with serving(features_api()) as server:
        (page,) = fetch(client, "ogcapi", f"{server.url}/api", far)
    assert page.records == 0
    assert server.asked[-1].query == {"limit": "1"}
    with serving(features_api(matched=0)) as server, pytest.raises(ServiceZero):
        fetch(client, "ogcapi", f"{server.url}/api", far)


def test_keys_go_to_the_service_and_not_where_its_links_lead(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_KEY", "s3cret")
    keyed: dict[str, Any] = {
        "headers": {"X-Api-Key": "${CITY_KEY}"},
        "parameters": {"key": "${CITY_KEY}"},
        "layer": "trees",
    }
    with serving(features_api()) as server:
        fetch(client, "ogcapi", f"{server.url}/api", **keyed)
    assert all(
        (a.headers["x-api-key"], a.query["key"]) == ("s3cret", "s3cret")
        for a in server.asked
        if "items" in a.path
    )
    with serving(features_api()) as away, serving(features_api(other=away.url)) as server:
        fetch(client, "ogcapi", f"{server.url}/api", **keyed)
    assert away.asked
    assert not any("x-api-key" in a.headers or "key" in a.query for a in away.asked)


def test_ogcapi_is_recognised_and_described(client: Client) -> None:
    with serving(features_api()) as server:
        assert recognise(f"{server.url}/api", client) == "ogcapi"
        described = describe_address(f"{server.url}/api", client)
        assert (
            protocol("ogcapi")
            .probe(Service(protocol="ogcapi", url=f"{server.url}/api", layer="x"), client)
            .state
            == "failed"
        )
    assert [(k.name, k.count, k.extent) for k in described.layers] == [("trees", 100, (6.9, 50.9, 7.0, 51.0))]


# ArcGIS REST ----------------------------------------------------------------------------------------------------


class Arc:
    """A layer with gaps in its object ids. `cap` cuts silently; `gone` features vanish after the ids were told."""

    def __init__(
        self,
        *,
        cap: int = 1000,
        geojson: bool = True,
        gone: int = 0,
        ids: bool = True,
        error: int | None = None,
        lies: int = 0,
    ) -> None:
        self.oids = [i * 3 for i in range(TREES)]
        self.cap, self.geojson, self.gone, self.ids, self.error, self.lies = (
            cap,
            geojson,
            gone,
            ids,
            error,
            lies,
        )

    def answer(self, asked: Asked) -> Reply:
        query = asked.query
        if self.error:
            return _json({"error": {"code": self.error, "message": "Token Required", "details": []}})
        if asked.path == "/rest/FeatureServer":
            return _json({"layers": [{"id": 0, "name": "Trees"}], "tables": []})
        if asked.path == "/rest/FeatureServer/0":
            formats = "JSON, geoJSON" if self.geojson else "JSON"
            fields = [{"name": "OID", "type": "esriFieldTypeOID"}]
            return _json(
                {
                    "id": 0,
                    "name": "Trees",
                    "type": "Feature Layer",
                    "fields": fields,
                    "maxRecordCount": 40,
                    "supportedQueryFormats": formats,
                }
            )
        chosen = self.oids
        if between := re.search(r"OID >= (\d+) AND OID <= (\d+)", query["where"]):
            chosen = [i for i in chosen if int(between[1]) <= i <= int(between[2])]
        elif query["where"] == "1=0" or query.get("geometry", "").startswith("-20"):
            chosen = []
        if query.get("returncountonly"):
            return _json({"count": len(chosen) + self.lies})
        if query.get("returnidsonly"):
            reply = _json({"objectIdFieldName": "OID", "objectIds": chosen[::-1] if self.ids else None})
            for _ in range(self.gone):
                self.oids.pop()
            self.gone = 0
            return reply
        first = int(query.get("resultoffset", 0))
        page = chosen[first : first + min(self.cap, int(query.get("resultrecordcount", 10**6)))]
        cut = len(page) < len(chosen) - first
        if query["f"] == "geojson":
            features = [
                {"type": "Feature", "id": i, "geometry": None, "properties": {"OID": i}} for i in page
            ]
            return _json(
                {
                    "type": "FeatureCollection",
                    "features": features,
                    "properties": {"exceededTransferLimit": cut},
                }
            )
        return _json(
            {
                "geometryType": "esriGeometryPoint",
                "features": [{"attributes": {"OID": i}} for i in page],
                "exceededTransferLimit": cut,
            }
        )


@pytest.mark.parametrize(
    "said",
    [{}, {"cap": 7}, {"geojson": False}, {"gone": 5}, {"ids": False}, {"ids": False, "cap": 7}],
    ids=str,
)
@pytest.mark.parametrize("layer", ["0", "Trees"])
def test_arcgis_gives_every_feature_once(client: Client, said: dict[str, Any], layer: str) -> None:
    arc = Arc(**said)
    with serving(arc.answer) as server:
        pages = fetch(client, "arcgis", f"{server.url}/rest/FeatureServer", layer=layer)
    part = "properties" if said.get("geojson", True) else "attributes"
    assert found(pages, "features", lambda f: f[part]["OID"]) == arc.oids
    assert len(arc.oids) == TREES - said.get("gone", 0)
    assert {p.path.suffix for p in pages} == {".geojson" if said.get("geojson", True) else ".json"}


def test_arcgis_errors_that_come_with_status_200_are_errors(client: Client) -> None:
    with serving(Arc(error=499).answer) as server:
        address = f"{server.url}/rest/FeatureServer/0"
        with pytest.raises(ServiceError, match=r"error 499: Token Required.*token"):
            fetch(client, "arcgis", address)
        assert protocol("arcgis").probe(Service(protocol="arcgis", url=address), client).state == "refused"


def test_arcgis_tells_what_is_lost_and_what_is_empty(client: Client) -> None:
    with serving(Arc(lies=1).answer) as server, pytest.raises(ServiceError, match="100 records of the 101"):
        fetch(client, "arcgis", f"{server.url}/rest/FeatureServer/0")
    far = Query(bbox=(-20.0, 30.0, -19.0, 31.0))
    arc = Arc()
    with serving(arc.answer) as server:
        assert [p.records for p in fetch(client, "arcgis", f"{server.url}/rest/FeatureServer/0", far)] == [0]
        assert server.asked[1].query["geometry"] == "-20,30,-19,31"
        arc.oids = []
        with pytest.raises(ServiceZero):
            fetch(client, "arcgis", f"{server.url}/rest/FeatureServer/0", far)


def test_arcgis_is_recognised_and_described(client: Client) -> None:
    with serving(Arc().answer) as server:
        described = describe_address(f"{server.url}/rest/FeatureServer", client)
    assert [(k.name, k.count) for k in described.layers] == [("0 Trees", 100)]


# SensorThings ---------------------------------------------------------------------------------------------------


def sensorthings(*, count: int | None = TREES, repeats: bool = False) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/v1.1":
            return _json({"value": [{"name": "Things", "url": "x"}, {"name": "Observations", "url": "y"}]})
        if asked.query.get("$filter", "").startswith(
            "st_within(Locations/location, geography'POLYGON ((-20 "
        ):
            return _json({"@iot.count": 0, "value": []})
        top, skip = int(asked.query.get("$top", 10)), int(asked.query.get("$skip", 0))
        first = max(0, skip - 2) if repeats else skip
        body: dict[str, Any] = {"value": [{"@iot.id": i} for i in range(first, min(skip + top, TREES))]}
        if asked.query.get("$count") == "true" and count is not None:
            body["@iot.count"] = count
        if skip + top < TREES:
            body["@iot.nextLink"] = (
                f"http://{asked.headers['host']}/v1.1/Things?$top={top}&$skip={skip + top}"
            )
        return _json(body)

    return answer


@pytest.mark.parametrize("count", [TREES, None, 50])
def test_sensorthings_gives_every_entity_once(client: Client, count: int | None) -> None:
    with serving(sensorthings(count=count)) as server:
        pages = fetch(client, "sensorthings", f"{server.url}/v1.1", layer="Things")
    assert found(pages, "value", lambda e: e["@iot.id"]) == list(range(TREES))


@pytest.mark.parametrize(
    ("said", "told"), [({"count": 101}, "100 records of the 101"), ({"repeats": True}, "repeat 6 records")]
)
def test_sensorthings_tells_what_is_lost_or_repeated(client: Client, said: dict[str, Any], told: str) -> None:
    with serving(sensorthings(**said)) as server, pytest.raises(ServiceError, match=told):
        fetch(client, "sensorthings", f"{server.url}/v1.1", layer="Things")


def test_sensorthings_asks_for_place_and_time(client: Client) -> None:
    from datetime import UTC, datetime

    query = Query(
        bbox=(6.9, 50.9, 7.0, 51.0),
        begin=datetime(2025, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 1, tzinfo=UTC),
    )
    with serving(sensorthings()) as server:
        fetch(
            client,
            "sensorthings",
            f"{server.url}/v1.1",
            query,
            layer="Observations",
            parameters={"$filter": "result gt 0"},
        )
    assert server.asked[0].query["$filter"] == (
        "(result gt 0) and (st_within(Datastream/Thing/Locations/location, geography'POLYGON ((6.9 50.9, 7 50.9, 7 51, 6.9 51, 6.9 50.9))'))"
        " and (phenomenonTime ge 2025-01-01T00:00:00Z) and (phenomenonTime lt 2026-01-01T00:00:00Z)"
    )


def test_sensorthings_knows_nothing_here_from_nothing_at_all(client: Client) -> None:
    far = Query(bbox=(-20.0, 30.0, -19.0, 31.0))
    with serving(sensorthings()) as server:
        assert [
            p.records for p in fetch(client, "sensorthings", f"{server.url}/v1.1", far, layer="Things")
        ] == [0]
        assert recognise(f"{server.url}/v1.1", client) == "sensorthings"
        assert [k.name for k in describe_address(f"{server.url}/v1.1", client).layers] == [
            "Things",
            "Observations",
        ]
    with serving(lambda _: _json({"value": [], "@iot.count": 0})) as server, pytest.raises(ServiceZero):
        fetch(client, "sensorthings", f"{server.url}/v1.1", far, layer="Things")


# NGSI-LD --------------------------------------------------------------------------------------------------------


def broker(*, links: bool = True, counts: bool = True) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        query = asked.query
        if asked.path.endswith("/types"):
            return _json({"type": "EntityTypeList", "typeList": ["Tree"]})
        if query.get("type") != "Tree":
            return _json([])
        limit, offset = int(query.get("limit", 20)), int(query.get("offset", 0))
        page = [
            {"id": f"urn:ngsi-ld:Tree:{i:03}", "type": "Tree"}
            for i in range(offset, min(offset + limit, TREES))
        ]
        headers = {"NGSILD-Results-Count": str(TREES)} if counts and query.get("count") == "true" else {}
        if links and offset + limit < TREES:
            headers["Link"] = (
                '<https://uri.etsi.org/ngsi-ld/v1/context.jsonld>; rel="http://www.w3.org/ns/json-ld#context", '
                f'</ngsi-ld/v1/entities?type=Tree&limit={limit}&offset={offset + limit}>;rel="next";type="application/ld+json"'
            )
        return _json(page, headers)

    return answer


@pytest.mark.parametrize(
    "said", [{}, {"links": False}, {"counts": False}, {"links": False, "counts": False}], ids=str
)
def test_ngsild_gives_every_entity_once(client: Client, said: dict[str, Any]) -> None:
    with serving(broker(**said)) as server:
        pages = fetch(client, "ngsild", f"{server.url}/ngsi-ld/v1", layer="Tree")
    assert found(pages, "", lambda e: int(e["id"][-3:])) == list(range(TREES))


def test_ngsild_asks_within_the_box_and_for_histories(client: Client) -> None:
    from datetime import UTC, datetime

    query = Query(
        bbox=(6.9, 50.9, 7.0, 51.0),
        begin=datetime(2025, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 1, tzinfo=UTC),
    )
    with serving(broker()) as server:
        fetch(client, "ngsild", server.url, query, layer="Tree", parameters={"temporal": "true"})
        asked = server.asked[0]
        with pytest.raises(ServiceZero, match="no entities of the type 'Bush'"):
            fetch(client, "ngsild", server.url, layer="Bush")
        assert [(k.name, k.count) for k in describe_address(f"{server.url}/ngsi-ld/v1", client).layers] == [
            ("Tree", 100)
        ]
    assert asked.path == "/ngsi-ld/v1/temporal/entities"
    assert asked.query["coordinates"] == "[[[6.9,50.9],[7,50.9],[7,51],[6.9,51],[6.9,50.9]]]"
    assert (asked.query["georel"], asked.query["timerel"]) == ("within", "between")
    assert (asked.query["timeat"], asked.query["endtimeat"]) == (
        "2025-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    )


# CSW ------------------------------------------------------------------------------------------------------------

RECORDS = (
    '<csw:GetRecordsResponse xmlns:csw="http://www.opengis.net/cat/csw/2.0.2"><csw:SearchResults numberOfRecordsMatched="{matched}"'
    ' numberOfRecordsReturned="{count}" nextRecord="{following}">{records}</csw:SearchResults></csw:GetRecordsResponse>'
)
RECORD = (
    '<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:gco="http://www.isotc211.org/2005/gco"><gmd:fileIdentifier>'
    "<gco:CharacterString>r{}</gco:CharacterString></gmd:fileIdentifier></gmd:MD_Metadata>"
)


def catalogue(*, matched: int = TREES, stuck: bool = False) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        first, most = int(asked.query["startposition"]), int(asked.query["maxrecords"])
        rows = range(first, min(first + most, TREES + 1))
        following = 1 if stuck else 0 if rows.stop > TREES else rows.stop
        body = RECORDS.format(
            matched=matched,
            count=len(rows),
            following=following,
            records="".join(RECORD.format(i) for i in rows),
        )
        return Reply(body, kind="application/xml")

    return answer


def test_csw_gives_every_record_once(client: Client) -> None:
    with serving(catalogue()) as server:
        pages = fetch(client, "csw", f"{server.url}/csw", Query(bbox=(6.9, 50.9, 7.0, 51.0)))
    names = [m for p in pages for m in re.findall(r">(r\d+)<", p.path.read_text())]
    assert names == [f"r{i}" for i in range(1, TREES + 1)]
    assert [p.records for p in pages] == [30, 30, 30, 10]
    assert server.asked[0].query["constraint"] == "BBOX(ows:BoundingBox, 6.9, 50.9, 7, 51)"
    assert server.asked[0].query["outputschema"] == "http://www.isotc211.org/2005/gmd"


@pytest.mark.parametrize(
    ("said", "told"), [({"matched": 101}, "100 records of the 101"), ({"stuck": True}, "again and again")]
)
def test_csw_tells_what_is_lost(client: Client, said: dict[str, Any], told: str) -> None:
    with serving(catalogue(**said)) as server, pytest.raises(ServiceError, match=told):
        fetch(client, "csw", f"{server.url}/csw")


def test_csw_reads_a_recorded_answer(client: Client, real_data: Path) -> None:
    """The recorded answer says that it is two of 216 records: as a catalogue's only answer it is one that loses records."""
    recorded = (real_data / "inspire/services/inspire-getrecords-response.xml").read_bytes()
    with serving(lambda _: Reply(recorded, kind="application/xml")) as server:
        probe = protocol("csw").probe(Service(protocol="csw", url=f"{server.url}/csw"), client)
        assert (probe.state, probe.records) == ("ok", 216)
        with pytest.raises(ServiceError, match="again and again"):
            fetch(client, "csw", f"{server.url}/csw")


# Files ----------------------------------------------------------------------------------------------------------


def test_a_file_keeps_its_suffix_and_a_page_for_people_is_none(client: Client) -> None:
    with serving(lambda _: Reply(b"a,b\n1,2\n", kind="text/csv")) as server:
        assert fetch(client, "http", f"{server.url}/x.csv")[0].path.suffix == ".csv"
        assert fetch(client, "http", f"{server.url}/download?file=x.csv.gz&y=1")[0].path.name.endswith(
            ".csv.gz"
        )
        assert fetch(client, "http", f"{server.url}/download")[0].path.suffix == ".csv"
        assert describe_address(f"{server.url}/x.csv", client).reader == "table"
    page = Reply("\n<!DOCTYPE html><html><title>Gone</title></html>", kind="text/html")
    with serving(lambda _: page) as server, pytest.raises(ServiceError, match="a page for people"):
        fetch(client, "http", f"{server.url}/x.zip")


def test_a_probe_of_a_file_tells_where_it_has_moved(client: Client) -> None:
    def answer(asked: Asked) -> Reply:
        return (
            Reply(status=308, headers={"Location": "/new.csv"})
            if asked.path == "/old.csv"
            else Reply(kind="text/csv")
        )

    def state(server: Server, path: str) -> str:
        return protocol("http").probe(Service(protocol="http", url=server.url + path), client).state

    with serving(answer) as server:
        assert (state(server, "/old.csv"), state(server, "/new.csv")) == ("moved", "ok")
    with serving(lambda _: Reply(status=404)) as server:
        assert state(server, "/x.csv") == "failed"


def _json(body: Any, headers: dict[str, str] | None = None) -> Reply:
    return Reply(orjson.dumps(body), headers=headers or {})
