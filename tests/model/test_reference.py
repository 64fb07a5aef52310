"""What the text of a reference may mean, in the notations that are met in the wild; the expectations are written by hand."""

from __future__ import annotations

import pytest

from ldt.model.reference import Candidates, targets

Pair = tuple[str | None, str]


def test_a_local_reference_names_an_alias() -> None:
    assert targets("#ES.SDGC.TN.38.012.1") == Candidates(
        ("ES.SDGC.TN.38.012.1",), ((None, "ES.SDGC.TN.38.012.1"),)
    )
    assert targets(" #a%20b ").aliases == ("a b",)
    assert targets("streets.gml#TN_7").aliases == ("TN_7",)


@pytest.mark.parametrize("text", ["", "  ", "#"])
def test_nothing_means_nothing(text: str) -> None:
    assert targets(text) == Candidates()


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        # deegree, GeoServer and the INSPIRE guidelines write the stored query in these ways
        (
            "http://example.org/wfs?REQUEST=GetFeature&STOREDQUERY_ID=urn:ogc:def:query:OGC-WFS::GetFeatureById&ID=CP_1#CP_1",
            "CP_1",
        ),
        ("https://example.org/wfs?request=GetFeature&resourceId=AU.5", "AU.5"),
        ("https://example.org/wfs?request=GetFeature&version=1.1.0&featureid=AU.5", "AU.5"),
        ("http://example.org/wfs?VERSION=1.1.0&REQUEST=GetGmlObject&GMLOBJECTID=AU.5", "AU.5"),
        ("https://example.org/api/collections/parcels/items/P%2F1?f=json", "P/1"),
        ("https://example.org/wfsCP.aspx?STOREDQUERIE_ID=GetParcel&refcat=000900100CS52B", "000900100CS52B"),
    ],
)
def test_a_request_names_the_object_that_it_asks_for(text: str, alias: str) -> None:
    found = targets(text)
    assert found.aliases == (alias,)
    assert (None, alias) in found.identifiers


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        # Hamburg: the namespace is an address itself
        (
            "https://registry.gdi-de.org/id/de.hh/ad/Address_49",
            ("https://registry.gdi-de.org/id/de.hh/ad", "Address_49"),
        ),
        (
            "https://registry.gdi-de.org/id/de.hh/ad/Address_49",
            ("http://registry.gdi-de.org/id/de.hh/ad/", "Address_49"),
        ),
        # a namespace in dots, behind the address of a register
        ("https://register.example/id/DE.HH.AU/02", ("DE.HH.AU", "02")),
        # slashes within the localId
        ("https://register.example/so/a/b", ("https://register.example/so", "a/b")),
        # the version behind it
        ("https://register.example/au/12/2020-01-01", ("https://register.example/au", "12")),
        ("urn:x-inspire:object:id:NL.KAD.CP:LNK00D.2377", ("NL.KAD.CP", "LNK00D.2377")),
        ("urn:x-inspire:object:id:NL.KAD.CP:LNK00D.2377:7", ("NL.KAD.CP", "LNK00D.2377")),
        # the Dutch cadastre joins both with a dot
        ("urn:x-inspire:object:id:NL.KAD.CP.LNK00D.2377", ("NL.KAD.CP", "LNK00D.2377")),
        ("urn:adv:oid:DEHHALKA10000005", (None, "urn:adv:oid:DEHHALKA10000005")),
        ("ES.SDGC.AU/28.900", ("ES.SDGC.AU", "28.900")),
        ("ES.SDGC.AU/28.900/2", ("ES.SDGC.AU", "28.900")),
        ("ES.SDGC.AU:28.900", ("ES.SDGC.AU", "28.900")),
        ("28.900", (None, "28.900")),
    ],
)
def test_an_identifier_is_among_the_candidates(text: str, pair: Pair) -> None:
    assert pair in targets(text).identifiers


def test_a_urn_names_an_alias_too() -> None:
    assert "NL.KAD.CP.LNK00D.2377" in targets("urn:x-inspire:object:id:NL.KAD.CP.LNK00D.2377").aliases
    assert "DEHHALKA10000005" in targets("urn:adv:oid:DEHHALKA10000005").aliases
    assert targets("28.900").aliases == ("28.900",)


def test_the_last_part_of_an_address_alone_is_no_candidate() -> None:
    found = targets("https://other.example/parcels/1")
    assert found.aliases == ()
    assert (None, "1") not in found.identifiers
    assert targets("https://other.example/1").identifiers == (
        (None, "https://other.example/1"),
        ("https://other.example", "1"),
        ("https://other.example/", "1"),
        ("http://other.example", "1"),
        ("http://other.example/", "1"),
    )


def test_a_text_of_a_thousand_parts_has_few_candidates() -> None:
    for separator in "/:.":
        for start in ("", "http://h/", "urn:x-inspire:object:id:"):
            assert len(targets(start + separator.join("abcdefgh" * 125)).identifiers) < 100
