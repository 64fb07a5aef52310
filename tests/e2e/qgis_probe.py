"""Runs inside QGIS's own Python: opens layers as a person would, and prints what QGIS saw as JSON.

Takes a JSON object on standard input: `{twin, views, collections, files, pictures}`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsDataSourceUri,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def view(name: str) -> Any:
    uri = QgsDataSourceUri()
    uri.setConnection("ldt", "", "", "")  # the entry of the service file that PGSERVICEFILE names
    uri.setDataSource("gis", name, "geom", "", "id")
    return QgsVectorLayer(uri.uri(False), name, "postgres")


def collection(twin: str, name: str) -> Any:
    return QgsVectorLayer(f"url='{twin}' typename='{name}'", name, "OAPIF")


def told(layer: Any) -> dict[str, Any]:
    if not layer.isValid():
        return {"valid": False, "error": layer.error().message()}
    features = list(layer.getFeatures())
    renderer = layer.renderer()
    items = renderer.legendSymbolItems()
    centre = layer.extent().center()
    return {
        "valid": True,
        "count": len(features),
        "counted": layer.featureCount(),
        "crs": layer.crs().authid(),
        "fields": [f.name() for f in layer.fields()],
        "renderer": type(renderer).__name__,
        "legend": [(i.label(), i.symbol().color().name() if i.symbol() else None) for i in items],
        "centre": (centre.x(), centre.y()),
        "rows": [{f.name(): plain(one[f.name()]) for f in layer.fields()} for one in features[:2000]],
        "areas": [one.geometry().area() for one in features],
    }


def plain(value: Any) -> str | int | float | None:
    return value if isinstance(value, str | int | float) else None


def picture(layer: Any, path: str) -> dict[str, int]:
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(500, 500))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(path)
    colours: dict[str, int] = {}
    for x in range(0, 500, 5):
        for y in range(0, 500, 5):
            name = image.pixelColor(x, y).name()
            colours[name] = colours.get(name, 0) + 1
    return colours


def main() -> None:
    asked = json.load(sys.stdin)
    application = QgsApplication([], False)
    application.initQgis()
    found = {}
    for name in asked["views"]:
        layer = view(name)
        found[name] = told(layer)
        found[name]["colours"] = picture(layer, f"{asked['pictures']}/{name}.png")
    for name in asked["collections"]:
        found[name] = told(collection(asked["twin"], name))
    for name, address in asked["files"].items():
        found[name] = told(QgsVectorLayer(address, name, "ogr"))
    print(json.dumps(found))
    application.exitQgis()


main()
