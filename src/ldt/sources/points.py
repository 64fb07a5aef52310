"""Places of records that have no geometry of their own: two columns of coordinates, or one of geometries as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from pydantic import model_validator

from ldt.axis import AxisOrder
from ldt.errors import RecipeError
from ldt.sources.batches import Options, declare
from ldt.sources.geotext import read_texts
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, Batch, DeclaredCrs

#: What columns of eastings and longitudes, and of northings and latitudes, are called in the languages of Europe's open data.
_EASTINGS = frozenset(["lon", "long", "lng", "longitude", "laenge", "länge", "longitud", "longitudine", "lengtegraad", "lengdegrad", "längengrad", "laengengrad", "dlugosc", "długość", "geolaenge", "easting", "eastings", "ostwert", "rechtswert", "rechts", "east"])  # fmt: skip
_NORTHINGS = frozenset(["lat", "latitude", "breite", "latitud", "latitudine", "breedtegraad", "breddegrad", "breitengrad", "szerokosc", "szerokość", "geobreite", "northing", "northings", "nordwert", "hochwert", "hoch", "north"])  # fmt: skip
#: What stands beside `x` and `y`, and behind the words above.
_BESIDE = frozenset(["coord", "coords", "coordinate", "coordinata", "coordinada", "coordenada", "koord", "koordinate", "koordinaten", "geo", "geogr", "gps", "point", "punkt", "pos", "position", "stop", "utm", "gk", "rd", "lv", "mn", "l", "lambert", "wgs", "etrs", "epsg", "srid", "puwg", "osgb", "bng", "d", "dd", "deg", "degrees", "m", "x", "y", "zone"])  # fmt: skip
_TOKEN = re.compile(r"[^\W\d_]+")


def is_easting(name: str) -> bool:
    """Whether a column is called like an easting or a longitude."""
    return _is_called(name, _EASTINGS, ("x", "e"))


def is_northing(name: str) -> bool:
    """Whether a column is called like a northing or a latitude."""
    return _is_called(name, _NORTHINGS, ("y", "n"))


def _is_called(name: str, words: frozenset[str], letters: tuple[str, ...]) -> bool:
    """Whether a name has a word with only words beside it behind (`station_latitude_d`), or a letter with only such about it (`X_UTM`, `xcoord`)."""
    tokens = _TOKEN.findall(name.lower())
    for place, token in enumerate(tokens):
        if token in words and _BESIDE.issuperset(tokens[place + 1 :]):
            return True
        joined = (token[:1] in letters and token[1:] in _BESIDE) or (
            token[-1:] in letters and token[:-1] in _BESIDE
        )
        if (token in letters or joined) and _BESIDE.issuperset(tokens[:place] + tokens[place + 1 :]):
            return True
    return False


#: Texts that stand for no value.
_NOTHING = frozenset({"", "nan", "na", "n/a", "null", "none", "nil", "-", "--"})
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


class PointOptions(Options):
    """Options of readers whose records may have their place in columns.

    Attributes:
        geometry: column of geometries as text: WKT, EWKT, WKB in hexadecimal, GeoJSON (:mod:`ldt.sources.geotext`).
        x: column of the easting or longitude, and `y` of the northing or latitude; a decimal comma is understood. Where files
            differ, several (`longitude|lon`), the first of them that there is; upper and lower case do not matter.
        crs: of `x` and `y`, and of geometries that do not say theirs.
    """

    geometry: str | None = None
    x: str | None = None
    y: str | None = None
    crs: str | None = None

    @model_validator(mode="after")
    def _point_is_whole(self) -> PointOptions:
        if (self.x is None) != (self.y is None):
            raise ValueError("`x` and `y` come together")
        if self.x is not None and self.geometry is not None:
            raise ValueError("`geometry` stands alone, or `x` and `y` do")
        return self


Chosen = TypeVar("Chosen", bound=PointOptions)


def with_names(options: Chosen, names: Sequence[str], reader: str) -> Chosen:
    """Return the options with `x`, `y` and `geometry` as the file writes them.

    Raises:
        RecipeError: the file has no such column.
    """
    folded = {name.lower(): name for name in reversed(names)}
    found = {}
    for option, wanted in (("x", options.x), ("y", options.y), ("geometry", options.geometry)):
        if wanted is None:
            continue
        # A name that is reserved comes with `_`.
        possible = [w for one in wanted.lower().split("|") for w in (one, f"{one}_")]
        name = next((folded[w] for w in possible if w in folded), None)
        if name is None:
            raise RecipeError(
                f"no column {wanted!r}",
                where=f"options of the reader {reader!r}",
                remedy=f"there are: {', '.join(names)}",
            )
        found[option] = wanted if wanted in names else name
    return options.model_copy(update=found)


def point_crs(options: PointOptions, reader: str) -> DeclaredCrs | None:
    """Return the CRS of places that do not say theirs.

    Raises:
        RecipeError: PROJ does not know it.
    """
    if options.crs is None:
        return None
    crs = declare(options.crs, options.crs, AxisOrder.XY)
    if crs is None:
        raise RecipeError(
            f"unknown CRS {options.crs!r}",
            where=f"options of the reader {reader!r}",
            remedy="write it as EPSG:25832",
        )
    return crs


def placed(records: pa.RecordBatch, options: PointOptions, crs: DeclaredCrs | None) -> Iterator[Batch]:
    """Yield records with the places that their columns say, one batch for each CRS that geometries declare.

    Args:
        records: as read.
        options: with names as the file writes them.
        crs: of :func:`point_crs`.
    """
    if options.geometry is not None:
        values = records.column(options.geometry).to_pylist()
        texts = [v.hex() if isinstance(v, bytes) else v if v is None else str(v) for v in values]
        yield from with_texts(records, texts, options.geometry, crs)
    elif options.x is not None:
        pair = {name: records.column(name) for name in (options.x, options.y or "")}
        yield Batch(with_points(records, pair), crs)
    else:
        yield Batch(records)


def with_texts(
    records: pa.RecordBatch, texts: Sequence[str | None], name: str, crs: DeclaredCrs | None
) -> Iterator[Batch]:
    """Yield records with the geometries that texts are; a record whose text is none is malformed: it would lie nowhere without a word.

    Args:
        records: as read.
        texts: one for each.
        name: what the texts are called.
        crs: of those that do not say theirs.
    """
    geometries, declared = read_texts(texts, crs)
    there = ~shapely.is_missing(geometries)
    records = records.append_column(GEOMETRY, pa.array(shapely.to_wkb(geometries), pa.binary()))
    bad = {i: t for i, t in enumerate(texts) if t is not None and t.strip() and not there[i]}
    if bad:
        records = _with_malformed(records, {i: f"{name}: {t[:60]!r} is no geometry" for i, t in bad.items()})
    # A record without a geometry has no CRS: it goes with the first.
    kinds = list(dict.fromkeys(own for own, is_there in zip(declared, there, strict=True) if is_there))
    if len(kinds) < 2:
        yield Batch(records, kinds[0] if kinds else crs)
        return
    which = [kinds.index(own) if is_there else 0 for own, is_there in zip(declared, there, strict=True)]
    for place, own in enumerate(kinds):
        yield Batch(records.filter(pc.equal(pa.array(which), place)), own)


def _with_malformed(records: pa.RecordBatch, bad: dict[int, str]) -> pa.RecordBatch:
    """Return records of which some are malformed: place → why."""
    columns: dict[str, Any] = dict(zip(records.schema.names, records.columns, strict=True))
    known: dict[str, list[Any]] = {
        n: columns[n].to_pylist() if n in columns else [None] * len(records) for n in (MALFORMED, RAW)
    }
    rows = [n for n in records.schema.names if n not in {GEOMETRY, MALFORMED, RAW}]
    for place, why in bad.items():
        if known[MALFORMED][place] is None:
            known[MALFORMED][place] = why
            own = {n: columns[n][place].as_py() for n in rows}
            known[RAW][place] = known[RAW][place] or orjson.dumps(own, default=str).decode()
    made = {**columns, **{n: pa.array(values, pa.string()) for n, values in known.items()}}
    return pa.RecordBatch.from_pydict(made)


def with_points(records: pa.RecordBatch, pair: Mapping[str, pa.Array | None]) -> pa.RecordBatch:
    """Return the records with a point made of two columns, null where one of them has no value.

    A record with a text that is no number is malformed: it would lie nowhere without a word.

    Args:
        records: as read.
        pair: what the columns are called → the eastings, and the northings; None where no record has any.
    """
    nothing = pa.nulls(len(records), pa.string())
    columns = {name: nothing if values is None else values for name, values in pair.items()}
    x, y = map(_numbers, columns.values())
    points = shapely.points(x, y)
    points[np.isnan(x) | np.isnan(y)] = None
    records = records.append_column(GEOMETRY, pa.array(shapely.to_wkb(points), pa.binary()))
    bad = {
        place: f"{name}: {text[:60]!r} is no number, so the record has no place"
        for (name, values), numbers in zip(columns.items(), (x, y), strict=True)
        for place, text in _letters(values, numbers).items()
    }
    return _with_malformed(records, bad) if bad else records


def _letters(values: pa.Array, numbers: NDArray[np.float64]) -> dict[int, str]:
    """Return the texts of which no number was made, by their place, but for those that say that there is none."""
    if not _is_text(values):
        return {}
    texts = ((int(i), values[int(i)].as_py()) for i in np.flatnonzero(np.isnan(numbers)))
    return {i: text for i, text in texts if text and text.strip().lower() not in _NOTHING}


def _is_text(values: pa.Array) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _numbers(values: pa.Array) -> NDArray[np.float64]:
    """Return numbers, also those that are written as text, with a decimal comma or point; NaN where it is none."""
    if _is_text(values):
        dotted = pc.utf8_trim_whitespace(pc.replace_substring(values, ",", "."))
        values = pc.if_else(pc.match_substring_regex(dotted, _NUMBER), dotted, None)
    numbers: NDArray[np.float64] = pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy(
        zero_copy_only=False
    )
    return numbers
