"""From documents to tables: rows of JSON to DataFrames, features to GeoDataFrames (EPSG:4326, x = longitude)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely

Row = dict[str, Any]
_Frame = TypeVar("_Frame", bound=pd.DataFrame)

_INSTANTS = (
    "period_start",
    "period_end",
    "time",
    "time_end",
    "time_first",
    "time_last",
    "last_end",
    "committed",
)
_NUMBERS = ("value", "coverage", "last_value", "distance", "limit")
#: Links lead through the service; the methods of the client stand in their place.
_LEFT_OUT = frozenset({"links"})


def table(rows: Iterable[Row], index: str | None = None, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return rows as a table: instants are aware (UTC), numbers float with NaN for none.

    Args:
        rows: one mapping each.
        index: the column that becomes the index.
        columns: columns that are there even without a row, in this order, before all others.
    """
    kept = [{k: v for k, v in row.items() if k not in _LEFT_OUT} for row in rows]
    found = pd.DataFrame.from_records(kept, columns=list(dict.fromkeys([*columns, *_names(kept)])))
    return _indexed(_typed(found), index)


def places(
    features: Sequence[Row], index: str | None = None, columns: Sequence[str] = ()
) -> gpd.GeoDataFrame:
    """Return GeoJSON features as a table with their geometries; those without a place have None.

    Args:
        features: GeoJSON features.
        index: the column that becomes the index; `id` is that of the features.
        columns: columns that are there even without a row, in this order, before all others.
    """
    rows = [one["properties"] for one in features]
    if index == "id":
        rows = [{"id": one["id"], **row} for one, row in zip(features, rows, strict=True)]
    names = list(dict.fromkeys([*columns, *_names(rows)]))
    found = _typed(pd.DataFrame.from_records(rows, columns=names))
    placed = gpd.GeoDataFrame(found, geometry=geometries(features), crs="EPSG:4326")
    return _indexed(placed, index)


def geometries(features: Sequence[Row]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return the geometries of GeoJSON features as shapely objects, None where there is none."""
    texts = [orjson.dumps(one["geometry"]) if one["geometry"] else None for one in features]
    found: np.ndarray[Any, np.dtype[np.object_]] = shapely.from_geojson(np.array(texts, dtype=object))
    return found


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.columns.intersection(_INSTANTS):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").dt.as_unit("us")
    for name in frame.columns.intersection(_NUMBERS):
        frame[name] = frame[name].astype("float64")
    return frame


def _indexed(frame: _Frame, index: str | None) -> _Frame:
    indexed: _Frame = frame if index is None else frame.set_index(index)
    return indexed
