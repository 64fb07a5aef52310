"""What is told of a GML file, its encodings and its faults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ldt.errors import SourceError
from ldt.settings import shipped
from ldt.sources import read
from ldt.sources.gml import GmlReader
from ldt.sources.gml_schemas import application_schema, usual_namespace
from ldt.sources.source import Description

SPACES = (
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:ps="http://inspire.ec.europa.eu/schemas/ps/4.0" xmlns:x="urn:x"'
)


def document(*features: str, head: str = "") -> str:
    members = "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
    return f"<gml:FeatureCollection {SPACES}>{head}{members}</gml:FeatureCollection>"


def described(path: Path, text: str, encoding: str = "utf-8") -> Description:
    path.write_bytes(text.encode(encoding))
    return GmlReader().describe(path)


def names(path: Path) -> list[str]:
    batches = read("gml", path, {"paths": {"name": "name"}})
    return [name for batch in batches for name in batch.records.column("name").to_pylist()]


# Schemas --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("namespace", "schema"),
    [
        ("http://inspire.ec.europa.eu/schemas/ps/4.0", "ps 4.0"),
        ("http://inspire.ec.europa.eu/schemas/us-net-common/5.0/", "us-net-common 5.0"),
        ("https://inspire.ec.europa.eu/schemas/hy-p/5.0", "hy-p 5.0"),
        ("http://inspire.jrc.ec.europa.eu/schemas/bu-ext2d/2.0", "bu-ext2d 2.0"),
        ("urn:x-inspire:specification:gmlas:ProtectedSites:3.0", "ps 3.0"),
        ("urn:x-inspire:specification:gmlas:HydroPhysicalWaters:3.0", "hy-p 3.0"),
        ("urn:x-inspire:specification:gmlas:ProtectedSitesFull:3.0", "ProtectedSitesFull 3.0"),
        ("http://www.opengis.net/om/2.0", "om 2.0"),
        ("http://www.opengis.net/citygml/building/2.0", "citygml/building 2.0"),
        ("http://www.opengis.net/gml", "gml"),
        ("http://dd.eionet.europa.eu/schemaset/id2011850eu-1.0", "id2011850eu 1.0"),
        ("http://www.deegree.org/app", None),
        ("urn:x", None),
    ],
)
def test_what_a_namespace_says(namespace: str, schema: str | None) -> None:
    assert application_schema(namespace) == schema


def test_schemas_are_those_of_the_reference() -> None:
    """Each short name stands in the namespace of its latest version."""
    table: dict[str, Any] = yaml.safe_load((shipped("schemas") / "application-schemas.yaml").read_text("utf-8"))["schemas"]  # fmt: skip
    assert len(table) == 75
    for short, schema in table.items():
        told = application_schema(schema["namespace"])
        assert told is not None
        assert told.split()[0] == short
        assert usual_namespace(short) == schema["namespace"]
    assert usual_namespace("xlink") == "http://www.w3.org/1999/xlink"
    assert usual_namespace("nobody") is None


# Layers and problems --------------------------------------------------------------------------------------------------------


def test_layers(tmp_path: Path) -> None:
    point = '<gml:Point srsName="urn:ogc:def:crs:EPSG::4258"><gml:pos>{} {}</gml:pos></gml:Point>'
    features = [
        f'<ps:ProtectedSite gml:id="s{i}"><ps:geometry>{point.format(50 + i, 7 - i)}</ps:geometry></ps:ProtectedSite>'
        for i in range(3)
    ]
    told = described(tmp_path / "a.gml", document(*features, '<x:Other gml:id="o"><x:a>1</x:a></x:Other>'))
    site, other = told.layers
    assert (site.name, site.count, site.schema, site.namespace) == (
        "ProtectedSite",
        3,
        "ps 4.0",
        "http://inspire.ec.europa.eu/schemas/ps/4.0",
    )
    assert site.geometry_types == ["Point"]
    assert site.extent == pytest.approx((5, 50, 7, 52))
    assert (other.count, other.schema, other.namespace, other.columns) == (1, None, "urn:x", {"a": "text"})
    assert told.problems == []


def test_problems(tmp_path: Path) -> None:
    features = [
        '<x:A gml:id="a"><x:b xlink:href="#b"/><x:b xlink:href="#none"/><x:b xlink:href="#nor"/><x:b xlink:href="http://x/#y"/></x:A>',
        (
            '<x:A gml:id="b"><x:n xsi:nil="true" nilReason="http://x/VoidReasonValue/Unpopulated"/><x:n xsi:nil="true" nilReason="other:unknown"/>'
            '<x:m xsi:nil="true"/><x:o xsi:nil="false">1</x:o></x:A>'
        ),
        '<x:A gml:id="c"><x:p><gml:Point srsName="EPSG:1"><gml:pos>1 2</gml:pos></gml:Point></x:p></x:A>',
        '<x:A gml:id="d"><x:p><gml:Point srsName="EPSG:25832"><gml:pos>1</gml:pos></gml:Point></x:p></x:A>',
    ]
    assert described(tmp_path / "a.gml", document(*features)).problems == [
        "1 feature has geometry that cannot be read",
        "srsName 'EPSG:1' names no CRS that is known",
        "3 values are nil (unpopulated 1, unknown 1, no reason 1)",
        "2 local references have no target in the file, as #none",
    ]


def test_empty_collection(tmp_path: Path) -> None:
    assert described(tmp_path / "a.gml", document()).problems == ["the collection is empty"]


# Encodings and faults ---------------------------------------------------------------------------------------------------------

NAMED = '<x:A gml:id="a"><x:name>Köln – €</x:name></x:A>'


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", None),
        ("utf-8-sig", "UTF-8"),
        ("cp1252", "windows-1252"),
        ("cp1250", "windows-1250"),
        ("utf-16", "UTF-16"),
        ("utf-16", None),
        ("utf-16-be", "UTF-16"),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, declared: str | None) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    (tmp_path / "a.gml").write_bytes((head + document(NAMED)).encode(encoding))
    assert names(tmp_path / "a.gml") == ["Köln – €"]


def test_iso_8859_15(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-15"?>' + document(NAMED.replace("–", "-"))
    (tmp_path / "a.gml").write_bytes(text.encode("iso-8859-15"))
    assert names(tmp_path / "a.gml") == ["Köln - €"]


@pytest.mark.parametrize(
    ("encoding", "declared", "message"),
    [
        ("cp1252", "UTF-8", "bytes at line 3 are not in the encoding UTF-8, which the file declares"),
        ("cp1252", None, "bytes at line 2 are not in the encoding UTF-8, which the file has without"),
        ("utf-8", "UTF-16", "bytes at line 1 are not in the encoding UTF-16, which the file declares"),
    ],
)
def test_wrong_encodings(tmp_path: Path, encoding: str, declared: str | None, message: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    text = head + document("\n" + NAMED)
    (tmp_path / "a.gml").write_bytes(text.encode(encoding))
    with pytest.raises(SourceError, match=re.escape(message)) as raised:
        names(tmp_path / "a.gml")
    assert 'encoding="windows-1252"' in str(raised.value)


@pytest.mark.parametrize(
    ("encoding", "declared", "shown"),
    [("utf-8", "ISO-8859-1", "KÃ¶ln"), ("cp1252", "ISO-8859-1", "\x80")],
)
def test_text_that_looks_misread(tmp_path: Path, encoding: str, declared: str, shown: str) -> None:
    """No parser can tell that these are wrong; people can, when they are shown a word of it."""
    text = f'<?xml version="1.0" encoding="{declared}"?>\n' + document(NAMED.replace("– ", ""))
    (problem,) = described(tmp_path / "a.gml", text, encoding).problems
    assert "looks like text in another encoding" in problem
    assert shown in problem or repr(shown)[1:-1] in problem


@pytest.mark.parametrize("before", [b"\n", b"  \r\n\t", b"\xef\xbb\xbf\n"])
def test_blanks_before_the_declaration(tmp_path: Path, before: bytes) -> None:
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + document(NAMED)
    (tmp_path / "a.gml").write_bytes(before + text.encode())
    assert names(tmp_path / "a.gml") == ["Köln – €"]
    assert GmlReader().describe(tmp_path / "a.gml").problems == [
        "something blank stands before the XML declaration; it was skipped"
    ]
    (tmp_path / "b.gml").write_bytes(b"\n\n" + text.replace("</x:name>", "</x:nam>").encode())
    with pytest.raises(SourceError, match="at line 4, column"):
        names(tmp_path / "b.gml")


def test_undeclared_prefixes(tmp_path: Path) -> None:
    text = "<gml:FeatureCollection>\n<gml:featureMember><ps:ProtectedSite/></gml:featureMember></gml:FeatureCollection>"
    (tmp_path / "a.gml").write_text(text)
    with pytest.raises(SourceError, match="the prefix 'gml' at line 1 has no namespace") as raised:
        names(tmp_path / "a.gml")
    assert 'xmlns:gml="http://www.opengis.net/gml/3.2"' in str(raised.value)
    assert 'xmlns:ps="http://inspire.ec.europa.eu/schemas/ps/5.0"' in str(raised.value)
