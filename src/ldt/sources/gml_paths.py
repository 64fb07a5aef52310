"""Location paths by local names, and one walk over a feature that answers all of them.

The grammar::

    path        = ["//"] step {"/" step} ["/" attribute] ["[]"]  |  attribute
    step        = name {"|" name}  |  "*"
    attribute   = "@" name {"|" name}

Names are local: namespaces and their versions do not matter (`inspireID|inspireId`). A path begins below the feature; with `//`
it may begin anywhere below. Its value is the text of the first element that has some, or with `@` of an attribute (`@href`);
with `[]` the list of all. A nil or empty element has no value.

A feature within a feature (an element in a property, with a `gml:id` of its own) is met as if it were referred to: `path/@href` is `#` and
its id. Its leaves belong to it, where it becomes a record of its own; columns that name the way to them have them all the same.

Paths are not searched: each distinct place in a feature type is compared with all paths once, and from then on one dictionary
look-up per element tells which columns it feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ldt.errors import RecipeError
from ldt.sources.gml_geometry import Scope, geometry_wkb, is_geometry, local_name

#: Elements may be nested this deep; real features stay below 30.
MAX_DEPTH = 200

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_HREF = f"{_XLINK}href"
#: Attributes that say nothing of the object.
_NOISE = frozenset({f"{_XSI}schemaLocation", f"{_XSI}type", f"{_XLINK}type", "srsDimension"})
_GML_IDS = ("{http://www.opengis.net/gml/3.2}id", "{http://www.opengis.net/gml}id")
#: Namespaces whose objects have identifiers and are no features.
_NO_FEATURES = tuple(
    f"{{http://www.{host}" for host in ("opengis.net/gml", "opengis.net/swe", "isotc211.org/", "w3.org/")
)
_GRIDS = frozenset({"Grid", "RectifiedGrid", "ReferenceableGrid"})


class TooDeepError(ValueError):
    """A feature nested deeper than :data:`MAX_DEPTH`."""


@dataclass(frozen=True, slots=True)
class LocationPath:
    """A path, taken apart.

    Attributes:
        steps: the names that each step allows; None allows all.
        anywhere: whether it may begin anywhere below the feature.
        attributes: names of the attribute whose value is meant; empty for the element's text.
        many: whether all matches are wanted.
    """

    steps: tuple[frozenset[str] | None, ...]
    anywhere: bool = False
    attributes: frozenset[str] = frozenset()
    many: bool = False

    def matches(self, path: tuple[str, ...]) -> bool:
        """Whether the steps lead to the element at a path of local names."""
        if self.anywhere:
            if len(path) < len(self.steps):
                return False
            path = path[len(path) - len(self.steps) :]
        if len(path) != len(self.steps):
            return False
        return all(step is None or name in step for step, name in zip(self.steps, path, strict=True))


def parse_path(text: str) -> LocationPath:
    """Return a location path, taken apart.

    Raises:
        RecipeError: if it does not follow the grammar.
    """
    rest = text.strip()
    many = rest.endswith("[]")
    rest = rest.removesuffix("[]")
    anywhere = rest.startswith("//")
    rest = rest.removeprefix("//")
    *parents, last = rest.split("/")
    attributes = frozenset(last[1:].split("|")) if last.startswith("@") else frozenset[str]()
    steps = [*parents] if attributes else [*parents, last]
    names = [name for step in steps for name in step.split("|")] + list(attributes)
    if (
        not all(name == "*" or name.replace("-", "_").replace(".", "_").isidentifier() for name in names)
        or "*" in attributes
    ):
        raise RecipeError(
            f"{text!r} is no location path",
            where="option `paths`",
            remedy="write it as inspireID|inspireId/Identifier/localId, @href or //name[]",
        )
    return LocationPath(
        tuple(None if step == "*" else frozenset(step.split("|")) for step in steps),
        anywhere,
        attributes,
        many,
    )


def gml_id(element: Any) -> str | None:
    """Return the `gml:id` of an element."""
    for name in _GML_IDS:
        if (value := element.get(name)) is not None:
            return str(value)
    return None


def may_be_feature(tag: str) -> bool:
    """Whether an element that has a `gml:id` is a feature: its name is that of a type, and none of GML's or ISO's own objects."""
    return local_name(tag)[:1].isupper() and not tag.startswith(_NO_FEATURES)


class Place:
    """A place in a feature type: what an element there is called in `raw`, and which columns it feeds.

    Args:
        path: local names, from below the feature.
        paths: of the columns.
        parent: None for the feature itself.
        tag: of the element.
        taken: local names of the feature types that become records; all without it.
    """

    __slots__ = (
        "attributes",
        "children",
        "depth",
        "geometry",
        "inlined",
        "key",
        "parent",
        "path",
        "paths",
        "recorded",
        "skipped",
        "taken",
        "text",
        "within_grid",
    )

    def __init__(
        self,
        path: tuple[str, ...],
        paths: list[LocationPath],
        parent: Place | None,
        tag: str,
        taken: frozenset[str] | None = None,
    ) -> None:
        self.path = path
        self.taken = taken
        self.paths = paths
        self.parent = parent
        self.depth = len(path)
        self.key = "/".join(path)
        # The origin of a grid is a point, and not the place of the feature.
        self.within_grid: bool = parent is not None and (parent.within_grid or local_name(tag) in _GRIDS)
        self.geometry = parent is not None and not self.within_grid and is_geometry(tag)
        self.skipped = path[-1:] == ("boundedBy",) and tag.startswith("{http://www.opengis.net/gml")
        in_property = parent is not None and bool(parent.path) and not parent.path[-1][:1].isupper()
        #: Whether what stands here is a feature of its own if it has an id; and whether that becomes a record.
        self.inlined = in_property and not self.geometry and may_be_feature(tag)
        self.recorded = taken is None or local_name(tag) in taken
        self.text = tuple(i for i, p in enumerate(paths) if not p.attributes and p.steps and p.matches(path))
        self.children: dict[str, Place] = {}
        self.attributes: dict[str, tuple[str | None, tuple[int, ...]]] = {}

    def child(self, tag: str) -> Place:
        """Return the place of a child element."""
        place = self.children.get(tag)
        if place is None:
            if self.depth >= MAX_DEPTH:
                raise TooDeepError(f"nested deeper than {MAX_DEPTH} elements")
            place = self.children[tag] = Place(
                (*self.path, local_name(tag)), self.paths, self, tag, self.taken
            )
        return place

    def attribute(self, tag: str) -> tuple[str | None, tuple[int, ...]]:
        """Return (key in `raw` or None, columns) of an attribute."""
        known = self.attributes.get(tag)
        if known is None:
            name = local_name(tag)
            columns = tuple(
                i for i, p in enumerate(self.paths) if name in p.attributes and p.matches(self.path)
            )
            own_id = self.parent is None and name in {"id", "fid"}
            key = None if tag in _NOISE or own_id else f"{self.key}/@{name}".lstrip("/")
            known = self.attributes[tag] = (key, columns)
        return known


@dataclass(slots=True)
class FoundGeometry:
    """A geometry met in a feature.

    Attributes:
        place: where; its parent is the property.
        element: the geometry's element.
        srs_name: as it stands on it or an ancestor within the feature.
        dimension: `srsDimension` of an ancestor.
        wkb: makes well-known binary of it, as :func:`geometry_wkb` does of its element, given the other arguments.
    """

    place: Place
    element: Any
    srs_name: str | None
    dimension: int | None
    wkb: Callable[[int | None, Scope], bytes | None]


class Walk:
    """One walk over one feature.

    Attributes:
        values: by column: the first text, or the list of all.
        raw: every leaf by its path; repeated ones as lists. Those of which columns have every value are left out, unless
            `everything` is asked for.
        geometries: in the order of the document.
        inlined: features within the feature, in the order of the document; not those within these.
        inlined_geometries: of those of them that become no records, and so are part of this one.
        envelope_srs: `srsName` of the feature's own envelope.
    """

    __slots__ = (
        "_left",
        "_within",
        "envelope_srs",
        "geometries",
        "inlined",
        "inlined_geometries",
        "paths",
        "raw",
        "values",
    )

    def __init__(
        self, feature: Any, place: Place, paths: list[LocationPath], *, everything: bool = False
    ) -> None:
        self.paths = paths
        self.values: list[Any] = [[] if p.many else None for p in paths]
        self.raw: dict[str, Any] = {}
        self.geometries: list[FoundGeometry] = []
        self.inlined: list[Any] = []
        self.inlined_geometries: list[FoundGeometry] = []
        self.envelope_srs: str | None = None
        self._left: set[str] = set()
        self._within = 0
        self._visit(feature, place, None, None)
        if not everything:
            self.raw = {key: value for key, value in self.raw.items() if key in self._left}

    def _visit(self, element: Any, place: Place, srs_name: str | None, dimension: int | None) -> None:
        for tag, value in element.items():
            key, columns = place.attribute(tag)
            fed = self._feed(columns, value)
            if key is not None:
                self.keep(key, value, fed=fed)
            if tag == "srsName":
                srs_name = value
            elif tag == "srsDimension" and value in {"2", "3"}:
                dimension = int(value)
        text = element.text
        if text is not None and (text := text.strip()):
            self.keep(place.key, text, fed=self._feed(place.text, text))
        elif place.text and len(element):
            # Asked for the text of an element that has parts: all of it.
            whole = " ".join(t.strip() for t in element.itertext() if t.strip())
            if whole:
                self._feed(place.text, whole)
        if not len(element):
            return
        known = place.children
        for child in element:
            tag = child.tag
            below = known.get(tag) or (place.child(tag) if isinstance(tag, str) else None)
            if below is None:
                continue
            if below.geometry:
                self.geometries.append(
                    FoundGeometry(
                        below,
                        child,
                        child.get("srsName") or srs_name,
                        dimension,
                        partial(geometry_wkb, child),
                    )
                )
            elif below.skipped:
                if not self._within:
                    self.envelope_srs = self.envelope_srs or first_srs_name(child)
            elif below.inlined and (identifier := gml_id(child)) is not None:
                columns = place.attribute(_HREF)[1] if element.get(_HREF) is None else ()
                fed = self._feed(columns, f"#{identifier}")
                self.keep(f"{place.key}/@href", f"#{identifier}", fed=fed)
                self._visit_inlined(child, below, srs_name, dimension)
            else:
                self._visit(child, below, srs_name, dimension)

    def _visit_inlined(self, element: Any, place: Place, srs_name: str | None, dimension: int | None) -> None:
        """Visit a feature within the feature; what belongs to its own record is not kept with this one."""
        if not self._within:
            self.inlined.append(element)
        if place.recorded and not self.paths:
            return
        raw, geometries = self.raw, self.geometries
        if place.recorded:
            self.raw = {}
        self.geometries = []
        self._within += 1
        self._visit(element, place, srs_name, dimension)
        self._within -= 1
        if not place.recorded:
            self.inlined_geometries += self.geometries
        self.raw, self.geometries = raw, geometries

    def _feed(self, columns: tuple[int, ...], value: str) -> bool:
        """Give a value to columns; tell whether one has it now."""
        fed = False
        for i in columns:
            if self.paths[i].many:
                self.values[i].append(value)
            elif self.values[i] is None:
                self.values[i] = value
            else:
                continue
            fed = True
        return fed

    def keep(self, key: str, value: str, *, fed: bool = False) -> None:
        """Put a leaf into `raw`; `fed` says that a column has it."""
        if not fed:
            self._left.add(key)
        keep(self.raw, key, value)


def keep(raw: dict[str, Any], key: str, value: str) -> None:
    """Put a value into `raw`, into a list where there is one already."""
    if key not in raw:
        raw[key] = value
    elif isinstance(before := raw[key], list):
        before.append(value)
    else:
        raw[key] = [before, value]


def first_srs_name(element: Any) -> str | None:
    """Return the first `srsName` on an element or below it."""
    return _first(element, "srsName")


def first_axis_labels(element: Any) -> str | None:
    """Return the first `axisLabels` on an element or below it."""
    return _first(element, "axisLabels")


def _first(element: Any, attribute: str) -> str | None:
    for below in element.iter():
        value: str | None = below.get(attribute) if isinstance(below.tag, str) else None
        if value:
            return value
    return None
