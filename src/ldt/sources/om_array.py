"""`swe:DataArray` and `swe:DataRecord`: what the fields of a block mean, and the blocks of a long text one after the other.

SWE Common 1.0 and 2.0 (OGC 08-094r1, clauses 7 and 8) are one here: elements are known by local names. What a field means is told by its
name and definition: the Eionet names (`StartTime`, `Validity`, …), those of 52°North's services (`phenomenonTime`, `feature`), OGC's definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ldt.sources.gml_geometry import local_name
from ldt.sources.om_values import OmError, Value, child, instant, nil_reason, path, tail, text_of, unit_of

Role = Literal[
    "time", "time_end", "result_time", "verification", "validity", "data_capture", "quality",
    "feature", "procedure", "offering", "depth", "position", "value",
]  # fmt: skip
_SIMPLE = frozenset({"Quantity", "Count", "Category", "Text", "Boolean", "Time", "ObservableProperty"})
_RANGES = frozenset({"TimeRange", "QuantityRange", "CountRange", "CategoryRange"})
_NESTED = frozenset({"DataRecord", "SimpleDataRecord", "Vector", "Position"})
_BY_TAIL: dict[str, Role] = {
    "featureofinterest": "feature", "feature": "feature", "foi": "feature",
    "procedure": "procedure", "sensor": "procedure", "offering": "offering",
    "quality": "quality", "qualitycode": "quality", "qualityflag": "quality", "flag": "quality", "qualifier": "quality",
    "depth": "depth", "height": "depth", "altitude": "depth", "elevation": "depth",
    "latitude": "position", "longitude": "position", "lat": "position", "lon": "position",
}  # fmt: skip
#: More text than this without a separator is no block.
MAX_BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Component:
    """A field of a record.

    Attributes:
        width: tokens that it takes: two for a range.
        nil: text that stands for no value → reason.
        intervals, allowed: what the field's own constraint allows; anything where both are empty.
    """

    name: str
    kind: str
    definition: str | None
    unit: str | None
    role: Role
    width: int
    nil: dict[str, str]
    intervals: tuple[tuple[float, float], ...] = ()
    allowed: frozenset[float] = frozenset()

    def allows(self, text: str) -> bool:
        """Whether the field's constraint allows a value; what is no number is not judged."""
        if not self.intervals and not self.allowed:
            return True
        try:
            number = float(text)
        except ValueError:
            return True
        return number in self.allowed or any(low <= number <= high for low, high in self.intervals)


