"""What a query finds, before it has a form: pieces of a place or a grid, each with its times and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ldt.model.coverage import Coverage
from ldt.store.crs import Crs

Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a collection.

    Attributes:
        name: by which it is asked for.
        code: of the vocabulary `observed-properties`.
        concept: what that vocabulary says of it.
        unit: UCUM code.
        averaging: ISO 8601 duration that a value stands for; None where there is none.
        classes: concepts of the classes, whose codes the values are; empty where values are numbers.
        vocabulary: of the classes.
        dtype: of the numbers.
    """

    name: str
    code: str
    concept: dict[str, Any]
    unit: str
    averaging: str | None = None
    classes: tuple[dict[str, Any], ...] = ()
    vocabulary: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A discrete coverage (in the sense of CoverageJSON): a place with its values over time, a grid, or a trajectory.

    Attributes:
        kind: `point`: one place, values (t,); `grid`: values (t, y, x), `x` and `y` are its axes; `line`: places in order,
            values (t, n), each at every time; `track`: places in order, each at its own time, values (n,).
        label: what it is of: a station, or a coverage.
        x, y: in the CRS of the answer, x first.
        starts, ends: what a value stands for is `[start, end)`; without times both are empty, and t is 1.
        values: by name of the parameter; NaN where there is none.
        about: further members for the machine-readable forms.
    """

    kind: Literal["point", "grid", "line", "track"]
    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    starts: Times
    ends: Times
    values: dict[str, NDArray[np.floating]]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many values it has, over all parameters."""
        return sum(v.size for v in self.values.values())


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query, before it has a form.

    Attributes:
        crs: of the coordinates.
        parameters: what the pieces have values of, by name.
        pieces: in order.
    """

    crs: Crs
    parameters: dict[str, Parameter]
    pieces: Sequence[Piece]

    @property
    def size(self) -> int:
        """How many values it has."""
        return sum(p.size for p in self.pieces)


def no_times() -> Times:
    """Return the times of something that has none."""
    return np.empty(0, "datetime64[us]")


def label(coverage: Coverage) -> str:
    """Return what pieces of a coverage are called."""
    return coverage.id
