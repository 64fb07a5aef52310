"""Protocol `sos`: Sensor Observation Service 2.0 (OGC 12-006) and 1.0 (OGC 06-009r6), asked with key-value pairs, slice of time by slice of time.

`layer` is the offering. What else is wanted stands in the parameters: `observedProperty`, `procedure`, `featureOfInterest` (several with commas),
`responseFormat`, and `slice`, the length of time asked for at once (ISO 8601, `P1M` without it).

A service counts nothing, so nothing can be held against a count; but an offering says from when to when it has observations, and one that
then gives none is an error. A filter of time leaves out its own bounds on some servers and includes them on others: so slices overlap by a
millisecond. Nothing is lost that way, and what comes twice is told as a duplicate where it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from ldt.errors import RecipeError, ServiceError, ServiceZero, SourceError, UsageError
from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_prolog import check_prolog
from ldt.sources.om_document import observations
from ldt.sources.om_values import child, href, instant, path, text_of
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import as_page
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.said import exception
from ldt.sources.services.service import Page, Probe, Query, Service
from ldt.sources.services.wfs_capabilities import base, xml
from ldt.timerange import Duration, format_instant, parse_duration, parse_instant

SLICE = "P1M"
_OVERLAP = timedelta(milliseconds=1)
#: A slice that a service finds too large is halved, down to this.
_SHORTEST = timedelta(minutes=1)
_FILTERS = ("observedProperty", "procedure", "featureOfInterest")
_OURS = frozenset({*_FILTERS, "responseFormat", "slice"})
#: In order of preference: one series in one element is shorter than an observation for each value.
_FORMATS = ("http://www.opengis.net/waterml/2.0", "http://www.opengis.net/om/2.0")
_FORMAT_1 = 'text/xml;subtype="om/1.0.0"'
_TOO_LARGE = ("ResponseExceedsSizeLimit", "exceeds", "too large", "too many", "limit")
_READ = 256 * 1024


@dataclass(frozen=True, slots=True)
class Offering:
    """What a service offers together.

    Attributes:
        procedures, properties, formats: as the service names them.
        begin, end: span of the phenomena, where it is told; an end that is now has none.
        extent: (west, south, east, north) in degrees, where it is told in EPSG:4326.
    """

    id: str
    title: str
    procedures: tuple[str, ...]
    properties: tuple[str, ...]
    formats: tuple[str, ...]
    begin: datetime | None
    end: datetime | None
    extent: tuple[float, float, float, float] | None


def offerings(path: Path) -> tuple[str, list[Offering]]:
    """Return version and offerings of a capabilities document in a file.

    Raises:
        SourceError: it is no capabilities document of a SOS.
        HostileSource: it was made to do harm.
    """
    check_prolog(path)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.parse(path, parser).getroot()
    except etree.XMLSyntaxError as e:
        raise SourceError(f"not well-formed XML: {e.msg}", where=path.name) from e
    return _offerings(root, path.name)


class Sos:
    """Observations of an offering."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the answers to GetObservation for one slice of time after the other; those without observations are left out.

        For the reader `gml` the one page is the answer to GetFeatureOfInterest: the places.

        Raises:
            RecipeError: `slice` is no duration.
            ServiceError: no such offering, an error instead of observations, or none though the offering says that it has some.
            ServiceZero: the service has no offerings.
        """
        version, offering = _find(service, client)
        if query.reader == "gml":
            yield as_page(_features(service, client, version, offering))
            return
        begin, end = query.begin or offering.begin, query.end or offering.end or datetime.now(UTC)
        given = 0
        for first, last in _slices(begin, end, _step(service)):
            for answer in _observations(service, client, version, offering, (first, last)):
                if _holds_any(answer):
                    given += 1
                    yield as_page(answer)
        said = _overlaps(offering, query)
        if not given and said and not any(service.parameters.get(f) for f in _FILTERS):
            raise ServiceError(
                f"the offering {offering.id} says that it has observations {said}, and gives none",
                where=client.shown(service.url),
                remedy="try another responseFormat, or a shorter slice",
                answered=200,
            )

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask what the service offers."""

        def ask() -> Learnt:
            if service.layer is None:
                version, found, answer = capabilities(service, client)
                return Learnt(f"SOS {version}, {len(found)} offerings", answer.status, len(found))
            version, offering = _find(service, client)
            span = (
                f", {offering.begin:%Y-%m-%d} to {offering.end:%Y-%m-%d}"
                if offering.begin and offering.end
                else ""
            )
            return Learnt(f"SOS {version}, offering {offering.id}{span}", 200)

        return probed(ask)


