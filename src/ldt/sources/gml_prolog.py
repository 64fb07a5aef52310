"""What stands before the root element of an XML file, looked at before any parser sees it.

libxml2 is told neither to load anything nor to expand entities, but it must be allowed large text (`huge_tree`), and that
switches its own protection against entity expansion off. So a document type definition with content is not let through to it.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from ldt.errors import HostileSource, SourceError
from ldt.sources.resource import magic

#: How much may stand before the root element.
_LIMIT = 256 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_SKIPPED = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ENCODING = re.compile(r"""<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
#: Encodings in which `<` and `!` are themselves, or UTF-16. In others (UTF-7) a definition could hide.
_KNOWN = re.compile(
    r"utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-?8859-\d+|iso_8859-\d+|latin-?1|windows-125\d|cp125\d",
    re.IGNORECASE,
)


def check_prolog(path: Path) -> None:
    """Let a file pass whose root element may safely be parsed.

    Raises:
        HostileSource: a document type definition that defines entities or anything else.
        SourceError: not XML, or in an encoding that is not read.
    """
    head = magic(path, _LIMIT)
    # Latin-1 is as good as any superset of ASCII for what is looked for here.
    encoding = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), "latin-1")
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    stated = _ENCODING.match(text)
    if stated and not _KNOWN.fullmatch(stated[1]):
        raise SourceError(f"XML in the encoding {stated[1]!r}", where=path.name, remedy="convert it to UTF-8")
    place = 0
    while match := _SKIPPED.match(text, place):
        place = match.end()
    rest = text[place:]
    if rest.startswith("<!DOCTYPE"):
        _check_doctype(path, rest)
    elif not rest.startswith("<") or rest.startswith("<!--"):
        if (place >= len(text) - 8 and len(head) == _LIMIT) or rest.startswith("<!--"):
            raise HostileSource(
                f"no root element in the first {_LIMIT:,} bytes",
                where=path.name,
                remedy="do not trust this file",
            )
        raise SourceError("is no XML", where=path.name, remedy="get it again from where it came")


def _check_doctype(path: Path, rest: str) -> None:
    end = rest.find(">")
    subset = rest.find("[")
    if end < 0 or 0 <= subset < end:
        raise HostileSource(
            "the XML has a document type definition of its own (entities can expand without bound, or read other files)",
            where=path.name,
            remedy="do not trust this file; spatial data need no DOCTYPE",
        )
    following = rest[end + 1 :]
    place = 0
    while match := _SKIPPED.match(following, place):
        place = match.end()
    if following[place:].startswith("<!"):
        raise HostileSource(
            "the XML has two document type definitions", where=path.name, remedy="do not trust this file"
        )
