"""The options that a file is best read with, judged from its bytes: what `ldt inspect` and the recipes that take any layer begin with."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from ldt.errors import LdtError
from ldt.sources.dialect import judge_dialect
from ldt.sources.geotext import is_geometry
from ldt.sources.json_records import judge_records
from ldt.sources.source import Batch
from ldt.sources.table import TableReader
from ldt.sources.workbook import Workbook, is_workbook

#: Values of a column that are looked at, and the share of them that must be geometries.
_LOOKED_AT, _NEARLY_ALL = 100, 0.9


def judged_options(
    reader: str, path: Path, layer: str | None = None, given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the options of a reader for one file, with those that are given.

    Args:
        reader: its name.
        path: the file.
        layer: which of its layers; needed where there are several.
        given: options that are settled.

    Raises:
        SourceError: the file cannot be read.
    """
    given = {k: v for k, v in (given or {}).items() if k != "member"}
    if reader == "vector":
        return {"layer": layer, **given} if layer else given
    if reader == "gml":
        return {"feature": [layer], **given} if layer else given
    if reader == "table":
        options = {**_table(path, layer, given), **given}
        return {**options, **_geometry(path, options)}
    if reader == "json" and not {"geometry", "x", "model"} & given.keys():
        return {**given, **judge_records(path, given)}
    return given


def _table(path: Path, layer: str | None, given: dict[str, Any]) -> dict[str, Any]:
    if not is_workbook(path):
        dialect = judge_dialect(path)
        return {"delimiter": dialect.delimiter, **dialect.options()}
    book = Workbook(path)
    sheet = given.get("sheet", layer if layer in book.sheets else None)
    options: dict[str, Any] = {"sheet": sheet} if sheet and len(book.sheets) > 1 else {}
    which = book.sheet(sheet)
    skip = book.header_row(which)
    if skip:
        options["skip"] = skip
    return {**options, "units": True} if book.has_units(which, skip) else options


def _geometry(path: Path, options: dict[str, Any]) -> dict[str, str]:
    """Return the column of a table whose texts are geometries, as an option; shapes rather than points where there are several."""
    if {"x", "geometry"} & options.keys():
        return {}
    try:
        first: Batch | None = next(islice(TableReader().read(path, options), 1), None)
    except LdtError:
        return {}
    if first is None:
        return {}
    found: list[tuple[bool, str]] = []
    for name in first.records.schema.names:
        if name.startswith("_") or name == "raw":
            continue
        texts = [t for t in first.records.column(name).slice(0, _LOOKED_AT).to_pylist() if t and t.strip()]
        if texts and is_geometry(texts[0]) and sum(map(is_geometry, texts)) >= _NEARLY_ALL * len(texts):
            found.append((texts[0].lstrip()[0] in "[(+-0123456789" and "," in texts[0], name))
    return {"geometry": min(found, key=lambda f: f[0])[1]} if found else {}
