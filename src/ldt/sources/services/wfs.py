"""Protocol `wfs`: Web Feature Service 1.1.0 and 2.0.0 (OGC 04-094, OGC 09-025r2), with GetFeature by GET.

Servers differ in what they do with pages: some have no stable order, some cut them silently, ignore where they should start,
or count wrongly. So what comes is compared with `resultType=hits` and told apart by `gml:id`; where one way of asking loses or
repeats records, the next is tried: sorted by a key, unsorted, all at once. Nothing is given on before it is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from lxml import etree
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from ldt.axis import AxisOrder, latlon_
from ldt.errors import ServiceError, ServiceZero, SourceError
from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.gml_members import Members
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import Collected, PagingError, complete
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.said import exception
from ldt.sources.services.service import Page, Probe, Query, Service
from ldt.sources.services.wfs_capabilities import (
    Capabilities,
    FeatureType,
    base,
    capabilities,
    output_format,
    sort_key,
)

PAGE_SIZE = 1_000
#: More features than this are not asked for in one request.
_AT_ONCE = 50_000
_MATCHED = re.compile(rb'\b(?:numberMatched|numberOfFeatures)\s*=\s*["\'](\w+)["\']')
#: GeoServer numbers what has no key anew in every answer.
_RANDOM_ID = re.compile(r"\.fid-[-0-9a-f]+_[-0-9a-f]+$")
_WGS84 = re.compile(r"EPSG:(?:[\d.]*:)?4326$|EPSG/0/4326$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Request:
    """One way of asking for a feature type's features."""

    address: str
    params: dict[str, str | int]
    version: str
    names: tuple[str, ...]
    sort: str | None
    suffix: str
    size: int | None
    where: str
    hits: int | None = None

    def with_box(self, box: str | None) -> _Request:
        params = {k: v for k, v in self.params.items() if k != "bbox"}
        return replace(self, params={**params, "bbox": box} if box else params)


