"""A service that writes `${NAME}` into its answers reads nothing of the environment; a page that it gives again and again ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from tests.sources.services.server import Asked, Reply, serving
from tests.sources.services.wfs_server import CAPABILITIES

from ldt.errors import LdtError, ServiceError
from ldt.sources.services import jobs, paging
from ldt.sources.services.describe import describe_address
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Query, Service

SECRET, WANTED = "hunter2", "${LDT_OTHER_SECRET}"
STEAL = f"steal={WANTED}"


def _json(body: Any, **headers: str) -> Reply:
    return Reply(orjson.dumps(body), headers=headers)


def ogcapi(asked: Asked) -> Reply:
    if asked.path == "/":
        return _json({"links": [{"rel": "data", "href": f"/collections?{STEAL}"}]})
    if asked.path == "/collections":
        links = [{"rel": "items", "href": f"/collections/{WANTED}/items"}]
        return _json({"collections": [{"id": WANTED, "links": links}]})
    found: dict[str, Any] = {"type": "Feature", "id": asked.raw, "properties": {}, "geometry": None}
    following = [{"rel": "next", "href": f"?page=2&{STEAL}"}] if "page=2" not in asked.raw else []
    return _json({"type": "FeatureCollection", "features": [found], "links": following})


def sensorthings(asked: Asked) -> Reply:
    if asked.path == "/":
        return _json({"value": [{"name": "Things", "url": "x"}, {"name": WANTED, "url": WANTED}]})
    more = {} if "page=2" in asked.raw else {"@iot.nextLink": f"?page=2&{STEAL}"}
    return _json({"value": [{"@iot.id": asked.raw}], **more})


def ngsild(asked: Asked) -> Reply:
    if asked.path.endswith("/types"):
        return _json({"typeList": ["Tree", WANTED]})
    if "page=2" in asked.raw:
        return _json([{"id": asked.raw}])
    return _json([{"id": asked.raw}], Link=f'</ngsi-ld/v1/entities?page=2&{STEAL}>; rel="next"')


def wfs(asked: Asked) -> Reply:
    if asked.query.get("request") == "GetCapabilities":
        told = CAPABILITIES.format(version="2.0.0", formats="", crs=f"EPSG:25832{WANTED}")
        told = told.replace("http://internal:8080/wfs?", f"http://{asked.headers['host']}/wfs?{STEAL}")
        return Reply(told.replace("t:Tree", f"t:Tree{WANTED}"), kind="text/xml")
    return Reply(
        '<FeatureCollection xmlns="http://www.opengis.net/wfs/2.0" numberMatched="0"/>', kind="text/xml"
    )


def arcgis(asked: Asked) -> Reply:
    if asked.path.endswith("FeatureServer"):
        return _json({"layers": [{"id": WANTED, "name": WANTED}, {"id": 0, "name": "trees"}]})
    if not asked.path.endswith("/query"):
        return _json({"type": "Feature Layer", "name": WANTED, "fields": [], "objectIdField": WANTED})
    if "returnCountOnly" in asked.raw:
        return _json({"count": 1})
    if "returnIdsOnly" in asked.raw:
        return _json({"objectIdFieldName": WANTED, "objectIds": [1]})
    return _json({"features": [{"attributes": {WANTED: 1}}]})


def stac(asked: Asked) -> Reply:
    if asked.path == "/":
        return _json({"stac_version": "1.0.0", "links": [{"rel": "search", "href": f"/search?{STEAL}"}]})
    if asked.path == "/search":
        assets = {"a": {"href": f"/{WANTED}.tif?{STEAL}", "roles": ["data"]}}
        one = {"type": "Feature", "id": asked.raw, "properties": {}, "assets": assets}
        following = [] if "page=2" in asked.raw else [{"rel": "next", "href": f"/search?page=2&{STEAL}"}]
        return _json({"type": "FeatureCollection", "features": [one], "links": following})
    return Reply(b"tif", kind="image/tiff")


def sos(asked: Asked) -> Reply:
    if asked.query.get("request") == "GetCapabilities":
        return Reply(
            '<Capabilities version="2.0.0" xmlns="http://www.opengis.net/sos/2.0" xmlns:swes="http://www.opengis.net/swes/2.0"><contents>'
            f"<Contents><swes:offering><ObservationOffering><swes:identifier>{WANTED}</swes:identifier><swes:procedure>{WANTED}"
            f"</swes:procedure><swes:observableProperty>{WANTED}</swes:observableProperty><responseFormat>{WANTED}</responseFormat>"
            "</ObservationOffering></swes:offering></Contents></contents></Capabilities>",
            kind="text/xml",
        )
    return Reply("<GetFeatureOfInterestResponse/>", kind="text/xml")


def eea_air(asked: Asked) -> Reply:
    if asked.path == "/DownloadSummary":
        return _json({"numberFiles": 1})
    if asked.path == "/ParquetFile/urls":
        return Reply(
            f"ParquetFileUrl\nhttp://{asked.headers['host']}/{WANTED}.parquet?{STEAL}\n", kind="text/csv"
        )
    return Reply(b"PAR1....PAR1", kind="application/octet-stream")


def cds(asked: Asked) -> Reply:
    if asked.path.endswith("/execution"):
        return _json({"jobID": WANTED, "status": "successful"})
    if asked.path.endswith("/results"):
        return _json({"asset": {"value": {"href": f"http://{asked.headers['host']}/x.nc?{STEAL}"}}})
    return _json({"status": "successful"}) if "/jobs/" in asked.path else Reply(b"CDF")


def http(asked: Asked) -> Reply:
    return Reply(b"a,b\n", kind="text/csv") if STEAL[:5] in asked.raw else _away(asked)


def _away(asked: Asked) -> Reply:
    return Reply(status=302, headers={"Location": f"/there.csv?{STEAL}"})


PROTOCOLS: dict[str, tuple[Callable[[Asked], Reply], dict[str, Any]]] = {
    "ogcapi": (ogcapi, {}),
    "sensorthings": (sensorthings, {"layer": "Things"}),
    "ngsild": (ngsild, {"layer": "Tree"}),
    "wfs": (wfs, {}),
    "arcgis": (arcgis, {"layer": "0", "url": "/FeatureServer"}),
    "stac": (stac, {}),
    "sos": (sos, {}),
    "eea-air": (eea_air, {"parameters": {"countries": "MT"}}),
    "cds": (cds, {"layer": "x", "parameters": {"date": "2024-01-01"}}),
    "http": (http, {"url": "/f.csv"}),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_nothing_that_a_service_says_is_filled(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LDT_OTHER_SECRET", SECRET)
    monkeypatch.setattr(jobs, "FIRST", 0.01)
    answer, said = PROTOCOLS[name]
    with serving(answer) as server:
        service = Service(protocol=name, **{**said, "url": server.url + said.get("url", "/")})
        service = client.filled(service)
        for query in (Query(reader="gml" if name == "sos" else "raster"), Query(bbox=(6.9, 50.9, 7.0, 51.0))):
            try:
                list(protocol(name).pages(service, query, client))
            except LdtError:
                continue  # how each of these services is broken is told elsewhere
        protocol(name).probe(service, client)
    # What it wanted filled was asked for as it stands, so the test met the place where it would have been.
    assert any("LDT_OTHER_SECRET" in a.raw + a.body.decode() for a in server.asked), server.asked
    assert not any(SECRET in a.raw + a.body.decode() + str(a.headers) for a in server.asked)


@pytest.mark.parametrize("name", ["ogcapi", "sensorthings", "ngsild", "arcgis", "wfs"])
def test_nothing_of_it_is_filled_when_its_layers_are_listed(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LDT_OTHER_SECRET", SECRET)
    path = {"ngsild": "/ngsi-ld/v1/", "arcgis": "/FeatureServer", "wfs": "/wfs"}.get(name, "/")
    with serving(PROTOCOLS[name][0]) as server:
        description = describe_address(server.url + path, client)
    assert description.layers
    assert not any(SECRET in a.raw + str(a.headers) for a in server.asked)


def test_a_link_that_repeats_a_key_leads_on_and_shows_it_to_nobody(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker's `Link` holds the key that it was asked with, and a page token; it is kept by name, and asked for in full, offline too."""
    monkeypatch.setenv("CITY_KEY", "s3cr3t")

    def answer(asked: Asked) -> Reply:
        if "token" in asked.query:
            return _json([{"id": "b"}])
        return _json(
            [{"id": "a"}], Link=f'</{asked.query["k"]}/ngsi-ld/v1/entities?token=7&k=s3cr3t>; rel="next"'
        )

    with serving(answer) as server:
        said = Service(
            protocol="ngsild",
            url=f"{server.url}/${{CITY_KEY}}/ngsi-ld/v1",
            parameters={"k": "${CITY_KEY}"},
        )
        pages = list(protocol("ngsild").pages(client.filled(said), Query(), client))
    assert [a.raw for a in server.asked if "token" in a.query] == [
        "/s3cr3t/ngsi-ld/v1/entities?token=7&k=s3cr3t"
    ]
    assert [orjson.loads(p.path.read_bytes())[0]["id"] for p in pages] == ["a", "b"]
    assert not any("s3cr3t" in p.url for p in pages)
    kept = b"".join(p.read_bytes() for p in (client._cache.folder / "requests").iterdir())
    assert b"s3cr3t" not in kept
    with Client(client._cache.folder, offline=True) as offline:
        again = list(protocol("ngsild").pages(offline.filled(said), Query(), offline))
    assert [p.digest for p in again] == [p.digest for p in pages]


