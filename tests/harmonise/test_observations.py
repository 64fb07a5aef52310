"""Observations from made-up records: each rule on its own, and by hypothesis that every record has one outcome."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt.errors import CheckError, RecipeError
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.observations import ObservationHarmoniser
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.model.observation import OBSERVATION_SCHEMA
from ldt.model.outcome import Outcome, Tally
from ldt.sources import read
from ldt.sources.source import Batch

HOUR = timedelta(hours=1)
START = datetime(2013, 1, 1, tzinfo=UTC)


def recipe(**observation: Any) -> Recipe:
    """A recipe for records (station, property, averaging, t, value, unit), with changes to its mapping."""
    plain = {
        "thing": "station", "observed_property": "'NO2'", "averaging": "'PT1H'", "time": "t", "value": "value", "unit": "'ug/m3'",
    }  # fmt: skip
    mapping = {k: v for k, v in (plain | observation).items() if v is not None}
    content: dict[str, Any] = {
        "ldt": 1, "name": "made-up", "title": {"en": "Made up"}, "publisher": "us", "licence": "CC0-1.0", "origin": "local",
        "anatomy": "structure.environment.air", "source": {"reader": "table"}, "observation": mapping,
    }  # fmt: skip
    return Recipe.model_validate(content)


def batch(first_row: int = 0, **columns: Any) -> Batch:
    """A batch of records; scalars are repeated."""
    number = max(len(c) for c in columns.values() if isinstance(c, list | pa.Array))
    arrays = {n: pa.array(c if isinstance(c, list | pa.Array) else [c] * number) for n, c in columns.items()}
    return Batch(
        pa.record_batch({"_row": pa.array(range(first_row, first_row + number), pa.int64()), **arrays})
    )


def run(made: Recipe, *batches: Batch) -> tuple[list[Chunk], Tally]:
    chunks = list(ObservationHarmoniser(made, Context("x")).batches(batches))
    tally = Tally()
    for chunk in chunks:
        assert chunk.tally.adds_up
        tally.add(chunk.tally)
    return chunks, tally


def rows(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    return [row for c in chunks if c.observations is not None for row in c.observations.to_pylist()]


def reasons(chunks: Sequence[Chunk]) -> list[tuple[int, str, str]]:
    return [(o.row, o.outcome.value, o.reason) for c in chunks for o in c.outcomes]


def hours(*numbers: int) -> list[datetime]:
    return [START + n * HOUR for n in numbers]


# Series and units ---------------------------------------------------------------------------------------------


def test_a_record_becomes_an_observation_of_a_datastream() -> None:
    chunks, tally = run(recipe(), batch(station="A", t=hours(0, 1), value=[1.5, 2.5]))
    assert chunks[0].observations is not None
    assert chunks[0].observations.schema == OBSERVATION_SCHEMA
    assert rows(chunks)[1] == {
        "datastream": 0, "time": START + HOUR, "time_end": START + 2 * HOUR, "value": 2.5,
        "validity": 1, "verification": 3, "source_row": 1,
    }  # fmt: skip
    stream = chunks[0].datastreams[0]
    assert (stream.code, stream.thing, stream.observed_property) == ("A:NO2:PT1H", "A", "NO2")
    assert (stream.unit, stream.averaging, stream.zone) == ("ug/m3", "PT1H", "UTC")
    assert (tally.read, tally.accepted, tally.derived, tally.missing) == (2, 2, 0, 0)


def test_series_are_told_apart_and_their_list_only_grows() -> None:
    made = recipe(
        observed_property="p", averaging="a", datastream=["point"], properties={"process": "process"}
    )
    chunks, _ = run(
        made,
        batch(station=["A", "B", "A"], p=["5", "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/5", "PM10"],
              a=["hour", "hour", "PT60M"], point=["s/1", "s/1", "s/1"], t=hours(0, 0, 1), value=[1, 2, 3], process=["x", "y", "z"]),
        batch(3, station=["A", "A", "B"], p=["PM10", "PM10", "PM10"], a=["day", "hour", "hour"],
              point=["s/1", "s:2", "s/1"], t=hours(0, 0, 1), value=[4, 5, 6], process=["x", None, "z"]),
    )  # fmt: skip
    codes = [s.code for s in chunks[1].datastreams]
    assert codes == ["A:PM10:PT1H:s~2F1", "B:PM10:PT1H:s~2F1", "A:PM10:P1D:s~2F1", "A:PM10:PT1H:s~3A2"]
    assert [s.code for s in chunks[0].datastreams] == codes[:2]
    assert [s.properties for s in chunks[1].datastreams] == [
        {"process": "x"},
        {"process": "y"},
        {"process": "x"},
        {},
    ]
    assert [(r["datastream"], r["value"]) for r in rows(chunks)] == [
        (0, 1),
        (1, 2),
        (0, 3),
        (2, 4),
        (3, 5),
        (1, 6),
    ]


def test_values_are_converted_into_the_unit_of_the_property() -> None:
    made = recipe(unit="unit", observed_property="p", units={"milli": "mg/m3"})
    chunks, _ = run(
        made,
        batch(station="A", t=hours(0, 1, 2, 0), value=[0.5, 7.0, 2.0, 250.0], unit=["mg.m-3", "µg/m³", "milli", "ug/m3"],
              p=["NO2", "NO2", "NO2", "CO"]),
    )  # fmt: skip
    assert [r["value"] for r in rows(chunks)] == [500.0, 7.0, 2000.0, 0.25]
    # One series, whatever unit its values came in; carbon monoxide is kept in mg/m3.
    assert [(s.observed_property, s.unit) for s in chunks[0].datastreams] == [
        ("NO2", "ug/m3"),
        ("CO", "mg/m3"),
    ]


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("count", "unit 'count' is not known"),
        ("ppb", "without the molar mass"),
        ("m/s", "measure different things"),
    ],
)
def test_a_unit_that_cannot_be_used_fails_the_source(unit: str, why: str) -> None:
    with pytest.raises(CheckError, match=why) as e:
        run(recipe(unit="unit"), batch(station="A", t=hours(0), value=[1.0], unit=[unit]))
    assert "A NO2" in str(e.value)


def test_what_is_not_in_a_vocabulary_is_rejected() -> None:
    made = recipe(observed_property="p", averaging="a", validity="v", verification="w", unit="unit")
    chunks, tally = run(
        made,
        batch(station=["A", "A", "A", "A", "A", "A", None, " ", "A"], t=hours(*range(9)), value=[1.0] * 9,
              p=["NO2", "XYZ", "NO2", "NO2", "NO2", None, "NO2", "NO2", "NO2"],
              a=["hour", "hour", "fortnight", "hour", "hour", "hour", "hour", "hour", "hour"],
              v=[1, 1, 1, 7, 1, 1, 1, 1, 1], w=[1, 1, 1, 1, None, 1, 1, 1, 1], unit=["ug/m3"] * 8 + [None]),
    )  # fmt: skip
    assert reasons(chunks) == [
        (1, "rejected", "code-list"), (2, "rejected", "code-list"), (3, "rejected", "code-list"), (4, "rejected", "code-list"),
        (5, "rejected", "missing-value"), (6, "rejected", "missing-value"), (7, "rejected", "missing-value"), (8, "rejected", "missing-value"),
    ]  # fmt: skip
    messages = [o.message for o in chunks[0].outcomes]
    assert "'XYZ'" in messages[0]
    assert "'fortnight'" in messages[1]
    assert "v = 7" in messages[2]
    assert chunks[0].outcomes[2].record == {
        "station": "A", "t": (START + 3 * HOUR).isoformat(), "value": 1.0, "p": "NO2", "a": "hour", "v": 7, "w": 1, "unit": "ug/m3",
    }  # fmt: skip
    assert (tally.accepted, tally.rejected) == (1, 8)


def test_codes_that_are_texts_or_floats_are_read() -> None:
    made = recipe(validity="v", verification="w")
    chunks, _ = run(
        made,
        batch(station="A", t=hours(0, 1, 2), value=[1.0, 2.0, 3.0], v=["-99", "2", "1.5"], w=[1.0, 2.0, 3.0]),
    )
    assert [(r["validity"], r["verification"]) for r in rows(chunks)] == [(-99, 1), (2, 2)]
    assert reasons(chunks) == [(2, "rejected", "code-list")]


# Times --------------------------------------------------------------------------------------------------------


def naive(*texts: str) -> pa.Array:
    return pa.array(texts).cast(pa.timestamp("us"))


def test_naive_times_need_a_zone() -> None:
    records = batch(station="A", t=naive("2013-06-01 00:00:00"), value=[1.0])
    with pytest.raises(CheckError, match="times without a zone"):
        run(recipe(), records)
    chunks, _ = run(recipe(zone="UTC+01"), records)
    assert rows(chunks)[0]["time"] == datetime(2013, 5, 31, 23, tzinfo=UTC)
    assert chunks[0].datastreams[0].zone == "UTC+01"


def test_local_times_that_a_clock_change_makes_unclear_are_rejected() -> None:
    texts = ["2014-03-30 01:00:00", "2014-03-30 02:30:00", "2014-10-26 02:30:00", "2014-10-26 03:00:00"]
    records = batch(station="A", t=naive(*texts), value=[1.0, 2.0, 3.0, 4.0])
    chunks, _ = run(recipe(zone="Europe/Berlin"), records)
    assert reasons(chunks) == [(1, "rejected", "time-zone"), (2, "rejected", "time-zone")]
    # Central European time is UTC+1 in winter: 01:00 is 00:00, 03:00 is 02:00.
    assert [r["time"].hour for r in rows(chunks)] == [0, 2]
    assert run(recipe(zone="+01:00"), records)[1].accepted == 4


def test_a_day_ends_with_the_day_of_its_zone() -> None:
    texts = ["2014-03-30 00:00:00", "2014-10-26 00:00:00", "2014-06-01 00:00:00"]
    records = batch(station="A", t=naive(*texts), value=[1.0, 2.0, 3.0])
    lengths = [
        (r["time_end"] - r["time"]) / HOUR
        for r in rows(run(recipe(zone="Europe/Berlin", averaging="'day'"), records)[0])
    ]
    assert lengths == [23, 25, 24]
    fixed = rows(run(recipe(zone="+01:00", averaging="'day'"), records)[0])
    assert {r["time_end"] - r["time"] for r in fixed} == {timedelta(days=1)}


def test_months_and_years_end_by_the_calendar() -> None:
    made = recipe(zone="+01:00", averaging="a")
    records = batch(
        station="A", t=naive("2012-02-01 00:00:00", "2012-01-31 06:00:00", "2012-01-01 00:00:00"), value=[1.0, 2.0, 3.0],
        a=["month", "month", "year"],
    )  # fmt: skip
    ends = [r["time_end"] for r in rows(run(made, records)[0])]
    assert ends == [
        datetime(2012, 2, 29, 23, tzinfo=UTC), datetime(2012, 2, 29, 5, tzinfo=UTC), datetime(2012, 12, 31, 23, tzinfo=UTC),
    ]  # fmt: skip


def test_times_as_text_carry_their_offset() -> None:
    texts = [
        "2013-01-30 01:00:00 +01:00",
        "2013-01-30T01:00:00Z",
        "2013-01-30T02:00:00.5+0100",
        None,
        "yesterday",
    ]
    chunks, _ = run(recipe(), batch(station="A", t=texts, value=[1.0] * 5))
    expected = [
        datetime(2013, 1, 30, 0, tzinfo=UTC), datetime(2013, 1, 30, 1, tzinfo=UTC),
        datetime(2013, 1, 30, 1, 0, 0, 500_000, tzinfo=UTC),
    ]  # fmt: skip
    assert [r["time"] for r in rows(chunks)] == expected
    assert chunks[0].datastreams[0].zone == "+01:00"
    assert reasons(chunks) == [(3, "rejected", "bad-time"), (4, "rejected", "bad-time")]
    with pytest.raises(CheckError, match="times without a zone"):
        run(recipe(), batch(station="A", t=["2013-01-30 01:00:00"], value=[1.0]))


def test_intervals_that_are_none_are_rejected() -> None:
    made = recipe(time_end="e", averaging="a")
    chunks, _ = run(
        made,
        batch(station="A", t=hours(0, 1, 2, 3, 4), e=[*hours(1, 1, 1, 3), None], value=[1.0] * 5,
              a=["hour", "hour", "hour", "PT0S", "var"]),
    )  # fmt: skip
    assert reasons(chunks) == [
        (1, "rejected", "bad-interval"),
        (2, "rejected", "bad-interval"),
        (4, "rejected", "bad-time"),
    ]
    assert (
        "ends at 2013-01-01T01:00:00Z, not after its beginning 2013-01-01T02:00:00Z"
        in chunks[0].outcomes[1].message
    )
    assert rows(chunks)[1]["time"] == rows(chunks)[1]["time_end"] == START + 3 * HOUR


def test_a_variable_averaging_needs_an_end() -> None:
    chunks, _ = run(recipe(averaging="'var'"), batch(station="A", t=hours(0), value=[1.0]))
    assert reasons(chunks) == [(0, "rejected", "bad-interval")]


# Values -------------------------------------------------------------------------------------------------------


def test_values_that_are_none() -> None:
    values = [1.0, None, float("nan"), float("inf"), -0.5]
    chunks, tally = run(recipe(), batch(station="A", t=hours(*range(5)), value=values))
    assert [r["value"] for r in rows(chunks)] == [
        1.0,
        -0.5,
    ]  # a small negative value is noise around zero, not an error
    assert tally.reasons == {"rejected:bad-value": 3}


def test_values_as_text() -> None:
    texts = ["1.5", "n/a", None, "", "2e1"]
    for sql in ("value", "value::DOUBLE"):
        chunks, _ = run(recipe(value=sql), batch(station="A", t=hours(*range(5)), value=texts))
        assert [r["value"] for r in rows(chunks)] == [1.5, 20.0]
        assert [o.row for o in chunks[0].outcomes] == [1, 2, 3]
        assert "value = 'n/a'" in chunks[0].outcomes[0].message


def test_what_the_source_declares_missing_is_counted_and_not_stored() -> None:
    made = recipe(missing="value = 'n/a'", value="value::DOUBLE")
    chunks, tally = run(made, batch(station="A", t=hours(0, 1, 2), value=["1", "n/a", "x"]))
    assert (tally.read, tally.accepted, tally.missing, tally.rejected) == (3, 2, 1, 1)
    assert [r["source_row"] for r in rows(chunks)] == [0]
    assert tally.accepted + tally.repaired - tally.missing == len(rows(chunks))


def test_records_that_are_not_selected_are_outside() -> None:
    chunks, tally = run(
        recipe(where="station <> 'B'"),
        batch(station=["A", "B", None], t=hours(0, 1, 2), value=[1.0, 2.0, 3.0]),
    )
    assert reasons(chunks) == [(1, "outside", "not-selected"), (2, "outside", "not-selected")]
    assert (tally.accepted, tally.outside) == (1, 2)


def test_an_expression_that_fails_costs_its_record_only() -> None:
    made = recipe(time="strptime(t, '%Y-%m-%d')", zone="UTC")
    chunks, _ = run(made, batch(station="A", t=["2013-01-01", "soon"], value=[1.0, 2.0]))
    assert reasons(chunks) == [(1, "rejected", "bad-time")]
    assert chunks[0].outcomes[0].message == "time cannot be made of (t = 'soon')"
    assert chunks[0].outcomes[0].record == {"station": "A", "t": "soon", "value": 2.0}


def test_malformed_records_keep_what_they_were() -> None:
    made = recipe()
    chunks, tally = run(
        made,
        batch(
            station=["A", None],
            t=[START, None],
            value=[1.0, None],
            raw=["", "garb;age"],
            _malformed=[None, "2 fields instead of 5"],
        ),
    )
    assert reasons(chunks) == [(1, "rejected", "malformed")]
    assert chunks[0].outcomes[0].message == "2 fields instead of 5"
    assert chunks[0].outcomes[0].record is not None
    assert chunks[0].outcomes[0].record["raw"] == "garb;age"
    assert tally.accepted == 1


# Duplicates ---------------------------------------------------------------------------------------------------


def test_repeats_in_a_batch_and_over_batches() -> None:
    chunks, tally = run(
        recipe(validity="v"),
        batch(station="A", t=hours(3, 1, 3, 3), value=[3.0, 1.0, 3.0, 4.0], v=1),
        batch(4, station="A", t=hours(2, 1, 1, 5), value=[2.0, 1.0, 1.0, 5.0], v=[1, 1, -1, 1]),
    )
    outcomes = [o for c in chunks for o in c.outcomes]
    assert [(o.row, o.outcome, o.reason, o.duplicate_of) for o in outcomes] == [
        (2, Outcome.DUPLICATE, "duplicate", 0),
        (3, Outcome.REJECTED, "conflict", 0),
        (5, Outcome.DUPLICATE, "duplicate", 1),
        (6, Outcome.REJECTED, "conflict", 1),
    ]
    assert outcomes[1].message == "contradicts record 0: 3.0 there, 4.0 here"
    assert "the same value 1 but other flags" in outcomes[3].message
    assert [r["source_row"] for r in rows(chunks)] == [0, 1, 4, 7]
    assert (tally.accepted, tally.duplicate, tally.rejected) == (4, 2, 2)


def test_repeats_over_the_files_of_an_ingest_name_the_other_file() -> None:
    harmoniser = ObservationHarmoniser(recipe(), Context("x"))
    first = list(harmoniser.batches([batch(station="A", t=hours(0, 1), value=[1.0, 2.0], _file="one.csv")]))
    second = list(
        harmoniser.batches([batch(station="A", t=hours(1, 0, 2), value=[2.0, 9.0, 3.0], _file="two.csv")])
    )
    third = list(harmoniser.batches([batch(station="A", t=hours(2), value=[3.0])], name="three"))
    assert not first[0].outcomes
    told = [
        (o.row, o.outcome.value, o.duplicate_of, o.message) for c in (*second, *third) for o in c.outcomes
    ]
    assert told == [
        (0, "duplicate", None, "repeats record 1 of one.csv"),
        (1, "rejected", None, "contradicts record 0 of one.csv: 1.0 there, 9.0 here"),
        (0, "duplicate", None, "repeats record 2 of two.csv"),
    ]
    assert third[0].observations is None
    assert third[0].datastreams == first[0].datastreams


def test_a_rejected_record_does_not_hide_a_good_one() -> None:
    chunks, tally = run(recipe(validity="v"), batch(station="A", t=hours(0, 0), value=[1.0, 1.0], v=[99, 1]))
    assert (tally.rejected, tally.accepted) == (1, 1)
    assert [r["source_row"] for r in rows(chunks)] == [1]


# One record, several rows -------------------------------------------------------------------------------------


def days(**changes: Any) -> Recipe:
    return recipe(
        unpivot={"column": "values", "ordinal": "hour"}, time="t + to_hours(hour)", zone="UTC", value="item::DOUBLE",
        missing="item = '-999'", **changes,
    )  # fmt: skip


def day_batch(*lists: list[str | None] | None, dates: Sequence[int] | None = None) -> Batch:
    starts = [datetime(2013, 1, d) for d in (dates or range(1, len(lists) + 1))]  # noqa: DTZ001 as files have them
    return batch(station="A", t=starts, values=pa.array(list(lists), pa.list_(pa.string())))


def test_messages_of_columns_put_under_one_another_name_the_column() -> None:
    made = recipe(
        unpivot={"columns": ["P1", "P2"]}, observed_property="CASE item_name WHEN 'P1' THEN 'PM10' ELSE 'PM2.5' END",
        value="item::DOUBLE", missing="item IS NULL",
    )  # fmt: skip
    chunks, tally = run(made, batch(station="A", t=hours(0, 1, 2), P1=["1", "x", None], P2=["2", "3", None]))
    assert [(r["source_row"], r["value"]) for r in rows(chunks)] == [(0, 1.0), (0, 2.0), (1, 3.0)]
    assert (tally.accepted, tally.repaired, tally.derived, tally.missing) == (2, 1, 5, 2)
    (told,) = [o for c in chunks for o in c.outcomes]
    assert (told.reason, told.row) == ("partial", 1)
    assert told.message.count("P1 = 'x'") == 1
    assert "P2" not in told.message
    # What an expression names beside its element is told too, and the element once.
    pair = recipe(unpivot={"columns": ["P1", "P2"]}, value="(P1 || item)::DOUBLE", missing="item IS NULL")
    chunks, _ = run(pair, batch(station="A", t=hours(0), P1=["1"], P2=["z"]))
    assert "P1 = '1', P2 = 'z'" in chunks[0].outcomes[0].message


def test_a_list_becomes_rows_counted_apart() -> None:
    chunks, tally = run(days(), day_batch(["1", "2", "-999"], ["3", "-999", "5"]))
    assert [(r["source_row"], r["time"].day, r["time"].hour, r["value"]) for r in rows(chunks)] == [
        (0, 1, 0, 1.0), (0, 1, 1, 2.0), (1, 2, 0, 3.0), (1, 2, 2, 5.0),
    ]  # fmt: skip
    assert (tally.read, tally.accepted, tally.derived, tally.missing) == (2, 2, 6, 2)


def test_a_bad_element_costs_itself_and_the_record_is_repaired() -> None:
    chunks, tally = run(days(), day_batch(["1", "oops", "-999"], ["4", "5", "6"]))
    assert [r["value"] for r in rows(chunks)] == [1.0, 4.0, 5.0, 6.0]
    (outcome,) = chunks[0].outcomes
    assert (outcome.row, outcome.outcome, outcome.reason) == (0, Outcome.REPAIRED, "partial")
    assert "1 of 3 elements left out: bad-value" in outcome.message
    assert "values[1] = 'oops'" in outcome.message
    assert (tally.repaired, tally.accepted, tally.derived, tally.missing) == (1, 1, 5, 1)
    assert tally.derived - tally.missing == len(rows(chunks))


def test_a_record_without_a_usable_element_is_rejected() -> None:
    chunks, tally = run(days(), day_batch(["x", "-999"], [], None, ["-999", "-999"]))
    assert reasons(chunks) == [
        (0, "rejected", "bad-value"),
        (1, "rejected", "bad-value"),
        (2, "rejected", "bad-value"),
    ]
    assert chunks[0].outcomes[0].record == {
        "station": "A",
        "t": "2013-01-01T00:00:00",
        "values": ["x", "-999"],
    }
    assert (tally.accepted, tally.derived, tally.missing) == (1, 2, 2)


def test_a_day_that_comes_twice_is_a_duplicate_and_half_a_day_is_repaired() -> None:
    records = day_batch(["1", "2"], ["1", "2"], ["1", "2", "3"], ["9", "9"], dates=[1, 1, 1, 1])
    chunks, tally = run(days(), records)
    assert [(o.row, o.outcome, o.reason, o.duplicate_of) for o in chunks[0].outcomes] == [
        (1, Outcome.DUPLICATE, "duplicate", 0),
        (2, Outcome.REPAIRED, "partial", None),
        (3, Outcome.REJECTED, "conflict", None),
    ]
    assert [r["value"] for r in rows(chunks)] == [1.0, 2.0, 3.0]
    assert tally.derived == 3


def test_elements_that_are_not_selected() -> None:
    chunks, tally = run(days(where="hour < 1 AND item <> '7'"), day_batch(["1", "2"], ["7", "2"]))
    assert [r["value"] for r in rows(chunks)] == [1.0]
    assert reasons(chunks) == [(1, "outside", "not-selected")]
    assert (tally.accepted, tally.outside, tally.derived) == (1, 1, 1)


# Recipes that are wrong ---------------------------------------------------------------------------------------


def test_recipes_that_cannot_be_used() -> None:
    made = recipe().model_copy(update={"duplicate_key": ["datastream", "time", "value"]})
    with pytest.raises(RecipeError, match="by datastream and time"):
        ObservationHarmoniser(made, Context("x"))
    with pytest.raises(RecipeError, match="`where` gives values of type"):
        run(recipe(where="1"), batch(station="A", t=hours(0), value=[1.0]))
    with pytest.raises(RecipeError, match="`value` gives values of type"):
        run(recipe(value="[1]"), batch(station="A", t=hours(0), value=[1.0]))
    with pytest.raises(CheckError, match="time holds values of type"):
        run(recipe(time="1"), batch(station="A", t=hours(0), value=[1.0]))


def test_an_empty_source_gives_an_empty_chunk() -> None:
    empty = Batch(batch(station="A", t=hours(0), value=[1.0]).records.slice(0, 0))
    chunks, tally = run(recipe(), empty)
    assert tally == Tally()
    assert chunks[0].observations is None


# The layout of the EEA's Parquet files ------------------------------------------------------------------------


def eea_table(number: int, *, seed: int = 0) -> pa.Table:
    """Records in the layout of the EEA's download service: decimals, integer codes, times without a zone."""
    generator = np.random.default_rng(seed)
    start = np.datetime64("2023-01-01T00", "ns") + np.arange(number).astype("m8[h]")
    value = [Decimal(int(v)).scaleb(-4) for v in generator.integers(1, 2_000_000, number)]
    return pa.table(
        {
            "_row": pa.array(range(number), pa.int64()),
            "Samplingpoint": pa.array(["DE/SPO.DE_DENW053_NO2_dataGroup1"] * number),
            "Pollutant": pa.array([8] * number, pa.int32()),
            "Start": pa.array(start),
            "End": pa.array(start + np.timedelta64(1, "h")),
            "Value": pa.array(value, pa.decimal128(38, 18)),
            "Unit": pa.array(["ug.m-3"] * number),
            "AggType": pa.array(["hour"] * number),
            "Validity": pa.array([1] * number, pa.int32()),
            "Verification": pa.array([1] * number, pa.int32()),
            "ResultTime": pa.array(start),
            "DataCapture": pa.nulls(number, pa.decimal128(38, 18)),
            "FkObservationLog": pa.array(["b5"] * number),
        }
    )


