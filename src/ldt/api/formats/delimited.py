"""CSV (RFC 4180) of any number of items, as PostgreSQL writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

#: Name of the column of geometries: GDAL and QGIS know it for WKT.
PLACE = "WKT"


def write(path: Path, names: Sequence[str], lines: Iterable[bytes]) -> None:
    r"""Write a header and lines of :func:`ldt.store.columns.lines` as a CSV file, whose lines end with `\r\n`.

    A field that begins with `=`, `+`, `-` or `@` is written as it is: spreadsheets may take it for a formula.
    """
    with path.open("wb") as file:
        header = io.StringIO(newline="")
        csv.writer(header).writerow(names)
        file.write(header.getvalue().encode())
        for line in lines:
            file.write(line[:-1])
            file.write(b"\r\n")
