"""Series: from the identifying columns of a batch to datastreams, with the unit and the averaging of each.

The columns are dictionary-encoded and combined, so that everything said in words is looked at once per distinct
combination and never per observation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ldt.errors import CheckError, UsageError
from ldt.harmonise.vocabulary import observed_property
from ldt.model.feature import encode_fid
from ldt.model.observation import Datastream
from ldt.timerange import Duration, parse_duration
from ldt.units import Conversion, conversion, ucum

#: The EEA's words for averaging (vocabulary `aq/primaryObservation`) → ISO 8601. `var` stays: each interval has its own length.
AVERAGING_WORDS = {
    "hour": "PT1H", "day": "P1D", "week": "P1W", "month": "P1M", "year": "P1Y", "8hour": "PT8H", "var": "var",
}  # fmt: skip
VARIABLE = "var"


@dataclass(frozen=True, slots=True)
class Combination:
    """What one combination of identifying values means.

    Attributes:
        series: index of the datastream, -1 where there is a problem.
        conversion: from the source's unit into the stored one.
        averaging: None where it is `var`.
        problem: (reason, message) for which its records are rejected, or None.
    """

    series: int
    conversion: Conversion
    averaging: Duration | None
    problem: tuple[str, str] | None = None


class SeriesIndex:
    """The datastreams met so far.

    Args:
        extras: names of the columns that, with thing, observed property and averaging, tell one series from another.
        units: the recipe's own notations of units → UCUM.
        zone: the recipe's zone, kept as metadata.
    """

    def __init__(self, extras: list[str], units: Mapping[str, str], zone: str | None) -> None:
        self.datastreams: list[Datastream] = []
        self._keys = ["thing", "observed_property", "averaging", "unit", *extras]
        self._units = units
        self._zone = zone
        self._known: dict[tuple[str | None, ...], Combination] = {}
        self._by_code: dict[str, int] = {}

    def combinations(
        self, table: pa.Table, first_seen: Callable[[int], tuple[str, dict[str, Any]]]
    ) -> tuple[npt.NDArray[np.int64], list[Combination]]:
        """Return, per row, which combination it has, and the combinations.

        Args:
            table: the mapped columns.
            first_seen: gives, for a row that begins a new datastream, the zone of its time and the properties to keep.

        Raises:
            CheckError: a unit is not known, or does not fit what is observed.
        """
        which = np.zeros(table.num_rows, np.int64)
        encoded = []
        for name in self._keys:
            column = (
                table.column(name)
                .cast(pa.string())
                .combine_chunks()
                .dictionary_encode(null_encoding="encode")
            )
            indices = column.indices.to_numpy(zero_copy_only=False)
            encoded.append((column.dictionary, indices))
            if len(column.dictionary) > 1:
                # Densified each time, so that the product of the numbers of values stays within 64 bits.
                which = np.unique(which * len(column.dictionary) + indices, return_inverse=True)[1]
        if which.any():
            _, rows = np.unique(which, return_index=True)
        else:
            rows = np.zeros(min(1, len(which)), np.int64)
        found = []
        for row in rows.tolist():
            key = tuple(values[int(indices[row])].as_py() for values, indices in encoded)
            if key not in self._known:
                self._known[key] = self._resolve(key, row, first_seen)
            found.append(self._known[key])
        return which, found

    def _resolve(
        self, key: tuple[str | None, ...], row: int, first_seen: Callable[[int], tuple[str, dict[str, Any]]]
    ) -> Combination:
        for name, value in zip(self._keys, key, strict=True):
            if value is None or not value.strip():
                return _problem("missing-value", f"{name} is empty")
        thing, observed, averaging, unit, *extras = (value.strip() for value in key if value is not None)
        what = observed_property(observed)
        if what is None:
            return _problem(
                "code-list", f"{observed!r} is not an observed property of the vocabulary observed-properties"
            )
        words = AVERAGING_WORDS.get(averaging.lower(), averaging)
        try:
            duration = None if words == VARIABLE else parse_duration(words)
        except UsageError:
            return _problem(
                "code-list",
                f"averaging {averaging!r} is neither a duration of ISO 8601 nor a word of the EEA",
            )
        try:
            convert = conversion(ucum(unit, self._units), what.unit)
        except CheckError as e:
            raise CheckError(e.message, where=f"{thing} {what.code}", remedy=e.remedy) from e
        text = duration.text() if duration is not None else VARIABLE
        # `encode_fid` leaves no colon in a part, so different series have different codes.
        code = ":".join(encode_fid("", part, "") for part in (thing, what.code, text, *extras))
        if code not in self._by_code:
            zone, properties = first_seen(row)
            self._by_code[code] = len(self.datastreams)
            self.datastreams.append(
                Datastream(code, thing, what.code, what.unit, text, self._zone or zone, properties)
            )
        return Combination(self._by_code[code], convert, duration)


def _problem(reason: str, message: str) -> Combination:
    return Combination(-1, Conversion(1.0, 0.0), None, (reason, message))
