"""Years in the names of files: of a state, and from one to another."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from tests.harmonise.test_coverages import layer, only, reason, recipe, run

CELLS = layer(np.ones((2, 2), "uint8"))
SEALED = {"imperviousness": {"unit": "%"}}
CHANGE = r"(?i)imd?c_c?((?:19|20)?\d\d)[-_]?(?P<last>(?:19|20)?\d\d)(?!\d)"


@pytest.mark.parametrize(
    ("pattern", "name", "first", "after"),
    [
        (r"clc_?(\d\d)", "g100_clc90_V18_5.tif", 1990, 1991),
        (r"clc_?(\d\d)", "clc_06.tif", 2006, 2007),
        (r"clc_?((?:19|20)\d\d)", "clc2012.tif", 2012, 2013),
        # A group within the first is no second year.
        (r"clc_?((19|20)\d\d)", "clc2012.tif", 2012, 2013),
        (CHANGE, "IMC_1518_020m_eu_03035.tif", 2015, 2019),
        (CHANGE, "CLMS_HRLNVLCC_IMDC_C2018-2021_R20m_E46N43.tif", 2018, 2022),
        (CHANGE, "IMC_2006_2009.tif", 2006, 2010),
    ],
)
def test_years_of_names(pattern: str, name: str, first: int, after: int) -> None:
    found = only(run(recipe(SEALED, period_pattern=pattern), CELLS, name=name))
    assert (found.time_first, found.time_last) == (
        datetime(first, 1, 1, tzinfo=UTC),
        datetime(after, 1, 1, tzinfo=UTC),
    )


def test_a_last_year_before_the_first() -> None:
    outcome = reason(run(recipe(SEALED, period_pattern=CHANGE), CELLS, name="IMC_1815_020m.tif"))
    assert outcome[1] == "time"
