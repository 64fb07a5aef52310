"""The kind of collection `records`: the catalogue of a twin's data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request

from ldt.api.context import Reading
from ldt.api.records.record import Catalogue
from ldt.api.standard import Collection
from ldt.errors import NotFound
from ldt.store import pages, records_items
from ldt.store.crs import Crs
from ldt.store.items import Items
from ldt.store.records_items import COLLECTION

TITLE = {
    "en": "Data sets",
    "de": "Datensätze",
    "fr": "Jeux de données",
    "es": "Conjuntos de datos",
    "it": "Set di dati",
}
_DESCRIPTION = {
    "en": "The catalogue: a record for each data set of the twin.",
    "de": "Der Katalog: ein Eintrag für jeden Datensatz des Zwillings.",
    "fr": "Le catalogue : une notice pour chaque jeu de données du jumeau.",
    "es": "El catálogo: un registro por cada conjunto de datos del gemelo.",
    "it": "Il catalogo: una scheda per ogni set di dati del gemello.",
}


class Records:
    """The catalogue (see :class:`ldt.api.standard.Kind`)."""

    name = "records"

    def ids(self, seen: Reading) -> Sequence[str]:
        """Return the id of the catalogue: it is there also while it is empty."""
        return [COLLECTION]

    def collection(self, seen: Reading, identifier: str) -> Collection | None:
        """Return the catalogue."""
        if identifier != COLLECTION:
            return None
        bbox, interval = records_items.extent(seen.conn, seen.snapshot)
        return Collection(
            id=identifier,
            kind=self.name,
            title=TITLE,
            description=_DESCRIPTION,
            datasets=tuple(seen.snapshot.datasets.values()),
            bbox=bbox,
            interval=interval,
            item_type="record",
        )

    def items(self, seen: Reading, identifier: str) -> Items | None:
        """Return what the records are read from, with texts in English."""
        return records_items.items(seen.snapshot) if identifier == COLLECTION else None

    def item(
        self, request: Request, seen: Reading, collection: str, identifier: str, crs: Crs
    ) -> dict[str, Any] | None:
        """Return a record, in the language that is asked for."""
        return one_record(request, seen, identifier, crs) if collection == COLLECTION else None


def one_record(request: Request, seen: Reading, name: str, crs: Crs) -> dict[str, Any]:
    """Return the record of a data set, in the language that is asked for.

    Raises:
        NotFound: the snapshot does not see it.
    """
    found = pages.one(seen.conn, records_items.items(seen.snapshot), name, crs)
    if found is None:
        raise NotFound(
            f"there is no record {name!r}", remedy="the items of the collection list what there is"
        )
    return Catalogue.read(request, seen, [name]).record(name, orjson.loads(found)["geometry"])
