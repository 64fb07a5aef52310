"""Records whose CRS is not declared, among others that declare one: by hand, through GML, and Hamburg's cadastral zonings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely
from pyproj import CRS
from tests.harmonise.test_features import COLOGNE, CRS84, HERE, batch, features, recipe, run, told
from tests.harmonise.test_recipes import made

from ldt.axis import AxisOrder
from ldt.errors import CheckError
from ldt.harmonise import undeclared
from ldt.harmonise.chunk import Context
from ldt.harmonise.features import FeatureHarmoniser
from ldt.sources.source import Batch, DeclaredCrs

UTM = DeclaredCrs("EPSG:25832", CRS.from_epsg(25832).to_json(), AxisOrder.XY)
#: Cologne cathedral: 50.9413 N, 6.9583 E is 356 530 E, 5 645 290 N in UTM zone 32 (to 40 m).
CATHEDRAL = shapely.Point(356_530, 5_645_290)


def named(code: str, crs: DeclaredCrs | None, geometry: shapely.Geometry | None, first: int = 0) -> Batch:
    return batch(first=first, crs=crs, geometry=[geometry], code=[code], name=[code])


def test_a_record_without_crs_takes_that_of_the_others_even_if_it_comes_first() -> None:
    chunks = run(recipe(), named("a", None, CATHEDRAL), named("b", UTM, CATHEDRAL, 1), selection=COLOGNE)
    assert [told(c) for c in chunks] == [[], [(0, "repaired", "crs-of-the-others")]]
    assert "taken as EPSG:25832" in chunks[1].outcomes[0].message
    (found,) = features(chunks[1])
    assert found["fid"] == "a"
    place = shapely.from_wkb(found["geometry"])
    assert (place.x, place.y) == pytest.approx((6.9583, 50.9413), abs=6e-4)
    assert [c["declared"] for chunk in chunks for c in chunk.crs] == ["EPSG:25832"]


@pytest.mark.parametrize(
    ("crs", "geometry"),
    [
        (UTM, HERE),  # degrees, where the others are in metres
        (CRS84, CATHEDRAL),  # metres, where the others are in degrees
        (UTM, shapely.Point(356_530, -5_645_290)),  # on the southern hemisphere
    ],
)
def test_a_record_that_does_not_fit_the_crs_of_the_others_is_turned_away_alone(
    crs: DeclaredCrs, geometry: shapely.Geometry
) -> None:
    good = CATHEDRAL if crs is UTM else HERE
    first = batch(crs=None, geometry=[geometry, good], code=["x", "y"], name=["x", "y"])
    for selection in (None, COLOGNE):
        chunks = run(recipe(), first, named("b", crs, good, 2), selection=selection)
        outcomes = [(0, "rejected", "no-crs"), (1, "repaired", "crs-of-the-others")]
        assert [told(c) for c in chunks] == [[], outcomes]
        assert f"do not fit that of the others, {crs.text}" in chunks[1].outcomes[0].message
    # Nothing but such records in a batch.
    chunks = run(recipe(), named("x", None, geometry), named("b", crs, good, 1))
    assert told(chunks[1]) == [(0, "rejected", "no-crs")]


def test_where_the_others_declare_several_none_is_taken() -> None:
    records = named("a", UTM, CATHEDRAL), named("b", CRS84, HERE, 1), named("x", None, HERE, 2)
    chunks = run(recipe(), *records)
    assert [told(c) for c in chunks] == [[], [], [(2, "rejected", "no-crs")]]
    assert chunks[2].outcomes[0].message.endswith("several: EPSG:25832, OGC:CRS84")


def test_one_crs_in_two_notations_is_one() -> None:
    urn = DeclaredCrs("urn:ogc:def:crs:EPSG::25832", UTM.projjson, AxisOrder.XY)
    records = named("a", UTM, CATHEDRAL), named("b", urn, CATHEDRAL, 1), named("x", None, CATHEDRAL, 2)
    assert told(run(recipe(), *records)[2]) == [(2, "repaired", "crs-of-the-others")]


@pytest.mark.parametrize(
    ("crs", "north_first"), [(CRS84, shapely.Point(50.94, 6.96)), (UTM, shapely.Point(5_645_290, 356_530))]
)
def test_exchanged_axes_of_the_others_are_those_of_the_record(
    crs: DeclaredCrs, north_first: shapely.Point
) -> None:
    records = named("x", None, north_first), named("a", crs, north_first, 1)
    chunks = run(recipe(), *records, selection=COLOGNE)
    assert [told(c) for c in chunks] == [
        [(1, "repaired", "axis-order")],
        [(0, "repaired", "crs-of-the-others")],
    ]
    assert shapely.from_wkb(features(chunks[1])[0]["geometry"]).distance(HERE) < 0.01


def test_what_needs_no_crs_does_not_wait_and_is_not_repaired() -> None:
    without = named("x", None, None)
    chunks = run(recipe(geometry="optional"), without, named("a", UTM, CATHEDRAL, 1))
    assert [features(c)[0]["fid"] for c in chunks] == ["x", "a"]
    assert [told(c) for c in chunks] == [[], []]
    # A recipe that reads no geometry, and one that says the CRS itself.
    chunks = run(recipe(geometry="none"), named("x", None, HERE), named("a", UTM, CATHEDRAL, 1))
    assert [(features(c)[0]["fid"], told(c)) for c in chunks] == [("x", []), ("a", [])]
    source = {"reader": "vector", "crs": "EPSG:25832", "crs_because": "the delivery note says so"}
    chunks = run(recipe(source=source), named("x", None, CATHEDRAL), named("a", UTM, CATHEDRAL, 1))
    assert [(features(c)[0]["fid"], told(c)) for c in chunks] == [("x", []), ("a", [])]


def test_a_source_in_which_nothing_declares_a_crs_is_refused_whatever_another_source_declares() -> None:
    worker = FeatureHarmoniser(recipe(), Context("https://example.org/id/test"))
    list(worker.batches([named("a", UTM, CATHEDRAL)]))
    with pytest.raises(CheckError, match="no CRS is declared"):
        list(worker.batches([named("b", None, CATHEDRAL), named("c", None, CATHEDRAL, 1)]))


def test_only_so_many_batches_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undeclared, "WAITING", 2)
    taken: list[int] = []

    def source() -> Iterator[Batch]:
        for i in range(6):
            taken.append(i)
            yield named(str(i), UTM if i in {0, 5} else None, CATHEDRAL, i)

    worker = FeatureHarmoniser(recipe(), Context("https://example.org/id/test"))
    met = []
    for chunk in worker.batches(source()):
        assert chunk.features is not None
        met.append((len(taken), chunk.features["fid"][0].as_py()))
    # One batch is read ahead of the chunk that is given.
    assert met == [(3, "0"), (3, "1"), (5, "2"), (5, "3"), (6, "4"), (6, "5")]
    with pytest.raises(CheckError, match="no CRS is declared"):
        list(worker.batches(named(str(i), UTM if i == 2 else None, CATHEDRAL, i) for i in range(3)))


ZONING = """<cp:CadastralZoning gml:id="z{n}"><cp:geometry><gml:MultiSurface gml:id="s{n}"{srs}><gml:surfaceMember>
<gml:Polygon gml:id="p{n}"><gml:exterior><gml:LinearRing><gml:posList>{ring}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>
</gml:surfaceMember></gml:MultiSurface></cp:geometry><cp:inspireId><base:Identifier><base:localId>{n}</base:localId>
<base:namespace>https://example.org/zonings</base:namespace></base:Identifier></cp:inspireId><cp:label>{n}</cp:label>
<cp:nationalCadastalZoningReference>{n}</cp:nationalCadastalZoningReference></cp:CadastralZoning>"""


def test_one_geometry_of_a_gml_file_without_srs_name(tmp_path: Path) -> None:
    declared = ' srsName="urn:ogc:def:crs:EPSG::25832"'
    ring = "356000 5645000 357000 5645000 357000 5646000 356000 5646000 356000 5645000"
    degrees = "6.9 50.9 7.0 50.9 7.0 51.0 6.9 51.0 6.9 50.9"
    members = [("", ring), (declared, ring), ("", degrees), (declared, ring)]
    text = "".join(
        f"<gml:featureMember>{ZONING.format(n=n, srs=srs, ring=coordinates)}</gml:featureMember>"
        for n, (srs, coordinates) in enumerate(members)
    )
    path = tmp_path / "zonings.gml"
    path.write_text(
        '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:cp="http://inspire.ec.europa.eu/schemas/cp/4.0"'
        f' xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3">{text}</gml:FeatureCollection>'
    )
    rows, tally, chunks = made("inspire/cadastral-zonings", path)
    assert (tally.read, tally.accepted, tally.repaired, tally.rejected) == (4, 2, 1, 1)
    assert sorted(r["local_id"] for r in rows) == ["0", "1", "3"]
    assert len({r["geometry"].wkb for r in rows}) == 1
    outcomes = sorted((o.row, o.reason) for c in chunks for o in c.outcomes)
    assert outcomes == [(0, "crs-of-the-others"), (2, "no-crs")]


def test_cadastral_zonings_of_hamburg(real_data: Path) -> None:
    """The first of two declares no CRS; it is the state of Hamburg, the second the island of Neuwerk, which belongs to it."""
    path = real_data / "inspire/deegree/cadastralzonings.xml"
    rows, tally, chunks = made("inspire/cadastral-zonings", path)
    assert (tally.read, tally.accepted, tally.repaired) == (2, 1, 1)
    assert [(o.row, o.reason) for c in chunks for o in c.outcomes] == [(0, "crs-of-the-others")]
    shapes = {r["alias"].rpartition("_")[2]: r["geometry"] for r in rows}
    assert shapes["02"].intersects(shapely.Point(9.9933, 53.5503))  # town hall
    assert shapes["020125"].intersects(shapely.Point(8.4960, 53.9153))  # lighthouse of Neuwerk
    # Hamburg has 755 km², with Neuwerk and what belongs to it in the Wadden Sea.
    metres = shapely.transform(shapes["02"], lambda c: c * [111_320 * 0.5948, 111_320])  # cos 53.5° = 0.5948
    assert metres.area / 1e6 == pytest.approx(755, rel=0.03)
