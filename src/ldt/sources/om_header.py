"""What an observation says of all its values: who observed what, where and when; and its parameters.

Observations and Measurements 1.0 and 2.0 and INSPIRE's specialised observations are one here: elements are known by local names.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import shapely

from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.gml_geometry import GmlGeometryError, geometry_wkb, is_geometry, local_name
from ldt.sources.gml_paths import first_srs_name
from ldt.sources.om_values import child, href, instant, path, tail, text_of
from ldt.sources.source import DeclaredCrs

_TIME = "phenomenonTime|samplingTime"
_PATHS = {
    "identifier": "identifier",
    "type": "type/@href",
    "begin": f"{_TIME}/TimePeriod/beginPosition",
    "begin_": f"{_TIME}/TimePeriod/begin/TimeInstant/timePosition",
    "end": f"{_TIME}/TimePeriod/endPosition",
    "end_": f"{_TIME}/TimePeriod/end/TimeInstant/timePosition",
    "instant": f"{_TIME}/TimeInstant/timePosition",
    "time_id": f"{_TIME}/TimePeriod|TimeInstant/@id",
    "time_ref": f"{_TIME}/@href",
    "result_time": "resultTime/TimeInstant/timePosition",
    "result_ref": "resultTime/@href",
    "procedure": "procedure/@href",
    "procedure_": "procedure/*/identifier",
    "procedure_id": "procedure/*/@id",
    "procedure_name": "procedure/@title",
    "observed_property": "observedProperty/@href",
    "observed_property_": "observedProperty/*/identifier",
    "observed_property_id": "observedProperty/*/@id",
    "observed_property_name": "observedProperty/@title",
    "observed_property_name_": "observedProperty/*/name",
    "feature": "featureOfInterest/@href",
    "feature_name": "featureOfInterest/@title",
    "quality": "resultQuality/@href",
    "zone": "featureOfInterest/*/timeZone/TimeZone/zoneOffset",
}
_STEPS = {
    name: tuple(frozenset(step.split("|")) for step in path.split("/")) for name, path in _PATHS.items()
}
#: Attributes that say nothing of the observation.
_NOISE = frozenset({"schemaLocation", "type", "srsDimension"})
#: Times and features that observations of a document name by `#id` are kept, as many as this.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of interest.

    Attributes:
        id: its identifier, else the id within the document.
        wkb: its geometry, coordinates as they stand; None where there is none that can be read.
    """

    id: str | None = None
    name: str | None = None
    wkb: bytes | None = None
    crs: DeclaredCrs | None = None


@dataclass(slots=True)
class Header:
    """What an observation says of all its values. Texts are as written; times in one notation."""

    observation_id: str | None
    observation_type: str
    procedure: str | None
    procedure_name: str | None
    observed_property: str | None
    observed_property_name: str | None
    feature: Feature
    features: dict[str, Feature]
    offering: str | None
    namespace: str | None
    begin: str | None
    end: str | None
    result_time: str | None
    quality: str | None
    sampling_point: str | None
    station: str | None
    parameters: str | None
    zone: str | None
    raw: str


@dataclass(slots=True)
class Context:
    """What stands in a document outside its observations, or was said by one before.

    Attributes:
        namespace: of the header of an e-reporting delivery.
        offering: of an insertion.
        times, features: by id, for references within the document.
    """

    namespace: str | None = None
    offering: str | None = None
    times: OrderedDict[str, tuple[str | None, str | None]] = field(default_factory=OrderedDict)
    features: OrderedDict[str, Feature] = field(default_factory=OrderedDict)


