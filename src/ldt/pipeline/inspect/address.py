"""What lies behind an address: a file is fetched and looked at like any other, of a service the layers are told."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ldt.harmonise.recipe import load_recipe, recipe_names
from ldt.pipeline.fetch import cache_folder, page_name
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.places import countries, where
from ldt.sources.services.describe import describe_address, recognise, rooted
from ldt.sources.services.download import PROTOCOL as DOWNLOAD
from ldt.sources.services.http import Client
from ldt.sources.services.service import Query, Service
from ldt.sources.source import LayerDescription


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