@dataclass(slots=True)
class DataArray:
    """A data array whose fields and encoding are known, before its values are.

    Attributes:
        declared: number of blocks that the array says it has; None where it does not say.
        block_separator, separator, decimal: what parts blocks and tokens of a text encoding, and its decimal sign.
        xml: whether the values are elements instead.
        blocks: number of blocks taken apart so far.
    """

    components: list[Component]
    declared: int | None = None
    block_separator: str = ""
    separator: str = ""
    decimal: str = "."
    xml: bool = False
    blocks: int = 0
    _pending: str = ""
    _tokens: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        """The number of tokens of a block."""
        return sum(c.width for c in self.components)

    def feed(self, text: str) -> Iterator[Value]:
        """Yield the values of the blocks that some more text completes."""
        parts = self._split(self._pending + text)
        self._pending = parts.pop()
        if len(self._pending) > MAX_BLOCK:
            self._pending = self._pending[:200]
            raise OmError(f"no block separator {self.block_separator!r} in {MAX_BLOCK:,} characters")
        for part in parts:
            yield from self._block(part)

    def close(self) -> Iterator[Value]:
        """Yield the values of the last block, and a problem where blocks are missing."""
        rest, self._pending = self._pending, ""
        yield from self._block(rest)
        if self._tokens:
            yield from self.record(self._tokens)
            self._tokens = []
        if self.declared is not None and self.blocks < self.declared:
            yield Value(problem=f"the array says that it has {self.declared} blocks, and has {self.blocks}")

    def record(self, tokens: Sequence[str]) -> Iterator[Value]:
        """Yield the values of one block."""
        self.blocks += 1
        if len(tokens) != self.width:
            yield Value(
                problem=f"a block of {len(tokens)} tokens, where the array declares {self.width}",
                block=self.separator.join(tokens)[:1000],
            )
            return
        common, values = Value(), []
        place = 0
        for component in self.components:
            token = tokens[place].strip()
            if component.role == "value":
                values.append((component, token))
            elif component.role == "time" and component.width == 2:
                common.time, common.time_end = instant(token), instant(tokens[place + 1])
            elif component.role == "depth":
                common.depth = _number(self._decimal(token))
            elif component.role == "position":
                common.position = f"{common.position} {token}" if common.position else token
            elif component.role != "result_time" and token and token not in component.nil:
                timed = component.role in {"time", "time_end"}
                setattr(common, component.role, instant(token) if timed else token)
            place += component.width
        several = len(values) > 1
        for component, token in values:
            yield self._value(common, component, token, several)

    def _value(self, common: Value, component: Component, token: str, several: bool) -> Value:
        value = Value(*(getattr(common, name) for name in Value.__slots__))
        value.unit, value.definition = component.unit, component.definition
        if several:
            value.observed_property = component.definition or component.name
        if token in component.nil:
            value.nil_reason = component.nil[token] or "nil"
        elif token:
            value.value = self._decimal(token) if component.kind in {"Quantity", "Count"} else token
            if not component.allows(value.value):
                value.problem = f"{token} is not allowed by the constraint of the field {component.name}"
        return value

    def _decimal(self, token: str) -> str:
        return token if self.decimal == "." else token.replace(self.decimal, ".")

    def _split(self, text: str) -> list[str]:
        if self.block_separator.strip() or "\n" in self.block_separator:
            return text.split(self.block_separator)
        # A line break in an attribute arrives as a blank.
        return re.split(r"\s+", text)

    def _block(self, text: str) -> Iterator[Value]:
        text = text.strip("\r\n \t" if self.separator.strip() else "\r\n")
        if not text:
            return
        if self.block_separator != self.separator:
            yield from self.record(
                text.split(self.separator if self.separator.strip() or self.separator == "\t" else None)
            )
            return
        self._tokens.append(text)
        if len(self._tokens) == self.width:
            tokens, self._tokens = self._tokens, []
            yield from self.record(tokens)


def data_array(element: Any) -> DataArray:
    """Return what a `DataArray` says of its fields and encoding.

    Raises:
        OmError: the description is not there (a reference), or is of a kind that is not read.
    """
    kind = child(element, "elementType")
    if kind is None or not len(kind):
        raise OmError("the array does not say what its fields are (elementType is missing or a reference)")
    array = DataArray(components(kind[0]), _declared(element))
    encoding = child(element, "encoding")
    stated = encoding[0] if encoding is not None and len(encoding) else None
    if stated is None:
        raise OmError("the array does not say how its values are encoded")
    name = local_name(stated.tag)
    if name == "XMLEncoding" or name == "XMLBlock":
        array.xml = True
    elif name in {"TextEncoding", "TextBlock"}:
        array.separator = stated.get("tokenSeparator") or ","
        array.block_separator = stated.get("blockSeparator") or " "
        array.decimal = stated.get("decimalSeparator") or "."
        if array.decimal == array.separator:
            raise OmError(f"{array.separator!r} separates tokens and is the decimal sign as well")
    else:
        raise OmError(f"values in {name} are not read")
    return array


def data_record(element: Any) -> Iterator[Value]:
    """Yield the values of a `DataRecord` that holds them in its fields.

    Raises:
        OmError: a field of a kind that is not read.
    """
    array = DataArray(components(element), separator=" ")
    tokens: list[str] = []
    for component in _leaves(element):
        value = text_of(child(component, "value")) or ""
        tokens += value.split() if local_name(component.tag) in _RANGES else [value]
    yield from array.record(tokens)


