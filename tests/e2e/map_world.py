"""Three twins made by hand for the tests of the map: one to look at, one with very much in it, one with nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import shapely
from tests.api.conftest import Town

from ldt.model.indicator import Definition, Status, Value, ValueKey
from ldt.model.snapshot import OPERATOR
from ldt.store import snapshots, values
from ldt.store.catalogue import read_files
from ldt.store.connect import connect
from ldt.store.revisions import next_revision

NO2, PM10, GREEN = "no2-annual-mean", "pm10-annual-mean", "natural-share"
#: Names that would run, were they markup.
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
#: Lower left corner of a board of 4 x 3 quarters, each 0.01 by 0.01 degrees.
WEST, SOUTH, SIZE = 9.0, 51.0, 0.01

#: NO2 of the quarters in 2023; None where there is no number.
QUARTERS: dict[str, float | None] = {
    "00": 4.0, "10": 10.0, "20": 10.5, "30": 19.0,
    "01": 20.0, "11": 25.123456789, "21": 40.0, "31": 40.001,
    "02": 55.0, "12": 12.0, "22": None, "32": None,
}  # fmt: skip
REASONS: dict[str, tuple[Status, str]] = {
    "22": ("insufficient", "23.7 % of the expected values are there and valid, 75 % are needed"),
    "32": ("not-computable", "needs a station in the area"),
}
LIMITS = ((40.0, "2008-50-ec", True), (20.0, "2024-2881", False), (10.0, "who-2021", True))


def centre(code: str) -> tuple[float, float]:
    """Return longitude and latitude of the middle of a quarter."""
    return WEST + (int(code[0]) + 0.5) * SIZE, SOUTH + (int(code[1]) + 0.5) * SIZE


def cell(code: str) -> shapely.Geometry:
    x, y = WEST + int(code[0]) * SIZE, SOUTH + int(code[1]) * SIZE
    return shapely.box(x, y, x + SIZE, y + SIZE)


def value(
    indicator: str, scheme: str, code: str, number: float | None, place: shapely.Geometry, **more: Any
) -> Value:
    year = more.pop("year", 2023)
    status, reason = more.pop("why", ("valid", None))
    verdicts = [
        {
            "rule_set": rules,
            "objective": "limit value, year",
            "limit": limit,
            "unit": "ug/m3",
            "in_force": in_force,
            "verdict": "not-assessable" if number is None else "exceeded" if number > limit else "compliant",
            "coverage_required": 0.9,
            "source": "by hand",
        }
        for limit, rules, in_force in LIMITS
        if indicator == NO2
    ]
    return Value(
        key=ValueKey(indicator, scheme, code, str(year)),
        period_start=datetime(year, 1, 1, tzinfo=UTC),
        period_end=datetime(year + 1, 1, 1, tzinfo=UTC),
        unit="%" if indicator == GREEN else "ug/m3",
        status=status,
        reason=reason,
        method="by hand",
        name=more.pop("name", f"Quarter {code}"),
        value=number,
        n_valid=8000,
        n_expected=8760,
        coverage=0.9132,
        verdicts=verdicts,
        geom=shapely.to_wkb(shapely.set_srid(place, 4326), include_srid=True),
    )


def board() -> list[Value]:
    """Return the values of the first twin."""
    found = [
        value(NO2, "quarter", code, number, cell(code), why=REASONS.get(code, ("valid", None)))
        for code, number in QUARTERS.items()
    ]
    found += [value(NO2, "quarter", code, 5.0, cell(code), year=2022) for code in QUARTERS]
    found += [value(GREEN, "quarter", code, float(i), cell(code)) for i, code in enumerate(QUARTERS)]
    found.append(value(GREEN, "district", "d", 77.0, shapely.union_all([cell(c) for c in QUARTERS])))
    found += [
        value(NO2, "station", "S1", 44.04, shapely.Point(centre("00")), name=HOSTILE),
        value(NO2, "station", "S2", None, shapely.Point(centre("31")), name="S two", why=REASONS["22"]),
    ]
    return found


def write(url: str, twin: str, found: Iterable[Value]) -> None:
    """Store values, one run for each indicator."""
    found = list(found)
    definitions = {
        d.id: d.model_dump(mode="json", by_alias=True) for d in read_files("indicators", Definition)
    }
    with connect(url) as conn:
        for indicator in sorted({v.key.indicator for v in found}):
            mine = [v for v in found if v.key.indicator == indicator]
            scope = values.Scope(
                indicator, frozenset(v.key.scheme for v in mine), frozenset(v.key.period for v in mine)
            )
            now = datetime.now(UTC)
            with conn.transaction():
                snapshot = snapshots.resolve(conn, twin, OPERATOR, None)
                changed = values.changes(conn, snapshot, scope, mine)
                revision = next_revision(conn, snapshot.twin_id, "values")
                run = values.RunRecord(indicator, now, now, "0", definitions[indicator], "", "", {}, [])
                values.write(conn, snapshot, revision, run, changed)


def make(url: str) -> None:
    """Make the twins `board`, `crowd` and `empty`."""
    with connect(url) as conn:
        town = Town(url, conn)
        for name in ("board", "crowd", "empty"):
            town.twin(name)
        whole = shapely.box(WEST, SOUTH, WEST + 4 * SIZE, SOUTH + 3 * SIZE)
        city = {"scheme": "city", "code": "B", "name": "Board", "country": "DE"}
        town.features({"b": (whole, city)}, twin="board", name="boundary")
        cover = {"nomenclature": "corine", "reference_year": 2018}
        town.features(
            {
                "urban": (cell("00"), {"class": "111", **cover}),
                "forest": (cell("10"), {"class": "311", **cover}),
                "earlier": (cell("20"), {"class": "512", "nomenclature": "corine", "reference_year": 2012}),
                "change": (
                    cell("30"),
                    {"class": "121", "change_from": "211", "change_from_year": 2012, **cover},
                ),
            },
            twin="board",
            name="cover",
            kind="land-cover-units",
        )
        town.features(
            {"p": (cell("11"), {"name": HOSTILE})}, twin="board", name="parks", kind="protected-sites"
        )
        sites = {
            f"s{i}": (shapely.Point(9 + i % 100 / 1000, 51 + i // 100 / 1000), {"name": f"Site {i}"})
            for i in range(5100)
        }
        town.features(sites, twin="crowd", name="parks", kind="protected-sites")
    write(url, "board", board())
    crowd = [value(PM10, "quarter", f"{i:04d}", float(i), cell("00"), name=f"Crowd {i}") for i in range(1200)]
    write(url, "crowd", crowd)
