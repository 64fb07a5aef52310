"""STAC: an API with POST and GET, paging, counts; static catalogues; assets; orders. A real server on 127.0.0.1 answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.sources.services.server import Asked, Reply, serving

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services import jobs
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service

STAC = protocol("stac")


def item(number: int, **properties: Any) -> dict[str, Any]:
    """A scene of 1 June 2024 and the days after, one degree wide, 6 + number degrees east; two bands and a picture."""
    day = f"2024-06-{number + 1:02}T10:30:00Z"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"S2_{number}",
        "collection": "sentinel",
        "bbox": [6.0 + number, 50.0, 7.0 + number, 51.0],
        "geometry": None,
        "properties": {"datetime": day, "eo:cloud_cover": 10.0 * number, **properties},
        "links": [],
        "assets": {
            "red": {"href": f"/data/{number}/B04.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]},
            "nir": {"href": f"/data/{number}/B08.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]},
            "thumbnail": {"href": f"/data/{number}/t.jpg", "type": "image/jpeg", "roles": ["thumbnail"]},
        },
    }  # fmt: skip


class Catalogue:
    """A STAC API over some items, two on a page. `method` is how it is searched; `lost` items are counted and not given."""

    def __init__(self, items: list[dict[str, Any]], *, method: str = "POST", lost: int = 0) -> None:
        self.items, self.method, self.lost = items, method, lost
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/":
            link = {"rel": "search", "href": "/search", "method": self.method}
            return Reply(
                orjson.dumps({"type": "Catalog", "id": "api", "stac_version": "1.0.0", "links": [link]})
            )
        if asked.path == "/search":
            body = orjson.loads(asked.body) if asked.body else dict(asked.query)
            self.bodies.append(body)
            return Reply(orjson.dumps(self._found(body)), kind="application/geo+json")
        return Reply(asked.path.encode(), kind="image/tiff")

    def _found(self, body: dict[str, Any]) -> dict[str, Any]:
        names = body.get("collections", "sentinel")
        given = self.items if "sentinel" in names else []
        start, size = int(body.get("token", 0)), min(2, int(body.get("limit", 2)))
        page = {
            "type": "FeatureCollection",
            "features": given[start : start + size],
            "numberMatched": len(given) + self.lost,
            "links": [],
        }
        if start + size < len(given):
            after: dict[str, Any] = {
                "rel": "next",
                "href": f"/search?token={start + size}&collections=sentinel",
            }
            if self.method == "POST":
                after = {
                    "rel": "next",
                    "method": "POST",
                    "href": "/search",
                    "merge": True,
                    "body": {"token": start + size},
                }
            page["links"] = [after]
        return page


def pages(client: Client, url: str, query: Query | None = None, **service: Any) -> list[Page]:
    made = client.filled(Service(protocol="stac", url=url, **service))
    return list(STAC.pages(made, query or Query(reader="raster"), client))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_search_over_pages(client: Client, method: str) -> None:
    """Five items on three pages, of each the two assets that are data; the names tell item, asset and day."""
    catalogue = Catalogue([item(n) for n in range(5)], method=method)
    with serving(catalogue) as server:
        found = pages(client, f"{server.url}/", layer="sentinel")
    assert [p.name for p in found] == [
        f"S2_{n}_{band}_2024-06-{n + 1:02}.tif" for n in range(5) for band in ("red", "nir")
    ]
    assert [p.path.read_bytes() for p in found[:2]] == [b"/data/0/B04.tif", b"/data/0/B08.tif"]
    assert all(p.path.suffix == ".tif" for p in found)
    assert len(catalogue.bodies) == 3


def test_place_and_time_are_asked_for_and_checked(client: Client) -> None:
    """The server ignores both: what lies elsewhere, or later, is left out here. Of five items one is met."""
    catalogue = Catalogue([item(n) for n in range(5)])
    query = Query(
        (7.5, 50.2, 9.5, 50.4), datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 6, 3, tzinfo=UTC), "raster"
    )
    with serving(catalogue) as server:
        found = pages(client, f"{server.url}/", query, layer="sentinel", parameters={"assets": "red"})
    assert [p.name for p in found] == ["S2_1_red_2024-06-02.tif"]
    assert catalogue.bodies[0]["bbox"] == [7.5, 50.2, 9.5, 50.4]
    # The end of the parameter is included, that of the period is not.
    assert catalogue.bodies[0]["datetime"] == "2024-06-01T00:00:00Z/2024-06-02T23:59:59.999000Z"
    assert catalogue.bodies[0]["collections"] == ["sentinel"]


def test_clear_items(client: Client) -> None:
    """Clouds of 0, 10, 20, 30 and 40 %; 20 at most."""
    with serving(Catalogue([item(n) for n in range(5)])) as server:
        found = pages(
            client, f"{server.url}/", layer="sentinel", parameters={"cloud_cover": "20", "assets": "nir"}
        )
        assert [p.name for p in found] == [f"S2_{n}_nir_2024-06-{n + 1:02}.tif" for n in range(3)]
        with pytest.raises(ServiceError, match="more than 2 items"):
            pages(client, f"{server.url}/", layer="sentinel", parameters={"max_items": "2"})


def test_fewer_than_the_service_counts(client: Client) -> None:
    catalogue = Catalogue([item(n) for n in range(3)], lost=1)
    with serving(catalogue) as server, pytest.raises(ServiceError, match="3 items of the 4 that it counts"):
        pages(client, f"{server.url}/", layer="sentinel")


def test_pages_that_repeat(client: Client) -> None:
    catalogue = Catalogue([item(0), item(1), item(1)])
    with serving(catalogue) as server, pytest.raises(ServiceError, match="repeat the item S2_1"):
        pages(client, f"{server.url}/", layer="sentinel")


def test_nothing_here_and_nothing_at_all(client: Client) -> None:
    catalogue = Catalogue([])
    with serving(catalogue) as server:
        with pytest.raises(ServiceZero, match="no item at all in sentinel"):
            pages(client, f"{server.url}/", Query((6, 50, 7, 51), reader="raster"), layer="sentinel")

        def empty_here(asked: Asked) -> Reply:
            if asked.path == "/search" and b"bbox" in asked.body:
                return Reply(orjson.dumps({"type": "FeatureCollection", "features": [], "numberMatched": 0}))
            return Catalogue([item(0)])(asked)

    with serving(empty_here) as server:
        assert pages(client, f"{server.url}/", Query((6, 50, 7, 51), reader="raster"), layer="sentinel") == []


def static(documents: dict[str, Any]) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        if asked.path in documents:
            return Reply(orjson.dumps(documents[asked.path]))
        return Reply(b"bytes of " + asked.path.encode(), kind="image/tiff")

    return answer


def test_a_static_catalogue(client: Client) -> None:
    """A catalogue, a collection under it, two items with relative addresses; the collection is named twice and read once."""
    one, two = item(0), item(1)
    two["assets"] = {"data": {"href": "./two.nc", "type": "application/x-netcdf"}}
    documents = {
        "/cat/catalog.json": {
            "type": "Catalog", "id": "c", "stac_version": "1.1.0",
            "links": [{"rel": "child", "href": "./a/collection.json"}, {"rel": "child", "href": "a/collection.json"}],
        },
        "/cat/a/collection.json": {
            "type": "Collection", "id": "a",
            "links": [{"rel": "item", "href": "one.json"}, {"rel": "item", "href": "two.json"}, {"rel": "root", "href": "../catalog.json"}],
        },
        "/cat/a/one.json": one,
        "/cat/a/two.json": two,
    }  # fmt: skip
    with serving(static(documents)) as server:
        found = pages(client, f"{server.url}/cat/catalog.json")
        assert [p.name for p in found] == [
            "S2_0_red_2024-06-01.tif", "S2_0_nir_2024-06-01.tif", "S2_1_data_2024-06-02.nc",
        ]  # fmt: skip
        assert found[-1].path.read_bytes() == b"bytes of /cat/a/two.nc"
        (alone,) = pages(client, f"{server.url}/cat/a/two.json")
        assert alone.digest == found[-1].digest
        assert [a.path for a in server.asked].count("/cat/a/collection.json") == 1


def test_what_is_stated_of_a_file_is_compared(client: Client) -> None:
    content = b"bytes of /x.tif"
    good = {"file:size": len(content), "file:checksum": "1220" + hashlib.sha256(content).hexdigest()}
    for stated, message in (
        (good, None),
        ({"file:size": 99}, "came with 15 bytes, and 99 are stated"),
        ({"file:checksum": "1220" + "0" * 64}, "another checksum"),
    ):
        one = item(0)
        one["assets"] = {"x": {"href": "/x.tif", **stated}}
        with serving(static({"/i.json": one})) as server:
            if message is None:
                assert len(pages(client, f"{server.url}/i.json")) == 1
            else:
                with pytest.raises(ServiceError, match=message):
                    pages(client, f"{server.url}/i.json")


def test_addresses_of_other_kinds(client: Client) -> None:
    """A bucket is not asked; where the item names the same file over https too, that is."""
    one = item(0)
    one["assets"] = {"x": {"href": "s3://bucket/x.tif", "roles": ["data"]}}
    with serving(static({"/i.json": one})) as server:
        with pytest.raises(ServiceError, match="of the kind s3"):
            pages(client, f"{server.url}/i.json")
        one["assets"]["x"]["alternate"] = {"https": {"href": f"{server.url}/x.tif"}}
    with serving(static({"/i.json": one})) as server:
        one["assets"]["x"]["alternate"] = {"https": {"href": f"{server.url}/x.tif"}}
        assert pages(client, f"{server.url}/i.json")[0].name == "S2_0_x_2024-06-01.tif"


def test_a_store_of_many_files_is_told(client: Client) -> None:
    one = item(0)
    one["assets"] = {"x": {"href": "/x.zarr/", "type": "application/vnd+zarr", "roles": ["data"]}}
    with serving(static({"/i.json": one})) as server, pytest.raises(ServiceError, match="is a Zarr store"):
        pages(client, f"{server.url}/i.json", Query(reader="cube"))


def test_credentials_stay_with_the_service(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token goes to the API, not to the other host of an asset; a variable that an answer names is none."""
    monkeypatch.setenv("HDA_TOKEN", "s3cr3t")
    monkeypatch.setenv("OTHER_SECRET", "hunter2")
    with serving(lambda asked: Reply(b"tif", kind="image/tiff")) as elsewhere:
        one = item(0)
        one["assets"] = {"x": {"href": f"{elsewhere.url}/x.tif?a=${{OTHER_SECRET}}"}, "y": {"href": "/y.tif"}}
        with serving(static({"/i.json": one})) as server:
            found = pages(client, f"{server.url}/i.json", headers={"Authorization": "Bearer ${HDA_TOKEN}"})
            assert [a.headers.get("authorization") for a in server.asked] == ["Bearer s3cr3t"] * 2
        (asked,) = elsewhere.asked
        assert "authorization" not in asked.headers
        assert "hunter2" not in asked.raw
    assert all("s3cr3t" not in p.url + (p.name or "") for p in found)


