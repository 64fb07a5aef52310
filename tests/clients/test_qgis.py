"""QGIS (Debian's, without a screen) opens every collection of the service, pages, filters and draws it in another CRS."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import City

UNITS = "land-cover-units"
BOX = (8.95, 51.25, 9.0, 51.3)


@pytest.fixture(scope="module")
def qgis(city: City, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What QGIS says of the collections; `asked` holds what it asked the service."""
    home = tmp_path_factory.mktemp("qgis")
    city.recorder.asked.clear()
    done = subprocess.run(
        ["/usr/bin/python3", str(Path(__file__).with_name("qgis_collections.py"))],
        input=json.dumps(
            {
                "twin": city.twin,
                # Some five pages of each.
                "pages": {name: max(number // 5, 4) for name, number in city.counts.items()},
                "filtered": UNITS,
                "condition": "\"class\" = '311'",
                "box": BOX,
            }
        ),
        env={"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_collection_opens_and_comes_whole(city: City, qgis: dict[str, Any]) -> None:
    assert set(qgis["collections"]) == set(city.counts)
    for name, seen in qgis["collections"].items():
        assert "error" not in seen, (name, seen)
        assert len(seen["ids"]) == len(set(seen["ids"])) == seen["counted"] == city.counts[name], name


def test_it_pages(city: City, qgis: dict[str, Any]) -> None:
    number = city.counts[UNITS]
    size = str(number // 5)
    pages = [p for p in city.recorder.pages(UNITS) if p["limit"] == size]
    assert len({p.get("token") for p in pages}) == -(-number // int(size))


def test_a_box_gives_what_lies_in_it_in_the_database(city: City, qgis: dict[str, Any]) -> None:
    """Whether QGIS asks for the box or sifts what it has is its own affair."""
    expected = city.rows(
        "SELECT count(*) FROM ldt.feature WHERE until IS NULL AND feature_type = 'land-cover-units'"
        f" AND ST_Intersects(geom, ST_MakeEnvelope({','.join(map(str, BOX))}, 4326))"
    )
    assert [(len(qgis["in_box"]),)] == expected


def test_a_condition_gives_what_it_gives_in_the_database(city: City, qgis: dict[str, Any]) -> None:
    assert qgis["set"]
    expected = city.rows(
        "SELECT count(*) FROM ldt.feature WHERE until IS NULL AND feature_type = 'land-cover-units' AND properties->>'class' = '311'"
    )
    assert [(len(qgis["where"]),)] == expected
    assert 0 < len(qgis["where"]) < city.counts[UNITS]


def test_it_lies_right_in_another_crs(city: City, qgis: dict[str, Any]) -> None:
    """In UTM 32 as PostGIS turns it: a swapped axis would lie in Somalia."""
    rows = city.rows(
        "SELECT d.name || '.' || f.fid, ST_XMin(e) + ST_XMax(e), ST_YMin(e) + ST_YMax(e)"
        " FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id, Box2D(ST_Transform(f.geom, 25832)) e"
        " WHERE f.until IS NULL AND f.feature_type = 'protected-sites' AND f.geom IS NOT NULL"
    )
    expected = {(round(x / 2), round(y / 2)) for _, x, y in rows}
    assert len(expected) == city.counts["protected-sites"]
    assert {(round(x), round(y)) for x, y in qgis["centres"].values()} == expected
