"""The protocols that live services are read with, by the name that a recipe gives."""

from __future__ import annotations

from importlib import import_module

from ldt.errors import RecipeError
from ldt.sources.services.service import ServiceProtocol

#: Name in a recipe → module of this package, whose `PROTOCOL` is what speaks it. Imported when it is asked for.
_MODULES = {
    "http": "download",
    "wfs": "wfs",
    "ogcapi": "ogcapi",
    "arcgis": "arcgis",
    "csw": "csw",
    "sensorthings": "sensorthings",
    "ngsild": "ngsild",
    "eea-air": "eea_air",
    "sos": "sos",
    "stac": "stac",
    "cds": "cds",
}


def protocol(name: str) -> ServiceProtocol:
    """Return what speaks a protocol.

    Raises:
        RecipeError: none does; tells which there are.
    """
    if name not in _MODULES:
        raise RecipeError(
            f"no protocol {name!r}",
            where="source.service.protocol",
            remedy=f"there are: {', '.join(_MODULES)}",
        )
    found: ServiceProtocol = import_module(f"{__package__}.{_MODULES[name]}").PROTOCOL
    return found
