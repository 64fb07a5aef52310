"""What stands before the root element of an XML file, looked at before any parser sees it; and what a parser's complaint means.

libxml2 is told neither to load anything nor to expand entities, but it must be allowed large text (`huge_tree`), and that
switches its own protection against entity expansion off. So a document type definition with content is not let through to it.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

from lxml import etree

from ldt.errors import HostileSource, SourceError
from ldt.sources.gml_schemas import usual_namespace
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
_PREFIX = re.compile(r"Namespace prefix ([\w.-]+) (?:for \S+ )?on \S+ is not defined")
_BAD_BYTES = re.compile(
    r"not proper UTF-8|encoder error|invalid byte|labelled UTF|[Ee]ncoding error|conversion failed|Invalid bytes"
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
    text = head.decode(encoding, errors="replace").lstrip("\ufeff").lstrip()
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


def skipped_before_declaration(path: Path) -> int:
    """Return how many bytes stand before an XML declaration that must be the first thing in a file: blanks, empty lines; else 0."""
    head = magic(path, 4096)
    body = head.removeprefix(codecs.BOM_UTF8)
    text = body.lstrip(b" \t\r\n")
    return len(head) - len(text) if len(text) < len(body) and text.startswith(b"<?xml") else 0


def explain(path: Path, error: etree.XMLSyntaxError) -> SourceError:
    """Return what a parser's message means, and what to do about it."""
    line, column = error.position
    # The parser did not see what was skipped.
    head = magic(path, 4096)
    line += head[: skipped_before_declaration(path)].count(b"\n")
    said = " ".join(error.msg.split(", line")[0].split())
    if prefix := _PREFIX.match(said):
        log: Any = error.error_log
        others = [m[1] for entry in log if (m := _PREFIX.match(entry.message))]
        missing = " ".join(
            f'xmlns:{name}="{usual_namespace(name) or "…"}"' for name in dict.fromkeys([prefix[1], *others])
        )
        return SourceError(
            f"the prefix {prefix[1]!r} at line {line} has no namespace",
            where=path.name,
            remedy=f"add {missing} to the root element",
        )
    stated = _ENCODING.search(head.decode("latin-1").replace("\0", ""))
    name = stated[1] if stated else "UTF-8"
    if _BAD_BYTES.search(said) or (name.upper().startswith("UTF-16") and b"\0" not in head):
        return SourceError(
            f"bytes at line {line} are not in the encoding {name}, which the file {'declares' if stated else 'has without a declaration'}",
            where=path.name,
            remedy="write the true encoding into the first line, as in "
            '<?xml version="1.0" encoding="windows-1252"?>, or convert the file to UTF-8',
        )
    return SourceError(
        f"not well-formed XML at line {line}, column {column}: {said}",
        where=path.name,
        remedy="get it again from where it came",
    )
