"""Items of STAC (1.0 and 1.1): whether they are wanted, which of their assets are, and what their files are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from ldt.errors import ServiceError, UsageError
from ldt.sources.services.download import suffix_for, suffix_of
from ldt.sources.services.service import Query
from ldt.timerange import parse_instant

#: Suffixes of the files that readers of cells and of records take, where no role tells which assets are data.
_CELLS = (".tif", ".tiff", ".nc", ".nc4", ".zarr", ".grib", ".grib2", ".grb", ".grb2", ".zip")
_RECORDS = (".parquet", ".geoparquet", ".geojson", ".gpkg", ".fgb", ".csv", ".zip", ".json")
#: Suffix by the start of a media type, where the address has none.
_MEDIA = {
    "image/tiff": ".tif",
    "application/x-netcdf": ".nc",
    "application/netcdf": ".nc",
    "application/vnd+zarr": ".zarr",
    "application/vnd.zarr": ".zarr",
    "application/wmo-grib2": ".grib2",
    "application/grib": ".grib",
    "application/x-grib": ".grib",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: SHA-256 as a multihash of 32 bytes (extension `file`).
_SHA256 = "1220"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of an item.

    Attributes:
        href: its address.
        name: what it is to be called: item, asset, date.
        suffix: of the file.
        size, sha256: what the item says of its bytes, if it does.
    """

    href: str
    name: str
    suffix: str
    size: int | None
    sha256: str | None


def wanted(item: Mapping[str, Any], query: Query, cloud_cover: float | None) -> bool:
    """Whether an item lies in the box and the period that are asked for, and is clear enough."""
    properties = item.get("properties") or {}
    cover = properties.get("eo:cloud_cover")
    if cloud_cover is not None and isinstance(cover, int | float) and cover > cloud_cover:
        return False
    box = item.get("bbox")
    if query.bbox and isinstance(box, list) and len(box) in {4, 6}:
        half = len(box) // 2
        west, south, east, north = box[0], box[1], box[half], box[half + 1]
        across = west > east
        apart = not across and (west > query.bbox[2] or east < query.bbox[0])
        if apart or south > query.bbox[3] or north < query.bbox[1]:
            return False
    begin, end = _period(properties)
    late = query.end is not None and begin is not None and begin >= query.end
    early = query.begin is not None and end is not None and end < query.begin
    return not (late or early)


def _period(properties: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Return when an item begins and ends; of an instant both are the same."""
    at = _moment(properties.get("datetime"))
    return (
        _moment(properties.get("start_datetime")) or at,
        _moment(properties.get("end_datetime")) or at,
    )


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return parse_instant(text, naive=UTC)
    except UsageError:
        return None


def assets(item: Mapping[str, Any], base: str, chosen: frozenset[str], reader: str | None) -> Iterator[Asset]:
    """Yield the assets that are chosen.

    Args:
        item: the item.
        base: its address; assets may be named relative to it.
        chosen: keys, roles or titles of assets; without any those of the role `data`, else those that the reader takes.
        reader: the reader that will read them.

    Raises:
        ServiceError: one of them is at no address that can be asked.
    """
    there: Mapping[str, Mapping[str, Any]] = item.get("assets") or {}
    for key in _chosen(there, chosen, reader):
        asset = there[key]
        href = _address(asset, base)
        suffix = _suffix(asset, href)
        checksum = str(asset.get("file:checksum") or "")
        yield Asset(
            href=href,
            name=_UNSAFE.sub("-", f"{item.get('id')}_{key}{_dated(item)}") + suffix,
            suffix=suffix or ".bin",
            size=asset.get("file:size") if isinstance(asset.get("file:size"), int) else None,
            sha256=checksum[len(_SHA256) :] if checksum.startswith(_SHA256) else None,
        )


def _chosen(there: Mapping[str, Mapping[str, Any]], chosen: frozenset[str], reader: str | None) -> list[str]:
    if chosen:
        return [key for key, asset in there.items() if chosen & {key, asset.get("title"), *_roles(asset)}]
    data = [key for key, asset in there.items() if "data" in _roles(asset)]
    fitting = _CELLS if reader in {"raster", "cube"} else _RECORDS
    return data or [key for key, asset in there.items() if _suffix(asset, str(asset.get("href"))) in fitting]


def _roles(asset: Mapping[str, Any]) -> list[str]:
    return [r for r in asset.get("roles") or [] if isinstance(r, str)]


def _suffix(asset: Mapping[str, Any], href: str) -> str:
    media = str(asset.get("type") or "").partition(";")[0].strip().lower()
    if urlsplit(href).path.rstrip("/").lower().endswith(".zarr"):
        return ".zarr"
    return suffix_of(href) or _MEDIA.get(media) or suffix_for(media)


def _address(asset: Mapping[str, Any], base: str) -> str:
    """Return the address of an asset over HTTP: its own, or an alternate one (extension `alternate`)."""
    alternates = (asset.get("alternate") or {}).values()
    given = [asset.get("href"), *(a.get("href") for a in alternates if isinstance(a, dict))]
    for href in filter(None, given):
        address = urljoin(base, str(href))
        if urlsplit(address).scheme in {"http", "https"}:
            return address
    kind = urlsplit(str(asset.get("href"))).scheme or "none"
    raise ServiceError(
        f"an asset is at an address of the kind {kind}: only http and https are asked",
        where=base,
        remedy="download it with the operator's own client and give the file",
    )


def _dated(item: Mapping[str, Any]) -> str:
    """Return the day of an item, so that a recipe finds it in the name of the file (`period_pattern`)."""
    begin, end = _period(item.get("properties") or {})
    if begin is None:
        return ""
    if end is None or end - begin < timedelta(days=1):
        return f"_{begin.date().isoformat()}"
    return f"_{begin.date().isoformat()}_{end.date().isoformat()}"


def check(asset: Asset, size: int, digest: str, where: str) -> None:
    """Compare a file with what its item says of it.

    Raises:
        ServiceError: it is another.
    """
    if asset.size is not None and asset.size != size:
        raise ServiceError(
            f"came with {size:,} bytes, and {asset.size:,} are stated", where=where, remedy="try again later"
        )
    if asset.sha256 is not None and asset.sha256.lower() != digest:
        raise ServiceError("came with another checksum than is stated", where=where, remedy="try again later")


def key_of(item: Mapping[str, Any]) -> str:
    """Return what tells an item from all others."""
    return hashlib.sha256(f"{item.get('collection')}\0{item.get('id')}".encode()).hexdigest()
