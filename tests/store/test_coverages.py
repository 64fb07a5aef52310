"""Coverages in the store: what goes in comes out, the same cells are the same bytes, and each version sees its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import rasterio
import shapely
import xarray as xr
from numpy.typing import NDArray
from tests.store.loading import load_coverages, make_twin

from ldt.errors import NotFound, SourceError, StoreError
from ldt.model.coverage import COG, ZARR, Band, Grid, NewCoverage
from ldt.model.snapshot import PUBLIC, Access, Snapshot
from ldt.settings import settings
from ldt.store import coverages, files, snapshots
from ldt.store.connect import connect

GRID = Grid("EPSG:3042", 300, 700, (25.0, 0.0, 453239.0, 0.0, -25.0, 4099639.0))
TEMPERATURE = Band("air-temperature", "Cel", "float32")
SEALED = Band("imperviousness", "%", "uint8", 255)
CLASSES = Band("land-cover", "1", "uint16", 65535, "corine")
DAYS = tuple(datetime(2020, 2, 27, tzinfo=UTC) + timedelta(days=i) for i in range(70))


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as made:
        make_twin(made)
        yield made


def cells(band: Band, steps: int = 1, seed: int = 1) -> NDArray[Any]:
    """Random cells with some that have no value, in (step, row, column)."""
    random = np.random.default_rng(seed)
    shape = (steps, GRID.height, GRID.width)
    if band.vocabulary:
        made: NDArray[Any] = random.choice(np.array([111, 311, 523, 65535], band.dtype), shape)
        return made
    made = (random.random(shape) * 100).astype(band.dtype)
    made[:, 3, 5:9] = np.nan if band.nodata is None else band.nodata
    return made


def coverage(code: str, values: NDArray[Any], *bands: Band, times: tuple[datetime, ...] = ()) -> NewCoverage:
    """A coverage of which all bands hold the same values."""
    return NewCoverage(
        code=code,
        bands=bands,
        grid=GRID,
        time_first=datetime(2018, 1, 1, tzinfo=UTC) if not times else times[0],
        time_last=datetime(2019, 1, 1, tzinfo=UTC) if not times else times[-1] + timedelta(days=1),
        times=times,
        averaging="P1D" if times else None,
        footprint=shapely.box(-3.53, 36.87, -3.39, 37.04).wkb,
        read=lambda band, step, first, last: values[step, first:last],
        quality={"bands": {bands[0].property: {"cells": values.size}}},
        source_row=7,
    )


def seen(
    conn: psycopg.Connection[Any], at: int | None = None, access: frozenset[Access] = PUBLIC
) -> Snapshot:
    return snapshots.resolve(conn, "town", access, at)


@pytest.mark.parametrize("times", [(), DAYS], ids=["cog", "zarr"])
@pytest.mark.parametrize("band", [TEMPERATURE, CLASSES], ids=["numbers", "classes"])
def test_what_goes_in_comes_out(
    conn: psycopg.Connection[Any], band: Band, times: tuple[datetime, ...]
) -> None:
    values = cells(band, max(1, len(times)))
    load_coverages(conn, coverage("a", values, band, times=times))
    (one,) = coverages.listed(conn, seen(conn))
    assert (one.id, one.media_type, one.steps) == ("cover.a", ZARR if times else COG, max(1, len(times)))
    assert one.bands == (band,)
    assert one.grid == GRID
    with coverages.opened(one) as found:
        layer = found[band.property]
        np.testing.assert_array_equal(layer.values if times else layer.values[None], values)
        assert layer.dtype == band.dtype
        assert layer.rio.crs.to_epsg() == 3042
        assert (layer.attrs["unit"], layer.attrs["property"]) == (band.unit, band.property)
        # The middles of the first and the last cell, by hand: 453239 + 12.5, 4099639 - 12.5 - 699 * 25.
        assert (found.x.values[0], found.y.values[-1]) == (453251.5, 4082151.5)
        if band.vocabulary:
            assert (layer.rio.nodata, layer.attrs["vocabulary"]) == (65535, "corine")
        if times:
            assert found.time.values[0] == np.datetime64("2020-02-27T00:00:00")
            assert found.time.values[3] == np.datetime64("2020-03-01T00:00:00")  # a leap year


def test_integers_of_numbers_come_out_as_floats(conn: psycopg.Connection[Any]) -> None:
    values = cells(SEALED)
    load_coverages(conn, coverage("a", values, SEALED))
    with coverages.opened(coverages.one(conn, seen(conn), "cover", "a")) as found:
        sealed = found.imperviousness.values
    assert sealed.dtype.kind == "f"
    np.testing.assert_array_equal(np.isnan(sealed), values[0] == 255)
    np.testing.assert_array_equal(sealed[~np.isnan(sealed)], values[0][values[0] != 255])


def test_the_file_is_a_whole_geotiff_by_itself(conn: psycopg.Connection[Any]) -> None:
    values = cells(CLASSES)
    load_coverages(conn, coverage("a", values, CLASSES))
    path = coverages.path(coverages.one(conn, seen(conn), "cover", "a"))
    assert [p.name for p in path.parent.iterdir()] == ["coverage.tif"]
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.crs.to_epsg(), file.transform[:6], file.nodata) == (3042, GRID.transform, 65535)
        assert (file.descriptions, file.overviews(1)) == (("land-cover",), [2, 4])
        np.testing.assert_array_equal(file.read(1), values[0])
        # Overviews of classes hold classes, never their means.
        assert set(np.unique(file.read(1, out_shape=(175, 75)))) <= {111, 311, 523, 65535}


def test_zarr_is_understood_without_us(conn: psycopg.Connection[Any]) -> None:
    values = cells(TEMPERATURE, len(DAYS))
    load_coverages(conn, coverage("a", values, TEMPERATURE, times=DAYS))
    path = coverages.path(coverages.one(conn, seen(conn), "cover", "a"))
    with xr.open_zarr(path, consolidated=False, chunks=None) as found:
        np.testing.assert_array_equal(found["air-temperature"].values, values)
        assert found.time.values[-1] == np.datetime64("2020-05-06")
        assert found["air-temperature"].attrs["units"] == "Cel"


@pytest.mark.parametrize("times", [(), DAYS[:3]], ids=["cog", "zarr"])
def test_the_same_cells_are_the_same_bytes(
    conn: psycopg.Connection[Any], times: tuple[datetime, ...]
) -> None:
    values = cells(TEMPERATURE, 3)
    load_coverages(
        conn,
        coverage("a", values, TEMPERATURE, times=times),
        coverage("b", values, TEMPERATURE, times=times),
        coverage("c", values + 1, TEMPERATURE, times=times),
    )
    a, b, c = coverages.listed(conn, seen(conn))
    assert a.digest == b.digest != c.digest
    assert files.digest_of(coverages.path(a)) == a.digest


def test_a_version_writes_only_what_differs(conn: psycopg.Connection[Any]) -> None:
    one, two, three = (cells(SEALED, seed=s) for s in (1, 2, 3))
    load_coverages(conn, coverage("a", one, SEALED), coverage("b", two, SEALED), coverage("c", two, SEALED))
    done = load_coverages(
        conn, coverage("a", one, SEALED), coverage("b", three, SEALED), coverage("d", two, SEALED)
    )
    changes = done.changes
    assert (changes.rows, changes.added, changes.changed, changes.removed) == (3, 1, 1, 1)
    spans = conn.execute("SELECT code, since, until FROM ldt.coverage ORDER BY code, since").fetchall()
    assert spans == [("a", 1, None), ("b", 1, 2), ("b", 2, None), ("c", 1, 2), ("d", 2, None)]
    old, new = coverages.listed(conn, seen(conn, 1)), coverages.listed(conn, seen(conn))
    assert [c.code for c in old] == ["a", "b", "c"]
    assert [c.code for c in new] == ["a", "b", "d"]
    with coverages.opened(old[1]) as before, coverages.opened(new[1]) as after:
        np.testing.assert_array_equal(before.imperviousness.values[9], two[0, 9])
        np.testing.assert_array_equal(after.imperviousness.values[9], three[0, 9])


def test_another_description_is_a_change_of_the_same_bytes(conn: psycopg.Connection[Any]) -> None:
    first = coverage("a", cells(SEALED), SEALED)
    load_coverages(conn, first)
    done = load_coverages(conn, replace(first, time_last=datetime(2021, 1, 1, tzinfo=UTC)))
    assert (done.changes.changed, done.changes.added) == (1, 0)
    assert coverages.listed(conn, seen(conn, 1))[0].time_last == datetime(2019, 1, 1, tzinfo=UTC)
    assert coverages.listed(conn, seen(conn))[0].time_last == datetime(2021, 1, 1, tzinfo=UTC)


def test_the_version_knows_extent_and_time(conn: psycopg.Connection[Any]) -> None:
    changes = load_coverages(conn, coverage("a", cells(TEMPERATURE, 70), TEMPERATURE, times=DAYS)).changes
    assert shapely.from_wkb(changes.extent).bounds == pytest.approx((-3.53, 36.87, -3.39, 37.04))
    assert (changes.time_first, changes.time_last) == (DAYS[0], datetime(2020, 5, 7, tzinfo=UTC))


def test_what_is_listed(conn: psycopg.Connection[Any]) -> None:
    values = cells(SEALED)
    load_coverages(
        conn, coverage("b", values, SEALED), coverage("a", values, SEALED), coverage("B", values, SEALED)
    )
    load_coverages(conn, coverage("x", cells(CLASSES), CLASSES), name="classes")
    load_coverages(conn, coverage("y", values, SEALED), name="secret", access=Access.RESTRICTED)
    snapshot = seen(conn)
    assert [c.id for c in coverages.listed(conn, snapshot)] == ["cover.B", "cover.a", "cover.b", "classes.x"]
    assert [c.id for c in coverages.listed(conn, snapshot, observed_property="land-cover")] == ["classes.x"]
    assert [c.id for c in coverages.listed(conn, snapshot, dataset="classes")] == ["classes.x"]
    everything = seen(conn, access=frozenset(Access))
    assert coverages.listed(conn, everything)[-1].id == "secret.y"
    with pytest.raises(NotFound, match="secret"):
        coverages.one(conn, snapshot, "secret", "y")
    with pytest.raises(NotFound, match="'z'"):
        coverages.one(conn, snapshot, "cover", "z")


def test_no_row_without_its_whole_file(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = cells(SEALED)
    load_coverages(conn, coverage("a", values, SEALED))

    def damaged(band: int, step: int, first: int, last: int) -> NDArray[Any]:
        if last > 500:
            raise SourceError("the file ends here", where="a.tif")
        return values[step, first:last]

    monkeypatch.setattr("ldt.store.load_coverages._BLOCK_CELLS", 1)  # something is written when the file ends
    whole = coverage("c", cells(SEALED, seed=2), SEALED)
    with pytest.raises(SourceError):
        load_coverages(conn, whole, replace(coverage("b", values, SEALED), read=damaged))
    assert [c.code for c in coverages.listed(conn, seen(conn))] == ["a"]
    assert not list(files.root().glob(".new-*"))


def test_bytes_that_are_gone_are_told(conn: psycopg.Connection[Any]) -> None:
    load_coverages(conn, coverage("a", cells(SEALED), SEALED))
    one = coverages.one(conn, seen(conn), "cover", "a")
    coverages.path(one).unlink()
    with pytest.raises(StoreError, match=r"cover\.a are not in the file store"):
        coverages.opened(one)
