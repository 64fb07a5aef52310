"""Coverages: which one is meant, and from a zipped Zarr group to an xarray data set."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import rioxarray  # noqa: F401 - gives data sets their `rio`
import xarray as xr
from zarr.storage import ZipStore

from ldt.client.errors import BadAnswer, NotFound, Refused
from ldt.client.frames import Row

#: Columns of the table of coverages.
COLUMNS = (
    *(
        "dataset",
        "properties",
        "units",
        "time_first",
        "time_last",
        "steps",
        "averaging",
        "crs",
        "width",
        "height",
    ),
)


def row(one: Row) -> Row:
    """Return a coverage of the service's list as a feature: its footprint, and as properties what a table shows."""
    bands = one["bands"]
    shown = {name: one.get(name) for name in ("id", *COLUMNS)}
    shown |= {"properties": [b["property"] for b in bands], "units": [b["unit"] for b in bands]}
    shown |= {name: one["grid"][name] for name in ("crs", "width", "height")}
    return {"id": one["id"], "geometry": one["footprint"], "properties": shown}


def choose(listed: Sequence[Row], name: str, period: str | None, url: str) -> Row:
    """Return the coverage that is meant.

    Args:
        listed: the coverages of the twin.
        name: the id of one, or an observed property.
        period: the time that it must stand for; without it, of a property the latest.
        url: where they are from, for errors.

    Raises:
        NotFound: there is none.
        Refused: several data sets have one.
    """
    exact = [one for one in listed if one["id"] == name]
    found = exact or [one for one in listed if name in (b["property"] for b in one["bands"])]
    if not found:
        there = ", ".join(str(one["id"]) for one in listed) or "none at all"
        raise NotFound(
            f"there is no coverage {name!r}, by id or observed property; there is: {there}", url=url
        )
    if period is not None:
        shared = [(one, _shared(one, period)) for one in found]
        found = [one for one, span in shared if span is not None]
        if not found:
            raise NotFound(f"there is no coverage {name!r} of {period}", url=url)
        # A year of another time zone overlaps with its neighbours by an hour: the largest share is meant.
        most = max(span for _, span in shared if span is not None)
        found = [one for one, span in shared if span == most]
    newest = max(one["time_first"] or "" for one in found)
    found = [one for one in found if (one["time_first"] or "") == newest]
    if len(found) > 1:
        ids = ", ".join(str(one["id"]) for one in found)
        raise Refused(f"several coverages have {name!r}: name one of {ids}", url=url)
    return found[0]


def _shared(one: Row, period: str) -> pd.Timedelta | None:
    """Return how much of a period a coverage stands for; all of it where nothing is known of its time; None if nothing."""
    start, end = bounds(period)
    if one["time_first"]:
        start = max(start, pd.Timestamp(one["time_first"]))
    if one["time_last"]:
        end = min(end, pd.Timestamp(one["time_last"]))
    return end - start if end > start else None


def bounds(period: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return [start, end) of a period in UTC: a year, a month, a day, or two days, the second not included.

    Raises:
        ValueError: it is none of them.
    """
    first, _, last = period.partition("/")
    try:
        whole = pd.Period(first)
        end = pd.Period(last).start_time if last else (whole + 1).start_time
    except ValueError:
        example = "2025, 2025-03, 2025-03-01 or 2025-03-01/2025-03-08"
        raise ValueError(f"{period!r} is no period: write it like {example}") from None
    return whole.start_time.tz_localize("UTC"), end.tz_localize("UTC")


def interval(period: str | None) -> str | None:
    """Return the `datetime` parameter of a period; both ends of the parameter are included."""
    if period is None:
        return None
    start, end = bounds(period)
    last = end - pd.Timedelta(1, "us")
    return f"{start.isoformat()}/{last.isoformat()}".replace("+00:00", "Z")


def opened(body: bytes) -> xr.Dataset:
    """Return the data set that a zipped Zarr group holds, in memory.

    Raises:
        BadAnswer: the bytes are none.
    """
    if not zipfile.is_zipfile(io.BytesIO(body)):
        raise BadAnswer("the service sent no zipped Zarr group")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.zarr.zip"
        path.write_bytes(body)
        try:
            with (
                ZipStore(path, mode="r") as store,
                # Classes are whole numbers and stay so; numbers have NaN already.
                xr.open_zarr(
                    store, consolidated=False, chunks=None, mask_and_scale=False, decode_coords="all"
                ) as stored,
            ):
                found: xr.Dataset = stored.load()
                return found
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as e:
            raise BadAnswer(f"the service sent no zipped Zarr group: {e}") from None
