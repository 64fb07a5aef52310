"""Properties of the parsers of time: what is written is read back, and nothing but UsageError ever comes out."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from ldt.errors import UsageError
from ldt.timerange import (
    Duration,
    Interval,
    format_instant,
    parse_duration,
    parse_instant,
    parse_interval,
    parse_period,
    parse_zone,
)

offsets = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30), timezones=offsets)  # noqa: DTZ001
durations = st.builds(Duration, st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 10**14))


@given(moments)
def test_an_instant_is_read_back(moment: datetime) -> None:
    assert parse_instant(format_instant(moment)) == moment
    # Python's own text of the same moment means the same.
    assert parse_instant(moment.isoformat()) == moment
    assert parse_instant(moment.isoformat(" ")) == moment


@given(st.none() | moments, st.none() | moments)
def test_an_interval_is_read_back(start: datetime | None, end: datetime | None) -> None:
    if start is not None and end is not None and end < start:
        start, end = end, start
    if start is None and end is None:
        return
    interval = Interval(start, end)
    assert parse_interval(interval.text()) == interval


@given(durations)
def test_a_duration_is_read_back(duration: Duration) -> None:
    assert parse_duration(duration.text()) == duration


@given(st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1)), durations)  # noqa: DTZ001
def test_a_duration_leads_forward(moment: datetime, duration: Duration) -> None:
    start = moment.replace(tzinfo=UTC)
    after = duration.after(start)
    assert (after > start) == bool(duration)
    exact = Duration(0, duration.days, duration.microseconds)
    assert exact.after(start) - start == timedelta(days=duration.days, microseconds=duration.microseconds)


@given(st.integers(2, 9997), st.none() | st.integers(1, 12), offsets)
def test_periods_follow_one_another_without_gap(year: int, month: int | None, zone: timezone) -> None:
    text = f"{year:04d}" if month is None else f"{year:04d}-{month:02d}"
    later = year + (month in {None, 12})
    following = f"{later:04d}" if month is None else f"{later:04d}-{month % 12 + 1:02d}"
    if later > 9997:
        return
    assert parse_period(text, zone).end == parse_period(following, zone).start


@given(st.text(max_size=40) | st.from_regex(r"[0-9TZPYMDHSz:./+ -]{0,30}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_instant, parse_interval, parse_duration, parse_zone, lambda t: parse_period(t, UTC)):
        try:
            read = parse(text)
        except UsageError:
            continue
        assert read is not None
