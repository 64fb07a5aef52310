"""Indicators: their definitions (one YAML file each, under `schemas/indicators`) and their values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ldt.model.dataset import DpsirRole, Text
from ldt.model.snapshot import Access
from ldt.model.vocabulary import Checked, Slug

Status = Literal["valid", "insufficient", "not-computable", "suppressed"]
Duration = Annotated[str, StringConstraints(pattern=r"^P[0-9TYMDH]+$")]
Share = Annotated[float, Field(ge=0, le=1)]

#: Scheme of the one value that says that nothing can be computed, for lack of an input; its code is the twin's name.
TWIN = "twin"
#: Scheme of values at monitoring stations; the code is the station's, with `/{observed property}` where one indicator
#: has values for several properties.
STATION = "station"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Formula(_Strict):
    """How a value is computed, for people and for the engine.

    Attributes:
        text: the formula as people write it.
        method: name of the function in `ldt.indicators` that computes it.
        property: code of the vocabulary `observed-properties`; None where the indicator runs over all of them.
        averaging: what each observation may stand for, the preferred first.
        feature_type: type of the features that are measured.
        vocabulary: vocabulary of the features' classes.
        class_property: property of the features that holds the code of the class.
        concept_flag: property of the concepts that says whether a class counts.
        concept_value: property of the concepts that holds a number for each class.
        properties: codes of the vocabulary `observed-properties`, where several are read together (an index).
        statistic: what is made of the values of a day before it is compared: `mean`, `maximum 8-hour mean`, `value`.
        above: the number that a day must exceed to be counted.
        edition: edition of a table that the method reads (bands of an index).
        coverage: code of the vocabulary `observed-properties`: the band of the coverages that are measured.
        population_type: type of the features that say how many people live where.
    """

    text: str
    method: Slug
    property: str | None = None
    averaging: list[Duration] = []
    feature_type: str | None = None
    vocabulary: str | None = None
    class_property: str | None = None
    concept_flag: str | None = None
    concept_value: str | None = None
    properties: list[str] = []
    statistic: str | None = None
    above: float | None = None
    edition: str | None = None
    coverage: str | None = None
    population_type: str | None = None


class Validity(_Strict):
    """Which data count, and how many are needed.

    Attributes:
        min_coverage: least share of the expected records or of the area; below it the status is `insufficient`.
        valid_from_code: least code of the vocabulary `observation-validity` that counts as valid.
        note: what else is done with doubtful data.
    """

    min_coverage: Share | None = None
    valid_from_code: int | None = None
    source: str
    checked: Checked
    note: str | None = None


class Input(_Strict):
    """One kind of data that the computation reads, in order of preference."""

    kind: Literal["observation", "feature", "coverage"]
    type: str
    note: str | None = None


class Mapping(_Strict):
    """The same indicator in another set of indicators.

    Attributes:
        status: `confirmed` only if somebody has read it in the edition named.
    """

    set: str
    version: str | None = None
    code: str
    status: Literal["confirmed", "unconfirmed"]


class Definition(_Strict):
    """What an indicator is: everything that a value of it refers to.

    Attributes:
        code: short code in the project's catalogue (`AQ01`).
        unit: UCUM code.
        spatial_units: codes of the vocabulary `area-schemes`.
        temporal_unit: ISO 8601 duration of a usual period.
        thresholds: ids of the rule sets (`schemas/law`) whose verdicts each value carries.
        eea_type: codes of the vocabulary `indicator-types`.
        dpsir: the default role; a chain can give another.
        anatomy: code of the vocabulary `anatomy`.
        iso37101: the purposes of ISO 37101 that it serves.
    """

    id: Slug
    code: str
    title: Text
    definition: Text
    formula: Formula
    unit: str
    inputs: list[Input] = Field(min_length=1)
    spatial_units: list[str] = Field(min_length=1)
    temporal_unit: Duration
    validity: Validity
    thresholds: list[Slug] = []
    eea_type: list[Literal["A", "B", "C", "D", "E"]]
    dpsir: DpsirRole
    anatomy: str
    twin: Literal["built", "environmental", "both"] | None = None
    iso37101: list[str] = []
    mappings: list[Mapping] = []
    source: str
    checked: Checked


@dataclass(frozen=True, slots=True)
class ValueKey:
    """What names a value: indicator, spatial unit and period.

    Attributes:
        scheme: scheme of the spatial unit (`station`, `city`, …).
        code: the unit's code in it.
        period: the period as it is written (`2013`, `2013-01-01/2014-01-01`).
    """

    indicator: str
    scheme: str
    code: str
    period: str

    @property
    def slug(self) -> str:
        """The id of the value within its indicator: `{scheme}.{code}.{period}`, without slashes.

        Characters outside `A-Za-z0-9_-` are written `~XX` (UTF-8, hexadecimal), so that the dots tell the parts apart.
        """
        return ".".join(_encode(part) for part in (self.scheme, self.code, self.period))

    @classmethod
    def parse(cls, indicator: str, slug: str) -> ValueKey:
        """Return the key of a slug.

        Raises:
            ValueError: it was not made by :attr:`slug`.
        """
        parts = slug.split(".")
        if len(parts) != 3 or not all(_PART.fullmatch(p) for p in parts):
            raise ValueError(f"{slug!r} is not {{scheme}}.{{code}}.{{period}}")
        key = cls(indicator, *(_decode(p) for p in parts))
        if key.slug != slug:
            raise ValueError(f"{slug!r} is not how this value is written, {key.slug!r} is")
        return key


_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_PART = re.compile(r"(?:[A-Za-z0-9_-]|~[0-9A-F]{2})+")


def _encode(text: str) -> str:
    return _UNSAFE.sub(lambda m: "".join(f"~{b:02X}" for b in m.group().encode()), text)


def _decode(text: str) -> str:
    return re.sub(r"(?:~[0-9A-F]{2})+", lambda m: bytes.fromhex(m.group().replace("~", "")).decode(), text)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an indicator, with what is needed to judge and to repeat it.

    Attributes:
        period_start, period_end: the period `[start, end)` as instants, in the zone of the unit.
        value: None unless the status is `valid`.
        reason: why there is no value.
        n_valid, n_expected: records that counted, and how many a complete period has; for areas the number of features.
        coverage: share of the expected records or of the area that had valid data, 0 to 1.
        verdicts: what :func:`ldt.model.law.verdicts` says.
        quality: what was used and what was left out, by kind of indicator.
        access: the strictest class of the inputs.
        inputs: the version of each data set that was read.
        geom: place of the unit as EWKB in EPSG:4326.
    """

    key: ValueKey
    period_start: datetime
    period_end: datetime
    unit: str
    status: Status
    method: str
    name: str | None = None
    value: float | None = None
    reason: str | None = None
    n_valid: int = 0
    n_expected: int | None = None
    coverage: float | None = None
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    quality: dict[str, Any] = field(default_factory=dict)
    access: Access = Access.OPEN
    inputs: dict[str, int] = field(default_factory=dict)
    geom: bytes | None = None
