"""Runs inside QGIS's own Python: opens collections as a person would, and prints what QGIS saw as JSON.

Takes a JSON object on standard input: `{twin, pages: {collection: features a page}, filtered, condition, box}`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeatureRequest,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)


def opened(twin: str, name: str, page: int) -> Any:
    address = f"url='{twin}' typename='{name}' pagingEnabled='true' pageSize='{page}'"
    return QgsVectorLayer(address, name, "OAPIF")


def ids(layer: Any, request: Any = None) -> list[str]:
    return [str(f["id"]) for f in layer.getFeatures(request or QgsFeatureRequest())]


def seen(asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"collections": {}}
    for name, page in asked["pages"].items():
        layer = opened(asked["twin"], name, page)
        found["collections"][name] = (
            {"ids": ids(layer), "counted": layer.featureCount(), "crs": layer.crs().authid()}
            if layer.isValid()
            else {"error": layer.error().message()}
        )
    name = asked["filtered"]
    found["in_box"] = ids(
        opened(asked["twin"], name, 1000), QgsFeatureRequest().setFilterRect(QgsRectangle(*asked["box"]))
    )
    layer = opened(asked["twin"], name, 1000)
    found["set"] = layer.setSubsetString(asked["condition"])
    found["where"] = ids(layer)
    turned = QgsFeatureRequest().setDestinationCrs(
        QgsCoordinateReferenceSystem("EPSG:25832"), QgsProject.instance().transformContext()
    )
    found["centres"] = {
        str(f["id"]): [f.geometry().boundingBox().center().x(), f.geometry().boundingBox().center().y()]
        for f in opened(asked["twin"], "protected-sites", 1000).getFeatures(turned)
    }
    return found


def main() -> None:
    application = QgsApplication([], False)
    application.initQgis()
    # No layer may outlive this: QGIS takes their threads away when it ends.
    print(json.dumps(seen(json.load(sys.stdin))))
    application.exitQgis()


main()
