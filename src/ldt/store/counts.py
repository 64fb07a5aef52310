"""How many items match, and how many are expected to: without ever reading a large table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, func, null, select, union_all

from ldt.errors import UsageError
from ldt.store.connect import compiled, fetch_all, numbered, translated
from ldt.store.items import Items
from ldt.store.pages import Selection, matches
from ldt.store.statements import Statement

#: A selection is counted where the planner expects no more than this; beyond, its estimate is given, and says so. Each costs some
#: microseconds, and every page of a small rectangle pays for it.
EXACT_COUNT = 1_000
#: Nor is it counted where that costs more, in the planner's units (one is about what reading a page of 8 kB in order costs, some 10 µs):
#: a filter that no index serves reads everything to find few.
EXACT_COST = 5_000.0
#: So many items are sorted for a page without an index: a second, or two.
MOST_SORTED = 500_000


def count(conn: psycopg.Connection[Any], items: Items, selection: Selection) -> tuple[int, bool]:
    """Return (how many items match, whether that is exact), without ever scanning a large table.

    The whole of a collection is known from its versions where its parts say so. A selection of which the planner expects few is
    counted; else the planner's estimate is returned.
    """
    if (known := known_count(items, selection)) is not None:
        return known, True
    whole = _matching(items, selection)
    number, cheap = _expected(conn, whole)
    if not cheap:
        return number, False
    found = int(fetch_all(conn, _few(whole))[0]["n"])
    return (found, True) if found <= EXACT_COUNT else (max(number, found), False)


def needs_sorting(items: Items, selection: Selection) -> bool:
    """Whether a page could need more items to be sorted than are sorted without asking how many match."""
    rows = [part.rows for part in items.parts]
    return not selection.by_index and (None in rows or sum(filter(None, rows)) > MOST_SORTED)


def check_sorting(conn: psycopg.Connection[Any], items: Items, selection: Selection) -> None:
    """Refuse a page for which too many items would have to be sorted.

    Args:
        conn: a connection in the transaction in which the snapshot of the items was resolved.
        items: what is read.
        selection: what is asked for.

    Raises:
        UsageError: more than `MOST_SORTED` match, and no index has them in that order.
    """
    if not needs_sorting(items, selection):
        return
    number, _ = _expected(conn, _matching(items, selection))
    if number > MOST_SORTED:
        names = sorted(n for n, p in items.properties.items() if p.indexed)
        others = f"sort by one of {', '.join(names)} alone, or " if names else ""
        raise UsageError(
            f"some {number:,} items match, more than the {MOST_SORTED:,} that are sorted without an index",
            where="sortby",
            remedy=f"{others}narrow it by bbox, datetime or filter; a recipe can name the property under `indexed`",
        )


def _expected(conn: psycopg.Connection[Any], whole: Any) -> tuple[int, bool]:
    sql_text, bound = compiled(whole)
    with translated():
        plan = conn.execute(("EXPLAIN (FORMAT json) " + sql_text).encode(), bound).fetchone()
    return expected(plan[0]) if plan else (0, True)


def expected(plan: Sequence[Any]) -> tuple[int, bool]:
    """Return (how many rows a plan expects, whether counting them is cheap), of what EXPLAIN says as JSON."""
    top = plan[0]["Plan"]
    number = int(top["Plan Rows"])
    return number, number <= EXACT_COUNT and float(top["Total Cost"]) <= EXACT_COST


def known_count(items: Items, selection: Selection) -> int | None:
    """Return how many items match where that is known without asking: the whole of a collection whose parts say it."""
    known = [part.rows for part in items.parts]
    if not selection.everything or None in known:
        return None
    return sum(k for k in known if k is not None)


def prompt_counts(
    items: Items, selection: Selection, state: ColumnElement[Any]
) -> tuple[Statement, Statement]:
    """Return the statements of (the plan of a selection, as JSON; the count, with the state that it was made in)."""
    whole = _matching(items, selection)
    text, names, bound = numbered(whole)
    explained = Statement(b"EXPLAIN (FORMAT json) " + text.encode(), names, bound, kept=False)
    text, names, bound = numbered(_few(whole).add_columns(state.label("state")))
    return explained, Statement(text.encode(), names, bound, kept=False)


def _few(whole: Any) -> Any:
    return select(func.count().label("n")).select_from(whole.limit(EXACT_COUNT + 1).subquery())


def _matching(items: Items, selection: Selection) -> Any:
    matching = [
        select(null().label("one")).select_from(p.table).where(p.where, matches(p, selection))
        for p in items.parts
    ]
    return union_all(*matching) if len(matching) > 1 else matching[0]
