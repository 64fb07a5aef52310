"""The candidate specification against a twin that meets it, and against twins that break exactly one requirement."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ldt.conformance import Outcome, Report, available, load, run

SPECIFICATION = load(available()["ldt-core"])


def wrong(report: Report) -> dict[str, str]:
    """Return the tests that failed or warned: reason by id."""
    return {t.id: t.reason for t in report.tests if t.outcome in (Outcome.FAILED, Outcome.WARNING)}


def test_a_good_twin_passes(serve: Callable[..., Any]) -> None:
    report = run(SPECIFICATION, serve().url)
    assert {t.id: t.reason for t in report.tests if t.outcome is not Outcome.PASSED} == {}
    assert {c.outcome for c in report.classes} == {Outcome.PASSED}
    assert report.outcome is Outcome.PASSED
    assert report.parameters == {"collection": "sites", "indicator": "share"}
    assert len(report.tests) == len(SPECIFICATION.tests)


def at(
    pattern: str, edit: Callable[[Any], Any], *, only: Callable[[dict[str, str]], bool] = lambda query: True
) -> Any:
    """Make a change: at paths that end in `pattern` (a whole path, if it begins with /) a good answer's body is edited."""

    def change(path: str, query: dict[str, str], answer: Any) -> Any:
        fits = path == pattern if pattern.startswith("/") else path.endswith(pattern)
        if fits and answer.status == 200 and only(query):
            answer.body = copy.deepcopy(answer.body)
            edited = edit(answer.body)
            answer.body = answer.body if edited is None else edited
        return answer

    return change


def instead(condition: Callable[[str, dict[str, str]], bool], **members: Any) -> Any:
    """Make a change: where the condition holds, members of the answer are replaced."""

    def change(path: str, query: dict[str, str], answer: Any) -> Any:
        if condition(path, query):
            for name, value in members.items():
                setattr(answer, name, value)
        return answer

    return change


def put(*steps: Any, value: Any) -> Callable[[Any], None]:
    def edit(body: Any) -> None:
        for step in steps[:-1]:
            body = body[step]
        body[steps[-1]] = value

    return edit


def drop(*steps: Any) -> Callable[[Any], None]:
    def edit(body: Any) -> None:
        for step in steps[:-1]:
            body = body[step]
        del body[steps[-1]]

    return edit


def without_link(rel: str) -> Callable[[Any], None]:
    def edit(body: Any) -> None:
        body["links"] = [link for link in body["links"] if link["rel"] != rel]

    return edit


ITEMS = "/collections/sites/items"
EMPTY = {"type": "FeatureCollection", "features": [], "links": [{"rel": "self", "href": "x"}]}
_calls: list[int] = []


def alternating(body: Any) -> None:
    """The value changes from one request to the next."""
    _calls.append(1)
    body["values"][0]["value"] = len(_calls)


def reversed_once(body: Any) -> None:
    _calls.append(1)
    if len(_calls) % 2:
        body["features"].reverse()


def renamed(body: Any) -> None:
    _calls.append(1)
    body["features"][0]["id"] = f"renamed {len(_calls)}"


def swap(body: Any) -> None:
    for feature in body.get("features", [body]):
        if feature["geometry"]:
            feature["geometry"]["coordinates"].reverse()


def first_again(body: Any) -> None:
    body["features"].append({"type": "Feature", "id": "sites.a~2F0:x", "geometry": None, "properties": {}})


def last_page_lost(body: Any) -> None:
    body["links"] = [
        link for link in body["links"] if link["rel"] != "next" or "offset=6" not in link["href"].split("&")
    ]
    body.pop("numberMatched")


def unfiltered(path: str, query: dict[str, str], answer: Any) -> Any:
    if path == ITEMS and query.get("bbox", "").startswith("-150"):
        answer.body = {
            **EMPTY,
            "features": [
                {
                    "type": "Feature",
                    "id": "far",
                    "properties": {},
                    "geometry": {"type": "Point", "coordinates": [7, 51]},
                }
            ],
        }
    return answer


def misses_the_edge(path: str, query: dict[str, str], answer: Any) -> Any:
    if path == ITEMS and "bbox" in query and answer.status == 200:
        answer.body = EMPTY
    return answer


def _is(path: str, **wanted: str) -> Callable[[str, dict[str, str]], bool]:
    return lambda p, q: p == path and all(q.get(k) == v for k, v in wanted.items())