def header(observation: Any, context: Context) -> Header:
    """Return the header of an observation. Its result must not be in the element; what it says by id is remembered."""
    said = {name: _said(observation, steps) for name, steps in _STEPS.items()}
    raw: dict[str, Any] = {}
    _leaves(observation, "", raw)
    zone = said["zone"]
    begin, end = _phenomenon(said, zone, context)
    inline = _features(observation, context, raw)
    feature = _of_interest(said, inline, context)
    if feature.wkb is None:
        sampling = (g for p in observation if local_name(p.tag) == "parameter" for g in _geometries(p))
        feature = Feature(feature.id, feature.name, *_located(next(sampling, None), raw))
    parameters = _parameters(observation)
    return Header(
        observation_id=said["identifier"] or _id(observation),
        observation_type=tail_of(said["type"]) or local_name(observation.tag),
        procedure=said["procedure"] or said["procedure_"] or said["procedure_id"],
        procedure_name=said["procedure_name"],
        observed_property=said["observed_property"]
        or said["observed_property_"]
        or said["observed_property_id"],
        observed_property_name=said["observed_property_name"] or said["observed_property_name_"],
        feature=feature,
        features=inline,
        offering=_parameter(parameters, "offering") or context.offering,
        namespace=context.namespace,
        begin=begin,
        end=end,
        result_time=_result_time(said, zone, context),
        quality=said["quality"],
        sampling_point=_parameter(parameters, "samplingpoint", "aqdsamplingpoint"),
        station=_parameter(parameters, "station", "aqdstation", "monitoringstation"),
        parameters=orjson.dumps(parameters).decode() if parameters else None,
        zone=zone,
        raw=orjson.dumps(raw).decode(),
    )


def tail_of(name: str | None) -> str | None:
    """Return the last part of an address, as it is written."""
    return name.strip().rstrip("/").replace("#", "/").rsplit("/", 1)[-1] or None if name else None


def _said(element: Any, steps: tuple[frozenset[str], ...]) -> str | None:
    """Return the first text, or attribute, at the end of a path of local names; `*` is any element."""
    names, rest = steps[0], steps[1:]
    if not rest and (attribute := next(iter(names))).startswith("@"):
        return next(
            (v.strip() for k, v in element.items() if local_name(k) == attribute[1:] and v.strip()), None
        )
    for below in element:
        if "*" in names or local_name(below.tag) in names:
            found = _said(below, rest) if rest else text_of(below)
            if found is not None:
                return found
    return None


def _leaves(element: Any, path: str, raw: dict[str, Any]) -> None:
    """Put the texts and attributes of an element and all below it into `raw`, by path; repeated ones as lists. Geometries are left out."""
    told = [
        (f"{path}/@{name}".lstrip("/"), value)
        for key, value in element.items()
        if (name := local_name(key)) not in _NOISE and not (name == "id" and not path)
    ]
    if (text := text_of(element)) is not None:
        told.append((path, text))
    for key, value in told:
        if key not in raw:
            raw[key] = value
        elif isinstance(before := raw[key], list):
            before.append(value)
        else:
            raw[key] = [before, value]
    for below in element:
        if not is_geometry(below.tag):
            _leaves(below, f"{path}/{local_name(below.tag)}".lstrip("/"), raw)


# Time -----------------------------------------------------------------------------------------------------------------


def _phenomenon(said: dict[str, Any], zone: str | None, context: Context) -> tuple[str | None, str | None]:
    begin = instant(said["begin"] or said["begin_"] or said["instant"], zone)
    end = instant(said["end"] or said["end_"] or said["instant"], zone)
    if begin is None and end is None:
        return context.times.get((said["time_ref"] or "").removeprefix("#"), (None, None))
    if said["time_id"]:
        _remember(context.times, said["time_id"], (begin, end))
    return begin, end


def _result_time(said: dict[str, Any], zone: str | None, context: Context) -> str | None:
    if said["result_time"]:
        return instant(said["result_time"], zone)
    begin, end = context.times.get((said["result_ref"] or "").removeprefix("#"), (None, None))
    return end or begin


# Feature of interest --------------------------------------------------------------------------------------------------


def _features(observation: Any, context: Context, raw: dict[str, Any]) -> dict[str, Feature]:
    """Return the features of interest that the observation holds, by every name that a reference may use."""
    holder = child(observation, "featureOfInterest")
    if holder is None:
        return {}
    shapes: dict[Any, Any] = {}
    for geometry in _geometries(holder):
        shapes.setdefault(_owner(geometry, holder), geometry)
    found: dict[str, Feature] = {}
    for element in holder.iterdescendants():
        if element not in shapes and element.getparent() is not holder:
            continue
        own, name = _id(element), text_of(child(element, "name"))
        identifier = text_of(child(element, "identifier")) or _inspire_id(element)
        feature = Feature(identifier or own, name, *_located(shapes.get(element), raw))
        for known in filter(None, (own, identifier, name)):
            found.setdefault(known, feature)
        if own:
            _remember(context.features, own, feature)
        if not (own or identifier or name):
            found.setdefault("", feature)
    return found


