"""GML of INSPIRE themes for the tests of recipes, written by hand after the application schemas (release 2025.1), and what a recipe makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import shapely

from ldt.harmonise import harmonise
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import load_recipe
from ldt.sources import read

CODES = "http://inspire.ec.europa.eu/codelist"
#: Prefix → newest version and, for the version 3.0 that had no address, the name of the schema.
SCHEMAS = {
    "base": ("4.0", "BaseTypes"), "base2": ("2.0", "BaseTypes2"), "net": ("5.0", "Network"), "gn": ("4.0", "GeographicalNames"), "ad": ("4.0", "Addresses"),
    "act-core": ("4.0", "ActivityComplex_Core"), "elu": ("4.0", "ExistingLandUse"), "selu": ("4.0", "SampledExistingLandUse"), "plu": ("4.0", "PlannedLandUse"),
    "lunom": ("4.0", "LandUseNomenclature"), "ps": ("5.0", "ProtectedSites"), "ef": ("4.0", "EnvironmentalMonitoringFacilities"), "su-vector": ("4.0", "StatisticalUnitVector"),
    "su-grid": ("4.0", "StatisticalUnitGrid"), "su-core": ("4.0", "StatisticalUnitCore"), "pd": ("4.0", "PopulationDistributionDemography"), "us-net-common": ("5.0", "UtilityNetworksCommon"),
    "us-net-wa": ("5.0", "WaterNetwork"), "us-net-sw": ("5.0", "SewerNetwork"), "us-net-el": ("5.0", "ElectricityNetwork"), "us-net-ogc": ("5.0", "OilGasChemicalsNetwork"),
    "us-emf": ("4.0", "EnvironmentalManagementFacilities"), "us-govserv": ("5.0", "GovernmentalServices"), "pf": ("4.0", "ProductionAndIndustrialFacilities"),
    "am": ("4.0", "AreaManagementRestrictionRegulationZone"), "nz-core": ("5.0", "NaturalRiskZonesCore"), "lcv": ("5.0", "LandCoverVector"), "hh": ("5.0", "HumanHealth"),
    "so": ("4.0", "Soil"), "hb": ("4.0", "HabitatsAndBiotopes"), "sd": ("4.0", "SpeciesDistribution"), "er-v": ("4.0", "EnergyResourcesVector"), "er-b": ("4.0", "EnergyResourcesBase"),
    "er-c": ("4.0", "EnergyResourcesCoverage"), "ge": ("4.0", "GeologyCore"), "mr": ("4.0", "MineralResourcesCore"), "el-vec": ("5.0", "ElevationVectorElements"), "el-cov": ("5.0", "ElevationGridCoverage"),
}  # fmt: skip
_OTHERS = (
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:gco="http://www.isotc211.org/2005/gco" xmlns:swe="http://www.opengis.net/swe/2.0"'
    ' xmlns:gmlcov="http://www.opengis.net/gmlcov/1.0"'
)
NIL = 'xsi:nil="true" nilReason="http://inspire.ec.europa.eu/codelist/VoidReasonValue/Unpopulated"'
SRS = 'srsName="http://www.opengis.net/def/crs/EPSG/0/4258"'


def collection(*features: str, old: bool = False) -> str:
    """Return a collection of features in the newest schemas, or in those of version 3.0 with their URNs."""
    spaces = " ".join(
        f'xmlns:{prefix}="urn:x-inspire:specification:gmlas:{name}:3.0"'
        if old
        else f'xmlns:{prefix}="http://inspire.ec.europa.eu/schemas/{prefix}/{version}"'
        for prefix, (version, name) in SCHEMAS.items()
    )
    members = "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
    return f"<gml:FeatureCollection {_OTHERS} {spaces}>{members}</gml:FeatureCollection>"


def identifier(prefix: str, local_id: str) -> str:
    return (
        f"<{prefix}:inspireId><base:Identifier><base:localId>{local_id}</base:localId>"
        f"<base:namespace>https://example.org/{prefix}</base:namespace></base:Identifier></{prefix}:inspireId>"
    )


def code(element: str, value: str, title: str | None = None) -> str:
    """Return a property whose value is one of a code list: `code("ps:x", "ListValue/a")`."""
    shown = f' xlink:title="{title}"' if title else ""
    return f'<{element} xlink:href="{CODES}/{value}"{shown}/>'


def name(text: str) -> str:
    """Return a geographical name."""
    return (
        f"<gn:GeographicalName><gn:language>deu</gn:language><gn:sourceOfName {NIL}/><gn:spelling><gn:SpellingOfName><gn:text>{text}</gn:text>"
        "<gn:script>Latn</gn:script></gn:SpellingOfName></gn:spelling></gn:GeographicalName>"
    )


def point(latitude: float, longitude: float) -> str:
    return f"<gml:Point {SRS}><gml:pos>{latitude} {longitude}</gml:pos></gml:Point>"


def line(*positions: tuple[float, float]) -> str:
    text = " ".join(f"{latitude} {longitude}" for latitude, longitude in positions)
    return f"<gml:LineString {SRS}><gml:posList>{text}</gml:posList></gml:LineString>"


def square(south: float, west: float, side: float = 0.01) -> str:
    corners = [
        (south, west),
        (south, west + side),
        (south + side, west + side),
        (south + side, west),
        (south, west),
    ]
    text = " ".join(f"{latitude} {longitude}" for latitude, longitude in corners)
    return f"<gml:Polygon {SRS}><gml:exterior><gml:LinearRing><gml:posList>{text}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"


def period(begin: str, end: str) -> str:
    return f'<gml:TimePeriod gml:id="t{begin}"><gml:beginPosition>{begin}</gml:beginPosition><gml:endPosition>{end}</gml:endPosition></gml:TimePeriod>'


def made(recipe: str, path: Path, text: str | None = None) -> tuple[list[dict[str, Any]], list[Chunk]]:
    """Return the features that a recipe makes of a file (properties and raw taken apart, geometry as a shape), and the chunks."""
    if text is not None:
        path.write_text(text, encoding="utf-8")
    loaded = load_recipe(recipe)
    batches = read(loaded.source.reader, path, loaded.source.options)
    chunks = list(harmonise(loaded, batches, Context("https://example.org/own")))
    rows = []
    for chunk in chunks:
        assert chunk.tally.adds_up
        for row in chunk.features.to_pylist() if chunk.features else []:
            shape = shapely.from_wkb(row["geometry"]) if row["geometry"] else None
            raw = json.loads(row["raw"]) if row["raw"] else {}
            rows.append({**row, "geometry": shape, "properties": json.loads(row["properties"]), "raw": raw})
    return rows, chunks
