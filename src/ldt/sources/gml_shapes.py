"""Features whose markup is that of one that was parsed before need not be parsed again: only their values are taken.

The members of one collection are mostly alike: the same elements and attributes in the same order, only the values differ. So
the text of a member is cut into markup and values. The first member of each markup is parsed by the XML library, with a numbered
mark in the place of every value; where the marks come out says where the values of all members of the same markup belong.
That is exact, not a guess: equal markup means equal structure, and whatever might not be a plain value (a reference to a
character, a quote in a text, a comment) stays in the markup or sends the member to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, TypeGuard

from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_paths import Walk, gml_id
from ldt.sources.gml_pieces import FORBIDDEN, Pieces
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

#: What a value may be in a pattern, by where it stands: a text has something beside space. What XML does not allow is in none.
_TEXT = rf'(\s*+[^\s"<>{FORBIDDEN}][^"<>{FORBIDDEN}]*+)'
_ATTRIBUTE = f'([^"<>{FORBIDDEN}]*+)'
#: Members of a shape after which it is looked for before others, and how many such shapes there may be.
_COMMON, _MOST_COMMON = 5, 4

#: Members one after the other of no known shape, after which the rest of the file is not looked at for shapes any more.
_IN_VAIN = 1_500

#: How a text is made of a member's values: one of them, several with fixed text between, or none.
Pick = int | tuple[str | int, ...] | None


class Shape:
    """One markup, and where its values belong.

    Args:
        feature: the feature, with a mark in the place of each value that does not decide.
        walk: a walk over it.
        fixed: number and content of the values that do.
        parts: the text that it was learnt from: markup, what a value begins with, the value; and so on.

    Attributes:
        feature, walk: the same ones, filled with a member's values.
        values, raw: what the walk found at first, with the marks.
        identifiers: `gml:id` and `fid` of the feature, with the marks.
        plans, positions: how each of the walk's geometries is made, and the numbers of the values with its positions.
        stated: of each geometry: place of a ring → number of the value that says how many positions it has.
        texts: numbers of the values that are text, about which space means nothing; the others are attributes'.
        count: of the values.
        match: finds a member of it in a block, from a place on; None before :meth:`look_for`.
    """

    __slots__ = (
        "_attributes",
        "_columns",
        "_fixed",
        "_keys",
        "_leaves",
        "_members",
        "_of_attributes",
        "_parts",
        "_slots",
        "count",
        "feature",
        "identifiers",
        "match",
        "plans",
        "positions",
        "raw",
        "stated",
        "texts",
        "values",
        "walk",
    )

    def __init__(self, feature: Any, walk: Walk, fixed: dict[int, str], parts: list[str]) -> None:
        self.feature, self.walk, self._fixed, self._parts = feature, walk, list(fixed.items()), parts
        self.texts = frozenset(i for i, sign in enumerate(parts[1::3]) if sign == ">")
        self.count = len(parts) // 3
        self.match: Callable[[str, int], re.Match[str] | None] | None = None
        self._members = 0
        self._attributes = sorted({*range(self.count)} - self.texts)
        # The first value twice, so that there is always a tuple; it does no harm.
        self._of_attributes = itemgetter(0, 0, *self._attributes)
        self.values, self.raw = walk.values, walk.raw
        self.identifiers = gml_id(feature), feature.get("fid")
        self._columns = _Picker([picks(value) for value in walk.values])
        self._keys = list(walk.raw)
        self._leaves = _Picker([picks(value) for value in walk.raw.values()])
        self._slots = list(_slots(feature, walk))
        self.plans = [Quick(found.element) for found in walk.geometries]
        self.positions = [[_only_mark(e.text) for ring in plan.rings for e in ring] for plan in self.plans]
        self.stated = [
            {
                place: number
                for place, e in enumerate(chain.from_iterable(plan.rings))
                if (number := _only_mark(e.get("count"))) is not None
            }
            for plan in self.plans
        ]
        for found, plan in zip(walk.geometries, self.plans, strict=True):
            found.wkb = plan.wkb

    def fits(self, values: list[str]) -> bool:
        """Whether the values that decide are those of this shape."""
        return all(values[number] == value for number, value in self._fixed)

    def met(self) -> bool:
        """Count a member of it; tell whether there were so many that it is worth to look for it first."""
        self._members += 1
        return self._members >= _COMMON

    def look_for(self, opening: str, close: str) -> None:
        """Make `match`, which finds a whole member of it. Once more than cutting any text, and at a third of the time.

        Args:
            opening: pattern of what a member begins with.
            close: what it ends with.
        """
        fixed = {number for number, _ in self._fixed}
        pieces = [opening]
        for number in range(self.count):
            markup, begin, value = self._parts[3 * number : 3 * number + 3]
            other = _TEXT if begin == ">" else _ATTRIBUTE
            pieces += (
                re.escape(markup + begin),
                f"({re.escape(value)})" if number in fixed else other,
            )
        self.match = re.compile("".join(pieces) + re.escape(self._parts[-1] + close)).match

    def fill(self, values: list[Any]) -> tuple[Any, Walk]:
        """Return the feature and the walk over it as they would be; both are used again for the next one."""
        stripped = list(map(str.strip, values))
        if stripped != values:
            for number in self.texts:
                values[number] = stripped[number]
        joined = "".join(self._of_attributes(values))
        if "\n" in joined or "\t" in joined:
            # XML 1.0, 3.3.3: a line break or a tab in an attribute's value is a space.
            for number in self._attributes:
                values[number] = values[number].translate(_SPACES)
        walk = self.walk
        # What a value may also be: nothing.
        values.append(None)
        walk.values = self._columns(values)
        walk.raw = dict(zip(self._keys, self._leaves(values), strict=True))
        for element, attribute, number in self._slots:
            if attribute is None:
                element.text = values[number]
            else:
                element.set(attribute, values[number])
        return self.feature, walk


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
        pieces: of the file.
        walk: walks over a feature.
    """

    def __init__(self, pieces: Pieces, walk: Callable[[Any], Walk]) -> None:
        self._pieces, self._walk = pieces, walk
        #: Shapes by markup; several where values that decide differ, None where it cannot be learnt.
        self._known: dict[str, list[Shape] | None] = {}
        self._count = 0
        #: Members one after the other whose shape was not known.
        self._vain = 0
        #: Those that most members are of, the last one met first.
        self._common: list[Shape] = []

    def members(self, block: str) -> Iterator[tuple[Shape, Sequence[str], int] | tuple[None, str, int]]:
        """Yield the shape, the values and the length of each member; None and its text in place of the first two where it must be parsed.

        The last text is empty where the block goes on with something else.

        Args:
            block: members side by side, lines ending in a line feed.
        """
        at, end = 0, len(block)
        reference = _found(block, "&", 0)
        while at < end:
            if (met := self._common_at(block, at)) is not None:
                shape, match = met
                before, at = at, match.end()
                if reference >= at:
                    yield shape, match.groups(), at - before
                    continue
                values = list(match.groups())
                reference = _found(block, "&", at)
                if _resolve(values, block.count("&", before, at)):
                    yield shape, values, at - before
                    continue
                at = before
            text, after = self._pieces.member(block, at)
            yield *(self.recall(text) or (None, text)), after - at
            if not text and after == at:
                return
            at = after
            reference = reference if reference >= at else _found(block, "&", at)

    def _common_at(self, block: str, at: int) -> tuple[Shape, re.Match[str]] | None:
        """Return the shape, among those that most members are of, of the member that begins at a place, and where it is."""
        for place, shape in enumerate(self._common):
            found = shape.match(block, at) if shape.match else None
            if found is not None:
                if place:
                    self._common.insert(0, self._common.pop(place))
                return shape, found
        return None

    def recall(self, text: str) -> tuple[Shape, list[str]] | None:
        """Return the shape of a member's text, and its values; None if that must be parsed by itself.

        Args:
            text: of characters that XML allows, lines ending in a line feed.
        """
        if self._vain >= _IN_VAIN:
            return None
        self._vain += 1
        # Markup, what a value begins with, the value; and so on.
        parts = _VALUES.split(text)
        markup, values = "\0".join(parts[::3]) + "".join(parts[1::3]), parts[2::3]
        if "&" in text and not _resolve(values, text.count("&")):
            return None
        shapes = self._known.get(markup, [])
        if shapes is None:
            return None
        for shape in shapes:
            if shape.fits(values):
                self._vain = 0
                if shape.met() and len(self._common) < _MOST_COMMON and shape.match is None:
                    shape.look_for(self._pieces.opening, self._pieces.close)
                    self._common.append(shape)
                return shape, values
        if self._count >= MOST_SHAPES or len(values) > _MOST_VALUES:
            return None
        self._count += 1
        learnt = self._learn(parts, values)
        self._known[markup] = None if learnt is None else [*shapes, learnt]
        return None if learnt is None else (learnt, values)

    def _learn(self, parts: list[str], values: list[str]) -> Shape | None:
        """Return the shape of a member's text, taken apart; `values` are those in it, without references to characters."""
        if len(parts) == 1 or any(sign in part for part in parts for sign in ("<!", "<?", _OPEN)):
            return None
        # A text with a quote in it is several values: where it begins and ends cannot be told from one of them.
        if any(
            sign == ">" and not after.startswith("<")
            for sign, after in zip(parts[1::3], parts[3::3], strict=True)
        ):
            return None
        fixed = {i: v for i, v in enumerate(values) if _DECIDES.search(parts[3 * i][-60:])}
        for _ in range(2):
            feature = self._pieces.parse(_marked(parts, fixed))
            if feature is None:
                return None
            walk = self._walk(feature)
            if walk.inlined or _refers(walk):
                # Which features and geometries there are is told by identifiers, and these are values.
                return None
            more = set(_deciding(walk)) - fixed.keys()
            if not more:
                return Shape(feature, walk, fixed, parts)
            fixed |= {number: values[number] for number in more}
        return None


