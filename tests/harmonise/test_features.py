"""Records to features: every outcome, identity, content, and that the five outcomes add up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from ldt.axis import AxisOrder
from ldt.errors import CheckError, LdtError, RecipeError
from ldt.harmonise import harmonise
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.features import FeatureHarmoniser
from ldt.harmonise.recipe import Recipe
from ldt.model.feature import FEATURE_SCHEMA, decode_fid
from ldt.model.outcome import Outcome
from ldt.sources.source import Batch, DeclaredCrs

OWN = "https://example.org/id/test"
CRS84 = DeclaredCrs("OGC:CRS84", CRS.from_user_input("OGC:CRS84").to_json(), AxisOrder.XY)
COLOGNE = shapely.box(6.7, 50.8, 7.2, 51.1)
HERE = shapely.Point(6.96, 50.94)


def recipe(**feature: Any) -> Recipe:
    more = {k: feature.pop(k) for k in ("duplicate_key", "source") if k in feature}
    mapping = {
        "type": "administrative-units",
        "id": {"local_id": "code", "stability": "source"},
        "columns": {"scheme": "'part'", "code": "code", "name": "name"},
        **feature,
    }
    return Recipe.model_validate(
        {
            "ldt": 1, "name": "test", "title": {"en": "Test"}, "publisher": "p", "licence": "l", "origin": "local",
            "anatomy": "structure", "source": {"reader": "vector"}, "feature": mapping, **more,
        }
    )  # fmt: skip


def batch(
    first: int = 0, crs: DeclaredCrs | None = CRS84, geometry: Sequence[Any] | None = None, **columns: Any
) -> Batch:
    number = len(next(iter(columns.values())))
    shapes = [HERE] * number if geometry is None else geometry
    wkb = pa.array([shapely.to_wkb(g) if isinstance(g, shapely.Geometry) else g for g in shapes], pa.binary())
    rows = pa.array(range(first, first + number), pa.int64())
    return Batch(pa.RecordBatch.from_pydict({"_row": rows, "geometry": wkb, **columns}), crs)


def run(made: Recipe, *batches: Batch, selection: Any = None) -> list[Chunk]:
    chunks = list(harmonise(made, batches, Context(OWN, selection)))
    assert all(c.tally.adds_up for c in chunks)
    return chunks


def one(made: Recipe, given: Batch, selection: Any = None) -> Chunk:
    return run(made, given, selection=selection)[0]


def features(chunk: Chunk) -> list[dict[str, Any]]:
    if chunk.features is None:
        return []
    assert chunk.features.schema == FEATURE_SCHEMA
    rows: list[dict[str, Any]] = chunk.features.to_pylist()
    return rows


def told(chunk: Chunk) -> list[tuple[int, str, str]]:
    return [(o.row, o.outcome.value, o.reason) for o in chunk.outcomes]


def test_a_feature_has_its_identity_content_and_place() -> None:
    made = recipe(columns={"scheme": "'part'", "code": "code", "name": "nullif(name, '')"})
    chunk = one(made, batch(first=7, code=["1/2"], name=[""], colour=["red"], size=[1.5], _file=["x.gpkg"]))
    (feature,) = features(chunk)
    assert (feature["fid"], feature["namespace"], feature["local_id"]) == ("1~2F2", OWN, "1/2")
    assert json.loads(feature["properties"]) == {"scheme": "part", "code": "1/2"}
    assert json.loads(feature["raw"]) == {"colour": "red", "size": 1.5}
    assert shapely.from_wkb(feature["geometry"]).equals(HERE)
    assert (feature["source_row"], feature["version_id"], feature["valid_from"]) == (7, None, None)
    assert (chunk.tally.read, chunk.tally.accepted, chunk.outcomes) == (1, 1, [])
    assert chunk.crs[0]["declared"] == "OGC:CRS84"


def test_namespaces_of_the_source_stay_as_they_are() -> None:
    made = recipe(id={"local_id": "code", "namespace": "ns", "version_id": "v", "stability": "source"})
    chunk = one(
        made,
        batch(code=["a/b", "c", "d"], name=["x"] * 3, ns=["http://x.org/y", None, ""], v=["3", None, None]),
    )
    first, second, third = features(chunk)
    assert decode_fid(first["fid"], OWN) == ("http://x.org/y", "a/b")
    assert "/" not in first["fid"]
    assert (first["version_id"], second["namespace"], third["fid"]) == ("3", OWN, "d")


@pytest.mark.parametrize(
    ("feature", "columns", "geometry", "outcome", "reason", "message"),
    [
        ({}, {"code": ["1"], "name": ["a"], "_malformed": ["a quote is not closed"]}, HERE, "rejected", "malformed", "a quote is not closed"),
        ({"where": "name <> 'a'"}, {"code": ["1"], "name": ["a"]}, HERE, "outside", "not-selected", "where"),
        ({"where": "nullif(name, 'a') <> 'z'"}, {"code": ["1"], "name": ["a"]}, HERE, "outside", "not-selected", "where"),
        ({"where": "name::INT > 1"}, {"code": ["1"], "name": ["a"]}, HERE, "rejected", "bad-value", 'name = "a"'),
        ({}, {"code": ["1"], "name": ["a"]}, None, "rejected", "no-geometry", "no geometry"),
        ({}, {"code": ["1"], "name": ["a"]}, shapely.Point(2, 48), "outside", "outside", "twin"),
        ({"columns": {"scheme": "'part'", "code": "code", "country": "name::INT::VARCHAR"}},
         {"code": ["1"], "name": ["a"]}, HERE, "rejected", "bad-value", 'country: name::INT::VARCHAR failed for name = "a"'),
        ({}, {"code": pa.array([None], pa.string()), "name": ["a"]}, HERE, "rejected", "missing-id", "id.local_id"),
        ({"id": {"local_id": "name", "stability": "source"}}, {"code": pa.array([None], pa.string()), "name": ["a"]},
         HERE, "rejected", "missing-value", "code is required"),
        ({"required": ["name"]}, {"code": ["1"], "name": pa.array([None], pa.string())}, HERE, "rejected", "missing-value", "name is required"),
        ({"columns": {"scheme": "'part'", "code": "code", "country": "name"}}, {"code": ["1"], "name": ["a"]},
         HERE, "rejected", "schema", "country: 'a' does not match"),
        ({"valid_from": "name", "zone": "+01:00"}, {"code": ["1"], "name": ["yesterday"]}, HERE, "rejected", "bad-value", "no time"),
        ({"valid_from": "name", "zone": "Europe/Berlin"}, {"code": ["1"], "name": ["2020-03-29T02:30:00"]},
         HERE, "rejected", "bad-value", "clocks change"),
    ],
)  # fmt: skip
def test_what_becomes_of_one_record_among_sound_ones(
    feature: dict[str, Any], columns: dict[str, Any], geometry: Any, outcome: str, reason: str, message: str
) -> None:
    sound: dict[str, Any] = {
        "code": "7",
        "name": "2020-01-01T00:00:00" if "valid_from" in feature else "5",
        "_malformed": None,
    }
    if "country" in feature.get("columns", {}):
        sound["name"] = "DE" if "does not match" in message else "5"
    given = {n: pa.array([sound[n], *list(pa.array(c).to_pylist())], pa.string()) for n, c in columns.items()}
    made = recipe(**feature)
    chunk = one(made, batch(first=3, geometry=[HERE, geometry], **given), selection=COLOGNE)
    if "INT" in json.dumps(feature) and "country" in feature.get("columns", {}):
        # '5' is a number and no country: it is turned away too, for another reason.
        assert told(chunk)[0] == (3, "rejected", "schema")
        del chunk.outcomes[0]
    else:
        assert [f["source_row"] for f in features(chunk)] == [3]
    assert told(chunk) == [(4, outcome, reason)]
    assert message in chunk.outcomes[0].message
    assert "\n" not in chunk.outcomes[0].message
    if outcome == "rejected":
        kept = chunk.outcomes[0].record
        assert kept is not None
        assert kept["name"] == given["name"][1].as_py()
        assert kept["geometry"] == (
            shapely.to_wkb(geometry, hex=True).lower() if geometry is not None else None
        )


def test_a_repaired_record_is_a_feature_and_told() -> None:
    tie = shapely.from_wkt("POLYGON((7 51, 7.02 51.02, 7.02 51, 7 51.02, 7 51))")
    chunk = one(recipe(), batch(code=["1", "2"], name=["a", "b"], geometry=[tie, HERE]))
    assert told(chunk) == [(0, "repaired", "invalid-geometry")]
    assert (chunk.tally.accepted, chunk.tally.repaired, chunk.tally.reasons) == (
        1,
        1,
        {"repaired:invalid-geometry": 1},
    )
    assert len(features(chunk)) == 2


def test_a_repaired_geometry_of_a_record_that_is_rejected_is_not_told_as_repaired() -> None:
    tie = shapely.from_wkt("POLYGON((7 51, 7.02 51.02, 7.02 51, 7 51.02, 7 51))")
    chunk = one(
        recipe(required=["name"]), batch(code=["1"], name=pa.array([None], pa.string()), geometry=[tie])
    )
    assert told(chunk) == [(0, "rejected", "missing-value")]


def test_repeats_and_contradictions_within_a_batch_across_batches_and_across_sources() -> None:
    worker = FeatureHarmoniser(recipe(), Context(OWN))
    first, second = worker.batches(
        [
            batch(code=["1", "1", "1"], name=["a", "a", "other"]),
            batch(first=3, code=["1", "2"], name=["a", "b"]),
        ]
    )
    assert told(first) == [(1, "duplicate", "duplicate"), (2, "rejected", "id-conflict")]
    assert "record 0 has the same identifier 1" in first.outcomes[1].message
    assert told(second) == [(3, "duplicate", "duplicate")]
    assert second.outcomes[0].duplicate_of == 0
    (again,) = worker.batches([batch(code=["2", "3"], name=["b", "c"])])
    assert told(again) == [(0, "duplicate", "duplicate")]
    assert again.outcomes[0].message == "repeats record 4 of an earlier source"
    assert [f["fid"] for f in features(again)] == ["3"]


def test_several_records_of_one_object_repeat_it_where_the_rest_of_a_record_is_not_kept() -> None:
    source = batch(code=["1", "1", "1"], name=["a", "a", "b"], value=["5", "6", "7"])
    kept = one(recipe(), source)
    assert kept.tally.reasons == {"rejected:id-conflict": 2}
    left_out = one(recipe(raw=False), source)
    assert (left_out.tally.accepted, left_out.tally.duplicate) == (1, 1)
    assert left_out.tally.reasons == {
        "duplicate:duplicate": 1,
        "rejected:id-conflict": 1,
    }  # the third has another name
    assert [f["raw"] for f in features(left_out)] == [None]
    # Nor is what the reader itself hands over as the rest of a record.
    read = batch(code=["1", "1"], name=["a", "a"], raw=['{"v": 5}', '{"v": 6}'])
    assert one(recipe(raw=False), read).tally.duplicate == 1


def test_the_geometry_is_the_cell_that_a_code_names() -> None:
    made = recipe(
        cell="grid",
        columns={"scheme": "'grid-1km'", "code": "grid"},
        id={"local_id": "grid", "stability": "source"},
    )
    x, y = Transformer.from_crs(4326, 3035, always_xy=True).transform(6.9583, 50.9413)
    code = f"CRS3035RES1000mN{int(y // 1000) * 1000}E{int(x // 1000) * 1000}"
    records = batch(grid=[code, "1kmN9E", None]).records.drop_columns(["geometry"])
    chunk = one(made, Batch(records, None), selection=COLOGNE)
    (feature,) = features(chunk)
    shape = shapely.from_wkb(feature["geometry"])
    assert shape.contains(shapely.Point(6.9583, 50.9413))
    assert abs(Geod(ellps="GRS80").geometry_area_perimeter(shape)[0]) == pytest.approx(1e6, rel=1e-3)
    told = {o.row: (o.reason, o.message) for o in chunk.outcomes}
    assert told[1][0] == "bad-cell"
    assert "'1kmN9E'" in told[1][1]
    assert told[2][0] == "no-geometry"


def test_a_cell_far_away_is_outside_and_never_taken_for_swapped_axes() -> None:
    made = recipe(
        cell="grid", columns={"scheme": "'g'", "code": "grid"}, id={"local_id": "grid", "stability": "source"}
    )
    # Northing and easting exchanged: a place in the Atlantic, which the twin does not hold.
    x, y = (int(v // 1000) for v in Transformer.from_crs(4326, 3035, always_xy=True).transform(6.96, 50.94))
    chunk = one(
        made, Batch(batch(grid=[f"1kmN{x}E{y}"]).records.drop_columns(["geometry"]), None), selection=COLOGNE
    )
    assert (chunk.tally.outside, chunk.tally.repaired) == (1, 0)


def test_another_place_or_raw_content_is_a_contradiction_not_a_repeat() -> None:
    made = recipe()
    moved = batch(code=["1", "1"], name=["a", "a"], geometry=[HERE, shapely.Point(6.97, 50.94)])
    assert told(one(made, moved)) == [(1, "rejected", "id-conflict")]
    assert told(one(made, batch(code=["1", "1"], name=["a", "a"], note=["x", "y"]))) == [
        (1, "rejected", "id-conflict")
    ]


def test_a_key_of_the_recipe_finds_repeats_under_other_identifiers() -> None:
    made = recipe(id={"local_id": "id", "stability": "position"}, duplicate_key=["code", "name"])
    chunk = one(made, batch(id=["1", "2", "3"], code=["x"] * 3, name=["a", "a", "b"]))
    assert told(chunk) == [(1, "duplicate", "duplicate")]
    moved = batch(id=["1", "2"], code=["x"] * 2, name=["a"] * 2, geometry=[HERE, shapely.Point(7, 51)])
    assert told(one(made, moved)) == [(1, "rejected", "id-conflict")]
    unknown = recipe(duplicate_key=["colour"])
    with pytest.raises(RecipeError, match="duplicate_key: 'colour'"):
        FeatureHarmoniser(unknown, Context(OWN))


def test_a_rejected_record_does_not_hide_a_later_sound_one_of_its_identifier() -> None:
    chunk = one(recipe(required=["name"]), batch(code=["1", "1"], name=pa.array([None, "a"])))
    assert told(chunk) == [(0, "rejected", "missing-value")]
    assert [f["source_row"] for f in features(chunk)] == [1]


def test_the_digest_tells_content_and_nothing_else() -> None:
    made = recipe(
        id={"local_id": "code", "version_id": "v", "stability": "source"}, valid_from="t", zone="UTC"
    )
    same: dict[str, Any] = {"code": "1", "name": "a", "v": "1", "t": "2020-01-01", "note": "x"}

    def digest(first: int = 0, geometry: Any = HERE, **changed: Any) -> bytes:
        given = {k: pa.array([changed.get(k, v)], pa.string()) for k, v in same.items()}
        (feature,) = features(one(made, batch(first=first, geometry=[geometry], **given)))
        value: bytes = feature["digest"]
        return value

    base = digest()
    assert digest(first=99) == base
    others = [
        digest(code="2"), digest(name="b"), digest(v="2"), digest(t="2021-01-01"), digest(note="y"),
        digest(geometry=shapely.Point(6.96, 50.95)), digest(v=None), digest(t=None), digest(note=None), digest(v=""),
    ]  # fmt: skip
    assert len({base, *others}) == len(others) + 1


def test_life_spans_are_instants_of_the_declared_zone() -> None:
    made = recipe(valid_from="a", valid_to="b", zone="Europe/Berlin")
    chunk = one(
        made,
        batch(
            code=["1", "2"],
            name=["x", "y"],
            a=["2020-07-01", "2020-01-01T00:00:00Z"],
            b=["2020-12-01T12:00:00", None],
        ),
    )
    first, second = features(chunk)
    assert [first["valid_from"].isoformat(), first["valid_to"].isoformat()] == [
        "2020-06-30T22:00:00+00:00",
        "2020-12-01T11:00:00+00:00",
    ]
    assert (second["valid_from"].isoformat(), second["valid_to"]) == ("2020-01-01T00:00:00+00:00", None)


def test_naive_life_spans_without_a_zone_are_an_error() -> None:
    with pytest.raises(CheckError, match="zone"):
        one(recipe(valid_from="a"), batch(code=["1"], name=["x"], a=["2020-07-01T00:00:00"]))


def test_a_type_without_a_schema_has_the_sources_columns() -> None:
    made = recipe(
        type="generic-features", columns={}, id={"local_id": "(_row + 1)::VARCHAR", "stability": "position"}
    )
    (feature,) = features(one(made, batch(Farbe=["rot"], n=[3], _file=["x"])))
    assert (feature["fid"], feature["raw"]) == ("1", None)
    assert json.loads(feature["properties"]) == {"Farbe": "rot", "n": 3}


def test_what_a_reader_hands_over_as_raw_stays_beside_what_no_column_took() -> None:
    (feature,) = features(one(recipe(), batch(code=["1"], name=["a"], gml_id=["g1"], raw=['{"a/b": 1}'])))
    assert json.loads(feature["raw"]) == {"gml_id": "g1", "a/b": 1}


def test_the_text_of_a_malformed_record_is_kept_as_it_is() -> None:
    chunk = one(
        recipe(), batch(code=["1"], name=["a"], raw=['"half;line'], _malformed=["2 fields instead of 3"])
    )
    assert chunk.outcomes[0].record == {"code": "1", "name": "a", "geometry": shapely.to_wkb(HERE, hex=True).lower(),
                                        "raw": '"half;line', "_malformed": "2 fields instead of 3"}  # fmt: skip


def test_axes_that_lie_are_reported_for_every_record_and_once_for_the_source() -> None:
    swapped = [shapely.Point(50.94, 6.96), shapely.Point(50.95, 6.97)]
    batches = [
        batch(code=["1"], name=["a"], geometry=swapped[:1]),
        batch(first=1, code=["2"], name=["b"], geometry=swapped[1:]),
    ]
    first, second = run(recipe(), *batches, selection=COLOGNE)
    assert told(first) == [(0, "repaired", "axis-order")]
    assert told(second) == [(1, "repaired", "axis-order")]
    assert [c["repaired"] for c in first.crs] == [True]
    assert second.crs == []
    assert shapely.from_wkb(features(second)[0]["geometry"]).coords[0] == (6.97, 50.95)


def test_records_that_are_not_selected_do_not_tell_where_the_data_lie() -> None:
    """Two of three records stand in metres; they are another feature type's, and not this one's to judge."""
    far = shapely.Point(4e6, 3e6)
    given = batch(code=["1", "2", "3"], name=["line", "unit", "line"], geometry=[far, HERE, far])
    chunk = one(recipe(where="name = 'unit'"), given, selection=COLOGNE)
    assert told(chunk) == [(0, "outside", "not-selected"), (2, "outside", "not-selected")]
    assert [f["fid"] for f in features(chunk)] == ["2"]


def test_a_batch_without_geometries_waits_with_the_judgement() -> None:
    made = recipe(geometry="optional")
    first, second = run(
        made, batch(code=["1"], name=["a"], geometry=[None]), batch(first=1, code=["2"], name=["b"])
    )
    assert (first.crs, len(second.crs)) == ([], 1)
    assert features(first)[0]["geometry"] is None


def test_a_source_without_crs_needs_one_in_the_recipe() -> None:
    with pytest.raises(CheckError, match="no CRS"):
        one(recipe(), batch(crs=None, code=["1"], name=["a"]))
    source = {"reader": "vector", "crs": "EPSG:4326", "crs_because": "the delivery note says so"}
    chunk = one(recipe(source=source), batch(crs=None, code=["1"], name=["a"]), selection=COLOGNE)
    assert (chunk.crs[0]["because"], chunk.crs[0]["order_found"]) == ("the delivery note says so", "xy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "castles"}, "castles"),
        ({"columns": {"scheme": "'x'", "code": "code", "height": "1"}}, "height"),
        ({"columns": {"scheme": "'x'", "code": "(SELECT 1)"}}, "subquery"),
        ({"id": {"local_id": "1; DROP TABLE x", "stability": "source"}}, "id.local_id"),
        ({"zone": "Mars/Olympus"}, "Mars"),
    ],
)
def test_a_recipe_that_is_wrong_is_told_before_anything_is_read(change: dict[str, Any], message: str) -> None:
    with pytest.raises(LdtError, match=message) as caught:
        FeatureHarmoniser(recipe(**change), Context(OWN))
    assert str(caught.value).startswith("test: ")


def test_an_empty_batch_makes_an_empty_chunk() -> None:
    nothing = Batch(batch(code=["1"], name=["a"]).records.slice(0, 0), CRS84)
    chunk = one(recipe(where="name = 'a'", valid_from="name", zone="UTC"), nothing, selection=COLOGNE)
    assert (chunk.features, chunk.outcomes, chunk.tally.read, chunk.crs) == (None, [], 0, [])
    assert list(harmonise(recipe(), [], Context(OWN))) == []


value = st.none() | st.sampled_from(["1", "2", "x", "2020-01-01"])
shape = st.sampled_from(
    [
        None,
        HERE,
        shapely.Point(2, 48),
        shapely.Point(float("nan"), 1),
        shapely.from_wkt("POLYGON((7 51, 7.02 51.02, 7.02 51, 7 51.02, 7 51))"),
    ]
)
record = st.tuples(value, value, shape, st.none() | st.just("broken"))


@given(st.lists(record, min_size=1, max_size=30), st.integers(1, 7), st.booleans())
@settings(deadline=None, max_examples=60)
def test_every_record_has_exactly_one_outcome(records: list[Any], size: int, whole: bool) -> None:
    made = recipe(
        columns={"scheme": "'part'", "code": "code::INT::VARCHAR", "name": "name"},
        where="name <> 'x' OR name IS NULL",
        valid_from="CASE WHEN name = '2' THEN 'never' END",
        zone="UTC",
    )
    batches = []
    for first in range(0, len(records), size):
        part = records[first : first + size]
        columns = {
            n: pa.array([r[i] for r in part], pa.string())
            for n, i in (("code", 0), ("name", 1), ("_malformed", 3))
        }
        batches.append(batch(first=first, geometry=[r[2] for r in part], **columns))
    chunks = run(made, *batches, selection=None if whole else COLOGNE)
    stored = [f["source_row"] for c in chunks for f in features(c)]
    repaired = [o.row for c in chunks for o in c.outcomes if o.outcome is Outcome.REPAIRED]
    others = [o.row for c in chunks for o in c.outcomes if o.outcome is not Outcome.REPAIRED]
    assert sorted(stored + others) == list(range(len(records)))
    assert set(repaired) <= set(stored)
    assert sum(c.tally.read for c in chunks) == len(records)
    assert sum(c.tally.accepted + c.tally.repaired for c in chunks) == len(stored)
    fids = [f["fid"] for c in chunks for f in features(c)]
    assert len(set(fids)) == len(fids)
