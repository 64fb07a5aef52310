"""What comes in: the vocabulary, the code, the form of the answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from ldt.api.negotiate import CSV, HTML, JSON

FORMS = (JSON, HTML)
TABLE_FORMS = (JSON, HTML, CSV)

VocabularyId = Annotated[str, Path(alias="vocabulary", description="Id of the vocabulary.")]
Code = Annotated[str, Path(description="Code of the concept.")]
