"""References from files to the service and the command line: links of a feature, counts of a data set, what leads nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.harmonise.gml_made import SPACE, area, feature, line, point, spelled, to, write
from tests.store.loading import make_twin

from ldt import cli
from ldt.api.app import create_app
from ldt.cli import output
from ldt.settings import settings
from ldt.store.connect import connect


@pytest.fixture(scope="module")
def folder(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A twin without data; in the folder a file of addresses and one of units."""
    made = tmp_path_factory.mktemp("references")
    street = spelled("ad:name", ("Rue & Haute", "fra", "official")).replace("&", "&amp;")
    write(
        made / "ad.gml",
        feature("ad:Address", "a1", geometry(), to("ad:component", "#_t1", "#_p1"), to("ad:parentAddress", f"{SPACE}/a2")),
        feature("ad:Address", "a2", geometry(), to("ad:component", "#_t1", "#_gone", "#_u1")),
        feature("ad:ThoroughfareName", "t1", street, identified=False),
        feature("ad:PostalDescriptor", "p1", "<ad:postCode>01067</ad:postCode>", identified=False),
    )  # fmt: skip
    country = '<au:country><gmd:Country codeList="x" codeListValue="BE"/></au:country>'
    level = '<au:nationalLevel xlink:href="http://inspire.ec.europa.eu/codelist/AdministrativeHierarchyLevel/1stOrder"/>'
    write(
        made / "au.gml",
        feature("au:AdministrativeUnit", "u1", area("au:geometry"), "<au:nationalCode>1</au:nationalCode>", level, country,
                to("au:boundary", "#_b1", "#_b2")),
        feature("au:AdministrativeBoundary", "b1", line("au:geometry"), level, country, to("au:admUnit", f"{SPACE}/u1")),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATABASE_URL", shared_database_url)
        patch.setenv("LDT_DATA_DIR", str(made))
        settings.cache_clear()
        with connect(shared_database_url) as conn:
            make_twin(conn)
        yield made
    output.reset()
    settings.cache_clear()


def geometry() -> str:
    return f"<ad:position><ad:GeographicPosition>{point('ad:geometry')}</ad:GeographicPosition></ad:position>"


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """What each ingest told; the addresses come first, what they refer to later."""
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        for recipe, file in (
            ("addresses", "ad.gml"),
            ("postal-descriptors", "ad.gml"),
            ("thoroughfare-names", "ad.gml"),
            ("administrative-boundaries", "au.gml"),
            ("administrative-units", "au.gml"),
        ):
            patch.setattr(
                "ldt.cli.ingest.emit", lambda result, _render, name=recipe: found.update({name: result})
            )
            assert cli.run(["ingest", f"inspire/{recipe}", str(folder / file), "--twin", "town"]) == 0
    return found


@pytest.fixture(scope="module")
def client(told: dict[str, Any], shared_database_url: str) -> Iterator[TestClient]:
    with TestClient(create_app(shared_database_url), raise_server_exceptions=False) as found:
        yield found


def test_an_ingest_counts_what_leads_somewhere_by_then(told: dict[str, Any]) -> None:
    # Of the addresses, of which five refer to components and one to the other address, only that one is there yet.
    assert told["addresses"]["references"] == {"resolved": 1, "dangling": 5, "complete": True}
    # A component's own references are counted, and there are none.
    assert told["thoroughfare-names"]["references"] == {"resolved": 0, "dangling": 0, "complete": True}
    assert told["administrative-boundaries"]["references"] == {"resolved": 0, "dangling": 1, "complete": True}
    assert told["administrative-units"]["references"] == {"resolved": 1, "dangling": 1, "complete": True}


def related(client: TestClient, collection: str, identifier: str, **query: str) -> list[tuple[str, str, str]]:
    """(property, path behind the collections, media type) of each related object."""
    answer = client.get(f"/twins/town/collections/{collection}/items/{identifier}", params=query)
    assert answer.status_code == 200, answer.text
    return [
        (one["title"], one["href"].partition("/collections/")[2], one["type"])
        for one in answer.json()["links"]
        if one["rel"] == "related"
    ]


def test_a_feature_has_a_link_to_each_object_that_it_refers_to(client: TestClient) -> None:
    geojson = "application/geo+json"
    first, second = (f"inspire-addresses.https~3A~2F~2Fexample.org~2Fso:{name}" for name in ("a1", "a2"))
    assert related(client, "addresses", first) == [
        ("components", "thoroughfare-names/items/inspire-thoroughfare-names._t1", geojson),
        ("components", "postal-descriptors/items/inspire-postal-descriptors._p1", geojson),
        ("parent_address", f"addresses/items/{second}", geojson),
    ]
    # `#_u1` is there, but an administrative unit is no component of an address
    assert [path for _, path, _ in related(client, "addresses", second)] == [
        "thoroughfare-names/items/inspire-thoroughfare-names._t1"
    ]
    unit = "inspire-administrative-units.https~3A~2F~2Fexample.org~2Fso:u1"
    boundary = "inspire-administrative-boundaries.https~3A~2F~2Fexample.org~2Fso:b1"
    assert related(client, "administrative-units", unit) == [
        ("boundaries", f"administrative-boundaries/items/{boundary}", geojson)
    ]
    assert related(client, "administrative-boundaries", boundary) == [
        ("units", f"administrative-units/items/{unit}", geojson)
    ]
    # at the revision of the first ingest the streets were not there
    assert [name for name, _, _ in related(client, "addresses", first, at="1")] == ["parent_address"]
    for _, path, _ in related(client, "addresses", first):
        assert client.get(f"/twins/town/collections/{path}").json()["type"] == "Feature"


def test_the_page_for_people_shows_them(client: TestClient) -> None:
    page = client.get(
        "/twins/town/collections/addresses/items/inspire-addresses.https~3A~2F~2Fexample.org~2Fso:a1",
        params={"f": "html"},
    ).text
    assert "What it refers to" in page
    assert '/collections/thoroughfare-names/items/inspire-thoroughfare-names._t1">' in page
    street = "/twins/town/collections/thoroughfare-names/items/inspire-thoroughfare-names._t1"
    without = client.get(street, params={"f": "html"}).text
    assert "What it refers to" not in without
    assert "Rue &amp; Haute" in without


def test_a_data_set_tells_what_became_of_its_references(client: TestClient) -> None:
    one = client.get("/twins/town/datasets/inspire-addresses").json()
    assert one["references"] == {"resolved": 4, "dangling": 2, "complete": True}


def test_those_that_lead_nowhere_are_listed(told: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["references", "inspire-addresses", "--twin", "town", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    feature_id = "inspire-addresses.https~3A~2F~2Fexample.org~2Fso:a2"
    assert found == {
        "dataset": "inspire-addresses",
        "references": {"resolved": 4, "dangling": 2, "complete": True},
        "dangling": [
            {"property": "components", "reference": text, "features": 1, "feature": feature_id}
            for text in ("#_gone", "#_u1")
        ],
    }
    output.reset()
    assert cli.run(["references", "inspire-addresses", "--twin", "town", "--limit", "1"]) == 0
    text = capsys.readouterr().out
    assert "references: 4 resolved, 2 dangling" in text
    assert "#_gone" in text
    assert "#_u1" not in text


def test_what_is_not_there_is_told(told: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["references", "castles", "--twin", "town", "--json"]) != 0
    assert "castles" in json.loads(capsys.readouterr().out)["detail"]


def test_an_ingest_prints_one_line(
    told: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.reset()
    assert cli.run(["ingest", "inspire/addresses", str(folder / "ad.gml"), "--twin", "town"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1].strip() == "references: 4 resolved, 2 dangling"
