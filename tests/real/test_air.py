"""A Belgian station of 2013 from file to verdict, and back: every step against pandas on the same file.

The file has every hour twice and lacks 1,076 of the year's 8,760: 87.7 %, too few for one directive, enough for the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import load_recipe
from ldt.indicators import lineage
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.pipeline.ingest import Ingested, ingest
from ldt.pipeline.recompute import recompute
from ldt.store import observations, snapshots, values
from ldt.store.connect import connect

FILE = "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"
KEY = ValueKey("pm10-annual-mean", "station", "BETR740", "2013")
#: Row of the file that the corrected delivery changes (from 0), and what it says then.
CORRECTED, RIGHT = 41, 999.5


@dataclass(frozen=True)
class Chain:
    """Two deliveries: the file, and the file with one corrected hour; after each the indicator."""

    url: str
    file: Path
    first: Ingested
    computed: int
    second: Ingested
    recomputed: int


@pytest.fixture(scope="module")
def chain(
    shared_database_url: str, real_data: Path, own_data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Chain:
    url, recipe = shared_database_url, load_recipe("eea/air-quality-legacy")
    make_twin(url, "flanders")
    first = ingest(url, "flanders", recipe, [real_data / FILE])
    computed = revision(recompute(url, "flanders", [KEY.indicator], periods=["2013"]))
    file = tmp_path_factory.mktemp("delivery") / "corrected.csv"
    file.write_bytes(corrected((real_data / FILE).read_bytes()))
    second = ingest(url, "flanders", recipe, [file])
    recomputed = revision(recompute(url, "flanders", [KEY.indicator], periods=["2013"]))
    return Chain(url, file, first, computed, second, recomputed)


def revision(runs: list[dict[str, Any]]) -> int:
    (run,) = runs
    assert run["written"] == 1
    return int(run["revision"])


def corrected(content: bytes) -> bytes:
    """Return the file with another value in both rows of one hour (the hour stands in it twice)."""
    lines = content.decode("utf-8").split("\n")
    cells = lines[CORRECTED + 1].split(",")
    same = [i for i, line in enumerate(lines) if f",{cells[13]},{cells[14]}," in line]
    assert len(same) == 2
    for i in same:
        row = lines[i].split(",")
        row[11] = str(RIGHT)
        lines[i] = ",".join(row)
    return "\n".join(lines).encode("utf-8")


@pytest.fixture
def conn(chain: Chain) -> Iterator[psycopg.Connection[Any]]:
    with connect(chain.url) as found, found.transaction():
        yield found


def at(conn: psycopg.Connection[Any], moment: int | None = None) -> Snapshot:
    return snapshots.resolve(conn, "flanders", OPERATOR, moment)


def hours(file: Path) -> pd.DataFrame:
    """Return the file as pandas reads it, with the hour in UTC; the row number is the index."""
    data = pd.read_csv(file)
    data["time"] = pd.to_datetime(data.DatetimeBegin.str.replace(" +01:00", "+01:00"), utc=True)
    return data


def mean(file: Path) -> tuple[float, int]:
    data = hours(file).drop_duplicates("time")
    data = data[(data.Validity >= 1) & data.DatetimeBegin.str.startswith("2013")]
    return float(data.Concentration.mean()), len(data)


def test_mean_and_coverage(chain: Chain, conn: psycopg.Connection[Any], real_data: Path) -> None:
    value = values.one(conn, at(conn, chain.computed), KEY)
    expected, valid = mean(real_data / FILE)
    assert value["value"] == pytest.approx(expected, rel=1e-12)
    assert (value["n_valid"], value["n_expected"], value["status"]) == (valid, 8760, "valid")
    assert value["coverage"] == valid / 8760
    assert f"{value['coverage']:.1%}" == "87.7%"


def test_verdicts(chain: Chain, conn: psycopg.Connection[Any], real_data: Path) -> None:
    value = values.one(conn, at(conn, chain.computed), KEY)
    expected, _ = mean(real_data / FILE)
    assert 20 < expected < 40  # what the verdicts below rest on
    found = {v["rule_set"]: v for v in value["verdicts"]}
    # (verdict, in force in 2013, limit in ug/m3, share of hours that is needed); limits from the texts of the law
    assert {k: (v["verdict"], v["in_force"], v["limit"], v["coverage_required"]) for k, v in found.items()} == {
        "2008-50-ec": ("not-assessable", True, 40, 0.90),
        "2024-2881": ("exceeded", False, 20, 0.85),
        "who-2021": ("exceeded", False, 15, found["who-2021"]["coverage_required"]),
        "eea-statistics": ("compliant", True, None, 0.75),
    }  # fmt: skip
    assert found["2024-2881"]["distance"] == pytest.approx(expected - 20, rel=1e-9)
    assert found["2008-50-ec"]["distance"] is None
    assert all(v["source"] for v in found.values())


@pytest.mark.parametrize("delivery", ["first", "second"])
def test_lineage_leads_to_the_very_rows(
    chain: Chain, conn: psycopg.Connection[Any], real_data: Path, delivery: str
) -> None:
    moment, file = (
        (chain.computed, real_data / FILE) if delivery == "first" else (chain.recomputed, chain.file)
    )
    files = {FILE.rpartition("/")[2]: hours(real_data / FILE), "corrected.csv": hours(chain.file)}
    snapshot = at(conn, moment)
    found: list[dict[str, Any]] = []
    after = None
    while page := lineage.records(conn, snapshot, KEY, after=after, limit=3000):
        found += page
        after = page[-1]["position"]
    assert len({(r["source"], r["row"]) for r in found}) == len(found)
    for record in found:
        row = files[record["source"]].loc[record["row"]]
        assert record["time"] == row.time
        assert record["value"] == row.Concentration
        assert record["validity"] == row.Validity
        assert record["verification"] == row.Verification
        assert record["used"] == (row.Validity >= 1)
    used = [r["value"] for r in found if r["used"]]
    expected, valid = mean(file)
    assert len(used) == valid
    assert sum(used) / len(used) == pytest.approx(expected, rel=1e-12)
    from_new = [r for r in found if r["source"] == "corrected.csv"]
    assert [r["value"] for r in from_new] == ([] if delivery == "first" else [RIGHT])
    summary = lineage.lineage(conn, snapshot, KEY)
    assert summary["records"]["used"] == valid
    assert {f["name"]: f["records"] for f in summary["records"]["files"]} == (
        {FILE.rpartition("/")[2]: valid}
        if delivery == "first"
        else {FILE.rpartition("/")[2]: valid - 1, "corrected.csv": 1}
    )


def test_one_changed_record_is_one_version_of_one_row(chain: Chain, conn: psycopg.Connection[Any]) -> None:
    assert (chain.first.version, chain.second.version) == (1, 2)
    changes = chain.second.changes
    assert (changes.added, changes.changed, changes.removed) == (0, 1, 0)
    by_version = dict(
        conn.execute("SELECT version, count(*) FROM ldt.observation GROUP BY version").fetchall()
    )
    assert by_version == {1: 7683, 2: 1}
    history = conn.execute("SELECT version, until, source_row FROM ldt.observation_history").fetchall()
    assert len(history) == 1
    assert history[0][:2] == (1, 2)


def test_at_gives_the_old_value_and_the_old_hour(
    chain: Chain, conn: psycopg.Connection[Any], real_data: Path
) -> None:
    before, after = mean(real_data / FILE)[0], mean(chain.file)[0]
    assert abs(after - before) > 0.05
    row = hours(real_data / FILE).loc[CORRECTED]
    for moment, expected, hour in (
        (chain.computed, before, row.Concentration),
        (chain.second.revision, before, RIGHT),  # the new hour is there, the value not yet computed anew
        (None, after, RIGHT),
    ):
        snapshot = at(conn, moment)
        assert values.one(conn, snapshot, KEY)["value"] == pytest.approx(expected, rel=1e-12)
        (stream,) = observations.datastreams(conn, snapshot)
        series = observations.series(conn, snapshot, stream["datastream"])
        assert len(series) == 7684
        assert [o["value"] for o in series if o["time"] == row.time] == [hour]


def test_the_same_delivery_again_changes_nothing(chain: Chain) -> None:
    again = ingest(chain.url, "flanders", load_recipe("eea/air-quality-legacy"), [chain.file])
    assert again.unchanged
    assert again.version == 2
    (run,) = recompute(chain.url, "flanders", [KEY.indicator], periods=["2013"])
    assert (run["written"], run["closed"], run["revision"]) == (0, 0, None)
