"""Protected sites of the sample city, among them records that bring about each of the five outcomes of an ingest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from ldt.pipeline.sample.city import City, Floats, blob

NATURA = "natura2000/Natura2000DesignationValue"
IUCN = "IUCN/IUCNDesignationValue"


@dataclass(frozen=True, slots=True)
class ProtectedSite:
    """A protected site as it stands in the file.

    Attributes:
        gml_id: XML id, from which those of its surfaces are made too.
        local_id: localId of its INSPIRE identifier; None where the file leaves out every identifier, the XML id too.
        designation: scheme, code list and value of INSPIRE, joined by slashes.
        founded: year of the legal foundation.
        parts: surfaces, each a list of rings (n, 2), the exterior first, in the city's CRS, metres.
        outcome: what becomes of the record when the twin takes it in.
    """

    gml_id: str
    local_id: str | None
    name: str
    designation: str
    founded: int
    parts: tuple[tuple[Floats, ...], ...]
    outcome: str = "accepted"

    @property
    def geometry(self) -> MultiPolygon:
        """The surfaces as they stand in the file, valid or not."""
        return MultiPolygon([Polygon(rings[0], rings[1:]) for rings in self.parts])


@dataclass(frozen=True, slots=True)
class _Plan:
    """Name, designation, place (share of the radius, degrees) and size (metres) of a site; holes and parts in number."""

    name: str
    designation: str
    share: float
    bearing: float
    radius: float
    holes: int = 0
    parts: int = 1


_PLANS = (
    _Plan("Musterwald", f"{NATURA}/specialAreaOfConservation", 1.30, 128, 1_500, holes=2),
    _Plan("Musterwald und Vorland", f"{IUCN}/ProtectedLandscapeOrSeascape", 1.18, 124, 2_000),
    _Plan("Flussaue", f"{NATURA}/specialProtectionArea", 0.6, 280, 620, parts=3),
    _Plan("Hohenfels", f"{IUCN}/strictNatureReserve", 0.6, 80, 520, holes=1),
    _Plan("Seeblick", f"{IUCN}/habitatSpeciesManagementArea", 0.86, 240, 430),
    _Plan("Moorwiese", f"{NATURA}/specialAreaOfConservation", 0.92, 220, 640),
    _Plan("Quellental", f"{IUCN}/habitatSpeciesManagementArea", 0.8, 120, 380),
    _Plan("Schlossgarten", f"{IUCN}/naturalMonument", 0.5, 220, 140),
    _Plan("Sonnenhang", f"{IUCN}/habitatSpeciesManagementArea", 0.97, 80, 450),
    _Plan("Bruchwiesen", f"{NATURA}/siteOfCommunityImportance", 1.45, 300, 900, holes=1),
    _Plan("Steinbruch Neurode", f"{IUCN}/naturalMonument", 1.02, 180, 210),
)


def protected_sites(rng: np.random.Generator, city: City) -> list[ProtectedSite]:
    """Return the sites in the order of the file: the sound ones, then one for each other outcome."""
    sound = [_site(rng, city, number, plan) for number, plan in enumerate(_PLANS, 1)]
    # A service that pages without a stable order delivers a member twice, down to its XML id.
    again = replace(sound[2], outcome="duplicate")
    return [*sound[:4], _bow_tie(city), *sound[4:], again, _outside(rng), _nameless(rng, city)]


def _site(rng: np.random.Generator, city: City, number: int, plan: _Plan) -> ProtectedSite:
    centre = city.place(plan.share, np.radians(plan.bearing))
    parts = []
    for k in range(plan.parts):
        # Parts lie in a row, holes in a circle, far enough apart that they never touch.
        middle = centre + k * np.array([2.9 * plan.radius, -0.6 * plan.radius])
        rings = [blob(rng, middle, plan.radius)]
        for h in range(plan.holes):
            bearing = 2 * np.pi * h / plan.holes + 0.4
            spot = middle + 0.4 * plan.radius * np.array([np.cos(bearing), np.sin(bearing)])
            rings.append(blob(rng, spot, 0.14 * plan.radius, 24)[::-1])
        parts.append(tuple(rings))
    return ProtectedSite(
        f"ps.{number:03}", f"{number:03}", plan.name, plan.designation, 1970 + 4 * number, tuple(parts)
    )


def _bow_tie(city: City) -> ProtectedSite:
    corners = np.array([(-400, -300), (400, 300), (400, -300), (-400, 300), (-400, -300)])
    ring = np.round(city.place(0.5, np.radians(40)) + corners, 2)
    return ProtectedSite(
        "ps.101",
        "101",
        "Weinberg (ring crosses itself)",
        f"{IUCN}/naturalMonument",
        1999,
        ((ring,),),
        "repaired",
    )


def _outside(rng: np.random.Generator) -> ProtectedSite:
    ring = blob(rng, np.array([545_000.0, 5_655_000.0]), 1_200)
    return ProtectedSite(
        "ps.102",
        "102",
        "Fernwald (far outside)",
        f"{NATURA}/specialAreaOfConservation",
        2004,
        ((ring,),),
        "outside",
    )


def _nameless(rng: np.random.Generator, city: City) -> ProtectedSite:
    ring = blob(rng, city.place(0.5, np.radians(60)), 260)
    return ProtectedSite(
        "ps.103", None, "Gartenstadt (no identifier)", f"{IUCN}/naturalMonument", 2011, ((ring,),), "rejected"
    )


def stored(sites: list[ProtectedSite]) -> list[ProtectedSite]:
    """Return the sites that the twin keeps: accepted, and repaired."""
    return [s for s in sites if s.outcome in {"accepted", "repaired"}]


def repaired_union(sites: list[ProtectedSite]) -> shapely.Geometry:
    """Return the area that any stored site protects, in the city's CRS; overlapping sites count once."""
    return shapely.union_all([shapely.make_valid(s.geometry) for s in stored(sites)])
