"""One data set as a record (OGC 20-004r1, 8.2): GeoJSON, in the language that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request

from ldt.api import html, links
from ldt.api.context import Reading
from ldt.api.coverages.kind import PREFIX as COVERAGE
from ldt.api.features.request import ITEM_FORMS
from ldt.api.negotiate import GEOJSON, HTML, JSON, Format
from ldt.api.observations.kind import PREFIX as SERIES
from ldt.api.records.request import PROFILE
from ldt.store import catalogue, records, records_items
from ldt.timerange import format_instant

CORE = "http://www.opengis.net/spec/ogcapi-records-1/1.0/req/record-core"
_VOCABULARIES = ("inspire-themes", "anatomy", "dpsir", "observed-properties", "access-classes")
#: What is said of a data set beside the properties that all records have.
_FURTHER = (
    *("access", "origin", "data_stage", "personal_data", "shape", "feature_type", "anatomy", "dpsir"),
    *("update_frequency", "version", "rows"),
)
_COVERAGE_FORMS = (
    ("GeoTIFF", "image/tiff;application=geotiff"),
    ("Zarr", "application/zip"),
    ("CoverageJSON", "application/prs.coverage+json"),
)
_SERIES_FORMS = (
    ("CoverageJSON", "application/prs.coverage+json"),
    ("CSV", "text/csv"),
    ("NetCDF", "application/x-netcdf"),
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What records are made of.

    Attributes:
        request: gives addresses and languages.
        twin: the twin.
        wanted: codes of languages, the best first.
        rows: the data sets by name.
        measured: what they observe, and what one value stands for.
        concepts: by vocabulary and code.
    """

    request: Request
    twin: str
    wanted: Sequence[str]
    rows: dict[str, dict[str, Any]]
    measured: dict[str, tuple[list[str], list[str]]]
    concepts: dict[tuple[str, str], dict[str, Any]]

    @classmethod
    def read(cls, request: Request, seen: Reading, names: Sequence[str]) -> Catalogue:
        """Return what the records of some data sets are made of."""
        rows = {r["name"]: r for r in records.datasets(seen.conn, seen.snapshot, *names)} if names else {}
        return cls(
            request,
            seen.snapshot.twin,
            html.languages(request),
            rows,
            records_items.measured(seen.conn, seen.snapshot, names),
            {(v, c["code"]): c for v in _VOCABULARIES for c in catalogue.concepts(seen.conn, v)},
        )

    def record(self, name: str, geometry: Any) -> dict[str, Any]:
        """Return the record of a data set.

        Args:
            name: its name.
            geometry: GeoJSON geometry in the CRS that is sent, or None.
        """
        row = self.rows[name]
        observed, averaging = self.measured.get(name, ([], []))
        of = [("inspire-themes", t) for t in row["themes"]]
        of += [("anatomy", row["anatomy"])] + ([("dpsir", row["dpsir"])] if row["dpsir"] else [])
        spoken = sorted({*row["title"], *(row["description"] or ())})
        properties = {
            "type": records_items.TYPE,
            "title": html.say(row["title"], self.wanted),
            "description": html.say(row["description"], self.wanted) or None,
            "language": {"code": language(row["title"], self.wanted)},
            "languages": [{"code": code} for code in spoken],
            "created": format_instant(row["created"]),
            "updated": format_instant(row["committed"]),
            "keywords": self._keywords([*of, *(("observed-properties", p) for p in observed)]),
            "themes": self._themes(of),
            "contacts": [{"organization": row["publisher"], "roles": ["publisher"]}]
            if row["publisher"]
            else None,
            "license": row["licence"],
            "rights": self._label("access-classes", row["access"]),
            "externalIds": [{"scheme": self.twin, "value": name}],
            "formats": [{"name": n, "mediaType": m} for n, m in _formats(row["shape"])],
            "observed_properties": observed or None,
            **{k: row[k] for k in _FURTHER},
        }
        return {
            "type": "Feature",
            "id": name,
            "conformsTo": [CORE],
            "time": _time(row["time_first"], row["time_last"], averaging),
            "geometry": geometry,
            "properties": {k: v for k, v in properties.items() if v is not None},
            "links": self._links(row),
        }

    def _label(self, vocabulary: str, code: str) -> str:
        found = self.concepts.get((vocabulary, code))
        return html.say(found["label"], self.wanted) if found else code

    def _keywords(self, codes: Iterable[tuple[str, str]]) -> list[str]:
        return list(dict.fromkeys(self._label(*one) for one in codes))

    def _themes(self, codes: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        schemes: dict[str, list[dict[str, Any]]] = {}
        for vocabulary, code in codes:
            page = links.url(self.request, "vocabularies", vocabulary)
            uri = self.concepts.get((vocabulary, code), {}).get("uri")
            scheme = uri.removesuffix(f"/{code}") if uri else page
            about = {"id": code, "title": self._label(vocabulary, code), "url": uri or f"{page}/{code}"}
            schemes.setdefault(scheme, []).append(about)
        return [{"scheme": scheme, "concepts": concepts} for scheme, concepts in schemes.items()]

    def _links(self, row: dict[str, Any]) -> list[links.Link]:
        def to(*parts: str, **query: str) -> str:
            return links.url(self.request, "twins", self.twin, *parts, **query)

        name = row["name"]
        collection = {
            "feature": row["feature_type"],
            "observation": f"{SERIES}{name}",
            "coverage": f"{COVERAGE}{name}",
        }
        data = ("collections", collection[row["shape"]])
        ways = [links.link(to(*data), "data", JSON, "The collection that it is in")]
        if row["shape"] == "coverage":
            ways.append(links.link(to(*data, f="html"), "preview", HTML, "What it holds, for people"))
        else:
            what = "Its stations" if row["shape"] == "observation" else "Features of its type"
            ways += [
                links.link(to(*data, "items", f="geojson"), "items", GEOJSON, what),
                links.link(to(*data, "items", f="html"), "preview", HTML, f"{what}, for people"),
            ]
        ways += [
            links.link(
                to("datasets", name), "describedby", JSON, "Versions, outcomes and sources of the data set"
            ),
            links.link(to("datasets", name, "versions"), "version-history", JSON, "Versions"),
            links.link(PROFILE, "profile", None, "Profile of the record"),
        ]
        if row["licence_uri"]:
            ways.append(links.link(row["licence_uri"], "license", None, row["licence"]))
        return ways


def language(text: Any, wanted: Sequence[str]) -> str:
    """Return the code of the language that :func:`ldt.api.html.say` says a text in."""
    return next((w for w in wanted if w in text), next(iter(text), "en"))


def _formats(shape: str) -> Sequence[tuple[str, str]]:
    plain: Iterable[Format] = ITEM_FORMS
    if shape == "feature":
        return [(one.title, one.media_type) for one in plain]
    return _COVERAGE_FORMS if shape == "coverage" else _SERIES_FORMS


def _time(first: datetime | None, last: datetime | None, averaging: Sequence[str]) -> dict[str, Any] | None:
    if first is None and last is None:
        return None
    interval = [format_instant(i) if i else ".." for i in (first, last)]
    # What one value stands for, where that is the same for all.
    resolution = {"resolution": averaging[0]} if len(averaging) == 1 and averaging[0].startswith("P") else {}
    return {"interval": interval, **resolution}
