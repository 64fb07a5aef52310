"""Local times across the changes of the clocks: a day of 92, 96 or 100 quarter-hours, held against `zoneinfo`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt.harmonise.times import instants

ZONES = (
    "Europe/Berlin",
    "Europe/Lisbon",
    "Europe/Athens",
    "Europe/London",
    "Atlantic/Azores",
    "Europe/Chisinau",
)


def last_sunday(year: int, month: int) -> date:
    day = date(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def quarters(day: date, zone: ZoneInfo) -> list[datetime]:
    """The quarter-hours of a local day, and one before and behind it, as instants."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) - timedelta(minutes=15)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
    return [begin + timedelta(minutes=15 * i) for i in range((end - begin) // timedelta(minutes=15) + 1)]


def read(walls: list[datetime], zone: ZoneInfo) -> tuple[list[datetime], list[bool]]:
    got = instants(pa.chunked_array([pa.array(walls, pa.timestamp("us"))]), zone)
    return [
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(m)) for m in got.utc
    ], got.unclear.tolist()


@given(st.integers(1997, 2036), st.sampled_from(ZONES), st.integers(1, 3))
def test_rows_in_the_order_of_time_tell_the_two_hours_apart(year: int, name: str, stations: int) -> None:
    zone = ZoneInfo(name)
    # Several stations side by side: each time stands as often.
    moments = [m for m in quarters(last_sunday(year, 10), zone) for _ in range(stations)]
    found, unclear = read([m.astimezone(zone).replace(tzinfo=None) for m in moments], zone)
    assert len(moments) == 102 * stations
    assert not any(unclear)
    assert found == moments


@given(st.integers(1997, 2036), st.sampled_from(ZONES))
def test_a_day_of_92_quarter_hours_has_no_gap(year: int, name: str) -> None:
    zone = ZoneInfo(name)
    moments = quarters(last_sunday(year, 3), zone)
    found, unclear = read([m.astimezone(zone).replace(tzinfo=None) for m in moments], zone)
    assert len(moments) == 94
    assert not any(unclear)
    assert found == moments


@pytest.mark.parametrize("kept", ["first", "second"])
def test_one_hour_of_the_two_cannot_be_told(kept: str) -> None:
    """96 quarter-hours where there should be 100: the four of the doubled hour may be either, and are not guessed."""
    zone = ZoneInfo("Europe/Berlin")
    fold = {"first": 0, "second": 1}[kept]
    walls = [m.astimezone(zone) for m in quarters(date(2013, 10, 27), zone)]
    walls = [w.replace(tzinfo=None) for w in walls if w.hour != 2 or w.fold == fold]
    assert len(walls) == 98
    found, unclear = read(walls, zone)
    assert [w for w, u in zip(walls, unclear, strict=True) if u] == [
        datetime(2013, 10, 27, 2, m)  # noqa: DTZ001
        for m in (0, 15, 30, 45)
    ]
    clear = [(f, w) for f, w, u in zip(found, walls, unclear, strict=True) if not u]
    assert all(f == w.replace(tzinfo=zone).astimezone(UTC) for f, w in clear)


@pytest.mark.parametrize(
    "walls", [["02:00", "02:30", "02:00", "02:30"], ["01:30", "02:30", "02:00", "02:30", "02:00", "03:00"]]
)
def test_an_order_that_shows_nothing_is_not_guessed_from(walls: list[str]) -> None:
    """Two stations one after the other with nothing but the doubled hour, and rows in no order."""
    zone = ZoneInfo("Europe/Berlin")
    times = [datetime.fromisoformat(f"2013-10-27T{w}") for w in walls]
    _, unclear = read(times, zone)
    assert unclear == [w.startswith("02") for w in walls]
