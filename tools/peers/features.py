"""A pygeoapi with one collection of points, for the tests of `ogcapi`. Run by .peers/bin/python: PORT FOLDER COUNT.

Prints its address when it listens.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(port: int, folder: Path, count: int) -> None:
    """Write the points and the configuration, and serve."""
    rows = (f"p{i},{6.9 + i % 317 / 3170:.5f},{50.9 + i // 317 / 3170:.5f},{i}\n" for i in range(count))
    (folder / "points.csv").write_text("id,x,y,number\n" + "".join(rows), encoding="utf-8")
    text = {"en": "points"}
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "language": "en-US",
            "limits": {"default_items": 10, "max_items": 10_000},
            "map": {"url": "http://127.0.0.1/none", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": text,
                "description": text,
                "keywords": ["x"],
                "terms_of_service": "none",
                "url": "http://127.0.0.1",
            },
            "license": {"name": "none", "url": "http://127.0.0.1"},
            "provider": {"name": "none", "url": "http://127.0.0.1"},
            "contact": {"name": "none", "email": "a@example.org", "url": "http://127.0.0.1"},
        },
        "resources": {
            "points": {
                "type": "collection",
                "title": text,
                "description": text,
                "keywords": ["x"],
                "extents": {"spatial": {"bbox": [6.9, 50.9, 7.0, 51.0], "crs": "CRS84"}},
                "providers": [
                    {
                        "type": "feature",
                        "name": "CSV",
                        "data": str(folder / "points.csv"),
                        "id_field": "id",
                        "geometry": {"x_field": "x", "y_field": "y"},
                    }
                ],
            }
        },
    }
    # YAML reads JSON.
    (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")
    os.environ["PYGEOAPI_CONFIG"] = str(folder / "config.yml")
    os.environ["PYGEOAPI_OPENAPI"] = str(folder / "openapi.yml")
    from pygeoapi.openapi import generate_openapi_document

    made = generate_openapi_document(folder / "config.yml", "yaml")
    (folder / "openapi.yml").write_text(made, encoding="utf-8")
    from pygeoapi.flask_app import APP

    server = make_server("127.0.0.1", port, APP, handler_class=_Quiet)
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