class Wfs:
    """Feature types of a WFS."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the features of a type, whole and each once."""
        found, _ = capabilities(service, client)
        feature_type = found.find(service.layer, client.shown(service.url))
        request = _request(service, found, feature_type, query, client)
        request, hits = _counted(request, feature_type, query, service, client)
        request = replace(request, hits=hits)
        size = request.size or PAGE_SIZE
        if hits is not None and hits <= size:
            ways = [request, replace(request, size=None)]
        else:
            key = request.sort or sort_key(service, found, feature_type, client)
            ways = [replace(request, sort=key)] if key else []
            ways.append(replace(request, sort=None))
            if hits is None or hits <= _AT_ONCE:
                ways.append(replace(request, sort=None, size=None))
        yield from _first_whole(ways, service, client)

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for the capabilities, and for the number of features of the type."""

        def ask() -> Learnt:
            found, answer = capabilities(service, client)
            told = f"WFS {found.version}, {len(found.types)} feature types"
            if service.layer is None and len(found.types) != 1:
                return Learnt(told, answer.status)
            feature_type = found.find(service.layer, client.shown(service.url))
            request = _request(service, found, feature_type, Query(), client)
            hits = _hits(request, service, client)
            if hits == 0:
                raise ServiceZero(f"{told}; {feature_type.name} is empty", answered=answer.status)
            return Learnt(f"{told}; {feature_type.name}", answer.status, hits)

        return probed(ask)


PROTOCOL = Wfs()


def _request(
    service: Service, found: Capabilities, feature_type: FeatureType, query: Query, client: Client
) -> _Request:
    given = {k.lower(): v for k, v in service.parameters.items()}
    form, suffix = output_format(found, feature_type, query.reader)
    if named := given.get("outputformat"):
        form, suffix = (
            named,
            ".geojson" if "json" in named.lower() else ".csv" if "csv" in named.lower() else ".gml",
        )
    address, own = base(found.get_feature)
    ours = {"outputformat", "sortby", "bbox", "version", "service", "request"}
    params: dict[str, str | int] = {
        **own,
        **{k: v for k, v in service.parameters.items() if k.lower() not in ours},
        "service": "WFS",
        "version": found.version,
        "request": "GetFeature",
    }
    if form:
        params["outputFormat"] = form
    if suffix == ".geojson" and "srsname" not in given:
        params["srsName"] = next((c for c in feature_type.crs if _WGS84.search(c)), "EPSG:4326")
    two = found.version == "2.0.0"
    request = _Request(
        address=address,
        params=params,
        version=found.version,
        names=("typeNames",) if two else ("typeName",),
        sort=given.get("sortby"),
        suffix=suffix,
        size=service.page_size,
        where=client.shown(service.url),
    )
    request = replace(request, params={**request.params, request.names[0]: feature_type.name})
    return request.with_box(given.get("bbox") or _box(query, feature_type))


def _counted(
    request: _Request, feature_type: FeatureType, query: Query, service: Service, client: Client
) -> tuple[_Request, int | None]:
    """Ask how many features there are, and find out on the way how this server wants to be asked.

    Raises:
        ServiceZero: the type has no features at all.
    """
    hits = _hits(request, service, client)
    if hits is None and request.version == "2.0.0":
        # Some know the name of version 1.1.0 only, whatever they say of themselves.
        both = replace(request, names=("typeNames", "typeName"))
        both = replace(both, params={**both.params, "typeName": feature_type.name})
        hits = _hits(both, service, client)
        request = both if hits is not None else request
    if hits == 0 and "bbox" in request.params and query.bbox:
        if _hits(request.with_box(None), service, client) == 0:
            raise ServiceZero(
                f"{feature_type.name} has no features at all, here or elsewhere",
                where=request.where,
                answered=200,
            )
        swapped = _swapped_box(query, feature_type)
        if swapped and (found := _hits(request.with_box(swapped), service, client)):
            return request.with_box(swapped), found
    elif hits == 0 and "bbox" not in request.params:
        raise ServiceZero(f"{feature_type.name} has no features at all", where=request.where, answered=200)
    return request, hits


def _hits(request: _Request, service: Service, client: Client) -> int | None:
    """Return how many features the service counts, None where it does not tell."""
    params = {k: v for k, v in request.params.items() if k.lower() not in {"outputformat", "srsname"}}
    try:
        answer = client.get(
            request.address, params={**params, "resultType": "hits"}, headers=service.headers, suffix=".xml"
        )
    except ServiceError as e:
        if e.extra.get("answered") in {None, 401, 403}:
            raise
        return None
    start = answer.content()[:65536]
    if exception(start):
        return None
    match = _MATCHED.search(start)
    return int(match.group(1)) if match and match.group(1).isdigit() else None


def _first_whole(ways: list[_Request], service: Service, client: Client) -> Iterator[Page]:
    """Yield the pages of the first way of asking that gives every record once.

    Raises:
        ServiceError: none does; says what was lost or repeated, or else what the first one was answered.
    """
    problem: ServiceError | None = None
    for way in ways:
        try:
            pages = _whole(way, service, client)
            if isinstance(problem, PagingError) and problem.extra.get("received") == sum(
                p.records or 0 for p in pages
            ):
                continue  # no more than where it was cut before
        except ServiceError as e:
            lossy = isinstance(e, PagingError)
            if not lossy and e.extra.get("answered") in {None, 401, 403, 429}:
                raise
            problem = e if problem is None or lossy else problem
            continue
        yield from pages
        return
    assert problem is not None  # noqa: S101 - there is at least one way
    raise problem


def _whole(request: _Request, service: Service, client: Client) -> list[Page]:
    return complete(
        lambda: _collect(request, service, client),
        lambda: _hits(request, service, client),
        request.where,
    )[0]


def _collect(request: _Request, service: Service, client: Client) -> Collected:
    """Fetch all pages of one way of asking."""
    got = Collected()
    params = dict(request.params)
    if request.sort:
        params["sortBy"] = request.sort
    if request.size is None and "count" not in {k.lower() for k in params}:
        answer = _page(request, params, service, client)
        got.add(answer, identifiers(answer))
        return got
    size = request.size or PAGE_SIZE
    start = 0
    while True:
        window = {"count" if request.version == "2.0.0" else "maxFeatures": size, "startIndex": start}
        answer = _page(request, {**params, **window}, service, client)
        ids = list(identifiers(answer))
        if not ids and got.pages:
            return got
        new = got.add(answer, ids, partial(_content, answer))
        if new == 0 and len(got.pages) > 1:
            # The same page again: it does not know where to start. What it gave is judged by the count.
            got.drop_last()
            return _unless_cut(got, size, request)
        matched = _matched(answer)
        start += len(ids)
        # A short page is no end, servers cut pages below what was asked for; nor is the count alone, it may be wrong.
        counted = request.hits if matched is None else matched
        if not ids or (start == counted and len(ids) < size):
            return got


def _unless_cut(got: Collected, size: int, request: _Request) -> Collected:
    if got.count == size:
        raise PagingError(
            f"gives the first {size:,} features again and again",
            where=request.where,
            remedy="it knows no pages: set `page_size` to more than there are features",
            received=got.count,
        )
    return got


def _page(request: _Request, params: dict[str, str | int], service: Service, client: Client) -> Answer:
    answer = client.get(request.address, params=params, headers=service.headers, suffix=request.suffix)
    with answer.path.open("rb") as file:
        start = file.read(4096)
    if told := exception(start):
        raise ServiceError(f"answers with an exception: {told}", where=answer.url, answered=answer.status)
    if b"<html" in start.lower() or b"<!doctype html" in start.lower():
        raise ServiceError(
            "answers with a page for people instead of features", where=answer.url, answered=answer.status
        )
    return answer


def _matched(answer: Answer) -> int | None:
    """Return the count that comes with a page: of GML `numberMatched` (not `numberOfFeatures`, which is of the page)."""
    with answer.path.open("rb") as file:
        start = file.read(65536)
    match = re.search(rb'\bnumberMatched"?\s*[=:]\s*["\']?(\d+)', start)
    return int(match.group(1)) if match else None


def identifiers(answer: Answer) -> Iterator[str | None]:
    """Yield what tells each feature of a page from others, None where nothing does.

    Raises:
        ServiceError: the page is not what was asked for.
    """
    try:
        if answer.path.suffix == ".geojson":
            for feature in orjson.loads(answer.content()).get("features", []):
                found = feature.get("id")
                yield None if found is None or _RANDOM_ID.search(str(found)) else str(found)
        elif answer.path.suffix == ".csv":
            yield from (None for _ in answer.content().splitlines()[1:])
        else:
            yield from (_gml_id(feature) for feature in Members(answer.path))
    except (SourceError, orjson.JSONDecodeError, AttributeError) as e:
        text = e.message if isinstance(e, SourceError) else str(e)
        raise ServiceError(f"a page cannot be read: {text}", where=answer.url, answered=answer.status) from e


def _content(answer: Answer) -> bytes:
    """Return the features of a page without their identifiers, which may be new ones in every answer."""
    if answer.path.suffix == ".geojson":
        features = orjson.loads(answer.content())["features"]
        return orjson.dumps([(f.get("properties"), f.get("geometry")) for f in features])
    if answer.path.suffix == ".csv":
        return answer.content()
    return "\0".join("\0".join(f.itertext()) for f in Members(answer.path)).encode()


def _gml_id(feature: Any) -> str | None:
    for name, value in feature.attrib.items():
        plain = etree.QName(name)
        if plain.localname == "fid" or (plain.localname == "id" and "gml" in (plain.namespace or "")):
            return None if _RANDOM_ID.search(value) else str(value)
    return None


def _box(query: Query, feature_type: FeatureType, *, swapped: bool = False) -> str | None:
    """Return the parameter `bbox`: in EPSG:4326 where the type knows it, else in its own CRS, in that CRS's order of axes."""
    if query.bbox is None:
        return None
    west, south, east, north = query.bbox
    named = next((c for c in feature_type.crs if _WGS84.search(c)), None)
    declared = parse_srs_name(feature_type.crs[0]) if feature_type.crs and not named else None
    if declared is None:
        corners = [latlon_(south, west), latlon_(north, east)]
        order, name = AxisOrder.YX, "urn:ogc:def:crs:EPSG::4326"
        if swapped:
            order, name = AxisOrder.XY, "EPSG:4326"
        numbers = [n for corner in corners for n in corner.in_order(order)]
    else:
        name, order = feature_type.crs[0], declared.order
        try:
            to = Transformer.from_crs("EPSG:4326", CRS.from_json(declared.projjson), always_xy=True)
            x0, y0, x1, y1 = to.transform_bounds(west, south, east, north)
        except ProjError:
            return None  # everything is fetched, and the twin's selection chooses
        north_first = (order is AxisOrder.YX) != swapped
        numbers = [y0, x0, y1, x1] if north_first else [x0, y0, x1, y1]
    return ",".join(f"{n:.8g}" if abs(n) < 1000 else f"{n:.3f}" for n in numbers) + f",{name}"


def _swapped_box(query: Query, feature_type: FeatureType) -> str | None:
    """Return the box with its axes the other way, if the type says that it has something here: some servers mix them up."""
    if query.bbox is None or feature_type.extent is None:
        return None
    west, south, east, north = query.bbox
    left, low, right, high = feature_type.extent
    here = left <= east and right >= west and low <= north and high >= south
    there = left <= north and right >= south and low <= east and high >= west
    return _box(query, feature_type, swapped=True) if here and not there else None
