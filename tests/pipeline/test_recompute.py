"""What can be asked for when indicators are computed again."""

from __future__ import annotations

import pytest
from tests.pipeline.cityfiles import make_twin

from ldt.errors import UsageError
from ldt.pipeline.recompute import recompute


def test_an_unknown_scheme_of_areas_is_refused(database_url: str) -> None:
    make_twin(database_url)
    with pytest.raises(UsageError, match="no such scheme of areas: zz"):
        recompute(database_url, "town", None, areas=["city", "zz"], periods=["2024"])


def test_a_period_must_come_from_somewhere(database_url: str) -> None:
    make_twin(database_url)
    with pytest.raises(UsageError, match="no period given"):
        recompute(database_url, "town", None)


def test_what_lacks_its_inputs_says_what_it_needs(database_url: str) -> None:
    make_twin(database_url)
    runs = recompute(database_url, "town", ["no2-annual-mean"], periods=["2024"])
    assert runs[0]["statuses"] == {"not-computable": 1}
