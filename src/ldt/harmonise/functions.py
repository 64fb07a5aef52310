"""SQL functions that recipes may use beside DuckDB's own: what families of standards write again and again.

`code_value` and the two of names follow INSPIRE's application schemas: a value of a code list is the end of its URI (Data
Specifications Template, annex on code lists), and a GeographicalName has spellings, a language and a status.
"""

from __future__ import annotations

from collections.abc import Mapping

_LENGTHS = {"m": 1, "metre": 1, "meter": 1, "9001": 1, "km": 1000, "cm": 0.01, "mm": 0.001}
#: SQL of the pattern of a member of a JSON object, up to its value.
_MEMBER = r"""'"(?:[\w.-]+:)?' || name || '"\s*:\s*"""
#: Pattern of a text in JSON.
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_AREAS = {"m2": 1, "m^2": 1, "sqm": 1, "sqrm": 1, "ha": 10_000, "km2": 1_000_000}


def _in_unit(name: str, factors: Mapping[str, float]) -> str:
    """Return the function that brings a value to the unit whose factor is 1; a unit that is not known fails."""
    default = next(iter(factors))
    known = " ".join(f"WHEN '{unit}' THEN {factor}" for unit, factor in factors.items())
    return (
        f"CREATE MACRO {name}(value, unit) AS CASE WHEN nullif(trim(value), '') IS NOT NULL THEN value::DOUBLE *"
        f" CASE lower(last_part(coalesce(unit, '{default}'))) {known} ELSE ('unknown unit ' || unit)::DOUBLE END END"
    )


#: Statements that make the functions, in order.
FUNCTIONS = (
    # The end of an address or a URN; the text itself where it is neither.
    "CREATE MACRO last_part(value) AS nullif(regexp_extract(trim(value, E' \\t\\r\\n'), '([^/#:]+)[/#:]*$', 1), '')",
    # A value of a code list: as an address, as a URN or as it stands, with the small first letter that all of INSPIRE's have.
    "CREATE MACRO code_value(value) AS lower(last_part(value)[1]) || last_part(value)[2:]",
    # The first name whose status is official; the first where none is, or where not all have a status.
    (
        "CREATE MACRO official_name(names, statuses) AS coalesce(CASE WHEN len(names) = len(statuses) THEN"
        " names[list_position(list_transform(statuses, lambda s: code_value(s)), 'official')] END, names[1])"
    ),
    # All names where there are several; with language and status where each has one.
    (
        "CREATE MACRO all_names(names, languages, statuses) AS CASE WHEN len(names) > 1 THEN list_transform(list_zip(names,"
        " CASE WHEN len(languages) = len(names) THEN languages ELSE [] END,"
        " CASE WHEN len(statuses) = len(names) THEN statuses ELSE [] END),"
        " lambda n: {'name': n[1], 'language': n[2], 'status': code_value(n[3])}) END"
    ),
    # The values of a code list that an object has several of; none where it has none.
    (
        "CREATE MACRO code_values(hrefs, texts) AS nullif(list_transform(coalesce(nullif(hrefs, []), texts),"
        " lambda c: code_value(c)), [])"
    ),
    # A year of four digits, or of two as POSIX reads `%y` (69 to 99 are of the 20th century); none for any other text.
    (
        "CREATE MACRO full_year(digits) AS CASE WHEN regexp_full_match(digits, '[0-9]{4}') THEN digits::INTEGER"
        " WHEN regexp_full_match(digits, '[0-9]{2}') THEN digits::INTEGER + CASE WHEN digits >= '69' THEN 1900 ELSE 2000 END END"
    ),
    # A list without its empty texts; none where nothing is left.
    "CREATE MACRO given(texts) AS nullif(list_filter(texts, lambda t: trim(t) <> ''), [])",
    # A text that is no JSON document; none where it is empty.
    r"CREATE MACRO plain_text(value) AS CASE WHEN NOT regexp_matches(value, '^\s*[\[{]') THEN nullif(trim(value), '') END",
    # The first value, or all texts, of a member of a JSON document, however deep it stands and whatever its prefix (`ad:localId`).
    "CREATE MACRO json_text(escaped) AS ('\"' || escaped || '\"')::JSON ->> '$'",
    (
        f"CREATE MACRO json_leaf(document, name) AS coalesce(nullif(json_text(regexp_extract(document, {_MEMBER}{_TEXT}', 1)), ''),"
        f" nullif(regexp_extract(document, {_MEMBER}(-?[0-9][0-9.eE+-]*|true|false)', 1), ''))"
    ),
    (
        f"CREATE MACRO json_leaves(document, name) AS nullif(list_transform(regexp_extract_all(document, {_MEMBER}{_TEXT}', 1),"
        " lambda t: json_text(t)), [])"
    ),
    _in_unit("metres", _LENGTHS),
    _in_unit("square_metres", _AREAS),
)