def _found(block: str, sign: str, at: int) -> int:
    """Return the next place of a sign, or the end."""
    place = block.find(sign, at)
    return place if place >= 0 else len(block)


def _resolve(values: list[str], wanted: int) -> bool:
    """Put characters in the place of what refers to them; False if not all `wanted` are of the five that XML knows, or stand in markup."""
    count = 0
    for number, value in enumerate(values):
        if "&" in value:
            found = _REFERENCE.findall(value)
            if not all(name in _CHARACTERS for name in found):
                return False
            count += len(found)
            values[number] = _REFERENCE.sub(lambda match: _CHARACTERS[match[1]], value)
    return count == wanted


def tidy(values: Sequence[str], *, text: bool) -> Sequence[str]:
    """Return values as the parser has them: texts without space around; attributes without line breaks and tabs (XML 1.0, 3.3.3)."""
    if text:
        return list(map(str.strip, values))
    joined = "".join(values)
    return [v.translate(_SPACES) for v in values] if "\n" in joined or "\t" in joined else values


def mark(number: int) -> str:
    """Return what stands for a value."""
    return f"{_OPEN}{number}{_CLOSE}"


def _marked(parts: list[str], fixed: dict[int, str]) -> str:
    """Return a member's text with a mark in the place of each value that is not fixed."""
    whole = list(parts)
    for number in range(len(parts) // 3):
        if number not in fixed:
            whole[3 * number + 2] = mark(number)
    return "".join(whole)


def _deciding(walk: Walk) -> Iterator[int]:
    """Yield the numbers of the values that decide how a geometry is read: all attributes but ids and counts of positions."""
    for found in walk.geometries:
        for element in found.element.iter():
            for name, value in element.items():
                if local_name(name) not in {"id", "count"}:
                    yield from map(int, _MARK.findall(value))


def _refers(walk: Walk) -> bool:
    """Whether a geometry refers to others."""
    found = (*walk.geometries, *walk.inlined_geometries)
    return any(local_name(name) == "href" for f in found for e in f.element.iter() for name in e.attrib)


def _only_mark(text: str | None) -> int | None:
    """Return the number of the value that a text consists of."""
    found = _MARK.fullmatch((text or "").strip())
    return int(found[1]) if found else None


def _slots(feature: Any, walk: Walk) -> Iterator[tuple[Any, str | None, int]]:
    """Yield (element, attribute or None for its text, number of the value): what is read off the feature itself."""
    for name, value in feature.items():
        if local_name(name) in {"id", "fid"} and (number := _only_mark(value)) is not None:
            yield feature, name, number
    for found in walk.geometries:
        for element in found.element.iter():
            for attribute, value in ((None, element.text), ("count", element.get("count"))):
                if (number := _only_mark(value)) is not None:
                    yield element, attribute, number


def picks(value: Any) -> Pick | list[Pick]:
    """Return how the value of a column, or of a leaf, is made of a member's values."""
    return [pick(v) for v in value] if isinstance(value, list) else pick(value)


def pick(value: str | None) -> Pick:
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
