"""Descriptions of data sets: records of ISO 19139, ISO 19115-3 and CSW 2.0.2 written here, and real ones whose counts lxml tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely
from lxml import etree
from tests.pipeline.cityfiles import make_twin

from ldt.errors import HostileSource, SourceError
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest
from ldt.pipeline.inspect import inspect
from ldt.sources import describe, read
from ldt.store.connect import connect

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{name}"'
    for prefix, name in {
        "csw": "http://www.opengis.net/cat/csw/2.0.2",
        "gmd": "http://www.isotc211.org/2005/gmd",
        "gmx": "http://www.isotc211.org/2005/gmx",
        "gco": "http://www.isotc211.org/2005/gco",
        "mdb": "http://standards.iso.org/iso/19115/-3/mdb/2.0",
        "mri": "http://standards.iso.org/iso/19115/-3/mri/1.0",
        "mcc": "http://standards.iso.org/iso/19115/-3/mcc/1.0",
        "cit": "http://standards.iso.org/iso/19115/-3/cit/2.0",
        "gex": "http://standards.iso.org/iso/19115/-3/gex/1.0",
        "dc": "http://purl.org/dc/elements/1.1/",
        "dct": "http://purl.org/dc/terms/",
        "ows": "http://www.opengis.net/ows",
        "xlink": "http://www.w3.org/1999/xlink",
    }.items()
)


def text(words: str) -> str:
    return f"<gco:CharacterString>{words}</gco:CharacterString>"


def box(west: object, south: object, east: object, north: object, prefix: str = "gmd") -> str:
    sides = {
        "westBoundLongitude": west,
        "eastBoundLongitude": east,
        "southBoundLatitude": south,
        "northBoundLatitude": north,
    }
    inner = "".join(f"<{prefix}:{n}><gco:Decimal>{v}</gco:Decimal></{prefix}:{n}>" for n, v in sides.items())
    return f"<{prefix}:EX_GeographicBoundingBox>{inner}</{prefix}:EX_GeographicBoundingBox>"


def iso(number: int, *boxes: str, root: str = "gmd:MD_Metadata") -> str:
    """A record of ISO 19139; a thesaurus has a citation of its own, with a title that is not the record's."""
    return f"""<{root} {NAMESPACES}>
<gmd:fileIdentifier>{text(f"record-{number}")}</gmd:fileIdentifier>
<gmd:language><gmd:LanguageCode codeList="x" codeListValue="ger"/></gmd:language>
<gmd:hierarchyLevel><gmd:MD_ScopeCode codeList="x" codeListValue="dataset"/></gmd:hierarchyLevel>
<gmd:contact><gmd:CI_ResponsibleParty><gmd:organisationName>{text("Catalogue office")}</gmd:organisationName></gmd:CI_ResponsibleParty></gmd:contact>
<gmd:dateStamp><gco:Date>2025-02-03</gco:Date></gmd:dateStamp>
<gmd:identificationInfo><gmd:MD_DataIdentification>
<gmd:citation><gmd:CI_Citation><gmd:title>{text(f"Trees  {number}")}</gmd:title>
<gmd:date><gmd:CI_Date><gmd:date><gco:Date>2020-01-01</gco:Date></gmd:date></gmd:CI_Date></gmd:date>
<gmd:date><gmd:CI_Date><gmd:date><gco:DateTime>2024-05-06T00:00:00</gco:DateTime></gmd:date></gmd:CI_Date></gmd:date>
<gmd:identifier><gmd:MD_Identifier><gmd:code><gmx:Anchor xlink:href="https://example.org/id/trees"/></gmd:code></gmd:MD_Identifier></gmd:identifier>
</gmd:CI_Citation></gmd:citation>
<gmd:abstract>{text("All trees of the town.")}</gmd:abstract>
<gmd:pointOfContact><gmd:CI_ResponsibleParty><gmd:organisationName>{text("Town of Trees")}</gmd:organisationName></gmd:CI_ResponsibleParty></gmd:pointOfContact>
<gmd:descriptiveKeywords><gmd:MD_Keywords><gmd:keyword>{text("trees")}</gmd:keyword><gmd:keyword>{text("trees")}</gmd:keyword>
<gmd:keyword><gmx:Anchor xlink:href="https://example.org/parks">parks</gmx:Anchor></gmd:keyword><gmd:keyword>{text("")}</gmd:keyword>
<gmd:thesaurusName><gmd:CI_Citation><gmd:title>{text("A thesaurus")}</gmd:title></gmd:CI_Citation></gmd:thesaurusName></gmd:MD_Keywords></gmd:descriptiveKeywords>
<gmd:resourceConstraints><gmd:MD_LegalConstraints><gmd:useConstraints><gmd:MD_RestrictionCode codeList="x" codeListValue="otherRestrictions"/></gmd:useConstraints>
<gmd:otherConstraints>{text("Source: Town of Trees")}</gmd:otherConstraints>
<gmd:otherConstraints><gmx:Anchor xlink:href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</gmx:Anchor></gmd:otherConstraints></gmd:MD_LegalConstraints></gmd:resourceConstraints>
<gmd:topicCategory><gmd:MD_TopicCategoryCode>environment</gmd:MD_TopicCategoryCode></gmd:topicCategory>
<gmd:extent><gmd:EX_Extent>{"".join(f"<gmd:geographicElement>{b}</gmd:geographicElement>" for b in boxes)}</gmd:EX_Extent></gmd:extent>
</gmd:MD_DataIdentification></gmd:identificationInfo>
<gmd:distributionInfo><gmd:MD_Distribution><gmd:transferOptions><gmd:MD_DigitalTransferOptions><gmd:onLine><gmd:CI_OnlineResource>
<gmd:linkage><gmd:URL>https://example.org/wfs</gmd:URL></gmd:linkage></gmd:CI_OnlineResource></gmd:onLine></gmd:MD_DigitalTransferOptions></gmd:transferOptions></gmd:MD_Distribution></gmd:distributionInfo>
</{root}>"""


