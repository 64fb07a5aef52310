"""The sample city, in full size, from files to values: they are what its generator says, who knows nothing of the database."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ldt.indicators.lineage import lineage, records
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.pipeline.build import Built, build
from ldt.pipeline.sample import generate
from ldt.store import snapshots, values
from ldt.store.connect import connect

#: How far a value may lie from what the generator says. Counts and medians are exact. A mean of the same numbers in another order
#: differs in the last digits. An area differs by what its corners are moved on their way to EPSG:4326 and back, and by the lines
#: between them, which are straight in another system: millimetres along some fifty kilometres of outline.
EXACT: dict[str, Any] = {"rel": 0, "abs": 0}
MEAN: dict[str, Any] = {"rel": 1e-9, "abs": 1e-9}
AREA: dict[str, Any] = {"rel": 2e-6, "abs": 2e-5}
#: Square metres a head: some hundredths of a square metre of a sliver, over the inhabitants.
PER_HEAD: dict[str, Any] = {"rel": 2e-6, "abs": 1e-4}
TOLERANCE = {
    "data-completeness": MEAN,
    "european-air-quality-index": EXACT,
    "green-area-per-inhabitant": PER_HEAD,
    "hot-days": AREA,
    "land-take": AREA,
    "landscape-diversity": AREA,
    "natural-share": AREA,
    "no2-annual-mean": MEAN,
    "o3-days-above-120": EXACT,
    "pm10-annual-mean": MEAN,
    "pm10-exceedance-days": EXACT,
    "pm25-annual-mean": MEAN,
    "protected-area-share": AREA,
    "soil-sealing": AREA,
    "tree-canopy-share": AREA,
    "tropical-nights": AREA,
    "urban-green-share": AREA,
}


@dataclass
class City:
    """The built twin: address of its database, folder of its files, what was done, and what it must show."""

    url: str
    folder: Path
    built: Built
    expected: dict[str, Any]


@pytest.fixture(scope="module")
def city(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> City:
    manifest = generate(tmp_path_factory.mktemp("sample"))
    built = build(shared_database_url, manifest)
    assert built.errors == []
    expected = json.loads((manifest.parent / "expected.json").read_text("utf-8"))
    return City(shared_database_url, manifest.parent, built, expected)


@contextmanager
def opened(city: City) -> Iterator[tuple[psycopg.Connection[Any], Snapshot]]:
    with connect(city.url) as conn:
        yield conn, snapshots.resolve(conn, city.built.twin, OPERATOR)


@pytest.fixture(scope="module")
def found(city: City) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """All values of the twin, by indicator, scheme, code and period."""
    with opened(city) as (conn, snapshot):
        return {
            (v["indicator"], v["scheme"], v["code"], v["period"]): v
            for indicator in TOLERANCE
            for v in values.page(conn, snapshot, indicator, limit=10_000)
        }


@pytest.fixture(scope="module")
def wanted(city: City) -> dict[str, list[dict[str, Any]]]:
    """What the generator says, by indicator."""
    by_indicator = defaultdict(list)
    for value in city.expected["values"]:
        by_indicator[value["indicator"]].append(value)
    return by_indicator


def test_every_data_set_has_the_outcomes_that_were_meant(city: City) -> None:
    assert [d.dataset for d in city.built.datasets] == list(city.expected["datasets"])
    for done in city.built.datasets:
        stated = dict(city.expected["datasets"][done.dataset])
        slack = stated.pop("doubtful", 0)
        got = {outcome: getattr(done.tally, outcome) for outcome in stated}
        if slack:
            assert abs(got["outside"] - stated["outside"]) <= slack, done.dataset
            assert got["read"] == stated["read"], done.dataset
        else:
            assert got == stated, (done.dataset, done.tally.reasons)
    sizes = {name: stated["read"] for name, stated in city.expected["datasets"].items()}
    assert sizes["sample-buildings"] == 20_012


@pytest.mark.parametrize("indicator", TOLERANCE)
def test_values_are_those_of_the_generator(
    found: dict[tuple[str, str, str, str], dict[str, Any]],
    wanted: dict[str, list[dict[str, Any]]],
    indicator: str,
) -> None:
    assert wanted[indicator]
    for one in wanted[indicator]:
        key = (indicator, one["scheme"], one["code"], one["period"])
        value = found[key]
        assert (value["status"], value["value"]) == (
            one["status"],
            None if one["value"] is None else pytest.approx(one["value"], **TOLERANCE[indicator]),
        ), (key, value["reason"], value["method"])


def test_no_value_is_a_number_that_the_generator_does_not_know(
    found: dict[tuple[str, str, str, str], dict[str, Any]], wanted: dict[str, list[dict[str, Any]]]
) -> None:
    known = {
        (indicator, one["scheme"], one["code"], one["period"])
        for indicator, several in wanted.items()
        for one in several
    }
    assert {key for key, value in found.items() if value["value"] is not None} <= known


def test_the_city_is_worth_looking_at(wanted: dict[str, list[dict[str, Any]]]) -> None:
    """Values differ by area and cross what the law sets; each way of having too few data is there."""

    def of(indicator: str, scheme: str, period: str = "2024") -> dict[str, float]:
        return {
            w["code"]: w["value"]
            for w in wanted[indicator]
            if (w["scheme"], w["period"]) == (scheme, period) and w["value"] is not None
        }

    for indicator in TOLERANCE:
        if indicator not in ("data-completeness",):
            assert len(set(of(indicator, "quarter").values())) > 1, indicator
    no2, pm10 = of("no2-annual-mean", "station"), of("pm10-annual-mean", "station")
    assert sum(v > 40 for v in no2.values()) == 1  # the limit value until 2030
    assert sum(v > 20 for v in no2.values()) == 3  # from 2030
    assert sum(v > 20 for v in pm10.values()) == 2
    days = {
        w["code"]: w["above"]
        for w in wanted["pm10-exceedance-days"]
        if "above" in w and w["period"] == "2024"
    }
    assert days["DEZZ001"]["50"] <= 35  # permitted until 2030 …
    assert days["DEZZ001"]["45"] > 18  # … and no longer after
    ozone = of("o3-days-above-120", "station")
    assert min(ozone.values()) < 18 < 25 < max(ozone.values())
    hot = of("hot-days", "district")
    assert hot["01"] == max(hot.values())
    insufficient = {
        (w["indicator"], w["scheme"], w["code"]) for w in wanted_rows(wanted) if w["status"] != "valid"
    }
    assert ("no2-annual-mean", "station", "DEZZ004") in insufficient
    assert ("soil-sealing", "quarter", "0606") in insufficient
    assert not {s for i, s, _ in insufficient if i == "soil-sealing"} & {"district", "city"}


def wanted_rows(wanted: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for several in wanted.values():
        yield from several


def test_counts_of_hours_stand_with_the_values(
    city: City, found: dict[tuple[str, str, str, str], dict[str, Any]]
) -> None:
    series = [s for s in city.expected["air_quality"] if s["year"] in (2024, 2025)]
    assert len(series) == 2 * 22
    for s in series:
        unit = f"{s['station']}/{s['pollutant']}"
        value = found["data-completeness", "station", unit, str(s["year"])]
        assert (value["n_valid"], value["n_expected"]) == (s["valid"], s["hours"])


def test_lineage_ends_at_the_files_that_were_written(city: City) -> None:
    digests = {hashlib.sha256(p.read_bytes()).hexdigest() for p in city.folder.rglob("*") if p.is_file()}
    area = next(a["code"] for a in city.expected["areas"] if a["scheme"] == "city")
    with opened(city) as (conn, snapshot):
        for key in (
            ValueKey("no2-annual-mean", "station", "DEZZ001", "2025"),
            ValueKey("protected-area-share", "city", area, "2025"),
            ValueKey("natural-share", "city", area, "2025"),
        ):
            told = lineage(conn, snapshot, key)
            assert told["records"]["used"] > 0
            assert {f["digest"] for f in told["records"]["files"]} <= digests
            assert {r["source_digest"] for r in records(conn, snapshot, key, limit=50)} <= digests


def test_building_again_changes_nothing(city: City) -> None:
    generate(city.folder)
    again = build(city.url, city.folder / "sample-city.yaml")
    assert [d.unchanged for d in again.datasets] == [True] * len(again.datasets)
    assert [(r["written"], r["closed"], r["revision"]) for r in again.runs] == [(0, 0, None)] * len(
        again.runs
    )
