r"""CQL2 text to CQL2 JSON (OGC 21-065r2, Annexes B and C), in one pass, in time that grows with the length.

Two readings go beyond the grammar, as other implementations do: `NOT NOT a`, and `-(a + b)`. Where the grammar leaves open
what a backslash means, the requirement `/req/cql2-text/escaping` holds: it begins a sequence (`\'`, `\n`, …, `\\`), and stays
what it is before any other character, so that `\%` reaches LIKE.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from ldt.errors import UsageError

#: How deep expressions may lie in one another; operators of one sum or product count as levels, too.
LEVELS = 200

_START = (
    r":_A-Za-zÀ-ÖØ-öø-˿Ͱ-ͽ\u037F-\u1FFE\u200C\u200D\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD"
    r"\U00010000-\U000EFFFF"
)
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<name>[{_START}][{_START}.0-9\u0300-\u036F\u203F\u2040]*)"
    r"|(?P<text>'(?:[^'\\]|''|\\.)*')"
    r'|(?P<quoted>"(?:[^"]|"")+")'
    r"|(?P<mark><>|<=|>=|[=<>(),+\-*/%^])",
    re.DOTALL,
)
_ESCAPED = re.compile(r"''|\\(['abtnvfr\\])")
_CONTROL = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}

#: How tightly operators bind; a comparison takes no comparison as its operand.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _POWER, _SIGN = range(1, 9)
_BINDING = {
    "OR": _OR,
    "AND": _AND,
    **dict.fromkeys(("=", "<>", "<", ">", "<=", ">=", "NOT", "LIKE", "BETWEEN", "IN", "IS"), _COMPARISON),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%", "DIV"), _PRODUCT),
    "^": _POWER,
}
_RESERVED = frozenset({"OR", "AND", "NOT", "LIKE", "BETWEEN", "IN", "IS", "DIV", "NULL"})
_MIXED_CASE = {
    name.lower(): name
    for name in ("t_finishedBy", "t_metBy", "t_overlappedBy", "t_startedBy", "a_containedBy")
}
_STANDARD = re.compile(r"(?:s|t|a)_[a-z]+|casei|accenti", re.IGNORECASE)
_GEOMETRIES = {
    name.upper(): name
    for name in ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
}
_COLLECTION = "GEOMETRYCOLLECTION"
#: How deep the positions of a geometry lie.
_DEPTH = {"Point": 0, "LineString": 1, "MultiPoint": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """What it is as a keyword or mark."""
        return self.text.upper() if self.kind in ("name", "mark") else ""


def parse(text: str) -> Any:
    """Return the CQL2 JSON form of an expression in CQL2 text.

    Raises:
        UsageError: it does not follow the grammar (where, and what could stand there), or is nested deeper than `LEVELS`.
    """
    return _Parser(text).whole()


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at : at + 20]
            missing = {
                "'": "the string that begins here does not end",
                '"': "the name that begins here does not end",
            }
            said = missing.get(rest[0], f"{rest[0]!r} has no meaning in CQL2")
            remedy = "write '' for a quote within a string, \\\\ for a backslash" if rest[0] == "'" else None
            raise UsageError(f"character {at + 1}: {said}", where="filter", remedy=remedy)
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match[0], at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


class _Parser:
    """Precedence climbing: each operator is met once, nothing is read twice."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.next = 0
        self.level = 0

    def whole(self) -> Any:
        if len(self.tokens) == 1:
            raise UsageError("the filter is empty", where="filter", remedy="leave the parameter out")
        found = self.expression(_OR)
        if self.token.kind != "end":
            self.refuse("an operator or the end")
        return found

    # Tokens ---------------------------------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def take(self) -> _Token:
        token = self.tokens[self.next]
        self.next += 1
        return token

    def given(self, word: str) -> bool:
        """Take a keyword or mark, if it is there."""
        if self.token.word == word:
            self.next += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.given(word):
            self.refuse(f"{word!r}")

    def refuse(self, expected: str, remedy: str | None = None) -> NoReturn:
        token = self.token
        found = "the filter ends" if token.kind == "end" else f"there is {token.text[:40]!r}"
        raise UsageError(
            f"character {token.at + 1}: {found} where {expected} should be", where="filter", remedy=remedy
        )

    def deeper(self, levels: int = 1) -> None:
        self.level += levels
        if self.level > LEVELS:
            raise UsageError(
                f"character {self.token.at + 1}: the filter is nested deeper than {LEVELS} levels",
                where="filter",
                remedy="write it flatter: a list with IN, or several requests",
            )

    # Expressions ----------------------------------------------------------------------------------------------

    def expression(self, least: int) -> Any:
        """Read operands and the operators between them that bind at least so tightly."""
        self.deeper()
        left = self.operand()
        chain = 0
        while (binding := _BINDING.get(self.token.word, 0)) >= least:
            word = self.take().word
            if binding <= _AND:
                left = self.logical(word, binding, left)
                continue
            if binding == _COMPARISON:
                left = self.comparison(word, left)
                if _BINDING.get(self.token.word, 0) == _COMPARISON:
                    self.refuse("AND, OR or the end", "put the comparison in parentheses")
                continue
            # The operands of sums and products nest to the left.
            self.deeper()
            chain += 1
            left = {"op": word.lower(), "args": [left, self.expression(binding + 1)]}
            if binding == _POWER and self.token.word == "^":
                self.refuse("another operator or the end", "put one of the powers in parentheses")
        self.level -= chain + 1
        return left

    def logical(self, word: str, binding: int, first: Any) -> Any:
        operands = [first, self.expression(binding + 1)]
        while self.given(word):
            operands.append(self.expression(binding + 1))
        return {"op": word.lower(), "args": operands}

    def comparison(self, word: str, left: Any) -> Any:
        negated = word == "NOT"
        if negated:
            word = self.take().word
        found: dict[str, Any]
        if word == "LIKE":
            found = {"op": "like", "args": [left, self.expression(_SUM)]}
        elif word == "BETWEEN":
            low = self.expression(_SUM)
            self.need("AND")
            found = {"op": "between", "args": [left, low, self.expression(_SUM)]}
        elif word == "IN":
            self.need("(")
            found = {"op": "in", "args": [left, self.listed()]}
        elif negated:
            self.next -= 1
            self.refuse("LIKE, BETWEEN or IN")
        elif word == "IS":
            negated = self.given("NOT")
            self.need("NULL")
            found = {"op": "isNull", "args": [left]}
        else:
            found = {"op": word, "args": [left, self.expression(_SUM)]}
        return {"op": "not", "args": [found]} if negated else found

    def operand(self) -> Any:
        token = self.token
        match token.kind:
            case "number":
                return _number(self.take())
            case "text":
                return _string(self.take())
            case "quoted":
                return {"property": self.take().text[1:-1].replace('""', '"')}
            case "name":
                return self.named(token.word)
        if self.given("("):
            return self.group()
        if self.given("-"):
            found = self.expression(_SIGN)
            return -found if _is_number(found) else {"op": "*", "args": [-1, found]}
        if self.given("+") and self.token.kind == "number":
            return _number(self.take())
        return self.refuse("a property, a value or a function")

    def named(self, word: str) -> Any:
        token = self.take()
        if word == "NOT":
            return {"op": "not", "args": [self.expression(_COMPARISON)]}
        if word in ("TRUE", "FALSE"):
            return word == "TRUE"
        if word in _RESERVED:
            self.next -= 1
            self.refuse(
                "a property, a value or a function",
                "ask for missing values with IS NULL"
                if word == "NULL"
                else 'write a property of that name as "…"',
            )
        geometry = word[:-1] if word.endswith("Z") else word
        if (geometry in _GEOMETRIES or geometry == _COLLECTION) and (
            self.tokens[self.next].word == "Z" and self.tokens[self.next + 1].word == "("
        ):
            self.next += 1
        if not self.given("("):
            return {"property": token.text}
        if geometry in _GEOMETRIES or geometry == _COLLECTION:
            return self.geometry(geometry)
        match word:
            case "DATE" | "TIMESTAMP" | "BBOX":
                return {word.lower(): self.numbers() if word == "BBOX" else self.instant()}
            case "INTERVAL":
                return {"interval": self.listed()}
        name = token.text.lower() if _STANDARD.fullmatch(token.text) else token.text
        arrays = name.startswith("a_")
        return {"op": _MIXED_CASE.get(name, name), "args": self.listed(arrays=arrays)}

    def group(self) -> Any:
        """Read what is in parentheses: an expression, or an array of none or several."""
        elements = self.listed()
        return elements[0] if len(elements) == 1 else elements

    def listed(self, *, arrays: bool = False) -> list[Any]:
        """Read up to the closing parenthesis; with `arrays`, parentheses within hold arrays, also of one."""
        found: list[Any] = []
        if self.given(")"):
            return found
        while True:
            if arrays and self.given("("):
                self.deeper()
                found.append(self.listed())
                self.level -= 1
            else:
                found.append(self.expression(_OR))
            if self.given(")"):
                return found
            if not self.given(","):
                self.refuse("',' or ')'")

    # Literals -------------------------------------------------------------------------------------------------

    def instant(self) -> str:
        if self.token.kind != "text":
            self.refuse(
                "a quoted date or time", "write DATE('2022-04-16') or TIMESTAMP('2022-04-16T10:00:00Z')"
            )
        found = _string(self.take())
        self.need(")")
        return found

    def number(self) -> float:
        negative = self.given("-")
        if not negative:
            self.given("+")
        if self.token.kind != "number":
            self.refuse("a number")
        found = _number(self.take())
        return -found if negative else found

    def numbers(self) -> list[float]:
        found = [self.number()]
        while self.given(","):
            found.append(self.number())
        self.need(")")
        return found

    def geometry(self, word: str) -> dict[str, Any]:
        """Read a geometry whose opening parenthesis is taken."""
        if word != _COLLECTION:
            name = _GEOMETRIES[word]
            return {"type": name, "coordinates": self.positions(name, _DEPTH[name])}
        members = []
        while True:
            token = self.take()
            inner = token.word[:-1] if token.word.endswith("Z") else token.word
            if inner not in _GEOMETRIES:
                self.next -= 1
                self.refuse("a geometry that is no collection")
            self.given("Z")
            self.need("(")
            members.append(self.geometry(inner))
            if self.given(")"):
                return {"type": "GeometryCollection", "geometries": members}
            self.need(",")

    def positions(self, name: str, depth: int) -> list[Any]:
        """Read coordinates whose opening parenthesis is taken, down to the closing one."""
        if depth == 0:
            position = [self.number(), self.number()]
            if self.token.kind == "number" or self.token.word in ("-", "+"):
                position.append(self.number())
            self.need(")")
            return position
        found: list[Any] = []
        while True:
            if depth > 1:
                self.need("(")
                found.append(self.positions(name, depth - 1))
            else:
                bracketed = name == "MultiPoint" and self.given("(")
                position = [self.number(), self.number()]
                if self.token.kind == "number" or self.token.word in ("-", "+"):
                    position.append(self.number())
                if bracketed:
                    self.need(")")
                found.append(position)
            if self.given(")"):
                return found
            self.need(",")


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _number(token: _Token) -> int | float:
    # Python reads no more than some 4,000 digits as an integer; a double holds what is beyond 64 bits.
    return int(token.text) if token.text.isdecimal() and len(token.text) < 19 else float(token.text)


def _string(token: _Token) -> str:
    return _ESCAPED.sub(lambda m: _CONTROL.get(m[1], m[1]) if m[1] else "'", token.text[1:-1])
