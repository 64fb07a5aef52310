"""What comes in: nothing but the form of the answer."""

from __future__ import annotations

from ldt.api.negotiate import HTML, JSON, OAS30, OAS31

FORMS = (JSON, HTML)
DESCRIPTIONS = (OAS31, OAS30, HTML)
