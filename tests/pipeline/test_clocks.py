"""Dates and times of day in columns that stand apart: joined in what is told, in drafts, and by the recipes that take any table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.pipeline.generic import specialised
from ldt.pipeline.ingest import opened
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.sources import open_resources

#: header, date, times of day; the instants were written by hand: 1 February 2013, 9:05, 10:00 and the midnight after it
WRITTEN = [
    ("DATE,TIME", "2013-02-01", ("09:05:00", "10:00:00", "24:00:00")),
    ("Datum,Uhrzeit", "01.02.2013", ("9:05", "10:00", "24:00")),
    ("DATE,TIME", "20130201", ("0905", "1000", "2400")),
    ("DATE,TIME", "20130201", ("905", "1000", "2400")),
    ("jour,heure", "01/02/2013", ("9h05", "10h00", "24h00")),
]
TOLD = ["2013-02-01T09:05:00", "2013-02-01T10:00:00", "2013-02-02T00:00:00"]


def table(folder: Path, header: str, date: str, clocks: tuple[str, ...]) -> Path:
    path = folder / "values.csv"
    rows = [f"A,{date},{clock},{i}.5" for i, clock in enumerate(clocks, 1)]
    path.write_text("\n".join([f"station,{header},NO2", *rows, ""]))
    return path


def times(recipe: Recipe, path: Path, shape: str, column: str) -> list[datetime | None]:
    with open_resources(path) as (resource,):
        recipe, _ = specialised(recipe, [resource], None)
        worker = harmoniser(recipe, Context(namespace="n"))
        chunks = list(worker.batches(opened(recipe, resource)))
    assert [o for c in chunks for o in c.outcomes] == []
    found: list[datetime | None] = []
    for chunk in chunks:
        batch = getattr(chunk, shape)
        assert isinstance(batch, pa.RecordBatch)
        found += batch.column(column).to_pylist()
    return found


@pytest.mark.parametrize(("header", "date", "clocks"), WRITTEN, ids=[w[0] + w[2][0] for w in WRITTEN])
def test_the_draft_joins_them(tmp_path: Path, header: str, date: str, clocks: tuple[str, ...]) -> None:
    path = table(tmp_path, header, date, clocks)
    (layer,) = inspect(path)["layers"]
    assert (layer["time"]["begin"], layer["time"]["end"]) == (TOLD[0], TOLD[2])
    made = draft(path).content
    made["observation"]["zone"] = "UTC"
    expected = [datetime.fromisoformat(t).replace(tzinfo=UTC) for t in TOLD]
    assert times(Recipe.model_validate(made), path, "observations", "time") == expected


def test_an_hour_alone_is_a_clock_where_it_is_called_so(tmp_path: Path) -> None:
    path = table(tmp_path, "Fecha,Hora", "01/02/2013", ("1", "2", "24"))
    assert inspect(path)["layers"][0]["time"]["end"] == "2013-02-02T00:00:00"
    path = table(tmp_path, "Fecha,Anzahl", "01/02/2013", ("1", "2", "24"))
    assert inspect(path)["layers"][0]["time"]["end"] == "2013-02-01T00:00:00"


@pytest.mark.parametrize(
    ("header", "clocks", "expected"),
    [
        ("DATE,TIME", ("09:05Z", "10:00Z"), ["09:05", "10:00"]),
        ("DATE,TIME", ("09:05+01:00", "10:00+01:00"), ["08:05", "09:00"]),
        ("DATE,TIME_UTC", ("09:05", "10:00"), ["09:05", "10:00"]),
        # Without a zone nobody can say when it was: the columns stay what they are.
        ("DATE,TIME", ("09:05", "10:00"), [None, None]),
    ],
)
def test_any_table_is_valid_from_both(
    tmp_path: Path, header: str, clocks: tuple[str, ...], expected: list[str | None]
) -> None:
    path = table(tmp_path, header, "2013-02-01", clocks)
    found = times(load_recipe("generic/table"), path, "features", "valid_from")
    assert [t and f"{t.astimezone(UTC):%H:%M}" for t in found] == expected


def test_both_stay_properties(tmp_path: Path) -> None:
    path = table(tmp_path, "DATE,TIME", "2013-02-01", ("09:05Z",))
    with open_resources(path) as (resource,):
        recipe, _ = specialised(load_recipe("generic/table"), [resource], None)
    assert recipe.feature is not None
    assert set(recipe.feature.columns) >= {"DATE", "TIME", "NO2"}
    # A clock names no record, though no time of day occurs twice.
    assert '"TIME"' not in draft(path).content["feature"]["id"]["local_id"]
