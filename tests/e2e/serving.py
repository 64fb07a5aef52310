"""The service as a process of its own, and clients that page through it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2 as httpx


@contextmanager
def served(database_url: str) -> Iterator[str]:
    """Serve a database with `ldt serve` in a process of its own; gives the address, without a slash at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ldt.cli", "serve", "--port", "0", "--json"],
        env={**os.environ, "LDT_DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield str(first_document(process)["url"]).rstrip("/")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.kill()
            if process.stdout:
                process.stdout.close()


def first_document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the JSON document that a process prints first, on one line or on several."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        try:
            document: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError:
            continue
        return document
    raise AssertionError(f"the process ended without a document: {text!r}")


class Reader:
    """Reads page after page, following nothing but the `next` links."""

    def __init__(self, client: httpx.Client, first: str) -> None:
        self._client = client
        self.next: str | None = first
        self.bodies: list[tuple[str, bytes]] = []

    def page(self) -> dict[str, Any]:
        """Read one page; what it says is checked, its bytes are kept."""
        assert self.next is not None
        answer = self._client.get(self.next)
        assert answer.status_code == 200, answer.text[:300]
        self.bodies.append((self.next, answer.content))
        document: dict[str, Any] = answer.json()
        self.next = next((link["href"] for link in document["links"] if link["rel"] == "next"), None)
        return document

    def rest(self) -> Iterator[dict[str, Any]]:
        """Read all further pages."""
        while self.next is not None:
            yield self.page()
