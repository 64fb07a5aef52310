"""Beside tipg and pygeoapi: the same polygons in the same database on the same machine, asked the same questions by `wrk`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import mapbox_vector_tile
import numpy as np
import psycopg
import shapely
import shapely.geometry
from psycopg.conninfo import conninfo_to_dict

from bench.http_load import Load, load
from bench.loading import TWIN, make_twin, plots, write_plots
from bench.measure import Measurement
from bench.page import put
from ldt.harmonise.recipe import Recipe
from ldt.pipeline.ingest import ingest
from ldt.store.connect import connect

POLYGONS = 100_000
SECONDS = int(os.environ.get("LDT_BENCH_SECONDS", "4"))
CONNECTIONS = (1, 8)
WORKERS = tuple(int(n) for n in os.environ.get("LDT_BENCH_WORKERS", "1,2").split(","))
#: What must be reached against each, and against each for tiles.
AIMS = {"tipg": (2.5, 1.5), "pygeoapi": (5.0, 5.0)}
_PEERS = Path(__file__).parents[1] / ".peers" / "bin"
_TOOLS = Path(__file__).parents[1] / "tools" / "peers"
_DIFFERENT = 300

# What both peers serve: our rows as a plain table with typed columns, its key and its index; ours has no more of them.
_TABLE = """
DROP SCHEMA IF EXISTS peers CASCADE;
CREATE SCHEMA peers;
CREATE TABLE peers.plots AS SELECT f.fid AS id, f.properties->>'name' AS name, (f.properties->>'height')::float8 AS height,
 f.properties->>'use' AS use, f.geom::geometry(Polygon, 4326) AS geom
 FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id WHERE d.name = 'beside' AND f.until IS NULL ORDER BY f.fid COLLATE "C";
