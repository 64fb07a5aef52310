"""Observations: values in time series, and the datastreams that hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

#: Canonical columns of a batch of observations. `datastream` is an index into the list of datastreams that comes
#: with the batch; the interval is [time, time_end); both are instants; `validity` and `verification` are the codes of
#: the vocabularies `observation-validity` and `observation-verification`.
OBSERVATION_SCHEMA = pa.schema(
    [
        pa.field("datastream", pa.int32(), nullable=False),
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("time_end", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("validity", pa.int16(), nullable=False),
        pa.field("verification", pa.int16(), nullable=False),
        pa.field("source_row", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Datastream:
    """A series: one thing, one observed property, one averaging, one unit.

    Attributes:
        code: stable code within the data set, made of what distinguishes the series.
        thing: code of what observes, usually a station.
        observed_property: code of the vocabulary `observed-properties`.
        unit: UCUM code of the values.
        averaging: ISO 8601 duration that a value stands for (`PT1H`, `P1D`), `PT0S` for an instant, or `var`.
        zone: the zone in which the source gave times, kept as metadata; times themselves are instants.
        properties: what else the source says of the series (sampling point, process, method).
    """

    code: str
    thing: str
    observed_property: str
    unit: str
    averaging: str
    zone: str
    properties: dict[str, Any] = field(default_factory=dict, compare=False)
