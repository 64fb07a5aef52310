"""The features of an XML document, one after the other, in bounded memory and without trusting it.

Collections of every version are known by the local names of their member elements; namespaces do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from ldt.errors import HostileSource, SourceError
from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_paths import first_srs_name
from ldt.sources.gml_prolog import check_prolog

_AGAIN = "get it again from where it came"
_COLLECTIONS = frozenset(
    {"FeatureCollection", "SpatialDataSet", "SimpleFeatureCollection", "GetObservationResponse"}
)
_ONE = frozenset({"member", "featureMember", "observationData"})
_MANY = frozenset({"members", "featureMembers"})
_SAFE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def is_collection(name: str) -> bool:
    """Whether an element of a local name is a collection of features."""
    return name in _COLLECTIONS or name.endswith("Collection")


class Members:
    """The features of a document, one after the other; each is gone when the next is asked for.

    Attributes:
        srs_name: of the collection's envelope.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.srs_name: str | None = None

    def __iter__(self) -> Iterator[Any]:
        check_prolog(self.path)
        try:
            layout = self._layout()
            if layout == "feature":
                yield from self._root()
            else:
                yield from self._streamed(every=layout == "many")
        except etree.XMLSyntaxError as e:
            line, column = e.position
            raise SourceError(
                f"not well-formed XML at line {line}, column {column}: {' '.join(e.msg.split(', line')[0].split())}",
                where=self.path.name,
                remedy=_AGAIN,
            ) from e

    @contextmanager
    def _parse(self, **how: Any) -> Iterator[Any]:
        """Give a parser's events, and close the file however it ends."""
        with self.path.open("rb") as file:
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

    def _layout(self) -> str:
        """Tell from the beginning how features stand: `one` or `many` to a member element, or the root is a `feature`."""
        root = None
        with self._parse(events=("start",)) as events:
            for _, element in events:
                name = local_name(element.tag)
                if root is None:
                    root = element
                    self._check_entities(element)
                    if not is_collection(name):
                        self._check_feature(element)
                        return "feature"
                elif element.getparent() is root and name in _ONE | _MANY:
                    return "one" if name in _ONE else "many"
        return "one"

    def _check_entities(self, root: Any) -> None:
        definition = root.getroottree().docinfo.internalDTD
        if definition is not None and list(definition.entities()):
            raise HostileSource(
                "the XML defines entities", where=self.path.name, remedy="do not trust this file"
            )

    def _check_feature(self, root: Any) -> None:
        """Refuse documents that are XML but no features."""
        name = local_name(root.tag)
        own = any(local_name(k) == "id" and k.startswith("{http://www.opengis.net/gml") for k in root.attrib)
        if own and not root.tag.startswith("{http://www.opengis.net/gml"):
            return
        if name.endswith(("ExceptionReport", "Exception")):
            words = (str(text).strip() for text in etree.parse(str(self.path), _SAFE).getroot().itertext())
            text = " ".join(filter(None, words))
            raise SourceError(
                f"is a service's error message: {text[:300]}",
                where=self.path.name,
                remedy="ask the service again",
            )
        raise SourceError(
            f"holds no features: its root element is {name}",
            where=self.path.name,
            remedy="give a feature collection, or a single feature with a gml:id",
        )

    def _root(self) -> Iterator[Any]:
        root = None
        with self._parse(events=("end",)) as events:
            for _, element in events:
                root = element
        if root is not None:
            yield root

    def _streamed(self, every: bool) -> Iterator[Any]:
        """Yield what is in the member elements.

        Args:
            every: whether many features stand in one member element; then each must be met (and forgotten) by itself, and
                the parser reports every element. Otherwise only member elements are reported, which is faster.
        """
        tags = None if every else [f"{{*}}{name}" for name in sorted(_ONE | _MANY)]
        first = True
        with self._parse(events=("end",), tag=tags) as events:
            for _, element in events:
                features = self._features(element, every)
                if features is None:
                    continue
                if first:
                    self._find_envelope(element)
                    first = False
                for feature in features:
                    # A collection in a collection (several queries in one answer) has given its members already.
                    if isinstance(feature.tag, str) and local_name(feature.tag) not in _COLLECTIONS:
                        yield feature
                parent = element.getparent()
                element.clear()
                while element.getprevious() is not None:
                    del parent[0]

    def _features(self, element: Any, every: bool) -> list[Any] | None:
        """Return the features that an element completes; None if it is not one that matters here."""
        parent = element.getparent()
        if parent is None:
            return None
        if every and local_name(parent.tag) in _MANY and self._is_collection(parent.getparent()):
            return [element]
        # What stands in the member elements of many was given one by one.
        containers = _ONE if every else _ONE | _MANY
        if local_name(element.tag) in containers and self._is_collection(parent):
            return list(element)
        return None

    def _is_collection(self, element: Any) -> bool:
        """Whether an element is the root, or a collection that is a member of one."""
        while element is not None:
            above = element.getparent()
            if above is None:
                return True
            if local_name(element.tag) not in _COLLECTIONS or local_name(above.tag) not in _ONE | _MANY:
                return False
            element = above.getparent()
        return False

    def _find_envelope(self, member: Any) -> None:
        """Take the `srsName` of the envelope of the nearest collection around a member."""
        above = member.getparent()
        while above is not None and self.srs_name is None:
            for sibling in above:
                if isinstance(sibling.tag, str) and local_name(sibling.tag) == "boundedBy":
                    self.srs_name = first_srs_name(sibling)
            above = above.getparent()