def _endless_wfs(moving: bool) -> Callable[[Asked], Reply]:
    """A WFS that counts nothing and gives the same two features whatever is asked for, with identifiers of the moment."""

    def answer(asked: Asked) -> Reply:
        if asked.query.get("request") == "GetCapabilities":
            return Reply(CAPABILITIES.format(version="2.0.0", formats="", crs="EPSG:4326"), kind="text/xml")
        answer.times += 1  # type: ignore[attr-defined]
        time = f' timeStamp="2026-01-01T00:00:{answer.times % 60:02}Z"'  # type: ignore[attr-defined]
        tree = (
            f'<t:Tree gml:id="Tree.fid-{answer.times:x}_1"><t:kind>lime</t:kind></t:Tree>'  # type: ignore[attr-defined]
            if moving
            else "<t:Tree><t:kind>lime</t:kind></t:Tree>"
        )
        return Reply(
            '<FeatureCollection xmlns="http://www.opengis.net/wfs/2.0" xmlns:t="http://town.example/t" '
            f'xmlns:gml="http://www.opengis.net/gml/3.2"{time}>{f"<member>{tree}</member>" * 2}</FeatureCollection>',
            kind="text/xml",
        )

    answer.times = 0  # type: ignore[attr-defined]
    return answer


@pytest.mark.parametrize("moving", [False, True])
def test_a_wfs_without_identifiers_that_knows_no_pages_is_asked_for_all_at_once(
    client: Client, moving: bool
) -> None:
    """Nothing tells its pages apart but what is in them: the second is the first again, so it is asked without pages."""
    with serving(_endless_wfs(moving)) as server:
        service = Service(protocol="wfs", url=f"{server.url}/wfs", page_size=2)
        (page,) = protocol("wfs").pages(service, Query(), client)
    assert page.records == 2
    assert len(server.asked) < 20
    assert "startIndex" not in server.asked[-2].raw


