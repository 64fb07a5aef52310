"""GRIB: against GDAL's own decoder on real files, and against values told by hand on small ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from tests.sources.gribs import counting, eccodes, write_grib

from ldt.errors import HostileSource, SourceError
from ldt.sources import describe, grib_process, open_resources, read_raster
from ldt.sources.source import Layer


def layers(path: Path, **options: Any) -> dict[str, Any]:
    """The layers of a file, with all their cells in place of what reads them."""
    found = {}
    with open_resources(path) as (resource,):
        for raster in read_raster("cube", resource, options):
            for layer in raster.layers:
                steps = len(layer.time.values) if layer.time else 1
                if layer.problem is None:
                    cells = np.stack([layer.read(s, 0, layer.height, 0, layer.width) for s in range(steps)])
                    found[layer.name] = (layer, cells)
                else:
                    found[layer.name] = (layer, np.empty(0))
    return {name: _Held(layer, cells) for name, (layer, cells) in found.items()}


class _Held:
    def __init__(self, layer: Layer, cells: NDArray[Any]) -> None:
        self.layer, self.cells = layer, cells

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)


def by_gdal(path: Path) -> tuple[NDArray[Any], list[dict[str, str]]]:
    """All bands as GDAL decodes them, with their tags."""
    with (
        rasterio.Env(GRIB_NORMALIZE_UNITS="NO", GRIB_ADJUST_LONGITUDE_RANGE="NO"),
        rasterio.open(path, driver="GRIB") as file,
    ):
        return file.read(masked=True), [file.tags(n) for n in file.indexes]


# Real files ---------------------------------------------------------------------------------------------------


def test_a_month_of_era5(real_data: Path) -> None:
    path = real_data / "climate/era5-2mt-2019-03-uk.grib"
    (t2m,) = layers(path).values()
    expected, tags = by_gdal(path)
    assert t2m.cells.shape == (744, 33, 49)
    np.testing.assert_allclose(t2m.cells, np.asarray(expected.data), rtol=0, atol=1e-4)
    assert t2m.time.values == tuple(float(t["GRIB_VALID_TIME"].split()[0]) for t in tags)
    # The box asked for: 58 N, 10 W, 50 N, 2 E; a quarter of a degree.
    assert t2m.transform == pytest.approx((0.25, 0, -10.125, 0, -0.25, 58.125))
    assert (t2m.name, t2m.unit, t2m.time.instants, t2m.time.bounds) == ("t2m", "K", True, ())
    told = describe(path)
    assert (told.format, told.reader) == ("GRIB", "cube")
    assert told.layers[0].cells["time"]["steps"] == 744


def test_no_index_is_left_beside_the_file(real_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.grib"
    path.write_bytes((real_data / "climate/test_single_with_missing.grib").read_bytes())
    layers(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.grib"]


def test_chemicals_are_layers_of_their_own(real_data: Path) -> None:
    path = real_data / "climate/chem-cams.grib"
    found = layers(path)
    assert list(found) == ["mass_mixrat_CO", "mass_mixrat_HCHO", "mass_mixrat_O3"]
    expected, _ = by_gdal(path)
    for layer, values in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(layer.cells[0], values, rtol=1e-6)


def test_a_wavelength_has_to_be_chosen(real_data: Path) -> None:
    path = real_data / "climate/optical-cams.grib"
    problem = layers(path)["aod_aer_total"].problem
    assert problem == "has 2 values of wavelength (550, 800): say which with the option `select`"
    expected, _ = by_gdal(path)
    for wavelength, band in ((550, 0), (800, 1)):
        chosen = layers(path, select={"wavelength": wavelength})
        np.testing.assert_allclose(chosen["aod_aer_total"].cells[0], expected[band], rtol=1e-6)
        np.testing.assert_allclose(chosen["aod_aer_sm"].cells[0], expected[band + 2], rtol=1e-6)


def test_missing_values(real_data: Path) -> None:
    path = real_data / "climate/test_single_with_missing.grib"
    (t2m,) = layers(path).values()
    expected, _ = by_gdal(path)
    # The header: 84 cells, 46 values.
    assert np.isnan(t2m.cells).sum() == 38
    np.testing.assert_array_equal(np.isnan(t2m.cells[0]), np.ma.getmaskarray(expected[0]))
    np.testing.assert_allclose(t2m.cells[0][~np.isnan(t2m.cells[0])], expected[0].compressed(), rtol=1e-6)


def test_a_reduced_rotated_grid(real_data: Path) -> None:
    """Each cell of the regular grid has the value of the nearest of the 225, found by trying all; none lies where none is near."""
    path = real_data / "climate/rotated_N32_subarea.grib"
    (t2m,) = layers(path).values()
    assert "the nearest one is taken" in t2m.note
    ec = eccodes()
    with path.open("rb") as file:
        handle = ec.codes_grib_new_from_file(file)
        values = ec.codes_get_values(handle)
        latitude, longitude = (ec.codes_get_array(handle, k) for k in ("latitudes", "longitudes"))
        ec.codes_release(handle)
    # By hand: the first cell is at 26.511 N, 0 E of a grid whose pole lies at 22 N, 140 E. The pole of the earth is
    # 68 degrees from that pole along its meridian 0: 26.511 + 68 is 4.511 degrees beyond it, on the meridian of 140 E.
    assert (latitude[0], longitude[0]) == pytest.approx((85.489, 140.0), abs=1e-3)
    a, _, c, _, e, f = t2m.transform
    lon, lat = np.meshgrid(c + a * (np.arange(t2m.width) + 0.5), f + e * (np.arange(t2m.height) + 0.5))

    def unit(lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[Any]:
        x, y = np.radians(lon), np.radians(lat)
        return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=-1)

    angle = np.degrees(np.arccos(np.clip(unit(lon, lat) @ unit(longitude, latitude).T, -1, 1)))
    there = ~np.isnan(t2m.cells[0])
    np.testing.assert_allclose(t2m.cells[0][there], values[angle.argmin(axis=-1)][there], rtol=1e-6)
    # N32 has rows 2.8 degrees apart.
    assert angle.min(axis=-1)[there].max() < 2.8 * 1.15
    assert angle.min(axis=-1)[~there].min() > 2.8


# Small files --------------------------------------------------------------------------------------------------


def test_sums_over_steps_have_bounds(tmp_path: Path) -> None:
    """Sums of one hour each: from the beginning of the step to its end, reference time 2024-01-31 (1,706,659,200 s)."""
    total = [
        ({"shortName": "tp", "stepType": "accum", "stepRange": f"{h}-{h + 1}"}, counting(h)) for h in (1, 0)
    ]
    (tp,) = layers(write_grib(tmp_path / "a.grib2", total)).values()
    start = 1_706_659_200.0
    assert tp.time.values == (start + 3600, start + 7200)
    assert tp.time.bounds == ((start, start + 3600), (start + 3600, start + 7200))
    assert not tp.time.instants
    np.testing.assert_allclose(tp.cells, [counting(0), counting(1)], atol=1e-3)


def test_forecasts_that_overlap(tmp_path: Path) -> None:
    """Two reference times, six hours apart, with steps of 6 and 12 hours: 12 o'clock is there twice, until a step is chosen."""
    forecasts = [
        ({"dataTime": time, "stepRange": str(step)}, counting(time + step))
        for time in (0, 600)
        for step in (6, 12)
    ]
    path = write_grib(tmp_path / "a.grib2", forecasts)
    problem = layers(path)["t2m"].problem
    assert problem is not None
    assert "several reference times for the same time" in problem
    assert "(6, 12)" in problem
    chosen = layers(path, select={"step": 12})["t2m"]
    assert [v - 1_706_659_200 for v in chosen.time.values] == [12 * 3600, 18 * 3600]
    np.testing.assert_allclose(chosen.cells[:, 0, 0], [12, 612], atol=0.02)
    assert "has no step 9" in str(layers(path, select={"step": 9})["t2m"].problem)


