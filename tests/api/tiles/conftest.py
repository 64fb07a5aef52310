"""The town of the tests of the service, and the town with rasters of the tests of coverages."""

from __future__ import annotations

from tests.api.coverages.conftest import grids, grids_url

__all__ = ["grids", "grids_url"]
