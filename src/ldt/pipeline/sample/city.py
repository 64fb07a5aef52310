"""The shape of the sample city: its boundary, districts and quarters, and how central a place is.

Everything hangs on one bent polar mesh of shared vertices. Areas are cut out of it along its lines, so neighbours
share every vertex of their common border: districts and quarters partition the city exactly, without any overlay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

Floats = npt.NDArray[np.float64]

#: CRS of the city's own files: ETRS89 / UTM zone 32N, easting first, metres.
CRS = "EPSG:25832"
NAME = "Musterstadt"
#: Key of the city, in the form of a German municipality key; no German state has the number 99.
CITY_CODE = "99000000"
#: In fact fields and woods in northern Hesse, 51.30 N 9.04 E.
CENTRE = (503_000.0, 5_683_000.0)
MEAN_RADIUS = 6_500.0

_ANGLES = 144  # divisible by 6 districts x 3 quarters and by the 4 quarters of the centre
_RINGS = 24
#: The first outer district begins 30 degrees south of east, so that "Ost" lies about the east.
_FIRST = -12
#: Rings (of `_RINGS`) at which areas end: the old town, the centre, the inner and the outer quarters.
_OLD_TOWN, _CENTRE, _INNER = 4, 9, 16

_CENTRE_QUARTERS = ("Altstadt", "Dom", "Hafenviertel", "Neumarkt", "Wallgraben")
_OUTER = {
    "Ost": ("Kirschgarten", "Lohmühle", "Ostheim", "Am Sandberg", "Falkenau", "Steinfeld"),
    "Nordost": ("Weinberg", "Gartenstadt", "Hohenfels", "Birkenhain", "Rehwinkel", "Sonnenhang"),
    "Nordwest": ("Lindenhof", "Mühlenfeld", "Ziegelei", "Buchenau", "Quellental", "Hasenheide"),
    "West": ("Schlachthof", "Güterbahnhof", "Westend", "Eisenhütte", "Neurode", "Krähenbusch"),
    "Südwest": ("Schlossgarten", "Pappelallee", "Rosenau", "Moorwiese", "Seeblick", "Erlenbruch"),
    "Südost": ("Flussaue", "Fischerdorf", "Alte Fähre", "Auwald", "Deichfeld", "Tiefenbach"),
}


@dataclass(frozen=True, slots=True)
class SmoothField:
    """A random field without jumps: a sum of plane waves with wavelengths around one length, in metres.

    Attributes:
        waves: array (n, 2) of wave vectors, radians per metre.
        phases: array (n,), radians.
    """

    waves: Floats
    phases: Floats

    @classmethod
    def random(cls, rng: np.random.Generator, wavelength: float, n: int = 24) -> SmoothField:
        """Draw a field whose structures are about half a `wavelength` (metres) wide."""
        bearing = rng.uniform(0, 2 * np.pi, n)
        number = 2 * np.pi / (wavelength * rng.uniform(0.6, 1.8, n))
        waves = np.column_stack([number * np.cos(bearing), number * np.sin(bearing)])
        return cls(waves, rng.uniform(0, 2 * np.pi, n))

    def __call__(self, xy: Floats) -> Floats:
        """Return the field at points (…, 2), metres; mean about 0, standard deviation about 1."""
        angle = np.asarray(xy) @ self.waves.T + self.phases
        return np.asarray(np.cos(angle).sum(axis=-1) * np.sqrt(2 / len(self.phases)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Area:
    """A city, district or quarter; `polygon` is in :data:`CRS`, rounded to centimetres."""

    code: str
    name: str
    parent: str | None
    polygon: Polygon


@dataclass(frozen=True)
class City:
    """The sample city.

    Attributes:
        harmonics: array (n, 2), amplitude and phase of the outline's waves, as shares of the mean radius.
        bend: two fields that bend the mesh, for x and for y.
    """

    harmonics: Floats
    bend: tuple[SmoothField, SmoothField]

    @classmethod
    def random(cls, rng: np.random.Generator) -> City:
        """Draw a city."""
        amplitude = 0.11 / np.arange(2, 7) ** 0.7 * rng.uniform(0.5, 1.3, 5)
        harmonics = np.column_stack([amplitude, rng.uniform(0, 2 * np.pi, 5)])
        return cls(harmonics, (SmoothField.random(rng, 3_000), SmoothField.random(rng, 3_000)))

    def radius(self, bearing: npt.ArrayLike) -> Floats:
        """Return the distance from the centre to the (unbent) outline, metres; bearings anticlockwise from east."""
        order = np.arange(2, 2 + len(self.harmonics))
        waves = self.harmonics[:, 0] * np.cos(
            np.multiply.outer(np.asarray(bearing), order) + self.harmonics[:, 1]
        )
        return np.asarray(MEAN_RADIUS * (1 + waves.sum(axis=-1)), dtype=np.float64)

    def place(self, share: npt.ArrayLike, bearing: npt.ArrayLike) -> Floats:
        """Return points (…, 2) at a share of the radius (0 centre, 1 outline, more outside), in :data:`CRS`."""
        share, bearing = np.asarray(share, dtype=np.float64), np.asarray(bearing, dtype=np.float64)
        distance = share * self.radius(bearing)
        plain = np.stack(
            [CENTRE[0] + distance * np.cos(bearing), CENTRE[1] + distance * np.sin(bearing)], axis=-1
        )
        # The centre stays where it is, so that the innermost lines do not cross.
        shift = 110.0 * np.clip(share * 2, 0, 1)[..., None]
        bent = np.stack([field(plain) for field in self.bend], axis=-1)
        return np.asarray(np.round(plain + shift * bent, 2), dtype=np.float64)

    def rurality(self, xy: Floats) -> Floats:
        """Return how far out points (…, 2) lie: 0 in the centre, 1 at the outline, more in the countryside."""
        dx, dy = xy[..., 0] - CENTRE[0], xy[..., 1] - CENTRE[1]
        return np.asarray(np.hypot(dx, dy) / self.radius(np.arctan2(dy, dx)), dtype=np.float64)

    @cached_property
    def _mesh(self) -> Floats:
        share = np.linspace(0, 1, _RINGS + 1)
        bearing = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
        return self.place(*np.meshgrid(share, bearing, indexing="ij"))

    def _cut(self, inner: int, outer: int, start: int, stop: int) -> Polygon:
        """Return the polygon between two rings and two rays of the mesh; a full turn has no rays."""
        turn = np.arange(start, stop + 1) % _ANGLES
        if stop - start == _ANGLES:
            hole = [self._mesh[inner, turn]] if inner else []
            return Polygon(self._mesh[outer, turn], hole)
        out = np.arange(inner, outer)
        line: list[Any] = [
            self._mesh[outer, turn],
            self._mesh[out[::-1], turn[-1]],
            self._mesh[inner, turn[::-1]][1:] if inner else self._mesh[:0, 0],
            self._mesh[out[1:], turn[0]],
        ]
        return Polygon(np.concatenate(line))

    @cached_property
    def boundary(self) -> Area:
        """The city."""
        return Area(CITY_CODE, NAME, None, self._cut(0, _RINGS, 0, _ANGLES))

    @cached_property
    def districts(self) -> list[Area]:
        """Seven districts: the centre (a disc) and six sectors around it."""
        width = _ANGLES // len(_OUTER)
        centre = Area("01", "Mitte", CITY_CODE, self._cut(0, _CENTRE, 0, _ANGLES))
        sectors = [
            Area(
                f"{i + 2:02}",
                name,
                CITY_CODE,
                self._cut(_CENTRE, _RINGS, _FIRST + i * width, _FIRST + (i + 1) * width),
            )
            for i, name in enumerate(_OUTER)
        ]
        return [centre, *sectors]

    @cached_property
    def quarters(self) -> list[Area]:
        """Forty-one quarters: five in the centre, six in each other district."""
        old_town, *centre = _CENTRE_QUARTERS
        areas = [Area("0101", old_town, "01", self._cut(0, _OLD_TOWN, 0, _ANGLES))]
        width = _ANGLES // len(centre)
        for i, name in enumerate(centre):
            polygon = self._cut(_OLD_TOWN, _CENTRE, i * width, (i + 1) * width)
            areas.append(Area(f"01{i + 2:02}", name, "01", polygon))
        width = _ANGLES // len(_OUTER) // 3
        for i, names in enumerate(_OUTER.values()):
            for k, name in enumerate(names):
                rings = (_CENTRE, _INNER) if k < 3 else (_INNER, _RINGS)
                start = _FIRST + (3 * i + k % 3) * width
                district = f"{i + 2:02}"
                areas.append(
                    Area(f"{district}{k + 1:02}", name, district, self._cut(*rings, start, start + width))
                )
        return areas


def blob(rng: np.random.Generator, centre: Floats, radius: float, vertices: int = 60) -> Floats:
    """Return the ring (vertices + 1, 2) of a rounded shape about `centre`, metres, rounded to centimetres."""
    bearing = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    order = np.arange(2, 6)
    waves = (
        rng.uniform(0.02, 0.3, 4)
        / order
        * np.cos(np.multiply.outer(bearing, order) + rng.uniform(0, 6.28, 4))
    )
    distance = radius * (1 + waves.sum(axis=1))
    ring = np.column_stack([centre[0] + distance * np.cos(bearing), centre[1] + distance * np.sin(bearing)])
    return np.round(np.vstack([ring, ring[:1]]), 2)


def polygons(areas: list[Area]) -> npt.NDArray[np.object_]:
    """Return the polygons of some areas as an array that shapely works on at once."""
    return np.array([a.polygon for a in areas], dtype=object) if areas else shapely.empty(0)