def set_in(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] = value
    place = table.schema.get_field_index(column)
    return table.set_column(place, column, pa.array(values, table.schema.field(column).type))


def test_the_parquet_layout() -> None:
    table = eea_table(100)
    chunks, tally = run(load_recipe("eea/air-quality-parquet"), Batch(table.combine_chunks().to_batches()[0]))
    got = rows(chunks)
    assert tally.accepted == len(got) == 100
    # The number is the one nearest to the decimal, as Python's own conversion gives it.
    assert [r["value"] for r in got] == [float(v.as_py()) for v in table.column("Value")]
    assert got[0]["time"] == datetime(2022, 12, 31, 23, tzinfo=UTC)
    assert got[-1]["time_end"] == datetime(2022, 12, 31, 23, tzinfo=UTC) + 100 * HOUR
    (stream,) = chunks[0].datastreams
    assert (stream.thing, stream.observed_property) == ("DE/SPO.DE_DENW053_NO2_dataGroup1", "NO2")
    assert (stream.unit, stream.averaging, stream.zone) == ("ug/m3", "PT1H", "+01:00")
    assert stream.properties["country"] == "DE"


def test_a_parquet_file_through_its_reader(tmp_path: Path) -> None:
    table = eea_table(25_000, seed=1).drop_columns(["_row"])
    path = tmp_path / "SPO.DE_DENW053_NO2_dataGroup1.parquet"
    pq.write_table(table, path)
    made = load_recipe("eea/air-quality-parquet")
    chunks, tally = run(made, *read(made.source.reader, path, made.source.options))
    assert tally.accepted == tally.read == 25_000
    values = [r["value"] for r in rows(chunks)]
    assert values == [float(v) for v in table.column("Value").to_pylist()]
    assert [r["source_row"] for r in rows(chunks)] == list(range(25_000))