NEWER = f"""<mdb:MD_Metadata {NAMESPACES}>
<mdb:metadataIdentifier><mcc:MD_Identifier><mcc:code>{text("n-1")}</mcc:code></mcc:MD_Identifier></mdb:metadataIdentifier>
<mdb:metadataScope><mdb:MD_MetadataScope><mdb:resourceScope><mcc:MD_ScopeCode codeListValue="series"/></mdb:resourceScope></mdb:MD_MetadataScope></mdb:metadataScope>
<mdb:identificationInfo><mri:MD_DataIdentification><mri:citation><cit:CI_Citation><cit:title>{text("Newer")}</cit:title></cit:CI_Citation></mri:citation>
<mri:pointOfContact><cit:CI_Responsibility><cit:party><cit:CI_Organisation><cit:name>{text("An office")}</cit:name></cit:CI_Organisation></cit:party></cit:CI_Responsibility></mri:pointOfContact>
<mri:extent><gex:EX_Extent><gex:geographicElement>{box(6, 50, 7, 51, "gex")}</gex:geographicElement></gex:EX_Extent></mri:extent>
</mri:MD_DataIdentification></mdb:identificationInfo></mdb:MD_Metadata>"""


def dublin(number: int, crs: str, low: str, high: str, kind: str = "Record") -> str:
    return f"""<csw:{kind}><dc:identifier>dc-{number}</dc:identifier><dc:title>Rivers</dc:title><dc:type>dataset</dc:type>
<dc:subject>water</dc:subject><dc:subject>rivers</dc:subject><dct:abstract>All rivers.</dct:abstract><dct:modified>2024-01-01</dct:modified>
<dc:rights>public domain</dc:rights><dct:references scheme="OGC:WFS">https://example.org/wfs</dct:references>
<ows:BoundingBox{f' crs="{crs}"' if crs else ""}><ows:LowerCorner>{low}</ows:LowerCorner><ows:UpperCorner>{high}</ows:UpperCorner></ows:BoundingBox></csw:{kind}>"""


def answer(*records: str, matched: int = 9) -> str:
    return f"""<?xml version="1.0"?><csw:GetRecordsResponse {NAMESPACES}><csw:SearchStatus timestamp="2025-01-01T00:00:00Z"/>
<csw:SearchResults numberOfRecordsMatched="{matched}" nextRecord="3">{"".join(records)}</csw:SearchResults></csw:GetRecordsResponse>"""


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for batch in read("metadata", path, {}) for row in batch.records.to_pylist()]