def members(path: Path) -> Path:
    """Four members that lie 0, 1, 2 and 9 above one another."""
    keys = {"productDefinitionTemplateNumber": 1, "numberOfForecastsInEnsemble": 4}
    fields = [({**keys, "perturbationNumber": n}, counting(add)) for n, add in enumerate((0, 1, 2, 9))]
    return write_grib(path, fields)


@pytest.mark.parametrize(
    ("statistic", "above"), [("mean", 3.0), ("min", 0.0), ("max", 9.0), ("median", 1.5), ("p50", 1.5)]
)
def test_a_statistic_over_members(tmp_path: Path, statistic: str, above: float) -> None:
    """By hand: of 0, 1, 2 and 9 the mean is 3, the median 1.5."""
    (found,) = layers(members(tmp_path / "a.grib2"), reduce={"number": statistic}).values()
    np.testing.assert_allclose(found.cells[0], counting(above), atol=1e-3)
    assert found.note == f"{statistic} over the 4 values of number"


def test_a_member(tmp_path: Path) -> None:
    path = members(tmp_path / "a.grib2")
    assert "4 values of number (0, 1, 2, 3)" in str(layers(path)["t2m"].problem)
    np.testing.assert_allclose(layers(path, select={"number": 3})["t2m"].cells[0], counting(9), atol=1e-3)


