"""The kind of collection `values`: all indicator values of a twin, each a feature with the place of its spatial unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request

from ldt.api import html, links
from ldt.api.context import Reading
from ldt.api.negotiate import JSON
from ldt.api.standard import Collection
from ldt.errors import NotFound
from ldt.model.indicator import ValueKey
from ldt.store import catalogue, pages, values, values_items
from ldt.store.crs import Crs
from ldt.store.items import Items
from ldt.store.value_tiles import COLLECTION

_TITLE = {
    "en": "Indicator values",
    "de": "Indikatorwerte",
    "fr": "Valeurs des indicateurs",
    "es": "Valores de los indicadores",
    "it": "Valori degli indicatori",
}
_DESCRIPTION = {
    "en": "Each value of an indicator, with its spatial unit, its period and what each rule set says of it."
}
#: What is said of one value beside its properties.
_BESIDE = ("verdicts", "quality", "inputs", "since", "until")


class Values:
    """The collection of indicator values (see :class:`ldt.api.standard.Kind`)."""

    name = "values"

    def ids(self, seen: Reading) -> Sequence[str]:
        """Return the id of the collection where a snapshot sees any values."""
        return [COLLECTION] if self._is_there(seen, COLLECTION) else []

    def collection(self, seen: Reading, identifier: str) -> Collection | None:
        """Return the collection."""
        if not self._is_there(seen, identifier):
            return None
        bbox, interval = values_items.extent(seen.conn, seen.snapshot)
        return Collection(
            id=identifier,
            kind=self.name,
            title=_TITLE,
            description=_DESCRIPTION,
            bbox=bbox,
            interval=interval,
        )

    def items(self, seen: Reading, identifier: str) -> Items | None:
        """Return what the values are read from."""
        return values_items.items(seen.conn, seen.snapshot) if self._is_there(seen, identifier) else None

    @staticmethod
    def _is_there(seen: Reading, identifier: str) -> bool:
        return identifier == COLLECTION and values_items.there(seen.conn, seen.snapshot)

    def item(
        self, request: Request, seen: Reading, collection: str, identifier: str, crs: Crs
    ) -> dict[str, Any] | None:
        """Return a value with its verdicts, what was used and left out, the versions it was computed from, and its lineage.

        Its title is in the language that is asked for.
        """
        read = self.items(seen, collection)
        if read is None:
            return None
        text = pages.one(seen.conn, read, identifier, crs)
        if text is None:
            raise NotFound(
                f"there is no value {identifier!r} here", remedy="the items of the collection list the ids"
            )
        document: dict[str, Any] = orjson.loads(text)
        indicator, _, slug = identifier.partition(".")
        row = values.one(seen.conn, seen.snapshot, ValueKey.parse(indicator, slug))
        definition = catalogue.indicator_definition(seen.conn, indicator)
        document["properties"]["title"] = html.say(definition.title, html.languages(request))
        here = ("twins", seen.snapshot.twin, "indicators", indicator)
        ways = [
            links.link(links.url(request, *here), "describedby", JSON, "The definition"),
            links.link(links.url(request, *here, "values", slug), "canonical", JSON, "The value"),
            links.link(
                links.url(request, *here, "values", slug, "lineage"), "lineage", JSON, "How it came about"
            ),
        ]
        return {**document, **{k: row[k] for k in _BESIDE}, "links": ways}
