"""The catalogue: vocabularies, indicator definitions and DPSIR chains, from `schemas/` into the database and out of it.

It belongs to the service, not to a twin, and is the same for everybody; so nothing here takes a snapshot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psycopg
import yaml
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ValidationError

from ldt.errors import NotFound, RecipeError
from ldt.model.dpsir import Chain
from ldt.model.indicator import Definition
from ldt.model.law import RuleSet
from ldt.model.vocabulary import Concept, Vocabulary
from ldt.settings import shipped
from ldt.store.connect import fetch_all, translated
from ldt.store.schema import catalogue_digest, note_catalogue

M = TypeVar("M", bound=BaseModel)

# The same safe loader in C, ten times as fast, where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: Folder under `schemas/` and model of each kind of file.
KINDS: dict[str, type[BaseModel]] = {
    "vocabularies": Vocabulary,
    "indicators": Definition,
    "dpsir": Chain,
    "law": RuleSet,
}


#: Name of the JSON Schema of each kind, `schemas/{name}.schema.json`. They are made from the models by
#: `python -m ldt.store.catalogue`; a test holds the two together.
SCHEMAS = {"vocabularies": "vocabulary", "indicators": "indicator", "dpsir": "dpsir", "law": "law"}


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **KINDS[kind].model_json_schema(by_alias=True),
    }


# Files --------------------------------------------------------------------------------------------------------


def read_files(kind: str, model: type[M], folder: Path | None = None) -> list[M]:
    """Return what the YAML files of a kind say, in order of their names.

    Args:
        kind: a folder under `schemas/` (`vocabularies`, `indicators`, `dpsir`, `law`).
        model: what each file is.
        folder: in place of the shipped `schemas/`.

    Raises:
        RecipeError: a file is not YAML, breaks its schema, or is not named after its id.
    """
    return [_read(path, model) for path in sorted(((folder or shipped("schemas")) / kind).glob("*.yaml"))]


def _read(path: Path, model: type[M]) -> M:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both loaders are safe
        found = model.model_validate(content)
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise RecipeError(f"not readable as YAML: {' '.join(str(e).split())}", where=path.name) from e
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or path.stem
        raise RecipeError(
            f"{place}: {first['msg']}",
            where=path.name,
            remedy=f"see schemas/ for what a file of {path.parent.name} may say",
        ) from e
    if getattr(found, "id", path.stem) != path.stem:
        raise RecipeError(f"the id is {found.id!r}", where=path.name, remedy="name the file after its id")  # type: ignore[attr-defined]
    return found


def digest(content: BaseModel) -> str:
    """Return the SHA-256 of everything that a file says, whatever its layout and comments."""
    document = content.model_dump(mode="json", by_alias=True)
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


# Into the database --------------------------------------------------------------------------------------------


def load_catalogue(conn: psycopg.Connection[Any], folder: Path | None = None) -> int:
    """Bring the catalogue in the database to what the files say: new and changed entries written, gone ones removed.

    A file whose digest has not changed is left alone. The definition of an indicator that values were computed with
    stays, since its runs refer to it.

    Args:
        conn: a connection; everything happens in one transaction.
        folder: in place of the shipped `schemas/`.

    Returns:
        The number of vocabularies there are now.

    Raises:
        RecipeError: a file is wrong; nothing is changed then.
    """
    told = catalogue_digest(
        folder
    )  # before the files are read: what changes meanwhile is loaded the next time
    vocabularies = read_files("vocabularies", Vocabulary, folder)
    definitions = read_files("indicators", Definition, folder)
    chains = read_files("dpsir", Chain, folder)
    with translated(), conn.transaction(), conn.cursor() as cursor:
        known = dict(cursor.execute("SELECT id, digest FROM ldt.vocabulary").fetchall())
        for vocabulary in vocabularies:
            if known.get(vocabulary.id) != digest(vocabulary):
                _write_vocabulary(cursor, vocabulary)
        _remove(cursor, "DELETE FROM ldt.vocabulary WHERE id <> ALL (%s)", vocabularies)
        cursor.executemany(
            "INSERT INTO ldt.indicator (id, definition, digest) VALUES (%s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET definition = excluded.definition, digest = excluded.digest"
            " WHERE indicator.digest <> excluded.digest",
            [
                (d.id, Jsonb(d.model_dump(mode="json", by_alias=True, exclude_none=True)), digest(d))
                for d in definitions
            ],
        )
        _remove(
            cursor,
            "DELETE FROM ldt.indicator i WHERE id <> ALL (%s)"
            " AND NOT EXISTS (SELECT FROM ldt.run r WHERE r.indicator = i.id)",
            definitions,
        )
        for chain in chains:
            _write_chain(cursor, chain)
        _remove(cursor, "DELETE FROM ldt.dpsir_chain WHERE id <> ALL (%s)", chains)
        note_catalogue(conn, told)
    return len(vocabularies)


def _remove(
    cursor: psycopg.Cursor[Any], statement: str, kept: Iterable[Vocabulary | Definition | Chain]
) -> None:
    cursor.execute(statement.encode(), ([k.id for k in kept],))


def _write_vocabulary(cursor: psycopg.Cursor[Any], vocabulary: Vocabulary) -> None:
    cursor.execute("DELETE FROM ldt.vocabulary WHERE id = %s", (vocabulary.id,))
    cursor.execute(
        "INSERT INTO ldt.vocabulary (id, title, source, checked, uri_base, digest) VALUES (%s, %s, %s, %s, %s, %s)",
        (
            vocabulary.id,
            Jsonb(vocabulary.title),
            vocabulary.source,
            vocabulary.checked,
            vocabulary.uri_base,
            digest(vocabulary),
        ),
    )
    cursor.executemany(
        "INSERT INTO ldt.concept (vocabulary, code, ordinal, label, definition, parent, uri, checked, properties)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                vocabulary.id,
                c.code,
                ordinal,
                Jsonb(c.label),
                Jsonb(c.definition) if c.definition else None,
                c.parent,
                vocabulary.uri(c),
                c.checked or vocabulary.checked,
                Jsonb(_tagged(vocabulary, c)),
            )
            for ordinal, c in enumerate(vocabulary.concepts)
        ],
    )


def _tagged(vocabulary: Vocabulary, concept: Concept) -> dict[str, Any]:
    """The concept's properties, and under `checked` the tags of those that differ from the concept's own."""
    own = concept.checked or vocabulary.checked
    tags = {
        name: note.checked
        for name, note in vocabulary.properties.items()
        if name in concept.properties and note.checked != own
    }
    return {**concept.properties, "checked": tags} if tags else concept.properties


def _write_chain(cursor: psycopg.Cursor[Any], chain: Chain) -> None:
    # The table of chains has no digest; a chain is a dozen rows and is simply written anew.
    cursor.execute("DELETE FROM ldt.dpsir_chain WHERE id = %s", (chain.id,))
    cursor.execute(
        "INSERT INTO ldt.dpsir_chain (id, title, checked, source) VALUES (%s, %s, %s, %s)",
        (chain.id, Jsonb(chain.title), chain.checked, chain.source),
    )
    cursor.executemany(
        "INSERT INTO ldt.dpsir_node (chain, id, role, ordinal, title, indicator) VALUES (%s, %s, %s, %s, %s, %s)",
        [(chain.id, n.id, n.role, i, Jsonb(n.title), n.indicator) for i, n in enumerate(chain.nodes)],
    )
    cursor.executemany(
        "INSERT INTO ldt.dpsir_link (chain, from_node, to_node, evidence, lag, strength) VALUES (%s, %s, %s, %s, %s, %s)",
        [(chain.id, k.from_node, k.to_node, k.evidence, k.lag, k.strength) for k in chain.all_links],
    )


# Out of it ----------------------------------------------------------------------------------------------------


def vocabularies(conn: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Return the vocabularies by id: `id`, `title`, `source`, `checked`, `uri_base`, `digest`, `concepts` (their number)."""
    return fetch_all(
        conn,
        "SELECT id, title, source, checked, uri_base, digest,"
        " (SELECT count(*) FROM ldt.concept c WHERE c.vocabulary = v.id) AS concepts FROM ldt.vocabulary v ORDER BY id",
    )


