"""`ldt serve`: the service."""

from __future__ import annotations

import socket
import sys
from typing import Annotated

import typer

from ldt.cli.output import Json, emit, say
from ldt.errors import Conflict


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 for every address of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for any free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="How many processes answer.", min=1, max=64)] = 1,
    as_json: Json = False,
) -> None:
    """Serve what is in the database, until Ctrl-C. The private database is started if need be and keeps running."""
    from ldt.store.cluster import database_url

    database_url()  # what is wrong with the database is told here, not by each process
    with bound(host, port) as listening:
        address = address_of(listening, host)
        emit({"url": address, "workers": workers}, lambda: say(f"Serving {address} (Ctrl-C ends it)"))
        answer(listening, workers)


def answer(listening: socket.socket, workers: int) -> None:
    """Run the service on a bound socket, until it is interrupted."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    sys.stdout.flush()  # where the address goes into a pipe or a log, it would wait there until the end
    config = uvicorn.Config(
        "ldt.api.app:create_app",
        factory=True,
        workers=workers,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that has its port, so that a port that is taken is one clear error, told before any work is done.

    Raises:
        Conflict: the port is another program's, or no address of this machine is meant.
    """
    listening = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        # From here on a client waits instead of being refused, though nothing answers yet.
        listening.listen(2048)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise Conflict(
            f"cannot listen: {error.strerror or error}",
            where=f"{host}:{port}",
            remedy="end the program that has this port, or give another one with --port",
        ) from error
    listening.set_inheritable(True)
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """Return the address, with a slash at the end, under which this machine reaches a bound socket."""
    return f"http://{_shown(host)}:{listening.getsockname()[1]}/"


def _shown(host: str) -> str:
    """Return the name under which this machine reaches what listens on `host`."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host
