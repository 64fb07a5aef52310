"""What a source yields: Arrow record batches, each with one declared CRS, or a raster whose cells are read when asked for.

A reader turns bytes into batches, streaming and in bounded memory. It knows nothing of the model: columns, bands and
variables carry the source's own names. Three names are reserved: `_row` (int64, the record's number from 0), `geometry` (WKB, coordinates in
the order in which they stand in the source) and `raw` (JSON text of every leaf of a record, where columns cannot carry it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from ldt.axis import AxisOrder
from ldt.wording import plural, singular

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
    "Document",
    "Layer",
    "LayerDescription",
    "Raster",
    "RasterReader",
    "Reader",
    "TimeAxis",
    "Transform",
]

ROW = "_row"
GEOMETRY = "geometry"
RAW = "raw"
#: Name of the file that a record came from, where a recipe needs it (station or parameter only in the path).
FILE = "_file"
#: The affine transformation (a, b, c, d, e, f) from (column, row) to (x, y): x = a * column + b * row + c, y = d * column + e * row + f.
Transform = tuple[float, float, float, float, float, float]
#: Why a record could not be taken apart, where a reader kept it instead of failing (then its text is in `raw`); else null.
MALFORMED = "_malformed"


@dataclass(frozen=True, slots=True)
class DeclaredCrs:
    """A CRS as a source declares it.

    Attributes:
        text: the declaration as it stands in the source (`urn:ogc:def:crs:EPSG::4258`, the name in a .prj).
        projjson: the CRS as PROJJSON text.
        order: the order of coordinates that the declaration means for the WKB as delivered.
        by_format: whether the file's format fixes that order, whatever the CRS (GeoPackage, Shapefile, GeoJSON: east first).
    """

    text: str
    projjson: str
    order: AxisOrder
    by_format: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one source: `records` always has `_row`; `crs` is None where there is no geometry or no CRS."""

    records: pa.RecordBatch
    crs: DeclaredCrs | None = None


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time axis of a layer as the CF Conventions write it: numbers, `days since 1950-01-01`, and a calendar.

    Attributes:
        values: one for each step.
        units, calendar: what the values mean.
        bounds: (beginning, end) of each step in the same units, where the file states them; else none.
        instants: whether the file says that values are those of instants, not of intervals.
    """

    values: tuple[float, ...]
    units: str
    calendar: str
    bounds: tuple[tuple[float, float], ...] = ()
    instants: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One band of a raster, or one variable of a cube. Values are those that stand in the file, neither scaled nor masked.

    Attributes:
        name: number of the band, from 1, as text; or name of the variable.
        label: what the file calls a band, if it does.
        dtype: NumPy's name of the type.
        unit: as the file writes it; None where it says nothing.
        scale, offset: value = what stands in the file * scale + offset.
        nodata: what stands in the file where there is no value.
        width, height: cells along x and y.
        transform: from (column, row) to (x, y), x = easting or longitude; None where the cells lie on no regular grid.
        crs: what is declared for x and y; None where nothing is.
        time: the time axis; None where there is none.
        problem: why the layer cannot be used as it is, and what to do; None where it can.
        read: the cells of (step, first row, row after the last, first column, column after the last), each from 0. Raises
            SourceError where the bytes are damaged.
        note: what the reader did to the cells beyond reading them (a statistic, a regular grid), for people; None for nothing.
    """

    name: str
    label: str | None
    dtype: str
    unit: str | None
    scale: float
    offset: float
    nodata: tuple[float, ...]
    width: int
    height: int
    transform: Transform | None
    crs: DeclaredCrs | None
    time: TimeAxis | None
    problem: str | None
    read: Callable[[int, int, int, int, int], NDArray[Any]] = field(repr=False)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Raster:
    """One file of cells, open until the next one is asked for. `name` is the file's, `digest` that of its bytes."""

    layers: tuple[Layer, ...]
    name: str = ""
    digest: str = ""


@dataclass(slots=True)
class LayerDescription:
    """What `ldt inspect` tells of one layer. `extent` is (west, south, east, north) in degrees, where it can be told.

    `cells` tells of the cells of a raster: width, height, size of a cell, what means that there is none, time axis. `schema` is the short name and
    version of the application schema (`ps 4.0`) and `namespace` its namespace, of a layer in XML.
    """

    name: str
    count: int | None
    columns: dict[str, str]
    geometry_types: list[str] = field(default_factory=list)
    crs: DeclaredCrs | None = None
    extent: tuple[float, float, float, float] | None = None
    problems: list[str] = field(default_factory=list)
    cells: dict[str, Any] = field(default_factory=dict)
    schema: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file that one can name and that holds nothing to ingest: a capabilities document, a metadata record, a code list.

    Attributes:
        format: what it is (`WFS capabilities`).
        schema: its standard and version (`WFS 2.0.0`), where it states one.
        title: what it calls itself.
        contents: names of what it lists: layers, records, codes.
        counted: what these are (`feature types`).
        advice: what to do instead of ingesting it.
        problems: what is wrong with it.
    """

    format: str
    schema: str | None = None
    title: str | None = None
    contents: tuple[str, ...] = ()
    counted: str = "entries"
    advice: str = ""
    problems: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """Why there is nothing to ingest, and what to do."""
        has = (
            f" with {plural(len(self.contents), singular(self.counted), self.counted)}"
            if self.contents
            else ""
        )
        return f"{self.format}{has}: nothing in it is to be ingested; {self.advice}"


@dataclass(slots=True)
class Description:
    """What `ldt inspect` tells of a source.

    Attributes:
        format: what it is (`GeoPackage`).
        reader: what reads it; empty for a document.
        layers: what it holds.
        problems: what speaks against it as a whole.
        encoding: of its text; None where it has none, or says by itself.
        document: what it is, if it holds nothing to ingest.
    """

    format: str
    reader: str
    layers: list[LayerDescription]
    problems: list[str] = field(default_factory=list)
    encoding: str | None = None
    document: Document | None = None


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


class RasterReader(Protocol):
    """A format of cells; as :class:`Reader`, but a file gives one raster."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the files in an archive or folder that are meant for it, in lower case."""
        ...

    @property
    def options(self) -> type[Any]:
        """The model of its options."""
        ...

    def open(self, path: Path, options: dict[str, Any]) -> AbstractContextManager[Raster]:
        """Open one file.

        Raises:
            SourceError: if the bytes cannot be read; names the file, the place and the remedy.
            HostileSource: if they were made to do harm.
        """
        ...

    def describe(self, path: Path) -> Description:
        """Tell what the file holds, reading no more than needed."""
        ...
