"""Instants, intervals, durations, periods and zones: what is read, and what is said of what cannot be."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ldt.errors import UsageError
from ldt.timerange import (
    Duration,
    Interval,
    format_instant,
    format_offset,
    parse_duration,
    parse_instant,
    parse_interval,
    parse_period,
    parse_zone,
)

CET = timezone(timedelta(hours=1))
BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2013-01-30T01:00:00Z", utc(2013, 1, 30, 1)),
        ("2013-01-30t01:00:00z", utc(2013, 1, 30, 1)),
        ("2013-01-30T01:00:00+01:00", utc(2013, 1, 30, 0)),
        ("2013-01-30 01:00:00 +01:00", utc(2013, 1, 30, 0)),  # as the EEA's legacy files write
        ("2013-01-30T01:00:00-00:30", utc(2013, 1, 30, 1, 30)),
        ("2013-01-30T01:00:00.5Z", utc(2013, 1, 30, 1, 0, 0, 500_000)),
        ("2013-01-30T01:00:00.1234567Z", utc(2013, 1, 30, 1, 0, 0, 123_456)),
        ("2013-01-30T01:00Z", utc(2013, 1, 30, 1)),
        ("2012-02-29T23:30:00-01:00", utc(2012, 3, 1, 0, 30)),
    ],
)
def test_instants(text: str, moment: datetime) -> None:
    assert parse_instant(text) == moment
    assert parse_instant(format_instant(moment)) == moment


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2013-01-30", "a date without a time"),
        ("2013-01-30T01:00:00", "has no time zone"),
        ("2013-01-30T01:00:00 01:00", "lost its plus sign"),
        ("2013-02-30T01:00:00Z", "not in the calendar"),
        ("2013-01-30T24:00:00Z", "no hour 24"),
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2013-01-30T01:00:00+25:00", "no zone of the world"),
        ("30.01.2013 01:00", "not an instant of RFC 3339"),
        ("0001-01-01T00:00:00+14:00", "years from 0002 to 9998"),
        ("", "not an instant of RFC 3339"),
    ],
)
def test_each_malformed_instant_has_its_message(text: str, why: str) -> None:
    with pytest.raises(UsageError) as e:
        parse_instant(text)
    assert why in str(e.value)
    assert text[-6:] in str(e.value)


def test_naive_instants_are_read_in_the_zone_given_and_never_written() -> None:
    assert parse_instant("2013-01-30T01:00:00", naive=CET) == utc(2013, 1, 30, 0)
    with pytest.raises(UsageError, match="no time zone"):
        format_instant(datetime(2013, 1, 30))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("2013-01-30T01:00:00Z", Interval(utc(2013, 1, 30, 1), utc(2013, 1, 30, 1))),
        ("2013-01-01T00:00:00Z/2014-01-01T00:00:00Z", Interval(utc(2013, 1, 1), utc(2014, 1, 1))),
        ("../2014-01-01T00:00:00Z", Interval(None, utc(2014, 1, 1))),
        ("/2014-01-01T00:00:00Z", Interval(None, utc(2014, 1, 1))),
        ("2013-01-01T00:00:00Z/..", Interval(utc(2013, 1, 1), None)),
        ("2013-01-01T00:00:00Z/", Interval(utc(2013, 1, 1), None)),
        ("2013-01-01", Interval(utc(2013, 1, 1), utc(2013, 1, 1, 23, 59, 59, 999_999))),
        ("2013-01-01/2013-01-02", Interval(utc(2013, 1, 1), utc(2013, 1, 2, 23, 59, 59, 999_999))),
        ("2013-01-31/P1M", Interval(utc(2013, 1, 31), utc(2013, 2, 28))),
        ("2013-01-30T01:00:00Z/PT90M", Interval(utc(2013, 1, 30, 1), utc(2013, 1, 30, 2, 30))),
        ("P1DT1H/2013-03-01T00:00:00Z", Interval(utc(2013, 2, 27, 23), utc(2013, 3, 1))),
    ],
)
def test_intervals(text: str, interval: Interval) -> None:
    assert parse_interval(text) == interval
    assert parse_interval(interval.text()) == interval


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("..", "alone"),
        ("../..", "open on both sides"),
        ("/", "open on both sides"),
        ("2013-01-01/2013-01-02/2013-01-03", "more than two ends"),
        ("2014-01-01T00:00:00Z/2013-01-01T00:00:00Z", "ends before it starts"),
        ("2013-01-01T00:00:00/..", "no time zone"),
        ("now/..", "not an instant"),
        ("../P1D", "no end to count from"),
        ("P1D/P1D", "not an instant"),
        ("2013-01-01/P", "not a duration"),
        ("2013-01-01/P9999Y", "leaves the calendar"),
        ("P3000Y/2013-01-01", "leaves the calendar"),
        (f"2013-01-01/P{'9' * 5000}D", "leaves the calendar"),
    ],
)
def test_each_malformed_interval_has_its_message(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_interval(text)


@pytest.mark.parametrize(
    ("text", "duration", "canonical"),
    [
        ("PT1H", Duration(microseconds=3_600_000_000), "PT1H"),
        ("PT60M", Duration(microseconds=3_600_000_000), "PT1H"),
        ("PT8H", Duration(microseconds=8 * 3_600_000_000), "PT8H"),
        ("PT24H", Duration(microseconds=24 * 3_600_000_000), "PT24H"),  # not a day: a day may have 23 hours
        ("P1D", Duration(days=1), "P1D"),
        ("P1W", Duration(days=7), "P7D"),
        ("P1Y6M", Duration(months=18), "P1Y6M"),
        ("P1Y", Duration(months=12), "P1Y"),
        ("PT0S", Duration(), "PT0S"),
        ("PT1.5S", Duration(microseconds=1_500_000), "PT1.5S"),
        ("PT15M", Duration(microseconds=900_000_000), "PT15M"),
        ("P1DT12H", Duration(days=1, microseconds=12 * 3_600_000_000), "P1DT12H"),
    ],
)
def test_durations(text: str, duration: Duration, canonical: str) -> None:
    assert parse_duration(text) == duration
    assert duration.text() == canonical
    assert parse_duration(canonical) == duration
    assert bool(duration) is (text != "PT0S")


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1", "1H", "P1H", "PT1D", "P-1D", "P1DT", "PT0.5H", "hour", "P1Y "[:-1] + "x"]
)
def test_malformed_durations(text: str) -> None:
    with pytest.raises(UsageError, match="not a duration"):
        parse_duration(text)


def test_calendar_durations_follow_the_wall_clock() -> None:
    before = datetime(2014, 3, 30, tzinfo=BERLIN)  # the day on which the clocks go forward: 23 hours
    assert parse_duration("P1D").after(before).astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=23)
    assert parse_duration("PT24H").after(before).astimezone(UTC) - before.astimezone(UTC) == timedelta(
        hours=24
    )
    assert parse_duration("P1M").after(utc(2013, 1, 31)) == utc(2013, 2, 28)
    assert parse_duration("P1Y").after(utc(2012, 2, 29)) == utc(2013, 2, 28)
    assert parse_duration("P1M").after(utc(2013, 12, 1)) == utc(2014, 1, 1)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2013", utc(2012, 12, 31, 23), utc(2013, 12, 31, 23)),
        ("2013-12", utc(2013, 11, 30, 23), utc(2013, 12, 31, 23)),
        ("2012-02-29", utc(2012, 2, 28, 23), utc(2012, 2, 29, 23)),
        ("2013-01-01/2014-01-01", utc(2012, 12, 31, 23), utc(2013, 12, 31, 23)),
        ("2013-01-01T00", utc(2012, 12, 31, 23), utc(2013, 1, 1)),
        ("2013-05-01T23", utc(2013, 5, 1, 22), utc(2013, 5, 1, 23)),
    ],
)
def test_periods_begin_at_midnight_of_the_zone(text: str, start: datetime, end: datetime) -> None:
    period = parse_period(text, CET)
    assert (period.start, period.end) == (start, end)
    assert parse_period(period.text, CET) == period


def test_a_period_in_a_zone_with_summer_time() -> None:
    assert parse_period("2014-03-30", BERLIN).end - parse_period("2014-03-30", BERLIN).start == timedelta(
        hours=23
    )
    # The clocks go from two to three, and back from three to two.
    with pytest.raises(UsageError, match="2014-03-30 has no 02:00"):
        parse_period("2014-03-30T02", BERLIN)
    october = parse_period("2014-10-26T02", BERLIN)
    assert (october.start, october.end) == (utc(2014, 10, 26), utc(2014, 10, 26, 1))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a period"),
        ("13", "not a period"),
        ("2013-13", "not in the calendar"),
        ("2013-02-30", "not in the calendar"),
        ("2013T10", "not a period"),
        ("2013-05-01T24", "not in the calendar"),
        ("2013-05-01T10/2013-05-02T10", "both ends must be days"),
        ("2013/2014", "both ends must be days"),
        ("2013-01-01/2013-01-01", "empty"),
        ("2013-01-02/2013-01-01", "empty"),
        ("2013-01-01/2013-01-02/2013-01-03", "more than two ends"),
        ("0001", "years from 0002"),
        ("9999", "years from 0002"),
    ],
)
def test_each_malformed_period_has_its_message(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_period(text, CET)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("+01:00", 60),
        ("UTC+01", 60),
        ("UTC+01:00", 60),
        ("+0530", 330),
        ("-03:30", -210),
        ("Z", 0),
        ("utc", 0),
    ],
)
def test_fixed_zones(text: str, offset: int) -> None:
    zone = parse_zone(text)
    assert isinstance(zone, timezone)
    assert zone.utcoffset(None) == timedelta(minutes=offset)
    assert parse_zone(format_offset(zone)) == zone


def test_named_zones() -> None:
    assert parse_zone("Europe/Berlin") == BERLIN


@pytest.mark.parametrize("text", ["", "CETX", "../etc/passwd", "/etc/passwd", "+15:00", "+01:60", "Europe"])
def test_what_is_no_zone(text: str) -> None:
    with pytest.raises(UsageError, match="zone"):
        parse_zone(text)