def written(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "records.xml"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("root", ["gmd:MD_Metadata", "gmd:MI_Metadata", "gmd:CHE_MD_Metadata"])
def test_a_record_of_iso_19139(tmp_path: Path, root: str) -> None:
    (row,) = rows(written(tmp_path, iso(1, box(6.9, 50.9, 7.0, 51.0), root=root)))
    geometry = shapely.from_wkb(row.pop("geometry"))
    assert geometry.bounds == (6.9, 50.9, 7.0, 51.0)
    assert {k: v for k, v in row.items() if not k.startswith("_") and v is not None} == {
        "identifier": "record-1",
        "resource_identifier": "https://example.org/id/trees",
        "title": "Trees 1",
        "abstract": "All trees of the town.",
        "type": "dataset",
        "publisher": "Town of Trees",
        "modified": "2025-02-03",
        "language": "ger",
        "keywords": ["trees", "parks"],
        "themes": ["environment"],
        "constraints": ["otherRestrictions", "Source: Town of Trees", "CC BY 4.0"],
        "dates": ["2020-01-01", "2024-05-06T00:00:00"],
        "links": ["https://example.org/wfs"],
    }


def test_a_record_of_iso_19115_3(tmp_path: Path) -> None:
    (row,) = rows(written(tmp_path, NEWER))
    assert [row[n] for n in ("identifier", "type", "title", "publisher")] == [
        "n-1",
        "series",
        "Newer",
        "An office",
    ]
    assert shapely.from_wkb(row["geometry"]).bounds == (6, 50, 7, 51)


@pytest.mark.parametrize("kind", ["Record", "SummaryRecord", "BriefRecord"])
@pytest.mark.parametrize(
    ("crs", "low", "high"),
    [
        ("", "6 50", "7 51"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "6 50", "7 51"),
        ("urn:ogc:def:crs:EPSG::4326", "50 6", "51 7"),
        ("urn:x-ogc:def:crs:EPSG:6.11:4326", "50 6", "51 7"),
        ("EPSG:4326", "6 50", "7 51"),
        # Corners of the same place in UTM 32, as pyproj has them.
        ("urn:ogc:def:crs:EPSG::25832", "285015.76 5542944.02", "359666.70 5651728.68"),
    ],
)
def test_a_record_of_csw(tmp_path: Path, kind: str, crs: str, low: str, high: str) -> None:
    (row,) = rows(written(tmp_path, answer(dublin(1, crs, low, high, kind))))
    west, south, east, north = shapely.from_wkb(row["geometry"]).bounds
    # A box of UTM is wider than its corners: the frame of its image.
    assert (west, south, east, north) == pytest.approx((6, 50, 7, 51), abs=0.08 if "25832" in crs else 1e-9)
    assert row["keywords"] == ["water", "rivers"]
    assert (row["identifier"], row["title"], row["abstract"], row["modified"]) == (
        "dc-1",
        "Rivers",
        "All rivers.",
        "2024-01-01",
    )
    assert (row["constraints"], row["links"]) == (["public domain"], ["https://example.org/wfs"])


def test_boxes_of_every_shape(tmp_path: Path) -> None:
    """None, two, one across the antimeridian, a point, and one that is no number."""
    boxes = [
        (),
        (box(6, 50, 7, 51), box(10, 50, 11, 51)),
        (box(179, -18, -179, -17),),
        (box(7, 51, 7, 51),),
        (box("6,5", 50, "7,0", 51),),
        (box("west", 50, 7, 51),),
    ]
    found: list[Any] = [
        None if r["geometry"] is None else shapely.from_wkb(r["geometry"])
        for r in rows(written(tmp_path, answer(*(iso(i, *b) for i, b in enumerate(boxes)))))
    ]
    assert [None if g is None else g.geom_type for g in found] == [
        None,
        "MultiPolygon",
        "MultiPolygon",
        "Point",
        "Polygon",
        None,
    ]
    assert found[1].area == pytest.approx(2)
    assert found[2].area == pytest.approx(2)
    assert found[4].bounds == (6.5, 50, 7, 51)


def test_many_records_are_counted_on(tmp_path: Path) -> None:
    path = written(tmp_path, answer(*(dublin(i, "", "6 50", "7 51") for i in range(1201))))
    found = rows(path)
    assert [r["_row"] for r in found] == list(range(1201))
    assert len({r["identifier"] for r in found}) == 1201


def test_an_answer_without_records_is_a_document_and_a_broken_one_an_error(tmp_path: Path) -> None:
    assert describe(written(tmp_path, answer(matched=0))).document is not None
    whole = answer(iso(1, box(6, 50, 7, 51)), iso(2))
    path = written(tmp_path, whole[: len(whole) - 200])
    with pytest.raises(SourceError, match="not well-formed"):
        rows(path)
    hostile = written(tmp_path, '<!DOCTYPE x [<!ENTITY a "b">]>' + iso(1))
    with pytest.raises(HostileSource):
        rows(hostile)


def test_a_catalogue_s_answer_in_a_twin(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = written(tmp_path, answer(iso(1, box(6.9, 50.9, 7.0, 51.0)), iso(2)))
    done = ingest(database_url, "town", load_recipe("services/csw"), [path])
    assert (done.tally.read, done.tally.accepted) == (2, 2)
    with connect(database_url) as conn:
        found = conn.execute(
            "SELECT local_id, ST_XMin(geom), properties FROM ldt.feature ORDER BY 1"
        ).fetchall()
    assert [(r[0], r[1]) for r in found] == [("record-1", 6.9), ("record-2", None)]
    assert found[0][2] == {
        "identifier": "record-1",
        "resource_identifier": "https://example.org/id/trees",
        "title": "Trees 1",
        "abstract": "All trees of the town.",
        "resource_type": "dataset",
        "keywords": ["trees", "parks"],
        "themes": ["environment"],
        "publisher": "Town of Trees",
        "licence": "CC BY 4.0",
        "constraints": ["Source: Town of Trees", "CC BY 4.0"],
        "date": "2024-05-06T00:00:00",
        "modified": "2025-02-03",
        "language": "ger",
        "links": ["https://example.org/wfs"],
    }


def test_records_of_an_ogc_api_in_a_twin(database_url: str, tmp_path: Path) -> None:
    """The members of the record core (OGC 20-004r1, table 7)."""
    make_twin(database_url)
    ring = [[6.9, 50.9], [7.0, 50.9], [7.0, 51.0], [6.9, 51.0], [6.9, 50.9]]
    record = {
        "id": "urn:x:1",
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "type": "dataset",
            "title": "Trees",
            "description": "All trees.",
            "keywords": ["trees", "parks"],
            "themes": [{"concepts": [{"id": "environment"}, {"id": "biota"}], "scheme": "x"}],
            "contacts": [{"organization": "Town of Trees"}],
            "license": "CC-BY-4.0",
            "updated": "2024-05-06T00:00:00Z",
            "language": {"code": "de"},
            "externalIds": [{"value": "trees"}],
        },
        "links": [{"rel": "item", "href": "https://example.org/trees.gpkg"}],
    }
    bare: dict[str, Any] = {
        "id": "urn:x:2",
        "type": "Feature",
        "geometry": None,
        "properties": {"title": "Bare"},
        "links": [],
    }
    path = tmp_path / "items.json"
    path.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": [record, bare]}))
    done = ingest(database_url, "town", load_recipe("services/ogcapi-records"), [path])
    assert (done.tally.read, done.tally.accepted) == (2, 2), done.tally.reasons
    with connect(database_url) as conn:
        found = conn.execute(
            "SELECT local_id, ST_XMin(geom), properties FROM ldt.feature ORDER BY 1"
        ).fetchall()
    assert found[0][:2] == ("urn:x:1", 6.9)
    assert found[0][2] == {
        "identifier": "urn:x:1",
        "resource_identifier": "trees",
        "title": "Trees",
        "abstract": "All trees.",
        "resource_type": "dataset",
        "keywords": ["trees", "parks"],
        "themes": ["environment", "biota"],
        "publisher": "Town of Trees",
        "licence": "CC-BY-4.0",
        "date": "2024-05-06T00:00:00Z",
        "language": "de",
        "links": ["https://example.org/trees.gpkg"],
    }
    assert found[1] == ("urn:x:2", None, {"identifier": "urn:x:2", "title": "Bare"})


@pytest.mark.parametrize(
    "name",
    [
        "inspire/services/inspire-getrecords-response.xml",
        "metadata/eea_clms/IMD_2018_010m_eu_03035_test.xml",
        "metadata/eea_clms/inspire_bad.xml",
        "metadata/eea_clms/inspire_good.xml",
        "metadata/owslib/csw_dov_getrecordbyid.xml",
        "metadata/owslib/csw_geobretagne_mdmetadata.xml",
        "metadata/owslib/iso_che.xml",
        "metadata/owslib/iso_keywords_anchor.xml",
    ],
)
def test_real_records_against_lxml(real_data: Path, name: str) -> None:
    """Titles, boxes and numbers of keywords, found with XPath."""
    tree = etree.parse(real_data / name)
    elements: Any = tree.xpath("//*[local-name()='MD_Metadata' or local-name()='CHE_MD_Metadata']")
    found = rows(real_data / name)
    assert len(found) == len(elements) > 0

    def texts(element: Any, path: str) -> list[str]:
        steps = "/".join("*" if s == "*" else f"*[local-name()='{s}']" for s in path.split("/"))
        firsts = (
            next((" ".join(t.split()) for t in e.itertext() if t.strip()), "") for e in element.xpath(steps)
        )
        return [t for t in firsts if t]

    for row, element in zip(found, elements, strict=True):
        assert row["identifier"] == texts(element, "fileIdentifier/CharacterString")[0]
        assert row["title"] == texts(element, "identificationInfo/*/citation/CI_Citation/title")[0]
        keywords = set(texts(element, "identificationInfo/*/descriptiveKeywords/MD_Keywords/keyword"))
        assert len(row["keywords"]) == len(keywords) > 0
        west = element.xpath("string(.//*[local-name()='westBoundLongitude']/*)").strip()
        assert (row["geometry"] is None) is (west == "")
        if west:
            assert shapely.from_wkb(row["geometry"]).bounds[0] == float(west)
    told = inspect(real_data / name)
    assert (told["recipes"], told["layers"][0]["count"]) == (["services/csw"], len(elements))


def test_a_title_of_another_is_none(tmp_path: Path) -> None:
    """A record without a title of its own does not take that of its thesaurus."""
    (row,) = rows(written(tmp_path, iso(1).replace("Trees  1", " ")))
    assert row["title"] is None