def vocabulary(conn: psycopg.Connection[Any], identifier: str) -> dict[str, Any]:
    """Return one vocabulary as :func:`vocabularies` does.

    Raises:
        NotFound: there is none of that id.
    """
    for row in vocabularies(conn):
        if row["id"] == identifier:
            return row
    raise NotFound(f"there is no vocabulary {identifier!r}", remedy="/vocabularies lists what there is")


def concepts(conn: psycopg.Connection[Any], identifier: str, code: str | None = None) -> list[dict[str, Any]]:
    """Return the concepts of a vocabulary in its own order, or the one of a code.

    Each has `code`, `label`, `definition`, `parent`, `uri`, `checked` and `properties`; in these, `checked` holds the
    tags of the properties that were checked less (or more) than the concept itself.

    Raises:
        NotFound: there is no such vocabulary, or no such concept in it.
    """
    found = fetch_all(
        conn,
        "SELECT code, label, definition, parent, uri, checked, properties FROM ldt.concept"
        " WHERE vocabulary = %s AND (%s::text IS NULL OR code = %s) ORDER BY ordinal",
        (identifier, code, code),
    )
    if not found:
        vocabulary(conn, identifier)
        raise NotFound(
            f"{identifier} has no concept {code!r}", remedy=f"/vocabularies/{identifier} lists what there is"
        )
    return found


