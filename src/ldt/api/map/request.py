"""What comes in: the state to see. Everything else that a map shows is after the `#` of its address, which no server sees."""

from __future__ import annotations

from ldt.api.negotiate import HTML

FORMS = (HTML,)
