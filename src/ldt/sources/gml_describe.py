"""What `ldt inspect` tells of a GML file: feature types, application schemas, where things lie, and what is wrong."""

from __future__ import annotations

import mmap
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from ldt.sources.gml_geometry import local_name
from ldt.sources.gml_prolog import skipped_before_declaration
from ldt.sources.gml_schemas import application_schema
from ldt.sources.judge import judge
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, Batch, Description, LayerDescription
from ldt.wording import plural

_IDS = re.compile(rb"""[\s:]id\s*=\s*["']([^"']*)""")
#: UTF-8 read as Latin-1 (`KÃ¶ln`), and what windows-1252 has where Latin-1 has control characters.
_MISREAD = re.compile("[ÂÃ][\u0080-\u00bf]|[\u0080-\u009f]")
_WORD = re.compile(r'[^\s"\\]{0,20}(?:[ÂÃ][\u0080-\u00bf]|[\u0080-\u009f])[^\s"\\]{0,20}')


class Summary:
    """What is seen of one file, batch by batch, in memory that does not grow with the features (but with the references between them)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._layers: dict[str, LayerDescription] = {}
        self._bounds: dict[str, list[float]] = {}
        self._nil: Counter[str] = Counter()
        self._references: set[str] = set()
        self._malformed = 0
        self._misread: str | None = None

    def see(self, batch: Batch) -> None:
        """Take the records of a batch in."""
        records = batch.records
        self._malformed += len(records) - records.column(MALFORMED).null_count
        types = records.column("_type").to_pylist()
        shapes = np.asarray(shapely.from_wkb(records.column(GEOMETRY).to_numpy(zero_copy_only=False)))
        for name, text in zip(types, records.column(RAW).to_pylist(), strict=True):
            layer = self._layers.setdefault(name, LayerDescription(name=name, count=0, columns={}))
            layer.count = (layer.count or 0) + 1
            if self._misread is None and _MISREAD.search(text) and (word := _WORD.search(text)):
                self._misread = word[0]
            self._leaves(layer, orjson.loads(text))
        for name in dict.fromkeys(types):
            self._places(name, batch, shapes[[t == name for t in types]])

    def _leaves(self, layer: LayerDescription, raw: dict[str, Any]) -> None:
        for key, value in raw.items():
            layer.columns.setdefault(key, "text")
            if key.endswith("@nil"):
                reasons = raw.get(f"{key}Reason", "no reason")
                values = value if isinstance(value, list) else [value]
                given = reasons if isinstance(reasons, list) else [reasons]
                for i, v in enumerate(values):
                    if v in {"true", "1"}:
                        reason = given[min(i, len(given) - 1)]
                        self._nil[re.split(r"[/:]", reason)[-1].lower() or "no reason"] += 1
            elif key.endswith("@href"):
                values = value if isinstance(value, list) else [value]
                self._references.update(v[1:] for v in values if v.startswith("#") and len(v) > 1)

    def _places(self, name: str, batch: Batch, shapes: NDArray[Any]) -> None:
        shapes = shapes[shapely.is_geometry(shapes)]
        if not len(shapes):
            return
        layer = self._layers[name]
        layer.crs = layer.crs or batch.crs
        for kind in dict.fromkeys(shape.geom_type for shape in shapes):
            if kind not in layer.geometry_types:
                layer.geometry_types.append(kind)
        if layer.crs == batch.crs:
            box = self._bounds.setdefault(name, [np.inf, np.inf, -np.inf, -np.inf])
            now = shapely.total_bounds(shapes)
            box[:] = [*np.fmin(box[:2], now[:2]), *np.fmax(box[2:], now[2:])]

    def description(self, tags: list[str], unknown: list[str]) -> Description:
        """Return the whole.

        Args:
            tags: of the feature types, with namespaces.
            unknown: what stands as `srsName` and names no known CRS.
        """
        namespaces = {local_name(tag): tag.rpartition("}")[0][1:] for tag in reversed(tags)}
        for name, layer in self._layers.items():
            layer.namespace = namespaces.get(name) or None
            layer.schema = application_schema(layer.namespace) if layer.namespace else None
            if layer.geometry_types:
                layer.extent, layer.problems = judge(layer.crs, self._bounds.get(name))
        return Description(
            format="GML", reader="gml", layers=list(self._layers.values()), problems=self._problems(unknown)
        )

    def _problems(self, unknown: list[str]) -> list[str]:
        problems = []
        if not self._layers:
            problems.append("the collection is empty")
        if skipped_before_declaration(self._path):
            problems.append("something blank stands before the XML declaration; it was skipped")
        if self._malformed:
            problems.append(
                plural(self._malformed, "feature has", "features have") + " geometry that cannot be read"
            )
        problems += [f"srsName {name!r} names no CRS that is known" for name in unknown[:5]]
        if self._misread is not None:
            problems.append(
                f"{self._misread!r} looks like text in another encoding than the one that is declared"
            )
        if self._nil:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self._nil.most_common(5))
            problems.append(f"{plural(self._nil.total(), 'value is', 'values are')} nil ({reasons})")
        missing = self._missing()
        if missing:
            problems.append(
                f"{plural(len(missing), 'local reference has', 'local references have')} no target in the file, as #{min(missing)}"
            )
        return problems

    def _missing(self) -> set[str]:
        """Return the references to identifiers that nothing in the file has."""
        missing = set(self._references)
        if not missing:
            return missing
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if b"\0" in content[:4]:
                return set()  # UTF-16, which is not searched
            for match in _IDS.finditer(content):
                missing.discard(match[1].decode("utf-8", errors="replace"))
                if not missing:
                    break
        return missing
