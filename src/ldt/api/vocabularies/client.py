"""What the store answers for vocabularies. They belong to the service: every twin and caller sees the same."""

from __future__ import annotations

from typing import Any

from ldt.api.context import Connection
from ldt.store import catalogue


def vocabularies(conn: Connection) -> list[dict[str, Any]]:
    """Return the vocabularies by id, with the number of their concepts."""
    return catalogue.vocabularies(conn)


def vocabulary(conn: Connection, identifier: str) -> dict[str, Any]:
    """Return one vocabulary with its concepts; raises NotFound."""
    return {**catalogue.vocabulary(conn, identifier), "concepts": catalogue.concepts(conn, identifier)}


def concept(conn: Connection, identifier: str, code: str) -> dict[str, Any]:
    """Return one concept; raises NotFound."""
    (found,) = catalogue.concepts(conn, identifier, code)
    return found
