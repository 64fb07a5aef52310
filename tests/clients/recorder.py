"""Stands between a client and the service, and notes what the client asked for.

A process of its own: pyogrio keeps Python's lock while GDAL waits for an answer, so that a thread beside it would never pass one on.
Run as a program it takes the host and port of the service, prints its own port, and then each path that is asked for.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass
class Recorder:
    """What came through.

    Attributes:
        address: where a client reaches the service, without a slash at the end.
        asked: path and query of each request, in order.
    """

    address: str
    asked: list[str] = field(default_factory=list)

    def pages(self, collection: str) -> list[dict[str, str]]:
        """Return the parameters of each request for items of a collection."""
        found = []
        for one in list(self.asked):
            parts = urlsplit(one)
            if parts.path.endswith(f"/collections/{collection}/items"):
                found.append({k: v[0] for k, v in parse_qs(parts.query).items()})
        return found


@contextmanager
def recorded(service: str) -> Iterator[Recorder]:
    """Pass connections on to a service byte by byte; it makes its links from the `Host` that the client used."""
    process = subprocess.Popen(
        [sys.executable, __file__, *service.removeprefix("http://").split(":")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        recorder = Recorder(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        lines = process.stdout
        reader = threading.Thread(target=lambda: recorder.asked.extend(x.rstrip("\n") for x in lines))
        reader.start()
        yield recorder
    finally:
        process.terminate()
        process.wait(20)
        reader.join(20)
        process.stdout.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, told: bool) -> None:
    """Copy until one side closes; requests of clients have no bodies, so each piece begins with a request line."""
    try:
        while piece := await source.read(1 << 16):
            if told and piece.startswith((b"GET ", b"HEAD ", b"OPTIONS ")):
                print(piece.split(b" ", 2)[1].decode("ascii"), flush=True)
            target.write(piece)
            await target.drain()
    except ConnectionError:
        return  # the other side has gone: nothing is left to pass on
    finally:
        target.close()


async def _serve(host: str, port: str) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, on = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass_on(reader, on, told=True), _pass_on(back, writer, told=False))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