ALTER TABLE peers.plots ADD PRIMARY KEY (id);
CREATE INDEX ON peers.plots USING gist (geom);
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody's service.

    Attributes:
        name: whose.
        base: its address, without a slash at the end.
        items, tiles: paths of the collection's items and of a tile, with `{z}/{y}/{x}`.
        prefix: what its ids begin with, before the key of the table.
    """

    name: str
    base: str
    items: str
    tiles: str
    prefix: str = ""


Paths = Callable[[Server], list[str]]


def peers(url: str, folder: Path) -> list[Measurement]:
    """Ratios of requests per second; the table goes into docs/benchmarks.md."""
    _fill(url, folder)
    questions = _questions(url)
    found: list[Measurement] = []
    lines: list[str] = []
    for workers in WORKERS:
        with ExitStack() as stack:
            servers = [
                stack.enter_context(start(url, folder, workers)) for start in (_ours, _tipg, _pygeoapi)
            ]
            lists = {what: {s.name: paths(s) for s in servers} for what, paths in questions.items()}
            for what in questions:
                agree(what, servers, lists[what])
            for what, paths in lists.items():
                for connections in CONNECTIONS:
                    # A tile of pygeoapi's takes seconds: more than one at a time would only wait for each other.
                    asked = [
                        s for s in servers if (s.name, "tile" in what, connections) != ("pygeoapi", True, 8)
                    ]
                    runs = {s.name: _run(url, s, paths[s.name], connections) for s in asked}
                    lines.append(_row(what, workers, connections, runs))
                    print(f"  {lines[-1]}", flush=True)
                    found += _measurements(what, workers, connections, {k: r for k, (r, _) in runs.items()})
    put("Beside tipg and pygeoapi", _ABOUT + "\n".join([*_TABLE_HEAD, *lines]))
    return found


def typed(name: str, reader: str = "vector") -> Recipe:
    """Return the recipe of the polygons as a collection of their own, whose properties have types."""
    recipe = plots(name).model_dump(mode="json", exclude_unset=True)
    recipe["source"]["reader"] = reader
    types = {"name": "string", "height": "number", "use": "string"}
    recipe["feature"] |= {"collection": name, "properties": {k: {"type": v} for k, v in types.items()}}
    return Recipe.model_validate(recipe)


def _fill(url: str, folder: Path) -> None:
    make_twin(url)
    path = folder / "beside.gpkg"
    write_plots(path, POLYGONS)
    ingest(url, TWIN, typed("beside"), [path])
    with connect(url) as conn:
        conn.execute(_TABLE)
        conn.execute("VACUUM ANALYZE peers.plots")
        conn.execute("ANALYZE")
        conn.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        conn.execute("ALTER SYSTEM SET pg_stat_statements.track_planning = on")
        conn.execute("SELECT pg_reload_conf()")


def _questions(url: str) -> dict[str, Paths]:
    """Return what is asked: for each kind of request many different ones, the same of everybody."""
    rng = np.random.default_rng(20)
    boxes = [
        (x, y, x + 0.045, y + 0.045)
        for x, y in zip(rng.uniform(6.5, 8.4, _DIFFERENT), rng.uniform(50, 51.9, _DIFFERENT), strict=True)
    ]
    numbers = rng.integers(0, POLYGONS, _DIFFERENT)

    def box(b: Sequence[float]) -> str:
        return ",".join(f"{n:.5f}" for n in b)

    def condition(b: Sequence[float], server: Server) -> str:
        ring = f"{b[0]:.5f} {b[1]:.5f},{b[2]:.5f} {b[1]:.5f},{b[2]:.5f} {b[3]:.5f},{b[0]:.5f} {b[3]:.5f},{b[0]:.5f} {b[1]:.5f}"
        # pygeoapi 0.21 reads ECQL, where the operator is called INTERSECTS.
        spatial = "INTERSECTS" if server.name == "pygeoapi" else "S_INTERSECTS"
        geometry = "geometry" if server.name == "ldt" else "geom"
        return quote(f"use = 'office' AND height > 20 AND {spatial}({geometry}, POLYGON(({ring})))")

    return {
        "limit=100": lambda s: _pages(s, 100),
        "limit=1000": lambda s: _pages(s, 1000),
        "bbox, 50 features": lambda s: [f"{s.items}?limit=200&bbox={box(b)}" for b in boxes],
        "single feature": lambda s: [f"{s.items}/{s.prefix}plot-{n:07d}" for n in numbers],
        "CQL2 filter, 11 features": lambda s: [
            f"{s.items}?limit=200&filter={condition(b, s)}" for b in boxes
        ],
        "MVT tile, zoom 11 to 13": lambda s: [
            s.tiles.format(z=z, y=y, x=x) for z, y, x in _tiles(rng=np.random.default_rng(21))
        ],
    }


def _pages(server: Server, limit: int) -> list[str]:
    """Return the first 20 pages of a traversal: by `next` where a service has tokens, by offset where it does not."""
    if server.name != "ldt":
        word = "f=json&" if server.name == "pygeoapi" else ""
        return [f"{server.items}?{word}limit={limit}&offset={n * limit}" for n in range(20)]
    found = [f"{server.items}?limit={limit}"]
    with httpx.Client(timeout=60) as client:
        while len(found) < 20:
            page = client.get(server.base + found[-1]).json()
            to = next(one["href"] for one in page["links"] if one["rel"] == "next")
            found.append(to.removeprefix(server.base))
    return found


def _tiles(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Return tiles over the polygons: some 390, 100 and 25 of them in each of the three levels."""
    found = []
    for zoom in rng.integers(11, 14, _DIFFERENT):
        x, y = rng.uniform(6.6, 8.4), np.radians(rng.uniform(50.1, 51.9))
        size = 2**zoom
        row = (1 - np.log(np.tan(y) + 1 / np.cos(y)) / np.pi) / 2
        found.append((int(zoom), int(row * size), int((x + 180) / 360 * size)))
    return found


# The same answers ---------------------------------------------------------------------------------------------


def agree(what: str, servers: Sequence[Server], paths: Mapping[str, Sequence[str]]) -> None:
    """Compare some answers of everybody: as many features, the same ids, the same number matched.

    Raises:
        AssertionError: somebody answers otherwise.
    """
    with httpx.Client(timeout=60) as client:
        for number in (0, 1, 7, 19):
            answers = {}
            for server in servers:
                answer = client.get(server.base + paths[server.name][number])
                assert answer.status_code == 200, (server.name, str(answer.url), answer.text[:500])
                answers[server.name] = _seen(server, answer)
            first, *others = answers.values()
            if isinstance(first, int):  # a tile: one at the very edge may be rounded to the other side of it
                assert all(abs(first - other) <= 2 for other in others), (what, answers)
            else:
                assert all(first == other for other in others), (what, answers)
            assert answers["ldt"], (what, paths["ldt"][number])


def _seen(server: Server, answer: httpx.Response) -> Any:
    """Return what an answer holds, without how it says it."""
    if "json" not in answer.headers["content-type"]:
        # LDT's tiles hold what lies in their buffer too, the others' only what touches the tile itself.
        (layer,) = mapbox_vector_tile.decode(answer.content).values()
        tile = shapely.box(0, 0, layer["extent"], layer["extent"])
        return sum(shapely.geometry.shape(f["geometry"]).intersects(tile) for f in layer["features"])
    document = answer.json()
    if document["type"] == "Feature":
        return str(document["id"]).removeprefix(server.prefix), document["properties"]["name"]
    ids = [str(f["id"]).removeprefix(server.prefix) for f in document["features"]]
    return document["numberMatched"], sorted(ids)


