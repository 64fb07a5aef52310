"""Growth: the same requests on 10⁴ to 5·10⁶ features, loaded through the normal path; and how much longer they take."""

from __future__ import annotations

import base64
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from bench.loading import TWIN, make_twin
from bench.page import put
from bench.peers import typed
from ldt.pipeline.ingest import ingest

#: How many features, in order.
SIZES = tuple(int(n) for n in os.environ.get("LDT_SOAK_SIZES", "10000,100000,1000000,5000000").split(","))
#: How much longer the largest may take than the smallest.
FLAT = 2.0
_STEP = 0.001
_TIMES = 40


def write_squares(path: Path, count: int, *, mark: str = "") -> None:
    """Write squares on a grid as GeoParquet: however many there are, as many lie on a square kilometre.

    Args:
        path: the file.
        count: how many.
        mark: what each name begins with.
    """
    rng = np.random.default_rng(37105)
    side = int(np.ceil(np.sqrt(count)))
    number = np.arange(count)
    x, y = 6 + number % side * _STEP, 49 + number // side * _STEP
    shapes = shapely.box(x, y, x + _STEP / 2, y + _STEP / 2)
    table = pa.table(
        {
            "code": [f"s{i:08d}" for i in number],
            "name": [f"{mark}Square {i}" for i in number],
            "height": rng.permutation(count) / 10,
            "use": rng.choice(["residential", "office", "retail"], count),
            "geometry": pa.array(shapely.to_wkb(shapes), pa.binary()),
        }
    )
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}},
    }
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)


def fill(url: str, folder: Path, count: int) -> float:
    """Ingest so many; returns the seconds that it took."""
    make_twin(url)
    path = folder / f"squares-{count}.parquet"
    write_squares(path, count)
    began = time.perf_counter()
    done = ingest(url, TWIN, typed(f"squares-{count}", "parquet"), [path])
    assert done.tally.accepted == count, done.tally
    path.unlink()
    return time.perf_counter() - began


def requests(base: str, count: int, client: httpx.Client) -> dict[str, Callable[[int], str]]:
    """Return what is asked of a collection: a name → the address of the nth request of that kind."""
    items = f"{base}/twins/{TWIN}/collections/squares-{count}/items"
    rng = np.random.default_rng(7)
    side = int(np.ceil(np.sqrt(count)))
    keys = rng.integers(0, count, _TIMES)
    corners = 10**-3 * rng.integers(0, max(side - 10, 1), (_TIMES, 2)) + (6, 49)
    boxes = [f"{x:.4f},{y:.4f},{x + 0.0068:.4f},{y + 0.0068:.4f}" for x, y in corners]
    first = client.get(f"{items}?limit=100").json()
    to = next(one["href"] for one in first["links"] if one["rel"] == "next")
    return {
        "page of 100, the first": lambda n: f"{items}?limit={100 + n % 2}",
        "page of 100, deep": lambda n: _deep(to, int(keys[n])),
        "item": lambda n: f"{items}/squares-{count}.s{keys[n]:08d}",
        "bbox, 49 features": lambda n: f"{items}?limit=100&bbox={boxes[n]}",
        "filter that a third meet": lambda n: f"{items}?limit=100&filter=use='office' AND height>{n % 7}",
        "filter and bbox": lambda n: f"{items}?limit=100&filter=use='office'&bbox={boxes[n]}",
        "filter that one meets": lambda n: f"{items}?limit=100&filter=name='Square {keys[n]}'",
        "sortby, 100 of all": lambda n: f"{items}?limit={100 + n % 2}&sortby=-height",
        "sortby and bbox": lambda n: f"{items}?limit=100&sortby=-height&bbox={boxes[n]}",
        "tile, zoom 14": lambda n: _tile(items, *corners[n]),
    }


def _deep(to: str, key: int) -> str:
    """Return the link to a page after some key: the token of the second page with another position (it is no secret)."""
    address, _, token = to.rpartition("token=")
    said = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    said[3][1] = f"s{key:08d}"
    return f"{address}token={base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b'=').decode()}"


def _tile(items: str, x: float, y: float) -> str:
    latitude, size = np.radians(y + 0.003), 2**14
    row = (1 - np.log(np.tan(latitude) + 1 / np.cos(latitude)) / np.pi) / 2
    above = items.removesuffix("/items")
    return f"{above}/tiles/WebMercatorQuad/14/{int(row * size)}/{int((x + 0.003 + 180) / 360 * size)}"


def times(base: str, count: int) -> dict[str, float]:
    """Return the median milliseconds of each kind of request, one at a time, each with another place or key."""
    found = {}
    with httpx.Client(timeout=120, headers={"Accept-Encoding": "identity"}) as client:
        for name, address in requests(base, count, client).items():
            taken = []
            for n in range(_TIMES):
                began = time.perf_counter()
                answer = client.get(address(n))
                taken.append(time.perf_counter() - began)
                assert answer.status_code == 200, (name, str(answer.url), answer.text[:300])
                if sum(taken) > 20 and n > 4:
                    break
            found[name] = statistics.median(taken[1:]) * 1000
    return found


def report(measured: Mapping[int, Mapping[str, float]], seconds: Mapping[int, float]) -> None:
    """Write the table of growth into docs/benchmarks.md."""
    sizes = list(measured)
    lines = [
        "Written by `make soak`. Squares with three typed properties in one data set, as dense at every size, ingested from GeoParquet; the",
        f"median of {_TIMES} requests to `ldt serve`, one at a time, each for another place or key.",
        "",
        f"| request, ms | {' | '.join(f'{n:,}' for n in sizes)} | last : first |",
        "|---" * (len(sizes) + 2) + "|",
        *(_row(name, [measured[n][name] for n in sizes]) for name in measured[sizes[0]]),
        f"| ingest, features/s | {' | '.join(f'{n / seconds[n]:,.0f}' for n in sizes)} | |",
    ]
    put("Growth", "\n".join(lines))


def _row(name: str, values: Sequence[float]) -> str:
    ratio = values[-1] / values[0]
    shown = " | ".join(f"{v:,.1f}" for v in values)
    return f"| {name} | {shown} | {ratio:.1f}{'' if ratio <= FLAT else ' (missed)'} |"
