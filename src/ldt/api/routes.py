"""Routes with a hot path: a handler that goes first and answers what is plain, before FastAPI reads the parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response | None]]
E = TypeVar("E", bound=Callable[..., Any])


def first(handler: Handler) -> Callable[[E], E]:
    """Decorate an endpoint: a handler answers what it can, the endpoint, whose signature is what is documented, all else."""

    def mark(endpoint: E) -> E:
        _HANDLERS[endpoint] = handler
        return endpoint

    return mark


_HANDLERS: dict[Callable[..., Any], Handler] = {}


class Route(APIRoute):
    """A route whose endpoint may have a handler that goes first: FastAPI's reading of parameters costs more than a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        usual, handler = super().get_route_handler(), _HANDLERS.get(self.endpoint)
        if handler is None:
            return usual

        async def answer(request: Request) -> Response:
            return await handler(request) or await usual(request)

        return answer
