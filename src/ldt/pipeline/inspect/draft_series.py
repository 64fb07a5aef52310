"""Drafted recipes of observations: tables of values in time whose headers name what is observed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from ldt.harmonise.vocabulary import observed_property
from ldt.pipeline.generic import layer_name, published, safe_name
from ldt.pipeline.inspect import Looked
from ldt.pipeline.inspect.columns import quoted
from ldt.pipeline.inspect.draft_text import Lines, head, sentinels, source, zone_comment
from ldt.pipeline.inspect.profile import Column, Profile
from ldt.pipeline.inspect.times import TimeColumn, time_sql
from ldt.sources.table import TableOptions, unit_row

_THING = re.compile(r"(?i)(station|sensor|thing|procedure|site|location|messstelle|stn)")
_UNIT = re.compile(r"[\[(]\s*([^\])]+?)\s*[\])]\s*$")


def units_of(found: Looked) -> dict[str, str]:
    """Return the units of a table's columns that a row of its own tells."""
    if found.layer.reader != "table":
        return {}
    return unit_row(found.layer.resource.path, TableOptions.model_validate(found.options))


def observed(seen: Profile, units: dict[str, str]) -> list[tuple[Column, str, str | None, str]]:
    """Return the columns of numbers whose header names an observed property: with its code, the unit that the table tells, the stored unit."""
    found = []
    for column, kind in published(seen, "table"):
        if kind not in {"integer", "number", "comma"}:
            continue
        stated = _UNIT.search(column.name)
        unit = stated[1] if stated else units.get(column.name)
        plain = _UNIT.sub("", column.name).strip()
        words = [plain, plain.replace("_", "-"), *re.split(r"[:/]", plain)[-1:]]
        what = next((p for w in words if (p := observed_property(w)) and not w.isdigit()), None)
        if what is not None:
            found.append((column, what.code, unit, what.unit))
    return found


def observations(
    path: Path, found: Looked, time: TimeColumn, values: list[tuple[Column, str, str | None, str]]
) -> Lines:
    """Return the recipe of a table of values in time.

    Args:
        path: of the file.
        found: what was found of the layer.
        time: the column that tells when.
        values: the columns of values (see :func:`observed`).
    """
    assert found.profile is not None  # noqa: S101 - the caller has asked
    assert found.time is not None  # noqa: S101 - the caller has asked
    lines = Lines()
    name = layer_name(found.layer.reader, found.layer.resource, found.options)
    head(lines, path, found, name)
    source(lines, found)
    thing = next((c.name for c in found.profile.columns.values() if _THING.search(c.name) and c.filled), None)
    lines.put(0, "observation")
    if thing:
        lines.put(1, "thing", f"{quoted(thing)}::VARCHAR", "decide: the code of the station")
    else:
        lines.put(1, "thing", f"'{safe_name(name)}'", "decide: the code of the station")
    lines.put(1, "unpivot", {"columns": [c.name for c, *_ in values]})

    def cases(texts: Iterable[tuple[str, str]]) -> str:
        whens = " ".join(
            "WHEN '{}' THEN '{}'".format(*(t.replace("'", "''") for t in pair)) for pair in texts
        )
        return f"CASE item_name {whens} END"

    lines.put(1, "observed_property", cases((c.name, code) for c, code, _, _ in values))
    step = found.time.step
    lines.put(1, "averaging", f"'{_duration(step)}'", "decide: what one value stands for; PT0S is an instant")
    lines.put(1, "time", time_sql(time))
    if time.naive and found.time.zone is None:
        lines.put(1, "zone", "UTC", zone_comment(found))
    elif time.naive:
        lines.put(1, "zone", found.time.zone)
    comma = any(kind == "comma" for _, kind in published(found.profile, "table"))
    lines.put(1, "value", "replace(trim(item::VARCHAR), ',', '.')::DOUBLE" if comma else "item::DOUBLE")
    gone = sorted({s for c, *_ in values for s in sentinels(c, "number")})
    listed = ", ".join(f"'{g}'" for g in gone)
    lines.put(
        1,
        "missing",
        f"item IS NULL{f' OR trim(item::VARCHAR) IN ({listed})' if gone else ''}",
        f"decide: whether {', '.join(gone)} means that there is no value" if gone else "",
    )
    unstated = [c.name for c, _, unit, _ in values if unit is None]
    lines.put(
        1,
        "unit",
        cases((c.name, unit or stored) for c, _, unit, stored in values),
        f"decide: the header does not name the unit of {', '.join(unstated)}" if unstated else "",
    )
    return lines


def _duration(step: timedelta | None) -> str:
    if step is None:
        return "PT0S"
    seconds = int(step.total_seconds())
    if seconds % 86_400 == 0:
        return f"P{seconds // 86_400}D"
    if seconds % 3600 == 0:
        return f"PT{seconds // 3600}H"
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"
