"""Notes below a table: the source, remarks, footnotes, which offices write under the last row. They are no records.

They are told from records by two things together: one cell of the row is filled, while the table has several columns; and the
text begins as notes do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson
import pyarrow as pa

from ldt.sources.source import MALFORMED, RAW, ROW

#: Why a note is no record.
NOTE = "a note below the table, not a record"
#: How notes begin in the languages of Europe's statistical offices.
_BEGINS = re.compile(
    r"""(?ix)\s*(
    (data\s+)?(sources?|quellen?|datenquellen?|źródł[oa]|fuentes?|fonti|fontes?|bron(nen)?|kilder?|källor?|lähde|lähteet|allikas
    |zdroje?|forrás|surs[aă]|izvor|vir|avots|šaltinis|πηγή|източник)\s*[:–-]
    |(foot)?notes?\s*[:.\d)]|nota[se]?\s*[:.]|anmerkung(en)?\b|fußnoten?\b|hinweise?\s*:|erläuterung(en)?\b|legende?\s*:|stand\s*:
    |uwag[ai]\s*:|objaśnieni[ae]\b|remarques?\s*:|toelichting\b|opmerking(en)?\b|poznámk[ay]\b|megjegyzés|copyright\b|©|\(c\)\s
    |\*+\s*\S+\s+\S|[¹²³⁴⁵⁶⁷⁸⁹]\s*\S
    )"""
)
#: Rows of notes at the end of a table, at most.
_LINES = 30
_OWN = frozenset({ROW, MALFORMED, RAW})


def without_notes(blocks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the blocks of a table; notes at its very end are malformed (:data:`NOTE`)."""
    last: pa.RecordBatch | None = None
    for block in blocks:
        if last is not None:
            yield last
        last = block
    if last is not None:
        yield _marked(last)


def _marked(block: pa.RecordBatch) -> pa.RecordBatch:
    """Return the last block of a table with its notes as malformed."""
    names = [name for name in block.schema.names if name not in _OWN]
    notes = _notes(block, names) if len(names) > 1 else {}
    if not notes:
        return block
    columns = {name: block.column(name).to_pylist() for name in (*names, MALFORMED, RAW)}
    for place, text in notes.items():
        for name in names:
            columns[name][place] = None
        columns[MALFORMED][place] = NOTE
        columns[RAW][place] = orjson.dumps({"_text": text}).decode()
    texts = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict({n: texts.get(n, block.column(n)) for n in block.schema.names})


def _notes(block: pa.RecordBatch, names: list[str]) -> dict[int, str]:
    """Return the notes by their place: of the rows at the end with one cell at most, those from the first that begins as notes do."""
    found: dict[int, str] = {}
    pending: dict[int, str] = {}
    for place in range(block.num_rows - 1, max(-1, block.num_rows - 1 - _LINES), -1):
        if block.column(MALFORMED)[place].is_valid:
            text = _text_alone(block.column(RAW)[place].as_py())
        else:
            filled = [v for n in names if (v := block.column(n)[place].as_py()) and v.strip()]
            text = None if len(filled) > 1 else "".join(filled)
        if text is None:
            break
        if text:
            pending[place] = text
        if _BEGINS.match(text):
            found |= pending
    return found


def _text_alone(raw: str | None) -> str | None:
    """Return the text of a row that has too few or too many cells, None where it is not kept as one."""
    text = orjson.loads(raw).get("_text") if raw else None
    return text if isinstance(text, str) else None
