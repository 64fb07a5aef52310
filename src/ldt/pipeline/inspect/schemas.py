"""Which schema a layer follows, and in which version: as its reader tells, or as the file says of itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import orjson

from ldt.errors import LdtError
from ldt.pipeline.inspect.match import Layer
from ldt.sources.json_records import load
from ldt.sources.raster import gdal
from ldt.sources.resource import magic

#: JSON larger than this is not read for its schema.
_LARGE = 16 * 1024**2


def schema(layer: Layer) -> str | None:
    """Return the schema that a layer follows with its version (`ad 4.0`, `GeoPackage 1.2`, `CF-1.6`, `NGSI-LD`), or None."""
    about, path = layer.description, layer.resource.path
    if about.schema:
        return about.schema
    suffix = path.suffix.lower()
    if suffix == ".gpkg":
        return _geopackage(layer)
    if layer.reader == "cube":
        return _conventions(layer)
    if layer.reader == "parquet" and about.geometry_types:
        return "GeoParquet"
    if layer.reader in {"json", "vector"} and suffix in {".json", ".geojson", ".jsonld"}:
        return _json(layer)
    return None


def _geopackage(layer: Layer) -> str | None:
    """Return the version that the header of a GeoPackage states (OGC 12-128r18, requirement 2)."""
    path = layer.resource.path
    if magic(path, 16)[:15] != b"SQLite format 3":
        return None
    head = magic(path, 72)
    application, version = head[68:72], int.from_bytes(head[60:64], "big")
    old = {b"GP10": "1.0", b"GP11": "1.1"}
    if application in old:
        return f"GeoPackage {old[application]}"
    if application == b"GPKG" and version:
        return f"GeoPackage {version // 10000}.{version // 100 % 100}"
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as conn:
        found = conn.execute("SELECT count(*) FROM sqlite_master WHERE name = 'gpkg_contents'").fetchone()
    return "GeoPackage" if found and found[0] else None


def _conventions(layer: Layer) -> str | None:
    path = layer.resource.path
    if magic(path, 4) == b"GRIB":
        return f"GRIB {magic(path, 8)[7]}"
    if path.is_dir():
        return "Zarr"
    with gdal(path, "netCDF") as found:
        said = found.tags().get("NC_GLOBAL#Conventions")
    return str(said) if said else "netCDF"


def _json(layer: Layer) -> str | None:
    path = layer.resource.path
    if path.stat().st_size > _LARGE:
        return None
    try:
        content = load(path)
    except LdtError:
        return None
    if isinstance(content, dict) and "stac_version" in content:
        return f"STAC {content['stac_version']}"
    first: Any = content
    if isinstance(content, dict) and isinstance(content.get("value"), list) and content["value"]:
        first = content["value"][0]
    elif isinstance(content, list) and content:
        first = content[0]
    if not isinstance(first, dict):
        return None
    if any(str(key).startswith("@iot.") for key in first):
        return "SensorThings 1.1"
    if (
        str(first.get("id", "")).startswith("urn:ngsi-ld:")
        or "etsi.org" in orjson.dumps(first.get("@context")).decode()
    ):
        return _ngsi(first)
    if layer.reader == "vector":
        return "GeoJSON 2008" if isinstance(content, dict) and "crs" in content else "RFC 7946"
    return None


def _ngsi(entity: dict[str, Any]) -> str:
    """Return which form of NGSI an entity has: properties with a type are normalized (ETSI GS CIM 009, clause 4.5)."""
    kinds = {
        v.get("type") for k, v in entity.items() if isinstance(v, dict) and k not in {"location", "address"}
    }
    if kinds & {"Property", "GeoProperty", "Relationship"}:
        return "NGSI-LD"
    return "NGSI v2" if kinds - {None} else "NGSI-LD (key-values)"
