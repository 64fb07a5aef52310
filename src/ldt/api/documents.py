"""The documents that the service sends, as the OpenAPI description states them.

Answers are made from dicts and bytes; a test holds what is sent against these models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow")


class Link(_Document):
    """A link (RFC 8288)."""

    href: str
    rel: str
    type: str | None = None
    title: str | None = None


class Linked(_Document):
    """A document with links to itself, to its other forms and onwards."""

    links: list[Link]


class Problem(_Document):
    """What went wrong (RFC 9457): where, and what to do."""

    type: str
    title: str
    status: int
    detail: str
    where: str | None = None
    remedy: str | None = None
    instance: str | None = None


class Health(_Document):
    """Whether the service can do its work."""

    status: Literal["ok", "unavailable"]
    database: str
    version: str
    twins: int | None = None


class Conformance(Linked):
    """Conformance classes that the service claims."""

    conforms_to: list[str] = Field(alias="conformsTo")


class Landing(Linked):
    """The entry to the service or to one twin."""

    title: str
    description: str | None = None


class TwinList(Linked):
    """The twins that are served."""

    twins: list[dict[str, Any]]


class Collection(Linked):
    """A harmonised feature type of a twin over all its data sets, or what another standard shows of one data set."""

    id: str
    title: str
    description: str | None = None
    extent: dict[str, Any] | None = None
    item_type: Literal["feature", "record", "coverage"] | None = Field(None, alias="itemType")
    crs: list[str]


class Collections(Linked):
    """The collections of a twin."""

    collections: list[Collection]


class Feature(_Document):
    """A GeoJSON feature (RFC 7946)."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class FeatureCollection(Linked):
    """A page of features. `numberMatched` is exact; where only an estimate is known it is `numberMatchedEstimate`."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    number_returned: int = Field(alias="numberReturned")
    number_matched: int | None = Field(None, alias="numberMatched")
    number_matched_estimate: int | None = Field(None, alias="numberMatchedEstimate")
    time_stamp: datetime = Field(alias="timeStamp")
    snapshot: str


class Record(Feature):
    """A record of the catalogue (OGC 20-004r1, 8.2): what a data set is, and the ways to it."""

    conforms_to: list[str] = Field(alias="conformsTo")
    time: dict[str, Any] | None
    links: list[Link]


class RecordCollection(FeatureCollection):
    """A page of records of the catalogue."""

    features: list[Record]  # type: ignore[assignment]


class TileMatrixSets(Linked):
    """The tile matrix sets."""

    tile_matrix_sets: list[dict[str, Any]] = Field(alias="tileMatrixSets")


class TileMatrixSet(Linked):
    """A tile matrix set (OGC 17-083r4): its CRS and its matrices."""

    id: str
    uri: str
    crs: str
    tile_matrices: list[dict[str, Any]] = Field(alias="tileMatrices")


class TileSets(Linked):
    """Tile sets, each with a link to its metadata."""

    tilesets: list[dict[str, Any]]


class TileSet(Linked):
    """The metadata of a tile set (OGC 17-083r4): which tiles there are, of what; the link `item` is their address."""

    title: str
    data_type: Literal["vector", "map"] = Field(alias="dataType")
    crs: str
    tile_matrix_set_uri: str = Field(alias="tileMatrixSetURI")
    tile_matrix_set_limits: list[dict[str, Any]] = Field(alias="tileMatrixSetLimits")


class TileJSON(_Document):
    """TileJSON 3.0."""

    tilejson: str
    tiles: list[str]


class Legend(Linked):
    """What the colours of a map mean."""

    title: str
    coverage: str
    kind: Literal["classes", "ramp"]
    entries: list[dict[str, Any]]


class DatasetList(Linked):
    """The data sets of a twin."""

    datasets: list[dict[str, Any]]


class Outcomes(_Document):
    """What became of the records that were read: the five add up to `read`; rows made of them are counted apart."""

    read: int
    accepted: int
    repaired: int
    rejected: int
    duplicate: int
    outside: int
    derived: int
    missing: int


class Freshness(_Document):
    """Whether a data set is overdue by what is stated of how often it is updated, and how that was judged."""

    state: Literal["fresh", "overdue", "unknown"]
    data_end: datetime | None
    committed: datetime
    due: datetime | None
    judged: str


class References(_Document):
    """What became of the references to other objects, as far as this caller sees these; not `complete` where only the first 5,000 features were looked at."""

    resolved: int
    dangling: int
    complete: bool


class Dataset(Linked):
    """A data set: description, version, outcomes, freshness, references, sources."""

    name: str
    title: dict[str, str]
    licence: str
    version: int
    outcomes: Outcomes
    freshness: Freshness
    references: References | None
    sources: list[dict[str, Any]]


class VersionList(Linked):
    """Versions of a data set, newest first."""

    versions: list[dict[str, Any]]


class OutcomeList(Linked):
    """Records that were not simply accepted, and why."""

    records: list[dict[str, Any]]


class CoverageList(Linked):
    """The coverages of a twin."""

    coverages: list[dict[str, Any]]


class CoverageDescription(Linked):
    """A coverage: bands, grid, time, and for maps its picture and legend."""

    id: str
    title: dict[str, str]
    dataset: str
    bands: list[dict[str, Any]]
    grid: dict[str, Any]
    bbox: list[float]
    steps: int
    map: dict[str, Any]


class LatestList(Linked):
    """The latest value of every datastream."""

    values: list[dict[str, Any]]


class DatastreamList(Linked):
    """Datastreams with their state."""

    datastreams: list[dict[str, Any]]


class Datastream(Linked):
    """One series: a thing, an observed property, an averaging, a unit."""

    datastream: int
    code: str
    thing: str
    observed_property: str
    unit: str


class ObservationList(Linked):
    """Observations of a datastream in order of time."""

    observations: list[dict[str, Any]]


class VocabularyList(Linked):
    """The vocabularies."""

    vocabularies: list[dict[str, Any]]


class Concept(Linked):
    """One entry of a vocabulary."""

    code: str
    label: dict[str, str]
    checked: Literal["V", "K", "P"]


class Vocabulary(Linked):
    """A vocabulary with its concepts."""

    id: str
    title: dict[str, str]
    source: str
    checked: Literal["V", "K", "P"]
    concepts: list[dict[str, Any]]


class ChainList(Linked):
    """DPSIR chains."""

    chains: list[dict[str, Any]]


class Chain(Linked):
    """A DPSIR chain: `nodes` have a role, `arrows` go from node to node."""

    id: str
    title: dict[str, str]
    nodes: list[dict[str, Any]]
    arrows: list[dict[str, Any]]


class Boxes(_Document):
    """How many boxes there are, how many are filled, and how many are empty by reason."""

    total: int
    filled: int
    empty: dict[str, int]


class Box(_Document):
    """A box of a chain, filled with the current values of a twin or empty and why."""

    id: str
    role: Literal["D", "P", "S", "I", "R"]
    title: dict[str, str]
    indicator: str | None
    state: Literal[
        "filled",
        "insufficient",
        "not-computable",
        "suppressed",
        "not-computed",
        "not-defined",
        "no-indicator",
    ]
    reason: str | None
    values: list[dict[str, Any]]


class TwinChainList(Linked):
    """DPSIR chains with the current values of a twin."""

    snapshot: str
    scheme: str
    code: str | None
    period: str | None
    boxes: Boxes
    chains: list[dict[str, Any]]


class TwinChain(Linked):
    """A DPSIR chain with the current values of a twin: its boxes, and its arrows with the boxes at their two ends."""

    id: str
    title: dict[str, str]
    snapshot: str
    scheme: str
    code: str | None
    period: str | None
    boxes: Boxes
    nodes: list[Box]
    arrows: list[dict[str, Any]]


class IndicatorList(Linked):
    """Indicators."""

    indicators: list[dict[str, Any]]


class IndicatorDefinition(Linked):
    """What an indicator is: formula, unit, DPSIR role, validity, thresholds, source."""

    id: str
    title: dict[str, str]
    unit: str
    dpsir: Literal["D", "P", "S", "I", "R"]
    formula: dict[str, Any]


class IndicatorValue(_Document):
    """One value of an indicator, with what is needed to judge it."""

    id: str
    indicator: str
    scheme: str
    code: str
    period: str
    value: float | None
    unit: str
    status: Literal["valid", "insufficient", "not-computable", "suppressed"]
    reason: str | None = None
    n_valid: int
    n_expected: int | None = None
    coverage: float | None = None
    method: str
    verdicts: list[dict[str, Any]]
    inputs: dict[str, int]
    links: list[Link]


class IndicatorValueList(Linked):
    """Values of an indicator, in order of spatial unit and period."""

    values: list[IndicatorValue]


class PlacedList(Linked):
    """A list as GeoJSON features: each row at its place, with its columns as properties."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class Lineage(Linked):
    """How a value came about: run, definition, rule sets, input versions and files, records used and left out."""


class LineageRecords(Linked):
    """The very records that a value was computed from, as of the versions that it was computed from."""

    records: list[dict[str, Any]]


class Functions(Linked):
    """What a filter may call (OGC API - Features, Part 3)."""

    functions: list[dict[str, Any]]
