"""What the store answers for observations: latest values, datastreams, series."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from ldt.api.context import Reading
from ldt.api.parameters import Box
from ldt.errors import NotFound
from ldt.store import observations


def latest(
    seen: Reading, observed_property: str | None, boxes: tuple[Box, ...], limit: int, after: int | None
) -> list[dict[str, Any]]:
    """Return the latest value of every datastream, with the place of its station as a GeoJSON object."""
    found = observations.latest(
        seen.conn, seen.snapshot, observed_property=observed_property, bboxes=boxes, limit=limit, after=after
    )
    for row in found:
        row["geometry"] = orjson.loads(row["geometry"]) if row["geometry"] else None
    return found


def datastreams(seen: Reading, limit: int, after: int | None) -> list[dict[str, Any]]:
    """Return datastreams with their state, in order of id."""
    return observations.datastreams(seen.conn, seen.snapshot, limit=limit, after=after)


def datastream(seen: Reading, identifier: int) -> dict[str, Any]:
    """Return one datastream with its state; raises NotFound if the snapshot does not see it."""
    found = observations.datastream(seen.conn, seen.snapshot, identifier)
    if found is None:
        raise NotFound(f"there is no datastream {identifier}", remedy="/datastreams lists what there is")
    return found


def series(
    seen: Reading,
    identifier: int,
    bounds: tuple[datetime | None, datetime | None],
    limit: int,
    after: datetime | None,
) -> list[dict[str, Any]]:
    """Return observations of a datastream in order of time; none for one that the snapshot does not see."""
    return observations.series(seen.conn, seen.snapshot, identifier, *bounds, limit=limit, after=after)
