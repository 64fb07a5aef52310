"""Results of observations that are no data array: time series of WaterML 2 and TimeseriesML, single values, coverages along a profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ldt.errors import UsageError
from ldt.sources.gml_geometry import local_name
from ldt.sources.om_array import data_record
from ldt.sources.om_values import (
    OmError,
    Value,
    child,
    href,
    instant,
    is_nil,
    nil_reason,
    path,
    tail,
    text_of,
    unit_of,
)
from ldt.timerange import Duration, format_instant, parse_duration, parse_instant

_COMPONENTS = frozenset({"Quantity", "Count", "Category", "Text", "Boolean"})
#: A WaterML 2 interpolation type that ends so means the interval before the time, or that after it (OGC 10-126r4, 9.10).
_BEFORE = ("prec", "preceding")
_AFTER = ("succ", "succeeding")
_METADATA = (
    "DefaultTVPMeasurementMetadata", "DefaultTVPCategoricalMetadata", "DefaultTVPMetadata",
    "TVPMeasurementMetadata", "TVPMetadata", "DefaultPointMetadata", "PointMetadata",
)  # fmt: skip


@dataclass(slots=True)
class Defaults:
    """What a time series says of all its points.

    Attributes:
        values: unit, quality, interpolation, aggregation, … of a point that says nothing of its own.
        base, spacing: the first time and the step, where points carry no time.
        zone: offset of times that have none.
        points: how many points were read so far.
    """

    values: Value
    base: str | None = None
    spacing: Duration | None = None
    zone: str | None = None
    points: int = 0


def defaults(series: Any, zone: str | None) -> Defaults:
    """Return what a time series element, read as far as its first point, says of its points."""
    values = Value()
    for holder in series:
        if local_name(holder.tag) in {"defaultPointMetadata", "defaultTVPMetadata"}:
            for metadata in (m for m in holder.iter() if local_name(m.tag) in _METADATA):
                _point_metadata(metadata, values)
    base = text_of(next(series.iter("{*}baseTime"), None))
    spacing = _duration(text_of(next(series.iter("{*}spacing"), None)))
    return Defaults(values, instant(base, zone), spacing, zone)


def point(element: Any, series: Defaults) -> Value:
    """Return the value of one `point` of a time series."""
    pair = element[0] if len(element) else None
    if pair is None:
        return Value(problem="a point without a time-value pair")
    given = series.values
    value = Value(
        unit=given.unit,
        quality=given.quality,
        nil_reason=given.nil_reason,
        censored=given.censored,
        interpolation=given.interpolation,
        aggregation=given.aggregation,
    )
    metadata = child(pair, "metadata")
    for below in metadata if metadata is not None else ():
        _point_metadata(below, value)
    value.time = instant(_time_of(pair), series.zone)
    if value.time is None and series.base and series.spacing:
        value.time = _after(series.base, series.spacing, series.points)
    series.points += 1
    holder = child(pair, "value", "measure")
    if holder is not None:
        _fill(value, holder)
    if value.time is None:
        value.problem = "a point without a time"
    _set_interval(value)
    return value


def single(result: Any, phenomenon: tuple[str | None, str | None]) -> Iterator[Value]:
    """Yield the values of a result that is neither an array nor a time series.

    Args:
        result: the `om:result` element; None where there is none.
        phenomenon: the observation's phenomenon time, which is that of the values.

    Raises:
        OmError: a result of a kind that is not read.
    """
    if result is None:
        raise OmError("the observation has no result")
    inner = result[0] if len(result) else None
    name = local_name(inner.tag) if inner is not None else ""
    if inner is None or (name in {"Measure", "Quantity", "measure"} and not len(inner)):
        value = Value()
        _fill(value, result if inner is None else inner)
        if value.value is None and value.nil_reason is None and not is_nil(result):
            target = href(result)
            if target is None:
                raise OmError("the observation has no result")
            if not tail(_xsi_type(result)).endswith("referencetype"):
                raise OmError(f"the result is a reference ({target}), which is not fetched")
            value.value = target
        found: Iterator[Value] = iter([value])
    elif name in _COMPONENTS:
        value = Value(unit=unit_of(inner), definition=inner.get("definition"))
        holder = child(inner, "value")
        if holder is not None:
            _fill(value, holder)
        found = iter([value])
    elif name in {"DataRecord", "SimpleDataRecord"}:
        found = data_record(inner)
    elif name.endswith("Coverage") or name == "TimeseriesDomainRange":
        found = coverage(inner)
    else:
        raise OmError(f"a result of the kind {name} is not read")
    for value in found:
        if value.time is None:
            value.time, value.time_end = phenomenon
        yield value


def coverage(element: Any) -> Iterator[Value]:
    """Yield the values of a coverage, each with its place along the profile, or its time.

    Raises:
        OmError: the values cannot be found, or are not as many as the positions.
    """
    holder = next(
        (e for e in element.iter() if local_name(e.tag) in {"QuantityList", "CountList", "tupleList"}), None
    )
    if holder is None:
        raise OmError(f"no values were found in the {local_name(element.tag)}")
    quantities = [t for t in re.split(r"[\s,]+", (holder.text or "").strip()) if t]
    unit = holder.get("uom") or next((u for f in element.iter("{*}Quantity") if (u := unit_of(f))), None)
    domain = next(
        (e for e in element.iter() if local_name(e.tag) in {"domainSet", "gridDomain", "domain"}), element
    )
    times = [t for e in domain.iter("{*}timePositionList") for t in (e.text or "").split()]
    listed = next(domain.iter("{*}posList"), None)
    ordinates = (
        [t for t in re.split(r"[\s,]+", (listed.text or "").strip()) if t] if listed is not None else []
    )
    n = len(quantities)
    for kind, found in (("times", times), ("ordinates", ordinates)):
        if found and (n == 0 or len(found) % n or (kind == "times" and len(found) != n)):
            raise OmError(f"{n} values, but {len(found)} {kind} of their positions")
    width = len(ordinates) // n if n else 0
    for i, text in enumerate(quantities):
        place = ordinates[i * width : (i + 1) * width]
        value = Value(unit=unit, position=" ".join(place) or None, time=instant(times[i]) if times else None)
        # Of a line in space the height comes last; in a plane there is none.
        value.depth = _float(place[-1]) if width in {1, 3} else None
        if _float(text) is None:
            value.nil_reason = text
        else:
            value.value = text
        yield value


def _fill(value: Value, holder: Any) -> None:
    """Take in a value that stands in an element: as text, nil, or in a component below it."""
    value.unit = holder.get("uom") or holder.get("code") or value.unit
    if is_nil(holder):
        value.nil_reason = nil_reason(holder) or value.nil_reason or "nil"
        return
    value.nil_reason = nil_reason(holder) or value.nil_reason
    text = text_of(holder)
    if text is None and len(holder):
        text = text_of(next(holder.iter("{*}value"), None))
    value.value = text


def _point_metadata(metadata: Any, value: Value) -> None:
    value.unit = unit_of(metadata) or value.unit
    for below in metadata:
        name, told = local_name(below.tag), href(below) or text_of(below)
        if name == "quality":
            value.quality = told or value.quality
        elif name in {"censoredReason", "censored"}:
            value.censored = told or value.censored
        elif name == "interpolationType":
            value.interpolation = told or value.interpolation
        elif name == "nilReason":
            value.nil_reason = told or value.nil_reason
        elif name == "aggregationDuration":
            value.aggregation = told or value.aggregation


def _time_of(pair: Any) -> str | None:
    holder = child(pair, "time", "geometry")
    if holder is None:
        return None
    return text_of(holder) or text_of(path(holder, "TimeInstant", "timePosition"))


def _set_interval(value: Value) -> None:
    """Give a value of an interval its beginning and end: its time is one of the two, as its interpolation type says."""
    length = _duration(value.aggregation)
    kind = tail(value.interpolation)
    if value.time is None or not length:
        return
    if kind.endswith(_BEFORE):
        begin = _after(value.time, length, -1)
        value.time, value.time_end = (begin, value.time) if begin else (value.time, None)
    elif kind.endswith(_AFTER):
        value.time_end = _after(value.time, length, 1)


def _after(text: str, step: Duration, times: int) -> str | None:
    """Return the time that lies some steps after (or before) another; None where it cannot be told."""
    try:
        moment = parse_instant(text)
    except UsageError:
        return None
    if step.months:
        return format_instant(Duration(step.months * times).after(moment)) if times >= 0 else None
    return format_instant(moment + times * timedelta(days=step.days, microseconds=step.microseconds))


def _duration(text: str | None) -> Duration | None:
    try:
        return parse_duration(text) if text else None
    except UsageError:
        return None


def _xsi_type(element: Any) -> str | None:
    value: str | None = element.get("{http://www.w3.org/2001/XMLSchema-instance}type")
    return value


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
