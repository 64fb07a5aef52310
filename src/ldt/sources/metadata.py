"""Reader `metadata`: descriptions of data sets, one record each, from a file or an answer of a catalogue.

Read are ISO 19139 (`gmd:MD_Metadata`, `gmi:MI_Metadata` and national profiles of them such as `che:CHE_MD_Metadata`), ISO 19115-3
(`mdb:MD_Metadata`) and the records of CSW 2.0.2 (`csw:Record`, `SummaryRecord`, `BriefRecord`, OGC 07-006r1, 10.2.5). Elements are known by
their local names, so that versions and profiles do not matter. The geometry is the box that is stated in degrees, longitude first.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import shapely
from lxml import etree
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, SourceError
from ldt.sources.batches import Options, check_options, declare, with_rows
from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_prolog import check_prolog
from ldt.sources.judge import judge
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, Batch, Description, LayerDescription
from ldt.sources.xml_documents import xml_root

#: A record is some kilobytes of text.
_BATCH = 500
_RECORD = re.compile(r"(?:[A-Z]{3}_)?M[DI]_Metadata|(?:Brief|Summary)?Record")
_ISO = re.compile(r"(?:[A-Z]{3}_)?M[DI]_Metadata")
_ANSWERS = frozenset({"GetRecordsResponse", "GetRecordByIdResponse"})
_HREF = "{http://www.w3.org/1999/xlink}href"
_CRS84 = declare("OGC:CRS84", "degrees, longitude first", AxisOrder.XY)

#: Where a text of ISO stands, by local names below the record: the first place that has some counts. `*` is any element, `|` parts names.
_ISO_TEXTS = {
    "identifier": ("fileIdentifier", "metadataIdentifier/*/code"),
    "resource_identifier": ("identificationInfo/*/citation/*/identifier/*/code",),
    "title": ("identificationInfo/*/citation/*/title",),
    "abstract": ("identificationInfo/*/abstract",),
    "type": ("hierarchyLevel", "metadataScope/*/resourceScope"),
    "publisher": (
        "identificationInfo/*/pointOfContact/*/organisationName",
        "identificationInfo/*/pointOfContact/*/party/CI_Organisation/name",
        "contact/*/organisationName",
        "contact/*/party/CI_Organisation/name",
    ),
    "modified": ("dateStamp", "dateInfo/*/date"),
    "language": ("language", "defaultLocale/*/language"),
    "standard": ("metadataStandardName", "metadataStandard/*/title"),
}
_ISO_LISTS = {
    "keywords": ("identificationInfo/*/descriptiveKeywords/*/keyword",),
    "themes": ("identificationInfo/*/topicCategory",),
    "constraints": (
        "identificationInfo/*/resourceConstraints/*/useLimitation|otherConstraints|accessConstraints|useConstraints",
    ),
    "dates": ("identificationInfo/*/citation/*/date/CI_Date/date",),
    "links": (
        "distributionInfo//CI_OnlineResource/linkage",
        "identificationInfo/*/containsOperations//linkage",
    ),
}
_DC_TEXTS = {
    "identifier": ("identifier",),
    "resource_identifier": (),
    "title": ("title",),
    "abstract": ("abstract", "description"),
    "type": ("type",),
    "publisher": ("publisher", "creator"),
    "modified": ("modified",),
    "language": ("language",),
    "standard": (),
}
_DC_LISTS = {
    "keywords": ("subject",),
    "themes": (),
    "constraints": ("rights|accessRights|license",),
    "dates": ("date|issued|created",),
    "links": ("references|URI",),
}


class MetadataReader:
    """Descriptions of data sets."""

    suffixes = (".xml",)
    options = Options

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the records: texts, lists of texts, and the box."""
        check_options(Options, options, "metadata")
        done = 0
        rows: list[dict[str, Any]] = []
        for record in _records(path):
            rows.append(_row(record))
            if len(rows) == _BATCH:
                yield _batch(rows, done)
                done += len(rows)
                rows = []
        if rows:
            yield _batch(rows, done)

    def describe(self, path: Path) -> Description:
        """Tell how many records there are and where, reading the whole file once."""
        layer = LayerDescription(name=path.stem, count=0, columns={}, crs=_CRS84)
        shapes: list[Any] = []
        for batch in self.read(path, {}):
            layer.count = (layer.count or 0) + batch.records.num_rows
            for name in (*_ISO_TEXTS, *_ISO_LISTS):
                if any(batch.records.column(name).to_pylist()):
                    layer.columns[name] = "text" if name in _ISO_TEXTS else "list of texts"
            shapes += [
                s for s in shapely.from_wkb(batch.records.column(GEOMETRY).to_pylist()) if s is not None
            ]
        if not layer.count:
            layer.problems.append("holds no records")
        if shapes:
            layer.geometry_types = sorted({s.geom_type for s in shapes})
            layer.extent, problems = judge(_CRS84, list(shapely.total_bounds(shapes)))
            layer.problems += problems
        return Description(format="metadata records of a catalogue", reader="metadata", layers=[layer])


def holds_records(path: Path) -> bool:
    """Whether an XML document is a description of a data set, or an answer of a catalogue with some; False for what cannot be parsed so far."""
    root = xml_root(path)
    if root is None or root not in _ANSWERS:
        return root is not None and bool(_ISO.fullmatch(root))
    try:
        with closing(_records(path)) as records:
            return next(records, None) is not None
    except HostileSource:
        raise
    except SourceError:
        return False


