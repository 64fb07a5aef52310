"""The pages of the map: what they may load, the files they load, and where `/map` leads."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from lxml import html as lxml_html
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.settings import shipped

MAP = "/twins/town/map"


def parse(content: bytes) -> Any:
    return lxml_html.document_fromstring(content)


def test_the_only_twin_is_gone_to_and_several_are_listed(own_town: Any) -> None:
    town, client = own_town
    answer = client.get("/map", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"http://testserver{MAP}")
    town.twin("village")
    page = parse(client.get("/map").content)
    found = page.xpath("//main//a/@href")
    assert found == [f"http://testserver{MAP}", "http://testserver/twins/village/map"]
    assert page.xpath("//main//a/text()") == ["A <town>", "A <town>"]


def test_a_service_without_twins_says_how_to_make_one(database_url: str) -> None:
    with TestClient(create_app(database_url)) as client:
        answer = client.get("/map")
    assert answer.status_code == 200
    assert "ldt demo" in answer.text


def test_a_map_may_load_from_its_own_service_alone(client: TestClient) -> None:
    answer = client.get(MAP)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"https?:", answer.headers["content-security-policy"])
    page = parse(answer.content)
    assert page.xpath("//script[not(@src)]") == page.xpath("//*[@style or @onclick]") == []
    loaded = page.xpath("//script/@src | //link[@rel='stylesheet']/@href")
    assert len(loaded) == 3
    for address in loaded:
        assert address.startswith("/map/assets/")
        assert client.get(address).status_code == 200


def test_every_module_that_is_imported_is_there(client: TestClient) -> None:
    for file in shipped("web").glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', file.read_text("utf-8")):
            answer = client.get(f"/map/assets/{name}")
            assert answer.status_code == 200, (file.name, name)
            assert answer.headers["content-type"].startswith("text/javascript")
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_names_from_data_are_text_on_the_page(client: TestClient) -> None:
    answer = client.get(MAP)
    assert "<town>" not in answer.text
    assert parse(answer.content).xpath("//h1/text()") == ["A <town>"]
    assert parse(client.get(MAP, headers={"Accept-Language": "de"}).content).xpath("//h1/text()") == [
        "Eine Stadt"
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/twins/nowhere/map", 404),
        (f"{MAP}?at=999", 404),
        (f"{MAP}?scheme=city", 400),
        (f"{MAP}?f=json", 400),
        ("/map/assets/nowhere.js", 404),
        ("/map/assets/../pyproject.toml", 404),
        ("/map/assets/%2e%2e/pyproject.toml", 404),
        ("/map/assets//etc/passwd", 404),
    ],
)
def test_what_is_not_there_is_told(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_a_file_is_sent_again_only_when_it_has_changed(client: TestClient) -> None:
    first = client.get("/map/assets/main.js")
    again = client.get("/map/assets/main.js?v=1", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/map/assets/map.css", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_a_past_state_and_a_public_path_are_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.settings import settings

    ways = parse(client.get(f"{MAP}?at=3").content).xpath("//p[@class='ways']/a/@href")
    assert len(ways) == 4
    assert all(w.endswith("?at=3") for w in ways)
    monkeypatch.setenv("LDT_SERVICE_URL", "https://city.example/twin-service")
    settings.cache_clear()
    try:
        page = parse(client.get(MAP).content)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    # The page is loaded from the public address: its files are below the same path, on whatever host that is.
    assert page.xpath("//script/@src") == ["/twin-service/map/assets/main.js"]
    assert page.xpath("//main/@data-root") == ["/twin-service"]


def test_what_others_wrote_is_byte_for_byte_what_the_readme_names() -> None:
    folder = shipped("web") / "vendor" / "maplibre-gl"
    stated = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", (folder / "README.md").read_text()))
    there = {f.name for f in folder.iterdir()} - {"README.md"}
    assert stated.keys() == there
    assert "LICENSE.txt" in there
    for name, digest in stated.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_our_own_modules_name_no_other_host_and_write_no_markup() -> None:
    for file in shipped("web").glob("*.[jc]s*"):
        text = file.read_text("utf-8")
        assert not re.search(r"https?://", text), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), (
            file.name
        )