PROTOCOL = Sos()


# Requests -------------------------------------------------------------------------------------------------------------


def _ask(service: Service, client: Client, params: dict[str, str]) -> Answer:
    address, own = base(service.url)
    theirs = {k: v for k, v in service.parameters.items() if k not in _OURS}
    return client.get(address, params={**own, **theirs, **params}, headers=service.headers, suffix=".xml")


def capabilities(service: Service, client: Client) -> tuple[str, list[Offering], Answer]:
    """Return version and offerings of a service, and its answer.

    Raises:
        ServiceError: no answer, or another service.
        ServiceZero: it has no offerings.
    """
    asked = {"service": "SOS", "request": "GetCapabilities"}
    try:
        answer = _ask(service, client, {**asked, "AcceptVersions": "2.0.0"})
        root = xml(answer)
    except ServiceError as e:
        if e.extra.get("answered") is None or e.extra["answered"] in {401, 403}:
            raise
        answer = _ask(service, client, asked)
        root = xml(answer)
    try:
        version, found = _offerings(root, answer.url)
    except SourceError as e:
        raise ServiceError(e.message, where=answer.url, remedy=e.remedy, answered=answer.status) from e
    if not found:
        raise ServiceZero("has no offerings", where=answer.url, answered=answer.status)
    return version, found, answer


def _find(service: Service, client: Client) -> tuple[str, Offering]:
    version, found, answer = capabilities(service, client)
    fitting = [o for o in found if service.layer is None or service.layer in {o.id, o.title}]
    if len(fitting) == 1:
        return version, fitting[0]
    shown = ", ".join(o.id for o in found[:30]) + (" …" if len(found) > 30 else "")
    raise ServiceError(
        f"has no offering {service.layer!r}" if service.layer else f"has {len(found)} offerings",
        where=answer.url,
        remedy=f"name one as `layer`: {shown}",
        answered=answer.status,
    )


def _observations(
    service: Service, client: Client, version: str, offering: Offering, span: tuple[datetime | None, datetime]
) -> Iterator[Answer]:
    """Yield the answers for a slice; of a slice that the service finds too large those for its halves."""
    params = {"service": "SOS", "version": version, "request": "GetObservation", "offering": offering.id}
    params |= {f: service.parameters[f] for f in _FILTERS if service.parameters.get(f)}
    stated = service.parameters.get("responseFormat")
    first, last = span
    period = f"{format_instant(first - _OVERLAP)}/{format_instant(last)}" if first else None
    if version.startswith("1"):
        params.setdefault("observedProperty", ",".join(offering.properties))
        params["responseFormat"] = stated or _FORMAT_1
        params |= {"eventTime": period} if period else {}
    else:
        chosen = stated or next((f for f in _FORMATS if f in offering.formats), None)
        params |= {"responseFormat": chosen} if chosen else {}
        if period:
            params["temporalFilter"] = f"om:phenomenonTime,{period}"
            params["namespaces"] = "xmlns(om,http://www.opengis.net/om/2.0)"
    try:
        answer = _ask(service, client, params)
        if told := exception(_beginning(answer)):
            raise ServiceError(f"answers with an exception: {told}", where=answer.url, answered=answer.status)  # noqa: TRY301 - handled as one that came with a status
    except ServiceError as e:
        large = e.extra.get("answered") is not None and any(w in e.message for w in _TOO_LARGE)
        if not large or first is None or last - first < 2 * _SHORTEST:
            raise
        middle = first + (last - first) / 2
        yield from _observations(service, client, version, offering, (first, middle))
        yield from _observations(service, client, version, offering, (middle, last))
        return
    yield answer


def _features(service: Service, client: Client, version: str, offering: Offering) -> Answer:
    params = {"service": "SOS", "version": version, "request": "GetFeatureOfInterest"}
    filters = {f: service.parameters[f] for f in _FILTERS if service.parameters.get(f)}
    answer = _ask(service, client, {**params, **(filters or {"procedure": ",".join(offering.procedures)})})
    if told := exception(_beginning(answer)):
        raise ServiceError(f"answers with an exception: {told}", where=answer.url, answered=answer.status)
    return answer


