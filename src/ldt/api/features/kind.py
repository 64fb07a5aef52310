"""The kind of collection `features`: one for each feature type, over all its data sets, and one for each layer that no type claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request

from ldt.api import links
from ldt.api.context import Reading
from ldt.api.features import client
from ldt.api.negotiate import GEOJSON, JSON
from ldt.api.standard import Collection
from ldt.model.feature import feature_uri
from ldt.settings import settings
from ldt.store import features
from ldt.store.crs import Crs
from ldt.store.items import Items
from ldt.store.references import Target
from ldt.store.views import collection_schema
from ldt.timerange import format_instant


class Features:
    """Collections of features (see :class:`ldt.api.standard.Kind`)."""

    name = "features"

    def ids(self, seen: Reading) -> Sequence[str]:
        """Return the feature types that a snapshot sees, in order."""
        return sorted({d.feature_type for d in seen.snapshot.datasets.values() if d.feature_type})

    def collection(self, seen: Reading, identifier: str) -> Collection | None:
        """Return a collection; its title is that of its feature type, else its id."""
        datasets = seen.snapshot.of_type(identifier)
        if not datasets:
            return None
        about = collection_schema(identifier, [d.properties for d in datasets])
        bbox, interval = features.extent(seen.conn, seen.snapshot, datasets)
        return Collection(
            id=identifier,
            kind=self.name,
            title=about.get("x-ldt", {}).get("title") or identifier,
            description=about.get("description"),
            datasets=tuple(datasets),
            bbox=bbox,
            interval=interval,
        )

    def items(self, seen: Reading, identifier: str) -> Items | None:
        """Return what the features are read from."""
        return features.items(seen.snapshot, identifier)

    def item(
        self, request: Request, seen: Reading, collection: str, identifier: str, crs: Crs
    ) -> dict[str, Any] | None:
        """Return a feature with its identifier, life span, source, and the features that it refers to."""
        if not seen.snapshot.of_type(collection):
            return None
        _, found = client.feature(seen, identifier, collection, crs)
        related = client.related(seen, collection, found)
        geometry = orjson.loads(found["geometry"]) if found["geometry"] else None
        document = one_document(request, seen.snapshot.twin, {**found, "geometry": geometry})
        document["links"] += [_related(request, seen.snapshot.twin, name, to) for name, to in related]
        return document


def one_document(request: Request, twin: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a feature from all that is known of it (see :func:`ldt.store.features.one`)."""
    identifier = found["id"]
    uri = feature_uri(settings().id_base, twin, identifier)
    dataset = links.url(request, "twins", twin, "datasets", identifier.partition(".")[0])
    return {
        "type": "Feature",
        "id": identifier,
        "geometry": found["geometry"],
        "properties": found["properties"],
        "uri": uri,
        "identifier": {
            "namespace": found["namespace"],
            "localId": found["local_id"],
            "versionId": found["version_id"],
        },
        "validity": [format_instant(i) if i else None for i in (found["valid_from"], found["valid_to"])],
        "source": {
            "name": found["source_name"],
            "digest": found["source_digest"],
            "row": found["source_row"],
        },
        "raw": found["raw"],
        "links": [
            links.link(uri, "canonical", None, "The persistent identifier"),
            links.link(dataset, "dataset", JSON, "The data set"),
        ],
    }


def _related(request: Request, twin: str, name: str, to: Target) -> links.Link:
    """Return the link to a feature that a property refers to."""
    above = ("twins", twin, "collections", to.feature_type, "items")
    return links.link(links.url(request, *above, to.id), "related", GEOJSON, name)
