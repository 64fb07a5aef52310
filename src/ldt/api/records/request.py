"""What comes in: search terms, types, ids; parameters without a value, which count for nothing (20-004r1, /req/record-core-query-parameters/empty-value)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Path, Query
from fastapi.routing import APIRoute
from pydantic import WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from ldt.api.formats import bulk
from ldt.api.negotiate import GEOJSON, HTML
from ldt.errors import NotAcceptable, UsageError

ONE_FORMS = (GEOJSON, HTML)
FORMS = (*ONE_FORMS, *bulk.FORMS)

#: The profile of all records (OGC's register of profiles), and the names by which it is asked for.
PROFILE = "http://www.opengis.net/def/profile/OGC/0/ogc-record"
_PROFILE_NAMES = frozenset({PROFILE, "ogc-record", "[ogc-profile:ogc-record]"})
#: Most search terms, and characters of all.
MAX_TERMS, MAX_LENGTH = 20, 400
#: Most ids in a list.
MAX_IDS = 1000
_MAY_BE_EMPTY = frozenset({"bbox", "datetime", "limit", "q", "type", "ids", "externalIds"})


def _list(**items: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "array", "items": {"type": "string", **items}})


RecordId = Annotated[str, Path(alias="recordId", description="Name of the data set that the record is of.")]
Q = Annotated[
    str | None,
    Query(
        description="Search terms, parted by commas: records that any of them finds. Words of a term follow each other. Titles, descriptions,"
        " themes, what is observed, publishers and names are searched in all languages, whatever the inflection, case and accents."
    ),
    _list(),
]
TypeIs = Annotated[
    str | None, Query(alias="type", description="Only records of these types; all are of `dataset`."), _list()
]
Ids = Annotated[str | None, Query(description="Only records of these ids, parted by commas."), _list()]
ExternalIds = Annotated[
    str | None,
    Query(
        alias="externalIds",
        description="Only records with one of these identifiers of others, `scheme:value`, `scheme:` or `value`: the namespace of the data set.",
    ),
    _list(),
]
Profile = Annotated[
    str | None,
    Query(description=f"The profile that records must follow; all follow {PROFILE}."),
    _list(),
]


class Route(APIRoute):
    """A route that leaves out parameters without a value before they are read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        usual = super().get_route_handler()

        async def answer(request: Request) -> Response:
            given = parse_qsl(request.scope["query_string"].decode("latin-1"), True, encoding="latin-1")
            kept = [(k, v) for k, v in given if v or k not in _MAY_BE_EMPTY]
            if len(kept) < len(given):
                query = urlencode(kept, encoding="latin-1").encode()
                request = Request({**request.scope, "query_string": query}, request.receive)
            return await usual(request)

        return answer


def terms(q: str | None) -> list[str]:
    """Return the search terms of the parameter `q`.

    Raises:
        UsageError: there are too many, or they are too long.
    """
    if q is None:
        return []
    found = [term for term in (one.strip() for one in q.split(",")) if term]
    if len(found) > MAX_TERMS or len(q) > MAX_LENGTH:
        raise UsageError(
            f"q has {len(found)} terms in {len(q)} characters",
            where="q",
            remedy=f"give at most {MAX_TERMS} terms in {MAX_LENGTH} characters",
        )
    return found


def listed(text: str | None, where: str) -> list[str] | None:
    """Return the values of a parameter that is a list, None without it.

    Raises:
        UsageError: there are too many.
    """
    if text is None:
        return None
    found = [one for one in text.split(",") if one]
    if len(found) > MAX_IDS:
        raise UsageError(f"{where} has {len(found)} values", where=where, remedy=f"give at most {MAX_IDS}")
    return found


def check_profile(text: str | None) -> None:
    """Make sure that a profile that is asked for is one that records follow.

    Raises:
        NotAcceptable: it is none.
    """
    asked = listed(text, "profile")
    if asked and not _PROFILE_NAMES.intersection(asked):
        raise NotAcceptable(
            f"records do not follow {asked[0][:80]!r}", where="profile", remedy=f"ask for {PROFILE}"
        )
