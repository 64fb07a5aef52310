"""Parquet and GeoParquet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, SourceError
from ldt.settings import settings
from ldt.sources import describe
from ldt.sources.batches import BATCH_ROWS
from ldt.sources.source import Batch


@pytest.fixture
def eea(tmp_path: Path) -> Path:
    """The layout of the EEA's download service: Value decimal(38,18), naive Start and End."""
    count = 25_000
    start = [datetime(2023, 1, 1) + timedelta(hours=h) for h in range(count)]  # noqa: DTZ001
    table = pa.table(
        {
            "Samplingpoint": pa.array(["BE/SPO-BETR740"] * count),
            "Pollutant": pa.array([5] * count, pa.int32()),
            "Start": pa.array(start, pa.timestamp("ns")),
            "Value": pa.array([Decimal("12.345678901234567890")] * count, pa.decimal128(38, 18)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_types_stay(eea: Path, table: Callable[..., pa.Table]) -> None:
    got = table("parquet", eea)
    assert got.schema.field("Value").type == pa.decimal128(38, 18)
    assert got.schema.field("Start").type == pa.timestamp("ns")
    assert got.column("Value")[24_999].as_py() == Decimal("12.345678901234567890")
    assert got.column("_row").to_pylist() == list(range(25_000))
    assert got.select(["Samplingpoint", "Pollutant", "Start", "Value"]).equals(pq.read_table(eea))


def test_columns_option(eea: Path, table: Callable[..., pa.Table]) -> None:
    assert table("parquet", eea, columns=["Value"]).column_names == ["_row", "Value", "_file"]
    with pytest.raises(SourceError, match="has no column 'value'"):
        table("parquet", eea, columns=["value"])


@pytest.mark.parametrize("part", [0.3, 0.99])
def test_truncated(eea: Path, table: Callable[..., pa.Table], part: float) -> None:
    content = eea.read_bytes()
    eea.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(SourceError, match=r"a\.parquet: not a whole Parquet file"):
        table("parquet", eea)
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        describe(eea)


def test_damaged_page(eea: Path, table: Callable[..., pa.Table]) -> None:
    content = bytearray(eea.read_bytes())
    content[4:200] = bytes(196)
    eea.write_bytes(content)
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        table("parquet", eea)


def test_larger_than_allowed(
    eea: Path, table: Callable[..., pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = eea.stat().st_size
    monkeypatch.setenv("LDT_MAX_SOURCE_BYTES", str(size + 1))
    settings.cache_clear()
    try:
        with pytest.raises(HostileSource, match="unpacks to"):
            table("parquet", eea)
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_geoparquet_as_geopandas_writes_it(tmp_path: Path, batches: Callable[..., list[Batch]]) -> None:
    points = [shapely.Point(4000000, 3000000), None]
    frame = geopandas.GeoDataFrame({"a": [1, 2]}, geometry=points, crs="EPSG:3035")
    frame.to_parquet(tmp_path / "g.parquet")
    (batch,) = batches("parquet", tmp_path / "g.parquet")
    assert batch.records.column("geometry").to_pylist() == [points[0].wkb, None]
    assert batch.crs is not None
    # GeoParquet says x first, whatever the CRS says; EPSG:3035 itself would be north first.
    assert (batch.crs.text, batch.crs.order) == ("EPSG:3035", AxisOrder.XY)
    told = describe(tmp_path / "g.parquet")
    assert told.format == "GeoParquet"
    assert told.layers[0].extent is not None
    west, south, _, _ = told.layers[0].extent
    assert (west, south) == pytest.approx((5.4, 50.1), abs=0.2)


@pytest.mark.parametrize(("crs", "text"), [(None, None), ("OGC:CRS84", "OGC:CRS84")])
def test_geoparquet_without_crs(
    tmp_path: Path, batches: Callable[..., list[Batch]], crs: str | None, text: str | None
) -> None:
    frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(7, 51)], crs=crs)
    frame.to_parquet(tmp_path / "g.parquet")
    (batch,) = batches("parquet", tmp_path / "g.parquet")
    assert (batch.crs and batch.crs.text) == text


def test_plain_batches_have_no_crs(eea: Path, batches: Callable[..., list[Any]]) -> None:
    assert {b.crs for b in batches("parquet", eea)} == {None}
    assert max(b.records.num_rows for b in batches("parquet", eea)) <= BATCH_ROWS
