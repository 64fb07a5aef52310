"""The page of figures, `docs/benchmarks.md`: each kind of run writes its own section and leaves the others."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Each figure stands beside what was measured in the same run on the same machine; only the ratio carries over to another machine.
"""


def here() -> str:
    """Return the day and the machine of a run."""
    return f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}."


def put(heading: str, body: str) -> None:
    """Write a section anew, or add it at the end."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else _HEAD
    section = f"## {heading}\n\n{here()}\n\n{body.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: section + "\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    PAGE.write_text(text.rstrip() + "\n", "utf-8")