def _of_interest(said: dict[str, Any], inline: dict[str, Feature], context: Context) -> Feature:
    reference = said["feature"]
    if reference:
        known = context.features.get(reference.removeprefix("#")) if reference.startswith("#") else None
        known = known or Feature(reference)
        return Feature(known.id, said["feature_name"] or known.name, known.wkb, known.crs)
    different = list({id(f): f for f in inline.values()}.values())
    placed = [f for f in different if f.wkb is not None]
    if len(placed) == 1 or len(different) == 1:
        return placed[0] if placed else different[0]
    return Feature()


def _inspire_id(element: Any) -> str | None:
    return text_of(path(element, "inspireId", "Identifier", "localId"))


def _geometries(element: Any) -> Iterator[Any]:
    """Yield the outermost geometries below an element."""
    for below in element:
        if is_geometry(below.tag):
            yield below
        else:
            yield from _geometries(below)


def _owner(element: Any, holder: Any) -> Any:
    """Return the feature that a geometry belongs to: the nearest one around it that has an id, or stands in the property."""
    above = element.getparent()
    while above.getparent() is not holder and not _id(above):
        above = above.getparent()
    return above


def _located(element: Any, raw: dict[str, Any]) -> tuple[bytes | None, DeclaredCrs | None]:
    """Return a geometry and its CRS; why it cannot be read is told among the raw leaves."""
    if element is None:
        return None, None
    around = (a.get("srsName") for a in element.iterancestors())
    name = first_srs_name(element) or next(filter(None, around), None)
    try:
        wkb = geometry_wkb(element)
    except GmlGeometryError as e:
        raw["geometry/@problem"] = str(e)
        return None, None
    return (None if wkb is None else _flat(wkb)), (parse_srs_name(name) if name else None)


def _flat(wkb: bytes) -> bytes:
    """Return a point for a vertical line, all of whose positions are one in the plane."""
    geometry = shapely.from_wkb(wkb)
    if geometry.geom_type == "LineString" and len({*geometry.coords}) == 1:
        upright: bytes = shapely.to_wkb(shapely.Point(geometry.coords[0]))
        return upright
    return wkb


# Parameters -----------------------------------------------------------------------------------------------------------


def _parameters(observation: Any) -> dict[str, Any]:
    """Return the named values of an observation by the last part of their names; repeated ones as lists."""
    found: dict[str, Any] = {}
    for holder in observation:
        named = child(holder, "NamedValue") if local_name(holder.tag) == "parameter" else None
        name, value = (child(named, "name"), child(named, "value")) if named is not None else (None, None)
        if name is None or value is None or any(is_geometry(below.tag) for below in value):
            continue
        title = name.get("{http://www.w3.org/1999/xlink}title")
        key = tail_of(href(name)) or text_of(name) or title
        text = href(value) or " ".join(t.strip() for t in value.itertext() if t.strip())
        if not key or not text:
            continue
        if key in found:
            before = found[key] if isinstance(found[key], list) else [found[key]]
            found[key] = [*before, text]
        else:
            found[key] = text
    return found


def _parameter(parameters: dict[str, Any], *names: str) -> str | None:
    for key, value in parameters.items():
        if tail(key) in names:
            return str(value[0] if isinstance(value, list) else value)
    return None


def _id(element: Any) -> str | None:
    return next(
        (
            str(v)
            for k, v in element.items()
            if k.startswith("{http://www.opengis.net/gml") and local_name(k) == "id"
        ),
        None,
    )


def _remember(known: OrderedDict[str, Any], name: str, what: Any) -> None:
    known[name] = what
    known.move_to_end(name)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)
