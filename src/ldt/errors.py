"""Every error that LDT raises on purpose.

::

    LdtError                    exit 1   500
    ├── UsageError              exit 2   400   the request or command cannot be understood
    │   ├── UnknownParameter    exit 2   400   a query parameter that the resource does not have
    │   └── BadToken            exit 2   400   a page token that was not made here
    ├── NotFound                exit 3   404   the thing named does not exist (or may not be seen)
    ├── Gone                    exit 3   410   it existed, its retention is over
    ├── TooLarge                exit 2   413   beyond a documented limit
    ├── NotAcceptable           exit 2   406   no format that both sides speak
    ├── SourceError             exit 4   422   bytes that cannot be read
    │   ├── HostileSource       exit 4   422   bytes made to do harm
    │   └── ServiceError        exit 4   502   a live service that does not answer, or not with what was asked for
    │       └── ServiceZero     exit 4   502   it answers, and says that it has nothing at all
    ├── RecipeError             exit 5   422   a recipe, manifest or other configuration that is wrong
    ├── CheckError              exit 6   422   readable data that fail a check as a whole (CRS, zone, unit)
    ├── Conflict                exit 7   409   somebody else is doing it, or it is there already
    ├── StoreError              exit 8   503   the database cannot be used
    │   ├── PostgisMissing      exit 8   503   no PostgreSQL with PostGIS on this machine
    │   ├── ClusterError        exit 8   503   the private database cannot be made, started or stopped
    │   └── DiskFull            exit 8   503   no room left
    └── Timeout                 exit 8   503   the statement took too long

An error says what failed, where, why and what to do about it; it never carries a traceback to the user.
"""

from __future__ import annotations

from typing import Any


class LdtError(Exception):
    """Something went wrong that the user can be told about.

    Args:
        message: what failed and why, one sentence.
        where: the file, record, parameter or resource.
        remedy: what the user can do.
        extra: further members for the machine-readable forms.
    """

    exit_code = 1
    status = 500
    title = "Internal error"

    def __init__(
        self, message: str, *, where: str | None = None, remedy: str | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy
        self.extra = extra

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.remedy:
            parts.append(f"({self.remedy})")
        return " ".join(parts)

    @property
    def slug(self) -> str:
        """Short name of the kind of problem, used in problem types and JSON output."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))

    def problem(self, instance: str | None = None) -> dict[str, Any]:
        """Return the RFC 9457 problem details of this error."""
        problem: dict[str, Any] = {
            "type": f"urn:ldt:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
        }
        if self.where:
            problem["where"] = self.where
        if self.remedy:
            problem["remedy"] = self.remedy
        if instance:
            problem["instance"] = instance
        return {**self.extra, **problem}


class UsageError(LdtError):
    """The request or the command cannot be understood as it stands."""

    exit_code, status, title = 2, 400, "Bad request"


class UnknownParameter(UsageError):
    """A query parameter that the resource does not have."""

    title = "Unknown parameter"


class BadToken(UsageError):
    """A page token that was not made by this service, or was changed."""

    title = "Bad page token"


class NotFound(LdtError):
    """The thing named does not exist, or may not be seen by this caller."""

    exit_code, status, title = 3, 404, "Not found"


class Gone(LdtError):
    """It existed once; its retention is over."""

    exit_code, status, title = 3, 410, "Gone"


class TooLarge(LdtError):
    """Beyond a documented limit."""

    exit_code, status, title = 2, 413, "Too large"


class NotAcceptable(LdtError):
    """No representation that both sides speak."""

    exit_code, status, title = 2, 406, "Not acceptable"


class SourceError(LdtError):
    """Bytes that cannot be read: truncated, empty, wrongly encoded, not what they claim to be."""

    exit_code, status, title = 4, 422, "Source cannot be read"


class HostileSource(SourceError):
    """Bytes made to do harm: entity expansion, external entities, bombs, sizes that lie."""

    title = "Source refused"


class ServiceError(SourceError):
    """A live service does not answer, refuses, or answers with something else or with less than it counts."""

    status = 502
    title = "Service failed"


class ServiceZero(ServiceError):
    """A live service answers that it has nothing at all: its operator's fault, and not the same as no data for a query."""

    title = "Service is empty"


class RecipeError(LdtError):
    """A recipe, manifest or other configuration that is wrong."""

    exit_code, status, title = 5, 422, "Recipe is wrong"


class CheckError(LdtError):
    """Readable data that fail a check as a whole."""

    exit_code, status, title = 6, 422, "Check failed"


class Conflict(LdtError):
    """Somebody else is doing it at this moment, or it is there already."""

    exit_code, status, title = 7, 409, "Conflict"


class StoreError(LdtError):
    """The database cannot be used."""

    exit_code, status, title = 8, 503, "Database not available"


class PostgisMissing(StoreError):
    """No PostgreSQL with PostGIS was found on this machine."""


class ClusterError(StoreError):
    """The private database cannot be made, started or stopped."""


class DiskFull(StoreError):
    """No room is left where the database or the file store lives."""


class Timeout(LdtError):
    """The database took longer over a statement than it may."""

    exit_code, status, title = 8, 503, "Took too long"