def components(element: Any) -> list[Component]:
    """Return the fields of a record, or the one component that an array consists of, in order; nested ones are taken apart.

    Raises:
        OmError: a component of a kind that is not read (choice, matrix, array of arrays).
    """
    leaves = list(_leaves(element))
    found: list[Component] = []
    for leaf in leaves:
        name = _field_name(leaf, element)
        role = _role(name, leaf, found)
        constraint = path(leaf, "constraint", "AllowedValues")
        found.append(
            Component(
                name=name,
                kind=local_name(leaf.tag),
                definition=(leaf.get("definition") or "").strip() or None,
                unit=unit_of(leaf),
                role=role,
                width=2 if local_name(leaf.tag) in _RANGES else 1,
                nil={v.text.strip(): v.get("reason", "") for v in leaf.iter("{*}nilValue") if v.text},
                intervals=tuple(_intervals(constraint)),
                allowed=frozenset(_allowed(constraint)),
            )
        )
    # A height or a place is where the value was taken only if there is another value.
    if not any(c.role == "value" for c in found):
        raise OmError("no field of the array holds a value")
    return found


def _leaves(element: Any) -> Iterator[Any]:
    name = local_name(element.tag)
    if name in _SIMPLE or name in _RANGES:
        yield element
    elif name in _NESTED:
        for below in element:
            if local_name(below.tag) in {"field", "coordinate"}:
                if not len(below):
                    raise OmError(f"the field {below.get('name')!r} is a reference, which is not resolved")
                yield from _leaves(below[0])
    else:
        raise OmError(f"an array of {name} is not read")


def _field_name(leaf: Any, root: Any) -> str:
    holder = leaf.getparent() if leaf is not root else None
    return (holder.get("name") if holder is not None else None) or tail(leaf.get("definition")) or "value"


def _role(name: str, leaf: Any, before: list[Component]) -> Role:
    kind, words = local_name(leaf.tag), (tail(name), tail(leaf.get("definition")))
    if kind in {"Time", "TimeRange"}:
        if any("resulttime" in w for w in words):
            return "result_time"
        ends = "end" in words[0] or any(c.role == "time" for c in before)
        return "time_end" if ends else "time"
    for part, role in (
        ("verification", "verification"),
        ("validity", "validity"),
        ("datacapture", "data_capture"),
    ):
        if any(part in w for w in words):
            return role  # type: ignore[return-value] # the pairs above are roles
    known = next((_BY_TAIL[w] for w in words if w in _BY_TAIL), None)
    if known in {"depth", "position"} and not (kind == "Quantity" and _has_sibling(leaf)):
        return "value"
    if known == "quality" and kind == "Quantity":
        return "value"
    return known or "value"


def _has_sibling(leaf: Any) -> bool:
    """Whether another field beside this one is a quantity of another kind: then this one tells where."""
    root = leaf
    while root.getparent() is not None and local_name(root.getparent().tag) in {
        *_NESTED,
        "field",
        "coordinate",
    }:
        root = root.getparent()
    others = (q for q in root.iter("{*}Quantity") if q is not leaf)
    names = ((tail(_field_name(q, root)), tail(q.get("definition"))) for q in others)
    return any(not set(words) & _BY_TAIL.keys() for words in names)


def _intervals(constraint: Any) -> Iterator[tuple[float, float]]:
    if constraint is None:
        return
    for interval in constraint.iter("{*}interval"):
        bounds = [_number(t) for t in (interval.text or "").split()]
        if len(bounds) == 2 and bounds[0] is not None and bounds[1] is not None:
            yield bounds[0], bounds[1]
    low, high = (_number(text_of(child(constraint, n)) or "") for n in ("min", "max"))
    if low is not None or high is not None:
        yield (low if low is not None else float("-inf")), (high if high is not None else float("inf"))


def _allowed(constraint: Any) -> Iterator[float]:
    if constraint is not None:
        for value in (*constraint.iter("{*}value"), *constraint.iter("{*}valueList")):
            yield from (n for t in (value.text or "").split() if (n := _number(t)) is not None)


def _declared(element: Any) -> int | None:
    count = child(element, "elementCount")
    if count is None or nil_reason(count):
        return None
    text = text_of(path(count, "Count", "value")) or text_of(count)
    return int(text) if text and text.isdigit() else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
