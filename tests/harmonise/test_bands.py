"""Numbers that stand for others, and Corine's grid codes and class codes, both ways."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.harmonise.test_coverages import cells, layer, only, recipe, run

from ldt.errors import RecipeError
from ldt.harmonise import harmoniser
from ldt.harmonise.bands import NO_CLASS, Classes, class_codes
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import BandMapping
from ldt.harmonise.vocabulary import observed_property

CORINE = BandMapping(vocabulary="corine", alternative="grid_code", nodata=[0, 48, 128, 255, 999])
GRID_CODES = st.integers(1, 44)


def classes(values: np.ndarray) -> np.ndarray:
    observed = observed_property("land-cover")
    assert observed is not None
    band = Classes(observed, CORINE, layer(values))
    band.look(values)
    band.judge()
    return np.asarray(band.convert(values))


def test_the_44_classes_are_those_of_the_table(real_data: Path) -> None:
    """The reference table has them from the INSPIRE technical guidelines; the vocabulary must say the same, both ways."""
    path = real_data.parent / "reference" / "standards" / "clc.csv"
    if not path.is_file():
        pytest.skip("the reference tables are not here")
    with path.open(encoding="utf-8") as table:
        pairs = {int(r["grid_code"]): int(r["clc_code"]) for r in csv.DictReader(table)}
    assert sorted(pairs) == list(range(1, 45))
    known = class_codes("corine", "grid_code")
    assert known["grid_code"] == pairs
    assert known["code"] == {code: code for code in pairs.values()}


@given(arrays.arrays(np.uint8, (3, 4), elements=GRID_CODES))
def test_grid_codes_become_class_codes_and_back(values: np.ndarray) -> None:
    codes = classes(values)
    back = {code: number for number, code in class_codes("corine", "grid_code")["grid_code"].items()}
    assert np.vectorize(back.get)(codes).tolist() == values.tolist()
    assert classes(codes).tolist() == codes.tolist()  # what has class codes already stays what it is


@given(arrays.arrays(np.int16, (3, 4), elements=GRID_CODES | st.sampled_from([0, 48, 128, 255, 999])))
def test_what_means_no_data_is_no_class(values: np.ndarray) -> None:
    codes = classes(values)
    assert ((codes == NO_CLASS) == ~np.isin(values, range(1, 45))).all()


def test_signed_bytes_with_minus_128() -> None:
    made = recipe({"land-cover": CORINE.model_dump()})
    coverage = only(run(made, layer(np.array([[1, -128], [44, 10]], "int8"), nodata=(-128.0,))))
    assert cells(coverage).tolist() == [[111, NO_CLASS], [523, 141]]


def test_numbers_that_stand_for_others() -> None:
    """Change of imperviousness: 100 means none, 90 ten percent less, 130 thirty more, 201 none where nothing is sealed."""
    change = {
        "imperviousness-change": {
            "unit": "%", "offset": -100, "values": {201: 100}, "nodata": [254, 255], "valid_range": [-100, 100],
        }
    }  # fmt: skip
    coverage = only(run(recipe(change), layer(np.array([[100, 90], [130, 201], [254, 255]], "uint8"))))
    assert cells(coverage)[:2].tolist() == [[0, -10], [30, 0]]
    assert np.isnan(cells(coverage)[2]).all()


def test_numbers_that_stand_for_others_alone() -> None:
    """Without a scale, whole numbers with a value for "none" would otherwise be stored as they stand."""
    made = recipe({"imperviousness": {"unit": "%", "values": {200: 0}, "nodata": [255]}})
    coverage = only(run(made, layer(np.array([[200, 7, 255]], "uint8"))))
    assert cells(coverage)[0, :2].tolist() == [0, 7]


def test_classes_do_not_stand_for_others() -> None:
    made = recipe({"land-cover": {"vocabulary": "corine", "values": {49: 1}}})
    with pytest.raises(RecipeError, match="not with classes"):
        harmoniser(made, Context("x"))