BROKEN: dict[str, list[Any]] = {
    "/conf/landing-page/success": [at("/", drop("links")), at("/", lambda body: b"<html>")],
    "/conf/landing-page/links": [at("/", without_link("data"))],
    "/conf/landing-page/title": [at("/", drop("title"))],
    "/conf/landing-page/conformance": [
        at("/conformance", put("conformsTo", value=[])),
        at("/conformance", put("conformsTo", value=["http://a.example/conf/a"] * 2)),
        at("/conformance", put("conformsTo", value=["http://a.example/conf/ahttp://a.example/conf/b"])),
    ],
    "/conf/api-definition/openapi": [at("/api", put("openapi", value="2.0")), at("/", without_link("service-desc"))],
    "/conf/api-definition/documentation": [at("/", without_link("service-doc"))],
    "/conf/collections/list": [at("/collections", put("collections", 0, "id", value="sites"))],
    "/conf/collections/items-link": [at("/collections", put("collections", 1, "links", value=[]))],
    "/conf/collections/collection": [at("/collections/empty", put("id", value="else"))],
    "/conf/collections/title": [at("/collections", drop("collections", 0, "title"))],
    "/conf/collections/unknown": [instead(_is("/collections/no-such-collection-7f3a"), status=200)],
    "/conf/features/geojson": [
        at(ITEMS, drop("features", 0, "properties"), only=lambda q: q.get("limit") == "50"),
    ],
    "/conf/features/media-type": [instead(_is(ITEMS, limit="1"), media_type="application/json")],
    "/conf/features/links": [at(ITEMS, without_link("self"))],
    "/conf/features/feature": [
        at("items/sites.a~2F2:x", put("id", value="else")),
        at("items/sites.a~2F2:x", put("geometry", "coordinates", value=[7.20001, 50.92])),
        instead(_is(ITEMS + "/sites.a~2F4:x"), status=404),
    ],
    "/conf/features/unknown": [instead(_is(ITEMS + "/no-such-feature-7f3a"), status=500)],
    "/conf/features/limit": [
        at(ITEMS, lambda b: b["features"].append({**b["features"][0], "id": "more"}), only=lambda q: q == {"limit": "1"})
    ],
    "/conf/features/number-returned": [at(ITEMS, put("numberReturned", value=3), only=lambda q: q.get("limit") == "2")],
    "/conf/features/number-matched": [at(ITEMS, put("numberMatched", value=6))],
    "/conf/features/paging-unique": [at(ITEMS, first_again, only=lambda q: q.get("offset") == "6" and "bbox" not in q)],
    "/conf/features/paging-complete": [at(ITEMS, last_page_lost, only=lambda q: q.get("limit") == "2")],
    "/conf/features/bbox": [unfiltered, misses_the_edge],
    "/conf/features/bbox-invalid": [instead(_is(ITEMS, bbox="a,b,c,d"), status=200, body=EMPTY)],
    "/conf/features/axis-order": [at(ITEMS, swap, only=lambda q: q == {"limit": "50"})],
    "/conf/features/datetime": [instead(lambda p, q: p == ITEMS and q.get("datetime", "").endswith("/.."), status=400)],
    "/conf/features/datetime-invalid": [instead(_is(ITEMS, datetime="yesterday"), status=200)],
    "/conf/features/limit-invalid": [instead(_is(ITEMS, limit="-1"), status=200)],
    "/conf/features/unknown-parameter": [instead(_is(ITEMS, no_such_parameter_7f3a="1"), status=200)],
    "/conf/problem-details/not-found": [
        instead(_is("/collections/no-such-collection-7f3a"), media_type="application/json"),
        instead(_is("/collections/no-such-collection-7f3a"), body={"title": "a", "detail": "b", "status": 400}),
    ],
    "/conf/problem-details/bad-request": [instead(_is(ITEMS, limit="many"), body={"detail": "no"})],
    "/conf/problem-details/unknown-path": [instead(_is("/no-such-path-7f3a"), media_type="text/html", body=b"<p>")],
    "/conf/problem-details/no-internals": [
        instead(lambda p, q: p.endswith("%00"), status=500),
        instead(lambda p, q: p.endswith("%00"), body={"detail": "psycopg.DataError: NUL"}),
    ],
    "/conf/dataset-metadata/list": [at("/datasets", put("datasets", value=[]))],
    "/conf/dataset-metadata/licence": [at("/datasets", drop("datasets", 0, "licence"))],
    "/conf/dataset-metadata/licence-uri": [at("/datasets", put("datasets", 0, "licence_uri", value=None))],
    "/conf/dataset-metadata/publisher": [at("/datasets", put("datasets", 0, "publisher", value=""))],
    "/conf/dataset-metadata/origin": [at("/datasets", put("datasets", 0, "origin", value="elsewhere"))],
    "/conf/dataset-metadata/stage": [at("/datasets", drop("datasets", 0, "data_stage"))],
    "/conf/dataset-metadata/access": [at("/datasets/sites", put("access", value="public"))],
    "/conf/dataset-metadata/version": [at("/datasets", put("datasets", 0, "committed", value="yesterday")), at("/datasets", put("datasets", 0, "version", value="2"))],
    "/conf/dataset-metadata/provenance": [
        at("/datasets/sites", put("sources", 0, "digest", value="md5:1")),
        at("/datasets/sites", put("sources", value=[])),
    ],
    "/conf/dataset-metadata/accounting": [at("/datasets/sites", put("outcomes", "rejected", value=0))],
    "/conf/indicators/list": [at("/indicators", drop("indicators", 0, "title"))],
    "/conf/indicators/definition": [
        at("/indicators/share", drop("formula")),
        at("/indicators/share", drop("formula", "text")),
        at("/indicators/share", put("dpsir", value="X")),
    ],
    "/conf/indicators/values": [
        at("share/values", drop("values", 0, "method"), only=lambda q: q == {"limit": "100"}),
        at("share/values", put("values", 1, "coverage", value=1.2), only=lambda q: q == {"limit": "100"}),
        at("share/values", put("values", 0, "period_end", value="2024"), only=lambda q: q == {"limit": "100"}),
    ],
    "/conf/indicators/unit": [at("share/values", put("values", 0, "unit", value="1"))],
    "/conf/indicators/missing": [
        at("share/values", put("values", -1, "value", value=0), only=lambda q: q.get("limit") == "100"),
        at("share/values", put("values", -1, "reason", value=None), only=lambda q: q.get("limit") == "100"),
        at("share/values", put("values", 0, "status", value="insufficient"), only=lambda q: q.get("limit") == "100"),
    ],
    "/conf/indicators/lineage": [
        at("v2/lineage", put("inputs", 0, "files", value=[])),
        at("share/values", drop("values", 1, "links"), only=lambda q: q.get("limit") == "3"),
        instead(lambda p, q: p.endswith("v1/lineage"), status=404),
    ],
    "/conf/indicators/unknown": [instead(_is("/indicators/no-such-indicator-7f3a"), status=200)],
    "/conf/vocabularies/list": [at("/", without_link("vocabularies"))],
    "/conf/vocabularies/concepts": [at("/vocabularies/dpsir", lambda b: b["concepts"].append(b["concepts"][0]))],
    "/conf/snapshots/named": [
        at("/", put("revision", value="3")),
        at("/", put("snapshot", value="tiny")),
        at("/", put("snapshot", value="tiny@33")),
    ],
    "/conf/snapshots/features": [at(ITEMS, reversed_once, only=lambda q: "at" in q)],
    "/conf/snapshots/values": [at("share/values", alternating, only=lambda q: "at" in q)],
    "/conf/snapshots/token": [at(ITEMS, renamed, only=lambda q: q.get("limit") == "1" and "offset" in q)],
    "/conf/snapshots/unknown": [instead(_is(ITEMS, at="999999999"), status=200, body=EMPTY)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("identifier", "change"), [(name, change) for name, changes in BROKEN.items() for change in changes]
)
def test_a_twin_that_breaks_one_requirement_is_told_exactly_that(
    serve: Callable[..., Any], identifier: str, change: Any
) -> None:
    report = run(SPECIFICATION, serve(change).url)
    assert list(wrong(report)) == [identifier]
    result = next(t for t in report.tests if t.id == identifier)
    expected = Outcome.FAILED if result.level == "shall" else Outcome.WARNING
    assert result.outcome is expected
    assert result.reason
    owner = next(c for c in report.classes if result in c.tests)
    assert owner.outcome is (Outcome.FAILED if expected is Outcome.FAILED else Outcome.PASSED)
    # What depends on the broken class is never passed, and nothing else is called failed.
    failed = [c.id for c in report.classes if c.outcome is Outcome.FAILED]
    assert failed == ([owner.id] if expected is Outcome.FAILED else [])
    assert report.outcome is expected if expected is Outcome.FAILED else report.outcome is Outcome.PASSED


def test_every_test_of_the_specification_is_seen_failing() -> None:
    assert [t.id for t in SPECIFICATION.tests if t.id not in BROKEN] == []
