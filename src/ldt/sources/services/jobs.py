"""What takes its time: jobs and orders that a service works on while we ask, ever less often, how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ldt.errors import ServiceError

#: Seconds before the second question, the longest between two, and how much longer each wait is than the one before.
FIRST, LONGEST, FACTOR = 2.0, 60.0, 1.5
#: Seconds until we give up: tapes are slow, and queues of a day are not unheard of.
PATIENCE = 24 * 3600.0


def wait(
    ask: Callable[[], Mapping[str, Any]],
    *,
    state: Callable[[Mapping[str, Any]], str],
    done: frozenset[str],
    failed: frozenset[str],
    why: Callable[[Mapping[str, Any]], str],
    where: str,
) -> Mapping[str, Any]:
    """Return what a service tells of a job that is done.

    Args:
        ask: asks for the job.
        state: what of the answer is its state.
        done: states of a job that has succeeded.
        failed: states of one that never will.
        why: what of the answer tells why it failed.
        where: the job's address, without credentials.

    Raises:
        ServiceError: it failed, in its own words; or it is not done after a day.
    """
    pause, end = FIRST, time.monotonic() + PATIENCE
    while True:
        job = ask()
        now = state(job)
        if now in done:
            return job
        if now in failed:
            reason = why(job)
            raise ServiceError(
                f"the service could not do it ({now}){': ' + reason if reason else ', and does not say why'}",
                where=where,
                remedy="correct `parameters` of the recipe's service, or try again later",
            )
        if time.monotonic() + pause > end:
            raise ServiceError(
                f"is still {now or 'in an unknown state'} after {PATIENCE / 3600:.1f} hours",
                where=where,
                remedy="try again later, or ask for less at a time",
            )
        time.sleep(pause)
        pause = min(pause * FACTOR, LONGEST)
