"""From exceptions to answers: one JSON shape (RFC 9457 problem details) for everything that goes wrong, as a page for browsers."""

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

from ldt.api import html
from ldt.api.negotiate import HTML, Format, negotiate
from ldt.errors import LdtError, NotAcceptable, NotFound, StoreError, Timeout, UsageError

PROBLEM = "application/problem+json"
_PROBLEM_FORM = Format("json", PROBLEM, "Problem", ("application/json",))
#: Seconds after which a client may try again when the database cannot be used.
RETRY_AFTER = 5

_log = logging.getLogger("ldt.api")


class MethodNotAllowed(UsageError):
    """The resource is there, but only to be read."""

    status, title = 405, "Method not allowed"


def problem_response(error: LdtError, request: Request) -> Response:
    """Return the answer for an error: as JSON, or as HTML for those who ask for HTML and would rather have it.

    What the database says of itself (hosts, users, tables) goes to the log, not to the public.
    """
    problem = error.problem(request.url.path)
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
    return _response(problem, headers, request)


def _response(problem: dict[str, Any], headers: dict[str, str], request: Request) -> Response:
    headers = {**headers, "Vary": "Accept"}
    if _for_people(request):
        try:
            page = html.render(request, problem, "problem.html", problem["title"], (), {})
            return Response(page, problem["status"], {**headers, **html.SECURITY}, HTML.media_type)
        except LdtError:
            _log.debug("no page can be made for an address like this one")  # a Host header that is no host
    body = orjson.dumps(problem, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, problem["status"], headers, PROBLEM)


def _for_people(request: Request) -> bool:
    """Whether a page is wanted; who asks for nothing, or for something else that is no page, gets JSON."""
    f = request.query_params.get("f")
    if f is not None:
        return f.lower() == HTML.name
    try:
        return negotiate(request, None, (_PROBLEM_FORM, HTML)) is HTML
    except NotAcceptable:
        return False


def _on_ldt_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LdtError)  # noqa: S101 - registered for this class
    return problem_response(error, request)


def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return problem_response(UsageError(f"{name}: {first['msg']}", where=name), request)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allow = {"Allow": "GET, HEAD, OPTIONS"}
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
        refused = MethodNotAllowed(f"{request.method} is not possible here", remedy="use GET")
        return _response(refused.problem(request.url.path), allow, request)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(
            NotFound("there is nothing at this address", remedy="/ links to what there is"), request
        )
    title = HTTPStatus(error.status_code).phrase
    problem = {
        "type": "about:blank",
        "title": title,
        "status": error.status_code,
        "detail": str(error.detail),
        "instance": request.url.path,
    }
    return _response(problem, dict(error.headers or {}), request)


def _on_fault(request: Request, error: Exception) -> Response:
    # The server's error middleware logs the traceback; the public learns nothing of our insides.
    fault = LdtError(
        "something went wrong that is our fault; it was logged", remedy="report it to the operator"
    )
    return problem_response(fault, request)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(LdtError, _on_ldt_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_fault)
