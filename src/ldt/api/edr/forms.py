"""From what was found to bytes: CoverageJSON, GeoJSON, CSV, NetCDF, and the rows of a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ldt.api.edr.names import document
from ldt.api.edr.piece import Found, Parameter, Piece
from ldt.api.edr.request import MAX_FEATURES
from ldt.errors import TooLarge
from ldt.store.crs import CRS84, Crs

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS
#: Bytes of CSV that are sent at once.
_CHUNK = 256 * 1024


def dumps(content: Any) -> bytes:
    """Return JSON bytes; arrays are lists, NaN is null, times are UTC with `Z`."""
    return orjson.dumps(content, option=_OPTIONS)


# CoverageJSON (OGC 21-069r2) ------------------------------------------------------------------------------------


def coveragejson(found: Found, about: Mapping[str, Any]) -> bytes:
    """Return a coverage, or a collection of them where there are several or none; `about` are further members."""
    parameters = {name: document(p) for name, p in found.parameters.items()}
    coverages = [_coverage(p, found) for p in found.pieces]
    if len(coverages) == 1:
        mine = {n: p for n, p in parameters.items() if n in found.pieces[0].values}
        return dumps({**coverages[0], "parameters": mine, **about})
    return dumps(
        {
            "type": "CoverageCollection",
            "parameters": parameters,
            "referencing": _referencing(found.crs, timed=True),
            "coverages": coverages,
            **about,
        }
    )


def _referencing(crs: Crs, *, timed: bool) -> list[dict[str, Any]]:
    system = {"type": "GeographicCRS" if crs.geographic else "ProjectedCRS", "id": crs.uri}
    # Named in the order of the CRS's own axes (CoverageJSON, 5.1).
    found: list[dict[str, Any]] = [{"coordinates": ["y", "x"] if crs.flipped else ["x", "y"], "system": system}]  # fmt: skip
    if timed:
        found.append({"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}})
    return found


def _coverage(piece: Piece, found: Found) -> dict[str, Any]:
    axes, names, kind = _axes(piece, found.crs)
    domain: dict[str, Any] = {"type": "Domain"}
    if kind:
        domain["domainType"] = kind
    timed = bool(piece.starts.size)
    domain |= {"axes": axes, "referencing": _referencing(found.crs, timed=timed)}
    ranges = {}
    for name, values in piece.values.items():
        shaped = values if not names or "t" in names or piece.kind == "track" else values[0]
        ranges[name] = {
            "type": "NdArray",
            "dataType": "integer" if found.parameters[name].classes else "float",
            "axisNames": names,
            "shape": list(shaped.shape) if names else [],
            "values": _listed(shaped.ravel() if names else shaped.ravel()[:1], found.parameters[name]),
        }
    return {"type": "Coverage", "id": piece.label, **piece.about, "domain": domain, "ranges": ranges}


def _axes(piece: Piece, crs: Crs) -> tuple[dict[str, Any], list[str], str | None]:
    """Return the axes of a piece, the names of those that its values run along, and its domain type."""
    x, y = (_rounded(a, crs) for a in (piece.x, piece.y))
    times: dict[str, Any] = {"values": np.ascontiguousarray(piece.starts)}
    if (piece.starts != piece.ends).any():
        times["bounds"] = np.column_stack((piece.starts, piece.ends)).ravel()
    t = {"t": times} if piece.starts.size else {}
    along = ["t"] if t else []
    if piece.kind == "grid":
        return {"x": {"values": x}, "y": {"values": y}, **t}, [*along, "y", "x"], "Grid"
    if piece.kind == "line":
        places = {"dataType": "tuple", "coordinates": ["x", "y"], "values": np.column_stack((x, y))}
        kind = "MultiPointSeries" if piece.starts.size > 1 else "MultiPoint"
        return {"composite": places, **t}, [*along, "composite"], kind
    if piece.kind == "track":
        moments = np.datetime_as_string(piece.starts, unit="ms", timezone="UTC").tolist()
        rows = [[m, a, b] for m, a, b in zip(moments, x.tolist(), y.tolist(), strict=True)]
        track = {"dataType": "tuple", "coordinates": ["t", "x", "y"], "values": rows}
        return {"composite": track}, ["composite"], "Trajectory"
    if np.isnan(x).any():  # nobody knows where the station is; its values are told all the same
        return t, along, None
    kind = "PointSeries" if piece.starts.size > 1 else "Point"
    return {"x": {"values": x}, "y": {"values": y}, **t}, along if kind == "PointSeries" else [], kind


def _rounded(values: NDArray[np.float64], crs: Crs) -> NDArray[np.float64]:
    return np.asarray(np.round(values, crs.digits), np.float64)


def _listed(values: NDArray[np.floating], parameter: Parameter) -> Any:
    """Return values for JSON: numbers as they are, classes as whole numbers, null where there is none."""
    if not parameter.classes:
        return np.ascontiguousarray(values)
    return [None if np.isnan(v) else int(v) for v in values.tolist()]


# Rows ---------------------------------------------------------------------------------------------------------


def rows(found: Found) -> Iterator[tuple[str, float, float, str | None, str | None, dict[str, Any]]]:
    """Yield (label, x, y, start, end, values by name) of every place and time at which there is a value.

    Coordinates are x first; times are RFC 3339 in UTC.
    """
    for piece in found.pieces:
        x, y = (_rounded(a, found.crs).tolist() for a in (piece.x, piece.y))
        starts, ends = (_texts(m) for m in (piece.starts, piece.ends))
        cells = list(zip(*_places(piece.kind, x, y), strict=True))
        columns = {name: _plain(values, found.parameters[name]) for name, values in piece.values.items()}
        for n in np.flatnonzero(_told(piece)).tolist():
            px, py = cells[n % len(cells)]
            when = n if piece.kind == "track" else n // len(cells)
            start, end = (starts[when], ends[when]) if starts else (None, None)
            yield piece.label, px, py, start, end, {name: column[n] for name, column in columns.items()}


def _told(piece: Piece) -> NDArray[np.bool_]:
    """Return at which places and times a piece has a value, time by time."""
    found = np.zeros(next(iter(piece.values.values())).size, bool)
    for values in piece.values.values():
        found |= ~np.isnan(values.ravel())
    return found


def _places(kind: str, x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    if kind != "grid":
        return x, y
    return x * len(y), [one for one in y for _ in x]


def _texts(moments: NDArray[np.datetime64]) -> list[str]:
    whole = not (moments.astype(np.int64) % 1_000_000).any()
    texts: list[str] = np.datetime_as_string(moments, unit="s" if whole else "us", timezone="UTC").tolist()
    return texts


def _plain(values: NDArray[np.floating], parameter: Parameter) -> list[Any]:
    flat = values.ravel()
    if parameter.classes:
        return [None if np.isnan(v) else int(v) for v in flat.tolist()]
    # A number of single precision is written with the digits that it has.
    texts = flat.astype(str).astype(np.float64) if flat.dtype == np.float32 else flat
    return [None if np.isnan(v) else v for v in texts.tolist()]


def header(found: Found) -> list[str]:
    """Return the names of the columns of a table, each parameter with its unit."""
    names = [f"{n} ({'code' if p.classes else p.unit})" for n, p in found.parameters.items()]
    return ["location", "x", "y", "time", "time_end", *names]


def table(found: Found, most: int) -> list[dict[str, Any]]:
    """Return the first rows as dicts by column, for people."""
    names = header(found)
    return [
        dict(zip(names, [*head, *(values.get(n) for n in found.parameters)], strict=True))
        for *head, values in islice(rows(found), most)
    ]


def csv_chunks(found: Found) -> Iterator[bytes]:
    """Yield a table as CSV (RFC 4180, UTF-8) with a header line; nothing is an empty field."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header(found))
    for *head, values in rows(found):
        writer.writerow([*head, *(values.get(n) for n in found.parameters)])
        if out.tell() > _CHUNK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def geojson(found: Found, about: Mapping[str, Any], endpoint: str, wanted: list[str]) -> bytes:
    """Return an EDR GeoJSON document: a feature for every place and time at which there is a value.

    Args:
        found: what was found.
        about: further members.
        endpoint: address of the query.
        wanted: languages of the texts.

    Raises:
        TooLarge: more features than are sent as GeoJSON.
    """
    if sum(int(_told(p).sum()) for p in found.pieces) > MAX_FEATURES:
        raise TooLarge(
            f"more than {MAX_FEATURES:,} places and times are asked for as GeoJSON",
            remedy="ask for CoverageJSON, CSV or NetCDF, or for less",
        )
    features: list[dict[str, Any]] = []
    for label, x, y, start, end, values in rows(found):
        place = {"type": "Point", "coordinates": [y, x] if found.crs.flipped else [x, y]}
        there = {name: v for name, v in values.items() if v is not None}
        properties = {
            "datetime": start if end in (None, start) else f"{start}/{end}",
            "label": label,
            "parameter-name": list(there),
            "edrqueryendpoint": endpoint,
            **there,
        }
        features.append({"type": "Feature", "geometry": None if x != x else place, "properties": properties})
    parameters = [document(p, wanted) for p in found.parameters.values()]
    if found.crs is not CRS84:
        about = {**about, "crs": {"type": "name", "properties": {"name": found.crs.uri}}}
    return dumps({"type": "FeatureCollection", "features": features, "parameters": parameters, **about})
