"""INSPIRE documents written by hand in the tests: the frame, identifiers, names, geometries, and what a recipe makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import shapely

from ldt.harmonise import harmonise
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import load_recipe
from ldt.model.outcome import Tally
from ldt.sources import read

CODES = "http://inspire.ec.europa.eu/codelist"
OWN = "https://example.org/own"
#: The namespace of the objects in the documents.
SPACE = "https://example.org/so"
_URN = "urn:x-inspire:specification:gmlas"
#: Namespaces by prefix, in the newest schemas and in those of version 3.0.
NEWEST = {
    "base": "http://inspire.ec.europa.eu/schemas/base/4.0",
    "gn": "http://inspire.ec.europa.eu/schemas/gn/4.0",
    "ad": "http://inspire.ec.europa.eu/schemas/ad/4.0",
    "au": "http://inspire.ec.europa.eu/schemas/au/5.0",
    "cp": "http://inspire.ec.europa.eu/schemas/cp/4.0",
    "hy": "http://inspire.ec.europa.eu/schemas/hy/5.0",
    "hy-p": "http://inspire.ec.europa.eu/schemas/hy-p/5.0",
    "hy-n": "http://inspire.ec.europa.eu/schemas/hy-n/5.0",
    "net": "http://inspire.ec.europa.eu/schemas/net/5.0",
    "tn": "http://inspire.ec.europa.eu/schemas/tn/5.0",
    "tn-ro": "http://inspire.ec.europa.eu/schemas/tn-ro/5.0",
    "tn-ra": "http://inspire.ec.europa.eu/schemas/tn-ra/5.0",
    "bu-base": "http://inspire.ec.europa.eu/schemas/bu-base/4.0",
    "bu-core2d": "http://inspire.ec.europa.eu/schemas/bu-core2d/4.0",
    "bu-core3d": "http://inspire.ec.europa.eu/schemas/bu-core3d/4.0",
    "bu-ext2d": "http://inspire.ec.europa.eu/schemas/bu-ext2d/4.0",
}
OLDEST = {
    **NEWEST,
    "base": f"{_URN}:BaseTypes:3.2",
    "gn": f"{_URN}:GeographicalNames:3.0",
    "ad": f"{_URN}:Addresses:3.0",
    "au": f"{_URN}:AdministrativeUnits:3.0",
    "cp": f"{_URN}:CadastralParcels:3.0",
    "hy-p": f"{_URN}:HydroPhysicalWaters:3.0",
    "hy-n": f"{_URN}:HydroNetwork:3.0",
    "net": f"{_URN}:Network:3.2",
    "tn": f"{_URN}:CommonTransportElements:3.0",
    "tn-ro": f"{_URN}:RoadTransportNetwork:3.0",
}
NIL = 'xsi:nil="true" nilReason="http://inspire.ec.europa.eu/codelist/VoidReasonValue/Unpopulated"'
_SRS = 'srsName="http://www.opengis.net/def/crs/EPSG/0/4258"'


def feature(element: str, name: str, *parts: str, prefix: str | None = None, identified: bool = True) -> str:
    """An object; its gml:id is its localId behind `_`."""
    prefix = prefix or element.partition(":")[0]
    identifier = (
        f"<{prefix}:inspireId><base:Identifier><base:localId>{name}</base:localId>"
        f"<base:namespace>{SPACE}</base:namespace></base:Identifier></{prefix}:inspireId>"
    )
    return f'<{element} gml:id="_{name}">{identifier if identified else ""}{"".join(parts)}</{element}>'


def spelled(element: str, *names: tuple[str, str, str]) -> str:
    """Names: (text, language, status) each."""
    return "".join(
        f"<{element}><gn:GeographicalName><gn:language>{language}</gn:language>"
        f'<gn:nativeness xlink:href="{CODES}/NativenessValue/endonym"/><gn:nameStatus xlink:href="{CODES}/NameStatusValue/{status}"/>'
        f"<gn:sourceOfName {NIL}/><gn:pronunciation {NIL}/><gn:spelling><gn:SpellingOfName><gn:text>{text}</gn:text>"
        f"<gn:script>Latn</gn:script></gn:SpellingOfName></gn:spelling></gn:GeographicalName></{element}>"
        for text, language, status in names
    )


def to(element: str, *hrefs: str) -> str:
    """References."""
    return "".join(f'<{element} xlink:href="{href}"/>' for href in hrefs)


def code(element: str, value: str) -> str:
    """A value of a code list, as an address."""
    return f'<{element} xlink:href="{CODES}/SomeValue/{value}"/>'


def point(element: str, north: float = 50.9, east: float = 6.9) -> str:
    """A point within a property."""
    return f"<{element}><gml:Point {_SRS}><gml:pos>{north} {east}</gml:pos></gml:Point></{element}>"


def line(element: str) -> str:
    """A line of two positions."""
    return f"<{element}><gml:LineString {_SRS}><gml:posList>50.9 6.9 50.91 6.92</gml:posList></gml:LineString></{element}>"


def area(element: str) -> str:
    """A square of a thousandth of a degree."""
    ring = "50.9 6.9 50.9 6.901 50.901 6.901 50.901 6.9 50.9 6.9"
    return (
        f"<{element}><gml:Polygon {_SRS}><gml:exterior><gml:LinearRing><gml:posList>{ring}</gml:posList>"
        f"</gml:LinearRing></gml:exterior></gml:Polygon></{element}>"
    )


def write(path: Path, *features: str, spaces: dict[str, str] = NEWEST) -> Path:
    """Write a collection of objects."""
    declared = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in spaces.items())
    members = "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
    path.write_text(
        '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink"'
        ' xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:gco="http://www.isotc211.org/2005/gco"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {declared}>{members}</gml:FeatureCollection>',
        encoding="utf-8",
    )
    return path


def made(
    recipe: str, path: Path, selection: shapely.Geometry | None = None
) -> tuple[list[dict[str, Any]], Tally, list[str]]:
    """What a recipe of `inspire/` makes of a file: its features (properties and geometry taken apart), the tally, the messages."""
    loaded = load_recipe(f"inspire/{recipe}")
    tally, rows, messages = Tally(), [], []
    for chunk in harmonise(loaded, read("gml", path, loaded.source.options), Context(OWN, selection)):
        tally.add(chunk.tally)
        messages += [o.message for o in chunk.outcomes]
        for row in chunk.features.to_pylist() if chunk.features else []:
            shape = shapely.from_wkb(row["geometry"]) if row["geometry"] else None
            rows.append({**row, "properties": json.loads(row["properties"]), "geometry": shape})
    return rows, tally, messages


def only(recipe: str, path: Path) -> dict[str, Any]:
    """The one feature that a recipe makes of a file."""
    (row,), tally, messages = made(recipe, path)
    assert (tally.read, tally.accepted) == (1, 1), messages
    return row


def all_taken(recipe: str, path: Path, number: int) -> None:
    """Assert that a recipe takes every feature of a real file, each with its alias and some properties."""
    rows, tally, messages = made(recipe, path)
    assert (tally.read, tally.accepted + tally.repaired) == (number, number), messages
    assert len({row["alias"] for row in rows}) == number
    assert all(row["properties"] for row in rows)
