"""Units: notations, UCUM codes and conversions, against the SI brochure's definitions worked out by hand."""

import numpy as np
import pytest

from ldt.errors import CheckError
from ldt.units import conversion, ucum

MICRO_SIGN, GREEK_MU = "\u00b5", "\u03bc"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("ug/m3", "ug/m3"),
        ("ug.m-3", "ug/m3"),
        ("mg.m-3", "mg/m3"),
        ("ng.m-3", "ng/m3"),
        (f"{MICRO_SIGN}g/m3", "ug/m3"),
        (f"{GREEK_MU}g/m3", "ug/m3"),
        (f"{MICRO_SIGN}g/m³", "ug/m3"),
        (f"{GREEK_MU}g m⁻³".replace(" ", "·"), "ug/m3"),
        (" mg/m^3 ", "mg/m3"),
        ("°C", "Cel"),
        ("Cel", "Cel"),
        ("hPa", "hPa"),
        ("km/h", "km/h"),
        ("W/m2", "W/m2"),
        ("min", "min"),
        ("ha", "har"),
        ("%", "%"),
        ("ppb", "[ppb]"),
        ("dB(A)", "dB[SPL]"),
        ("dB (A)", "dB[SPL]"),
        ("dBA", "dB[SPL]"),
        ("dB[SPL]", "dB[SPL]"),
        # UDUNITS, as CF files and ecCodes' tables write them.
        ("m s-1", "m/s"),
        ("m s**-1", "m/s"),
        ("kg m-2 s-1", "kg/m2/s"),
        ("kg m**-2 s**-1", "kg/m2/s"),
        ("µg m-3", "ug/m3"),
        ("µg / m3", "ug/m3"),
        ("W m**-2", "W/m2"),
        ("m**2 s**-2", "m2/s2"),
        ("kg kg**-1", "kg/kg"),
        ("mm day-1", "mm/d"),
        ("degrees_C", "Cel"),
        ("kelvin", "K"),
        ("Celsius", "Cel"),
        ("millibars", "mbar"),
        ("Numeric", "1"),
        ("(0 - 1)", "1"),
        ("degrees", "deg"),
    ],
)
def test_notations_of_the_field_are_read(given: str, code: str) -> None:
    assert ucum(given) == code
    assert ucum(code) == code


@pytest.mark.parametrize(
    "given", ["", "ug/", "µg/m3/", "furlong", "m33", "/", "count", "ug//m3", "kmin", "dB"]
)
def test_an_unknown_unit_is_named_in_the_error(given: str) -> None:
    with pytest.raises(CheckError) as e:
        ucum(given)
    assert repr(given) in str(e.value)
    assert "units:" in str(e.value)


def test_the_recipe_says_what_an_unknown_notation_means() -> None:
    assert ucum("Mikrogramm je Kubikmeter", {"Mikrogramm je Kubikmeter": "ug/m3"}) == "ug/m3"
    # What the recipe declares is asked first: `C` is coulomb elsewhere.
    assert ucum("C", {"C": "Cel"}) == "Cel"


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        ("mg/m3", "ug/m3", 1.5, 1500.0),
        ("ng.m-3", "ug/m3", 250.0, 0.25),
        ("K", "Cel", 273.15, 0.0),
        ("Cel", "K", 20.0, 293.15),
        ("km/h", "m/s", 36.0, 10.0),
        ("har", "m2", 2.0, 20_000.0),
        ("bar", "hPa", 1.0, 1000.0),
        ("kW.h", "MJ", 1.0, 3.6),
        ("[ppm]", "[ppb]", 2.0, 2000.0),
        ("L/s", "m3/h", 1.0, 3.6),
        ("m s-1", "km/h", 10.0, 36.0),
        ("kg m-3", "ug/m3", 2e-8, 20.0),
        ("millibars", "hPa", 1013.0, 1013.0),
        ("(0 - 1)", "%", 0.25, 25.0),
    ],
)
def test_conversions(source: str, target: str, value: float, expected: float) -> None:
    assert conversion(source, target)(np.array([value])) == pytest.approx([expected], rel=1e-12, abs=1e-9)


def test_conversion_from_milligrams_is_exact() -> None:
    """A thousand is a thousand: values that are equal stay equal, which the search for duplicates relies on."""
    assert conversion("mg/m3", "ug/m3").factor == 1000.0
    assert conversion("K", "Cel").factor == conversion("Cel", "K").factor == 1.0
    values = np.array([1.25])
    assert conversion("ug.m-3", "ug/m3")(values) is values


def test_a_share_of_volume_is_no_mass_concentration() -> None:
    with pytest.raises(CheckError, match=r"\[ppb\] cannot be converted into ug/m3 without the molar mass"):
        conversion("ppb", "ug/m3")


def test_units_of_different_kinds() -> None:
    with pytest.raises(CheckError, match="they measure different things"):
        conversion("m", "s")


def test_levels_of_sound_are_of_their_own_kind() -> None:
    """UCUM 2.1, table of levels: B[SPL], of which a decibel is the tenth part; a level is neither a pressure nor another level."""
    assert conversion("B[SPL]", "dB(A)")(np.array([6.5])) == pytest.approx(65)
    for other in ("Pa", "1"):
        with pytest.raises(CheckError, match="different things"):
            conversion("dB[SPL]", other)
    with pytest.raises(CheckError, match="not known"):
        ucum("dB")
