"""Twins made of one real file, which several recipes read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest


def fill_twin(url: str, twin: str, recipes: Iterable[str], path: Path) -> None:
    """Make a twin, and ingest a file by recipes of `inspire/`, one after the other."""
    make_twin(url, twin)
    for name in recipes:
        ingest(url, twin, load_recipe(f"inspire/{name}"), [path])
