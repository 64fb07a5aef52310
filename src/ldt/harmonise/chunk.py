"""What harmonise hands on: canonical batches, and what became of every record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from shapely.geometry.base import BaseGeometry

from ldt.model.coverage import NewCoverage
from ldt.model.observation import Datastream
from ldt.model.outcome import RecordOutcome, Tally

#: Version of the rules in this package; it is part of a version's key, so a change of rules makes new versions.
HARMONISER = "4"


@dataclass(frozen=True, slots=True)
class Context:
    """What harmonise must know of the twin.

    Attributes:
        namespace: the namespace in which the data set mints ids.
        selection: polygon in EPSG:4326 (x = longitude) of what is kept, the twin's boundary with its buffer; None keeps all.
    """

    namespace: str
    selection: BaseGeometry | None = None


@dataclass(slots=True)
class Chunk:
    """Some harmonised records of one source.

    Attributes:
        features: a batch of `FEATURE_SCHEMA`, or None.
        observations: a batch of `OBSERVATION_SCHEMA`, or None; its `datastream` column counts from 0 over `datastreams`.
        datastreams: the series met so far in this source; the list only grows from chunk to chunk.
        coverages: coverages, whose cells can be read until the next chunk is asked for.
        outcomes: the records of this chunk that were not simply accepted.
        tally: counts of this chunk alone.
        crs: what was learnt of each CRS met: declared, order found, operation, accuracy.
    """

    features: pa.RecordBatch | None = None
    observations: pa.RecordBatch | None = None
    datastreams: list[Datastream] = field(default_factory=list)
    coverages: list[NewCoverage] = field(default_factory=list)
    outcomes: list[RecordOutcome] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    crs: list[dict[str, Any]] = field(default_factory=list)
