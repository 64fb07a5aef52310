"""The whole description of the service on the sample city, tried with many requests."""

from __future__ import annotations

import pytest
from tests.api.test_schemathesis import run
from tests.e2e.serving import served

pytestmark = pytest.mark.soak

CITY = {
    "twin": ["sample"],
    "collectionId": ["administrative-units", "protected-sites", "indicator-values", "datasets"],
    "indicator": ["no2-annual-mean"],
}


@pytest.mark.parametrize("form", ["oas31", "oas30"])
def test_no_answer_is_other_than_described(sample_city_url: str, form: str) -> None:
    with served(sample_city_url) as service:
        assert not run(service, f"/api?f={form}", 150, CITY)
