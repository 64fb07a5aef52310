"""What lies behind an address: a file is fetched and looked at like any other, of a service the layers are told."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ldt.errors import ServiceError, UsageError
from ldt.harmonise.recipe import load_recipe, recipe_names
from ldt.pipeline.fetch import cache_folder, page_name
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.pipeline.inspect.draft_text import Draft
from ldt.pipeline.inspect.places import countries, where
from ldt.sources.services.describe import describe_address, recognise, rooted
from ldt.sources.services.download import PROTOCOL as DOWNLOAD
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Query, Service
from ldt.sources.source import LayerDescription

#: Records of a service that a recipe is drafted from.
_PAGE = 500


def inspect_address(url: str) -> dict[str, Any]:
    """Return what lies behind an address, in the form of :func:`ldt.pipeline.inspect.inspect`, with `protocol` beside it.

    Raises:
        ServiceError: no answer, or not with what the address looks like.
        SourceError: a file that cannot be read.
    """
    with Client(cache_folder()) as client:
        url = rooted(client.filled_address(url), client)
        found = recognise(url, client)
        if found == "http":
            service = Service(protocol="http", url=url)
            (page,) = DOWNLOAD.pages(service, Query(), client)
            with tempfile.TemporaryDirectory(prefix="ldt-") as folder:
                # Recipes know files by their names, and the cache by their digests.
                named = Path(folder) / page_name(page, service, 1)
                named.symlink_to(page.path.resolve())
                return {**inspect(named), "path": page.url, "protocol": "http"}
        description = describe_address(url, client)
        shown = client.shown(url)
    recipes = [n for n in recipe_names() if _speaks(n, found)]
    return {
        "path": shown,
        "protocol": found,
        "format": description.format,
        "encoding": None,
        "reader": description.reader,
        "problems": description.problems,
        "recipes": recipes,
        "layers": [_layer(layer) for layer in description.layers],
    }


def draft_address(url: str, layer: str | None = None) -> Draft:
    """Return a recipe for one layer of what lies behind an address; it is drafted from a file, or from the first page of a service.

    Args:
        url: the address; values of the environment are named in it as `${NAME}`, and stand so in the recipe.
        layer: which layer of the service, or of the file; needed where there are several.

    Raises:
        UsageError: there are several layers and none is named.
        ServiceError: no answer, or not with what the address looks like.
        SourceError: a file that cannot be read.
    """
    with Client(cache_folder()) as client:
        if client.shown(url) != url and "${" not in url:
            raise UsageError(
                "the address holds a credential, which must not stand in a recipe",
                where=client.shown(url),
                remedy="write it as ${NAME}, and set that variable in the environment",
            )
        slash = "/" if rooted(client.filled_address(url), client) != client.filled_address(url) else ""
        service = Service(protocol=recognise(client.filled_address(url + slash), client), url=url + slash)
        own = None
        query = Query()
        if service.protocol == "http":
            own = layer
        else:
            description = describe_address(client.filled_address(service.url), client)
            chosen = _layer_of(url, [one.name for one in description.layers], layer)
            service = service.model_copy(update={"layer": chosen})
            query = Query(reader=description.reader)
        pages = protocol(service.protocol).pages(
            client.filled(service.model_copy(update={"page_size": _PAGE})), query, client
        )
        page = next(iter(pages), None)
        if page is None:
            raise ServiceError("has nothing to draft a recipe from", where=client.shown(url))
        with tempfile.TemporaryDirectory(prefix="ldt-") as folder:
            named = Path(folder) / page_name(page, service, 1)
            named.symlink_to(page.path.resolve())
            return draft(
                named, own, service.model_dump(include={"protocol", "url", "layer"}, exclude_none=True)
            )


def _layer_of(url: str, names: list[str], wanted: str | None) -> str:
    """Return the layer that is meant; what ArcGIS calls `3 roads` is asked for as `3`."""
    if wanted is not None:
        return wanted
    if len(names) == 1:
        return names[0].partition(" ")[0] if names[0][:1].isdigit() else names[0]
    listed = ", ".join(names[:50]) or "none that it tells"
    raise UsageError(f"has {len(names)} layers", where=url, remedy=f"name one with --layer: {listed}")


def _speaks(name: str, protocol: str) -> bool:
    """Whether a recipe is for any service of a protocol."""
    service = load_recipe(name).source.service
    return service is not None and service.protocol == protocol and service.url.startswith("${")


def _layer(layer: LayerDescription) -> dict[str, Any]:
    extent = layer.extent
    return {
        "name": layer.name,
        "kind": "feature",
        "count": layer.count,
        "crs_declared": None,
        "crs_judged": None,
        "crs_because": None,
        "axis_order": None,
        "extent": list(extent) if extent else None,
        "countries": countries(extent) if extent else [],
        "place": where(extent) if extent else None,
        "time": None,
        "schema": None,
        "geometry_types": [],
        "columns": layer.columns,
        "cells": {},
        "problems": layer.problems,
        "recipes": [],
    }
