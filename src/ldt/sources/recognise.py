"""What a file is, told by its bytes rather than by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ldt.errors import LdtError, SourceError
from ldt.sources.cube import CubeReader
from ldt.sources.documents import (
    binary_document,
    json_document,
    text_document,
)
from ldt.sources.gml import GmlReader
from ldt.sources.json_records import JsonReader, load
from ldt.sources.metadata import MetadataReader, holds_records
from ldt.sources.om import OmReader, holds_observations
from ldt.sources.parquet import ParquetReader
from ldt.sources.raster import TIFF
from ldt.sources.raster import RasterReader as GdalRasterReader
from ldt.sources.resource import SHAPEFILE_SIDES, Resource, magic, open_resources
from ldt.sources.source import Description, Document, RasterReader, Reader
from ldt.sources.table import TableReader
from ldt.sources.vector import VectorReader
from ldt.sources.workbook import is_workbook
from ldt.sources.xml_documents import xml_document, xml_root

_SEE = "see docs/sources.md for the formats that are read"
_GEOJSON = frozenset(
    [
        "FeatureCollection",
        "Feature",
        "Point",
        "MultiPoint",
        "LineString",
        "MultiLineString",
        "Polygon",
        "MultiPolygon",
        "GeometryCollection",
    ]
)
#: JSON larger than this is judged by its beginning.
_LARGE = 64 * 1024**2
#: Files that are recognised and not read; longest signature first.
_OTHER = ((b"PK", "an archive within an archive"),)
#: Root elements of XML that GDAL reads.
_GDAL_XML = frozenset({"kml", "gpx"})


def describe(path: Path) -> Description:
    """Tell what a path holds: format, reader, layers, columns, count, CRS declared and judged, problems.

    Args:
        path: file, folder, zip or gzip; of an archive or folder every data file is told, as long as one can be read.

    Raises:
        NotFound: no such path.
        SourceError: nothing in it can be read.
        HostileSource: bytes made to do harm.
    """
    with open_resources(Path(path)) as resources:
        if len(resources) == 1:
            return _describe_one(resources[0])
        return _describe_all(Path(path), resources)


def _describe_all(path: Path, resources: list[Resource]) -> Description:
    found: list[tuple[Resource, Description]] = []
    problems: list[str] = []
    for resource in resources:
        try:
            description = _describe_one(resource)
        except SourceError as e:
            problems.append(str(e))
            continue
        if description.document:
            problems.append(f"{resource.name}: {description.document.why}")
        else:
            found.append((resource, description))
    if not found:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise SourceError(f"nothing in it can be read: {problems[0]}{more}", where=path.name, remedy=_SEE)
    # The reader of most files; the other files are told as problems, so that nothing is hidden.
    # Records about data come with the data, one for each: they are what counts only where there is nothing else.
    readers = [d.reader for _, d in found if d.reader != "metadata"] or ["metadata"]
    reader = max(dict.fromkeys(readers), key=readers.count)
    first = next(d for _, d in found if d.reader == reader)
    result = Description(first.format, reader, [], problems, first.encoding)
    for resource, description in found:
        if description.reader != reader:
            result.problems.append(
                f"{resource.name}: is for the reader {description.reader!r} ({description.format})"
            )
            continue
        result.problems += [f"{resource.name}: {p}" for p in description.problems]
        for layer in description.layers:
            layer.name = f"{resource.name}: {layer.name}"
            result.layers.append(layer)
    return result


def _describe_one(resource: Resource) -> Description:
    reader = _reader(resource.path)
    if isinstance(reader, Document):
        problems = [reader.why, *reader.problems]
        return Description(reader.format, "", [], problems, document=reader)
    description = reader.describe(resource.path)
    known = resource.path.suffix.lower() in TableReader.suffixes
    if description.reader == "table" and not known and len(description.layers[0].columns) < 2:
        raise SourceError("is text of an unknown kind", where=resource.name, remedy=_SEE)
    return description


def _reader(path: Path) -> Reader | RasterReader | Document:
    """Return the reader that a file's bytes ask for, or what it is, if there is nothing to read in it."""
    if path.is_dir():
        return CubeReader() if path.suffix.lower() == ".zarr" else VectorReader()
    if path.suffix.lower() in SHAPEFILE_SIDES:
        return _side(path)
    head = magic(path, 4096)
    if is_workbook(path):
        return TableReader()
    for start, what in _OTHER:
        if head.startswith(start):
            raise SourceError(f"is {what}", where=path.name, remedy=_SEE)
    if head.startswith(TIFF) or re.match(rb"\s*ncols\s+\d", head, re.IGNORECASE):
        return GdalRasterReader()
    if head.startswith((b"CDF", b"\x89HDF", b"GRIB")):
        return CubeReader()
    if head.startswith(b"PAR1"):
        return ParquetReader()
    # GDAL reads the tables of any SQLite database.
    if head.startswith((b"fgb", b"\0\0\x27\x0a", b"SQLite format 3")):
        return VectorReader()
    if document := binary_document(path):
        return document
    return _of_text(path, head.removeprefix(b"\xef\xbb\xbf").lstrip())


