"""What makes a record the one it is: digests of its content, keys met before, and the record as it came."""

from __future__ import annotations

import hashlib
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ldt.harmonise.documents import plain
from ldt.sources.source import RAW, ROW

#: ASCII's unit separator: it stands neither in JSON text nor in a fid.
UNIT = "\x1f"


@dataclass(frozen=True, slots=True)
class First:
    """The record that a key was met with first: its row, its source (counted from 0), and the digest of its content."""

    row: int
    source: int
    content: bytes


@dataclass(slots=True)
class SeenKeys:
    """Keys met before, and the record that each was met with first: some 250 bytes of memory a feature."""

    known: dict[str, int] = field(default_factory=dict)
    rows: array[int] = field(default_factory=lambda: array("q"))
    sources: array[int] = field(default_factory=lambda: array("l"))
    contents: list[bytes] = field(default_factory=list)

    def meet(self, key: str, record: First) -> First | None:
        """Return the record that came first with this key, or None, and then remember this one."""
        number = self.known.setdefault(key, len(self.rows))
        if number < len(self.rows):
            return First(self.rows[number], self.sources[number], self.contents[number])
        self._add([record.row], record.source, [record.content])
        return None

    def meet_new(self, keys: list[str], rows: list[int], source: int, contents: list[bytes]) -> bool:
        """Remember a batch of records if none of their keys was met before; tell whether that was so.

        This is the usual case, and without a step in Python for each record. Otherwise nothing is remembered.
        """
        start = len(self.rows)
        fresh = dict(zip(keys, range(start, start + len(keys)), strict=True))
        if len(fresh) < len(keys) or not self.known.keys().isdisjoint(fresh):
            return False
        self.known.update(fresh)
        self._add(rows, source, contents)
        return True

    def _add(self, rows: list[int], source: int, contents: list[bytes]) -> None:
        self.rows.extend(rows)
        self.sources.extend([source] * len(rows))
        self.contents.extend(contents)


def shown(value: Any) -> str:
    """Return an Arrow value for a message, not too long."""
    text = orjson.dumps(plain(value.as_py())).decode()
    return text if len(text) <= 80 else text[:77] + "…"


def digests(table: dict[str, pa.Array]) -> pa.Array:
    """Return 16 bytes of BLAKE2b over everything but the source and the row."""
    names = [n for n in ("fid", "version_id", "valid_from", "valid_to", "properties", "raw") if n in table]
    parts = [table[n].cast(pa.int64()) if pa.types.is_timestamp(table[n].type) else table[n] for n in names]
    # A null is written as NUL, which stands in none of these texts either.
    heads = pc.binary_join_element_wise(
        *[p.cast(pa.string()) for p in parts], UNIT, null_handling="replace", null_replacement="\x00"
    ).cast(pa.binary())
    aliases = table["alias"].to_pylist() if "alias" in table else [None] * len(heads)
    made = []
    for head, wkb, alias in zip(heads.to_pylist(), table["geometry"].to_pylist(), aliases, strict=True):
        digest = hashlib.blake2b(head, digest_size=16)
        digest.update(b"\x1e" + wkb if wkb is not None else b"\x1d")
        if alias is not None:
            digest.update(b"\x1c" + alias.encode())
        made.append(digest.digest())
    return pa.array(made, pa.binary(16))


def raw_record(records: pa.RecordBatch, position: int) -> dict[str, Any]:
    """Return a record as it came, ready for JSON; its geometry as WKB in hexadecimal, as it stands in the source."""
    record: dict[str, Any] = plain(records.slice(position, 1).to_pylist()[0])
    record.pop(ROW, None)
    if isinstance(record.get(RAW), str):
        # The text of a record that was malformed stays text.
        with suppress(orjson.JSONDecodeError):
            record[RAW] = orjson.loads(record[RAW])
    return record
