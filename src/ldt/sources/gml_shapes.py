"""Features whose markup is that of one that was parsed before need not be parsed again: only their values are taken.

The members of one collection are mostly alike: the same elements and attributes in the same order, only the values differ. So
the text of a member is cut into markup and values. The first member of each markup is parsed by the XML library, with a numbered
mark in the place of every value; where the marks come out says where the values of all members of the same markup belong.
That is exact, not a guess: equal markup means equal structure, and whatever might not be a plain value (a reference to a
character, a quote in a text, a comment) stays in the markup or sends the member to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, TypeGuard

from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_paths import Walk
from ldt.sources.gml_quick import Quick

#: What may be a value: an attribute's in double quotes, or text that is not all space. A quote ends it.
_VALUES = re.compile(r'(="|>(?=\s*[^\s<]))([^"<]*)')
_REFERENCE = re.compile("&([a-z]+);|&")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
#: Attributes whose values decide how the rest is read.
_DECIDES = re.compile(r"[\s:](?:xmlns(?::[\w.-]+)?|srsName|srsDimension|axisLabels|nil)$")
_SPACES = str.maketrans("\n\t", "  ")
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
#: Markups that are remembered in one file, and values of a member that are looked at: more is not worth it.
MOST_SHAPES = 1_000
_MOST_VALUES = 2_000

#: What a value may be, by where it stands: a text has something beside space.
_TEXT, _ATTRIBUTE = r'(\s*+[^\s"<][^"<]*+)', '([^"<]*+)'
#: Members of a shape after which it is looked for before others, and how many such shapes there may be.
_COMMON, _MOST_COMMON = 5, 4

#: How a text is made of a member's values: one of them, several with fixed text between, or none.
Pick = int | tuple[str | int, ...] | None


class Shape:
    """One markup, and where its values belong.

    Args:
        feature: the feature, with a mark in the place of each value that does not decide.
        walk: a walk over it.
        fixed: number and content of the values that do.
        texts: numbers of the values that are text, about which space means nothing; the others are attributes'.
        parts: the text that it was learnt from: markup, what a value begins with, the value; and so on.
    """

    __slots__ = (
        "_attributes",
        "_columns",
        "_feature",
        "_fixed",
        "_keys",
        "_leaves",
        "_members",
        "_of_attributes",
        "_parts",
        "_pattern",
        "_slots",
        "_texts",
        "_walk",
    )

    def __init__(
        self, feature: Any, walk: Walk, fixed: dict[int, str], texts: list[int], parts: list[str]
    ) -> None:
        self._feature, self._walk, self._fixed = feature, walk, list(fixed.items())
        self._texts, self._parts = texts, parts
        self._pattern: re.Pattern[str] | None = None
        self._members = 0
        self._attributes = sorted({*range(len(parts) // 3)} - {*texts})
        # The first value twice, so that there is always a tuple; it does no harm.
        self._of_attributes = itemgetter(0, 0, *self._attributes)
        self._columns = _Picker([_picks(value) for value in walk.values])
        self._keys = list(walk.raw)
        self._leaves = _Picker([_picks(value) for value in walk.raw.values()])
        self._slots = list(_slots(feature, walk))
        for found in walk.geometries:
            found.wkb = Quick(found.element).wkb

    def fits(self, values: list[str]) -> bool:
        """Whether the values that decide are those of this shape."""
        return all(values[number] == value for number, value in self._fixed)

    def met(self) -> bool:
        """Count a member of it; tell whether there were so many that it is worth to look for it first."""
        self._members += 1
        return self._members >= _COMMON

    def values(self, text: str) -> list[str] | None:
        """Return the values of a member's text, if it is of this shape. Once more than cutting any text, and at a third of the time."""
        if self._pattern is None:
            fixed = dict(self._fixed)
            pieces: list[str] = []
            for number in range(len(self._parts) // 3):
                markup, begin, _ = self._parts[3 * number : 3 * number + 3]
                value = _TEXT if begin == ">" else _ATTRIBUTE
                pieces += (
                    re.escape(markup + begin),
                    f"({re.escape(fixed[number])})" if number in fixed else value,
                )
            self._pattern = re.compile("".join(pieces) + re.escape(self._parts[-1]))
        found = self._pattern.fullmatch(text)
        return None if found is None else list(found.groups())

    def fill(self, values: list[Any]) -> tuple[Any, Walk]:
        """Return the feature and the walk over it as they would be; both are used again for the next one."""
        stripped = list(map(str.strip, values))
        if stripped != values:
            for number in self._texts:
                values[number] = stripped[number]
        joined = "".join(self._of_attributes(values))
        if "\n" in joined or "\t" in joined:
            # XML 1.0, 3.3.3: a line break or a tab in an attribute's value is a space.
            for number in self._attributes:
                values[number] = values[number].translate(_SPACES)
        walk = self._walk
        # What a value may also be: nothing.
        values.append(None)
        walk.values = self._columns(values)
        walk.raw = dict(zip(self._keys, self._leaves(values), strict=True))
        for element, attribute, number in self._slots:
            if attribute is None:
                element.text = values[number]
            else:
                element.set(attribute, values[number])
        return self._feature, walk


class _Picker:
    """Makes a list out of a member's values; None must be the last of them."""

    __slots__ = ("_lists", "_other", "_single")

    def __init__(self, picks: list[Pick | list[Pick]]) -> None:
        # Two more, so that there is always a tuple.
        numbers = [pick if isinstance(pick, int) else -1 for pick in picks]
        self._single = itemgetter(*numbers, -1, -1)
        #: Lists of whole values, which are most; and all else.
        self._lists = [(i, p) for i, p in enumerate(picks) if _are_numbers(p)]
        self._other = [
            (i, p)
            for i, p in enumerate(picks)
            if p is not None and not isinstance(p, int) and not _are_numbers(p)
        ]

    def __call__(self, values: list[Any]) -> list[Any]:
        made = list(self._single(values)[:-2])
        for place, numbers in self._lists:
            made[place] = [values[number] for number in numbers]
        for place, pick in self._other:
            made[place] = _filled(pick, values)
        return made


def _are_numbers(picks: Pick | list[Pick]) -> TypeGuard[list[int]]:
    return isinstance(picks, list) and all(isinstance(pick, int) for pick in picks)


class Shapes:
    """The shapes met in one file.

    Args:
        parse: parses the text of a member; None if there is not exactly one feature in it.
        walk: walks over a feature.
    """

    def __init__(self, parse: Callable[[str], Any], walk: Callable[[Any], Walk]) -> None:
        self._parse, self._walk = parse, walk
        #: Shapes by markup; several where values that decide differ, None where it cannot be learnt.
        self._known: dict[str, list[Shape] | None] = {}
        self._count = 0
        #: Those that most members are of, the last one met first.
        self._common: list[Shape] = []

    def recall(self, text: str) -> tuple[Any, Walk] | None:
        """Return the feature in a member's text and the walk over it; None if that must be parsed by itself.

        Args:
            text: of characters that XML allows, lines ending in a line feed.
        """
        for place, shape in enumerate(self._common):
            known = shape.values(text)
            if known is not None:
                if place:
                    self._common.insert(0, self._common.pop(place))
                return shape.fill(known) if "&" not in text or _resolve(known, text) else None
        # Markup, what a value begins with, the value; and so on.
        parts = _VALUES.split(text)
        markup, values = "\0".join(parts[::3]) + "".join(parts[1::3]), parts[2::3]
        if "&" in text and not _resolve(values, text):
            return None
        shapes = self._known.get(markup, [])
        if shapes is None:
            return None
        for shape in shapes:
            if shape.fits(values):
                if shape.met() and len(self._common) < _MOST_COMMON:
                    self._common.append(shape)
                return shape.fill(values)
        if self._count >= MOST_SHAPES or len(values) > _MOST_VALUES:
            return None
        self._count += 1
        learnt = self._learn(parts)
        self._known[markup] = None if learnt is None else [*shapes, learnt]
        return None if learnt is None else learnt.fill(values)

    def _learn(self, parts: list[str]) -> Shape | None:
        """Return the shape of a member's text, taken apart."""
        if len(parts) == 1 or any(sign in part for part in parts for sign in ("<!", "<?", _OPEN)):
            return None
        # A text with a quote in it is several values: where it begins and ends cannot be told from one of them.
        if any(
            sign == ">" and not after.startswith("<")
            for sign, after in zip(parts[1::3], parts[3::3], strict=True)
        ):
            return None
        fixed = {i: v for i, v in enumerate(parts[2::3]) if _DECIDES.search(parts[3 * i][-60:])}
        for _ in range(2):
            feature = self._parse(_marked(parts, fixed))
            if feature is None:
                return None
            walk = self._walk(feature)
            if walk.inlined or _refers(walk):
                # Which features and geometries there are is told by identifiers, and these are values.
                return None
            more = set(_deciding(walk)) - fixed.keys()
            if not more:
                texts = [i for i, sign in enumerate(parts[1::3]) if sign == ">"]
                return Shape(feature, walk, fixed, texts, parts)
            fixed |= {number: parts[3 * number + 2] for number in more}
        return None


def _resolve(values: list[str], text: str) -> bool:
    """Put characters in the place of what refers to them; False if not all are of the five that XML knows, or stand in markup."""
    count = 0
    for number, value in enumerate(values):
        if "&" in value:
            found = _REFERENCE.findall(value)
            if not all(name in _CHARACTERS for name in found):
                return False
            count += len(found)
            values[number] = _REFERENCE.sub(lambda match: _CHARACTERS[match[1]], value)
    return count == text.count("&")


def _marked(parts: list[str], fixed: dict[int, str]) -> str:
    """Return a member's text with a mark in the place of each value that is not fixed."""
    whole = list(parts)
    for number in range(len(parts) // 3):
        if number not in fixed:
            whole[3 * number + 2] = f"{_OPEN}{number}{_CLOSE}"
    return "".join(whole)


def _deciding(walk: Walk) -> Iterator[int]:
    """Yield the numbers of the values that decide how a geometry is read: all its attributes but its id."""
    for found in walk.geometries:
        for element in found.element.iter():
            for name, value in element.items():
                if local_name(name) != "id":
                    yield from map(int, _MARK.findall(value))


def _refers(walk: Walk) -> bool:
    """Whether a geometry refers to others."""
    found = (*walk.geometries, *walk.inlined_geometries)
    return any(local_name(name) == "href" for f in found for e in f.element.iter() for name in e.attrib)


def _slots(feature: Any, walk: Walk) -> Iterator[tuple[Any, str | None, int]]:
    """Yield (element, attribute or None for its text, number of the value): what is read off the feature itself."""
    for name, value in feature.items():
        if (mark := _MARK.fullmatch(value)) and local_name(name) in {"id", "fid"}:
            yield feature, name, int(mark[1])
    for found in walk.geometries:
        for element in found.element.iter():
            if mark := _MARK.fullmatch((element.text or "").strip()):
                yield element, None, int(mark[1])


def _picks(value: Any) -> Pick | list[Pick]:
    return [_pick(v) for v in value] if isinstance(value, list) else _pick(value)


def _pick(value: str | None) -> Pick:
    """Return how a text with marks is made of values."""
    if value is None:
        return None
    cut = _MARK.split(value)
    if len(cut) == 3 and not cut[0] and not cut[2]:
        return int(cut[1])
    return tuple(int(part) if place % 2 else part for place, part in enumerate(cut))


def _filled(picks: Pick | list[Pick], values: list[Any]) -> Any:
    if isinstance(picks, int):
        return values[picks]
    if picks is None:
        return None
    if isinstance(picks, list):
        return [_filled(pick, values) for pick in picks]
    return "".join(values[part] if isinstance(part, int) else part for part in picks)
