"""A probe asks for the smallest thing that shows that a service works, and turns what happens into one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from ldt.errors import LdtError, ServiceError, ServiceZero
from ldt.sources.services.service import Probe, State


class Learnt(NamedTuple):
    """What a service let us know: one line, its HTTP status, its own count if it tells one, and what follows of it."""

    message: str
    status: int | None
    records: int | None = None
    state: State = "ok"


def probed(ask: Callable[[], Learnt]) -> Probe:
    """Return what came of asking; the errors of services become states, never exceptions."""
    begun = time.monotonic()
    learnt = _learnt(ask)
    seconds = round(time.monotonic() - begun, 3)
    return Probe(
        state=learnt.state,
        message=learnt.message,
        status=learnt.status,
        records=learnt.records,
        answered=datetime.now(UTC),
        seconds=seconds,
    )


def _learnt(ask: Callable[[], Learnt]) -> Learnt:
    try:
        return ask()
    except ServiceZero as e:
        return Learnt(e.message, e.extra.get("answered"), state="zero")
    except ServiceError as e:
        status = e.extra.get("answered")
        state: State = "unreachable" if status is None else "refused" if status in {401, 403} else "failed"
        return Learnt(e.message, status, state=state)
    except LdtError as e:  # what the recipe asks for cannot be asked
        return Learnt(e.message, None, state="refused")