def test_an_order(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the data lake of Destination Earth: the item is orderable, the order is posted, and in the end has the asset."""
    monkeypatch.setattr(jobs, "FIRST", 0.01)
    states = iter(["ordered", "shipping", "succeeded"])
    posted = []

    def answer(asked: Asked) -> Reply:
        if asked.path == "/i.json":
            one = item(0, **{"order:status": "orderable", "storage:tier": "OFFLINE"})
            one["assets"] = {}
            one["links"] = [{"rel": "retrieve", "method": "POST", "href": "/order", "body": {"what": "dt"}}]
            return Reply(orjson.dumps(one))
        if asked.path in {"/order", "/orders/7"}:
            posted.append((asked.method, asked.body))
            state = next(states)
            one = item(0, **{"order:status": state})
            one["links"] = [{"rel": "self", "href": "/orders/7"}]
            one["assets"] = (
                {"downloadLink": {"href": "/out.grib", "type": "application/wmo-grib2"}}
                if state == "succeeded"
                else {}
            )
            return Reply(orjson.dumps(one))
        return Reply(b"GRIB", kind="application/octet-stream")

    with serving(answer) as server:
        (found,) = pages(client, f"{server.url}/i.json", Query(reader="cube"))
    assert found.name == "S2_0_downloadLink_2024-06-01.grib"
    assert posted == [("POST", b'{"what":"dt"}'), ("GET", b""), ("GET", b"")]


def test_an_order_that_fails(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FIRST", 0.01)

    def answer(asked: Asked) -> Reply:
        one = item(
            0,
            **{
                "order:status": "orderable" if asked.path == "/i.json" else "failed",
                "order:message": "no such level",
            },
        )
        one["links"] = [{"rel": "retrieve", "href": "/order"}]
        return Reply(orjson.dumps(one))

    with (
        serving(answer) as server,
        pytest.raises(ServiceError, match=r"could not do it \(failed\): no such level"),
    ):
        pages(client, f"{server.url}/i.json")


def test_probes(client: Client) -> None:
    def state(answer: Callable[[Asked], Reply], path: str = "/") -> tuple[str, int | None]:
        with serving(answer) as server:
            probe = STAC.probe(Service(protocol="stac", url=server.url + path, layer="sentinel"), client)
        return probe.state, probe.records

    assert state(Catalogue([item(0), item(1), item(2)])) == ("ok", 3)
    assert state(Catalogue([])) == ("zero", None)
    assert state(lambda asked: Reply("{}", 403)) == ("refused", None)
    assert state(static({"/c.json": {"type": "Catalog", "id": "c"}}), "/c.json") == ("ok", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>", "does not answer with JSON"),
        (b"[]", "a list where an object is due"),
        (b"{}", "no STAC document"),
    ],
)
def test_answers_that_are_no_stac(client: Client, body: bytes, message: str) -> None:
    with serving(lambda asked: Reply(body)) as server, pytest.raises(ServiceError, match=message):
        pages(client, f"{server.url}/")


def test_names_stay_within_a_folder(client: Client, tmp_path: Path) -> None:
    one = item(0)
    one["id"] = "../../etc/passwd"
    one["assets"] = {"../x": {"href": "/x.tif"}}
    with serving(static({"/i.json": one})) as server:
        (found,) = pages(client, f"{server.url}/i.json")
    assert found.name is not None
    assert "/" not in found.name