@pytest.mark.parametrize("next_", ["{}", "x"])
def test_a_catalogue_that_goes_on_for_ever(client: Client, next_: str) -> None:
    """Records without identifiers, and always a next one; what is no number is none."""

    def answer(asked: Asked) -> Reply:
        told = next_.format(int(asked.query["startposition"]) + 2)
        return Reply(
            f'<GetRecordsResponse><SearchResults nextRecord="{told}"><r/><r/></SearchResults></GetRecordsResponse>',
            kind="text/xml",
        )

    with serving(answer) as server:
        found = protocol("csw").pages(Service(protocol="csw", url=server.url), Query(), client)
        if next_ == "x":
            assert len(list(found)) == 1
        else:
            with pytest.raises(ServiceError, match="the same page again and again"):
                list(found)
    assert len(server.asked) < 10


@pytest.mark.parametrize("name", ["ogcapi", "sensorthings", "ngsild", "csw", "wfs"])
def test_no_end_of_pages_is_an_error(client: Client, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(paging, "_MOST_PAGES", 5)

    def answer(asked: Asked) -> Reply:
        number = len(server.asked)
        if name == "ogcapi":
            body: dict[str, Any] = {
                "features": [{"id": number}],
                "links": [{"rel": "next", "href": f"?n={number}"}],
            }
            return _json(body)
        if name == "sensorthings":
            return _json({"value": [{"@iot.id": number}], "@iot.nextLink": f"?n={number}"})
        if name == "ngsild":
            return _json([{"id": f"{number}"}], Link=f'<?n={number}>; rel="next"')
        if name == "csw":
            told = f'<SearchResults nextRecord="{number * 100}"><r><identifier>{number}</identifier></r></SearchResults>'
            return Reply(told, kind="text/xml")
        if asked.query.get("request") == "GetCapabilities":
            return Reply(CAPABILITIES.format(version="2.0.0", formats="", crs="EPSG:4326"), kind="text/xml")
        told = f'<member><t:Tree gml:id="t.{number}"/></member>'
        return Reply(
            '<FeatureCollection xmlns="http://www.opengis.net/wfs/2.0" xmlns:t="http://town.example/t" '
            f'xmlns:gml="http://www.opengis.net/gml/3.2">{told}</FeatureCollection>',
            kind="text/xml",
        )

    path = "/collections/trees/items" if name == "ogcapi" else "/wfs"
    with serving(answer) as server:
        service = Service(protocol=name, url=server.url + path, layer=None if name in {"csw", "wfs"} else "x")
        if name == "wfs":  # the last way has no pages: it gives what it gives
            assert len(list(protocol(name).pages(service, Query(), client))) == 1
        else:
            with pytest.raises(ServiceError, match="no end of them"):
                list(protocol(name).pages(service, Query(), client))
    assert len(server.asked) < 30
