"""What comes in: the data set's name, which records, where the page begins."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import WithJsonSchema

from ldt.api.negotiate import CSV, HTML, JSON
from ldt.errors import UsageError
from ldt.model.outcome import Outcome

FORMS = (JSON, HTML)
TABLE_FORMS = (JSON, HTML, CSV)

_OUTCOMES = [o.value for o in Outcome if o is not Outcome.ACCEPTED]

DatasetName = Annotated[str, Path(alias="dataset", description="Name of the data set.")]
WhichOutcome = Annotated[
    str | None,
    Query(alias="outcome", description="Only records with this outcome."),
    WithJsonSchema({"type": "string", "enum": _OUTCOMES}),
]


def outcome(text: str | None) -> Outcome | None:
    """Return the outcome that a parameter names, None without one.

    Raises:
        UsageError: it is none, or `accepted`, of which no list is kept.
    """
    if text is None:
        return None
    if text not in _OUTCOMES:
        raise UsageError(
            f"{text!r} is no outcome that is listed", where="outcome", remedy=f"one of {', '.join(_OUTCOMES)}"
        )
    return Outcome(text)
