"""Every real GML document: the records that the data folder's README counts, and geometry as GDAL reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from ldt.errors import SourceError
from ldt.sources import read
from ldt.sources.gml import GmlReader
from ldt.sources.source import Batch

Batches = Callable[..., list[Batch]]

#: Folders of the collection whose XML holds features, and documents in them that hold none.
FOLDERS = (
    "brgm_toolbox",
    "caniuse",
    "deegree",
    "ef_datacove",
    "es_catastro",
    "gb_os",
    "hamburg",
    "mif_2017_2",
    "nl_kadaster",
    "ogcapi_examples",
)
NO_FEATURES = {
    "deegree/wms130-inspire-capabilities.xml": "its root element is WMS_Capabilities",
    "nl_kadaster/gn-example-finland.xml": "the prefix 'gml' at line 1 has no namespace",
}
#: Where the README is silent, or where inlined objects that it does not count are records too; counted with grep.
COUNTS: dict[str, dict[str, int]] = {
    "brgm_toolbox/4_SOS_TimeSeries.xml": {"PointTimeSeriesObservation": 1},
    "brgm_toolbox/BRGM_raw_database_observation_PointTimeseriesObservation_output.xml": {
        "PointTimeSeriesObservation": 1
    },
    "mif_2017_2/observation.xml": {"PointTimeSeriesObservation": 1},
    "nl_kadaster/ad-address-wfs-rsp-inlined.gml": {
        "Address": 1,
        "AddressAreaName": 1,
        "PostalDescriptor": 1,
        "ThoroughfareName": 1,
    },
    "ogcapi_examples/FeatureCollection.xml": {"aerofacp_1m": 2},
}
#: Where GDAL reads a geometry that is none of the feature's own, or none at all as it stands.
NOT_AS_GDAL = {
    "hamburg/RenewableAndWastePotentialCoverage.gml": "the origin of its grid",
    "caniuse/AD.Spain_v4.0.two.geom.gml": "the last of two positions of an address",
}


def documents(folder: Path) -> list[Path]:
    found = [p for name in FOLDERS for p in sorted((folder / "inspire" / name).glob("*.[gx]ml"))]
    assert len(found) > 60
    return [p for p in found if name_of(p) not in NO_FEATURES]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def counted_in_readme(folder: Path) -> dict[str, dict[str, int]]:
    """Return type → count for each file whose row in the README begins with such a list."""
    counts = {}
    for line in (folder / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) > 7 and cells[1].startswith("`inspire/"):
            listed = re.findall(r"(\w+) (\d+)(?:,|$)", cells[6].split(" / ")[0])
            counts[cells[1].strip("`").removeprefix("inspire/")] = {name: int(n) for name, n in listed}
    return counts


def test_records_of_every_document(real_data: Path, batches: Batches) -> None:
    readme = counted_in_readme(real_data)
    checked = 0
    for path in documents(real_data):
        got = Counter(t for b in batches("gml", path) for t in b.records.column("_type").to_pylist())
        expected = COUNTS.get(name_of(path)) or readme[name_of(path)]
        assert {name: got[name] for name in expected} == expected, name_of(path)
        checked += len(expected)
    assert checked > 100


@pytest.mark.parametrize("name", NO_FEATURES)
def test_documents_that_cannot_be_read(real_data: Path, name: str) -> None:
    with pytest.raises(SourceError, match=re.escape(NO_FEATURES[name])):
        list(read("gml", real_data / "inspire" / name, {}))


def in_gdal(path: Path) -> list[Any]:
    options = {"INVERT_AXIS_ORDER_IF_LAT_LONG": "NO", "SWAP_COORDINATES": "NO"}
    found: list[Any] = []
    for layer in pyogrio.list_layers(path).tolist():
        wkb = pyogrio.raw.read(path, layer=layer[0], columns=[], force_2d=True, **options)[2]
        if wkb is not None:
            found += [shapely.from_wkb(w) for w in wkb if w is not None]
    return found


def key(shape: Any) -> tuple[float, ...]:
    return (*np.round(shape.bounds, 6), shapely.get_num_coordinates(shape))


@pytest.fixture
def lenient_gdal() -> Iterator[None]:
    """GDAL goes on behind a geometry that it cannot read, as we do."""
    pyogrio.set_gdal_config_options({"GML_SKIP_CORRUPTED_FEATURES": "YES"})
    yield
    pyogrio.set_gdal_config_options({"GML_SKIP_CORRUPTED_FEATURES": None})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.usefixtures("lenient_gdal")
def test_geometry_of_every_document_is_as_gdal_reads_it(
    real_data: Path, tmp_path: Path, batches: Batches
) -> None:
    compared = Counter[str]()
    for path in documents(real_data):
        copy = tmp_path / path.name  # GDAL writes a .gfs beside what it reads
        copy.write_bytes(path.read_bytes().lstrip())
        try:
            expected = in_gdal(copy)
        except pyogrio.errors.DataSourceError:
            continue
        if not expected or name_of(path) in NOT_AS_GDAL:
            continue
        wkb = [w for b in batches("gml", path) for w in b.records.column("geometry").to_pylist() if w]
        got = sorted(map(shapely.from_wkb, wkb), key=key)
        for mine, theirs in zip(got, sorted(expected, key=key), strict=True):
            assert shapely.area(mine) == pytest.approx(shapely.area(theirs), rel=1e-9), name_of(path)
            # GDAL's own atof is off by one unit in the last place now and then.
            np.testing.assert_allclose(
                shapely.get_coordinates(mine), shapely.get_coordinates(theirs), rtol=1e-14
            )
            compared[mine.geom_type] += 1
    assert compared.total() > 1_000
    assert {"Point", "LineString", "Polygon", "MultiPolygon"} <= compared.keys()


def test_problems_of_real_documents(real_data: Path) -> None:
    """Nil values as the README counts them, and references without a target."""

    def problems(name: str) -> str:
        return "; ".join(GmlReader().describe(real_data / "inspire" / name).problems)

    assert "705 values are nil" in problems("es_catastro/zoning.gml")
    assert "1,838 values are nil" in problems("hamburg/PlannedLandUse.gml")
    assert "250 values are nil (missing 250)" in problems("brgm_toolbox/AQD_UBA_Station_50.xml")
    # All 42 references from addresses to components lead somewhere.
    assert "no target" not in problems("es_catastro/address.gml")
    assert "1 local reference has no target in the file, as #GML_ID_42" in problems(
        "deegree/CadastralZoning.gml"
    )
    assert "something blank stands before the XML declaration" in problems(
        "nl_kadaster/ad-address-wfs-rsp-inlined.gml"
    )


def test_schemas_of_real_documents(real_data: Path) -> None:
    told = {}
    for path in documents(real_data):
        for layer in GmlReader().describe(path).layers:
            told[path.parent.name, layer.name] = layer.schema
    assert told["hamburg", "ProtectedSite"] == "ps 4.0"
    assert told["es_catastro", "CadastralZoning"] == "cp 3.0"  # a URN
    assert told["es_catastro", "OtherConstruction"] == "bu-ext2d 2.0"  # a draft at the JRC
    assert told["nl_kadaster", "StandingWater"] == "hy-p 3.0"
    assert told["ef_datacove", "OM_Observation"] == "om 2.0"
    assert told["brgm_toolbox", "AQD_Station"] == "id2011850eu 1.0"
    assert told["es_catastro", "building"] is None
