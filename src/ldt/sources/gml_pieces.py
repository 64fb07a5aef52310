"""The members of a collection as pieces of text, cut out of the file without parsing it.

Only a plain collection is cut: one feature to a member element, members side by side with nothing but space between. Wherever a
file is otherwise the cutting ends, and whoever reads goes on with the parser, from the member that was reached.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lxml import etree

from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_members import MEMBERS, is_collection
from ldt.sources.gml_paths import first_axis_labels, first_srs_name

_BLOCK = 4 * 1024**2
#: Bytes before the first member, and of one member: more is left to the parser.
_MOST_HEAD, _MOST_MEMBER = 1024**2, 32 * 1024**2
_DECLARATION = re.compile(rb"<\?xml[^>]*?\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([\w.:-]+)["']""")
_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)[\s>]")
_SPACE = re.compile(rb"\s*")
#: Encodings in which markup is ASCII, by their names in Python.
_ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})
#: What XML does not allow (XML 1.0, 2.2), for a pattern and as bytes; the parser tells where it is.
FORBIDDEN = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f"
_FORBIDDEN = bytes(sorted({*range(32)} - {9, 10, 13}))
_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=True,
    remove_comments=True,
    remove_pis=True,
)


class Pieces:
    """The pieces of one file.

    Args:
        path: the file.
        span: bytes of the file, from and up to, in which whole members lie; all of it without.

    Attributes:
        srs_name, axis_labels: of the collection's envelope.
        complete: whether the file was cut down to its end.
        opening: pattern of what a member begins with, the space before it included.
        close: what it ends with.
    """

    def __init__(self, path: Path, span: tuple[int, int] | None = None) -> None:
        self.path = path
        self._span = span
        self.srs_name: str | None = None
        self.axis_labels: str | None = None
        self.complete = False
        self._before = self._after = self.opening = self.close = ""
        self._opening = re.compile("")

    def __iter__(self) -> Iterator[str]:
        """Yield the member elements, as many as fit into a block and side by side; lines end in a line feed.

        That they stand side by side is for :meth:`member` to find out: who finds it otherwise stops, and `complete` stays false.
        """
        with self.path.open("rb") as file:
            data = file.read(_MOST_HEAD)
            first = self._begin(data)
            if first is None:
                return
            encoding, start, tail = first
            close = self.close.encode()
            data = data[start:]
            if self._span is not None:
                file.seek(self._span[0])
                data, tail = file.read(self._span[1] - self._span[0]), _SPACE
            while True:
                if (end := data.rfind(close)) >= 0:
                    end += len(close)
                    text, whole = _decoded(data[:end], encoding)
                    yield text
                    if not whole:
                        return
                    data = data[end:]
                more = _more(file, len(data)) if self._span is None else b""
                if not more:
                    self.complete = tail.fullmatch(data) is not None
                    return
                if len(data) > _MOST_MEMBER:
                    return
                data += more

    def member(self, block: str, at: int) -> tuple[str, int]:
        """Return (text within the member that begins at a place of a block, where it ends); no text where no plain member begins."""
        opened = self._opening.match(block, at)
        end = block.find(self.close, opened.end()) if opened else -1
        if opened is None or end < 0:
            return "", at
        text = block[opened.end() : end]
        return (text, end + len(self.close)) if is_allowed(text) else ("", at)

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield the bytes, from and up to, of members one after the other, some `size` in each; none if it cannot be cut."""
        with self.path.open("rb") as file:
            first = self._begin(file.read(_MOST_HEAD))
            if first is None:
                return
            _, start, tail = first
            close, length = self.close.encode(), self.path.stat().st_size
            while start < length:
                # Only what may hold the last end of a member is read, as far back as need be.
                begin = stop = min(start + size, length)
                end, data = -1, b""
                while end < 0 and begin > start:
                    begin = max(start, begin - _MOST_HEAD)
                    file.seek(begin)
                    data = file.read(stop - begin)
                    end = data.rfind(close)
                if end < 0:
                    self.complete = stop == length and tail.fullmatch(data) is not None
                    return
                end += begin + len(close)
                yield start, end
                start = end

    def parse(self, text: str) -> Any:
        """Return the one feature in a member's text; None if there is not exactly one, or the text is not well-formed."""
        try:
            root = etree.fromstring(f"{self._before}{text}{self._after}", _PARSER)
        except (etree.XMLSyntaxError, ValueError):
            return None
        features = list(root[0])
        # A collection in a collection is not one feature.
        if len(root) != 1 or len(features) != 1 or is_collection(local_name(features[0].tag)):
            return None
        return features[0]

    def _begin(self, data: bytes) -> tuple[str, int, re.Pattern[bytes]] | None:
        """Return (encoding, place of the first member, what the file must end with); None if it cannot be cut."""
        body = data.removeprefix(codecs.BOM_UTF8)
        declared = _DECLARATION.match(body)
        encoding = _encoding(declared[0] if declared else b"")
        start = len(data) - len(body) + (declared.end() if declared else 0)
        first = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?(?:member|featureMember))\s*>").search(data, start)
        if encoding is None or first is None or b"<!DOCTYPE" in data[: first.start()]:
            return None
        root = _ROOT.search(data, start)
        if root is None or root.start() >= first.start():
            return None
        try:
            head = data[start : first.start()].decode(encoding)
            name, member = root[1].decode(), first[1].decode()
            # With the declaration: whatever is wrong with it is the parser's to tell.
            element = etree.fromstring(body[: first.start() - len(data)] + f"</{name}>".encode(), _PARSER)
        except (etree.XMLSyntaxError, ValueError):
            return None
        if not is_collection(local_name(element.tag)):
            return None
        if any(local_name(child.tag) in MEMBERS for child in element.iter()):
            return None  # Members before the first plain one: with attributes, or many in one.
        for child in element:
            if local_name(child.tag) == "boundedBy":
                self.srs_name = self.srs_name or first_srs_name(child)
                self.axis_labels = self.axis_labels or first_axis_labels(child)
        # The root's own start tag, which declares the namespaces.
        tag = head[head.index(f"<{name}") :]
        tag = tag[: _end_of_tag(tag)]
        self._before, self._after = f"{tag}<{member}>", f"</{member}></{name}>"
        self.opening, self.close = rf"\s*+<{re.escape(member)}\s*+>", f"</{member}>"
        self._opening = re.compile(self.opening)
        tail = re.compile(rb"\s*</" + re.escape(root[1]) + rb"\s*>\s*")
        return encoding, first.start(), tail


def _encoding(declaration: bytes) -> str | None:
    """Return Python's name of the encoding that an XML declaration names; None if it is none that can be cut."""
    named = _ENCODING.search(declaration)
    try:
        name = codecs.lookup(named[1].decode()).name if named else "utf-8"
    except LookupError:
        return None
    return name if name in _ENCODINGS else None


def _end_of_tag(text: str) -> int:
    """Return where the start tag ends that a text begins with: at the first `>` outside quotes."""
    quote = ""
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == ">":
            return place + 1
    return len(text)


def _decoded(data: bytes, encoding: str) -> tuple[str, bool]:
    """Return the text up to the first bytes that are none, its lines ending in a line feed, and whether that is all of it."""
    try:
        text, whole = data.decode(encoding), True
    except UnicodeDecodeError as e:
        text, whole = data[: e.start].decode(encoding), False
    return (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text), whole


def is_allowed(text: str) -> bool:
    """Whether there is nothing in a text that XML does not allow there."""
    data = text.encode()
    return len(data.translate(None, _FORBIDDEN)) == len(data) and "]]>" not in text


def _more(file: IO[bytes], have: int) -> bytes:
    """Return the next block, the larger the more is waiting for its end."""
    return file.read(max(_BLOCK, have))
