"""What the store answers for DPSIR: the chains, which belong to the service, and the values that a twin fills them with."""

from __future__ import annotations

from typing import Any

from ldt.api.context import Connection, Reading
from ldt.model.indicator import Definition
from ldt.store import catalogue, dpsir, values


def chains(conn: Connection, identifier: str | None = None) -> list[dict[str, Any]]:
    """Return the chains, or the one named, with `nodes` and `arrows`; raises NotFound.

    A chain's own links are arrows, not addresses: documents keep `links` for these.
    """
    found = catalogue.dpsir(conn, identifier)
    for one in found:
        one["arrows"] = one.pop("links")
    return found


def definitions(conn: Connection) -> dict[str, Definition]:
    """Return the definitions of the indicators by id."""
    return catalogue.indicator_definitions(conn)


def schemes(conn: Connection) -> list[str]:
    """Return the codes of the vocabulary `area-schemes` in its own order."""
    return [c["code"] for c in catalogue.concepts(conn, "area-schemes")]


def available(seen: Reading) -> dict[str, dict[str, set[str]]]:
    """Return the periods that there are values for, by indicator and scheme."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in values.overview(seen.conn, seen.snapshot):
        found.setdefault(row["indicator"], {}).setdefault(row["scheme"], set()).add(row["period"])
    return found


def current_values(
    seen: Reading, indicators: set[str], scheme: str, code: str | None, period: str | None
) -> list[dict[str, Any]]:
    """Return the values of some indicators, in the latest period of each or in the one that is named."""
    return dpsir.current_values(seen.conn, seen.snapshot, indicators, scheme, code=code, period=period)
