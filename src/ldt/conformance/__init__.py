"""Conformance: a candidate specification, stated as data, run against any endpoint.

It imports nothing of the rest of the software: the endpoint may be ours or anybody's.
"""

from ldt.conformance.client import Limits
from ldt.conformance.errors import ConformanceError, EndpointError, ParameterError, SpecificationError
from ldt.conformance.report import ClassResult, Outcome, Report, TestResult
from ldt.conformance.runner import run
from ldt.conformance.specification import Specification, available, find, load

__all__ = [
    "ClassResult",
    "ConformanceError",
    "EndpointError",
    "Limits",
    "Outcome",
    "ParameterError",
    "Report",
    "Specification",
    "SpecificationError",
    "TestResult",
    "available",
    "find",
    "load",
    "run",
]
