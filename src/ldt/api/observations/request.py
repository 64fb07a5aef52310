"""What comes in: which property, where, when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import WithJsonSchema

from ldt.api.negotiate import CSV, GEOJSON, HTML, JSON
from ldt.api.paging import Token, bad_token
from ldt.api.parameters import parse_datetime
from ldt.errors import NotFound

LATEST_FORMS = (JSON, GEOJSON, HTML, CSV)
TABLE_FORMS = (JSON, HTML, CSV)
FORMS = (JSON, HTML)

ObservedProperty = Annotated[
    str | None,
    Query(
        alias="property",
        description="Code of the observed property (`NO2`), of the vocabulary `observed-properties`.",
    ),
    WithJsonSchema({"type": "string"}),
]
DatastreamId = Annotated[
    str,
    Path(alias="datastream", description="Id of the datastream."),
    WithJsonSchema({"type": "integer"}),
]


def datastream_id(text: str) -> int:
    """Return the id that a part of an address is.

    Raises:
        NotFound: no datastream can have it.
    """
    if text.isascii() and text.isdigit() and len(text) < 11 and int(text) < 2**31:
        return int(text)
    raise NotFound(f"there is no datastream {text!r}", remedy="/datastreams lists what there is")


def stream_position(token: Token | None) -> int | None:
    """Return the id of the datastream after which a page begins; raises BadToken."""
    if token is None:
        return None
    (number,) = token.position
    if not 0 <= number < 2**31:
        raise bad_token("it was not made by this service")
    return int(number)


def beginnings(text: str | None) -> tuple[datetime | None, datetime | None]:
    """Return [start, end) of the beginnings that a datetime parameter asks for; its own bounds are both included."""
    interval = parse_datetime(text)
    if interval is None:
        return None, None
    return interval.start, interval.end + timedelta(microseconds=1) if interval.end else None
