"""The vocabularies that observations are checked against."""

import csv
from pathlib import Path

import pytest
import yaml

from ldt.harmonise.vocabulary import integer_codes, observed_property
from ldt.settings import shipped
from ldt.units import ucum

NAMES = ["observed-properties", "observation-validity", "observation-verification"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NO2", "NO2"),
        ("8", "NO2"),
        ("http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8", "NO2"),
        ("https://dd.eionet.europa.eu/vocabulary/aq/pollutant/6001", "PM2.5"),
        ("no2", "NO2"),
        ("pm2,5", "PM2.5"),
        (" PM25 ", "PM2.5"),
        ("NOX as NO2", "NOx"),
        ("5012", "Pb-in-PM10"),
        ("BaP in PM10", "BaP-in-PM10"),
    ],
)
def test_names_of_what_is_observed(text: str, code: str) -> None:
    found = observed_property(text)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("text", ["", "PM3", "80", "aq/pollutant/8", "nitrogen"])
def test_what_is_no_name(text: str) -> None:
    assert observed_property(text) is None


def test_the_codes_of_the_flags() -> None:
    assert integer_codes("observation-validity") == {-99, -1, 1, 2, 3, 4}
    assert integer_codes("observation-verification") == {1, 2, 3}


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_whole(name: str) -> None:
    vocabulary = yaml.safe_load(
        (shipped("schemas") / "vocabularies" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    assert vocabulary["id"] == name
    assert set(vocabulary["title"]) == {"en", "de", "fr", "es", "it"}
    codes = [c["code"] for c in vocabulary["concepts"]]
    assert len(codes) == len(set(codes))
    for concept in vocabulary["concepts"]:
        assert isinstance(concept["code"], str)
        assert set(concept["label"]) == {"en", "de", "fr", "es", "it"}
        if name != "observed-properties":
            assert concept["uri"].startswith(vocabulary["uri_base"])
        else:
            unit = concept["properties"]["unit"]
            assert ucum(unit) == unit
            eea = concept["properties"].get("eea_code")
            if eea is not None:
                assert concept["uri"] == f"http://dd.eionet.europa.eu/vocabulary/aq/pollutant/{eea}"
            elif "uri" in concept:
                # The names of CF are their own notations here, so that a file that uses them is understood.
                base, name_of_cf = concept["uri"].rstrip("/").rsplit("/", 1)
                assert base == "http://vocab.nerc.ac.uk/standard_name"
                assert name_of_cf in concept["properties"]["notations"]
    uris = [c["uri"] for c in vocabulary["concepts"] if "uri" in c]
    assert len(uris) == len(set(uris))


def test_codes_and_numbers_agree_with_the_limit_values(real_data: Path) -> None:
    """The list of limit values was put together independently; it names pollutants by code and by the EEA's number."""
    path = real_data.parent / "reference" / "standards" / "air_standards.csv"
    if not path.is_file():
        pytest.skip(f"the list of limit values is not here: {path}")
    with path.open(encoding="utf-8") as file:
        pairs = {
            (r["pollutant"], r["eea_pollutant_code"]) for r in csv.DictReader(file) if r["eea_pollutant_code"]
        }
    assert len(pairs) > 8
    for code, number in pairs:
        for text in (code, number):
            found = observed_property(text)
            assert found is not None
            assert found.code.removesuffix("-in-PM10") == code
