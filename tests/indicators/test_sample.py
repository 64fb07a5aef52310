"""The sample city from files to values: they are what its generator says, who knows nothing of the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ldt.indicators.lineage import lineage, records
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.pipeline.build import build
from ldt.pipeline.sample import generate
from ldt.store import snapshots, values
from ldt.store.connect import connect


@pytest.fixture(scope="module")
def built(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    manifest = generate(tmp_path_factory.mktemp("sample"))
    done = build(shared_database_url, manifest)
    assert done.errors == []
    return shared_database_url, manifest, done.twin


@contextmanager
def opened(
    built: tuple[str, Path, str],
) -> Iterator[tuple[psycopg.Connection[Any], Snapshot, dict[str, Any]]]:
    url, manifest, twin = built
    with connect(url) as conn:
        expected = json.loads((manifest.parent / "expected.json").read_text("utf-8"))
        yield conn, snapshots.resolve(conn, twin, OPERATOR), expected


@pytest.mark.parametrize(
    ("indicator", "name"),
    [("protected-area-share", "protected_area_share"), ("natural-share", "natural_share")],
)
def test_shares_of_city_districts_and_quarters(
    built: tuple[str, Path, str], indicator: str, name: str
) -> None:
    with opened(built) as (conn, snapshot, expected):
        for area in expected["areas"]:
            found = values.one(conn, snapshot, ValueKey(indicator, area["scheme"], area["code"], "2025"))
            assert found["value"] == pytest.approx(area[name], abs=1e-4), area["name"]
            assert found["name"] == area["name"]


@pytest.mark.parametrize("indicator", ["no2-annual-mean", "pm10-annual-mean"])
def test_annual_means_and_coverage_of_stations(built: tuple[str, Path, str], indicator: str) -> None:
    with opened(built) as (conn, snapshot, expected):
        pollutant = indicator.split("-")[0].upper()
        wanted = [
            s for s in expected["air_quality"] if s["pollutant"] == pollutant and s["year"] in (2024, 2025)
        ]
        assert len(wanted) == 12
        for s in wanted:
            found = values.one(conn, snapshot, ValueKey(indicator, "station", s["station"], str(s["year"])))
            assert (found["n_valid"], found["n_expected"]) == (s["valid"], s["hours"])
            assert found["coverage"] == pytest.approx(s["coverage"] / 100, abs=1e-6)
            assert found["status"] == ("valid" if s["coverage"] >= 75 else "insufficient")
            assert found["value"] == (pytest.approx(s["mean"], abs=1e-6) if s["coverage"] >= 75 else None)
            unit = f"{s['station']}/{s['pollutant']}"
            complete = values.one(
                conn, snapshot, ValueKey("data-completeness", "station", unit, str(s["year"]))
            )
            assert complete["value"] == pytest.approx(s["coverage"], abs=1e-4)


def test_lineage_ends_at_the_files_that_were_written(built: tuple[str, Path, str]) -> None:
    digests = {hashlib.sha256(p.read_bytes()).hexdigest() for p in built[1].parent.rglob("*") if p.is_file()}
    with opened(built) as (conn, snapshot, expected):
        station = expected["air_quality"][0]["station"]
        city = next(a["code"] for a in expected["areas"] if a["scheme"] == "city")
        for key in (
            ValueKey("no2-annual-mean", "station", station, "2025"),
            ValueKey("protected-area-share", "city", city, "2025"),
            ValueKey("natural-share", "city", city, "2025"),
        ):
            found = lineage(conn, snapshot, key)
            assert found["records"]["used"] > 0
            assert {f["digest"] for f in found["records"]["files"]} <= digests
            assert {r["source_digest"] for r in records(conn, snapshot, key, limit=50)} <= digests


def test_building_again_changes_nothing(built: tuple[str, Path, str]) -> None:
    url, manifest, _ = built
    again = build(url, manifest)
    assert [(r["written"], r["closed"], r["revision"]) for r in again.runs] == [(0, 0, None)] * len(
        again.runs
    )
