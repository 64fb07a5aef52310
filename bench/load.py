"""Load: readers at 80 % of what the service can do while a data set is replaced beside them, again and again."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from bench.growth import write_squares
from bench.http_load import load
from bench.loading import TWIN, make_twin
from bench.page import put
from bench.peers import typed
from ldt.pipeline.ingest import ingest

#: How long, and every how many seconds a changed version comes.
SECONDS = float(os.environ.get("LDT_SOAK_SECONDS", "600"))
EVERY = float(os.environ.get("LDT_SOAK_EVERY", "20"))
FEATURES = 20_000
_CONNECTIONS = 8
NAME = "changing"


@dataclass
class Loaded:
    """What a run came to.

    Attributes:
        maximum: requests per second without anything beside.
        asked: requests per second that were aimed at.
        answers: how many by status; `transport` for connections that broke.
        late: milliseconds of each answer.
        torn: traversals of which two pages were of different versions, or that lost or doubled a feature.
        traversals: how many were read whole.
        memory: (seconds, bytes) of the service's resident memory.
        versions: how many were ingested.
    """

    maximum: float = 0.0
    asked: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    traversals: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    versions: int = 0


def bring(url: str, folder: Path, version: int) -> None:
    """Ingest the data set with the version in every name."""
    path = folder / f"{NAME}.parquet"
    write_squares(path, FEATURES, mark=f"v{version} ")
    ingest(url, TWIN, typed(NAME, "parquet"), [path])


def prepare(url: str, folder: Path) -> None:
    """Make the twin with its first version."""
    make_twin(url)
    bring(url, folder, 0)


def resident(pids: list[int]) -> int:
    """Return the resident memory of processes, in bytes."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def services() -> list[int]:
    """Return the process ids of the services that this process started."""
    own = os.getpid()
    started = [
        int(p) for t in Path(f"/proc/{own}/task").iterdir() for p in (t / "children").read_text().split()
    ]
    return [p for p in started if b"ldt.cli" in Path(f"/proc/{p}/cmdline").read_bytes()]


def paths() -> list[str]:
    """Return what readers ask for: pages, items, boxes, filters, tiles."""
    items = f"/twins/{TWIN}/collections/{NAME}/items"
    rng = random.Random(3)  # noqa: S311 - which requests are made is no secret
    found = []
    for _ in range(200):
        x, y = 6 + rng.random() * 0.13, 49 + rng.random() * 0.13
        found += [
            f"{items}?limit={rng.randint(90, 110)}",
            f"{items}/{NAME}.s{rng.randrange(FEATURES):08d}",
            f"{items}?limit=100&bbox={x:.4f},{y:.4f},{x + 0.007:.4f},{y + 0.007:.4f}",
            f"{items}?limit=100&filter=use='office'%20AND%20height>{rng.randint(0, 500)}",
        ]
    return found


async def readers(base: str, pids: list[int], done: Loaded, ingesting: Any) -> None:
    """Ask at 80 % of the maximum for as long as `SECONDS`; traverse the whole data set over and over beside it."""
    done.maximum = load(base, paths(), _CONNECTIONS, 5).rate
    done.asked = 0.8 * done.maximum
    began = time.perf_counter()
    until = began + SECONDS
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
        tasks = [asyncio.create_task(_steady(client, done, until, n)) for n in range(_CONNECTIONS)]
        tasks.append(asyncio.create_task(_traverse(client, done, until)))
        tasks.append(asyncio.create_task(_watch(pids, done, began, until)))
        tasks.append(asyncio.create_task(_ingest(ingesting, done, until)))
        await asyncio.gather(*tasks)


async def _steady(client: httpx.AsyncClient, done: Loaded, until: float, number: int) -> None:
    """Ask at an even pace: the next when it is due, at once where one is late."""
    every = _CONNECTIONS / done.asked
    asked = paths()
    at, due = number * 97, time.perf_counter()
    while (now := time.perf_counter()) < until:
        if due > now:
            await asyncio.sleep(due - now)
        due = max(due + every, now - 1)
        began = time.perf_counter()
        try:
            answer = await client.get(asked[at % len(asked)])
            done.answers[str(answer.status_code)] += 1
        except httpx.TransportError as error:
            done.answers[type(error).__name__] += 1
        done.late.append((time.perf_counter() - began) * 1000)
        at += 1


async def _traverse(client: httpx.AsyncClient, done: Loaded, until: float) -> None:
    """Read the whole data set page by page: all of one version, none lost, none doubled."""
    while time.perf_counter() < until:
        to: str | None = f"/twins/{TWIN}/collections/{NAME}/items?limit=2000"
        seen: list[str] = []
        marks: set[str] = set()
        while to:
            answer = await client.get(to)
            if answer.status_code != 200:
                done.torn.append(f"{answer.status_code}: {answer.text[:200]}")
                break
            page = answer.json()
            seen += [f["id"] for f in page["features"]]
            marks |= {f["properties"]["name"].split()[0] for f in page["features"]}
            to = next((one["href"] for one in page["links"] if one["rel"] == "next"), None)
            await asyncio.sleep(0.2)
        if len(marks) != 1 or len(seen) != len(set(seen)) or len(seen) != FEATURES:
            done.torn.append(f"versions {sorted(marks)}, {len(seen)} features, {len(set(seen))} different")
        done.traversals += 1


async def _watch(pids: list[int], done: Loaded, began: float, until: float) -> None:
    while (now := time.perf_counter()) < until:
        done.memory.append((now - began, resident(pids)))
        await asyncio.sleep(min(5, SECONDS / 20))


async def _ingest(ingesting: Any, done: Loaded, until: float) -> None:
    while time.perf_counter() + EVERY < until:
        await asyncio.sleep(EVERY)
        done.versions += 1
        # A process of its own, as `ldt ingest` is: not the reader's threads are to be measured.
        await asyncio.to_thread(ingesting, done.versions)


def report(done: Loaded) -> None:
    """Write what a run came to into docs/benchmarks.md."""
    late = sorted(done.late)
    half = [m for t, m in done.memory if t > SECONDS / 2]
    early = [m for t, m in done.memory if SECONDS / 10 < t <= SECONDS / 2]
    put(
        "Load",
        "\n".join(
            [
                f"Written by `make soak`. {SECONDS:,.0f} s of pages, items, boxes and filters at 80 % of what one process answered before; a data set of {FEATURES:,}",
                f"features is replaced every {EVERY:g} s, and read from end to end beside it.",
                "",
                "| what | |",
                "|---|---|",
                f"| the maximum, requests/s | {done.maximum:,.0f} |",
                f"| answered, requests/s | {sum(done.answers.values()) / SECONDS:,.0f} |",
                f"| answers other than 200 | {sum(n for k, n in done.answers.items() if k != '200')} of {sum(done.answers.values()):,} |",
                f"| p50 / p99 of an answer, ms | {late[len(late) // 2]:.1f} / {late[int(len(late) * 0.99)]:.1f} |",
                f"| versions ingested meanwhile | {done.versions} |",
                f"| traversals, of them torn | {done.traversals}, {len(done.torn)} |",
                f"| memory of the service, MB: largest in the first half, in the second | {max(early) / 1e6:.0f}, {max(half) / 1e6:.0f} |",
            ]
        ),
    )
