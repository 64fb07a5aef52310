"""How long a NetCDF classic file must be, told from its header. Where one is shorter, the library delivers zeros for the rest.

Source: The NetCDF Classic Format Specification (NetCDF Users Guide, appendix B.1; CDF-1, CDF-2 and CDF-5), big endian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ldt.errors import SourceError

_AGAIN = "get it again from where it came"
#: Bytes of a value by the number of its type, `NC_BYTE` (1) to `NC_UINT64` (11).
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
#: More dimensions, attributes, variables or letters than any file in use has.
_MANY = 1_000_000


@dataclass(slots=True)
class _Header:
    """Reads the header's parts one after another."""

    file: IO[bytes]
    version: int

    def number(self, size: int = 4) -> int:
        read = self.file.read(size)
        if len(read) < size:
            raise ValueError("the header ends too early")
        return int.from_bytes(read, "big")

    def count(self) -> int:
        """Read a number that is of eight bytes in CDF-5."""
        return self.number(8 if self.version == 5 else 4)

    def few(self) -> int:
        number = self.count()
        if number > _MANY:
            raise ValueError(f"{number:,} entries in its header")
        return number

    def padded(self, size: int) -> None:
        self.file.seek(-(-size // 4) * 4, 1)

    def entries(self) -> int:
        """Read the beginning of a list, its tag and its length."""
        self.number()
        return self.few()

    def attributes(self) -> None:
        for _ in range(self.entries()):
            self.padded(self.few())
            kind = self.number()
            self.padded(self.few() * _BYTES[kind])


def check_length(path: Path) -> None:
    """Refuse a NetCDF classic file that is shorter than its header says.

    Raises:
        SourceError: it is, or its header cannot be read.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            needed = _needed(_Header(file, file.read(4)[3]))
    except (ValueError, KeyError, IndexError) as e:
        raise SourceError(f"its NetCDF header is damaged: {e}", where=path.name, remedy=_AGAIN) from e
    if needed > size:
        raise SourceError(
            f"truncated: {size:,} bytes of the {needed:,} that its header states",
            where=path.name,
            remedy=_AGAIN,
        )


def _needed(header: _Header) -> int:
    """Return where the last value ends."""
    records = header.count()
    streaming = records == (1 << (64 if header.version == 5 else 32)) - 1
    lengths = []
    for _ in range(header.entries()):
        header.padded(header.few())
        lengths.append(header.count())
    header.attributes()
    ends, of_records = [header.file.tell()], []
    for _ in range(header.entries()):
        header.padded(header.few())
        dimensions = [header.count() for _ in range(header.few())]
        header.attributes()
        kind = header.number()
        header.count()  # the size, which cannot be told for large variables; it follows from the dimensions
        begin = header.number(4 if header.version == 1 else 8)
        # The dimension of length 0 is that of the records.
        recorded = bool(dimensions) and lengths[dimensions[0]] == 0
        size = math.prod(lengths[d] for d in dimensions[recorded:]) * _BYTES[kind]
        if recorded:
            of_records.append((begin, size))
        else:
            ends.append(begin + size)
    if records and not streaming:
        # Records are padded to four bytes, but not where there is one variable of them.
        step = (
            sum(-(-s // 4) * 4 for _, s in of_records)
            if len(of_records) > 1
            else sum(s for _, s in of_records)
        )
        ends += [begin + (records - 1) * step + size for begin, size in of_records]
    return max(ends)
