"""From exceptions to answers: one JSON shape (RFC 9457 problem details) for everything that goes wrong."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ldt.errors import LdtError, NotFound, StoreError, Timeout, UsageError

PROBLEM = "application/problem+json"
#: Seconds after which a client may try again when the database cannot be used.
RETRY_AFTER = 5

_log = logging.getLogger("ldt.api")


class MethodNotAllowed(UsageError):
    """The resource is there, but only to be read."""

    status, title = 405, "Method not allowed"


def problem_response(error: LdtError, instance: str) -> Response:
    """Return the answer for an error.

    What the database says of itself (hosts, users, tables) goes to the log, not to the public.
    """
    problem = error.problem(instance)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, StoreError):
        _log.error("%s", error)
        problem |= {
            "detail": "the database cannot be used at this moment",
            "remedy": "try again in a few seconds",
        }
        problem.pop("where", None)
    if isinstance(error, StoreError | Timeout):
        headers["Retry-After"] = str(RETRY_AFTER)
    return _response(problem, headers)


def _response(problem: dict[str, Any], headers: dict[str, str]) -> Response:
    body = orjson.dumps(problem, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, problem["status"], headers, PROBLEM)


def _on_ldt_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LdtError)  # noqa: S101 - registered for this class
    return problem_response(error, request.url.path)


def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return problem_response(UsageError(f"{name}: {first['msg']}", where=name), request.url.path)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allow = {"Allow": "GET, HEAD, OPTIONS"}
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
        refused = MethodNotAllowed(f"{request.method} is not possible here", remedy="use GET")
        return _response(refused.problem(request.url.path), allow)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(
            NotFound("there is nothing at this address", remedy="/ links to what there is"), request.url.path
        )
    title = HTTPStatus(error.status_code).phrase
    problem = {
        "type": "about:blank",
        "title": title,
        "status": error.status_code,
        "detail": str(error.detail),
        "instance": request.url.path,
    }
    return _response(problem, dict(error.headers or {}))


def _on_fault(request: Request, error: Exception) -> Response:
    # The server's error middleware logs the traceback; the public learns nothing of our insides.
    fault = LdtError(
        "something went wrong that is our fault; it was logged", remedy="report it to the operator"
    )
    return problem_response(fault, request.url.path)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(LdtError, _on_ldt_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_fault)
