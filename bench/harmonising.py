"""Files into PostGIS and into the store, harmonised and checked, against GDAL's own programs on the same file.

Both run as commands of their own, from the first byte to the last commit. `ogr2ogr` reads the same file, transforms it to the
same CRS and copies it into an indexed table of the same database; `gdal_translate` makes the same kind of file of a raster.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bench.files import BUILDINGS, write_gml, write_land_cover, write_land_cover_raster
from bench.loading import TWIN, make_twin
from bench.measure import Measurement

POLYGONS, SIDE = 200_000, 12_000


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took: seconds, and the resident megabytes of all its processes together at their most."""

    seconds: float
    megabytes: float


def run(command: Sequence[str], **environment: str) -> Run:
    """Run a command in a session of its own.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    most = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], _resident(process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    _, said = process.communicate()
    seconds = time.perf_counter() - began
    done.set()
    watching.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=said)
    return Run(seconds, most[0])


def _resident(session: int) -> float:
    """Return the resident megabytes of a session's processes."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            total += int(fields[21])
    return total * os.sysconf("SC_PAGE_SIZE") / 1024**2


def gml(url: str, folder: Path) -> list[Measurement]:
    """INSPIRE buildings per second, in one process and with two workers, against `ogr2ogr`."""
    path = folder / "buildings.gml"
    write_gml(path, BUILDINGS)
    make_twin(url)
    peer = _ogr2ogr(url, path, "gml_peer", "WRITE_GFS=NO")
    found = []
    for workers, aim in ((1, 0.6), (2, 1.0)):
        ours = _ingest(url, "inspire/buildings", path, f"gml-{workers}", workers)
        found.append(
            _measured(
                f"INSPIRE buildings in GML, {'one process' if workers == 1 else 'two workers'}",
                BUILDINGS,
                "features/s",
                ours,
                peer,
                aim,
                "ogr2ogr",
            )
        )
    path.unlink()
    return found


def land_cover(url: str, folder: Path) -> list[Measurement]:
    """Corine polygons per second against `ogr2ogr`, and Corine cells per second against `gdal_translate`."""
    make_twin(url)
    polygons = folder / "U2018_CLC2018_V2020_20u1.gpkg"
    write_land_cover(polygons, POLYGONS)
    found = [
        _measured(
            "Corine polygons (65 vertices, from EPSG:3035)",
            POLYGONS,
            "polygons/s",
            _ingest(url, "clc/corine-vector", polygons, "clc-vector", 1),
            _ogr2ogr(url, polygons, "clc_peer"),
            0.6,
            "ogr2ogr",
        )
    ]
    raster = folder / "U2018_CLC2018_V2020_20u1.tif"
    write_land_cover_raster(raster, SIDE)
    peer = run(
        [
            "gdal_translate",
            "-q",
            "-of",
            "COG",
            "-co",
            "COMPRESS=DEFLATE",
            str(raster),
            str(folder / "peer.tif"),
        ]
    )
    found.append(
        _measured(
            "Corine raster, codes mapped and checked",
            SIDE**2,
            "cells/s",
            _ingest(url, "clc/corine-raster", raster, "clc-raster", 1),
            peer,
            0.3,
            "gdal_translate to COG",
        )
    )
    return found


def _ingest(url: str, recipe: str, path: Path, name: str, workers: int) -> Run:
    command = [sys.executable, "-m", "ldt.cli", "ingest", recipe, str(path), "--twin", TWIN, "--name", name]
    return run([*command, "--json"], LDT_DATABASE_URL=url, LDT_WORKERS=str(workers))


def _ogr2ogr(url: str, path: Path, table: str, *options: str) -> Run:
    place = {k: v for k, v in conninfo_to_dict(url).items() if k in {"host", "port", "user", "dbname"}}
    target = "PG:" + " ".join(f"{key}='{value}'" for key, value in place.items())
    opened = [part for option in options for part in ("-oo", option)]
    return run(
        [
            "ogr2ogr",
            "-f",
            "PostgreSQL",
            target,
            str(path),
            "-nln",
            table,
            "-overwrite",
            "-t_srs",
            "EPSG:4326",
            *opened,
        ],
        PG_USE_COPY="YES",
    )


def _measured(what: str, count: int, unit: str, ours: Run, peer: Run, aim: float, name: str) -> Measurement:
    return Measurement(
        f"{what}; {ours.megabytes:,.0f} MB",
        count / ours.seconds,
        count / peer.seconds,
        unit,
        aim,
        f"{name}, {peer.megabytes:,.0f} MB",
    )
