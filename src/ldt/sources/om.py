"""Reader `om`: observations in XML, one record per value.

Read are O&M 1.0 and 2.0 (OGC 10-025r1) with results as single values, `swe:DataArray`, time series of WaterML 2 (OGC 10-126r4) and coverages
along a profile, in whatever holds them: answers of a SOS, an insertion, a feature collection, the EEA's e-reporting (data flow E).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from lxml import etree

from ldt.errors import SourceError
from ldt.sources.batches import BATCH_ROWS, Options, check_options, with_rows
from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_prolog import check_prolog
from ldt.sources.judge import judge
from ldt.sources.om_document import Observed, is_observation, observations
from ldt.sources.om_header import Feature, Header
from ldt.sources.om_values import Value
from ldt.sources.source import (
    GEOMETRY,
    MALFORMED,
    RAW,
    Batch,
    DeclaredCrs,
    Description,
    LayerDescription,
)
from ldt.wording import plural

#: Columns that only the observation tells, only the value, or the value before the observation. All are texts.
_OF_OBSERVATION = (
    "observation_id", "observation_type", "procedure_name", "observed_property_name", "namespace",
    "phenomenon_begin", "phenomenon_end", "result_time", "sampling_point", "station", "parameters", "feature_name",
)  # fmt: skip
_OF_VALUE = (
    "time", "time_end", "value", "unit", "definition", "nil_reason", "censored", "interpolation", "aggregation",
    "validity", "verification", "data_capture", "position",
)  # fmt: skip
_OF_EITHER = ("procedure", "observed_property", "offering", "quality")
FEATURE = "feature_of_interest"
#: Bytes of geometry and parameters in a batch, at most: they are repeated in every record.
_MAX_REPEATED = 64 * 1024 * 1024
#: In how many elements from the beginning the first observation is looked for.
_LOOKED_AT = 5_000


class OmReader:
    """Observations in XML."""

    suffixes = (".xml", ".gml")
    options = Options

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the values of all observations, each batch of one CRS."""
        check_options(Options, options, "om")
        reading = _Reading()
        try:
            for part in observations(path):
                yield from reading.add(part)
        except SourceError:
            # What was read before the damage is good and stays.
            yield from reading.flush()
            raise
        yield from reading.flush()

    def describe(self, path: Path) -> Description:
        """Tell the observed properties, one layer each, reading the whole file once."""
        layers: dict[str, LayerDescription] = {}
        bounds: dict[str, list[float]] = {}
        malformed = empty = 0
        for part in observations(path):
            empty += part.first and part.last and not part.values
            reading = _Reading()
            for batch in (*reading.add(part), *reading.flush()):
                malformed += batch.records.num_rows - batch.records.column(MALFORMED).null_count
                for name in batch.records.column("observed_property").unique().to_pylist():
                    mine = pc.fill_null(
                        pc.equal(batch.records.column("observed_property"), name or ""), name is None
                    )
                    layer = name or part.header.observation_type
                    _describe(layers, bounds, layer, batch.records.filter(mine), batch.crs)
        for name, layer in layers.items():
            if layer.geometry_types:
                layer.extent, layer.problems = judge(layer.crs, bounds.get(name))
        problems = (
            [f"{plural(malformed, 'value or block', 'values or blocks')} cannot be taken apart"]
            if malformed
            else []
        )
        problems += [f"{empty} observations hold no values"] if empty else []
        if not layers:
            problems.append("holds no observations")
        return Description(
            format="Observations (O&M)", reader="om", layers=list(layers.values()), problems=problems
        )


def holds_observations(path: Path) -> bool:
    """Whether the first feature of an XML document is an observation; False for what cannot be parsed so far."""
    check_prolog(path)
    try:
        with path.open("rb") as file:
            events = etree.iterparse(
                file,
                events=("start",),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=True,
            )
            for _, element in itertools.islice(events, _LOOKED_AT):
                above = element.getparent()
                name = local_name(element.tag)
                if above is None and name == "GetObservationResponse":
                    return True
                if is_observation(name, element.tag, None if above is None else local_name(above.tag)):
                    return not any(local_name(a.tag)[:2] == "ef" for a in element.iterancestors())
    except etree.XMLSyntaxError:
        return False
    return False


# Records --------------------------------------------------------------------------------------------------------------


