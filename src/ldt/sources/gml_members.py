"""The features of an XML document, one after the other, in bounded memory and without trusting it.

Collections of every version are known by their member elements: `featureMember`, `featureMembers`, `member`, `members` in a namespace of
GML, WFS or INSPIRE's base types hold features wherever they stand (in envelopes of services, tuples, collections in collections), and so
does any element of these names in a collection. The members of a feature (`lcv:LandCoverDataset/lcv:member`) are features that stand in it; there
may be millions, so that all but the first thousand are given as they come, before the feature itself, and leave a reference behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from ldt.errors import HostileSource, SourceError
from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_paths import first_axis_labels, first_srs_name, gml_id, may_be_feature
from ldt.sources.gml_prolog import check_prolog, explain, skipped_before_declaration

_COLLECTIONS = frozenset(
    {
        "FeatureCollection",
        "SpatialDataSet",
        "SimpleFeatureCollection",
        "GetObservationResponse",
        "AIXMBasicMessage",
        "CityModel",
    }
)
#: What may stand around collections, and in their members beside features: answers of services, tuples of a join.
_WRAPPERS = frozenset(
    {"Envelope", "Body", "GetFeatureResponse", "Tuple", "additionalObjects", "AX_Bestandsdatenauszug", "enthaelt"}
)  # fmt: skip
_AROUND = _COLLECTIONS | _WRAPPERS
_ONE = frozenset(
    {"member", "featureMember", "observationData", "observationMember", "cityObjectMember", "hasMember"}
)
_MANY = frozenset({"members", "featureMembers"})
#: Local names of all member elements.
MEMBERS = _ONE | _MANY
#: In these namespaces the names above mean members of a collection, whatever is around.
_OF_COLLECTIONS = (
    "{http://www.opengis.net/gml",
    "{http://www.opengis.net/wfs",
    "{http://inspire.ec.europa.eu/schemas/base/",
    "{urn:x-inspire:specification:gmlas:BaseTypes:",
)
#: So many elements are looked at to see how features stand.
_AHEAD = 10_000
#: So many members of a feature stay in it until it is complete; so many leave a reference.
_STAYING, _REFERENCES = 1_000, 10_000
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_SAFE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def is_collection(name: str) -> bool:
    """Whether an element of a local name is a collection of features, or something around one."""
    return name in _COLLECTIONS or name in _WRAPPERS or name.endswith("Collection")


class Members:
    """The features of a document, one after the other; each is gone when the next is asked for.

    Attributes:
        srs_name: of the envelope of the collection around the feature last given, or of the nearest one around that.
        axis_labels: of the same envelope.
        completed: number of members that were given whole; those that stand within a feature do not count.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.srs_name: str | None = None
        self.axis_labels: str | None = None
        self.completed = 0
        self._above: Any = None
        self._root_is_feature = False
        #: By depth, so that what is complete is not held fast: the feature last met there, and its members.
        self._counts: dict[int, tuple[Any, int]] = {}

    def __iter__(self) -> Iterator[Any]:
        check_prolog(self.path)
        try:
            many = self._layout()
            yield from self._streamed(every=many)
        except etree.XMLSyntaxError as e:
            raise explain(self.path, e) from e

    def definition(self, identifier: str) -> str | None:
        """Return the `srsName` that a CRS defined in the document (`srsName="#identifier"`) amounts to; None if there is none."""
        seen = 0
        with self._parse(events=("end",)) as events:
            for _, element in events:
                seen += 1
                if gml_id(element) == identifier:
                    texts = (str(t).strip() for t in element.itertext())
                    return next((t for t in texts if parse_srs_name(t)), None)
                if seen > _AHEAD:
                    break
        return None

    @contextmanager
    def _parse(self, **how: Any) -> Iterator[Any]:
        """Give a parser's events, and close the file however it ends."""
        with self.path.open("rb") as file:
            file.seek(skipped_before_declaration(self.path))
            yield etree.iterparse(
                file,
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=True,  # a posList may be longer than libxml2's 10 MB; it is bounded by the file's own size
                remove_comments=True,
                remove_pis=True,
                **how,
            )

    def _layout(self) -> bool:
        """Tell from the beginning whether many features stand in one member element, and whether the root is a feature itself."""
        root: Any = None
        seen = 0
        with self._parse(events=("start",)) as events:
            for _, element in events:
                seen += 1
                name = local_name(element.tag)
                if root is None:
                    root = element
                    self._check_entities(element)
                    self._check_message(element)
                elif name in MEMBERS and (not self._is_feature(root) or self._holds(element)):
                    return name in _MANY
                if seen > _AHEAD:
                    break
        self._root_is_feature = self._is_feature(root)
        if not self._root_is_feature and not is_collection(local_name(root.tag)):
            raise SourceError(
                f"holds no features: its root element is {local_name(root.tag)}",
                where=self.path.name,
                remedy="give a feature collection, or a single feature with a gml:id",
            )
        return False

    def _is_feature(self, root: Any) -> bool:
        name = local_name(root.tag)
        own = gml_id(root) is not None or root.get("fid") is not None
        return own and not is_collection(name) and may_be_feature(root.tag)

    def _check_entities(self, root: Any) -> None:
        definition = root.getroottree().docinfo.internalDTD
        if definition is not None and list(definition.entities()):
            raise HostileSource(
                "the XML defines entities", where=self.path.name, remedy="do not trust this file"
            )

    def _check_message(self, root: Any) -> None:
        """Refuse the error messages of services."""
        if local_name(root.tag).endswith(("ExceptionReport", "Exception")):
            words = (str(text).strip() for text in etree.parse(str(self.path), _SAFE).getroot().itertext())
            raise self._broken_off("is a service's error message", " ".join(filter(None, words)))

    def _broken_off(self, what: str, text: str) -> SourceError:
        return SourceError(f"{what}: {text[:300]}", where=self.path.name, remedy="ask the service again")

    def _streamed(self, every: bool) -> Iterator[Any]:
        """Yield what is in the member elements, and the root if it is a feature.

        Args:
            every: whether many features stand in one member element; then each must be met (and forgotten) by itself, and
                the parser reports every element. Otherwise only member elements are reported, which is faster.
        """
        tags = None if every else [f"{{*}}{name}" for name in sorted(MEMBERS | {"truncatedResponse"})]
        containers = _ONE if every else MEMBERS
        with self._parse(events=("end",), tag=tags) as events:
            for _, element in events:
                parent = element.getparent()
                if parent is None:
                    continue
                if every and local_name(parent.tag) in _MANY and self._holds(parent):
                    yield from self._given(element, [element])
                elif (name := local_name(element.tag)) in containers:
                    if self._holds(element):
                        yield from self._given(element, element)
                    else:
                        yield from self._given_early(element)
                elif name == "truncatedResponse":
                    words = " ".join(filter(None, (str(t).strip() for t in element.itertext())))
                    raise self._broken_off("the service broke off its answer", words)
            if self._root_is_feature:
                self.srs_name = self.axis_labels = None
                yield events.root

    def _given(self, element: Any, features: Iterable[Any]) -> Iterator[Any]:
        """Yield the features that are complete with an element, and forget it and what is before it."""
        parent = element.getparent()
        self._find_envelope(parent)
        for feature in features:
            # A collection in a collection (several queries in one answer) has given its members already.
            if isinstance(feature.tag, str) and local_name(feature.tag) not in _AROUND:
                yield feature
        self.completed += 1
        element.clear()
        # The envelope holds for what is still to come.
        while (before := element.getprevious()) is not None and local_name(before.tag) != "boundedBy":
            parent.remove(before)

    def _given_early(self, member: Any) -> Iterator[Any]:
        """Yield the feature in a member element of a feature that has many, and leave a reference in its place."""
        owner = member.getparent()
        count = self._count(owner)
        feature = member[0] if len(member) == 1 and count > _STAYING else None
        if feature is None or not may_be_feature(feature.tag) or (identifier := gml_id(feature)) is None:
            return
        self._find_envelope(owner)
        yield feature
        member.clear()
        member.set(_XLINK_HREF, f"#{identifier}")
        if count > _REFERENCES and (before := member.getprevious()) is not None:
            owner.remove(before)

    def _count(self, owner: Any) -> int:
        """Return how many members of a feature have been met; the XML library would count them anew each time."""
        depth = sum(1 for _ in owner.iterancestors())
        known, count = self._counts.get(depth, (None, 0))
        count = count + 1 if known is owner else 1
        self._counts[depth] = owner, count
        return count

    def _holds(self, container: Any) -> bool:
        """Whether a member element belongs to a collection, and not to a feature."""
        anywhere = container.tag.startswith(_OF_COLLECTIONS)
        element = container.getparent()
        while element is not None:
            name = local_name(element.tag)
            above = element.getparent()
            if above is None:
                return anywhere or not self._is_feature(element)
            around = name in _AROUND or name in MEMBERS
            if not around and (not anywhere or self._is_feature(element)):
                return False
            element = above
        return False

    def _find_envelope(self, parent: Any) -> None:
        """Take the `srsName` of the nearest envelope around the members of an element."""
        if parent is self._above:
            return
        self._above, self.srs_name, self.axis_labels = parent, None, None
        above = parent
        while above is not None and self.srs_name is None:
            for sibling in above:
                if isinstance(sibling.tag, str) and local_name(sibling.tag) == "boundedBy":
                    self.srs_name = self.srs_name or first_srs_name(sibling)
                    self.axis_labels = first_axis_labels(sibling)
            above = above.getparent()
