"""What the store answers for coverages: which there are, what is known of one, what its classes mean."""

from __future__ import annotations

from typing import Any

from ldt.api.context import Reading
from ldt.errors import NotFound
from ldt.model.coverage import Coverage
from ldt.store import catalogue, coverages, records

Concepts = list[dict[str, Any]]


def listed(
    seen: Reading, observed_property: str | None, dataset: str | None
) -> list[tuple[Coverage, dict[str, Any]]]:
    """Return the coverages that a snapshot sees, of a property and of a data set, each with the title of its data set by language.

    Raises:
        NotFound: the snapshot does not see the data set.
    """
    titles = {row["name"]: row["title"] for row in records.datasets(seen.conn, seen.snapshot)}
    found = coverages.listed(seen.conn, seen.snapshot, observed_property=observed_property, dataset=dataset)
    return [(one, titles[one.dataset.name]) for one in found]


def one(seen: Reading, dataset: str, code: str) -> tuple[Coverage, dict[str, Any]]:
    """Return one coverage and what is said of its data set.

    Raises:
        NotFound: the snapshot does not see it.
    """
    try:
        found = coverages.one(seen.conn, seen.snapshot, dataset, code)
    except NotFound as e:
        raise NotFound(
            f"there is no coverage {f'{dataset}.{code}'!r} here", remedy="/coverages lists the ids"
        ) from e
    (about,) = records.datasets(seen.conn, seen.snapshot, dataset)
    return found, about


def classes(seen: Reading, coverage: Coverage) -> dict[str, Concepts]:
    """Return the classes of a coverage's vocabularies: those that no other is narrower than and whose code is a number."""
    found = {}
    for vocabulary in {b.vocabulary for b in coverage.bands if b.vocabulary is not None}:
        concepts = catalogue.concepts(seen.conn, vocabulary)
        broader = {c["parent"] for c in concepts}
        found[vocabulary] = [c for c in concepts if c["code"] not in broader and c["code"].isdigit()]
    return found
