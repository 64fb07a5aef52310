"""Units convert there and back, by factors worked out by hand; a nil value is null, and its reason stays."""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt.sources import read
from ldt.units import conversion, ucum

numbers = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=5).map(np.array)
#: source, target, factor, offset: target = source * factor + offset (SI Brochure, 9th edition, tables 4, 5 and 8).
BY_HAND = [
    ("mg/m3", "ug/m3", 1000.0, 0.0),
    ("g/m3", "ug/m3", 1e6, 0.0),
    ("K", "Cel", 1.0, -273.15),
    ("hPa", "Pa", 100.0, 0.0),
    ("km/h", "m/s", 1 / 3.6, 0.0),
    ("%", "1", 0.01, 0.0),
    ("ha", "m2", 10_000.0, 0.0),
    ("kt", "t", 1000.0, 0.0),
    ("MW", "kW", 1000.0, 0.0),
]


@settings(deadline=None)
@given(st.sampled_from(BY_HAND), numbers)
def test_by_hand_there_and_back(case: tuple[str, str, float, float], values: np.ndarray) -> None:
    source, target, factor, offset = case
    there = conversion(ucum(source), ucum(target))(values)
    assert there == pytest.approx(values * factor + offset, rel=1e-12, abs=1e-6)
    back = conversion(ucum(target), ucum(source))(there)
    assert back == pytest.approx(values, rel=1e-9, abs=1e-6)


reasons = st.one_of(
    st.sampled_from(
        ["unknown", "missing", "withheld", "unpopulated", "other:unpopulated", "inapplicable", "template"]
    ),
    st.sampled_from(["Unpopulated", "Withheld", "Unknown"]).map(
        lambda v: f"http://inspire.ec.europa.eu/codelist/VoidReasonValue/{v}"
    ),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=12),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | reasons, min_size=1, max_size=6), st.booleans())
def test_a_nil_is_null_and_its_reason_stays(given_reasons: list[str | None], closed: bool) -> None:
    def name(reason: str | None) -> str:
        if reason is None:
            return "<e:name>a</e:name>"
        start = f"<e:name xsi:nil='true' nilReason={quoteattr(reason)}"
        return f"{start}/>" if closed else f"{start}></e:name>"

    members = "".join(
        f'<gml:featureMember><e:T gml:id="t{i}">{name(reason)}</e:T></gml:featureMember>'
        for i, reason in enumerate(given_reasons)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gml"
        path.write_text(
            '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:e="urn:e"'
            f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{members}</gml:FeatureCollection>',
            encoding="utf-8",
        )
        rows, plain = (
            [row for batch in read("gml", path, {"paths": paths}) for row in batch.records.to_pylist()]
            for paths in ({"name": "name", "why": "name/@nilReason"}, {"name": "name"})
        )
    assert [row["why"] for row in rows] == given_reasons
    assert [row["name"] for row in rows] == ["a" if reason is None else None for reason in given_reasons]
    # A reason that no path names is kept beside; one that has a column is not there twice.
    assert [orjson.loads(row["raw"]).get("name/@nilReason") for row in plain] == given_reasons
    assert not any("name/@nilReason" in orjson.loads(row["raw"]) for row in rows)
