"""Writers of the sample city's GeoPackages and of the EEA's Parquet and CSV layouts.

Each writes the same bytes for the same input: what libraries would stamp with the time of day is fixed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
import shapely

from ldt.pipeline.sample.air import POLLUTANTS, Series

#: The moment that files claim to have been written at.
STAMP = "2026-01-01T00:00:00.000Z"

_VALUE = pa.decimal128(38, 18)
#: Layout of the EEA's air-quality download service: one file per sampling point, times without a zone.
EEA_SCHEMA = pa.schema(
    [
        pa.field("Samplingpoint", pa.string()),
        pa.field("Pollutant", pa.int32()),
        pa.field("Start", pa.timestamp("ns")),
        pa.field("End", pa.timestamp("ns")),
        pa.field("Value", _VALUE),
        pa.field("Unit", pa.string()),
        pa.field("AggType", pa.string()),
        pa.field("Validity", pa.int32()),
        pa.field("Verification", pa.int32()),
        pa.field("ResultTime", pa.timestamp("ns")),
        pa.field("DataCapture", _VALUE),
        pa.field("FkObservationLog", pa.string()),
    ]
)
_LEGACY_HEADER = (
    "Countrycode,Namespace,AirQualityNetwork,AirQualityStation,AirQualityStationEoICode,SamplingPoint,SamplingProcess,"
    "Sample,AirPollutant,AirPollutantCode,AveragingTime,Concentration,UnitOfMeasurement,DatetimeBegin,DatetimeEnd,"
    "Validity,Verification"
)


@contextmanager
def _fixed_date() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def write_geopackage(
    path: Path,
    layer: str,
    geometries: npt.NDArray[np.object_],
    columns: Mapping[str, npt.NDArray[Any]],
    *,
    crs: str,
    geometry_type: str,
    title: str,
    notice: str,
) -> None:
    """Write one layer as a GeoPackage of its own.

    Args:
        path: the file; one that is there is replaced.
        layer: name of the layer.
        geometries: shapely geometries (n,), x first as GeoPackage demands.
        columns: name → values (n,).
        crs: as `EPSG:…`.
        geometry_type: in GDAL's words.
        title: identifier of the layer in the file's own catalogue.
        notice: description of the layer there.
    """
    # Overwriting in place would keep SQLite's change counter, and with it other bytes.
    path.unlink(missing_ok=True)
    with _fixed_date():
        pyogrio.raw.write(
            path,
            shapely.to_wkb(geometries),
            list(columns.values()),
            list(columns),
            layer=layer,
            driver="GPKG",
            geometry_type=geometry_type,
            crs=crs,
            encoding="UTF-8",
            layer_options={"IDENTIFIER": title, "DESCRIPTION": notice, "GEOMETRY_NAME": "geom"},
        )


def write_eea_parquet(path: Path, series: Series, notice: str) -> None:
    """Write a series in the layout of :data:`EEA_SCHEMA`; `notice` stands in the file's metadata."""
    n = len(series.value)
    start = pa.array(series.start.astype("datetime64[ns]"))
    end = pa.array((series.start + np.timedelta64(1, "h")).astype("datetime64[ns]"))
    # By way of two decimals, so that 12.34 is not written as 12.339999999999999858.
    value = pa.array(series.value).cast(pa.decimal128(10, 2)).cast(_VALUE)
    result = pa.array(np.full(n, np.datetime64("2026-01-01T00:00:00", "ns")))
    columns = [
        pa.array([series.sampling_point] * n),
        pa.array(np.full(n, series.pollutant, dtype=np.int32)),
        start,
        end,
        value,
        pa.array(["ug.m-3"] * n),
        pa.array(["hour"] * n),
        pa.array(series.validity),
        pa.array(series.verification),
        result,
        pa.nulls(n, _VALUE),
        pa.nulls(n, pa.string()),
    ]
    schema = EEA_SCHEMA.with_metadata({"description": notice})
    pq.write_table(pa.table(columns, schema=schema), path, compression="snappy")


def write_eea_legacy(path: Path, series: Series, twice: int) -> None:
    """Write a series in the layout of the EEA's older CSV files, the last `twice` hours a second time.

    Real files of that service repeat hours under another sampling process; the values are the same.
    """
    code, name = series.station, POLLUTANTS[series.pollutant]
    point = series.sampling_point.removeprefix("DE/")
    begin = _with_offset(series.start)
    end = _with_offset(series.start + np.timedelta64(1, "h"))
    fixed = ["DE", "DE.EXAMPLE.AQ", "NET.DE_SAMPLE", f"STA.DE_{code}", code, point]
    uri = f"http://dd.eionet.europa.eu/vocabulary/aq/pollutant/{series.pollutant}"
    hours = list(zip(series.value.tolist(), begin, end, series.validity, series.verification, strict=True))

    def rows(process: int, some: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
        for value, since, until, validity, verification in some:
            process_id, sample = f"SPP.DE_{code}_{name}_{process}", f"SAM.DE_{code}_{name}"
            unit = [name, uri, "hour", f"{value:.10f}", "µg/m3"]
            yield [*fixed, process_id, sample, *unit, since, until, validity, verification]

    _write_csv(path, _LEGACY_HEADER, [*rows(1, hours), *rows(2, hours[-twice:])])


def _write_csv(path: Path, header: str, rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\r\n")
        csv.writer(file, lineterminator="\r\n").writerows(rows)


def _with_offset(hours: npt.NDArray[np.datetime64]) -> list[str]:
    text = pc.strftime(pa.array(hours.astype("datetime64[s]")), format="%Y-%m-%d %H:%M:%S +01:00")
    return list(text.to_pylist())
