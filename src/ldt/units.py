"""Units of measurement: UCUM codes, the notations that environmental data use for them, and conversion by Pint.

A unit is read as a UCUM term (`ug/m3`, `mm/h`, `Cel`), whatever its typography: both micro signs, superscripts, the EEA's
`ug.m-3` and blanks are understood. What a notation means that is none of these is declared in the recipe (`units:`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ldt.errors import CheckError

#: UCUM atoms in use in the field → Pint's names. Source: UCUM 2.1 (case-sensitive codes), the tables of base units,
#: SI, other units, and "units used in chemistry"; extended when a data set needs it.
_ATOMS = {
    "m": "meter", "g": "gram", "s": "second", "K": "kelvin", "A": "ampere", "mol": "mole", "rad": "radian",
    "Hz": "hertz", "N": "newton", "Pa": "pascal", "J": "joule", "W": "watt", "V": "volt", "lx": "lux", "Bq": "becquerel",
    "L": "liter", "l": "liter", "ar": "are", "t": "metric_ton", "bar": "bar",
    "min": "minute", "h": "hour", "d": "day", "a": "year", "deg": "degree", "Cel": "degree_Celsius",
    "%": "percent", "[ppth]": "permille", "[ppm]": "ppm", "[ppb]": "ldt_ppb", "1": "dimensionless",
    "B[SPL]": "ldt_bel_spl",
}  # fmt: skip
_METRIC = {
    "m",
    "g",
    "s",
    "K",
    "A",
    "mol",
    "Hz",
    "N",
    "Pa",
    "J",
    "W",
    "V",
    "lx",
    "Bq",
    "L",
    "l",
    "ar",
    "t",
    "bar",
    "B[SPL]",
}
_PREFIXES = {
    "T": "tera", "G": "giga", "M": "mega", "k": "kilo", "h": "hecto", "da": "deca", "d": "deci", "c": "centi",
    "m": "milli", "u": "micro", "n": "nano", "p": "pico",
}  # fmt: skip
#: Notations that are not UCUM and cannot be mistaken for anything else.
_NOTATIONS = {
    "°C": "Cel", "degC": "Cel", "ºC": "Cel", "°": "deg", "ha": "har", "ppm": "[ppm]", "ppb": "[ppb]", "Wh": "W.h",
    "kWh": "kW.h", "MWh": "MW.h", "GWh": "GW.h", "percent": "%",
    # UCUM has no code for weighting: that a level is A-weighted is told by what is observed (LAeq), not by its unit.
    "dB(A)": "dB[SPL]", "dBA": "dB[SPL]", "dB[A]": "dB[SPL]", "db(A)": "dB[SPL]", "dBa": "dB[SPL]",
}  # fmt: skip
#: Words of UDUNITS (which the CF Conventions use) and of ecCodes' tables that no symbol of UCUM is written like → UCUM.
_WORDS = {
    "kelvin": "K", "Kelvin": "K", "Celsius": "Cel", "degrees_celsius": "Cel", "degree_celsius": "Cel", "degK": "K", "deg_K": "K", "celsius": "Cel", "degree_Celsius": "Cel", "degrees_Celsius": "Cel", "degree_C": "Cel",
    "degrees_C": "Cel", "deg_C": "Cel", "degree": "deg", "degrees": "deg", "radian": "rad", "radians": "rad", "metre": "m", "metres": "m",
    "meter": "m", "meters": "m", "second": "s", "seconds": "s", "sec": "s", "minute": "min", "minutes": "min", "hour": "h", "hours": "h",
    "hr": "h", "day": "d", "days": "d", "year": "a", "years": "a", "pascal": "Pa", "pascals": "Pa", "hectopascal": "hPa",
    "hectopascals": "hPa", "millibar": "mbar", "millibars": "mbar", "mb": "mbar", "watt": "W", "joule": "J", "fraction": "1",
    "dimensionless": "1", "Numeric": "1", "numeric": "1", "Proportion": "1", "proportion": "1", "(0-1)": "1", "0-1": "1", "-": "1",
}  # fmt: skip
_TYPOGRAPHY = str.maketrans(
    {"µ": "u", "μ": "u", "²": "2", "³": "3", "⁻": "-", "¹": "1", "·": ".", "−": "-", "^": None, " ": None}
)
#: UDUNITS: a blank between two units multiplies them, two asterisks raise to a power. A blank at a stroke says nothing.
_PRODUCT = re.compile(r"(?<=[\w\]%])\s+(?=[A-Za-zµμ%\[])")
_FACTOR = re.compile(r"(?P<symbol>\[[a-z]+\]|%|1|[A-Za-z]+(?:\[SPL\])?)(?P<exponent>-?[1-9])?")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A linear conversion: `target = source * factor + offset`."""

    factor: float
    offset: float

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the values in the target unit, in the shape given; the very array where nothing changes."""
        if self.factor == 1.0 and self.offset == 0.0:
            return values
        return values * self.factor + self.offset


def ucum(text: str, declared: Mapping[str, str] | None = None) -> str:
    """Return the UCUM code of a unit as a source writes it.

    Args:
        text: UCUM, or a notation of the field: `µg/m³` with either micro sign, `ug.m-3`, `mg/m^3`, `°C`; that of UDUNITS
            (`kg m-2 s-1`, `m**2 s**-2`, `degrees_C`).
        declared: what the recipe says of notations that are not known (`units:`), notation → UCUM; it is asked first.

    Raises:
        CheckError: nothing is known of this unit.
    """
    given = text.strip()
    if declared and given in declared:
        given = declared[given]
    plain = _PRODUCT.sub(".", given.replace("**", ""))
    code = _NOTATIONS.get(given, plain.translate(_TYPOGRAPHY))
    code = _NOTATIONS.get(code, code)
    code = _WORDS.get(code) or re.sub(r"[A-Za-z_]+", lambda m: _WORDS.get(m.group(), m.group()), code)
    parts = _factors(code)
    if parts is None:
        raise CheckError(
            f"unit {text!r} is not known",
            remedy="declare it in the recipe: `units: {" + f"{text!r}: ucum code" + "}`",
        )
    return _canonical(parts)


def conversion(source: str, target: str) -> Conversion:
    """Return how values are converted from one UCUM unit into another.

    Raises:
        CheckError: a unit is not known, or the two measure different things. A share of volume (`[ppb]`) is not made a
            mass concentration: that takes the molar mass and a reference temperature, which the unit does not tell.
    """
    return _conversion(ucum(source), ucum(target))


@lru_cache(maxsize=512)
def _conversion(source: str, target: str) -> Conversion:
    if source == target:
        return Conversion(1.0, 0.0)
    import pint

    registry = _registry()
    try:
        zero, ten = (registry.Quantity(x, _pint(source)).to(_pint(target)).magnitude for x in (0.0, 10.0))
    except pint.DimensionalityError as e:
        volume = {"[ppb]", "[ppm]"} & {source, target}
        why = (
            " without the molar mass and the reference temperature"
            if volume
            else ": they measure different things"
        )
        raise CheckError(
            f"{source} cannot be converted into {target}{why}",
            remedy="give the data in a unit of the same kind",
        ) from e
    # Ten units rather than one: beside an offset the difference of one loses digits (kelvin to Celsius).
    return Conversion(float(ten - zero) / 10.0, float(zero))


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(cache_folder=None)
    registry.define("ldt_ppb = 1e-9")
    # A level is no pressure: a bel is ten decibels, and that is all that is converted.
    registry.define("ldt_bel_spl = [ldt_sound_pressure_level]")
    return registry


def _factors(code: str) -> list[tuple[str, int]] | None:
    """Split a UCUM term into (symbol, exponent), or None where it is not one that we know."""
    factors: list[tuple[str, int]] = []
    for place, piece in enumerate(re.split(r"([./])", code)):
        if place % 2:
            continue
        match = _FACTOR.fullmatch(piece)
        if match is None or _unprefixed(match["symbol"]) is None:
            # `/h` (per hour) begins with a slash; nothing else may be empty.
            if not (place == 0 and piece == "" and code.startswith("/")):
                return None
            continue
        divided = place > 0 and re.split(r"([./])", code)[place - 1] == "/"
        factors.append((match["symbol"], int(match["exponent"] or 1) * (-1 if divided else 1)))
    return factors or None


@lru_cache(maxsize=256)
def _unprefixed(symbol: str) -> tuple[str, str] | None:
    """Return (prefix, atom) in Pint's names, or None."""
    if symbol in _ATOMS:
        return "", _ATOMS[symbol]
    for prefix, name in _PREFIXES.items():
        atom = symbol.removeprefix(prefix)
        if symbol.startswith(prefix) and atom in _METRIC:
            return name, _ATOMS[atom]
    return None


def _canonical(factors: list[tuple[str, int]]) -> str:
    text = ""
    for symbol, exponent in sorted(factors, key=lambda f: f[1] < 0):
        power = "" if abs(exponent) == 1 else str(abs(exponent))
        text += ("/" if exponent < 0 else "." if text else "") + symbol + power
    return text


def _pint(code: str) -> str:
    factors = _factors(code) or []
    names = ((_unprefixed(symbol) or ("", "dimensionless"), exponent) for symbol, exponent in factors)
    return " * ".join(f"{prefix}{atom}**{exponent}" for (prefix, atom), exponent in names)
