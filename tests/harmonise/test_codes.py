"""Properties that are held against a vocabulary: which codes it has, and what becomes of records that have another."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import RecipeError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import Recipe
from ldt.harmonise.vocabulary import finest_codes
from ldt.sources.batches import declare
from ldt.sources.source import Batch

CONTENT: dict[str, Any] = {
    "ldt": 1,
    "name": "cover",
    "title": {"en": "Cover"},
    "publisher": "a test",
    "licence": "CC0-1.0",
    "origin": "local",
    "anatomy": "structure.environment.soil",
    "source": {"reader": "vector"},
    "feature": {
        "type": "land-cover-units",
        "id": {"local_id": "id", "stability": "source"},
        "columns": {"class": "code", "nomenclature": "'corine'"},
        "codes": {"class": "corine"},
    },
}


def run(codes: list[str | None]) -> Chunk:
    shapes = shapely.to_wkb(shapely.box(range(len(codes)), 50, [i + 0.5 for i in range(len(codes))], 50.5))
    columns = {
        "_row": pa.array(range(len(codes)), pa.int64()),
        "id": [str(i) for i in range(len(codes))],
        "code": pa.array(codes, pa.string()),
        "geometry": pa.array(shapes, pa.binary()),
    }
    batch = Batch(pa.RecordBatch.from_pydict(columns), declare("EPSG:4326", "EPSG:4326", AxisOrder.XY))
    chunk: Chunk
    (chunk,) = harmoniser(Recipe.model_validate(CONTENT), Context("town/cover")).batches([batch])
    assert chunk.tally.adds_up
    return chunk


def test_the_finest_codes_of_corine_are_its_44_classes() -> None:
    codes = finest_codes("corine")
    assert len(codes) == 44
    assert {len(code) for code in codes} == {3}
    assert finest_codes("scales") >= {"0", "8"}  # a vocabulary without levels: all of its codes


def test_a_code_that_the_vocabulary_does_not_have_costs_its_record_and_is_named() -> None:
    """999 means no data, 11 is a group of classes, 1 also the number of class 111 in rasters."""
    chunk = run(["111", "999", "11", "1", "523"])
    assert (chunk.tally.accepted, chunk.tally.rejected) == (2, 3)
    assert [(o.row, o.reason, o.message) for o in chunk.outcomes] == [
        (1, "unknown-code", "class: 999 is no code of the vocabulary corine"),
        (2, "unknown-code", "class: 11 is no code of the vocabulary corine"),
        (3, "unknown-code", "class: 1 is no code of the vocabulary corine"),
    ]


def test_nothing_is_no_unknown_code() -> None:
    assert [(o.row, o.reason) for o in run([None, "111"]).outcomes] == [(0, "missing-value")]


@pytest.mark.parametrize(
    ("codes", "message"), [({"class": "nothing"}, "no vocabulary"), ({"x": "corine"}, "'x'")]
)
def test_recipes_that_mean_nothing(codes: dict[str, str], message: str) -> None:
    content = {**CONTENT, "feature": {**CONTENT["feature"], "codes": codes}}
    with pytest.raises(RecipeError, match=message):
        harmoniser(Recipe.model_validate(content), Context("x"))