def recognised(path: Path) -> Document | None:
    """Return what a file is, if it can be named and holds nothing to ingest; None for data and for what cannot be read."""
    try:
        found = _reader(path)
    except LdtError:
        return None
    return found if isinstance(found, Document) else None


def _of_text(path: Path, text: bytes) -> Reader | Document:
    if text.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\0<", b"\0<")):
        if holds_records(path):
            return MetadataReader()
        return text_document(path) or xml_document(path) or _of_xml(path)
    if text.startswith(
        (b"\xff\xfe{", b"\xff\xfe[", b"\xfe\xff\0{", b"\xfe\xff\0[")
    ):  # UTF-16: the reader refuses it
        return JsonReader()
    if text.startswith(b"\x1e"):  # RFC 8142: a GeoJSON text sequence
        return VectorReader()
    if text.startswith((b"{", b"[")):
        large = path.stat().st_size > _LARGE
        return (
            VectorReader() if _is_geojson(path, text) else (not large and json_document(path)) or JsonReader()
        )
    return text_document(path) or TableReader()


def _of_xml(path: Path) -> Reader:
    if xml_root(path) in _GDAL_XML:
        return VectorReader()
    return OmReader() if holds_observations(path) else GmlReader()


def _side(path: Path) -> Document:
    """Return what a side file of a shapefile is: it is read with it, and a table or a CRS for people without it."""
    whole = f"{path.stem}.shp"
    there = path.with_suffix(".shp").exists()
    return Document(
        f"part of the shapefile {whole}" if there else f"side file of a shapefile ({path.suffix.lower()})",
        advice=f"give {whole}" if there else f"its main file, {whole}, is missing: get all files of it again",
    )


def _is_geojson(path: Path, head: bytes) -> bool:
    """Whether the outermost object is GeoJSON or a relative of it that GDAL reads; told from the first bytes of a large file."""
    if not head.startswith(b"{"):
        return False
    if path.stat().st_size > _LARGE:
        return bool(re.search(rb'"type"\s*:\s*"(FeatureCollection|Feature)"', head))
    document = load(path)
    if isinstance(document, list):  # one object a line
        return all(isinstance(o, dict) and o.get("type") == "Feature" for o in document)
    kind = document.get("type")
    has = {"features", "geometry", "geometries", "coordinates"}
    geojson = isinstance(kind, str) and kind in _GEOJSON and bool(has & document.keys())
    return geojson or (kind == "Topology" and "arcs" in document) or _is_esri(document)


def _is_esri(document: dict[str, Any]) -> bool:
    """Whether a document is the answer of a feature service in Esri's own JSON, as GDAL knows it: by the types of its fields."""
    return isinstance(document.get("features"), list) and (
        "esriFieldType" in str(document.get("fields")) or "geometryType" in document
    )
