"""What a file is: every real file gets a description or one clear error."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas
import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import LdtError, NotFound, RecipeError, SourceError
from ldt.sources import READERS, describe, read
from ldt.sources.batches import column_names, declare
from ldt.sources.judge import judge


def test_every_real_file_gets_an_answer(real_data: Path) -> None:
    described, refused = {}, {}
    files = sorted(p for p in real_data.rglob("*") if p.is_file())
    for path in files:
        name = path.relative_to(real_data).as_posix()
        try:
            described[name] = describe(path)
        except LdtError as e:
            refused[name] = str(e)
    assert len(described) + len(refused) == len(files) > 200
    assert all(Path(name).name in said and "\n" not in said for name, said in refused.items())
    documents = {name: d.document for name, d in described.items() if d.document}
    assert all(not d.layers and d.problems[0] == documents[n].why for n, d in described.items() if d.document)
    for side in (".prj", ".dbf", ".shx"):
        assert "give Stadtbezirk.shp" in documents[f"cologne/geo/Stadtbezirk{side}"].why
    readers = {name: d.reader for name, d in described.items() if not d.document}
    assert readers["cologne/geo/cityboundary.geojson"] == "vector"
    assert readers["cologne/uba/201401_DENW053_NO2_1SMW.json"] == "json"
    assert readers["inspire/hamburg/ProtectedSite.gml"] == "gml"
    assert readers["airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"] == "table"
    assert readers["airquality/eea_aqdl/summary.sqlite"] == "vector"
    assert (
        readers["landcover/clc_granada/clc.tif"]
        == readers["eea/hrl/IMD_2018_100m_eu_03035_v1_0.zip"]
        == "raster"
    )
    assert readers["climate/era5_2t_1.nc"] == readers["climate/fp_lothar_crop-test.nc"] == "cube"
    assert set(readers.values()) >= {"vector", "gml", "table", "json", "raster", "cube"}
    # Only what is broken is refused.
    kinds = {Path(name).suffix for name in refused}
    assert not kinds & {".csv", ".gpkg", ".geojson", ".shp", ".tif", ".ttl", ".md", ".sqlite"}
    assert not any(name.startswith(("metadata/owslib", "catalogue", "inspire/services")) for name in refused)


#: file, what it is, its standard, how much it lists of what (counted with grep on the file), a word of the advice
DOCUMENTS = [
    ("inspire/services/wfs_dov_getcapabilities_200.xml", "WFS capabilities", "WFS 2.0.0", 1, "source.service"),
    ("inspire/services/wfs_koeln_arcgis_getcapabilities_200.xml", "WFS capabilities", "WFS 2.0.0", 86, "source.service"),
    ("inspire/services/Kadaster-WMS-Capabilities-INSPIRE.xml", "WMS capabilities", "WMS 1.3.0", 18, "pictures"),
    ("inspire/services/sos_52n_getcapabilities.xml", "SOS capabilities", "SOS 1.0.0", 0, "source.service"),
    ("inspire/services/wfs_koeln_arcgis_describefeaturetype_200.xml", "XML Schema", None, 1, "DescribeFeatureType"),
    ("inspire/hamburg/codelist/AgeByRange.xml", "code list (GML dictionary)", "GML dictionary", 11, "vocabularies"),
    ("catalogue/geodcat_examples/dataset.ttl", "RDF (Turtle)", "GeoDCAT-AP", 1, "links"),
    ("catalogue/geodcat_examples/dataset.rdf", "RDF (RDF/XML)", "GeoDCAT-AP", 0, "links"),
    ("catalogue/geodcat_examples/dataset.jsonld", "RDF (JSON-LD)", None, 0, "links"),
    ("cologne/catalogue_dkan/49.json", "entry of an open-data catalogue (CKAN, DKAN)", "DCAT", 2, "links"),
    ("inspire/ogcapi_examples/Collections.json", "list of the collections of an OGC API", "OGC API", 3, "items"),
    ("inspire/ogcapi_examples/LandingPage.json", "landing page of an OGC API", "OGC API", 11, "items"),
    ("README.md", "text for people", None, 0, "data"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "form", "schema", "count", "word"), DOCUMENTS, ids=[d[0] for d in DOCUMENTS]
)
def test_documents_are_named(
    real_data: Path, name: str, form: str, schema: str | None, count: int, word: str
) -> None:
    found = describe(real_data / name).document
    assert found is not None
    assert (found.format, len(found.contents)) == (form, count)
    assert schema is None or found.schema == schema
    assert word in found.advice


#: What other producers write, in a few bytes.
WRITTEN = {
    "caps.xml": (b'<w:WFS_Capabilities xmlns:w="http://www.opengis.net/wfs" version="1.1.0"/>', "WFS capabilities"),
    "wms111.xml": (b'<!DOCTYPE WMT_MS_Capabilities SYSTEM "x.dtd"><WMT_MS_Capabilities version="1.1.1"/>', "WMS capabilities"),
    "sos2.xml": (b'<sos:Capabilities xmlns:sos="http://www.opengis.net/sos/2.0" version="2.0.0"/>', "SOS capabilities"),
    "wmts.xml": (b'<Capabilities xmlns="http://www.opengis.net/wmts/1.0" version="1.0.0"/>', "WMTS capabilities"),
    "csw.xml": (b'<c:Capabilities xmlns:c="http://www.opengis.net/cat/csw/2.0.2" version="2.0.2"/>', "CSW capabilities"),
    "err.xml": (b'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"/>', "error that a service answered with"),
    "atom.xml": (b'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title></feed>', "Atom feed (INSPIRE download service)"),
    "login.gml": (b"<!DOCTYPE html>\n<html><head><title>Log in</title><body>", "web page (HTML)"),
    "stac.json": (b'{"type": "Collection", "stac_version": "1.0.0", "id": "x", "links": []}', "STAC catalogue or collection"),
    "api.json": (b'{"openapi": "3.0.3", "info": {"title": "x"}, "paths": {}}', "description of an API (OpenAPI)"),
    "conf.json": (b'{"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]}', "conformance declaration of an OGC API"),
    "schema.json": (b'{"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {}}', "JSON Schema"),
    "a.ttl": (b"PREFIX dcat: <http://www.w3.org/ns/dcat#>\n<http://x/a> a dcat:Dataset .", "RDF (Turtle)"),
    "a.pdf": (b"%PDF-1.7\n", "PDF document"),
    "a.png": (b"\x89PNG\r\n\x1a\n", "picture (PNG)"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_documents_of_others_are_named(tmp_path: Path, name: str) -> None:
    content, form = WRITTEN[name]
    (tmp_path / name).write_bytes(content)
    found = describe(tmp_path / name).document
    assert found is not None
    assert (found.format, found.advice != "") == (form, True)


def test_data_are_no_documents(tmp_path: Path) -> None:
    """What only looks like one: a list of stations with links, GML with the namespace of a capabilities document."""
    for name, content in {
        "a.json": b'[{"id": 1, "links": []}]',
        "b.json": b'{"links": [1, 2], "values": [3]}',
        "c.kml": b'<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><Point><coordinates>7,51</coordinates></Point></Placemark></kml>',
        "d.csv": b"@prefix,b\n1,2\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert describe(tmp_path / name).document is None, name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("inspire/brgm_toolbox/AQD_UBA_Sample_50.xml", "with axes swapped they lie in it"),
        ("inspire/nl_kadaster/wfs-rsp-roadlink.xml", "does not tell the order"),
        ("inspire/gb_os/hydro_inspire.gml", "outside the area of use"),
        ("climate/nl_rails/nl_rails.gpkg", "no CRS is declared"),
    ],
)
def test_files_that_lie_are_told(real_data: Path, name: str, problem: str) -> None:
    (layer,) = [layer for layer in describe(real_data / name).layers if layer.problems][:1]
    assert problem in " ".join(layer.problems)


def test_extent_of_cologne(real_data: Path) -> None:
    """The .prj with its false easting, judged: 6.77 to 7.16 E, 50.83 to 51.09 N (Stadt Koeln)."""
    (layer,) = describe(real_data / "cologne/geo/Stadtbezirk.shp").layers
    assert layer.extent == pytest.approx((6.77, 50.83, 7.16, 51.09), abs=0.01)
    assert (layer.count, layer.geometry_types, layer.problems) == (9, ["Polygon"], [])


@pytest.mark.parametrize(
    ("crs", "order", "bounds", "extent", "problems"),
    [
        ("EPSG:4258", AxisOrder.YX, (50.8, 6.7, 51.1, 7.2), (6.7, 50.8, 7.2, 51.1), 0),
        ("EPSG:4258", AxisOrder.YX, (6.7, 50.8, 7.2, 51.1), (6.7, 50.8, 7.2, 51.1), 1),
        ("EPSG:4258", AxisOrder.UNKNOWN, (6.7, 50.8, 7.2, 51.1), (6.7, 50.8, 7.2, 51.1), 2),
        ("EPSG:4326", AxisOrder.XY, (6.7, 50.8, 7.2, 51.1), (6.7, 50.8, 7.2, 51.1), 0),
        ("EPSG:4326", AxisOrder.XY, (50.8, 6.7, 51.1, 7.2), (6.7, 50.8, 7.2, 51.1), 1),
        # Santiago is not in Europe, swapped or not: nothing is wrong with it.
        ("EPSG:4326", AxisOrder.XY, (-70.8, -33.6, -70.5, -33.3), (-70.8, -33.6, -70.5, -33.3), 0),
        ("EPSG:4326", AxisOrder.XY, (356000, 5640000, 357000, 5650000), None, 1),
        ("EPSG:25832", AxisOrder.XY, (6.7, 50.8, 7.2, 51.1), None, 1),
    ],
)
def test_judge(
    crs: str, order: AxisOrder, bounds: tuple[float, ...], extent: tuple[float, ...] | None, problems: int
) -> None:
    got, said = judge(declare(crs, crs, order), bounds)
    assert len(said) == problems, said
    if extent is not None:
        assert got == pytest.approx(extent, abs=1e-6)


def test_judge_without_crs_or_data() -> None:
    assert judge(None, (0, 0, 1, 1)) == (None, ["no CRS is declared: the recipe must state `source.crs`"])
    assert judge(declare("EPSG:4326", "x", AxisOrder.XY), None) == (None, [])
    assert judge(declare("EPSG:4326", "x", AxisOrder.XY), (float("nan"),) * 4) == (None, [])


def test_archive_of_several_kinds(tmp_path: Path) -> None:
    geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(7, 51)], crs=4326).to_file(tmp_path / "a.gpkg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.gpkg", "in/a.gpkg")
        archive.writestr("in/note.csv", "a,b\n1,2\n")
        archive.writestr("in/picture.tif", b"II*\0")
    told = describe(tmp_path / "a.zip")
    assert (told.reader, [layer.name for layer in told.layers]) == ("vector", ["a.gpkg: a"])
    assert any("note.csv" in p and "'table'" in p for p in told.problems)
    assert any("picture.tif" in p and "GDAL cannot read it" in p for p in told.problems)


def test_nothing_readable(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("picture.tif", b"II*\0")
        archive.writestr("other.pdf", b"%PDF")
    with pytest.raises(SourceError, match=r"nothing in it can be read.*and 1 more"):
        describe(tmp_path / "a.zip")
    with pytest.raises(NotFound):
        describe(tmp_path / "no")


def test_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there are: vector, gml, table, json, parquet"):
        list(read("excel", tmp_path, {}))
    with pytest.raises(RecipeError, match="no reader 'raster'"):  # it gives cells, no records
        list(read("raster", tmp_path, {}))


def test_readers_are_those_that_recipes_name() -> None:
    from typing import get_args

    from ldt.harmonise.recipe import Source

    assert set(READERS) == set(get_args(Source.model_fields["reader"].annotation))


def test_column_names() -> None:
    given = ["a", "A", "", "geometry", "_row", " b ", "a_", "raw", "KüRZEL"]
    assert column_names(given) == ["a", "A_", "column_3", "geometry_", "_row_", "b", "a__", "raw_", "KüRZEL"]
    assert len({n.lower() for n in column_names(given)}) == len(given)


@pytest.mark.parametrize(
    "delivery", ["clc_malta/clc2018_mt.gpkg.zip", "clms_local/rpz_DU001B_lclu_2018_2012_v01.gpkg.zip"]
)
def test_records_about_data_do_not_outvote_the_data(real_data: Path, delivery: str) -> None:
    told = describe(real_data / "landcover" / delivery)
    assert told.reader == "vector"
    assert any("'metadata'" in problem for problem in told.problems)