def test_levels_of_two_kinds_are_two_variables(tmp_path: Path) -> None:
    pressure = {"shortName": "t", "typeOfLevel": "isobaricInhPa"}
    fields = [({**pressure, "level": p}, counting(p)) for p in (850, 500)]
    fields.append(({"shortName": "t", "typeOfLevel": "heightAboveGround", "level": 100}, counting(7)))
    found = layers(write_grib(tmp_path / "a.grib2", fields), select={"level": 500})
    assert set(found) == {"t_isobaricInhPa", "t_heightAboveGround"}
    np.testing.assert_allclose(found["t_isobaricInhPa"].cells[0], counting(500), atol=0.02)
    np.testing.assert_allclose(found["t_heightAboveGround"].cells[0], counting(7), atol=0.02)


# No producer writes columns that turn back.
@pytest.mark.parametrize(("columns", "turning"), [(0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("west", [0, 1])
@pytest.mark.parametrize("north", [0, 1])
def test_every_order_of_cells(tmp_path: Path, columns: int, west: int, north: int, turning: int) -> None:
    """The cell at 52 N, 6 E is 0, that at 50 N, 9 E is 11, whatever the order in which they stand (WMO code table 3.4)."""
    cells = counting()
    cells = cells[::-1] if north else cells
    cells = cells[:, ::-1] if west else cells
    if turning:
        cells = cells.copy()
        cells[1::2] = cells[1::2, ::-1]
    keys = {
        "iScansNegatively": west, "jScansPositively": north, "jPointsAreConsecutive": columns,
        "alternativeRowScanning": turning, "latitudeOfFirstGridPointInDegrees": 50.0 if north else 52.0,
        "latitudeOfLastGridPointInDegrees": 52.0 if north else 50.0, "longitudeOfFirstGridPointInDegrees": 9.0 if west else 6.0,
        "longitudeOfLastGridPointInDegrees": 6.0 if west else 9.0,
    }  # fmt: skip
    path = write_grib(tmp_path / "a.grib2", [(keys, cells.T if columns else cells)])
    (found,) = layers(path).values()
    a, _, c, _, e, f = found.transform
    placed = {
        (round(c + a * (x + 0.5), 3), round(f + e * (y + 0.5), 3)): round(float(found.cells[0, y, x]), 1)
        for y in range(3)
        for x in range(4)
    }
    assert placed == {(6.0 + x, 52.0 - y): 4.0 * y + x for y in range(3) for x in range(4)}


def test_a_grid_over_greenwich(tmp_path: Path) -> None:
    """Longitudes 358, 359, 0, 1 follow one another."""
    keys = {"longitudeOfFirstGridPointInDegrees": 358.0, "longitudeOfLastGridPointInDegrees": 1.0}
    (found,) = layers(write_grib(tmp_path / "a.grib2", [(keys, counting())])).values()
    assert found.transform == (1.0, 0.0, 357.5, 0.0, -1.0, 52.5)
    assert describe(tmp_path / "a.grib2").layers[0].extent == (-2.5, 49.5, 1.5, 52.5)


def test_final_fields_go_before_preliminary_ones(tmp_path: Path) -> None:
    """ERA5 and ERA5T in one file: experiment versions 1 and 5."""
    fields = [({"experimentVersionNumber": v}, counting(add)) for v, add in (("0005", 50), ("0001", 10))]
    path = write_grib(tmp_path / "a.grib", fields, sample="regular_ll_sfc_grib1")
    (found,) = layers(path).values()
    np.testing.assert_allclose(found.cells[0], counting(10), atol=1e-2)
    assert "1 fields that are there twice" in found.note


def test_fields_that_nothing_tells_apart(tmp_path: Path) -> None:
    path = write_grib(tmp_path / "a.grib2", [({}, counting()), ({}, counting(1))])
    assert "several fields for the same time" in str(layers(path)["t2m"].problem)


def test_a_step_without_a_field_has_no_values(tmp_path: Path) -> None:
    """Two levels, and at the second time only one of them."""
    base = {"shortName": "t", "typeOfLevel": "isobaricInhPa"}
    fields = [
        ({**base, "level": p, "stepRange": str(s)}, counting(p)) for p, s in ((500, 0), (850, 0), (850, 6))
    ]
    found = layers(write_grib(tmp_path / "a.grib2", fields), select={"level": 500})["t"]
    assert np.isnan(found.cells[1]).all()
    np.testing.assert_allclose(found.cells[0], counting(500), atol=0.02)


# Damage -------------------------------------------------------------------------------------------------------


def test_truncated(real_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.grib"
    path.write_bytes((real_data / "climate/chem-cams.grib").read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"a\.grib: truncated"):
        layers(path)


def test_a_small_file_that_says_that_it_is_enormous(tmp_path: Path) -> None:
    """A constant field has no values in the file, however many cells its header names: here 100,000 x 100,000."""
    keys = {
        "Ni": 1000,
        "Nj": 1000,
        "iDirectionIncrementInDegrees": 0.01,
        "jDirectionIncrementInDegrees": 0.01,
    }
    path = write_grib(tmp_path / "a.grib2", [(keys, np.zeros(1_000_000))])
    assert path.stat().st_size < 1000
    data = bytearray(path.read_bytes())
    at = data.index((1000).to_bytes(4, "big") * 2)  # Ni and Nj stand side by side in section 3
    data[at : at + 8] = (100_000).to_bytes(4, "big") * 2
    count = data.index((1_000_000).to_bytes(4, "big"))
    data[count : count + 4] = (2_000_000_000).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    with pytest.raises(HostileSource, match="blocks of 16,000,000,000 bytes"):
        layers(path)


def test_a_gaussian_grid_of_too_many_rows(real_data: Path, tmp_path: Path) -> None:
    """Random damage found it: the rows of N38688 are looked for during minutes. N32 stands at the end of the grid's increments."""
    data = bytearray((real_data / "climate/rotated_N32_subarea.grib").read_bytes())
    at = data.index((32).to_bytes(2, "big"), 36)
    data[at : at + 2] = (38_688).to_bytes(2, "big")
    path = tmp_path / "a.grib"
    path.write_bytes(bytes(data))
    with pytest.raises(HostileSource, match="a Gaussian grid of 38,688 rows"):
        layers(path)


def test_the_library_writes_nothing_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_grib(tmp_path / "a.grib2", [({}, counting())])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError):
        layers(path)
    assert capfd.readouterr().err == ""


def test_random_damage_is_told(real_data: Path, tmp_path: Path) -> None:
    """Bytes changed at random: a file is read, or refused with what is wrong; never anything else."""
    given = (real_data / "climate/optical-cams.grib").read_bytes()
    random = np.random.default_rng(7)
    refused = []
    for _ in range(12):
        data = bytearray(given)
        for place in random.integers(4, len(data), 3):
            data[place] = random.integers(0, 256)
        path = tmp_path / "a.grib"
        path.write_bytes(bytes(data))
        try:
            layers(path)
        except SourceError as e:
            refused.append(str(e))
    assert refused
    assert all("a.grib" in text for text in refused)


def test_the_library_is_not_in_this_process(tmp_path: Path) -> None:
    """Its wheel has a PROJ of its own, and once it is loaded, the next PROJ that is imported calls that one and ends the process."""
    path = write_grib(tmp_path / "a.grib2", [({}, counting())])
    program = (
        "import sys; from pathlib import Path; from ldt.sources import describe;"
        f"print(describe(Path({str(path)!r})).layers[0].name, 'eccodes' in sys.modules, 'gribapi' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "t2m False False", done.stderr


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.abort()", "decoding it crashes"),
        ("import time; time.sleep(60)", "longer than 0.5 s"),
        ("raise SystemExit(1)", "does not start here"),
        ("import sys; sys.stdin.readline(); print('{\"shape\": [9, 9]}')", "does not start here"),
    ],
)
def test_a_decoder_that_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(program)
    monkeypatch.setattr(grib_process, "_WORKER", worker)
    monkeypatch.setattr(grib_process, "TIMEOUT", 0.5)
    monkeypatch.setattr(grib_process, "_idle", [])
    path = write_grib(tmp_path / "a.grib2", [({}, counting())])
    with pytest.raises(SourceError, match=message) as e:
        layers(path)
    assert e.value.where == "a.grib2"
