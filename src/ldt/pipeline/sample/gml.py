"""INSPIRE GML 3.2.1: protected sites (ps 4.0), administrative units (au 4.0) and stations (ef 4.0), latitude before longitude."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lxml import etree
from pyproj import Transformer

from ldt.pipeline.sample.air import Station, opened
from ldt.pipeline.sample.city import CRS, NAME, Area, Floats
from ldt.pipeline.sample.sites import ProtectedSite

#: ETRS89 as a URN: its coordinates stand in the order of the authority, latitude first.
SRS = "urn:ogc:def:crs:EPSG::4258"
NAMESPACE = "https://example.org/sample-city"
_CODELIST = "http://inspire.ec.europa.eu/codelist"
_INSPIRE = "http://inspire.ec.europa.eu/schemas"
NS = {
    "gml": "http://www.opengis.net/gml/3.2",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "base": f"{_INSPIRE}/base/3.3",
    "gn": f"{_INSPIRE}/gn/4.0",
    "ps": f"{_INSPIRE}/ps/4.0",
    "au": f"{_INSPIRE}/au/4.0",
    "ef": f"{_INSPIRE}/ef/4.0",
    "gmd": "http://www.isotc211.org/2005/gmd",
}


def _name(qualified: str) -> str:
    prefix, local = qualified.split(":")
    return f"{{{NS[prefix]}}}{local}"


def _add(parent: etree._Element, path: str, text: str | None = None, **attributes: str) -> etree._Element:
    """Add the elements of a path (`gn:spelling/gn:SpellingOfName`) below a parent; return the last one.

    Attributes have `_` in place of the colon of their prefix.
    """
    for step in path.split("/"):
        parent = etree.SubElement(parent, _name(step))
    parent.text = text
    for key, value in attributes.items():
        parent.set(_name(key.replace("_", ":")) if "_" in key else key, value)
    return parent


def _nil(parent: etree._Element, path: str) -> None:
    # Voidable properties that nobody filled: INSPIRE wants them present and nil.
    _add(parent, path, nilReason=f"{_CODELIST}/VoidReasonValue/Unpopulated", xsi_nil="true")


def _identify(feature: etree._Element, tag: str, path: str, local_id: str) -> None:
    identifier = _add(feature, f"{tag}/base:Identifier")
    _add(identifier, "base:localId", local_id)
    _add(identifier, "base:namespace", path)


def _geographical_name(feature: etree._Element, tag: str, text: str) -> None:
    name = _add(feature, f"{tag}/gn:GeographicalName")
    _add(name, "gn:language", "deu")
    _add(name, "gn:nativeness", xlink_href=f"{_CODELIST}/NativenessValue/endonym")
    _add(name, "gn:nameStatus", xlink_href=f"{_CODELIST}/NameStatusValue/official")
    _add(name, "gn:sourceOfName", "synthetic data")
    _nil(name, "gn:pronunciation")
    spelling = _add(name, "gn:spelling/gn:SpellingOfName")
    _add(spelling, "gn:text", text)
    _add(spelling, "gn:script", "Latn")


@dataclass(frozen=True)
class GmlWriter:
    """Writes collections of features; `to_degrees` transforms from the city's CRS to ETRS89, latitude first."""

    to_degrees: Transformer

    @classmethod
    def create(cls) -> GmlWriter:
        """Return a writer for geometries in the city's CRS."""
        # Not always_xy: the authority's order is what the URN promises.
        return cls(Transformer.from_crs(CRS, "EPSG:4258"))

    def protected_sites(self, path: Path, sites: Iterable[ProtectedSite], notice: str) -> None:
        """Write sites as a collection of ps:ProtectedSite."""
        _write(path, (self._protected_site(s) for s in sites), notice)

    def administrative_units(self, path: Path, areas: Iterable[Area], notice: str) -> None:
        """Write municipalities as a collection of au:AdministrativeUnit."""
        _write(path, (self._administrative_unit(a) for a in areas), notice)

    def facilities(self, path: Path, stations: Iterable[Station], notice: str) -> None:
        """Write stations as a collection of ef:EnvironmentalMonitoringFacility."""
        _write(path, (_facility(s) for s in stations), notice)

    def _protected_site(self, site: ProtectedSite) -> etree._Element:
        feature = etree.Element(_name("ps:ProtectedSite"), nsmap=NS)
        namespace = f"{NAMESPACE}/ps"
        # A site without identifier has none of any kind: recipes fall back on gml:identifier and on gml:id.
        if site.local_id is not None:
            feature.set(_name("gml:id"), site.gml_id)
            _add(
                feature,
                "gml:identifier",
                f"{namespace}/{site.local_id}",
                codeSpace="http://inspire.ec.europa.eu/ids",
            )
        self._surfaces(_add(feature, "ps:geometry"), site.gml_id, site.parts)
        if site.local_id is not None:
            _identify(feature, "ps:inspireID", namespace, site.local_id)
        _add(feature, "ps:legalFoundationDate", f"{site.founded}-01-01T00:00:00")
        _nil(feature, "ps:legalFoundationDocument")
        scheme, codelist, value = site.designation.split("/")
        designation = _add(feature, "ps:siteDesignation/ps:DesignationType")
        _add(designation, "ps:designationScheme", xlink_href=f"{_CODELIST}/DesignationSchemeValue/{scheme}")
        _add(designation, "ps:designation", xlink_href=f"{_CODELIST}/{codelist}/{value}")
        _geographical_name(feature, "ps:siteName", site.name)
        _add(feature, "ps:siteProtectionClassification", "natureConservation")
        return feature

    def _administrative_unit(self, area: Area) -> etree._Element:
        gml_id = f"au.{area.code}"
        feature = etree.Element(_name("au:AdministrativeUnit"), {_name("gml:id"): gml_id}, nsmap=NS)
        namespace = f"{NAMESPACE}/au"
        _add(
            feature, "gml:identifier", f"{namespace}/{area.code}", codeSpace="http://inspire.ec.europa.eu/ids"
        )
        rings = [area.polygon.exterior, *area.polygon.interiors]
        self._surfaces(_add(feature, "au:geometry"), gml_id, [[np.asarray(r.coords) for r in rings]])
        _add(feature, "au:nationalCode", area.code)
        _identify(feature, "au:inspireId", namespace, area.code)
        _add(feature, "au:nationalLevel", xlink_href=f"{_CODELIST}/AdministrativeHierarchyLevel/6thOrder")
        _add(feature, "au:nationalLevelName/gmd:LocalisedCharacterString", "Gemeinde")
        country = {"codeList": f"{_CODELIST}/CountryCode", "codeListValue": "DE"}
        _add(feature, "au:country/gmd:Country", "DE", **country)
        _geographical_name(feature, "au:name", area.name)
        for tag in (
            "residenceOfAuthority",
            "beginLifespanVersion",
            "endLifespanVersion",
            "upperLevelUnit",
            "boundary",
        ):
            _nil(feature, f"au:{tag}")
        return feature

    def _surfaces(self, parent: etree._Element, gml_id: str, parts: Iterable[Iterable[Floats]]) -> None:
        multi = _add(parent, "gml:MultiSurface", gml_id=f"{gml_id}-0", srsName=SRS, srsDimension="2")
        for number, rings in enumerate(parts, 1):
            surface = _add(multi, "gml:surfaceMember/gml:Surface", gml_id=f"{gml_id}-{number}")
            patch = _add(surface, "gml:patches/gml:PolygonPatch")
            for k, ring in enumerate(rings):
                tag = "gml:interior" if k else "gml:exterior"
                _add(patch, f"{tag}/gml:LinearRing/gml:posList", self._positions(ring))

    def _positions(self, ring: Floats) -> str:
        degrees = np.column_stack(self.to_degrees.transform(ring[:, 0], ring[:, 1])).ravel()
        return " ".join(map("{:.9f}".format, degrees.tolist()))