def indicator_definitions(conn: psycopg.Connection[Any]) -> dict[str, Definition]:
    """Return the definitions of the indicators by id."""
    rows = fetch_all(conn, "SELECT id, definition FROM ldt.indicator ORDER BY id")
    return {r["id"]: Definition.model_validate(r["definition"]) for r in rows}


def indicator_definition(conn: psycopg.Connection[Any], identifier: str) -> Definition:
    """Return the definition of an indicator.

    Raises:
        NotFound: there is none of that id; tells what there is.
    """
    rows = fetch_all(conn, "SELECT definition FROM ldt.indicator WHERE id = %s", (identifier,))
    if not rows:
        known = ", ".join(r["id"] for r in fetch_all(conn, "SELECT id FROM ldt.indicator ORDER BY id"))
        raise NotFound(f"there is no indicator {identifier!r}", remedy=f"there are: {known}")
    return Definition.model_validate(rows[0]["definition"])


def dpsir(conn: psycopg.Connection[Any], identifier: str | None = None) -> list[dict[str, Any]]:
    """Return the DPSIR chains (or the one named) with their `nodes` and `links`.

    Raises:
        NotFound: a chain is named and there is none of that id.
    """
    found = fetch_all(
        conn,
        "SELECT c.id, c.title, c.checked, c.source,"
        " (SELECT json_agg(json_build_object('id', n.id, 'role', n.role, 'title', n.title, 'indicator', n.indicator)"
        "   ORDER BY n.ordinal) FROM ldt.dpsir_node n WHERE n.chain = c.id) AS nodes,"
        " (SELECT json_agg(json_build_object('from', k.from_node, 'to', k.to_node, 'evidence', k.evidence, 'lag', k.lag,"
        "   'strength', k.strength) ORDER BY a.ordinal, b.ordinal) FROM ldt.dpsir_link k"
        "   JOIN ldt.dpsir_node a ON (a.chain, a.id) = (k.chain, k.from_node)"
        "   JOIN ldt.dpsir_node b ON (b.chain, b.id) = (k.chain, k.to_node) WHERE k.chain = c.id) AS links"
        " FROM ldt.dpsir_chain c WHERE %s::text IS NULL OR c.id = %s ORDER BY c.id",
        (identifier, identifier),
    )
    if identifier is not None and not found:
        raise NotFound(f"there is no DPSIR chain {identifier!r}", remedy="/dpsir lists what there is")
    return found


def rule_sets(folder: Path | None = None) -> list[RuleSet]:
    """Return the rule sets of `schemas/law`. They are read from the files, once per process: no table holds them."""
    return list(_rule_sets(folder or shipped("schemas")))


@lru_cache(maxsize=4)
def _rule_sets(folder: Path) -> tuple[RuleSet, ...]:
    return tuple(read_files("law", RuleSet, folder))


if __name__ == "__main__":
    for _kind, _name in SCHEMAS.items():
        (shipped("schemas") / f"{_name}.schema.json").write_bytes(
            orjson.dumps(json_schema(_kind), option=orjson.OPT_INDENT_2) + b"\n"
        )
