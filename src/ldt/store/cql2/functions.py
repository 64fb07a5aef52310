"""The functions that a filter may call: these and no other (21-065r2, 7.10). None reaches SQL by the name that a client writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from geoalchemy2 import Geography
from sqlalchemy import Double, Integer, Numeric, Text, case, cast, extract, func

from ldt.store.cql2.operand import FilterKind, Operand, a, problem, weighed
from ldt.store.items import Kind

_NUMBERS: tuple[FilterKind, ...] = ("number", "integer")
_INSTANTS: tuple[FilterKind, ...] = ("date", "timestamp")


@dataclass(frozen=True, slots=True)
class Argument:
    """What a function takes.

    Attributes:
        title: what it is.
        kinds: of which kind it may be.
    """

    title: str
    kinds: tuple[FilterKind, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        name: as filters write it; upper case is the same.
        description: one sentence, with the unit of the result.
        arguments: what it takes.
        returns: what its values are.
        sql: makes the expression from those of the arguments.
    """

    name: str
    description: str
    arguments: tuple[Argument, ...]
    returns: Kind
    sql: Callable[..., Any]


def _text(title: str) -> Argument:
    return Argument(title, ("string",))


def _number(title: str = "number") -> Argument:
    return Argument(title, _NUMBERS)


def _geometry(title: str = "geometry") -> Argument:
    return Argument(title, ("geometry",))


def _geography(sql: Any) -> Any:
    return cast(sql, Geography(srid=4326))


def _day_part(part: str) -> Callable[[Any], Any]:
    # Timestamps are in UTC: the session's zone is.
    return lambda when: cast(extract(part, when), Integer)


_WHEN = Argument("date or timestamp", _INSTANTS)

FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        Function(
            "area",
            "Area of a geometry on the ellipsoid, in m².",
            (_geometry(),),
            "number",
            lambda g: func.ST_Area(_geography(g)),
        ),
        Function(
            "length",
            "Length of the lines of a geometry on the ellipsoid, in m; of areas 0.",
            (_geometry(),),
            "number",
            lambda g: func.ST_Length(_geography(g)),
        ),
        Function(
            "distance",
            "Shortest distance of two geometries on the ellipsoid, in m.",
            (_geometry("first geometry"), _geometry("second geometry")),
            "number",
            lambda a, b: func.ST_Distance(_geography(a), _geography(b)),
        ),
        Function(
            "lower",
            "A text in lower case.",
            (_text("text"),),
            "string",
            lambda t: func.lower(_unicode(t)).collate("C"),
        ),
        Function(
            "upper",
            "A text in upper case.",
            (_text("text"),),
            "string",
            lambda t: func.upper(_unicode(t)).collate("C"),
        ),
        Function(
            "char_length",
            "How many characters a text has.",
            (_text("text"),),
            "integer",
            lambda t: func.char_length(cast(t, Text)),
        ),
        Function(
            "concat",
            "Two texts, one after the other.",
            (_text("first text"), _text("second text")),
            "string",
            lambda a, b: cast(a, Text).concat(cast(b, Text)),
        ),
        Function(
            "abs", "A number without its sign.", (_number(),), "number", lambda n: func.abs(cast(n, Double))
        ),
        Function(
            "floor",
            "The greatest whole number that is not greater.",
            (_number(),),
            "number",
            lambda n: func.floor(cast(n, Double)),
        ),
        Function(
            "ceil",
            "The smallest whole number that is not smaller.",
            (_number(),),
            "number",
            lambda n: func.ceil(cast(n, Double)),
        ),
        Function(
            "round",
            "The nearest whole number; halves away from zero.",
            (_number(),),
            "number",
            lambda n: func.round(cast(n, Numeric)),
        ),
        Function("year", "Year, in UTC.", (_WHEN,), "integer", _day_part("year")),
        Function("month", "Month, 1 to 12, in UTC.", (_WHEN,), "integer", _day_part("month")),
        Function("day", "Day of the month, 1 to 31, in UTC.", (_WHEN,), "integer", _day_part("day")),
        Function(
            "hour",
            "Hour, 0 to 23, in UTC.",
            (Argument("timestamp", ("timestamp",)),),
            "integer",
            _day_part("hour"),
        ),
    )
}

#: Letters that do not come apart into a letter and a mark, and what they are written as without it.
_LETTERS = ("ØøŁłĐđÐðĦħŦŧıƗɨƵƶ", "OoLlDdDdHhTtiIiZz")
_LIGATURES = {"ß": "ss", "ẞ": "SS", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Þ": "TH", "þ": "th"}
#: The combining marks of Latin, Greek and Cyrillic; those of Japanese and of Indic scripts make other letters and stay.
_MARKS = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"


def _unicode(text: Any) -> Any:
    return cast(text, Text).collate("und-x-icu")


# Texts leave a function with the collation of all others: two that say different ones cannot be compared.
def casei(text: Any) -> Any:
    """Return a text so that it is the same for all ways to write it in upper and lower case, after Unicode's full mappings."""
    # Upper case first: so ß meets SS, and the sigma at the end of a word any other.
    return func.lower(func.upper(_unicode(text)).collate("und-x-icu")).collate("C")


def accenti(text: Any) -> Any:
    """Return a text without accents: marks are taken off by Unicode's decomposition, letters like ø and ß by a table."""
    # The schema spares the keyword that NORMALIZE wants in place of a text.
    bare = func.regexp_replace(func.pg_catalog.normalize(cast(text, Text), "NFD"), _MARKS, "", "g")
    found = func.translate(func.pg_catalog.normalize(bare, "NFC"), *_LETTERS)
    for letter, letters in _LIGATURES.items():
        found = func.replace(found, letter, letters)
    return found.collate("C")


def call(name: str, arguments: Sequence[Operand]) -> Operand:
    """Return the operand of a call.

    Raises:
        UsageError: there is no such function, or it takes other arguments.
    """
    found = FUNCTIONS.get(name.lower())
    if found is None:
        near = get_close_matches(name.lower(), FUNCTIONS, 1)
        said = f"did you mean {near[0]}? " if near else ""
        raise problem(
            f"there is no function {name[:80]!r}",
            f"{said}there are: {', '.join(FUNCTIONS)}; /functions tells of each",
        )
    if len(arguments) != len(found.arguments):
        raise problem(
            f"{found.name} takes {len(found.arguments)} argument(s), not {len(arguments)}", _signature(found)
        )
    for given, wanted in zip(arguments, found.arguments, strict=True):
        if given.kind not in wanted.kinds:
            raise problem(
                f"{found.name} takes {' or '.join(map(a, wanted.kinds))} as {wanted.title}, not {a(given.kind)}",
                _signature(found),
            )
    return Operand(found.returns, found.sql(*(given.sql for given in arguments)), weight=weighed(*arguments))


def _signature(found: Function) -> str:
    return f"write {found.name}({', '.join(' or '.join(taken.kinds) for taken in found.arguments)})"


def power(base: Operand, exponent: Operand) -> Any:
    """Return a power; NULL where it is no real number, which would end the statement."""
    x, y = cast(base.sql, Double), cast(exponent.sql, Double)
    if exponent.literal is not None and float(exponent.literal).is_integer():
        return func.power(x if exponent.literal >= 0 else func.nullif(x, 0), y)
    return case(((x > 0) | ((x == 0) & (y >= 0)) | ((x != 0) & (y == func.floor(y))), func.power(x, y)))
