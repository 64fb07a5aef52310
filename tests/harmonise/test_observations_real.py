"""Real files through their recipes, against computations of their own with pandas and json."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.observations import ObservationHarmoniser
from ldt.harmonise.recipe import load_recipe
from ldt.model.outcome import Outcome, Tally
from ldt.sources import read

LEGACY = "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"
HOUR = timedelta(hours=1)


def ingest(recipe_name: str, *paths: Path) -> tuple[pd.DataFrame, Tally, list[Chunk]]:
    recipe = load_recipe(recipe_name)
    harmoniser = ObservationHarmoniser(recipe, Context("x"))
    chunks = [
        chunk
        for path in paths
        for chunk in harmoniser.batches(
            read(recipe.source.reader, path, recipe.source.options), name=path.name
        )
    ]
    tally = Tally()
    for chunk in chunks:
        assert chunk.tally.adds_up
        tally.add(chunk.tally)
    tables = [chunk.observations.to_pandas() for chunk in chunks if chunk.observations is not None]
    frame = pd.concat(tables, ignore_index=True)
    frame["series"] = [chunks[-1].datastreams[i].code for i in frame["datastream"]]
    return frame, tally, chunks


def test_every_hour_of_the_belgian_file_stands_there_twice(real_data: Path) -> None:
    got, tally, chunks = ingest("eea/air-quality-legacy", real_data / LEGACY)
    file = pd.read_csv(real_data / LEGACY)
    begin = pd.to_datetime(file["DatetimeBegin"], utc=True)
    single = file.assign(begin=begin).drop_duplicates("begin")
    assert (tally.read, tally.accepted, tally.duplicate) == (15_368, 7_684, 7_684)
    assert (tally.repaired, tally.rejected, tally.outside, tally.missing) == (0, 0, 0, 0)

    assert len(got) == len(single) == 7_684
    assert got["value"].sum() == pytest.approx(single["Concentration"].sum(), rel=1e-12)
    assert got["value"].mean() == pytest.approx(29.796493, abs=1e-6)  # pandas' mean over all 15,368 records
    assert (got["time"].min(), got["time"].max()) == (begin.min(), begin.max())
    assert (got["time_end"] - got["time"] == HOUR).all()
    by_time = got.set_index("time")["value"].sort_index()
    expected = single.set_index("begin")["Concentration"].sort_index()
    np.testing.assert_array_equal(by_time.to_numpy(), expected.to_numpy())

    # Each duplicate names the record whose hour it repeats; the two differ in nothing but the process.
    repeats = [o for c in chunks for o in c.outcomes]
    assert {o.outcome for o in repeats} == {Outcome.DUPLICATE}
    own, other = file.iloc[[o.row for o in repeats]], file.iloc[[o.duplicate_of for o in repeats]]
    differing = [c for c in file.columns if (own[c].to_numpy() != other[c].to_numpy()).any()]
    assert differing == ["SamplingProcess"]
    assert (own["SamplingProcess"].to_numpy() != other["SamplingProcess"].to_numpy()).all()
    (stream,) = chunks[-1].datastreams
    assert (stream.thing, stream.observed_property, stream.unit) == ("BETR740", "PM10", "ug/m3")
    assert (stream.averaging, stream.zone) == ("PT1H", "+01:00")


def test_the_same_file_again_holds_nothing_new(real_data: Path) -> None:
    got, tally, chunks = ingest("eea/air-quality-legacy", real_data / LEGACY, real_data / LEGACY)
    assert (tally.accepted, tally.duplicate) == (7_684, 3 * 7_684)
    assert len(got) == 7_684
    assert "of BE_BETR740" in chunks[-1].outcomes[-1].message


def expected_values(path: Path) -> list[tuple[datetime, float]]:
    """The values of a file of the Umweltbundesamt with the hour that each belongs to, read with json alone."""
    pairs = []
    for day, values in json.loads(path.read_text()).items():
        start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) - HOUR
        pairs += [(start + i * HOUR, float(v)) for i, v in enumerate(values) if float(v) > -999]
    return pairs


@pytest.mark.parametrize("station", ["DENW053", "DENW211"])
def test_hourly_values_of_cologne(real_data: Path, station: str) -> None:
    paths = sorted((real_data / "cologne/uba").glob(f"*_{station}_NO2_1SMW.json"))
    got, tally, chunks = ingest("cologne/air-quality", *paths)
    expected = [pair for path in paths for pair in expected_values(path)]
    days = sum(len(json.loads(path.read_text())) for path in paths)
    assert (tally.read, tally.accepted, tally.derived) == (days, days, days * 24)
    assert tally.derived - tally.missing == len(got) == len(expected)
    assert list(zip(got["time"], got["value"], strict=True)) == expected
    assert (got["time_end"] - got["time"] == HOUR).all()
    (stream,) = chunks[-1].datastreams
    assert (stream.code, stream.zone) == (f"{station}:NO2:PT1H", "+01:00")


def test_the_zone_of_cologne_is_fixed_since_the_day_of_the_clock_change_has_24_values(
    real_data: Path,
) -> None:
    path = real_data / "cologne/uba/201403_DENW053_NO2_1SMW.json"
    content = json.loads(path.read_text())
    # With summer time 2014-03-30 would have 23 hours. It has as many values as any day.
    assert {len(values) for values in content.values()} == {24}
    got, *_ = ingest("cologne/air-quality", path)
    steps = got["time"].diff().dropna().unique()
    assert list(steps) == [pd.Timedelta(hours=1)]
    change = got[got["time"].between("2014-03-29T23:00:00Z", "2014-03-30T22:00:00Z")]
    assert change["value"].tolist() == [float(v) for v in content["20140330"]]


def test_running_means_end_with_their_hour(real_data: Path) -> None:
    paths = sorted((real_data / "cologne/uba").glob("*_O3_8SMW.json"))
    got, tally, chunks = ingest("cologne/air-quality", *paths)
    expected = [
        (hour + HOUR - 8 * HOUR, hour + HOUR, v) for path in paths for hour, v in expected_values(path)
    ]
    assert list(zip(got["time"], got["time_end"], got["value"], strict=True)) == expected
    assert tally.missing == 40 + 12 + 99  # counted in the files by hand: `-999` per file
    assert [s.code for s in chunks[-1].datastreams] == ["DENW053:O3:PT8H"]


def test_daily_means(real_data: Path) -> None:
    paths = sorted((real_data / "cologne/uba").glob("*_PM1_1TMW.json"))
    got, tally, chunks = ingest("cologne/air-quality", *paths)
    raw: dict[str, list[Any]] = {d: v for path in paths for d, v in json.loads(path.read_text()).items()}
    assert (tally.read, tally.accepted, tally.derived, tally.missing) == (89, 89, 89, 0)
    assert got["value"].tolist() == [float(v[0]) for v in raw.values()]
    assert (got["time_end"] - got["time"] == pd.Timedelta(days=1)).all()
    assert got["time"].iloc[0] == pd.Timestamp("2013-12-31T23:00:00Z")
    assert [s.code for s in chunks[-1].datastreams] == ["DENW059:PM10:P1D"]


def test_all_files_of_cologne_in_one_ingest(real_data: Path) -> None:
    paths = sorted((real_data / "cologne/uba").glob("20*.json"))
    got, tally, chunks = ingest("cologne/air-quality", *paths)
    values = [float(v) for p in paths for day in json.loads(p.read_text()).values() for v in day]
    assert len(paths) == 12
    assert (tally.derived, tally.missing) == (len(values), sum(v == -999 for v in values))
    assert got["value"].sum() == pytest.approx(sum(v for v in values if v != -999))
    assert len(chunks[-1].datastreams) == 4
    assert not [o for c in chunks for o in c.outcomes]