def test_more_records_than_a_row_number_can_count() -> None:
    with pytest.raises(CheckError, match="more than 2,147,483,647 records"):
        run(recipe(), batch(2**31, station="A", t=hours(0), value=[1.0]))


def test_flagged_values_of_the_eea_are_kept_with_their_flag() -> None:
    table = eea_table(8)
    table = set_in(set_in(table, "Validity", 1, -1), "Value", 1, None)  # withdrawn, without a value
    table = set_in(set_in(table, "Validity", 2, -99), "Value", 2, Decimal(-999))  # maintenance
    table = set_in(
        set_in(table, "Validity", 3, -1), "Value", 3, Decimal("12.5")
    )  # withdrawn, the value still told
    table = set_in(table, "Value", 4, Decimal(-999))  # said to be valid: a sentinel all the same
    table = set_in(table, "Value", 5, None)  # said to be valid, and no value
    table = set_in(table, "Validity", 6, 4)  # the ozone flag is kept
    chunks, tally = run(load_recipe("eea/air-quality-parquet"), Batch(table.combine_chunks().to_batches()[0]))
    flagged = {r["source_row"]: (r["validity"], r["value"]) for r in rows(chunks)}
    assert sorted(flagged) == [0, 1, 2, 3, 6, 7]
    assert [flagged[i] for i in (1, 2, 3)] == [(-1, -999.0), (-99, -999.0), (-1, 12.5)]
    assert flagged[6][0] == 4
    assert (tally.accepted, tally.missing, tally.rejected) == (7, 1, 1)
    assert reasons(chunks) == [(5, "rejected", "bad-value")]


