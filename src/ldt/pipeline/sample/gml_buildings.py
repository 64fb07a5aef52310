"""Buildings as INSPIRE GML (bu-core2d 4.0), written as a stream: a file of tens of megabytes needs no tree in memory.

The order of the elements is that of the application schema (BuildingsBase 4.0): AbstractConstruction, AbstractBuilding, Building.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import shapely
from pyproj import Transformer

from ldt.pipeline.sample.buildings import CROSSED, TWICE, Buildings
from ldt.pipeline.sample.city import CRS, NAME, Floats
from ldt.pipeline.sample.gml import NAMESPACE, SRS

_CODELIST = "http://inspire.ec.europa.eu/codelist"
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink"\
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3"\
 xmlns:bu-base="http://inspire.ec.europa.eu/schemas/bu-base/4.0"\
 xmlns:bu-core2d="http://inspire.ec.europa.eu/schemas/bu-core2d/4.0" gml:id="buildings">
<!-- {notice} -->
<gml:description>{notice}</gml:description>
<gml:name>{name}, buildings (synthetic data)</gml:name>
"""
_BUILDING = """<gml:featureMember><bu-core2d:Building gml:id="bu.{number}">
<bu-base:beginLifespanVersion>2025-01-01T00:00:00Z</bu-base:beginLifespanVersion>
<bu-base:conditionOfConstruction xlink:href="{codelist}/ConditionOfConstructionValue/functional"/>
<bu-base:dateOfConstruction><bu-base:DateOfEvent><bu-base:end>{year}-01-01T00:00:00Z</bu-base:end></bu-base:DateOfEvent></bu-base:dateOfConstruction>
<bu-base:heightAboveGround><bu-base:HeightAboveGround>\
<bu-base:heightReference xlink:href="{codelist}/ElevationReferenceValue/highestPoint"/>\
<bu-base:lowReference xlink:href="{codelist}/ElevationReferenceValue/generalGround"/>\
<bu-base:status xlink:href="{codelist}/HeightStatusValue/measured"/>\
<bu-base:value uom="m">{height}</bu-base:value></bu-base:HeightAboveGround></bu-base:heightAboveGround>
<bu-base:inspireId><base:Identifier><base:localId>{number}</base:localId><base:namespace>{namespace}/bu</base:namespace></base:Identifier></bu-base:inspireId>
<bu-base:currentUse><bu-base:CurrentUse><bu-base:currentUse xlink:href="{codelist}/CurrentUseValue/{use}"/><bu-base:percentage>100</bu-base:percentage></bu-base:CurrentUse></bu-base:currentUse>
<bu-base:numberOfFloorsAboveGround>{floors}</bu-base:numberOfFloorsAboveGround>
<bu-core2d:geometry2D><bu-base:BuildingGeometry2D><bu-base:geometry><gml:Polygon gml:id="bu.{number}-0" srsName="{srs}" srsDimension="2">{rings}</gml:Polygon></bu-base:geometry>\
<bu-base:referenceGeometry>true</bu-base:referenceGeometry>\
<bu-base:horizontalGeometryReference xlink:href="{codelist}/HorizontalGeometryReferenceValue/footPrint"/></bu-base:BuildingGeometry2D></bu-core2d:geometry2D>
</bu-core2d:Building></gml:featureMember>
"""
_RING = "<gml:{tag}><gml:LinearRing><gml:posList>{positions}</gml:posList></gml:LinearRing></gml:{tag}>"


def write_buildings(path: Path, buildings: Buildings, notice: str) -> None:
    """Write buildings into a gzip; some stand in the file a second time, at its end."""
    # Without name and time in its header, a gzip of the same text has the same bytes.
    with path.open("wb") as target, gzip.GzipFile("", "wb", 6, target, mtime=0) as packed:
        file = io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
        file.write(_HEAD.format(notice=escape(notice), name=NAME))
        first: list[str] = []
        for number, text in enumerate(_members(buildings)):
            file.write(text)
            # The crossed ones are left out: repaired twice they would be told twice.
            if CROSSED <= number < CROSSED + TWICE:
                first.append(text)
        file.writelines(first)
        file.write("</gml:FeatureCollection>\n")
        file.flush()


def _members(buildings: Buildings) -> Iterator[str]:
    to_degrees = Transformer.from_crs(CRS, "EPSG:4258")  # latitude first, as the URN promises
    rings, of_building = _rings(buildings)
    xy, of_ring = shapely.get_coordinates(rings, return_index=True)
    degrees = np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1]))
    by_ring = np.split(degrees, np.flatnonzero(np.diff(of_ring)) + 1)
    by_building: list[list[Floats]] = [[] for _ in buildings.footprints]
    for number, ring in zip(of_building, by_ring, strict=True):
        by_building[number].append(ring)
    for n, own in enumerate(by_building):
        if buildings.crossed(n):
            own[0] = own[0][[0, 2, 1, 3, 0]]
        yield _BUILDING.format(
            number=f"{n + 1:05}",
            codelist=_CODELIST,
            namespace=NAMESPACE,
            srs=SRS,
            year=buildings.year[n],
            height=buildings.height[n],
            use=buildings.use[n],
            floors=buildings.floors[n],
            rings="".join(_ring(k, ring) for k, ring in enumerate(own)),
        )


def _rings(buildings: Buildings) -> tuple[np.ndarray, np.ndarray]:
    """Return all rings, the exterior of a building before its courtyard, and the number of the building of each."""
    exteriors = shapely.get_exterior_ring(buildings.footprints)
    holes = shapely.get_num_interior_rings(buildings.footprints) > 0
    yards = shapely.get_interior_ring(buildings.footprints[holes], 0)
    number = np.concatenate([np.arange(len(exteriors)), np.flatnonzero(holes)])
    order = np.argsort(number, kind="stable")
    return np.concatenate([exteriors, yards])[order], number[order]


def _ring(k: int, ring: Floats) -> str:
    # Eight decimals of a degree are a millimetre.
    positions = " ".join(map("{:.8f}".format, ring.ravel().tolist()))
    return _RING.format(tag="interior" if k else "exterior", positions=positions)
