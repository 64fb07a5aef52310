"""What a namespace says: which application schema, in which version; and which namespace a prefix usually stands for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

from ldt.settings import shipped

#: INSPIRE 4.0 and later, and drafts of it at other hosts (`http://inspire.jrc.ec.europa.eu/schemas/bu-core2d/2.0`).
_INSPIRE = re.compile(r"https?://inspire\.(?:\w+\.)?ec\.europa\.eu/schemas/([\w-]+)/(\d+(?:\.\d+)*)/?")
#: INSPIRE up to 3.x: names instead of short names.
_INSPIRE_URN = re.compile(r"urn:x-inspire:specification:gmlas:([\w-]+):(\d+(?:\.\d+)*)", re.IGNORECASE)
_OGC = re.compile(r"https?://(?:www\.|schemas\.)?opengis\.net/([\w./-]+?)(?:/(\d+(?:\.\d+)*))?/?")
#: E-reporting of the EEA: `http://dd.eionet.europa.eu/schemaset/id2011850eu-1.0`, `http://dd.eionet.europa.eu/euregistryonindustrialsites`.
_EIONET = re.compile(r"https?://dd\.eionet\.europa\.eu/(?:schemaset/)?([a-z]\w+?)(?:-(\d+(?:\.\d+)*))?/?")
_OTHERS = {
    "gml": "http://www.opengis.net/gml/3.2",
    "wfs": "http://www.opengis.net/wfs/2.0",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "gmd": "http://www.isotc211.org/2005/gmd",
    "gco": "http://www.isotc211.org/2005/gco",
    "om": "http://www.opengis.net/om/2.0",
    "swe": "http://www.opengis.net/swe/2.0",
}


@lru_cache(maxsize=1024)
def application_schema(namespace: str) -> str | None:
    """Return short name and version of an application schema (`ps 4.0`, `om 2.0`); None for a namespace of unknown make."""
    if match := _INSPIRE.fullmatch(namespace):
        return f"{match[1].lower()} {match[2]}"
    if match := _INSPIRE_URN.fullmatch(namespace):
        return f"{_short_names().get(match[1].lower(), match[1])} {match[2]}"
    if match := _OGC.fullmatch(namespace) or _EIONET.fullmatch(namespace):
        return f"{match[1]} {match[2]}" if match[2] else match[1]
    return None


def usual_namespace(prefix: str) -> str | None:
    """Return the namespace that a prefix usually stands for, of INSPIRE's in the latest version; None where there is no usual one."""
    schema = _schemas().get(prefix)
    return schema["namespace"] if schema else _OTHERS.get(prefix)


@lru_cache(maxsize=1)
def _schemas() -> dict[str, dict[str, Any]]:
    text = (shipped("schemas") / "application-schemas.yaml").read_text(encoding="utf-8")
    schemas: dict[str, dict[str, Any]] = yaml.safe_load(text)["schemas"]
    return schemas


@lru_cache(maxsize=1)
def _short_names() -> dict[str, str]:
    return {schema["name"].lower(): short for short, schema in _schemas().items()}
