"""What comes in: the twin's name, the state to see, the form of the answer."""

from __future__ import annotations

from ldt.api.negotiate import HTML, JSON, OAS30, OAS31

FORMS = (JSON, HTML)
DESCRIPTIONS = (OAS30, OAS31, HTML)
