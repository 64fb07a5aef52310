"""INSPIRE themes of annexes II and III: each feature type in its newest schema and in the URNs of version 3.0, with expectations worked out by hand.

Whether `ldt inspect` finds the recipes, and real files: tests/real/test_inspire_themes.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyproj import Transformer
from tests.harmonise.gml_fixtures import (
    CODES,
    NIL,
    SRS,
    code,
    collection,
    identifier,
    line,
    made,
    name,
    period,
    point,
    square,
)

from ldt.harmonise.feature_types import feature_type_names
from ldt.harmonise.recipe import load_recipe, recipe_names

HILUCS = f"{CODES}/HILUCSValue"


@dataclass(frozen=True)
class Case:
    """A feature in GML, its recipe, and what must come of it: properties, and (west, south, east, north) of its place."""

    recipe: str
    gml: str
    properties: dict[str, Any]
    bounds: tuple[float, float, float, float] | None = None
    local_id: str = "1"


def feature(element: str, *parts: str, identified: bool = True) -> str:
    prefix = element.partition(":")[0]
    return (
        f'<{element} gml:id="F1">{identifier(prefix, "1") if identified else ""}{"".join(parts)}</{element}>'
    )


HAZARD = f"<nz-core:NaturalHazardClassification>{code('nz-core:hazardCategory', 'NaturalHazardCategoryValue/flood')}<nz-core:specificHazardType {NIL}/></nz-core:NaturalHazardClassification>"


def level(words: str, number: str, unit: str) -> str:
    return (
        f"<nz-core:LevelOrIntensity><nz-core:qualitativeValue>{words}</nz-core:qualitativeValue>"
        f'<nz-core:quantitativeValue uom="{unit}">{number}</nz-core:quantitativeValue></nz-core:LevelOrIntensity>'
    )


SQUARE = (7.0, 51.0, 7.01, 51.01)
POINT = (7.0, 51.0, 7.0, 51.0)
CASES = {
    "existing land use with shares": Case(
        "inspire/existing-land-use",
        feature(
            "elu:ExistingLandUseObject",
            "<elu:beginLifespanVersion>2020-01-01T00:00:00</elu:beginLifespanVersion>",
            f"<elu:geometry><gml:MultiSurface {SRS}><gml:surfaceMember>{square(51, 7)}</gml:surfaceMember></gml:MultiSurface></elu:geometry>",
            f'<elu:hilucsLandUse xlink:href="{HILUCS}/3_3_CommunityServices"/><elu:hilucsLandUse xlink:href="{HILUCS}/5_ResidentialUse"/>',
            "<elu:hilucsPresence><lunom:HILUCSPresence>"
            f'<lunom:percentageList><lunom:HILUCSPercentage><lunom:hilucsValue xlink:href="{HILUCS}/3_3_CommunityServices"/><lunom:percentage>9</lunom:percentage></lunom:HILUCSPercentage></lunom:percentageList>'
            f'<lunom:percentageList><lunom:HILUCSPercentage><lunom:hilucsValue xlink:href="{HILUCS}/5_ResidentialUse"/><lunom:percentage>81</lunom:percentage></lunom:HILUCSPercentage></lunom:percentageList>'
            "</lunom:HILUCSPresence></elu:hilucsPresence>",
            f'<elu:specificLandUse xlink:href="https://example.org/list.xml#41002" xlink:title="Wohnbaufläche"/><elu:specificPresence {NIL}/>',
            "<elu:observationDate>2019-06-30</elu:observationDate>",
        ),
        {
            "land_use": "5_ResidentialUse", "land_uses": ["3_3_CommunityServices", "5_ResidentialUse"], "land_use_stated": "source",
            "shares": [{"land_use": "3_3_CommunityServices", "percentage": 9}, {"land_use": "5_ResidentialUse", "percentage": 81}],
            "local_code": "41002", "local_name": "Wohnbaufläche", "reference_year": 2019, "observed": "2019-06-30",
        },
        SQUARE,
    ),
    "land use of a sample": Case(
        "inspire/existing-land-use",
        feature("selu:ExistingLandUseSample", f"<selu:location>{point(51, 7)}</selu:location>", f'<selu:hilucsLandUse xlink:href="{HILUCS}/1_2_Forestry/"/>', f"<selu:specificLandUse {NIL}/>"),
        {"land_use": "1_2_Forestry", "land_use_stated": "source"},
        POINT,
    ),
    "zone of a plan": Case(
        "inspire/planned-land-use",
        feature(
            "plu:ZoningElement",
            f'<plu:geometry>{square(51, 7)}</plu:geometry><plu:hilucsLandUse xlink:href="{HILUCS}/5_1_PermanentResidentialUse"/>',
            "<plu:dimensioningIndication><plu:DimensioningIndicationRealValue><plu:indicationReference>GRZ</plu:indicationReference><plu:value>0.4</plu:value></plu:DimensioningIndicationRealValue></plu:dimensioningIndication>",
            '<plu:dimensioningIndication><plu:DimensioningIndicationMeasureValue><plu:indicationReference>H</plu:indicationReference><plu:value uom="m">12.5</plu:value></plu:DimensioningIndicationMeasureValue></plu:dimensioningIndication>',
            code("plu:processStepGeneral", "ProcessStepGeneralValue/legalForce") + code("plu:regulationNature", "RegulationNatureValue/generallyBinding"),
            '<plu:officialDocument xlink:href="#D1"/><plu:plan xlink:href="#P1"/>',
        ),
        {
            "land_use": "5_1_PermanentResidentialUse", "land_use_stated": "source", "plan": "#P1", "status": "legalForce", "regulation_nature": "generallyBinding",
            "dimensions": [{"reference": "GRZ", "value": "0.4"}, {"reference": "H", "value": "12.5"}], "documents": ["#D1"],
        },
        SQUARE,
    ),
    "rule of a plan": Case(
        "inspire/supplementary-regulations",
        feature(
            "plu:SupplementaryRegulation",
            f"<plu:geometry>{line((51, 7), (51.01, 7.01))}</plu:geometry><plu:inheritedFromOtherPlans>true</plu:inheritedFromOtherPlans>",
            code("plu:supplementaryRegulation", "SupplementaryRegulationValue/5_4_BuildingLine") + code("plu:supplementaryRegulation", "SupplementaryRegulationValue/9_1_X"),
            f'<plu:specificSupplementaryRegulation xlink:href="https://example.org/l.xml#Baulinie"/><plu:specificRegulationNature {NIL}/><plu:plan xlink:href="#P1"/>',
        ),
        {"regulation": "5_4_BuildingLine", "regulations": ["5_4_BuildingLine", "9_1_X"], "local_code": "Baulinie", "inherited": True, "plan": "#P1"},
        SQUARE,
    ),
    "plan": Case(
        "inspire/spatial-plans",
        feature(
            "plu:SpatialPlan",
            f"<plu:extent>{square(51, 7)}</plu:extent><plu:officialTitle>Plan 7</plu:officialTitle><plu:alternativeTitle {NIL}/>",
            code("plu:levelOfSpatialPlan", "LevelOfSpatialPlanValue/local") + code("plu:processStepGeneral", "ProcessStepGeneralValue/adoption") + '<plu:planTypeName xlink:href="https://example.org/t#BPlan"/>',
            "<plu:ordinance><plu:OrdinanceValue><plu:ordinanceDate>2015-11-05T00:00:00</plu:ordinanceDate><plu:ordinanceReference>decree</plu:ordinanceReference></plu:OrdinanceValue></plu:ordinance>",
            '<plu:member xlink:href="#Z1"/>',
        ),
        {"name": "Plan 7", "level": "local", "plan_type": "BPlan", "status": "adoption", "ordinances": [{"date": "2015-11-05", "reference": "decree"}]},
        SQUARE,
    ),
    "text of a plan": Case(
        "inspire/official-documentation",
        feature(
            "plu:OfficialDocumentation",
            "<plu:legislationCitation><base2:LegislationCitation gml:id='l'><base2:name>Baugesetzbuch</base2:name><base2:shortName>BauGB</base2:shortName>"
            + code("base2:level", "LegislationLevelValue/national") + "</base2:LegislationCitation></plu:legislationCitation><plu:regulationText>Wohnungen sind zulässig.</plu:regulationText>",
            "<plu:planDocument><base2:DocumentCitation gml:id='d'><base2:name>Plan</base2:name><base2:date><gmd:CI_Date><gmd:date><gco:Date>1996-04-23</gco:Date></gmd:date></gmd:CI_Date></base2:date>"
            "<base2:link>https://example.org/a.pdf</base2:link></base2:DocumentCitation></plu:planDocument>",
        ),
        {"text": "Wohnungen sind zulässig.", "name": "Plan", "short_name": "BauGB", "links": ["https://example.org/a.pdf"], "legislation": "Baugesetzbuch", "legislation_level": "national", "date": "1996-04-23"},
    ),
    "protected site": Case(
        "inspire/protected-sites",
        '<ps:ProtectedSite gml:id="F1"><ps:geometry>' + square(51, 7) + "</ps:geometry><ps:inspireID><base:Identifier><base:localId>1</base:localId><base:namespace>n</base:namespace></base:Identifier></ps:inspireID>"
        "<ps:legalFoundationDate>1992-05-21</ps:legalFoundationDate><ps:siteDesignation><ps:DesignationType>" + code("ps:designationScheme", "DesignationSchemeValue/natura2000")
        + code("ps:designation", "Natura2000DesignationValue/specialAreaOfConservation") + "</ps:DesignationType></ps:siteDesignation><ps:siteName>" + name("Wald") + "</ps:siteName>"
        + code("ps:siteProtectionClassification", "ProtectionClassificationValue/natureConservation") + "</ps:ProtectedSite>",
        {"name": "Wald", "designation": "specialAreaOfConservation", "designation_scheme": "natura2000", "classification": "natureConservation", "legal_foundation_date": "1992-05-21"},
        SQUARE,
    ),
    "monitoring network": Case(
        "inspire/environmental-monitoring-networks",
        feature(
            "ef:EnvironmentalMonitoringNetwork",
            "<ef:name>Luftmessnetz</ef:name>" + code("ef:mediaMonitored", "MediaValue/air") + code("ef:mediaMonitored", "MediaValue/biota/"),
            "<ef:legalBackground><base2:LegislationCitation gml:id='l'><base2:name>2008/50/EC</base2:name></base2:LegislationCitation></ef:legalBackground>",
            "<ef:responsibleParty><base2:RelatedParty><base2:organisationName><gco:CharacterString>LANUV</gco:CharacterString></base2:organisationName></base2:RelatedParty></ef:responsibleParty>",
            code("ef:organisationLevel", "LegislationLevelValue/national") + "<ef:contains><ef:NetworkFacility gml:id='nf'><ef:contains xlink:href='#S1'/></ef:NetworkFacility></ef:contains>",
        ),
        {"code": "1", "name": "Luftmessnetz", "media": "air biota", "organisation_level": "national", "responsible": "LANUV", "legal_background": ["2008/50/EC"], "facilities": ["#S1"]},
    ),
    "monitoring activity": Case(
        "inspire/environmental-monitoring-activities",
        feature(
            "ef:EnvironmentalMonitoringActivity",
            f"<ef:activityTime>{period('2010-05-01', '2010-06-30')}</ef:activityTime><ef:activityConditions>calm</ef:activityConditions>",
            '<ef:setUpFor xlink:href="#PR1"/><ef:uses xlink:href="#S1"/><ef:uses xlink:href="#N1"/>',
        ),
        {"kind": "EnvironmentalMonitoringActivity", "conditions": "calm", "started": "2010-05-01", "ended": "2010-06-30", "programmes": ["#PR1"], "uses": ["#S1", "#N1"]},
    ),
    "statistical unit": Case(
        "inspire/statistical-units",
        feature(
            "su-vector:AreaStatisticalUnit",
            "<su-vector:thematicId><base2:ThematicIdentifier><base2:identifier>DEA23</base2:identifier><base2:identifierScheme>http://example.org/NUTS-2021</base2:identifierScheme></base2:ThematicIdentifier></su-vector:thematicId>",
            '<su-vector:country><gmd:Country codeList="x" codeListValue="DE">DE</gmd:Country></su-vector:country>', f"<su-vector:geographicalName>{name('Köln')}</su-vector:geographicalName>",
            f"<su-vector:referencePeriod>{period('2021-01-01', '2023-12-31')}</su-vector:referencePeriod>",
            f"<su-vector:geometry><su-vector:VectorStatisticalUnitGeometry><su-vector:geometry>{square(51, 7)}</su-vector:geometry></su-vector:VectorStatisticalUnitGeometry></su-vector:geometry>",
            '<su-vector:areaValue uom="km2">405.0</su-vector:areaValue><su-vector:uppers xlink:href="#U0"/>',
        ),
        {"scheme": "nuts3", "code": "DEA23", "name": "Köln", "country": "DE", "upper": ["#U0"], "area_source_ha": 40500.0, "reference_year": 2021},
        SQUARE,
    ),
    "water pipe": Case(
        "inspire/utility-links",
        '<us-net-wa:WaterPipe gml:id="F1">' + identifier("net", "1") + '<net:inNetwork xlink:href="#N"/><net:link xlink:href="#L1"/><net:link xlink:href="#L2"/>'
        + code("us-net-common:currentStatus", "ConditionOfFacilityValue/functional") + code("us-net-common:verticalPosition", "VerticalPositionValue/underground")
        + code("us-net-common:utilityDeliveryType", "UtilityDeliveryTypeValue/distribution") + f"<us-net-common:warningType {NIL}/>"
        '<us-net-common:pipeDiameter uom="urn:ogc:def:uom:UCUM::cm">30</us-net-common:pipeDiameter><us-net-common:pressure uom="kPa">600</us-net-common:pressure>' + code("us-net-wa:waterType", "WaterTypeValue/potable") + "</us-net-wa:WaterPipe>",
        {
            "kind": "WaterPipe", "product": "potable", "status": "functional", "vertical_position": "underground", "network": "#N", "delivery_type": "distribution", "diameter_mm": 300.0, "pressure_bar": 6.0,
            "links": ["#L1", "#L2"],
        },
    ),
    "electricity cable": Case(
        "inspire/utility-links",
        '<us-net-el:ElectricityCable gml:id="F1">' + identifier("net", "1") + '<us-net-el:operatingVoltage uom="kV">110</us-net-el:operatingVoltage><us-net-el:nominalVoltage uom="V">110000</us-net-el:nominalVoltage></us-net-el:ElectricityCable>',
        {"kind": "ElectricityCable", "operating_voltage_v": 110000.0, "nominal_voltage_v": 110000.0},
    ),
    "utility link": Case(
        "inspire/utility-links",
        '<us-net-common:UtilityLink gml:id="F1">' + identifier("net", "1") + f'<net:centrelineGeometry>{line((51, 7), (51.01, 7.01))}</net:centrelineGeometry><net:fictitious>false</net:fictitious><net:endNode xlink:href="#B"/><net:startNode xlink:href="#A"/></us-net-common:UtilityLink>',
        {"kind": "UtilityLink", "fictitious": False, "start_node": "#A", "end_node": "#B"},
        SQUARE,
    ),
    "pole": Case(
        "inspire/utility-nodes",
        '<us-net-common:Pole gml:id="F1">' + identifier("us-net-common", "1") + f'<us-net-common:geometry>{point(51, 7)}</us-net-common:geometry><us-net-common:nodes xlink:href="#A"/><us-net-common:poleHeight uom="cm">304.8</us-net-common:poleHeight></us-net-common:Pole>',
        {"kind": "Pole", "height_m": 3.048, "nodes": ["#A"]},
        POINT,
    ),
    "utility network": Case(
        "inspire/utility-networks",
        '<us-net-common:UtilityNetwork gml:id="F1">' + identifier("net", "1") + f"<net:geographicalName>{name('Kanalnetz')}</net:geographicalName>" + code("us-net-common:utilityNetworkType", "UtilityNetworkTypeValue/sewer")
        + "<us-net-common:authorityRole><base2:RelatedParty><base2:organisationName><gmd:PT_FreeText><gmd:textGroup><gmd:LocalisedCharacterString>StEB</gmd:LocalisedCharacterString></gmd:textGroup></gmd:PT_FreeText></base2:organisationName></base2:RelatedParty></us-net-common:authorityRole></us-net-common:UtilityNetwork>",
        {"name": "Kanalnetz", "network_type": "sewer", "authorities": ["StEB"]},
    ),
    "environmental management facility": Case(
        "inspire/environmental-management-facilities",
        '<us-emf:EnvironmentalManagementFacility gml:id="F1">' + identifier("act-core", "1") + f"<act-core:name>Klärwerk</act-core:name><act-core:geometry>{point(51, 7)}</act-core:geometry>"
        '<act-core:function><act-core:Function><act-core:activity xlink:href="http://ec.europa.eu/eurostat/nace#37"/></act-core:Function></act-core:function>'
        + code("us-emf:type", "EnvironmentalManagementFacilityTypeValue/site") + code("us-emf:status", "ConditionOfFacilityValue/functional") + '<us-emf:parentFacility xlink:href="#E0"/></us-emf:EnvironmentalManagementFacility>',
        {"name": "Klärwerk", "type": "site", "status": "functional", "activities": ["37"], "parent": "#E0"},
        POINT,
    ),
    "governmental service": Case(
        "inspire/governmental-services",
        feature(
            "us-govserv:GovernmentalService",
            f"<us-govserv:areaOfResponsibility><us-govserv:AreaOfResponsibilityType><us-govserv:areaOfResponsibilityByPolygon>{square(40, 0)}</us-govserv:areaOfResponsibilityByPolygon></us-govserv:AreaOfResponsibilityType></us-govserv:areaOfResponsibility>",
            f"<us-govserv:serviceLocation><us-govserv:ServiceLocationType><us-govserv:serviceLocationByGeometry>{point(51, 7)}</us-govserv:serviceLocationByGeometry></us-govserv:ServiceLocationType></us-govserv:serviceLocation>",
            code("us-govserv:serviceType", "ServiceTypeValue/fireStation"),
        ),
        {"service_type": "fireStation"},
        POINT,
    ),
    "service in a building": Case(
        "inspire/governmental-services",
        feature(
            "us-govserv:GovernmentalService",
            '<us-govserv:serviceLocation><us-govserv:ServiceLocationType><us-govserv:serviceLocationByBuilding xlink:href="#B1"/></us-govserv:ServiceLocationType></us-govserv:serviceLocation>',
            code("us-govserv:serviceType", "ServiceTypeValue/police"),
        ),
        {"service_type": "police", "location": ["#B1"]},
    ),
    "production site": Case(
        "inspire/production-sites",
        feature("pf:ProductionSite", f"<pf:geometry><gml:MultiSurface {SRS}><gml:surfaceMember>{square(51, 7)}</gml:surfaceMember></gml:MultiSurface></pf:geometry><pf:name>Werk</pf:name>",
                "<pf:status><pf:StatusType>" + code("pf:statusType", "ConditionOfFacilityValue/functional") + "</pf:StatusType></pf:status>"),
        {"kind": "ProductionSite", "name": "Werk", "status": "functional"},
        SQUARE,
    ),
    "production facility": Case(
        "inspire/production-facilities",
        '<pf:ProductionFacility gml:id="F1">' + identifier("act-core", "1") + f"<act-core:name>Raffinerie</act-core:name><act-core:geometry>{point(51, 7)}</act-core:geometry>"
        '<act-core:function><act-core:Function><act-core:activity xlink:href="http://dd.eionet.europa.eu/vocabulary/nace/19.20"/></act-core:Function></act-core:function>'
        f"<pf:surfaceGeometry>{square(40, 0)}</pf:surfaceGeometry><pf:hostingSite xlink:href='#S1'/><pf:groupedInstallation xlink:href='#I1'/><pf:groupedInstallation xlink:href='#I2'/></pf:ProductionFacility>",
        {"name": "Raffinerie", "activities": ["19.20"], "site": "#S1", "installations": ["#I1", "#I2"]},
        POINT,
    ),
    "production installation part": Case(
        "inspire/production-installations",
        feature("pf:ProductionInstallationPart", f"<pf:pointGeometry>{point(51, 7)}</pf:pointGeometry><pf:name>Kamin</pf:name>", code("pf:type", "InstallationPartTypeValue/chimney"), code("pf:technique", "PollutionAbatementTechniqueValue/filtration")),
        {"kind": "ProductionInstallationPart", "name": "Kamin", "type": "chimney", "technique": "filtration"},
        POINT,
    ),
    "air-quality zone": Case(
        "inspire/management-zones",
        feature(
            "am:ManagementRestrictionOrRegulationZone",
            f"<am:name>{name('Köln')}</am:name><am:geometry>{square(51, 7)}</am:geometry>" + code("am:zoneType", "ZoneTypeCode/airQualityManagementZone") + code("am:specialisedZoneType", "SpecialisedZoneTypeCode/agglomeration"),
            "<am:designationPeriod><gml:TimePeriod gml:id='t'><gml:beginPosition>2010-01-01T00:00:00+01:00</gml:beginPosition><gml:endPosition indeterminatePosition='unknown'/></gml:TimePeriod></am:designationPeriod>",
            code("am:environmentalDomain", "EnvironmentalDomain/air") + "<am:legalBasis><base2:LegislationCitation gml:id='l'><base2:name>2008/50/EC</base2:name></base2:LegislationCitation></am:legalBasis>",
            '<am:relatedZone xlink:href="#Z2"/>',
        ),
        {"name": "Köln", "zone_type": "airQualityManagementZone", "specialised_types": ["agglomeration"], "domains": ["air"], "legal_basis": "2008/50/EC", "designated_from": "2010-01-01", "related_zones": ["#Z2"]},
        SQUARE,
    ),
    "hazard area": Case(
        "inspire/natural-hazard-areas",
        feature(
            "nz-core:HazardArea",
            "<nz-core:beginLifeSpanVersion>2020-02-03T10:00:00Z</nz-core:beginLifeSpanVersion>" + code("nz-core:determinationMethod", "DeterminationMethodValue/modelling") + f"<nz-core:typeOfHazard>{HAZARD}</nz-core:typeOfHazard>",
            f"<nz-core:geometry>{square(51, 7)}</nz-core:geometry><nz-core:likelihoodOfOccurrence><nz-core:LikelihoodOfOccurrence><nz-core:qualitativeLikelihood>medium</nz-core:qualitativeLikelihood><nz-core:quantitativeLikelihood>"
            "<nz-core:QuantitativeLikelihood><nz-core:probabilityOfOccurrence>0.01</nz-core:probabilityOfOccurrence><nz-core:returnPeriod>100</nz-core:returnPeriod></nz-core:QuantitativeLikelihood></nz-core:quantitativeLikelihood></nz-core:LikelihoodOfOccurrence></nz-core:likelihoodOfOccurrence>",
            f"<nz-core:magnitudeOrIntensity>{level('deep', '1.5', 'm')}</nz-core:magnitudeOrIntensity>",
        ),
        {"kind": "HazardArea", "hazard": "flood", "determination_method": "modelling", "likelihood": "medium", "probability": 0.01, "return_period_years": 100.0, "level": "deep", "level_value": 1.5, "level_unit": "m"},
        SQUARE,
    ),
    "risk zone": Case(
        "inspire/natural-hazard-areas",
        feature("nz-core:RiskZone", f"<nz-core:sourceOfRisk>{HAZARD}</nz-core:sourceOfRisk><nz-core:exposedElement xlink:href='#E1'/><nz-core:source xlink:href='#H1'/><nz-core:geometry>{square(51, 7)}</nz-core:geometry><nz-core:levelOfRisk>{level('high', '3', '1')}</nz-core:levelOfRisk>"),
        {"kind": "RiskZone", "hazard": "flood", "level": "high", "level_value": 3.0, "level_unit": "1", "source": "#H1", "exposed": ["#E1"]},
        SQUARE,
    ),
    "observed event": Case(
        "inspire/natural-hazard-areas",
        feature("nz-core:ObservedEvent", f"<nz-core:nameOfEvent>Hochwasser 2021</nz-core:nameOfEvent><nz-core:typeOfHazard>{HAZARD}</nz-core:typeOfHazard><nz-core:validFrom>2021-07-14T00:00:00Z</nz-core:validFrom><nz-core:validTo>2021-07-16T00:00:00Z</nz-core:validTo><nz-core:geometry>{point(51, 7)}</nz-core:geometry>"),
        {"kind": "ObservedEvent", "name": "Hochwasser 2021", "hazard": "flood", "occurred_from": "2021-07-14", "occurred_to": "2021-07-16"},
        POINT,
    ),
    "exposed element": Case(
        "inspire/exposed-elements",
        feature(
            "nz-core:ExposedElement",
            '<nz-core:sourceOfSpatialRepresentation xlink:href="#B1"/><nz-core:assessmentOfVulnerability><nz-core:VulnerabilityAssessment>', f"<nz-core:sourceOfVulnerability>{HAZARD}</nz-core:sourceOfVulnerability><nz-core:levelOfVulnerability>{level('low', '20', '%')}</nz-core:levelOfVulnerability>",
            "<nz-core:typeOfElement><nz-core:ExposedElementClassification>" + code("nz-core:exposedElementCategory", "ExposedElementCategoryValue/socialCommunity") + "</nz-core:ExposedElementClassification></nz-core:typeOfElement></nz-core:VulnerabilityAssessment></nz-core:assessmentOfVulnerability>",
        ),
        {"category": "socialCommunity", "hazard": "flood", "vulnerability": "low", "vulnerability_percent": 20.0, "represents": "#B1"},
    ),
    "land cover of CORINE": Case(
        "inspire/land-cover-units",
        feature(
            "lcv:LandCoverUnit",
            f"<lcv:geometry>{square(51, 7)}</lcv:geometry>",
            '<lcv:landCoverObservation><lcv:LandCoverObservation><lcv:class xlink:href="http://example.org/CorineLandCover/1.1.2"/><lcv:observationDate>2012-07-01T00:00:00Z</lcv:observationDate></lcv:LandCoverObservation></lcv:landCoverObservation>',
            '<lcv:landCoverObservation><lcv:LandCoverObservation><lcv:class xlink:href="http://example.org/CorineLandCover/1.2.1"/>'
            '<lcv:mosaic><lcv:LandCoverValue><lcv:class xlink:href="http://example.org/x/a"/><lcv:coveredPercentage>60</lcv:coveredPercentage></lcv:LandCoverValue></lcv:mosaic>'
            '<lcv:observationDate>2018-07-01T00:00:00Z</lcv:observationDate></lcv:LandCoverObservation></lcv:landCoverObservation><lcv:dataset xlink:href="#DS"/>',
        ),
        {"class": "121", "nomenclature": "corine", "reference_year": 2018, "observed": "2018-07-01", "mosaic": [{"class": "a", "percentage": 60}], "dataset_reference": "#DS"},
        SQUARE,
    ),
    "land cover of another list": Case(
        "inspire/land-cover-units",
        feature("lcv:LandCoverUnit", f"<lcv:geometry>{point(51, 7)}</lcv:geometry>", f'<lcv:landCoverObservation><lcv:LandCoverObservation><lcv:class xlink:href="https://registry.gdi-de.org/codelist/LBM/B242"/><lcv:observationDate {NIL}/></lcv:LandCoverObservation></lcv:landCoverObservation>'),
        {"class": "B242", "nomenclature": "https://registry.gdi-de.org/codelist/LBM"},
        POINT,
    ),
    "noise measure": Case(
        "inspire/health-determinants",
        feature(
            "hh:EnvHealthDeterminantNoiseMeasure", f"<hh:location>{square(51, 7)}</hh:location>" + code("hh:type", "EnvHealthDeterminantTypeValue/noise") + f"<hh:measureTime>{period('2021-01-01', '2021-12-31')}</hh:measureTime>",
            '<hh:measure uom="dB">57.5</hh:measure>' + code("hh:category", "NoiseExposureCategoryValue/Lden5559") + code("hh:source", "NoiseSourceTypeValue/roads"),
            identified=False,
        ),
        {"kind": "EnvHealthDeterminantNoiseMeasure", "determinant": "noise", "source": "roads", "value": 57.5, "unit": "dB", "category": "Lden5559", "measured_from": "2021-01-01", "measured_to": "2021-12-31"},
        SQUARE,
        "F1",
    ),
    "statistics of a disease": Case(
        "inspire/health-statistics",
        feature(
            "hh:Disease", '<hh:aggregationUnit xlink:href="http://example.org/nuts/DEA23"/>', "<hh:ageRange><hh:AgeRangeType><hh:startAge><hh:Age><hh:year>15</hh:year></hh:Age></hh:startAge><hh:range><hh:Age><hh:year>50</hh:year></hh:Age></hh:range></hh:AgeRangeType></hh:ageRange>",
            "<hh:diseaseMeasure><hh:DiseaseMeasure>" + code("hh:diseaseMeasureType", "DiseaseMeasureTypeValue/absoluteNumbers") + "<hh:value>120</hh:value></hh:DiseaseMeasure></hh:diseaseMeasure>",
            "<hh:diseaseMeasure><hh:DiseaseMeasure>" + code("hh:diseaseMeasureType", "DiseaseMeasureTypeValue/crudeDeathRate") + "<hh:value>11.1</hh:value></hh:DiseaseMeasure></hh:diseaseMeasure>",
            code("hh:gender", "GenderValue/female") + "<hh:referencePeriod><hh:ReferencePeriodType><hh:startDate>2020-01-01</hh:startDate><hh:endDate>2020-12-31</hh:endDate></hh:ReferencePeriodType></hh:referencePeriod>" + code("hh:pathology", "ICDValue/J45"),
            identified=False,
        ),
        {
            "kind": "Disease", "unit_of_area": "http://example.org/nuts/DEA23", "subject": "J45", "measure": "absoluteNumbers", "value": 120.0, "gender": "female", "age_from": 15, "age_years": 50, "period_from": "2020-01-01", "period_to": "2020-12-31",
            "values": [{"measure": "absoluteNumbers", "value": 120.0}, {"measure": "crudeDeathRate", "value": 11.1}],
        },
        None,
        "F1",
    ),
    "soil profile": Case(
        "inspire/soil-bodies",
        feature(
            "so:ObservedSoilProfile", "<so:localIdentifier>P 7</so:localIdentifier><so:WRBSoilName><so:WRBSoilNameType><so:WRBQualifierGroup><so:WRBQualifierGroupType>" + code("so:WRBqualifier", "WRBQualifierValue/stagnic") + "</so:WRBQualifierGroupType></so:WRBQualifierGroup>"
            + code("so:WRBReferenceSoilGroup", "WRBReferenceSoilGroupValue/luvisol") + "</so:WRBSoilNameType></so:WRBSoilName><so:isDescribedBy xlink:href='#H1'/><so:location xlink:href='#PL1'/>",
        ),
        {"kind": "ObservedSoilProfile", "name": "P 7", "soil_group": "luvisol", "qualifiers": ["stagnic"], "plot": "#PL1"},
    ),
    "soil site": Case(
        "inspire/soil-bodies",
        feature("so:SoilSite", f"<so:geometry>{point(51, 7)}</so:geometry>" + code("so:soilInvestigationPurpose", "SoilInvestigationPurposeValue/specificSurvey") + "<so:isObservedOnLocation xlink:href='#PL1'/>"),
        {"kind": "SoilSite", "purpose": "specificSurvey"},
        POINT,
    ),
    "habitat with two types": Case(
        "inspire/habitats",
        feature(
            "hb:Habitat", f"<hb:geometry>{square(51, 7)}</hb:geometry>",
            "<hb:habitat><hb:HabitatTypeCoverType>" + code("hb:referenceHabitatTypeId", "EunisHabitatTypeCodeValue/G1.1") + code("hb:referenceHabitatTypeScheme", "ReferenceHabitatTypeSchemeValue/eunis") + '<hb:referenceHabitatTypeName>Riparian</hb:referenceHabitatTypeName><hb:areaCovered uom="ha">0.9</hb:areaCovered></hb:HabitatTypeCoverType></hb:habitat>',
            "<hb:habitat><hb:HabitatTypeCoverType>" + code("hb:referenceHabitatTypeId", "EunisHabitatTypeCodeValue/E2.2") + code("hb:referenceHabitatTypeScheme", "ReferenceHabitatTypeSchemeValue/eunis") + '<hb:referenceHabitatTypeName>Meadows</hb:referenceHabitatTypeName><hb:areaCovered uom="ha">11</hb:areaCovered></hb:HabitatTypeCoverType></hb:habitat>',
        ),
        {"habitat_type": "E2.2", "scheme": "eunis", "habitat_name": "Meadows", "habitat_types": ["G1.1", "E2.2"], "area_covered_m2": 110000.0},
        SQUARE,
    ),
    "species": Case(
        "inspire/species-distribution",
        feature(
            "sd:SpeciesDistributionUnit", f"<sd:geometry>{square(51, 7)}</sd:geometry><sd:speciesName><sd:SpeciesNameType>" + code("sd:referenceSpeciesId", "EuNomenCodeValue/12345") + code("sd:referenceSpeciesScheme", "ReferenceSpeciesSchemeValue/eunomen") + "<sd:referenceSpeciesName>Lutra lutra (Linnaeus, 1758)</sd:referenceSpeciesName></sd:SpeciesNameType></sd:speciesName>",
            "<sd:distributionInfo><sd:DistributionInfoType>" + code("sd:occurrenceCategory", "OccurrenceCategoryValue/rare") + "<sd:populationSize><sd:PopulationSizeType>" + code("sd:countingMethod", "CountingMethodValue/estimated") + code("sd:countingUnit", "CountingUnitValue/pairs")
            + "<sd:populationSize><sd:RangeType><sd:upperBound>9</sd:upperBound><sd:lowerBound>4</sd:lowerBound></sd:RangeType></sd:populationSize></sd:PopulationSizeType></sd:populationSize><sd:sensitiveInfo>true</sd:sensitiveInfo><sd:collectedFrom>2010-03-01</sd:collectedFrom></sd:DistributionInfoType></sd:distributionInfo>",
        ),
        {"species": "Lutra lutra (Linnaeus, 1758)", "species_id": "12345", "scheme": "eunomen", "occurrence": "rare", "population_min": 4, "population_max": 9, "counting_unit": "pairs", "counting_method": "estimated", "sensitive": True, "collected_from": "2010-03-01"},
        SQUARE,
    ),
    "fossil fuel": Case(
        "inspire/energy-resources",
        feature(
            "er-v:FossilFuelResource", f"<er-v:geometry>{square(51, 7)}</er-v:geometry><er-v:resourceName>{name('Flöz')}</er-v:resourceName><er-v:dateOfDiscovery>1850-01-01</er-v:dateOfDiscovery><er-v:resource><er-v:FossilFuelResourceType>",
            '<er-v:quantity><er-v:FossilFuelMeasure><er-v:amount uom="kt">7.5</er-v:amount><er-v:dateOfDetermination>2000-01-01</er-v:dateOfDetermination>' + code("er-v:resourceClass", "FossilFuelClassValue/contingentResources") + "</er-v:FossilFuelMeasure></er-v:quantity>" + code("er-v:typeOfResource", "FossilFuelValue/lignite") + "</er-v:FossilFuelResourceType></er-v:resource>",
        ),
        {"kind": "FossilFuelResource", "name": "Flöz", "resource": "lignite", "discovered": "1850-01-01", "amounts": [{"amount": 7.5, "unit": "kt", "resource_class": "contingentResources"}]},
        SQUARE,
    ),
    "solar plant": Case(
        "inspire/energy-resources",
        feature("er-v:RenewableAndWasteResource", f"<er-v:geometry>{point(51, 7)}</er-v:geometry>", '<er-v:Capacity uom="kWp">250</er-v:Capacity>' + code("er-v:typeOfResource", "RenewableAndWasteValue/solarPhotovoltaic")),
        {"kind": "RenewableAndWasteResource", "resource": "solarPhotovoltaic", "capacity_mw": 0.25, "capacity_of": "electrical"},
        POINT,
    ),
    "borehole": Case(
        "inspire/geologic-features",
        feature(
            "ge:Borehole", f"<ge:downholeGeometry>{line((51, 7), (51.001, 7.001))}</ge:downholeGeometry>", '<ge:boreholeLength uom="m">87.5</ge:boreholeLength><ge:elevation srsName="urn:ogc:def:crs:EPSG::5621">52.25</ge:elevation>',
            f"<ge:location>{point(51, 7)}</ge:location>" + code("ge:purpose", "BoreholePurposeValue/waterSupply") + "<ge:date>1999-05-06T00:00:00</ge:date>",
        ),
        {"kind": "Borehole", "borehole_length_m": 87.5, "elevation_m": 52.25, "purposes": ["waterSupply"], "drilled": "1999-05-06"},
        POINT,
    ),
    "mine": Case(
        "inspire/mineral-occurrences",
        feature("mr:Mine", "<mr:mineName><mr:MineName><mr:isPreferred>true</mr:isPreferred><mr:mineName>Zeche</mr:mineName></mr:MineName></mr:mineName>" + code("mr:status", "MineStatusValue/closed")),
        {"kind": "Mine", "name": "Zeche", "type": "closed"},
    ),
    "contour line": Case(
        "inspire/elevation-descriptions",
        feature(
            "el-vec:ContourLine", code("el-vec:propertyType", "ElevationPropertyTypeValue/height") + code("el-vec:contourLineType", "ContourLineTypeValue/master") + "<el-vec:downRight>false</el-vec:downRight>",
            f"<el-vec:geometry>{line((51, 7), (51.01, 7.01))}</el-vec:geometry>", '<el-vec:propertyValue srsName="http://www.opengis.net/def/crs/EPSG/0/5621">125.5</el-vec:propertyValue>',
        ),
        {"kind": "ContourLine", "property": "height", "value_m": 125.5, "vertical_crs": "http://www.opengis.net/def/crs/EPSG/0/5621", "type": "master", "down_right": False},
        SQUARE,
    ),
    "elevation grid": Case(
        "inspire/elevation-descriptions",
        feature(
            "el-cov:ElevationGridCoverage",
            f'<gml:domainSet><gml:RectifiedGrid gml:id="g" dimension="2"><gml:origin>{point(51, 7)}</gml:origin></gml:RectifiedGrid></gml:domainSet><gml:rangeSet><gml:File><gml:fileReference>dtm.tif</gml:fileReference></gml:File></gml:rangeSet>',
            "<el-cov:domainExtent><gmd:EX_Extent><gmd:geographicElement><gmd:EX_GeographicBoundingBox><gmd:westBoundLongitude><gco:Decimal>7</gco:Decimal></gmd:westBoundLongitude><gmd:northBoundLatitude><gco:Decimal>51.5</gco:Decimal></gmd:northBoundLatitude></gmd:EX_GeographicBoundingBox></gmd:geographicElement></gmd:EX_Extent></el-cov:domainExtent>",
            code("el-cov:propertyType", "ElevationPropertyTypeValue/height") + code("el-cov:surfaceType", "SurfaceTypeValue/DTM"),
        ),
        {"kind": "ElevationGridCoverage", "property": "height", "surface": "DTM", "west": 7.0, "north": 51.5, "file": "dtm.tif"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("old", [False, True], ids=["newest", "version-3"])
@pytest.mark.parametrize("case", CASES)
def test_a_feature_of_the_theme(tmp_path: Path, case: str, old: bool) -> None:
    wanted = CASES[case]
    rows, chunks = made(wanted.recipe, tmp_path / "f.gml", collection(wanted.gml, old=old))
    assert [(o.reason, o.message) for c in chunks for o in c.outcomes] == []
    (row,) = rows
    assert row["properties"] == wanted.properties
    assert (row["local_id"], row["alias"]) == (wanted.local_id, "F1")
    if wanted.bounds is None:
        assert row["geometry"] is None
    else:
        assert row["geometry"].bounds == pytest.approx(wanted.bounds)


def test_every_type_of_these_themes_has_a_case() -> None:
    tested = {load_recipe(case.recipe).feature.type for case in CASES.values()}  # type: ignore[union-attr]
    themes = {
        "lu",
        "ps",
        "ef",
        "us",
        "pf",
        "am",
        "nz",
        "lc",
        "hh",
        "so",
        "hb",
        "sd",
        "er",
        "ge",
        "mr",
        "el",
        "su",
    }
    mine = {
        recipe.feature.type
        for recipe in (load_recipe(n) for n in recipe_names() if n.startswith("inspire/"))
        if recipe.feature and themes & set(recipe.themes)
    }
    assert mine - tested == {"environmental-monitoring-facilities"}  # tests/real/test_facilities.py
    assert tested <= set(feature_type_names())


def test_a_unit_that_is_not_known_costs_its_record_and_says_so(tmp_path: Path) -> None:
    pipe = '<us-net-wa:WaterPipe gml:id="P{}"><us-net-common:pipeDiameter uom="{}">3</us-net-common:pipeDiameter></us-net-wa:WaterPipe>'
    rows, chunks = made(
        "inspire/utility-links",
        tmp_path / "p.gml",
        collection(pipe.format(1, "cubit"), pipe.format(2, "mm"), pipe.format(3, "").replace(' uom=""', "")),
    )
    assert [(r["local_id"], r["properties"]["diameter_mm"]) for r in rows] == [("P2", 3.0)]
    told = [(o.row, o.reason) for c in chunks for o in c.outcomes]
    assert told == [(0, "bad-value"), (2, "bad-value")]
    assert 'diameter_uom = "cubit"' in chunks[0].outcomes[0].message


def test_life_spans_without_a_zone_are_taken_as_utc_and_identifiers_come_from_gml(tmp_path: Path) -> None:
    zone = (
        '<am:ManagementRestrictionOrRegulationZone gml:id="Z"><gml:identifier codeSpace="c">https://example.org/id/am/Z.7</gml:identifier>'
        f"<am:geometry>{square(51, 7)}</am:geometry>" + code("am:zoneType", "ZoneTypeCode/designatedWaters")
        + "<am:beginLifespanVersion>2015-06-01T12:00:00</am:beginLifespanVersion></am:ManagementRestrictionOrRegulationZone>"
    )  # fmt: skip
    ((row,), _) = made("inspire/management-zones", tmp_path / "z.gml", collection(zone))
    assert row["valid_from"].isoformat() == "2015-06-01T12:00:00+00:00"
    assert (row["namespace"], row["local_id"]) == ("https://example.org/id/am", "Z.7")


def test_cells_of_a_statistical_grid_lie_where_their_codes_say(tmp_path: Path) -> None:
    """The south-west corner through PROJ alone; INSPIRE writes the position in metres."""
    cell = '<su-grid:StatisticalGridCell gml:id="C{}"><su-grid:code>{}</su-grid:code><su-grid:geographicalPosition {}/></su-grid:StatisticalGridCell>'
    rows, chunks = made(
        "inspire/statistical-grid-cells",
        tmp_path / "g.gml",
        collection(
            cell.format(1, "CRS3035RES1000mN3099000E4108000", NIL),
            cell.format(2, "CRS3035RES200mN3099200E4108400", NIL),
            cell.format(3, "CRS25832RES1000mN5650000E350000", NIL),
        ),
    )
    assert [r["properties"]["scheme"] for r in rows] == ["grid-1km", "grid-200m"]
    assert [r["local_id"] for r in rows] == [
        "CRS3035RES1000mN3099000E4108000",
        "CRS3035RES200mN3099200E4108400",
    ]
    assert [r["properties"]["code"] for r in rows] == ["1kmN3099E4108", "CRS3035RES200mN3099200E4108400"]
    corner = Transformer.from_crs(3035, 4326, always_xy=True).transform(4108000, 3099000)
    assert min(rows[0]["geometry"].exterior.coords, key=lambda c: c[1]) == pytest.approx(corner, abs=1e-9)
    assert [(o.row, o.reason) for c in chunks for o in c.outcomes] == [(2, "bad-cell")]


def value(unit: str, number: str | None, *classes: str) -> str:
    items = "".join(
        f"<pd:thematic><pd:ClassificationItem>{code('pd:type', f'ClassificationItemTypeValue/{c}')}</pd:ClassificationItem></pd:thematic>"
        for c in classes
    )
    what = (
        f"<pd:value>{number}</pd:value>" if number else code("pd:specialValue", "SpecialValue/confidential")
    )
    return (
        f'<pd:value><pd:StatisticalValue>{what}<pd:dimensions><pd:Dimensions><pd:spatial xlink:href="{unit}"/>{items}</pd:Dimensions></pd:dimensions>'
        f"{code('pd:status', 'StatisticalDataStatusValue/definitive')}</pd:StatisticalValue></pd:value>"
    )


def test_a_distribution_is_one_record_for_each_value(tmp_path: Path) -> None:
    """Only the whole population of a unit is `population`: women and men are not added to it, and households are no people."""

    def distribution(number: int, measure: str, *values: str) -> str:
        return (
            f'<pd:StatisticalDistribution gml:id="D{number}">{identifier("pd", str(number))}<pd:areaOfDissemination>{square(51, 7)}</pd:areaOfDissemination>'
            f'{code("pd:measure", f"VariableValue/{measure}")}<pd:measurementUnit uom="1"/><pd:periodOfReference>{period("2021-01-01", "2021-12-31")}</pd:periodOfReference>'
            f"{''.join(values)}</pd:StatisticalDistribution>"
        )

    nuts, grid = "http://example.org/NUTS/DEA23", "http://example.org/grid/CRS3035RES1000mN3099000E4108000"
    rows, chunks = made(
        "inspire/population-distribution",
        tmp_path / "pd.gml",
        collection(
            distribution(1, "populationAt1January", value(nuts, "1083498"), value(nuts, "557000", "female"), value(grid, "7312"), value(grid, None, "female", "y_ge65")),
            distribution(2, "households", value(nuts, "560000")),
        ),
    )  # fmt: skip
    assert [(o.reason, o.message) for c in chunks for o in c.outcomes] == []
    assert [r["source_row"] for r in rows] == [0, 1, 2, 3, 4]
    common = {"status": "definitive", "unit": "1", "reference_year": 2021}
    in_nuts = {**common, "scheme": "nuts3", "code": "DEA23", "unit_of_area": nuts}
    in_grid = {
        **common,
        "scheme": "grid-1km",
        "code": "1kmN3099E4108",
        "unit_of_area": grid,
    }
    people = {"measure": "populationAt1January"}
    assert [r["properties"] for r in rows] == [
        {**in_nuts, **people, "population": 1083498.0},
        {**in_nuts, **people, "value": 557000.0, "classes": ["female"]},
        {**in_grid, **people, "population": 7312.0},
        {**in_grid, **people, "no_value": "confidential", "classes": ["female", "y_ge65"]},
        {**in_nuts, "measure": "households", "value": 560000.0},
    ]
    assert len({r["fid"] for r in rows}) == 5
    assert {r["geometry"] for r in rows} == {None}


def test_any_other_feature_arrives_with_its_leaves_as_typed_attributes(tmp_path: Path) -> None:
    station = (
        '<x:Station xmlns:x="https://example.org/x" gml:id="S{0}"><x:code>{1}</x:code><x:level>{2}</x:level><x:share>{3}</x:share><x:open>{4}</x:open>{5}'
        f'<x:owner><x:Party><x:name>{{0}} &amp; Sons</x:name></x:Party></x:owner><x:kind xlink:href="https://example.org/k"/><x:note {NIL}/>'
        "<x:place>{6}</x:place></x:Station>"
    )
    text = collection(
        station.format(1, "007", "3", "0.5", "true", "<x:tag>a</x:tag><x:tag>b</x:tag>", point(51, 7)),
        station.format(2, "011", "-4", "2", "false", "<x:tag>c</x:tag>", point(51.01, 7.01)),
    )
    (first, second), _ = made("inspire/any", tmp_path / "s.gml", text)
    assert first["properties"] == {
        "feature_type": "Station", "code": "007", "level": 3, "share": 0.5, "open": True, "tag": ["a", "b"], "owner_name": "1 & Sons", "kind_href": "https://example.org/k",
        "note_nilReason": f"{CODES}/VoidReasonValue/Unpopulated",
    }  # fmt: skip
    assert (second["properties"]["level"], second["properties"]["share"]) == (-4, 2.0)
    assert second["properties"]["tag"] == ["c"]
    assert (first["local_id"], first["alias"], first["geometry"].bounds) == ("S1", "S1", POINT)


def test_what_stands_in_a_feature_is_a_record_and_is_referred_to(tmp_path: Path) -> None:
    """A mapped feature with the unit that it shows, and that with an event: none of them is named by a link."""
    event = '<ge:GeologicEvent gml:id="EV"/>'
    unit = f'<ge:GeologicUnit gml:id="U"><ge:geologicHistory>{event}</ge:geologicHistory></ge:GeologicUnit>'
    mapped = f'<ge:MappedFeature gml:id="M"><ge:shape>{square(51, 7)}</ge:shape><ge:specification>{unit}</ge:specification></ge:MappedFeature>'
    rows, _ = made("inspire/geologic-features", tmp_path / "g.gml", collection(mapped))
    assert [(r["alias"], r["properties"]) for r in rows] == [
        ("M", {"kind": "MappedFeature", "specification": "#U"}),
        ("U", {"kind": "GeologicUnit", "history": ["#EV"]}),
        ("EV", {"kind": "GeologicEvent"}),
    ]