def _facility(station: Station) -> etree._Element:
    site = station.site
    gml_id = f"ef.{site.code}"
    feature = etree.Element(_name("ef:EnvironmentalMonitoringFacility"), {_name("gml:id"): gml_id}, nsmap=NS)
    namespace = f"{NAMESPACE}/ef"
    identifier = f"{namespace}/{site.code}"
    _add(feature, "gml:identifier", identifier, codeSpace="http://inspire.ec.europa.eu/ids")
    _identify(feature, "ef:inspireId", namespace, site.code)
    _add(feature, "ef:name", site.name)
    _add(feature, "ef:additionalDescription", "synthetic data")
    _add(feature, "ef:mediaMonitored", xlink_href=f"{_CODELIST}/MediaValue/air")
    point = _add(feature, "ef:geometry/gml:Point", gml_id=f"{gml_id}-0", srsName=SRS, srsDimension="2")
    _add(point, "gml:pos", f"{station.latitude:.6f} {station.longitude:.6f}")
    regime = f"{_CODELIST}/MeasurementRegimeValue/continuousDataCollection"
    _add(feature, "ef:measurementRegime", xlink_href=regime)
    _add(feature, "ef:mobile", "false")
    # The code list SpecialisedEMFTypeValue is open: the EEA's classification of stations serves here.
    kind = f"http://dd.eionet.europa.eu/vocabulary/aq/stationclassification/{site.kind}"
    _add(feature, "ef:specialisedEMFType", xlink_href=kind)
    activity = _add(
        feature, "ef:operationalActivityPeriod/ef:OperationalActivityPeriod", gml_id=f"{gml_id}-1"
    )
    period = _add(activity, "ef:activityTime/gml:TimePeriod", gml_id=f"{gml_id}-2")
    _add(period, "gml:beginPosition", opened(site).isoformat())
    _add(period, "gml:endPosition", indeterminatePosition="unknown")
    return feature


def _write(path: Path, members: Iterator[etree._Element], notice: str) -> None:
    """Write a gml:FeatureCollection; it opens with `notice` as comment and as description."""
    root = etree.Element(_name("gml:FeatureCollection"), {_name("gml:id"): path.stem}, nsmap=NS)
    root.append(etree.Comment(f" {notice} "))
    _add(root, "gml:description", notice)
    _add(root, "gml:name", f"{NAME}, {path.stem} (synthetic data)")
    for feature in members:
        _add(root, "gml:featureMember").append(feature)
    # The features brought their own declarations of the namespaces that the root declares.
    etree.cleanup_namespaces(root, top_nsmap=NS, keep_ns_prefixes=list(NS))
    etree.ElementTree(root).write(str(path), encoding="UTF-8", xml_declaration=True, pretty_print=True)
