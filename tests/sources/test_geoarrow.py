"""Native encodings of GeoParquet 1.1, as geopandas writes them, against the WKB that it writes of the same geometries."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pyarrow as pa
import pytest
import shapely

from ldt.errors import SourceError
from ldt.sources import describe, read
from ldt.sources.source import GEOMETRY

SQUARE = "(0 0, 0 9, 9 9, 9 0, 0 0)"
HOLE = "(1 1, 2 1, 2 2, 1 1)"
SHAPES = {
    "point": ["POINT (4.9 52.4)", None, "POINT (5.1 52.1)"],
    "point with height": ["POINT Z (4.9 52.4 3)", None],
    "linestring": ["LINESTRING (0 0, 1 1, 2 1)", None, "LINESTRING (5 5, 6 6)"],
    "polygon": [f"POLYGON ({SQUARE}, {HOLE})", None, f"POLYGON ({SQUARE})"],
    "multipoint": ["MULTIPOINT ((0 0), (1 1))", None],
    "multilinestring": ["MULTILINESTRING ((0 0, 1 1), (2 2, 3 3, 4 3))", None],
    "multipolygon": [
        f"MULTIPOLYGON (({SQUARE}, {HOLE}), ((20 20, 20 21, 21 21, 20 20)))",
        None,
        f"MULTIPOLYGON (({SQUARE}))",
    ],
}


@pytest.mark.parametrize("kind", SHAPES)
def test_native_encodings_are_read_as_wkb_is(tmp_path: Path, kind: str) -> None:
    frame = geopandas.GeoDataFrame(
        {"n": range(len(SHAPES[kind]))}, geometry=geopandas.GeoSeries.from_wkt(SHAPES[kind]), crs=28992
    )
    frame.to_parquet(tmp_path / "native.parquet", geometry_encoding="geoarrow", schema_version="1.1.0")
    frame.to_parquet(tmp_path / "wkb.parquet", schema_version="1.1.0")
    [native], [wkb] = (list(read("parquet", tmp_path / f"{n}.parquet", {})) for n in ("native", "wkb"))
    found, expected = (shapely.from_wkb(b.records.column(GEOMETRY).to_pylist()) for b in (native, wkb))
    assert [g and g.wkt for g in found] == [g and g.wkt for g in expected]
    assert native.crs == wkb.crs
    assert describe(tmp_path / "native.parquet").layers[0].crs == wkb.crs


def test_an_encoding_that_nobody_knows_is_named_and_the_file_is_not_called_broken(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(geometry=geopandas.GeoSeries.from_wkt(["POINT (1 2)"]), crs=4326)
    frame.to_parquet(tmp_path / "a.parquet")
    table = pa.parquet.read_table(tmp_path / "a.parquet")
    geo = table.schema.metadata[b"geo"].replace(b'"WKB"', b'"TWKB"')
    pa.parquet.write_table(table.replace_schema_metadata({b"geo": geo}), tmp_path / "b.parquet")
    with pytest.raises(SourceError) as said:
        describe(tmp_path / "b.parquet")
    assert str(said.value) == (
        "b.parquet: its geometry is encoded as TWKB, which GeoParquet does not know (write it as WKB)"
    )
