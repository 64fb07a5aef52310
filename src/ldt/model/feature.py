"""Features: vector objects. Their canonical columns, and their identifiers."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

import pyarrow as pa

#: Canonical columns of a batch of features, as harmonise makes them and the store loads them.
#: `geometry` is WKB in EPSG:4326, x = longitude (null where the object has none); `properties` and `raw` are JSON
#: objects as text; `alias` is the other name by which records of the same delivery refer to it; `digest` is 16 bytes over everything but the source and the row.
FEATURE_SCHEMA = pa.schema(
    [
        pa.field("fid", pa.string(), nullable=False),
        pa.field("namespace", pa.string(), nullable=False),
        pa.field("local_id", pa.string(), nullable=False),
        pa.field("version_id", pa.string()),
        pa.field("alias", pa.string()),
        pa.field("geometry", pa.binary()),
        pa.field("valid_from", pa.timestamp("us", tz="UTC")),
        pa.field("valid_to", pa.timestamp("us", tz="UTC")),
        pa.field("properties", pa.string(), nullable=False),
        pa.field("raw", pa.string()),
        pa.field("digest", pa.binary(16), nullable=False),
        pa.field("source_row", pa.int64(), nullable=False),
    ]
)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_ESCAPE = re.compile(r"~([0-9A-F]{2})")


def _encode(text: str) -> str:
    return _UNSAFE.sub(lambda m: "".join(f"~{b:02X}" for b in m.group().encode()), text)


#: A data set has few namespaces.
_encode_namespace = lru_cache(maxsize=1024)(_encode)


def _decode(text: str) -> str:
    return re.sub(
        r"(?:~[0-9A-F]{2})+",
        lambda m: bytes(int(h, 16) for h in _ESCAPE.findall(m.group())).decode(),
        text,
    )


def encode_fid(namespace: str, local_id: str, own_namespace: str) -> str:
    """Return the slash-free local part of a feature's API id.

    Args:
        namespace: namespace of the object's identifier, as the source gives it.
        local_id: localId of the object, as the source gives it.
        own_namespace: the namespace that the data set mints ids in; it is left out of the result.

    Returns:
        `local` or `namespace:local`, where characters outside `A-Za-z0-9._-` are written `~XX` (UTF-8, hexadecimal).
        Different identifiers give different results, and :func:`decode_fid` is the inverse.
    """
    local = _encode(local_id)
    return local if namespace == own_namespace else f"{_encode_namespace(namespace)}:{local}"


def decode_fid(fid: str, own_namespace: str) -> tuple[str, str]:
    """Return (namespace, localId) of what :func:`encode_fid` made.

    Raises:
        ValueError: if it was not made by :func:`encode_fid`.
    """
    head, colon, tail = fid.partition(":")
    return (_decode(head), _decode(tail)) if colon else (own_namespace, _decode(head))


def api_id(dataset: str, fid: str) -> str:
    """Return the id under which the API serves a feature: `{data set}.{fid}`. A data set's name has no dot."""
    return f"{dataset}.{fid}"


def split_api_id(identifier: str) -> tuple[str, str] | None:
    """Return (data set, fid) of an API id, or None if it cannot be one."""
    dataset, dot, fid = identifier.partition(".")
    return (dataset, fid) if dot and dataset and fid else None


def feature_uri(id_base: str, twin: str, identifier: str) -> str:
    """Return the persistent URI of a feature. It does not depend on where the service runs."""
    return f"{id_base}/id/{quote(twin)}/{quote(identifier, safe=':~')}"
