"""Documents with faults in their structure end in records or in one clear error, in time; equal reading whatever way is taken."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.gml_mutations import documents, mutated

from ldt.errors import RecipeError, SourceError
from ldt.sources import read
from ldt.sources.gml import GmlReader
from ldt.sources.gml_pieces import Pieces

DOCUMENTS = documents()
OPTIONS: list[dict[str, Any]] = [
    {},
    {"feature": ["Building"], "paths": {"n": "//n", "all": "*[]", "why": "end/@nilReason"}},
    {"geometry": "geometry", "paths": {"part": "part/Part/n", "ids": "//@id[]"}},
]


def rows(path: Path, options: dict[str, Any]) -> list[dict[str, Any]] | str:
    """Return the records, or the error in their place."""
    try:
        return [row for batch in read("gml", path, options) for row in batch.records.to_pylist()]
    except (SourceError, RecipeError) as error:
        text = str(error)
    return text.replace("\n", "a line break is no part of an error")


@settings(max_examples=150, deadline=3_000, derandomize=True, database=None)
@given(st.sampled_from(DOCUMENTS), st.sampled_from(OPTIONS), st.integers(0, 2**32))
def test_faults_end_in_records_or_one_error(document: bytes, options: dict[str, Any], seed: int) -> None:
    data = mutated(document, random.Random(seed))  # noqa: S311 - which faults, not which secrets
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gml"
        path.write_bytes(data)
        found = rows(path, options)
        try:
            told = GmlReader().describe(path)
        except SourceError:
            told = None
        if isinstance(found, str):
            assert "a line break" not in found
            return
        numbers = [row["_row"] for row in found]
        assert numbers == sorted(set(numbers))
        for row in found:
            if row["geometry"] is not None:
                shape = shapely.from_wkb(row["geometry"])
                assert not shape.is_empty
                assert not shape.has_z
                assert row["_malformed"] is None
            assert row["_height"] is None or row["geometry"] is not None
        if told is not None and not options:
            assert sum(layer.count or 0 for layer in told.layers) == len(found)


@settings(max_examples=60, deadline=3_000, derandomize=True, database=None)
@given(st.sampled_from(DOCUMENTS[:2]), st.sampled_from(OPTIONS), st.integers(0, 2**32))
def test_cut_and_parsed_are_one(document: bytes, options: dict[str, Any], seed: int) -> None:
    """What is cut out of the text and filled into known shapes is what the parser alone finds."""
    data = mutated(document, random.Random(seed))  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gml"
        path.write_bytes(data)
        cut = rows(path, options)
        with pytest.MonkeyPatch.context() as patch:
            # However few are alike, they are columns.
            patch.setattr("ldt.sources.gml_records.FEW", 1)
            columns = rows(path, options)
            patch.setattr(Pieces, "__iter__", lambda _: iter(()))
            parsed = rows(path, options)
        assert cut == parsed
        assert columns == parsed


def test_faults_are_neither_too_few_nor_too_many() -> None:
    """Were all documents unreadable, or none hurt, the tests above would prove nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gml"
        for document in DOCUMENTS:
            path.write_bytes(document)
            found = rows(path, {})
            assert isinstance(found, list)
            assert all(row["_malformed"] is None for row in found)
        kinds = {"records": 0, "malformed": 0, "error": 0}
        for seed in range(150):
            path.write_bytes(mutated(DOCUMENTS[seed % 4], random.Random(seed)))  # noqa: S311
            found = rows(path, {})
            if isinstance(found, str):
                kinds["error"] += 1
            else:
                kinds["malformed" if any(r["_malformed"] for r in found) else "records"] += 1
    assert min(kinds.values()) > 15, kinds
