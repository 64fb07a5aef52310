"""The observations of an XML document, in one pass that never holds more than one observation's header and a few values.

The parser calls this module for each element. An observation is put together as a small tree, but what can be long is taken out of it as it
comes: the text of a data array goes block by block into values, a point of a time series is read and removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lxml import etree

from ldt.errors import HostileSource, SourceError
from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_paths import TooDeepError
from ldt.sources.gml_prolog import check_prolog
from ldt.sources.om_array import DataArray, data_array
from ldt.sources.om_header import Context, Header, header
from ldt.sources.om_results import Defaults, defaults, point, single
from ldt.sources.om_values import OmError, Value, child, href, is_nil, path, text_of

#: Values of an observation that is not at its end yet are handed out by this many.
HANDED_OUT = 20_000
MAX_DEPTH = 200
_CHUNK = 256 * 1024
_OM = "http://www.opengis.net/om/"
#: Elements outside observations that tell something of them.
_TELLING = frozenset({"AQD_ReportingHeader", "offering", "ExceptionReport", "ServiceExceptionReport"})
_POINTS = frozenset({"point", "element"})


def is_observation(name: str, tag: str, parent: str | None) -> bool:
    """Whether an element is an observation: of O&M 1.0 and 2.0, or one of INSPIRE's specialised ones.

    Args:
        name: its local name; properties (`hasObservation`) begin with a small letter, operations with what they do.
        tag: its name with namespace.
        parent: local name of the element around it; None for the root.
    """
    if parent is not None and not parent[:1].islower():
        return False
    if name == "Measurement":
        return tag.startswith(f"{{{_OM}")
    return (
        name.endswith("Observation")
        and name[:1].isupper()
        and not name.startswith(("Insert", "Get", "Delete"))
    )


@dataclass(slots=True)
class Observed:
    """Some values of one observation. `first` says that they are its first ones, `last` that no more come."""

    header: Header
    values: list[Value]
    first: bool
    last: bool


def observations(path: Path) -> Iterator[Observed]:
    """Yield the observations of a document; one with very many values comes in parts.

    Raises:
        SourceError: not well-formed, a service's error message, or no document of observations; what came before was yielded.
        HostileSource: a document type definition with content, or elements nested without bound.
    """
    check_prolog(path)
    target = _Target(path.name)
    parser = etree.XMLParser(
        target=cast("Any", target), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True
    )
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
                yield from target.taken()
        parser.close()
    except etree.XMLSyntaxError as e:
        yield from target.taken()
        line, column = e.position
        raise SourceError(
            f"not well-formed XML at line {line}, column {column}: {' '.join(e.msg.split(', line')[0].split())}",
            where=path.name,
            remedy="get it again from where it came",
        ) from e
    except TooDeepError as e:
        raise HostileSource(str(e), where=path.name, remedy="do not trust this file") from e
    yield from target.taken()


class _Target:
    """What the parser calls. `element` is the innermost one of the tree that is being put together; None outside of one."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._context = Context()
        self._names: list[str] = []
        self._root: Any = None
        self._element: Any = None
        self._text: list[str] = []
        self._out: list[Observed] = []
        self._begin_observation()

    def _begin_observation(self) -> None:
        self._header: Header | None = None
        self._values: list[Value] = []
        self._given = 0
        self._array: DataArray | None = None
        self._arrays = False
        self._series: dict[Any, Defaults] = {}

    def taken(self) -> list[Observed]:
        """Return what is ready, and forget it."""
        out, self._out = self._out, []
        return out

    # Called by the parser --------------------------------------------------------------------------------------------

    def start(self, tag: str, attributes: Any) -> None:
        name = local_name(tag)
        self._names.append(name)
        if len(self._names) > MAX_DEPTH:
            raise TooDeepError(f"nested deeper than {MAX_DEPTH} elements")
        if self._element is None:
            parent = self._names[-2] if len(self._names) > 1 else None
            if name in _TELLING or is_observation(name, tag, parent):
                self._root = self._element = etree.Element(tag, dict(attributes))
            return
        if len(self._element) == 0:
            self._keep_text()
        self._text.clear()
        self._element = etree.SubElement(self._element, tag, dict(attributes))
        if name == "values" and local_name(self._element.getparent().tag) == "DataArray":
            self._begin_array(self._element.getparent())

    def data(self, text: str) -> None:
        if self._element is None:
            return
        if self._array is not None and not self._array.xml:
            self._feed(self._array.feed(text))
        elif self._array is not None or not self._arrays:
            self._text.append(text)

    def end(self, tag: str) -> None:
        name = self._names.pop()
        element = self._element
        if element is None:
            return
        if len(element) == 0:
            self._keep_text()
        self._text.clear()
        parent = element.getparent()
        self._element = parent
        if element is self._root:
            self._finish(name, element)
        elif name == "values" and self._arrays:
            if self._array is not None:
                self._feed(self._array.close())
                if not self._array.blocks and (target := href(element)):
                    self._add(Value(problem=f"the values are a reference ({target}), which is not fetched"))
            self._array, self._arrays = None, False
            element.clear()
        elif (
            self._arrays
            and self._array is not None
            and parent is not None
            and local_name(parent.tag) == "values"
        ):
            self._feed(self._array.record([text_of(leaf) or "" for leaf in element.iter() if not len(leaf)]))
            parent.remove(element)
        elif name in _POINTS and len(element) and parent is not None and self._is_pair(element[0]):
            series = self._series.get(parent)
            if series is None:
                series = self._series[parent] = defaults(parent, self._zone())
            self._add(point(element, series))
            parent.remove(element)

    def close(self) -> None:
        """Nothing is left to be done."""

    # Values -----------------------------------------------------------------------------------------------------------

    @staticmethod
    def _is_pair(element: Any) -> bool:
        return local_name(element.tag).endswith(("TVP", "TimeValuePair"))

    def _keep_text(self) -> None:
        if self._text:
            self._element.text = "".join(self._text)

    def _begin_array(self, element: Any) -> None:
        """Make ready for the values of a data array; where it cannot be taken apart, they are passed over."""
        self._arrays = True
        try:
            self._array = data_array(element)
        except OmError as e:
            self._add(Value(problem=str(e)))

    def _feed(self, values: Iterator[Value]) -> None:
        try:
            for value in values:
                self._add(value)
        except OmError as e:
            self._add(Value(problem=str(e)))
            self._array = None

    def _add(self, value: Value) -> None:
        self._values.append(value)
        if len(self._values) >= HANDED_OUT:
            self._hand_out(last=False)

    def _zone(self) -> str | None:
        return text_of(next(self._root.iter("{*}zoneOffset"), None))

    def _head(self) -> Header:
        """Return the observation's header, as far as it was read when it was first needed."""
        if self._header is None:
            # The result is no part of the header; where the observation is not at its end yet, it is put back.
            result = child(self._root, "result")
            if result is not None:
                self._root.remove(result)
            self._header = header(self._root, self._context)
            if result is not None:
                self._root.append(result)
        return self._header

    def _hand_out(self, last: bool) -> None:
        self._out.append(Observed(self._head(), self._values, first=self._given == 0, last=last))
        self._given += len(self._values)
        self._values = []

    # The end of what was put together ---------------------------------------------------------------------------------

    def _finish(self, name: str, element: Any) -> None:
        self._element = None
        if name == "AQD_ReportingHeader":
            self._context.namespace = text_of(path(element, "inspireId", "Identifier", "namespace"))
        elif name == "offering":
            self._context.offering = text_of(element)
        elif name in {"ExceptionReport", "ServiceExceptionReport"}:
            words = " ".join(t.strip() for t in element.itertext() if t.strip())
            raise SourceError(
                f"is a service's error message: {words[:300]}",
                where=self._file,
                remedy="ask the service again",
            )
        else:
            self._end_observation(element)
        self._root = None

    def _end_observation(self, element: Any) -> None:
        result = child(element, "result")
        if not self._values and not self._given and not self._read_all(result):
            head = self._head()
            try:
                self._values.extend(single(result, (head.begin, head.end)))
            except OmError as e:
                self._values.append(Value(problem=str(e)))
        self._hand_out(last=True)
        self._begin_observation()

    @staticmethod
    def _read_all(result: Any) -> bool:
        """Whether a result is of a kind that is read as it comes, so that nothing of it is left."""
        inner = result[0] if result is not None and len(result) else None
        if inner is None or is_nil(result):
            return False
        name = local_name(inner.tag)
        return name == "DataArray" or (name.lower().endswith("timeseries"))
