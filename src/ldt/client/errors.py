"""What can go wrong when a service is asked, each with the text of the problem that the service told (RFC 9457).

::

    ClientError
    ├── Unreachable       no answer: no connection, too slow, or the service is away (503) after all attempts
    ├── BadAnswer         an answer that no LDT service gives
    ├── Refused           400, 406, 413 and the like: the question cannot be answered as it was put
    │   └── NotFound      404: there is no such thing, or it may not be seen
    │       └── Gone      410: the state asked for is no longer kept
    └── ServiceFault      500 and the like: the service's own fault
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """A service could not be asked, or did not give what was asked for.

    Attributes:
        url: the address asked.
        status: HTTP status; None where there was no answer.
        problem: the service's problem details; empty where it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.url, self.status, self.problem = url, status, dict(problem or {})

    @property
    def remedy(self) -> str | None:
        """What the service advises."""
        return self.problem.get("remedy")


class Unreachable(ClientError):
    """No answer, after all attempts."""


class BadAnswer(ClientError):
    """An answer that no LDT service gives."""


class Refused(ClientError):
    """The question cannot be answered as it was put."""


class NotFound(Refused):
    """There is no such thing, or it may not be seen."""


class Gone(NotFound):
    """The state asked for is no longer kept."""


class ServiceFault(ClientError):
    """The service's own fault."""


def of_answer(url: str, status: int, problem: Mapping[str, Any]) -> ClientError:
    """Return the error that an answer stands for.

    Args:
        url: the address asked.
        status: HTTP status, 400 or above.
        problem: problem details; empty where the answer held none.
    """
    detail = str(problem.get("detail") or f"the service answers with status {status}")
    where = f"{problem['where']}: " if problem.get("where") else ""
    remedy = f" ({problem['remedy']})" if problem.get("remedy") else ""
    kind: type[ClientError] = {404: NotFound, 410: Gone, 503: Unreachable}.get(
        status, ServiceFault if status >= 500 else Refused
    )
    return kind(f"{where}{detail}{remedy}", url=url, status=status, problem=problem)
