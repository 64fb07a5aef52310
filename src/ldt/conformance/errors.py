"""What can go wrong in a conformance run besides the endpoint failing a test.

::

    ConformanceError
    ├── SpecificationError   the specification file is not one: names the file, the place and the reason
    ├── ParameterError       a parameter, class or report that the specification does not have
    └── EndpointError        no test could be run: the address is not one, or nothing answers there

A requirement that is not met is never an exception: it is a result in the report.
"""

from __future__ import annotations


class ConformanceError(Exception):
    """A run that could not be made.

    Args:
        message: what failed and why, one sentence.
        where: the file and place, parameter or address.
        remedy: what the user can do.
    """

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class SpecificationError(ConformanceError):
    """A specification file that cannot be used."""


class ParameterError(ConformanceError):
    """A parameter or a requirements class that the specification does not have, or a value it cannot take."""


class EndpointError(ConformanceError):
    """The endpoint cannot be reached at all."""