def _records(path: Path) -> Generator[Any, None, None]:
    """Yield the record elements, each forgotten when the next is asked for.

    Raises:
        SourceError: not well-formed.
        HostileSource: it was made to do harm.
    """
    check_prolog(path)
    try:
        with path.open("rb") as file:
            yield from _whole_records(file)
    except etree.XMLSyntaxError as e:
        raise SourceError(
            f"not well-formed XML: {e.msg}", where=path.name, remedy="get it again from the catalogue"
        ) from e


def _whole_records(file: IO[bytes]) -> Iterator[Any]:
    events = etree.iterparse(
        file,
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    around: Any = None  # the record that is being read; one may stand in another
    for event, element in events:
        if event == "start" and around is None and _RECORD.fullmatch(local_name(element.tag)):
            around = element
        elif event == "end" and element is around:
            around = None
            yield element
            element.clear()
            while (parent := element.getparent()) is not None and element.getprevious() is not None:
                del parent[0]


# One record -----------------------------------------------------------------------------------------------------------


def _row(record: Any) -> dict[str, Any]:
    iso = bool(_ISO.fullmatch(local_name(record.tag)))
    texts, lists = (_ISO_TEXTS, _ISO_LISTS) if iso else (_DC_TEXTS, _DC_LISTS)
    row: dict[str, Any] = {
        name: next((t for place in places for e in _at(record, place) if (t := _text(e))), None)
        for name, places in texts.items()
    }
    row |= {
        name: list(dict.fromkeys(t for place in places for e in _at(record, place) if (t := _text(e))))
        for name, places in lists.items()
    }
    boxes = _iso_boxes(record) if iso else _ows_boxes(record)
    row[GEOMETRY] = _geometry(boxes)
    return row


def _at(element: Any, place: str) -> Iterator[Any]:
    """Yield the elements at a place: names of steps, any element (`*`), one of several (`a|b`), any depth (`//`)."""
    step, slash, rest = place.partition("/")
    names = None if step == "*" else step.split("|")
    found = (e for e in element if isinstance(e.tag, str) and (names is None or local_name(e.tag) in names))
    for one in found:
        if not slash:
            yield one
        elif rest.startswith("/"):
            name, _, after = rest[1:].partition("/")
            for below in one.iter(f"{{*}}{name}"):
                yield from _at(below, after) if after else [below]
        else:
            yield from _at(one, rest)


def _text(element: Any) -> str | None:
    """Return the first text in an element (one that is there in several languages repeats itself), the address of an anchor without one, or a code."""
    for one in element.iter():
        if isinstance(one.tag, str) and (text := " ".join((one.text or "").split())):
            return text
    codes = (one.get(name) for one in element.iter() for name in ("codeListValue", _HREF))
    return next(filter(None, codes), None)


def _iso_boxes(record: Any) -> Iterator[tuple[float, float, float, float]]:
    sides = ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
    for info in _at(record, "identificationInfo"):
        for box in info.iter("{*}EX_GeographicBoundingBox"):
            found = [_number(next((_text(e) for e in _at(box, side)), None)) for side in sides]
            if all(n is not None for n in found):
                yield found[0], found[1], found[2], found[3]  # type: ignore[misc]


def _ows_boxes(record: Any) -> Iterator[tuple[float, float, float, float]]:
    for box in _at(record, "BoundingBox|WGS84BoundingBox"):
        corners = [_text(e) or "" for name in ("LowerCorner", "UpperCorner") for e in _at(box, name)]
        numbers = [_number(part) for corner in corners for part in corner.split()]
        if len(numbers) != 4 or None in numbers:
            continue
        x0, y0, x1, y1 = (n for n in numbers if n is not None)
        declared = parse_srs_name(box.get("crs") or "")
        if declared is None or local_name(box.tag) == "WGS84BoundingBox":
            yield x0, y0, x1, y1
            continue
        if declared.order is AxisOrder.YX:
            x0, y0, x1, y1 = y0, x0, y1, x1
        try:
            to = Transformer.from_crs(CRS.from_json(declared.projjson), "EPSG:4326", always_xy=True)
            yield to.transform_bounds(x0, y0, x1, y1)
        except ProjError:
            continue


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text.replace(",", "."))
    except ValueError:
        return None


def _geometry(boxes: Iterator[tuple[float, float, float, float]]) -> bytes | None:
    """Return the boxes as one geometry; one that crosses the antimeridian is in two parts, one without width or height a line or a point."""
    parts = []
    for west, south, east, north in dict.fromkeys(boxes):
        spans = [(west, 180.0), (-180.0, east)] if west > east else [(west, east)]
        for left, right in spans:
            corners = [(left, south), (left, north), (right, north), (right, south)]
            parts.append(shapely.MultiPoint(corners).envelope)
    if not parts:
        return None
    return bytes(shapely.to_wkb(shapely.union_all(parts)))


def _batch(rows: list[dict[str, Any]], first: int) -> Batch:
    columns = {n: pa.array([r[n] for r in rows], pa.string()) for n in _ISO_TEXTS}
    columns |= {n: pa.array([r[n] for r in rows], pa.list_(pa.string())) for n in _ISO_LISTS}
    columns[GEOMETRY] = pa.array([r[GEOMETRY] for r in rows], pa.binary())
    columns[RAW] = pa.nulls(len(rows), pa.string())
    columns[MALFORMED] = pa.nulls(len(rows), pa.string())
    return Batch(with_rows(columns, first, len(rows)), _CRS84)
