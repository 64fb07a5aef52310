"""Data sets: who may see what of their records, and the five outcomes that add up."""

from __future__ import annotations

from starlette.testclient import TestClient

PLACES = "/twins/town/datasets/places"


def test_the_five_outcomes_add_up_to_what_was_read(client: TestClient) -> None:
    document = client.get(PLACES).json()
    found = document["outcomes"]
    # 25 accepted, one repaired, one rejected: see conftest
    assert (found["read"], found["accepted"], found["repaired"], found["rejected"]) == (27, 25, 1, 1)
    assert found["read"] == sum(
        found[k] for k in ("accepted", "repaired", "rejected", "duplicate", "outside")
    )
    assert document["rows"] == {"all": 25, "added": 25, "changed": 0, "removed": 0}
    assert [len(s["digest"]) for s in document["sources"]] == [64]


def test_raw_records_are_for_operators(client: TestClient, operator: TestClient) -> None:
    path = f"{PLACES}/outcomes?outcome=rejected"
    (public,) = client.get(path).json()["records"]
    assert (public["row"], public["reason"], public["message"]) == (99, "bad-value", "code is missing")
    assert "record" not in public
    for form in ("html", "csv", "json"):
        assert "secret" not in client.get(f"{path}&f={form}").text
    (whole,) = operator.get(path).json()["records"]
    assert whole["record"] == {"secret": "raw"}


def test_restricted_data_sets_are_listed_only_for_who_may_see_them(
    client: TestClient, operator: TestClient
) -> None:
    path = "/twins/town/datasets"
    assert [d["name"] for d in client.get(path).json()["datasets"]] == ["air", "places", "sites", "stations"]
    assert "secret" in [d["name"] for d in operator.get(path).json()["datasets"]]