# Every record has one outcome ---------------------------------------------------------------------------------

records = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", None]),
        st.integers(0, 8),
        st.sampled_from([1.0, 2.0, None, float("nan"), -999.0]),
        st.sampled_from([1, 1, 1, -1, 77]),
    ),
    max_size=60,
)


@settings(max_examples=30, deadline=None)
@given(records, st.integers(1, 20))
def test_the_outcomes_add_up_and_agree_with_a_plain_loop(given_records: list[Any], size: int) -> None:
    made = recipe(
        validity="v", missing="value <= -999", where="coalesce(station, '') <> 'B' OR hour <> 3", time="t"
    )
    batches = []
    for at in range(0, len(given_records), size):
        part = given_records[at : at + size]
        station, hour, value, validity = (list(c) for c in zip(*part, strict=True))
        columns = {
            "station": pa.array(station, pa.string()), "hour": pa.array(hour), "t": pa.array(hours(*hour), pa.timestamp("us", "UTC")),
            "value": pa.array(value, pa.float64()), "v": pa.array(validity),
        }  # fmt: skip
        batches.append(batch(at, **columns))
    chunks, tally = run(made, *batches)

    seen: dict[tuple[str, int], tuple[float, int, int]] = {}
    expected: dict[int, str] = {}
    for row, (station, hour, value, validity) in enumerate(given_records):
        if station == "B" and hour == 3:
            expected[row] = "outside"
        elif value is not None and value <= -999:
            expected[row] = "missing"
        elif value is None or value != value or station is None or validity == 77:
            expected[row] = "rejected"
        elif (station, hour) in seen:
            same = seen[station, hour][:2] == (value, validity)
            expected[row] = f"duplicate of {seen[station, hour][2]}" if same else "rejected"
        else:
            seen[station, hour] = value, validity, row
            expected[row] = "accepted"
    got = {r["source_row"]: "accepted" for r in rows(chunks)}
    for outcome in (o for c in chunks for o in c.outcomes):
        assert outcome.row not in got
        of = f" of {outcome.duplicate_of}" if outcome.outcome is Outcome.DUPLICATE else ""
        got[outcome.row] = outcome.outcome.value + of
    assert got == {row: what for row, what in expected.items() if what != "missing"}
    counts = Counter(what.split()[0] for what in expected.values())
    assert tally.read == len(given_records)
    assert tally.accepted == counts["accepted"] + counts["missing"]
    assert (tally.missing, tally.duplicate, tally.outside) == (
        counts["missing"],
        counts["duplicate"],
        counts["outside"],
    )
    stored = {(chunks[-1].datastreams[r["datastream"]].thing, r["time"]): r["value"] for r in rows(chunks)}
    assert stored == {(s, START + h * HOUR): v[0] for (s, h), v in seen.items()}


elements = st.lists(
    st.none() | st.lists(st.sampled_from(["1", "2", "x", "-999", None]), max_size=4), min_size=1, max_size=12
)


@settings(max_examples=30, deadline=None)
@given(elements, st.lists(st.integers(1, 5), min_size=12, max_size=12))
def test_the_outcomes_of_lists_add_up(lists: list[Any], dates: list[int]) -> None:
    chunks, tally = run(days(), day_batch(*lists, dates=dates[: len(lists)]))
    assert tally.read == len(lists)
    assert tally.derived - tally.missing == len(rows(chunks))
    outcome = {o.row: o.outcome for o in chunks[0].outcomes}
    for row in {r["source_row"] for r in rows(chunks)}:
        assert outcome.get(row) in {None, Outcome.REPAIRED}
    # The first value that is said for an hour is the one that is kept.
    first: dict[tuple[int, int], float] = {}
    for day, values in zip(dates, lists, strict=False):
        for hour, text in enumerate(values or []):
            if text in {"1", "2"}:
                first.setdefault((day, hour), float(text))
    assert {(r["time"].day, r["time"].hour): r["value"] for r in rows(chunks)} == first
