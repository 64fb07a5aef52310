"""Small files and a recipe for the tests of the pipeline."""

from __future__ import annotations

from pathlib import Path

import orjson
import psycopg
import yaml

from ldt.harmonise.recipe import Recipe
from ldt.store import twins
from ldt.store.connect import connect

RECIPE = {
    "ldt": 1,
    "name": "plots",
    "title": {"en": "Plots"},
    "publisher": "a test",
    "licence": "CC0-1.0",
    "origin": "local",
    "anatomy": "structure.built_domain.land_use",
    "source": {"reader": "vector"},
    "feature": {
        "type": "generic-features",
        "id": {"local_id": "code", "stability": "source"},
        "columns": {"name": "name"},
    },
}


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({**RECIPE, **changes})


def write_recipe(path: Path, **changes: object) -> Path:
    path.write_text(yaml.safe_dump({**RECIPE, **changes}), encoding="utf-8")
    return path


def write_plots(path: Path, count: int, *, mark: str = "a", changed: int | None = None) -> Path:
    """Write a GeoJSON of small squares around 7 E, 50 N; `changed` gives one of them another name."""
    features = []
    for i in range(count):
        x, y = 7 + (i % 400) / 1000, 50 + (i // 400) / 1000
        ring = [[x, y], [x + 5e-4, y], [x + 5e-4, y + 5e-4], [x, y + 5e-4], [x, y]]
        name = "changed" if i == changed else f"{mark}{i}"
        features.append(
            {
                "type": "Feature",
                "properties": {"code": f"p{i:06d}", "name": name},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    path.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    return path


def make_twin(url: str, name: str = "town") -> None:
    with connect(url) as conn:
        twins.put_twin(conn, name, title={"en": name}, description=None, scale="city", buffer_m=0)


def current_names(conn: psycopg.Connection[tuple[object, ...]]) -> dict[str, str]:
    """Return the names of the current features by code, as any reader sees them; codes must not be double."""
    rows = conn.execute(
        "SELECT local_id, properties ->> 'name' FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id"
        " WHERE f.since <= d.current_version AND (f.until IS NULL OR f.until > d.current_version)"
    ).fetchall()
    found = {str(code): str(name) for code, name in rows}
    assert len(found) == len(rows), "a feature is there twice"
    return found
