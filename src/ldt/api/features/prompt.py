"""The hot path: small pages of items as GeoJSON, in one statement and without a thread.

It answers what is plain and right. Whatever else there is (another form, a large page, a parameter that is wrong, nothing found)
is left to the usual way, which says the same of it as ever: so there is one place for each error.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
from psycopg import pq
from starlette.requests import Request
from starlette.responses import Response

from ldt.api.context import service
from ldt.api.features.answers import about, content_crs, item_document, page_links
from ldt.api.features.kind import Features, one_document
from ldt.api.features.request import asked_crs, first_token, position, selection
from ldt.api.leaving import left
from ldt.api.negotiate import GEOJSON
from ldt.api.parameters import DEFAULT_LIMIT
from ldt.api.remembered import Remembered
from ldt.api.respond import dumps, etag, headers, unchanged
from ldt.errors import LdtError
from ldt.store import counts, features, pages
from ldt.store.crs import Crs
from ldt.store.pages import Position, Selection
from ldt.store.references import reference_properties
from ldt.store.statements import Statement

#: More items, or a larger page, are streamed.
_MAX_ITEMS, _MAX_BYTES = 1000, 8 * 1024 * 1024
_PLAIN = frozenset({"", "*/*", "application/json", "application/geo+json"})
#: Where PostgreSQL begins to count microseconds.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_OWN = frozenset({"f", "limit", "token", "at"})


class _OutOfDate(Exception):
    """A statement read another state than that of the snapshot."""


def is_plain(request: Request) -> bool:
    """Whether GeoJSON is asked for, and nothing is asked for twice."""
    given = request.query_params
    if len(given.multi_items()) != len(given):
        return False
    form = given.get("f")
    return form in {"json", "geojson"} or (form is None and request.headers.get("accept", "") in _PLAIN)


def _limit(text: str | None) -> int | None:
    if text is None:
        return DEFAULT_LIMIT
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return number if 1 <= number <= _MAX_ITEMS else None


async def items(request: Request) -> Response | None:
    """Return a page of items, or None where the usual way must answer."""
    given = request.query_params
    limit = _limit(given.get("limit"))
    if limit is None or not is_plain(request):
        return None
    path = request.path_params
    twin, collection, at = path["twin"], path["collectionId"], given.get("at")
    memory = service(request).memory
    for _ in range(2):
        try:
            start = first_token(request)
            seen = await memory.recall(request, twin, collection, at, start)
            asked = _selection(request, seen)
            after = position(asked.sort, start.position) if start else None
        except LdtError:
            return None
        if limit * seen.row_bytes > _MAX_BYTES or counts.needs_sorting(seen.items, asked):
            return None
        try:
            return await _answer(request, seen, asked, limit, after)
        except _OutOfDate:
            memory.forget(request, twin, collection, at, start)
    return None


def _selection(request: Request, seen: Remembered) -> Selection:
    given = request.query_params
    question = tuple(sorted((k, v) for k, v in given.items() if k not in _OWN))
    if found := seen.questions.get(question):
        return found
    asked = selection(
        request,
        seen.items,
        bbox=given.get("bbox"),
        bbox_crs=given.get("bbox-crs"),
        within=given.get("datetime"),
        crs=given.get("crs"),
        sortby=given.get("sortby"),
        properties=given.get("properties"),
        condition=given.get("filter"),
        condition_lang=given.get("filter-lang"),
        condition_crs=given.get("filter-crs"),
    )
    return seen.questions.put(question, asked)


async def _answer(
    request: Request, seen: Remembered, asked: Selection, limit: int, after: Position | None
) -> Response | None:
    page = _Page(request, seen, asked)
    tag = etag(request, seen.snapshot, GEOJSON)
    if "if-none-match" in request.headers and (same := unchanged(request, tag)):
        await page.verify()
        return same
    rows, last = await page.rows(limit + 1, after)
    more = len(rows) > limit
    if more:
        rows.pop()
    matched = {"numberMatched": len(rows)} if after is None and not more else await page.matched(len(rows))
    snapshot = seen.snapshot
    links = page_links(request, GEOJSON, snapshot, seen.items.collection, last if more else None)
    beside = orjson.dumps(about(len(rows), matched, snapshot, links))
    body = b"".join((b'{"type":"FeatureCollection","features":[', b",\n".join(rows), b"],", beside[1:]))
    return Response(body, headers=headers(tag, links, content_crs(asked.crs)), media_type=GEOJSON.media_type)


async def item(request: Request) -> Response | None:
    """Return one feature, or None where the usual way must answer."""
    given, path = request.query_params, request.path_params
    if not (is_plain(request) and given.keys() <= {"f", "at", "crs"}):
        return None
    twin, collection, at = path["twin"], path["collectionId"], given.get("at")
    memory = service(request).memory
    for _ in range(2):
        try:
            crs = asked_crs(given.get("crs"))
            seen = await memory.recall(request, twin, collection, at, None)
        except LdtError:
            return None
        try:
            return await _one(request, seen, path["featureId"], crs)
        except _OutOfDate:
            memory.forget(request, twin, collection, at, None)
    return None


async def _one(request: Request, seen: Remembered, identifier: str, crs: Crs) -> Response | None:
    name, dot, fid = identifier.partition(".")
    dataset = seen.snapshot.datasets.get(name)
    if not isinstance(seen.kind, Features) or not dot or dataset is None:
        return None
    if dataset.feature_type != seen.items.collection:
        return None
    key = ("one", name, crs.uri)
    statement = seen.statements.get(key) or seen.statements.put(
        key, features.one_statement(seen.snapshot, dataset, crs, seen.state)
    )
    result = await service(request).statements.run(statement, {"fid": fid}, partial(left, request.receive))
    if not result.ntuples:
        return None
    _check(seen, result, 0, result.nfields - 1)
    tag = etag(request, seen.snapshot, GEOJSON)
    if same := unchanged(request, tag):
        return same
    found = _known(result)
    references = reference_properties(seen.items.collection)
    if references and references.keys() & orjson.loads(found["properties"] or b"{}").keys():
        return None
    fragments = {n: orjson.Fragment(found[n] or b"null") for n in ("geometry", "properties", "raw")}
    document = one_document(request, seen.snapshot.twin, {**found, **fragments, "id": identifier})
    whole = item_document(request, GEOJSON, seen.snapshot, seen.items.collection, document)
    sent = headers(tag, whole["links"], content_crs(crs))
    return Response(dumps(whole), headers=sent, media_type=GEOJSON.media_type)


def _known(result: pq.abc.PGresult) -> dict[str, Any]:
    """Return what a row says of a feature: JSON as bytes, instants and texts as such."""
    found: dict[str, Any] = {}
    for column in range(result.nfields):
        name, value = (result.fname(column) or b"").decode(), result.get_value(0, column)
        if value is None or name == "geometry":
            found[name] = value
        elif name in {"properties", "raw"}:
            found[name] = value[1:]  # the version of jsonb's binary form
        elif name in {"valid_from", "valid_to"}:
            found[name] = _EPOCH + timedelta(microseconds=int.from_bytes(value, signed=True))
        elif name in {"source_id", "source_row", "state"}:
            found[name] = int.from_bytes(value, signed=True)
        else:
            found[name] = value.decode()
    return found


def _check(seen: Remembered, result: pq.abc.PGresult, row: int, column: int) -> None:
    if int.from_bytes(result.get_value(row, column) or b"") != seen.snapshot.state:
        raise _OutOfDate


class _Page:
    """A page of items while it is read; each statement must have read the snapshot's state."""

    def __init__(self, request: Request, seen: Remembered, asked: Selection) -> None:
        self.request, self.seen, self.asked = request, seen, asked
        self.statements = service(request).statements
        self.values = asked.values()
        given = request.query_params
        rectangles = tuple(isinstance(a, bytes) for a in asked.areas)
        # Everything of the question that its statement is made of, beside the values that are given anew.
        self.question = tuple(sorted((k, v) for k, v in given.items() if k not in _OWN))
        told = (
            {"sortby", "properties", "crs"}
            if asked.shape is not None
            else given.keys() - {"bbox", "datetime"}
        )
        further = tuple((k, v) for k, v in self.question if k in told)
        self.shape = (rectangles, asked.start is None, asked.end is None, asked.shape, further)

    async def _run(self, statement: Statement, given: dict[str, Any]) -> pq.abc.PGresult:
        return await self.statements.run(
            statement, {**self.values, **given}, partial(left, self.request.receive)
        )

    async def rows(self, number: int, after: Position | None) -> tuple[list[bytes], Position | None]:
        """Return (GeoJSON texts, the position of the last but one of as many as are asked for)."""
        found: list[bytes] = []
        last: Position | None = None
        complete = False
        for part in self.seen.items.parts:
            if after is not None and part.order < after.part and not self.asked.sort:
                continue
            inside = after if after is not None and (self.asked.sort or part.order == after.part) else None
            key = (self.shape, None if self.asked.sort else part.order, inside is not None)
            # A position among sort keys is part of its statement.
            own = self.asked.sort and inside is not None
            statement = None if own else self.seen.statements.get(key)
            if statement is None:
                statement = pages.prompt(self.seen.items, part, self.asked, inside, self.seen.state)
                if not own:
                    self.seen.statements.put(key, statement)
            given = {"limit": number - len(found), "after": inside.key if inside else None}
            result = await self._run(statement, given)
            count, keys = result.ntuples, len(self.asked.sort)
            if count:
                _check(self.seen, result, 0, 3 + keys)
            complete = count > 0
            get = result.get_value
            found += [get(i, 2) or b"" for i in range(count)]
            place = count - (2 if len(found) == number else 1)
            if place >= 0:
                last = _position(result, place, keys)
            if len(found) == number or self.asked.sort:
                break
        if not complete:  # no row said in which state there was none
            await self.verify()
        return found, last

    async def verify(self) -> None:
        """Make sure that the snapshot is that of now; raises _OutOfDate."""
        statement = self.seen.statements.get("state")
        if statement is None:
            statement = self.seen.statements.put("state", pages.state_of(self.seen.state))
        result = await self._run(statement, {})
        _check(self.seen, result, 0, 0)

    async def matched(self, returned: int) -> dict[str, int]:
        """Return how many items match, as a member of the document; exact where that is known or costs little."""
        items, asked = self.seen.items, self.asked
        known = counts.known_count(items, asked)
        if known is not None:
            return {"numberMatched": known}
        found = self.seen.counts.get(self.question) or self.seen.counts.put(
            self.question, await self._count()
        )
        return {"numberMatched": found[0]} if found[1] else {"numberMatchedEstimate": max(found[0], returned)}

    async def _count(self) -> tuple[int, bool]:
        key = ("count", self.shape)
        plan = self.seen.statements.get((*key, "plan"))
        few = self.seen.statements.get((*key, "few"))
        if plan is None or few is None:
            plan, few = counts.prompt_counts(self.seen.items, self.asked, self.seen.state)
            self.seen.statements.put((*key, "plan"), plan)
            self.seen.statements.put((*key, "few"), few)
        result = await self._run(plan, {})
        expected, cheap = counts.expected(orjson.loads(result.get_value(0, 0) or b""))
        if not cheap:
            return expected, False
        result = await self._run(few, {})
        _check(self.seen, result, 0, 1)
        number = int.from_bytes(result.get_value(0, 0) or b"")
        return (number, True) if number <= counts.EXACT_COUNT else (max(number, expected), False)


def _position(result: pq.abc.PGresult, row: int, keys: int) -> Position:
    texts = [result.get_value(row, column) for column in range(3, 3 + keys)]
    part, key = result.get_value(row, 0) or b"", result.get_value(row, 1) or b""
    values = tuple(None if text is None else text.decode() for text in texts)
    return Position(int.from_bytes(part, signed=True), key.decode(), values)
