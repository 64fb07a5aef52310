"""What is shown while pages come: only where somebody looks (a terminal, a notebook), only from the second page on."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import rich.progress
from rich.console import Console

from ldt.client.http import Document, link


def watched(pages: Iterator[Document], member: str, *, shown: bool) -> Iterator[Document]:
    """Yield the pages of a list, showing how many of its rows have come.

    Args:
        pages: what is yielded.
        member: the member of a page that holds the rows.
        shown: whether it may be shown at all.
    """
    first = next(pages)
    console = Console(stderr=True)
    # In notebooks rich draws with ipywidgets, and complains where there are none.
    looked_at = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
    if not shown or not looked_at or link(first, "next") is None:
        yield first
        yield from pages
        return
    columns = (rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn())
    with rich.progress.Progress(
        *columns, rich.progress.MofNCompleteColumn(), console=console, transient=True
    ) as bar:
        total = first.get("numberMatched", first.get("numberMatchedEstimate"))
        task = bar.add_task(member, total=total, completed=len(first[member]))
        yield first
        for page in pages:
            yield page
            bar.advance(task, len(page[member]))