class _Reading:
    """The records of the batch that is being made: beside each value what its observation says."""

    def __init__(self) -> None:
        self._said: list[dict[str, Any]] = []
        self._values: list[Value] = []
        self._raw: list[str | None] = []
        self._crs: DeclaredCrs | None = None
        self._located = False
        self._repeated = 0
        self._first = 0

    def add(self, part: Observed) -> Iterator[Batch]:
        """Take values in; yield the batches that they complete."""
        known: dict[str | None, dict[str, Any]] = {}
        for place, value in enumerate(part.values):
            said = known.get(value.feature)
            if said is None:
                said = known[value.feature] = _said(part.header, value.feature)
            if said[GEOMETRY] is not None:
                if self._located and said["crs"] != self._crs:
                    yield from self.flush()
                self._crs, self._located = said["crs"], True
            self._said.append(said)
            self._values.append(value)
            self._raw.append(_raw(part.header, value, part.first and place == 0))
            self._repeated += said["size"]
            if len(self._values) >= BATCH_ROWS or self._repeated > _MAX_REPEATED:
                yield from self.flush()

    def flush(self) -> Iterator[Batch]:
        """Yield what was taken in, if anything, and begin anew."""
        if not self._values:
            return
        said, values, count = self._said, self._values, len(self._values)
        texts: dict[str, list[str | None]] = {
            name: [s[name] for s in said] for name in (*_OF_OBSERVATION, FEATURE)
        }
        for name in _OF_EITHER:
            own = attrgetter(name)
            texts[name] = [own(v) or s[name] for s, v in zip(said, values, strict=True)]
        texts |= {name: list(map(attrgetter(name), values)) for name in _OF_VALUE}
        columns = {name: pa.array(column, pa.string()) for name, column in texts.items()}
        columns["depth"] = pa.array([v.depth for v in values], pa.float64())
        columns[GEOMETRY] = pa.array([s[GEOMETRY] for s in said], pa.binary())
        columns[RAW] = pa.array(self._raw, pa.string())
        columns[MALFORMED] = pa.array([v.problem for v in values], pa.string())
        yield Batch(with_rows(columns, self._first, count), self._crs)
        self._first += count
        self._said, self._values, self._raw = [], [], []
        self._crs, self._located, self._repeated = None, False, 0


def _said(head: Header, name: str | None) -> dict[str, Any]:
    """Return what an observation says of those of its values that were taken at one feature.

    Args:
        head: the observation's header.
        name: the feature that the values themselves name; None where they name none.
    """
    feature = head.features.get(name, Feature(name)) if name else head.feature
    said = {column: getattr(head, column, None) for column in (*_OF_OBSERVATION, *_OF_EITHER)}
    said |= {"phenomenon_begin": head.begin, "phenomenon_end": head.end, "feature_name": feature.name}
    size = len(feature.wkb or b"") + len(head.parameters or "")
    return {**said, FEATURE: feature.id, GEOMETRY: feature.wkb, "crs": feature.crs, "size": size}


def _raw(head: Header, value: Value, first: bool) -> str | None:
    """Return the leaves of the observation with its first value only; with a malformed one its text."""
    if value.problem is not None:
        return orjson.dumps({"block": value.block} if value.block is not None else {}).decode()
    return head.raw if first else None


def _describe(
    layers: dict[str, LayerDescription],
    bounds: dict[str, list[float]],
    name: str,
    table: pa.RecordBatch,
    crs: DeclaredCrs | None,
) -> None:
    """Add what some values of one observed property tell to its layer."""
    layer = layers.setdefault(name, LayerDescription(name=name, count=0, columns={}))
    layer.count = (layer.count or 0) + table.num_rows
    for column in table.schema.names:
        if column not in {GEOMETRY, RAW, MALFORMED} and table.column(column).null_count < table.num_rows:
            layer.columns[column] = "number" if column == "depth" else "text"
    shapes = [g for g in table.column(GEOMETRY).unique().to_pylist() if g is not None]
    for geometry in shapely.from_wkb(shapes):
        layer.crs = layer.crs or crs
        if geometry.geom_type not in layer.geometry_types:
            layer.geometry_types.append(geometry.geom_type)
        if layer.crs == crs:
            box, now = bounds.setdefault(name, [np.inf, np.inf, -np.inf, -np.inf]), geometry.bounds
            box[:] = [*np.minimum(box[:2], now[:2]), *np.maximum(box[2:], now[2:])]
