"""The European Air Quality Index against its published bands, typed by hand, and pandas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from psycopg.types.json import Jsonb
from tests.indicators.world import World

from ldt.errors import RecipeError
from ldt.indicators.lineage import lineage, records
from ldt.model.indicator import ValueKey
from ldt.model.vocabulary import Vocabulary
from ldt.store import values
from ldt.store.catalogue import read_files

CET = timezone(timedelta(hours=1))
HOUR = timedelta(hours=1)
ID = "european-air-quality-index"
#: Upper edges of the classes 1 to 5 in ug/m3; airindex.eea.europa.eu, legend.
EDGES = {
    "PM2.5": [5, 15, 50, 90, 140], "PM10": [15, 45, 120, 195, 270], "O3": [60, 100, 120, 160, 180],
    "NO2": [10, 25, 60, 100, 150], "SO2": [20, 40, 125, 190, 275],
}  # fmt: skip
BEFORE_2025 = {
    "PM2.5": [10, 20, 25, 50, 75], "PM10": [20, 40, 50, 100, 150], "O3": [50, 100, 130, 240, 380],
    "NO2": [40, 90, 120, 230, 340], "SO2": [100, 200, 350, 500, 750],
}  # fmt: skip
START = datetime(2013, 5, 1, tzinfo=CET)


def value(
    world: World, period: str, code: str = "S1", scheme: str = "station", indicator: str = ID
) -> dict[str, Any]:
    found: dict[str, Any] = values.one(
        world.conn, world.snapshot(), ValueKey(indicator, scheme, code, period)
    )
    return found


def classes(level: pd.Series, edges: list[int]) -> pd.Series:
    """The class of each value, by numpy: right edges belong to the lower class."""
    return pd.Series(np.searchsorted(edges, level, side="left") + 1, index=level.index)


def edition(world: World, name: str) -> None:
    """Change the edition that the definition names, as a copy of the YAML file would."""
    world.conn.execute(
        "UPDATE ldt.indicator SET definition = jsonb_set(definition, '{formula,edition}', %s) WHERE id = %s",
        (Jsonb(name), ID),
    )


@pytest.mark.parametrize("pollutant", sorted(EDGES))
def test_an_hour_has_the_class_of_its_band(world: World, pollutant: str) -> None:
    edges = EDGES[pollutant]
    levels = [-1.0, 0.0, *(float(e) for e in edges), *(e + 0.001 for e in edges), 9999.0]
    expected = [1, 1, 1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 6]
    times = [START + i * HOUR for i in range(len(levels))]
    world.observations("air", "S1", pollutant, times, levels)
    periods = [f"2013-05-01T{i:02d}" for i in range(len(levels))]
    world.compute(ID, periods=periods)
    found = [value(world, p) for p in periods]
    assert [f["value"] for f in found] == expected
    assert {(f["n_valid"], f["n_expected"], f["unit"], f["status"]) for f in found} == {(1, 1, "1", "valid")}
    assert found[0]["period_start"] == START
    assert found[0]["period_end"] == START + HOUR
    assert found[5]["quality"]["last"] == {
        "hour": "2013-05-01T04:00:00Z",
        "index": 4,
        "pollutants": [pollutant],
    }


def generated(
    world: World, seed: int, start: datetime = datetime(2013, 1, 1, tzinfo=CET), n: int = 8760
) -> pd.DataFrame:
    """A year of five pollutants with gaps and flags; returns the valid values by hour, those before the year too."""
    rng = np.random.default_rng(seed)
    index = pd.date_range(start - 30 * HOUR, periods=n + 30, freq="h")
    columns = {}
    for pollutant, edges in EDGES.items():
        level = rng.gamma(2, edges[2] / 2.5, len(index))
        flags = rng.choice([1, 2, -1], len(index), p=[0.75, 0.05, 0.2])
        kept = rng.random(len(index)) > 0.1
        times = [t.to_pydatetime() for t in index[kept]]
        world.observations(
            "air", "S1", pollutant, times, list(level[kept]), validity=[int(f) for f in flags[kept]]
        )
        columns[pollutant] = pd.Series(np.where(kept & (flags >= 1), level, np.nan), index=index)
    return pd.DataFrame(columns)


def check(found: dict[str, Any], by_pollutant: pd.DataFrame, expected_hours: int) -> None:
    """Hold a value against the classes of each hour and pollutant."""
    index = by_pollutant.max(axis=1).dropna()
    ordered = sorted(index)
    assert found["n_valid"] == len(index)
    assert found["coverage"] == len(index) / expected_hours
    assert (
        found["value"] == ordered[len(ordered) // 2]
    )  # of an even number the upper of the two in the middle
    assert found["quality"]["hours_by_class"] == {str(c): int((index == c).sum()) for c in range(1, 7)}
    assert found["quality"]["hours_by_pollutant"] == {
        p: int((by_pollutant.loc[index.index, p] == index).sum()) for p in by_pollutant
    }
    last = by_pollutant.loc[index.index[-1]]
    assert found["quality"]["last"]["index"] == index.iloc[-1]
    assert found["quality"]["last"]["pollutants"] == [
        p for p in ("NO2", "O3", "PM10", "PM2.5", "SO2") if last[p] == index.iloc[-1]
    ]


def test_a_year_is_that_of_pandas(world: World) -> None:
    good = generated(world, 1)
    year = good[good.index >= "2013-01-01T00:00+01:00"]
    world.compute(ID, periods=["2013", "2013-03"])
    by_pollutant = pd.DataFrame({p: classes(year[p].dropna(), EDGES[p]) for p in EDGES}).reindex(year.index)
    found = value(world, "2013")
    check(found, by_pollutant, 8760)
    assert found["quality"]["edition"] == "2025"
    assert len(set(found["quality"]["hours_by_class"].values())) > 4
    march = by_pollutant[by_pollutant.index.tz_convert(CET).month == 3]
    check(value(world, "2013-03"), march, 31 * 24)


def test_the_edition_before_has_other_bands_and_running_means_of_particles(world: World) -> None:
    good = generated(world, 2)
    edition(world, "pre-2025")
    world.compute(ID, periods=["2013"])
    for particles in ("PM10", "PM2.5"):
        good[particles] = good[particles].rolling(24, min_periods=18).mean()
    year = good[good.index >= "2013-01-01T00:00+01:00"]
    by_pollutant = pd.DataFrame({p: classes(year[p].dropna(), BEFORE_2025[p]) for p in EDGES}).reindex(
        year.index
    )
    found = value(world, "2013")
    check(found, by_pollutant, 8760)
    assert found["quality"]["edition"] == "pre-2025"
    assert found["method"].endswith("edition pre-2025")
    # The first hours of the year look back into the year before: 23 hours of it belong to the lineage.
    key = ValueKey(ID, "station", "S1", "2013")
    first = min(r["time"] for r in records(world.conn, world.snapshot(), key, limit=50_000))
    assert (
        datetime(2013, 1, 1, tzinfo=CET) - 23 * HOUR <= first < datetime(2013, 1, 1, tzinfo=CET) - 18 * HOUR
    )


def test_an_edition_that_there_is_not_is_refused(world: World) -> None:
    edition(world, "1999")
    with pytest.raises(RecipeError, match=r"'1999'.*there are: 2025, pre-2025"):
        world.compute(ID, periods=["2013"])


@pytest.mark.parametrize(
    ("levels", "median"),
    [
        ([5.0], 1),
        ([5.0, 200.0], 6),
        ([5.0, 5.0, 20.0], 1),
        ([5.0, 5.0, 20.0, 20.0], 2),
        ([200.0, 5.0, 20.0], 2),
    ],
)
def test_the_median_of_an_even_number_of_hours_is_the_upper_one(
    world: World, levels: list[float], median: int
) -> None:
    # The same hours again and again over a whole day: the median stays.
    n = 24 // len(levels) * len(levels)
    times = [START + i * HOUR for i in range(n)]
    world.observations("air", "S1", "NO2", times, (levels * 24)[:n])
    world.compute(ID, periods=["2013-05-01"])
    assert value(world, "2013-05-01")["value"] == median


@pytest.mark.parametrize(("n", "status"), [(18, "valid"), (17, "insufficient")])
def test_three_quarters_of_the_hours_need_an_index_of_any_pollutant(
    world: World, n: int, status: str
) -> None:
    times = [START + i * HOUR for i in range(n)]
    world.observations("air", "S1", "NO2", times[:10], [30.0] * 10)
    world.observations("air", "S1", "O3", times[8:], [110.0] * (n - 8))
    world.compute(ID, periods=["2013-05-01"])
    found = value(world, "2013-05-01")
    assert (found["status"], found["n_valid"], found["n_expected"]) == (status, n, 24)
    assert found["value"] == (3.0 if status == "valid" else None)
    assert found["quality"]["hours_by_class"]["3"] == n
    # Two hours have both, in the same class: they count for both.
    assert found["quality"]["hours_by_pollutant"] == {"NO2": 10, "O3": n - 8, "PM10": 0, "PM2.5": 0, "SO2": 0}


def test_hours_of_a_day_begin_at_midnight_of_the_station(world: World) -> None:
    times = [START + i * HOUR for i in range(-1, 25)]
    world.observations("air", "S1", "NO2", times, [500.0, *[5.0] * 24, 500.0])
    # The same in a zone that the source calls by another offset: all pollutants of a station share one.
    world.observations("air", "S1", "O3", times, [5.0] * 26, zone="UTC")
    world.compute(ID, periods=["2013-05-01"])
    found = value(world, "2013-05-01")
    assert found["quality"]["hours_by_class"] == {"1": 24, "2": 0, "3": 0, "4": 0, "5": 0, "6": 0}
    assert (found["n_valid"], found["period_start"]) == (24, datetime(2013, 4, 30, 23, tzinfo=UTC))


def test_areas_have_the_worst_station(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    world.area("Q1", shapely.box(6.8, 50.8, 6.95, 51.1), scheme="quarter", name="quarters")
    world.features(
        "stations",
        "environmental-monitoring-facilities",
        [
            (c, shapely.Point(x, 50.9), {"code": c, "name": c})
            for c, x in (("A", 6.9), ("B", 7.0), ("C", 7.1))
        ],
    )
    times = [START + i * HOUR for i in range(24)]
    world.observations("air", "A", "NO2", times, [20.0] * 24)
    world.observations("air", "B", "PM10", times, [100.0] * 24)
    world.observations("air", "C", "PM10", times[:5], [500.0] * 5)
    world.compute(ID, periods=["2013-05-01"])
    city = value(world, "2013-05-01", "CITY", "city")
    assert (city["value"], city["quality"]["station"]) == (3.0, "B")
    assert value(world, "2013-05-01", "Q1", "quarter")["value"] == 2.0


def test_lineage_names_all_pollutants(world: World) -> None:
    times = [START + i * HOUR for i in range(24)]
    for pollutant in ("NO2", "O3"):
        world.observations("air", "S1", pollutant, times, [20.0] * 24, validity=[-1] + [1] * 23)
    world.compute(ID, periods=["2013-05-01"])
    key = ValueKey(ID, "station", "S1", "2013-05-01")
    found = lineage(world.conn, world.snapshot(), key)
    assert (found["records"]["used"], found["records"]["discarded"]) == (46, {"validity -1": 2})
    assert found["definition"]["formula"]["edition"] == "2025"
    assert {r["datastream"] for r in records(world.conn, world.snapshot(), key)} == {
        "S1-NO2-PT1H-SP1",
        "S1-O3-PT1H-SP1",
    }


def test_what_lacks_is_told(world: World) -> None:
    world.compute(ID, periods=["2013"])
    assert (
        value(world, "2013", "test", "twin")["reason"] == "needs observations of NO2, O3, PM10, PM2.5 or SO2"
    )
    world.observations("air", "S1", "PM10", [START], [5.0], averaging="P1D")
    world.compute(ID, periods=["2013"])
    found = value(world, "2013")
    assert found["status"] == "not-computable"
    assert found["reason"] == "needs NO2, O3, PM10, PM2.5 or SO2 as PT1H in ug/m3; there is P1D in ug/m3"


def test_a_station_without_anything_in_the_period_has_no_index(world: World) -> None:
    world.observations("air", "S1", "NO2", [START], [5.0])
    world.compute(ID, periods=["2013-06-01"])
    found = value(world, "2013-06-01")
    assert (found["status"], found["value"], found["quality"]["last"]) == ("insufficient", None, None)


def test_the_vocabulary_has_six_classes_with_colours_and_the_bands_of_both_editions() -> None:
    (found,) = [v for v in read_files("vocabularies", Vocabulary) if v.id == "air-quality-index"]
    assert [c.code for c in found.concepts] == ["1", "2", "3", "4", "5", "6"]
    assert len({c.properties["hex"] for c in found.concepts}) == 6
    assert all(set(c.label) == {"en", "de", "fr", "es", "it"} for c in found.concepts)
    for edition_, edges in (("2025", EDGES), ("pre-2025", BEFORE_2025)):
        bands = [c.properties["bands"][edition_] for c in found.concepts[:5]]
        assert {p: [b[p] for b in bands] for p in edges} == edges
    assert "bands" not in found.concepts[5].properties
