"""What a source yields: Arrow record batches, each with one declared CRS.

A reader turns bytes into batches, streaming and in bounded memory. It knows nothing of the model: columns carry the
source's own names. Three names are reserved: `_row` (int64, the record's number from 0), `geometry` (WKB, coordinates in
the order in which they stand in the source) and `raw` (JSON text of every leaf of a record, where columns cannot carry it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from ldt.axis import AxisOrder

__all__ = [
    "FILE",
    "GEOMETRY",
    "MALFORMED",
    "RAW",
    "ROW",
    "AxisOrder",
    "Batch",
    "DeclaredCrs",
    "Description",
    "LayerDescription",
    "Reader",
]

ROW = "_row"
GEOMETRY = "geometry"
RAW = "raw"
#: Name of the file that a record came from, where a recipe needs it (station or parameter only in the path).
FILE = "_file"
#: Why a record could not be taken apart, where a reader kept it instead of failing (then its text is in `raw`); else null.
MALFORMED = "_malformed"


@dataclass(frozen=True, slots=True)
class DeclaredCrs:
    """A CRS as a source declares it.

    Attributes:
        text: the declaration as it stands in the source (`urn:ogc:def:crs:EPSG::4258`, the name in a .prj).
        projjson: the CRS as PROJJSON text.
        order: the order of coordinates that the declaration means for the WKB as delivered.
    """

    text: str
    projjson: str
    order: AxisOrder


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one source: `records` always has `_row`; `crs` is None where there is no geometry or no CRS."""

    records: pa.RecordBatch
    crs: DeclaredCrs | None = None


@dataclass(slots=True)
class LayerDescription:
    """What `ldt inspect` tells of one layer. `extent` is (west, south, east, north) in degrees, where it can be told."""

    name: str
    count: int | None
    columns: dict[str, str]
    geometry_types: list[str] = field(default_factory=list)
    crs: DeclaredCrs | None = None
    extent: tuple[float, float, float, float] | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Description:
    """What `ldt inspect` tells of a source."""

    format: str
    reader: str
    layers: list[LayerDescription]
    problems: list[str] = field(default_factory=list)


class Reader(Protocol):
    """A format. `options` is the recipe's `source` block, validated against the reader's own model."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the files in an archive or folder that are meant for it, in lower case."""
        ...

    @property
    def options(self) -> type[Any]:
        """The model of its options."""
        ...

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the records of one file.

        Raises:
            SourceError: if the bytes cannot be read; names the file, the place and the remedy.
            HostileSource: if they were made to do harm.
        """
        ...

    def describe(self, path: Path) -> Description:
        """Tell what the file holds, reading no more than needed."""
        ...
