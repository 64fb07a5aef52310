"""What comes in: which indicator, which spatial units, which periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import WithJsonSchema

from ldt.api.negotiate import CSV, GEOJSON, HTML, JSON, PARQUET
from ldt.api.paging import Token, bad_token
from ldt.api.parameters import parse_datetime
from ldt.errors import NotFound, UsageError
from ldt.model.indicator import ValueKey
from ldt.timerange import parse_instant, parse_period

FORMS = (JSON, HTML)
TABLE_FORMS = (JSON, HTML, CSV)
VALUE_FORMS = (JSON, GEOJSON, HTML, CSV, PARQUET)
ONE_FORMS = (JSON, GEOJSON, HTML)

_STATUS = ("valid", "insufficient", "not-computable", "suppressed")


IndicatorId = Annotated[str, Path(alias="indicator", description="Id of the indicator.")]
ValueId = Annotated[str, Path(alias="value", description="Id of the value: `{scheme}.{code}.{period}`.")]
Scheme = Annotated[
    str | None,
    Query(description="Only this scheme of spatial units (`station`, `city`, `district`, …)."),
    WithJsonSchema({"type": "string"}),
]
Codes = Annotated[
    str | None,
    Query(alias="code", description="Only these units; several are parted by commas."),
    WithJsonSchema({"type": "string"}),
]
Periods = Annotated[
    str | None,
    Query(
        alias="period",
        description="Only these periods as they are written (`2013`); several are parted by commas.",
    ),
    WithJsonSchema({"type": "string"}),
]
StatusIs = Annotated[
    str | None,
    Query(alias="status", description="Only values of this status."),
    WithJsonSchema({"type": "string", "enum": list(_STATUS)}),
]


def filters(
    scheme: str | None, code: str | None, period: str | None, status: str | None, within: str | None
) -> dict[str, Any]:
    """Return the filters of the store for what was asked.

    Raises:
        UsageError: a status that there is not, a malformed period or time.
    """
    if status is not None and status not in _STATUS:
        raise UsageError(f"{status!r} is no status", where="status", remedy=f"one of {', '.join(_STATUS)}")
    periods = period.split(",") if period is not None else None
    for text in periods or ():
        parse_period(text, UTC)
    interval = parse_datetime(within)
    end = interval.end + timedelta(microseconds=1) if interval and interval.end else None
    return {
        "scheme": scheme,
        "codes": code.split(",") if code is not None else None,
        "periods": periods,
        "status": status,
        "start": interval.start if interval else None,
        "end": end,
    }


def position(token: Token | None) -> tuple[str, str, datetime, datetime] | None:
    """Return (scheme, code, start, end) of the value after which a page begins; raises BadToken."""
    if token is None:
        return None
    scheme, code, start, end = token.position
    try:
        return scheme, code, parse_instant(start), parse_instant(end)
    except UsageError as e:
        raise bad_token("it was not made by this service") from e


def record_position(token: Token | None) -> tuple[int, str] | None:
    """Return the position of the record after which a page of lineage begins; raises BadToken."""
    if token is None:
        return None
    number, text = token.position
    if not 0 <= number < 2**31:
        raise bad_token("it was not made by this service")
    return number, text


def value_key(indicator: str, slug: str) -> ValueKey:
    """Return the key that the id of a value stands for.

    Raises:
        NotFound: no value can have it.
    """
    try:
        key = ValueKey.parse(indicator, slug)
    except ValueError:
        key = None
    if key is None or "\x00" in f"{key.scheme}{key.code}{key.period}":
        raise NotFound(
            f"{indicator} has no value {slug!r}", remedy="the list of its values shows what there is"
        )
    return key
