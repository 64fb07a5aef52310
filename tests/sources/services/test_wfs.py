"""WFS: every record once, whatever the server does; and requests as the recorded real services want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.sources.services.server import Asked, Reply, Server, serving
from tests.sources.services.wfs_server import EXCEPTION, town

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.gml_members import Members
from ldt.sources.services.describe import describe_address, recognise
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service
from ldt.sources.services.wfs_capabilities import base, capabilities, key_of, output_format

GML = "{http://www.opengis.net/gml/3.2}id"


def fetch(client: Client, server: Server, query: Query | None = None, **said: Any) -> list[Page]:
    service = Service(protocol="wfs", url=f"{server.url}/wfs", **{"layer": "t:Tree", "page_size": 30, **said})
    return list(protocol("wfs").pages(client.filled(service), query or Query(), client))


def ids(pages: list[Page]) -> list[int]:
    return [int(f.get(GML).removeprefix("t.")) for p in pages for f in Members(p.path)]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"cap": 7},
        {"sorts": False},
        {"ordered": False},
        {"starts": False},
        {"counts": False},
        {"version": "1.1.0"},
        {"old_names": True},
        {"hits": -1},
        {"hits": -1, "cap": 7},
        {"hits": -1, "starts": False},
        {"hits": 90},
        {"ordered": False, "sorts": False},
        {"fails": {1: Reply(status=500)}},
        {"fails": {1: Reply(status=429, headers={"Retry-After": "0"})}},
        {"fails": {2: Reply(b"x" * 2000, cut=1000)}},
        {"fails": {1: Reply("<html><title>Maintenance</title></html>", kind="text/html")}},
        {"fails": {1: Reply(EXCEPTION.format("out of memory"), kind="text/xml")}},
        {"grows": [0, 5]},
    ],
    ids=str,
)
def test_every_record_once_whatever_the_server_does(client: Client, said: dict[str, Any]) -> None:
    with town(**said) as (server, made):
        pages = fetch(client, server)
    assert sorted(ids(pages)) == list(range(made.trees))
    assert sum(p.records or 0 for p in pages) == made.trees


def test_what_fits_on_one_page_is_one_request(client: Client) -> None:
    with town(trees=29) as (server, _):
        (page,) = fetch(client, server)
    assert page.records == 29
    features = [a for a in server.asked if a.query["request"] == "GetFeature" and "resulttype" not in a.query]
    assert len(features) == 1
    assert features[0].query["typenames"] == "t:Tree"
    assert features[0].query["outputformat"] == "application/gml+xml; version=3.2"


def test_pages_are_sorted_by_the_key_of_the_schema(client: Client) -> None:
    with town() as (server, _):
        fetch(client, server)
    pages = [a.query for a in server.asked if "startindex" in a.query]
    assert [(q["startindex"], q["count"], q["sortby"]) for q in pages] == [
        ("0", "30", "GID"),
        ("30", "30", "GID"),
        ("60", "30", "GID"),
        ("90", "30", "GID"),
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"cap": 7, "starts": False}, "of the 100 that it counts"),
        ({"hits": 101}, "gives 100 records of the 101"),
        ({"hits": -1, "starts": False, "cap": 30, "counts": True}, "again and again"),
        ({"grows": [-5] * 10}, "change faster than they can be fetched"),
    ],
    ids=str,
)
def test_what_is_lost_is_an_error(client: Client, said: dict[str, Any], told: str) -> None:
    with town(**said) as (server, _), pytest.raises(ServiceError, match=told):
        fetch(client, server)


def test_nothing_at_all_is_not_nothing_here(client: Client) -> None:
    far = Query(bbox=(-20.0, 30.0, -19.0, 31.0))
    with town() as (server, _):
        (page,) = fetch(client, server, far)
    assert page.records == 0
    with town(trees=0) as (server, _), pytest.raises(ServiceZero):
        fetch(client, server, far)
    with town(trees=0) as (server, _), pytest.raises(ServiceZero):
        fetch(client, server)


def test_the_box_is_north_first_and_turned_for_servers_that_have_it_wrong(client: Client) -> None:
    query = Query(bbox=(6.9, 50.9005, 7.0, 50.9012))
    with town() as (server, _):
        assert sorted(ids(fetch(client, server, query))) == list(range(5, 13))
    assert server.asked[-1].query["bbox"] == "50.9005,6.9,50.9012,7,urn:ogc:def:crs:EPSG::4326"
    with town(swaps=True) as (server, _):
        assert sorted(ids(fetch(client, server, query))) == list(range(5, 13))
    assert server.asked[-1].query["bbox"] == "6.9,50.9005,7,50.9012,EPSG:4326"


def test_a_box_in_another_crs_has_that_crs_s_order(client: Client) -> None:
    """EPSG:3035 begins with north; the corners are transformed by pyproj without our help."""
    from pyproj import Transformer

    with town(crs="urn:ogc:def:crs:EPSG::3035", trees=1) as (server, _):
        fetch(client, server, Query(bbox=(6.9, 50.9, 7.0, 51.0)))
    box = next(a.query["bbox"] for a in server.asked if "bbox" in a.query)
    south, west, north, east = map(float, box.split(",")[:4])
    corners = [
        Transformer.from_crs(4326, 3035).transform(lat, lon) for lat in (50.9, 51.0) for lon in (6.9, 7.0)
    ]
    assert box.endswith("urn:ogc:def:crs:EPSG::3035")
    # pyproj gives (north, east) here; the box is a little larger, since its sides are no straight lines there.
    assert min(n for n, _ in corners) - 1000 < south <= min(n for n, _ in corners)
    assert min(e for _, e in corners) - 1000 < west <= min(e for _, e in corners)
    assert max(n for n, _ in corners) <= north < max(n for n, _ in corners) + 1000
    assert max(e for _, e in corners) <= east < max(e for _, e in corners) + 1000


def test_geojson_where_it_is_offered_and_the_reader_wants_it(client: Client) -> None:
    with town(json=True) as (server, _):
        pages = fetch(client, server, Query(reader="vector"))
        assert {p.path.suffix for p in pages} == {".geojson"}
        assert {p.path.suffix for p in fetch(client, server, Query(reader="gml"))} == {".gml"}
    asked = [a.query for a in server.asked if a.query.get("outputformat") == "application/json"]
    assert {q["srsname"] for q in asked} == {"urn:ogc:def:crs:EPSG::4326"}


def test_an_interrupted_fetch_goes_on_from_what_it_has(tmp_path: Path) -> None:
    """The server gives ETags: pages that it confirms do not travel again."""
    with town(fails={2: Reply(status=503)}) as (_, made):

        def tagged(asked: Asked) -> Reply:
            if asked.headers.get("if-none-match"):
                made.served += "startindex" in asked.query
                return Reply(status=304)
            reply = made.answer(asked)
            return Reply(
                reply.body, reply.status, reply.kind, {"ETag": '"same"'} if reply.status == 200 else {}
            )

        with serving(tagged) as server:
            with (
                Client(tmp_path, rate=10_000, patience=0.01, attempts=1) as client,
                pytest.raises(ServiceError),
            ):
                list(
                    protocol("wfs").pages(
                        Service(
                            protocol="wfs",
                            url=f"{server.url}/wfs",
                            page_size=30,
                            parameters={"sortBy": "GID"},
                        ),
                        Query(),
                        _Once(client),
                    )
                )
            before = len(server.asked)
            with Client(tmp_path, rate=10_000, patience=0.01) as client:
                pages = fetch(client, server, parameters={"sortBy": "GID"})
    assert sorted(ids(pages)) == list(range(100))
    starts = [
        a.query["startindex"]
        for a in server.asked[before:]
        if "startindex" in a.query and "if-none-match" in a.headers
    ]
    assert starts == ["0", "30"]
    assert [p.cached for p in pages] == [True, True, False, False]


class _Once(Client):
    """A client that is pulled from under the fetch by the first error of the service."""

    def __init__(self, client: Client) -> None:
        self.__dict__.update(client.__dict__)

    def get(self, url: str, **how: Any) -> Any:
        try:
            return super().get(url, **how)
        except ServiceError as e:
            e.extra.pop("answered", None)
            raise


def test_a_type_is_found_without_its_prefix_and_a_wrong_one_tells_which_there_are(client: Client) -> None:
    with town() as (server, _):
        assert len(ids(fetch(client, server, layer="Tree"))) == 100
        assert len(ids(fetch(client, server, layer=None))) == 100
        with pytest.raises(ServiceError, match=r"has no feature type 'Bush'.*t:Tree"):
            fetch(client, server, layer="Bush")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply("<html><head><title>Login</title></head></html>", kind="text/html"), "Login"),
        (Reply('<WFS_Capabilities version="1.0.0"/>', kind="text/xml"), "only WFS 1.0.0"),
        (Reply("<Capabilities/>", kind="text/xml"), "is no WFS"),
        (Reply(EXCEPTION.format("closed"), kind="text/xml"), "closed"),
        (
            Reply("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", kind="text/xml"),
            "is no WFS",
        ),
    ],
)
def test_what_is_no_wfs_says_what_it_is(client: Client, reply: Reply, told: str) -> None:
    with serving(lambda _: reply) as server, pytest.raises(ServiceError, match=told):
        fetch(client, server)


def test_a_probe_counts_and_never_raises(client: Client) -> None:
    def probe(server: Server, layer: str | None = None) -> Any:
        return protocol("wfs").probe(Service(protocol="wfs", url=f"{server.url}/wfs", layer=layer), client)

    with town() as (server, _):
        assert (probe(server).state, probe(server).records) == ("ok", 100)
        assert probe(server, "Bush").state == "failed"
    assert probe(Server("http://127.0.0.1:9")).state == "unreachable"
    with town(trees=0) as (server, _):
        assert probe(server).state == "zero"
    with serving(lambda _: Reply(status=401)) as server:
        assert (probe(server).state, probe(server).status) == ("refused", 401)


def test_an_address_is_recognised_and_its_layers_told(client: Client) -> None:
    with town() as (server, _):
        assert recognise(f"{server.url}/wfs?map=/a.map", client) == "wfs"
        found = describe_address(f"{server.url}/wfs", client)
    assert found.format == "WFS 2.0.0: Town"
    assert [(k.name, k.count, k.extent) for k in found.layers] == [("t:Tree", 100, (6.9, 50.9, 7.0, 51.0))]


def test_an_address_keeps_its_own_parameters_and_loses_ours() -> None:
    assert base("https://a.example/wfs?map=/x.map&SERVICE=WFS&Request=GetCapabilities&VERSION=1.0.0") == (
        "https://a.example/wfs",
        {"map": "/x.map"},
    )


RECORDED = {
    "wfs_CUZK_GetCapabilities_2_0_0.xml": (
        "2.0.0",
        "CP:CadastralParcel",
        "text/xml; subtype=gml/3.2.1",
        None,
    ),
    "wfs_dov_getcapabilities_200.xml": (
        "2.0.0",
        "gw_meetnetten:meetnetten",
        "text/xml; subtype=gml/3.2",
        "application/json",
    ),
    "wfs_koeln_arcgis_getcapabilities_200.xml": (
        "2.0.0",
        "adressen_stadtteil:Altstadt_Süd",
        "GML32",
        "GEOJSON",
    ),
    "WFS20_Caps_Scenario2_long.xml": ("2.0.0", "bo:Woods", None, None),
}


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_recorded_capabilities_of_real_services(client: Client, real_data: Path, name: str) -> None:
    version, layer, gml, other = RECORDED[name]
    document = (real_data / "inspire" / "services" / name).read_bytes()
    with serving(lambda _: Reply(document, kind="text/xml")) as server:
        found, _ = capabilities(Service(protocol="wfs", url=f"{server.url}/wfs"), client)
    assert found.version == version
    assert found.get_feature == f"{server.url}/wfs"
    chosen = found.find(layer, "")
    root = etree.fromstring(document)
    assert len(found.types) == len(root.findall("{*}FeatureTypeList/{*}FeatureType"))
    assert chosen.crs[0].startswith("urn:ogc:def:crs:EPSG::")
    assert output_format(found, chosen, "gml") == (gml, ".gml")
    assert output_format(found, chosen, "vector") == ((other, ".geojson") if other else (gml, ".gml"))


def test_the_key_of_a_recorded_schema(real_data: Path) -> None:
    path = real_data / "inspire" / "services" / "wfs_koeln_arcgis_describefeaturetype_200.xml"
    assert key_of(etree.parse(path).getroot(), "adressen_stadtteil:Blumenberg") == "objectid"
