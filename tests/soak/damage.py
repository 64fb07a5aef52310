"""Damages small files at random and reads them through a recipe. A process of its own: `python -m tests.soak.damage KIND SEED SECONDS`.

Before each trial its seed is printed, after it the name of what came: `data`, or the class of the error. So a crash of the
whole process has a seed too.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from ldt.errors import LdtError
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.pipeline.check import dry_run

_SITE = """<gml:featureMember><ps:ProtectedSite gml:id="s{n}"><ps:geometry><gml:Polygon gml:id="p{n}"
 srsName="http://www.opengis.net/def/crs/EPSG/0/4258"><gml:exterior><gml:LinearRing><gml:posList>50.{n:02d} 7.0 50.{n:02d} 7.1
 50.99 7.1 50.99 7.0 50.{n:02d} 7.0</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></ps:geometry><ps:inspireID>
<base:Identifier><base:localId>s{n}</base:localId><base:namespace>town/sites</base:namespace></base:Identifier></ps:inspireID>
<ps:legalFoundationDate>1999-01-01T00:00:00Z</ps:legalFoundationDate></ps:ProtectedSite></gml:featureMember>"""


def _gml(folder: Path) -> Path:
    path = folder / "sites.gml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2"'
        ' xmlns:ps="http://inspire.ec.europa.eu/schemas/ps/4.0" xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3">'
        + "".join(_SITE.format(n=n) for n in range(10, 30))
        + "</gml:FeatureCollection>",
        encoding="utf-8",
    )
    return path


def _geopackage(folder: Path) -> Path:
    path = folder / "plots.gpkg"
    table = pa.table(
        {
            "code": [f"p{i}" for i in range(60)],
            "height": [float(i) for i in range(60)],
            "geometry": pa.array(
                [shapely.to_wkb(shapely.Point(356000 + i, 5645000).buffer(5)) for i in range(60)]
            ),
        }
    )
    pyogrio.write_arrow(
        table, path, driver="GPKG", geometry_name="geometry", geometry_type="Polygon", crs="EPSG:25832"
    )
    return path


def _csv(folder: Path) -> Path:
    path = folder / "stations.csv"
    rows = [
        f"DENW{i:03d},{i},Köln {i},19920901,,{50.8 + i / 1000},,{6.9 + i / 1000},,45,traffic,urban,urban,unknown,DE010A"
        for i in range(60)
    ]
    head = (
        "station_code,station_local_code,station_name,station_start_date,station_end_date,station_latitude_d,"
        "station_latitude_dms,station_longitude_d,station_longitude_dms,station_altitude,type_of_station,"
        "station_type_of_area,station_ozone_classification,station_subcat_rural_background,network_code"
    )
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


def _json(folder: Path) -> Path:
    path = folder / "201401_DENW053_NO2_1SMW.json"
    days = {f"201401{d:02d}": [float((d * h) % 50) for h in range(24)] for d in range(1, 29)}
    path.write_bytes(orjson.dumps(days))
    return path


def _parquet(folder: Path) -> Path:
    path = folder / "SPO_1.parquet"
    hours, start = 400, datetime(2024, 1, 1)  # noqa: DTZ001 - the layout has naive times
    times = pa.array([start + timedelta(hours=h) for h in range(hours)], pa.timestamp("ns"))
    table = pa.table(
        {
            "Samplingpoint": ["DE/SPO-1"] * hours,
            "Pollutant": pa.array([8] * hours, pa.int32()),
            "Start": times,
            "End": pa.array([start + timedelta(hours=h + 1) for h in range(hours)], pa.timestamp("ns")),
            "Value": pa.array([Decimal(h % 60) for h in range(hours)], pa.decimal128(38, 18)),
            "Unit": ["ug.m-3"] * hours,
            "AggType": ["hour"] * hours,
            "Validity": pa.array([1] * hours, pa.int32()),
            "Verification": pa.array([1] * hours, pa.int32()),
            "ResultTime": times,
            "DataCapture": pa.nulls(hours, pa.decimal128(38, 18)),
            "FkObservationLog": ["x"] * hours,
        }
    )
    pq.write_table(table, path)
    return path


#: Kind of file → (its recipe, what writes a sound one).
KINDS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "gml": ("inspire/protected-sites", _gml),
    "geopackage": ("generic/features", _geopackage),
    "csv": ("cologne/stations", _csv),
    "json": ("cologne/air-quality", _json),
    "parquet": ("eea/air-quality-parquet", _parquet),
}


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return the content with one to four places flipped, cut out, zeroed, doubled, or cut off."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not data:
            break
        at, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 16, 100, 1000))
        match rng.randrange(6):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + length]
            case 2:
                data[at : at + length] = bytes(len(data[at : at + length]))
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at : at + length] = rng.randbytes(len(data[at : at + length]))
            case _:
                if rng.random() < 0.3:
                    del data[at:]
    return bytes(data)


def trial(recipe: Recipe, sound: bytes, path: Path, seed: int) -> str:
    """Read one damaged file; returns `data` or the class of the error that a user would get."""
    path.write_bytes(damaged(sound, random.Random(seed)))  # noqa: S311 - which bytes, not which secrets
    try:
        tally = dry_run(recipe, path)
    except LdtError as error:
        line = str(error)
        if "\n" in line or "Traceback" in line:
            raise AssertionError(f"not one clear line: {line!r}") from error
        return type(error).__name__
    if not tally.adds_up:
        raise AssertionError(f"outcomes do not add up: {tally}")
    return "data"


def main(kind: str, seed: int, seconds: float) -> None:
    """Try damaged files of a kind until the time is over."""
    warnings.simplefilter("ignore")  # what libraries find remarkable in broken files is not the question
    name, write = KINDS[kind]
    recipe = load_recipe(name)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder))
        sound = path.read_bytes()
        whole = dry_run(recipe, path)
        print(f"sound {whole.accepted}", flush=True)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            print(seed, end=" ", flush=True)
            print(trial(recipe, sound, path, seed), flush=True)
            seed += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
