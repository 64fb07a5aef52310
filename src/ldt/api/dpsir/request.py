"""What comes in: the chain, and the spatial unit and period whose values are to fill the boxes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Path, Query
from pydantic import WithJsonSchema

from ldt.api.negotiate import HTML, JSON
from ldt.errors import UsageError
from ldt.model.indicator import STATION, TWIN

FORMS = (JSON, HTML)
#: The scheme of spatial units that stands for the whole of a twin, where it has values of it.
WHOLE = "city"

ChainId = Annotated[str, Path(alias="chain", description="Id of the DPSIR chain.")]
Scheme = Annotated[
    str | None,
    Query(
        description="The scheme of spatial units (`city`, `district`, `station`, …); without it `city`, or what is widest."
    ),
    WithJsonSchema({"type": "string"}),
]
Code = Annotated[
    str | None,
    Query(description="Only this unit of the scheme; without it all of them."),
    WithJsonSchema({"type": "string"}),
]
PeriodText = Annotated[
    str | None,
    Query(
        alias="period",
        description="This period as it is written (`2013`); without it the latest that each indicator has.",
    ),
    WithJsonSchema({"type": "string"}),
]


def scheme_of(asked: str | None, known: Iterable[str], there: set[str]) -> str:
    """Return the scheme of spatial units whose values are shown.

    Args:
        asked: what the request says; an empty text is nothing, as forms send it.
        known: codes of the vocabulary `area-schemes`, the widest of each kind first.
        there: schemes that the twin has values of.

    Raises:
        UsageError: a scheme that neither the vocabulary nor the twin has.
    """
    known = list(known)
    if not asked:
        places = there - {TWIN, STATION}
        if WHOLE in places or not places:
            return WHOLE
        return min(places, key=lambda s: (known.index(s) if s in known else len(known), s))
    if asked not in there and asked not in known:
        raise UsageError(
            f"there is no scheme of spatial units {asked!r}",
            where="scheme",
            remedy=f"the twin has values for: {', '.join(sorted(there - {TWIN}))}",
        )
    return asked