def _beginning(answer: Answer) -> bytes:
    with answer.path.open("rb") as file:
        return file.read(_READ)


def _holds_any(answer: Answer) -> bool:
    try:
        return any(part.values for part in observations(answer.path))
    except SourceError as e:
        raise ServiceError(e.message, where=answer.url, remedy=e.remedy, answered=answer.status) from e


# Time -----------------------------------------------------------------------------------------------------------------


def _step(service: Service) -> Duration:
    text = service.parameters.get("slice", SLICE)
    try:
        step = parse_duration(text)
    except UsageError as e:
        raise RecipeError(
            f"slice: {text!r} is no duration",
            where="source.service.parameters",
            remedy="write P1M, P7D or PT6H",
        ) from e
    if not step:
        raise RecipeError(
            "slice: nothing", where="source.service.parameters", remedy="write P1M, P7D or PT6H"
        )
    return step


def _slices(
    begin: datetime | None, end: datetime, step: Duration
) -> Iterator[tuple[datetime | None, datetime]]:
    """Yield slices that follow each other; a single one without bounds where the beginning is not known."""
    if begin is None:
        yield None, end
        return
    first = begin.astimezone(UTC)
    # The last phenomenon lies at the end itself.
    last = end.astimezone(UTC) + _OVERLAP
    while first < last:
        following = min(step.after(first), last)
        yield first, following
        first = following


def _overlaps(offering: Offering, query: Query) -> str | None:
    """Return when an offering has observations within a query, in words; None where it does not say, or has none."""
    if offering.begin is None or offering.end is None:
        return None
    begin, end = (
        max(filter(None, (offering.begin, query.begin))),
        min(filter(None, (offering.end, query.end))),
    )
    return f"from {format_instant(begin)} to {format_instant(end)}" if begin <= end else None


# Capabilities ---------------------------------------------------------------------------------------------------------


def _offerings(root: Any, where: str) -> tuple[str, list[Offering]]:
    version = root.get("version", "")
    spaces = " ".join(filter(None, root.nsmap.values()))
    if local_name(root.tag) != "Capabilities" or "opengis.net/sos/" not in spaces + root.tag:
        raise SourceError(
            f"is no SOS: its root element is {local_name(root.tag)}",
            where=where,
            remedy="check the protocol and the address",
        )
    found = [_offering(o) for o in root.iter("{*}ObservationOffering")]
    return ("1.0.0" if version.startswith("1") else "2.0.0"), found


def _offering(element: Any) -> Offering:
    name = text_of(child(element, "name"))
    identifier = text_of(child(element, "identifier")) or name or _gml_id(element)
    period = next((e for e in element.iter("{*}TimePeriod")), None)
    begin, end = (
        _moment(path(period, f"{side}Position") if period is not None else None) for side in ("begin", "end")
    )
    return Offering(
        id=identifier,
        title=name or identifier,
        procedures=_named(element, "procedure"),
        properties=tuple(p for p in _named(element, "observedProperty", "observableProperty") if p != "NONE"),
        formats=_named(element, "responseFormat"),
        begin=begin,
        end=end,
        extent=_extent(element),
    )


def _named(element: Any, *names: str) -> tuple[str, ...]:
    found = (href(e) or text_of(e) for e in element if local_name(e.tag) in names)
    return tuple(dict.fromkeys(filter(None, found)))


def _gml_id(element: Any) -> str:
    return next((str(v) for k, v in element.items() if local_name(k) == "id"), "")


def _moment(element: Any) -> datetime | None:
    text = instant(text_of(element), "Z")
    try:
        return parse_instant(text) if text else None
    except UsageError:
        return None


def _extent(element: Any) -> tuple[float, float, float, float] | None:
    """Return the extent of an envelope in EPSG:4326, whose first ordinate is the latitude."""
    envelope = next(element.iter("{*}Envelope"), None)
    if envelope is None or not (envelope.get("srsName") or "").rstrip("/").endswith(("4326", "4258")):
        return None
    try:
        south, west = map(float, (text_of(child(envelope, "lowerCorner")) or "").split()[:2])
        north, east = map(float, (text_of(child(envelope, "upperCorner")) or "").split()[:2])
    except ValueError:
        return None
    return (west, south, east, north)
