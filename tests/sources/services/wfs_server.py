"""A small WFS that conforms, and can be told to do what servers in the wild do (field notes B12)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.sources.services.server import Asked, Reply, Server, serving

CAPABILITIES = """<?xml version="1.0" encoding="UTF-8"?>
<WFS_Capabilities version="{version}" xmlns="http://www.opengis.net/wfs/2.0" xmlns:ows="http://www.opengis.net/ows/1.1"
  xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:t="http://town.example/t">
<ows:ServiceIdentification><ows:Title>Town</ows:Title></ows:ServiceIdentification>
<ows:OperationsMetadata><ows:Operation name="GetFeature"><ows:DCP><ows:HTTP><ows:Get xlink:href="http://internal:8080/wfs?"/></ows:HTTP></ows:DCP>
<ows:Parameter name="outputFormat"><ows:AllowedValues>{formats}</ows:AllowedValues></ows:Parameter></ows:Operation></ows:OperationsMetadata>
<FeatureTypeList><FeatureType><Name>t:Tree</Name><Title>Trees</Title><DefaultCRS>{crs}</DefaultCRS>
<ows:WGS84BoundingBox><ows:LowerCorner>6.9 50.9</ows:LowerCorner><ows:UpperCorner>7.0 51.0</ows:UpperCorner></ows:WGS84BoundingBox>
</FeatureType></FeatureTypeList></WFS_Capabilities>"""

SCHEMA = """<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:t="http://town.example/t">
<xsd:element name="Tree" type="t:TreeType"/>
<xsd:complexType name="TreeType"><xsd:complexContent><xsd:extension base="gml:AbstractFeatureType"><xsd:sequence>
<xsd:element name="position" type="gml:PointPropertyType"/><xsd:element name="kind" type="xsd:string"/>
<xsd:element name="GID" type="xsd:int"/></xsd:sequence></xsd:extension></xsd:complexContent></xsd:complexType></xsd:schema>"""

EXCEPTION = (
    '<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception exceptionCode="x">'
    "<ows:ExceptionText>{}</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
)


@dataclass
class Town:
    """A WFS of `trees` trees.

    Attributes:
        version: what it speaks.
        cap: gives no more features than these, and does not tell.
        starts: knows `startIndex`.
        counts: knows `count`.
        ordered: without sortBy the order is the same in every answer.
        sorts: knows sortBy.
        hits: what resultType=hits answers in place of the truth; -1 for "unknown".
        fails: requests (from 0) for features that get no good answer, and which.
        grows: features that are added after every page.
        swaps: takes the box for east first, whatever its CRS says.
        json: offers GeoJSON.
        old_names: knows only `typeName`.
    """

    trees: int = 100
    version: str = "2.0.0"
    cap: int = 10**9
    starts: bool = True
    counts: bool = True
    ordered: bool = True
    sorts: bool = True
    hits: int | None = None
    fails: dict[int, Reply] = field(default_factory=dict)
    grows: list[int] = field(default_factory=list)
    swaps: bool = False
    json: bool = False
    old_names: bool = False
    crs: str = "urn:ogc:def:crs:EPSG::4326"
    served: int = 0

    def answer(self, asked: Asked) -> Reply:
        query = asked.query
        match query.get("request"):
            case "GetCapabilities":
                forms = ["application/gml+xml; version=3.2", *(["application/json"] if self.json else [])]
                text = "".join(f"<ows:Value>{f}</ows:Value>" for f in forms)
                return _xml(CAPABILITIES.format(version=self.version, formats=text, crs=self.crs))
            case "DescribeFeatureType":
                return _xml(SCHEMA)
            case "GetFeature":
                return self._features(query)
        return _xml(EXCEPTION.format(f"no request {query}"), 400)

    def _features(self, query: dict[str, str]) -> Reply:
        if (self.old_names or self.version == "1.1.0") and "typename" not in query:
            return _xml(EXCEPTION.format("missing parameter typeName"), 400)
        if "sortby" in query and not self.sorts:
            return _xml(EXCEPTION.format("cannot sort"), 400)
        chosen = [i for i in range(self.trees) if self._inside(i, query.get("bbox"))]
        if query.get("resulttype") == "hits":
            counted = len(chosen) if self.hits is None else self.hits
            name = "numberMatched" if self.version == "2.0.0" else "numberOfFeatures"
            return _xml(
                f'<wfs:FeatureCollection xmlns:wfs="w" {name}="{"unknown" if counted < 0 else counted}"/>'
            )
        number, self.served = self.served, self.served + 1
        if number in self.fails:
            return self.fails[number]
        if not self.ordered and "sortby" not in query:
            random.Random(number).shuffle(chosen)  # noqa: S311
        first = int(query.get("startindex", 0)) if self.starts else 0
        size = int(query.get("count", query.get("maxfeatures", self.trees))) if self.counts else self.trees
        page = chosen[first : first + min(size, self.cap)]
        if self.grows:
            self.trees += self.grows.pop()
        if "json" in query.get("outputformat", ""):
            features = ",".join(
                f'{{"type":"Feature","id":"t.{i}","geometry":null,"properties":{{"GID":{i}}}}}' for i in page
            )
            return Reply(
                f'{{"type":"FeatureCollection","numberMatched":{len(chosen)},"features":[{features}]}}'
            )
        members = "".join(
            f'<wfs:member><t:Tree gml:id="t.{i}"><t:position><gml:Point srsName="urn:ogc:def:crs:EPSG::4326" gml:id="p.{i}"><gml:pos>{50.9 + i / 1e4:.4f} 6.95</gml:pos>'
            f"</gml:Point></t:position><t:GID>{i}</t:GID></t:Tree></wfs:member>"
            for i in page
        )
        return _xml(
            '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2"'
            f' xmlns:t="http://town.example/t" numberReturned="{len(page)}">{members}</wfs:FeatureCollection>'
        )

    def _inside(self, tree: int, box: str | None) -> bool:
        if box is None:
            return True
        south, west, north, east = map(float, box.split(",")[:4])
        if self.swaps or box.endswith(",EPSG:4326"):
            south, west, north, east = west, south, east, north
        return south <= 50.9 + tree / 1e4 <= north and west <= 6.95 <= east


def _xml(text: str, status: int = 200) -> Reply:
    return Reply(text, status=status, kind="text/xml")


@contextmanager
def town(**said: object) -> Iterator[tuple[Server, Town]]:
    """Serve a town."""
    made = Town(**said)  # type: ignore[arg-type]
    with serving(made.answer) as server:
        yield server, made
