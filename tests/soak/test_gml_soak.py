"""A million features in bounded memory, and faults in structure for as long as one likes.

`FUZZ_SEED` and `FUZZ_SECONDS` repeat and lengthen the second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.resident import PEAK

pytestmark = pytest.mark.soak

PROJECT = Path(__file__).parents[2]
FEATURES = 1_000_000
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:wfs="http://www.opengis.net/wfs/2.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:bu="http://inspire.ec.europa.eu/schemas/bu-core2d/4.0" '
    'xmlns:lcv="http://inspire.ec.europa.eu/schemas/lcv/4.0" xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3"{more}>\n'
)
_FEATURE = (
    '<bu:Building gml:id="b{i}"><bu:use xlink:href="http://inspire.ec.europa.eu/codelist/CurrentUseValue/residential"/><bu:inspireId><base:Identifier>'
    "<base:localId>DE.X.{i}</base:localId><base:namespace>de.x</base:namespace></base:Identifier></bu:inspireId><bu:floors>{f}</bu:floors><bu:geometry>"
    '<gml:Polygon gml:id="g{i}" srsName="http://www.opengis.net/def/crs/EPSG/0/25832"><gml:exterior><gml:LinearRing><gml:posList>{x}.25 5640000.5 {x}.75 '
    "5640000.5 {x}.75 5640010.5 {x}.5 5640010.5 {x}.5 5640012.5 {x}.25 5640012.5 {x}.25 5640000.5</gml:posList></gml:LinearRing></gml:exterior>"
    "</gml:Polygon></bu:geometry></bu:Building>"
)
#: How features stand: (root and what is around them, what is around each).
LAYOUTS = {
    "member": ("wfs:FeatureCollection", "", "", "<wfs:member>{}</wfs:member>\n"),
    "featureMembers": ("gml:FeatureCollection", "<gml:featureMembers>", "</gml:featureMembers>", "{}\n"),
    "members of a feature": ("lcv:LandCoverDataset", "", "", "<lcv:member>{}</lcv:member>\n"),
}
_READ = """
from pathlib import Path
from ldt.sources import read
count = checked = 0
for batch in read("gml", Path(sys.argv[1]), {"paths": {"local_id": "inspireId/Identifier/localId"}}):
    count += batch.records.num_rows
    checked += batch.records.num_rows - batch.records.column("geometry").null_count
others = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
print(count, checked, round(peak()), others)
"""


def generate(path: Path, layout: str, count: int) -> None:
    """Write features one by one, some hundred bytes each."""
    root, before, after, around = LAYOUTS[layout]
    with path.open("w", encoding="utf-8") as file:
        file.write(
            _HEAD.format(root=root, more=' gml:id="d"' if layout.startswith("members") else "") + before
        )
        for i in range(count):
            file.write(around.format(_FEATURE.format(i=i, f=i % 9, x=300000 + i % 90000)))
        file.write(f"{after}</{root}>")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_million_features_in_bounded_memory(layout: str, workers: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.gml"
        generate(path, layout, FEATURES)
        assert path.stat().st_size > 600 * 1024**2
        said = subprocess.run(
            [sys.executable, "-c", PEAK + _READ, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "LDT_WORKERS": workers},
        ).stdout
    count, geometries, own, others = map(int, said.split())
    assert count == FEATURES + (layout == "members of a feature")
    assert geometries == FEATURES
    # Megabytes, of the process that reads and of the largest that it started.
    assert own < 500, said
    assert others < 500, said


_FUZZ = """
import random, time, warnings
from pathlib import Path
from tests.properties.gml_mutations import documents, mutated
from ldt.errors import LdtError
from ldt.sources import read
from ldt.sources.gml import GmlReader
warnings.simplefilter("error")
path, seed, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
until, sound, outcomes = time.monotonic() + seconds, documents(), {"records": 0, "error": 0}
while time.monotonic() < until:
    path.write_bytes(mutated(sound[seed % len(sound)], random.Random(seed)))
    print(seed, file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        for batch in read("gml", path, {}):
            outcomes["records"] += 1
        GmlReader().describe(path)
    except LdtError:
        outcomes["error"] += 1
    if time.monotonic() - began > 5:
        raise SystemExit(f"seed {seed} took {time.monotonic() - began:.1f} s")
    seed += 1
print(outcomes["records"], outcomes["error"], round(peak()))
"""


def test_faults_in_structure(tmp_path: Path) -> None:
    seed, seconds = os.environ.get("FUZZ_SEED", "37105"), float(os.environ.get("FUZZ_SECONDS", "60"))
    done = subprocess.run(
        [sys.executable, "-c", PEAK + _FUZZ, str(tmp_path / "a.gml"), seed, str(seconds)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    assert done.returncode == 0, f"seed {done.stderr[-1000:]} {done.stdout}"
    records, errors, megabytes = map(int, done.stdout.split())
    assert records > 100
    assert errors > 20
    assert megabytes < 400
