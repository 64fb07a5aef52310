"""Times of a batch, against Python's own datetime and zoneinfo."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt.errors import CheckError
from ldt.harmonise.times import add, as_datetime, instants
from ldt.timerange import Duration, parse_duration

CET = timezone(timedelta(hours=1))
BERLIN = ZoneInfo("Europe/Berlin")
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
seconds = moments.map(lambda m: m.replace(microsecond=0))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


def column(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(
    st.lists(st.tuples(seconds, offsets), min_size=1, max_size=20), st.sampled_from(["T", " "]), st.booleans()
)
def test_texts_with_an_offset(pairs: list[tuple[datetime, timezone]], between: str, odd: bool) -> None:
    aware = [m.replace(tzinfo=z) for m, z in pairs]
    texts: list[object] = [m.isoformat(between) for m in aware]
    if odd:  # one text in another form sends the whole batch the slow way, with the same result
        texts.append("2013-01-30 01:00+01:00")
        aware.append(datetime(2013, 1, 30, 1, tzinfo=CET))
    got = instants(column(texts), None)
    assert got.utc.tolist() == [micros(m) for m in aware]
    assert got.wall.tolist() == [micros(m.replace(tzinfo=UTC)) for m in aware]
    assert not got.unreadable.any()
    assert [got.offset(i) for i in range(len(aware))] == [
        "UTC" if m.utcoffset() == timedelta(0) else m.isoformat()[-6:] for m in aware
    ]


@given(st.lists(moments, min_size=1, max_size=20))
def test_naive_times_in_a_zone_with_summer_time(naive: list[datetime]) -> None:
    got = instants(column(list(naive), pa.timestamp("us")), BERLIN)
    for i, moment in enumerate(naive):
        early, late = moment.replace(tzinfo=BERLIN, fold=0), moment.replace(tzinfo=BERLIN, fold=1)
        unclear = early.utcoffset() != late.utcoffset()
        assert bool(got.unclear[i]) == unclear
        if not unclear:
            assert got.utc[i] == micros(early.astimezone(UTC))


@given(st.lists(moments, min_size=1, max_size=20))
def test_the_wall_clock_of_instants_in_a_named_zone(naive: list[datetime]) -> None:
    aware = [m.replace(tzinfo=UTC) for m in naive]
    got = instants(column(list(aware), pa.timestamp("us", "UTC")), BERLIN)
    assert got.wall.tolist() == [micros(m.astimezone(BERLIN).replace(tzinfo=UTC)) for m in aware]


def test_summer_time_goes_on_after_2037() -> None:
    got = instants(column(["2040-07-01T00:00:00", "2040-01-01T00:00:00"]), BERLIN)
    assert [as_datetime(u).hour for u in got.utc] == [22, 23]


def test_columns_of_every_kind() -> None:
    expected = micros(datetime(2013, 1, 30, tzinfo=UTC))
    date = datetime(2013, 1, 30).date()  # noqa: DTZ001
    for values in (
        column([date]),
        column([np.datetime64("2013-01-30T00", "ns")], pa.timestamp("ns")),
        column([np.datetime64("2013-01-30T00", "s")], pa.timestamp("s")),
        column(["2013-01-30"]),
        column(["2013-01-30", "2013-01-30T00:00"]),
        column([datetime(2013, 1, 30, 1, tzinfo=CET)], pa.timestamp("ms", "Europe/Berlin")),
    ):
        assert instants(values, UTC).utc[0] == expected
    assert instants(column([None, None]), None).unreadable.all()
    with pytest.raises(CheckError, match="time holds values of type int64"):
        instants(column([1]), UTC)


def test_what_cannot_be_read_costs_itself_only() -> None:
    texts: list[object] = [
        "2013-01-30T01:00:00Z",
        "2013-02-30T01:00:00Z",
        "x",
        None,
        "2013-01-30T01:00:00+99:00",
        "2013-01-30 02:00:00Z",
    ]
    got = instants(column(texts), None)
    assert got.unreadable.tolist() == [False, True, True, True, True, False]
    assert as_datetime(got.utc[5]) == datetime(2013, 1, 30, 2, tzinfo=UTC)


def test_endings_that_are_no_offset() -> None:
    endings = ["Z", "+1", " CET", ".5", "+25:00", ".25+01:00"]
    got = instants(column([f"2013-01-30T01:00:00{e}" for e in endings]), UTC)
    assert got.unreadable.tolist() == [False, True, True, False, True, False]
    assert as_datetime(got.utc[5]) == datetime(2013, 1, 30, 0, 0, 0, 250_000, tzinfo=UTC)


def test_a_text_with_an_offset_is_clear_also_when_the_clocks_change() -> None:
    got = instants(column(["2014-10-26T02:30:00+01:00", "2014-10-26T02:30:00"]), BERLIN)
    assert got.unclear.tolist() == [False, True]
    assert as_datetime(got.utc[0]) == datetime(2014, 10, 26, 1, 30, tzinfo=UTC)


def test_naive_texts_among_others_need_a_zone() -> None:
    texts: list[object] = ["2013-06-30T01:00:00Z", "2013-06-30T01:00:00"]
    with pytest.raises(CheckError, match="without a zone"):
        instants(column(texts), None)
    got = instants(column(texts), BERLIN)
    assert [as_datetime(u).hour for u in got.utc] == [1, 23]


durations = st.sampled_from(["PT1H", "PT8H", "P1D", "P1M", "P1Y", "P1M2D", "PT15M", "P1DT1H"]).map(
    parse_duration
)


@given(st.lists(moments, min_size=1, max_size=20), durations, st.sampled_from([UTC, CET]))
def test_ends_agree_with_the_arithmetic_of_single_instants(
    naive: list[datetime], duration: Duration, zone: timezone
) -> None:
    begin = instants(column(list(naive), pa.timestamp("us")), zone)
    expected = [micros(duration.after(m.replace(tzinfo=zone)).astimezone(UTC)) for m in naive]
    assert add(begin, duration, zone).tolist() == expected


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(["P1D", "P1M", "P1Y"]).map(parse_duration))
def test_days_in_a_zone_with_summer_time(naive: list[datetime], duration: Duration) -> None:
    midnights = [m.replace(hour=0, minute=0, second=0, microsecond=0) for m in naive]
    # Before 1980 Germany changed its clocks at midnight at times; there the end itself is unclear.
    midnights = [m for m in midnights if m.year > 1981]
    begin = instants(column(list(midnights), pa.timestamp("us")), BERLIN)
    expected = [micros(duration.after(m.replace(tzinfo=BERLIN)).astimezone(UTC)) for m in midnights]
    assert add(begin, duration, BERLIN).tolist() == expected
