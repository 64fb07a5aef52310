"""`ldt serve`: the service."""

from __future__ import annotations

import socket
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
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from ldt.store.cluster import database_url

    database_url()  # what is wrong with the database is told here, not by each process
    config = uvicorn.Config(
        "ldt.api.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    listening = _listen(host, port)
    address = f"http://{_shown(host)}:{listening.getsockname()[1]}/"
    emit({"url": address, "workers": workers}, lambda: say(f"Serving {address} (Ctrl-C ends it)"))
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that a port that is taken is one clear error."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as error:
        raise Conflict(
            f"cannot listen: {error.strerror or error}",
            where=f"{host}:{port}",
            remedy="end the program that has this port, or give another one with --port",
        ) from error
    listening.set_inheritable(True)
    return listening


def _shown(host: str) -> str:
    """Return the name under which this machine reaches what listens on `host`."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host