# A run --------------------------------------------------------------------------------------------------------


def _run(url: str, server: Server, paths: Sequence[str], connections: int) -> tuple[Load, float]:
    """Ask, after a second to get warm; returns also the milliseconds of a request that PostgreSQL planned and ran statements."""
    load(server.base, paths, connections, 1)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SELECT pg_stat_statements_reset()")
        found = load(server.base, paths, connections, SECONDS)
        row = conn.execute(
            "SELECT sum(total_plan_time + total_exec_time) FROM pg_stat_statements WHERE dbid ="
            " (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat_statements%'"
        ).fetchone()
    assert not found.errors, (server.name, paths[0], found)
    assert row is not None
    return found, float(row[0] or 0) / max(found.requests, 1)


_TABLE_HEAD = (
    "| request | workers | connections | LDT req/s | p50 / p99 ms | in PostgreSQL | tipg req/s | p50 / p99 ms | in PostgreSQL | LDT : tipg | pygeoapi req/s | p50 / p99 ms | in PostgreSQL | LDT : pygeoapi |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)


def _row(what: str, workers: int, connections: int, runs: Mapping[str, tuple[Load, float]]) -> str:
    cells = [what, str(workers), str(connections)]
    ours = runs["ldt"][0].rate
    for name in ("ldt", *AIMS):
        if name not in runs:
            cells += ["", "", "", ""]
            continue
        run, inside = runs[name]
        # With one connection one request is under way at a time: this is the part of it that PostgreSQL works.
        share = f"{inside:.2f} ms" + (f" ({inside * run.rate / 10:.0f} %)" if connections == 1 else "")
        cells += [
            f"{run.rate:,.3g}" if run.rate < 10 else f"{run.rate:,.0f}",
            f"{run.p50:.1f} / {run.p99:.1f}",
            share,
        ]
        if name != "ldt":
            aim = AIMS[name]["tile" in what]
            ratio = ours / max(run.rate, 1 / run.seconds)
            cells.append(f"{ratio:,.1f}" + ("" if ratio >= aim else " (missed)"))
    return "| " + " | ".join(cells) + " |"


def _measurements(
    what: str, workers: int, connections: int, runs: Mapping[str, Load]
) -> Iterator[Measurement]:
    for name in AIMS.keys() & runs.keys():
        aim = AIMS[name]["tile" in what]
        label = f"{what} ({workers} workers, {connections} connections)"
        yield Measurement(label, runs["ldt"].rate, max(runs[name].rate, 1 / SECONDS), "requests/s", aim, name)


_ABOUT = f"""
{POLYGONS:,} polygons of 33 vertices with a name, a number and a word, in one database. LDT serves them as it ingested them; tipg and
pygeoapi from a plain table of the same rows with typed columns, its primary key and its GiST index. A closed loop by `wrk` (one
thread, {SECONDS} s, after 1 s to get warm, no compression asked for) on the same two cores as servers and database; boxes, ids, pages and tiles go round in
lists of 20 to {_DIFFERENT}, so that no cache answers. Before each run answers are compared: the same ids, the same `numberMatched`.

- **Served by**: LDT `ldt serve --workers N`, keeping no tiles (`LDT_TILE_CACHE_BYTES=0`; with what it keeps by itself a tile that was asked for before is answered about 2,000 times a second). tipg 1.6.1 by uvicorn with uvloop and httptools, no access log, 10 connections a process, its catalogue
  kept (`TIPG_CATALOG_TTL` of an hour). pygeoapi 0.21 by gunicorn with threads (8 a process), the PostgreSQL provider for features and tiles, log level ERROR. All over the same unix socket.
- **Counts** are exact everywhere in these rows. tipg and pygeoapi run `count(*)` on every page, which neither can be told to leave; LDT knows
  the number of a whole collection from its versions, and that of a page that is the whole answer from the page.
- **Pages**: the first 20 of a traversal; LDT's by token, the others' by offset (their way).
- **In PostgreSQL**: planning and execution by `pg_stat_statements` (loaded for this run only), for one request; with one connection also as a share of the
  time of a request, so that one sees how near the limit is: at 100 % only PostgreSQL works.
- Aims: {AIMS["tipg"][0]:g} times tipg (tiles {AIMS["tipg"][1]:g}), {AIMS["pygeoapi"][0]:g} times pygeoapi.

"""


# Servers ------------------------------------------------------------------------------------------------------


@contextmanager
def _process(command: Sequence[str | Path], base: str, probe: str, **environment: str) -> Iterator[None]:
    process = subprocess.Popen(
        [str(c) for c in command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(timeout=30) as client:
            for _ in range(300):
                assert process.poll() is None, f"ended at once: {command}"
                try:
                    if client.get(base + probe).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            else:
                raise AssertionError(f"did not come up: {command}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # statements of a peer that take minutes
            process.kill()
            process.wait(10)


def _free() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _ours(url: str, folder: Path, workers: int) -> Iterator[Server]:
    port = _free()
    base = f"http://127.0.0.1:{port}"
    above = f"/twins/{TWIN}/collections/beside"
    command = (sys.executable, "-m", "ldt.cli", "serve", "--port", str(port), "--workers", str(workers))
    # Else tiles that were asked for before would come from memory.
    with _process(command, base, f"{above}/items?limit=1", LDT_TILE_CACHE_BYTES="0"):
        tiles = above + "/tiles/WebMercatorQuad/{z}/{y}/{x}"
        yield Server("ldt", base, f"{above}/items", tiles, "beside.")


@contextmanager
def _tipg(url: str, folder: Path, workers: int) -> Iterator[Server]:
    port = _free()
    base = f"http://127.0.0.1:{port}"
    command = (
        _PEERS / "uvicorn", "--app-dir", _TOOLS, "tipg_app:app", "--port", str(port), "--workers", str(workers),
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error",
    )  # fmt: skip
    above = "/collections/peers.plots"
    with _process(
        command,
        base,
        f"{above}/items?limit=1",
        PEER_DATABASE=url,
        DATABASE_URL="postgresql://ldt@localhost/ldt",  # asked for by its settings; the pool is opened to PEER_DATABASE
        TIPG_DB_SCHEMAS='["peers"]',
        TIPG_CATALOG_TTL="3600",
        DB_MIN_CONN_SIZE="2",
    ):
        yield Server("tipg", base, f"{above}/items", above + "/tiles/WebMercatorQuad/{z}/{x}/{y}")


@contextmanager
def _pygeoapi(url: str, folder: Path, workers: int) -> Iterator[Server]:
    port = _free()
    base = f"http://127.0.0.1:{port}"
    parts = conninfo_to_dict(url)
    config = folder / "pygeoapi.json"  # JSON is YAML
    config.write_text(json.dumps(_configuration(base, port, parts)), "utf-8")
    described = folder / "pygeoapi-openapi.yml"
    environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(described)}
    subprocess.run(
        [str(_PEERS / "pygeoapi"), "openapi", "generate", str(config), "--output-file", str(described)],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=120,
    )
    command = (
        _PEERS / "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--worker-class", "gthread", "--threads", "8",
        "--keep-alive", "30", "--log-level", "error", "pygeoapi.flask_app:APP",
    )  # fmt: skip
    above = "/collections/plots"
    with _process(command, base, f"{above}/items?limit=1&f=json", **environment):
        tiles = above + "/tiles/WebMercatorQuad/{z}/{y}/{x}?f=mvt"
        yield Server("pygeoapi", base, f"{above}/items", tiles)


def _configuration(base: str, port: int, parts: Mapping[str, Any]) -> dict[str, Any]:
    data = {
        "host": parts["host"],
        "port": int(parts["port"]),
        "dbname": parts["dbname"],
        "user": parts["user"],
        "password": "",
        "search_path": ["peers", "public"],
    }
    provider = {"data": data, "id_field": "id", "table": "plots", "geom_field": "geom"}
    tiles = {
        **provider,
        "type": "tile",
        "name": "MVT-postgresql",
        "storage_crs": "http://www.opengis.net/def/crs/EPSG/0/4326",
        "options": {"zoom": {"min": 0, "max": 22}},
        "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
    }
    text = {"en": "plots"}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": base,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "pretty_print": False,
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10_000},
            "map": {"url": "http://127.0.0.1/none", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": text,
                "description": text,
                "keywords": {"en": ["x"]},
                "terms_of_service": "none",
                "url": base,
            },
            "license": {"name": "none", "url": base},
            "provider": {"name": "none", "url": base},
            "contact": {"name": "none", "email": "a@example.org", "url": base},
        },
        "resources": {
            "plots": {
                "type": "collection",
                "title": text,
                "description": text,
                "keywords": {"en": ["x"]},
                "extents": {
                    "spatial": {
                        "bbox": [6.4, 49.9, 8.6, 52.1],
                        "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
                    }
                },
                "providers": [{**provider, "type": "feature", "name": "PostgreSQL"}, tiles],
            }
        },
    }
