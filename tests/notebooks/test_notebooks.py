"""The notebooks as people run them: from top to bottom against a served city, with the numbers that the service gives."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import nbformat
import numpy as np
import pytest
import rasterio
from tests.e2e.serving import served

from ldt.pipeline.build import build
from ldt.pipeline.sample.generate import generate
from ldt.settings import settings

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SECONDS = 60


@pytest.fixture(scope="module")
def address(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service of the sample city."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        built = build(shared_database_url, generate(tmp_path_factory.mktemp("sample"), size="small"))
        assert built.errors == []
        with served(shared_database_url) as found:
            yield found
    settings.cache_clear()


def read(path: Path) -> Any:
    return nbformat.read(path, 4)  # type: ignore[no-untyped-call]


def run(name: str, address: str, folder: Path, ask: str) -> tuple[Any, Any]:
    """Run a notebook in a kernel of this interpreter; returns it, and what an expression asked at its end gives as JSON."""
    book = read(FOLDER / name)
    extra = f"import json, sys\nprint(json.dumps([sys.executable, {ask}]))"
    book.cells.append(nbformat.v4.new_code_cell(extra))  # type: ignore[no-untyped-call]
    path = folder / name
    path.write_text(nbformat.writes(book), "utf-8")  # type: ignore[no-untyped-call]
    # In a process of its own: the client of kernels leaves sockets behind.
    command = [
        sys.executable,
        "-c",
        "from nbclient.cli import main; main()",
        "--inplace",
        f"--timeout={SECONDS}",
    ]
    # Kernels that somebody installed for themselves are not looked at.
    own = {"LDT_URL": address, "MPLCONFIGDIR": str(folder), "JUPYTER_DATA_DIR": str(folder)}
    began = time.monotonic()
    done = subprocess.run(
        [*command, str(path)], env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < SECONDS
    book = read(path)
    interpreter, answer = json.loads(book.cells[-1].outputs[0].text)
    assert interpreter == sys.executable
    for cell in book.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text
    return book, answer


def values(address: str, indicator: str, **which: str) -> dict[str, dict[str, Any]]:
    """Return values by id, as JSON of the service."""
    to = f"{address}/twins/sample-city/indicators/{indicator}/values"
    answer = httpx2.get(to, params={"limit": "10000", "f": "json", **which})
    return {one["id"]: one for one in answer.raise_for_status().json()["values"]}


def figures(book: Any) -> int:
    outputs = [o for cell in book.cells for o in cell.get("outputs", [])]
    return sum("image/png" in o.get("data", {}) for o in outputs)


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_without_what_a_run_leaves(name: str) -> None:
    book = read(FOLDER / name)
    nbformat.validate(book)
    for number, cell in enumerate(book.cells, 1):
        assert cell.id == f"cell-{number:02d}"
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert book.metadata.kernelspec.name == "python3"
    text = (FOLDER / name).read_text("utf-8")
    assert str(FOLDER.parent) not in text
    assert 'os.environ.get("LDT_URL", "http://127.0.0.1:8000")' in json.dumps(book).replace("\\", "")


def test_both_notebooks_are_tested() -> None:
    assert NAMES == ["01-from-zero-to-indicators.ipynb", "02-air-quality-against-2030.ipynb"]


def test_from_zero_to_indicators(address: str, tmp_path: Path) -> None:
    ask = (
        "{'shares': shares['value'].to_dict(), 'station': station.name, 'mean': annual_mean, 'hours': int(hours['value'].count()),"
        " 'cells': {str(k): int(v) for k, v in cells.items()}, 'inputs': lineage['inputs'], 'snapshot': city.snapshot}"
    )
    book, found = run(NAMES[0], address, tmp_path, ask)
    served_shares = values(address, "natural-share", scheme="district", period="2025")
    assert found["shares"] == {key: one["value"] for key, one in served_shares.items()}
    assert len(found["shares"]) == 7
    mean = values(address, "no2-annual-mean")[found["station"]]
    assert found["mean"] == pytest.approx(mean["value"], rel=1e-12)
    assert found["hours"] == mean["n_valid"]
    assert {one["dataset"]: one["version"] for one in found["inputs"]} == next(iter(served_shares.values()))[
        "inputs"
    ]
    # The classes of the raster, counted in the file of the store.
    listed = httpx2.get(f"{address}/twins/sample-city/coverages?property=land-cover").json()["coverages"]
    (digest,) = [one["digest"] for one in listed if one["time_first"].startswith("2024")]
    (path,) = (settings().data_dir / "objects").glob(f"*/{digest}/*.tif")
    with rasterio.open(path) as file:
        codes, counts = np.unique(file.read(1), return_counts=True)
        nodata = file.nodata
    assert found["cells"] == {str(k): int(v) for k, v in zip(codes, counts, strict=True) if k != nodata}
    assert figures(book) == 3
    assert found["snapshot"] in book.cells[-2].outputs[0].text


def test_air_quality_against_2030(address: str, tmp_path: Path) -> None:
    ask = (
        "{'values': values.reset_index('pollutant')[['pollutant', 'status']].assign(value=values['value'].tolist())"
        ".reset_index().to_dict('records'), 'distance': distance.stack().reset_index(name='d').to_dict('records'),"
        " 'rules': RULES, 'annual': ANNUAL, 'days': days[['id', 'rule_set', 'exceedances', 'permitted', 'status']]"
        ".to_dict('records'), 'act': to_act.reset_index().iloc[:, :2].values.tolist()}"
    )
    book, found = run(NAMES[1], address, tmp_path, ask)
    api = {name: values(address, i, period="2025", scheme="station") for name, i in found["annual"].items()}
    counted = {
        (name, key): one
        for name, rows in api.items()
        for key, one in rows.items()
        if one["status"] in ("valid", "insufficient")
    }
    assert {(one["pollutant"], one["id"]) for one in found["values"]} == counted.keys()
    for one in found["values"]:
        served_value = counted[one["pollutant"], one["id"]]["value"]
        assert math.isnan(one["value"]) if served_value is None else one["value"] == served_value
    assert "insufficient" in {one["status"] for one in found["values"]}
    # The distances, from the values and the limits of the law, by hand.
    limits = {
        ("NO2", "2008-50-ec"): 40, ("NO2", "2024-2881"): 20, ("NO2", "who-2021"): 10,
        ("PM10", "2008-50-ec"): 40, ("PM10", "2024-2881"): 20, ("PM10", "who-2021"): 15,
        ("PM2.5", "2008-50-ec"): 25, ("PM2.5", "2024-2881"): 10, ("PM2.5", "who-2021"): 5,
    }  # fmt: skip
    demanded = {"2008-50-ec": 0.9, "2024-2881": 0.85, "who-2021": 0.75}
    names = {text: rule for rule, text in found["rules"].items()}
    shown = {
        (one["pollutant"], one["name"], names[one["rule_set"]]): one["d"]
        for one in found["distance"]
        if not math.isnan(one["d"])
    }
    expected = {
        (name, one["name"], rule): one["value"] - limit
        for (name, rule), limit in limits.items()
        for one in api[name].values()
        if one["value"] is not None and one["coverage"] >= demanded[rule]
    }
    assert shown == pytest.approx(expected)
    assert sorted(found["act"]) == sorted(
        [name, station]
        for name, station, rule in expected
        if rule == "2024-2881"
        and expected[name, station, rule] > 0
        and expected.get((name, station, "2008-50-ec"), math.inf) <= 0
    )
    days = values(address, "pm10-exceedance-days", period="2025", scheme="station")
    for one in found["days"]:
        (verdict,) = [v for v in days[one["id"]]["verdicts"] if v["rule_set"] == one["rule_set"]]
        assert one["permitted"] == {"2008-50-ec": 35, "2024-2881": 18}[one["rule_set"]]
        assert verdict["permitted"] == one["permitted"]
        if verdict.get("exceedances") is None:
            assert math.isnan(one["exceedances"])
        else:
            assert one["exceedances"] == verdict["exceedances"]
    assert "insufficient" in {one["status"] for one in found["days"]}
    assert figures(book) == 1
