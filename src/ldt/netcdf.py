"""NetCDF in the classic format (64-bit offset), which every reader of NetCDF reads: written here, since no library at hand writes NetCDF.

Source: "NetCDF Classic Format Specification" (Unidata), version CDF-2: a header of dimensions, attributes and variables, all numbers
big-endian, names and values padded to four bytes; then the values of one variable after the other.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_CHAR = 2
_TYPES: dict[str, int] = {"|S1": 2, ">i4": 4, ">f4": 5, ">f8": 6}

#: Text, number or several numbers; whole numbers are written as integers, others as doubles, and NumPy's single floats as such.
Attribute = str | int | float | np.float32 | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: names of its dimensions, values (int32, float32, float64, or single characters `S1`), attributes."""

    dimensions: tuple[str, ...]
    values: npt.NDArray[Any]
    attributes: Mapping[str, Attribute]


def write_netcdf(
    path: Path,
    dimensions: Mapping[str, int],
    variables: Mapping[str, Variable],
    attributes: Mapping[str, Attribute],
) -> None:
    """Write a file.

    Args:
        path: the file; one that is there is replaced.
        dimensions: name → length.
        variables: name → variable, in the order of the file; their shapes are those of their dimensions.
        attributes: of the file.
    """
    # The length of the header does not depend on the offsets in it, so it is made twice.
    at = len(_header(dimensions, variables, attributes, 0))
    with path.open("wb") as file:
        file.write(_header(dimensions, variables, attributes, at))
        for variable in variables.values():
            file.write(_padded(_big(variable.values).tobytes()))


def _header(
    dimensions: Mapping[str, int],
    variables: Mapping[str, Variable],
    attributes: Mapping[str, Attribute],
    at: int,
) -> bytes:
    number = {name: n for n, name in enumerate(dimensions)}
    parts = [b"CDF\x02", struct.pack(">i", 0), _count(_DIMENSION, len(dimensions))]
    parts += [_name(name) + struct.pack(">i", length) for name, length in dimensions.items()]
    parts += [_attributes(attributes), _count(_VARIABLE, len(variables))]
    for name, variable in variables.items():
        values = _big(variable.values)
        size = len(_padded(values.tobytes()))
        parts += [
            _name(name),
            struct.pack(f">i{values.ndim}i", values.ndim, *(number[d] for d in variable.dimensions)),
            _attributes(variable.attributes),
            struct.pack(">iiq", _TYPES[values.dtype.str], size, at),
        ]
        at += size
    return b"".join(parts)


def _big(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(values.dtype.newbyteorder(">"))


def _count(tag: int, n: int) -> bytes:
    return struct.pack(">ii", tag if n else 0, n)


def _name(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">i", len(encoded)) + _padded(encoded)


def _attributes(attributes: Mapping[str, Attribute]) -> bytes:
    return _count(_ATTRIBUTE, len(attributes)) + b"".join(
        _name(name) + _value(value) for name, value in attributes.items()
    )


def _value(value: Attribute) -> bytes:
    if isinstance(value, str):
        encoded = value.encode()
        return struct.pack(">ii", _CHAR, len(encoded)) + _padded(encoded)
    number = _big(np.atleast_1d(np.int32(value) if isinstance(value, int) else value))
    return struct.pack(">ii", _TYPES[number.dtype.str], number.size) + _padded(number.tobytes())


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
