"""What comes in: the id of a collection, and the form of the answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from ldt.api.negotiate import HTML, JSON

FORMS = (JSON, HTML)

CollectionId = Annotated[
    str, Path(alias="collectionId", description="A collection; /collections lists them.")
]
