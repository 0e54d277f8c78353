"""The tables against the Unicode CLDR, as Babel has it: units in all forms of the plural, months, the order of dates, the
decimal mark. Where a table differs on purpose, it is listed here."""

from collections.abc import Iterator
from typing import Any

import pytest
from babel import Locale

from streaming.text.normalization.language import Language, known_languages, load_language

UNITS = {
    **{
        "%": "concentr-percent",
        "‰": "concentr-permille",
        "°": "angle-degree",
        "dB": "sound-decibel",
        "px": "graphics-pixel",
    },
    **{"°C": "temperature-celsius", "°F": "temperature-fahrenheit", "V": "electric-volt", "mA": "electric-milliampere"},
    **{"km/h": "speed-kilometer-per-hour", "m/s": "speed-meter-per-second", "mph": "speed-mile-per-hour"},
    **{"nm": "length-nanometer", "µm": "length-micrometer", "mm": "length-millimeter", "cm": "length-centimeter"},
    **{"m": "length-meter", "km": "length-kilometer", "ft": "length-foot", "yd": "length-yard", "mi": "length-mile"},
    **{"length:inch": "length-inch", "m²": "area-square-meter", "km²": "area-square-kilometer", "ha": "area-hectare"},
    **{
        "cm²": "area-square-centimeter",
        "cm³": "volume-cubic-centimeter",
        "m³": "volume-cubic-meter",
        "l": "volume-liter",
    },
    **{"ml": "volume-milliliter", "cl": "volume-centiliter", "dl": "volume-deciliter", "hl": "volume-hectoliter"},
    **{"µg": "mass-microgram", "mg": "mass-milligram", "g": "mass-gram", "kg": "mass-kilogram", "t": "mass-tonne"},
    **{"lb": "mass-pound", "oz": "mass-ounce", "ms": "duration-millisecond", "s": "duration-second"},
    **{"min": "duration-minute", "h": "duration-hour", "kbit": "digital-kilobit", "Mbit": "digital-megabit"},
    **{"Gbit": "digital-gigabit", "kB": "digital-kilobyte", "MB": "digital-megabyte", "GB": "digital-gigabyte"},
    **{"TB": "digital-terabyte", "PB": "digital-petabyte", "Hz": "frequency-hertz", "kHz": "frequency-kilohertz"},
    **{"MHz": "frequency-megahertz", "GHz": "frequency-gigahertz", "W": "power-watt", "kW": "power-kilowatt"},
    **{"MW": "power-megawatt", "GW": "power-gigawatt", "kJ": "energy-kilojoule", "kWh": "energy-kilowatt-hour"},
    **{"kcal": "energy-kilocalorie", "hPa": "pressure-hectopascal", "kPa": "pressure-kilopascal"},
    **{"mbar": "pressure-millibar", "mmol/l": "concentr-millimole-per-liter"},
}
BELOW = {
    **{
        "s": "duration-second",
        "min": "duration-minute",
        "h": "duration-hour",
        "d": "duration-day",
        "wk": "duration-week",
    },
    **{
        "mo": "duration-month",
        "a": "duration-year",
        "m": "length-meter",
        "km": "length-kilometer",
        "l": "volume-liter",
    },
    **{
        "cm": "length-centimeter",
        "m²": "area-square-meter",
        "km²": "area-square-kilometer",
        "m³": "volume-cubic-meter",
    },
    **{"g": "mass-gram", "kg": "mass-kilogram", "cm²": "area-square-centimeter", "cm³": "volume-cubic-centimeter"},
}
# Shorter or commoner words; a stroke, which nobody says; signs instead of words; Arabic plurals that CLDR does not inflect.
DIFFERENT = {
    "ar": "% ‰ °C kg l kWh lb oz ft yd mi length:inch mmol/l /min",
    "en": "t kWh",
    "hi": "°",
    "hu": "mmol/l",
    "ja": "°C",
    "ko": "% ‰ px",
    "nl": "°",
    "ru": "/d",
    "tr": "km/h m/s mph mmol/l",
    "zh": "% ‰ kg t s /kg",
}
# Duals and "no hours" have a noun of their own in the table.
SAID_ALONE = frozenset({"zero", "one", "two"})
ORDER = {"d": "d", "M": "m", "y": "y"}
LANGUAGES = pytest.mark.parametrize("code", known_languages())


def cldr(code: str) -> Any:
    return Locale.parse(code)


def words(pattern: str) -> str:
    """Without the number, blanks and the shape of an apostrophe."""
    for gone in ("{0}", "{n}", "{amount}", " ", "\xa0", "\u200d"):
        pattern = pattern.replace(gone, "")
    return pattern.replace("’", "'")


def differing(code: str, language: Language) -> Iterator[str]:
    for symbol, name in UNITS.items():
        theirs = cldr(code)._data["unit_patterns"].get(name, {}).get("long", {})
        noun = language.units.get(symbol)
        categories = {*theirs} - {"per", "case", "gender"} - (SAID_ALONE if code == "ar" else set())
        if noun and any(words(noun.form(category)) != words(theirs[category]) for category in categories):
            yield symbol
    for symbol, name in BELOW.items():
        theirs = cldr(code)._data["unit_patterns"].get(name, {}).get("long", {}).get("per", "/")
        if "/" not in theirs and words(language.per.get(f"/{symbol}", "")) != words(theirs):
            yield f"/{symbol}"


@LANGUAGES
def test_units_are_cldrs(code: str) -> None:
    assert sorted(differing(code, load_language(code))) == sorted(DIFFERENT.get(code, "").split())


@LANGUAGES
def test_months_are_cldrs(code: str) -> None:
    ours = [month.replace("_", " ").split("/")[0] for month in load_language(code).dates["months"].split()]
    theirs = list(cldr(code).months["format"]["wide"].values())
    # With numbers in digits in Chinese, Japanese and Korean.
    assert ours == theirs or (len(ours) == 12 and theirs[0][0] == "1")


@LANGUAGES
def test_dates_are_in_cldrs_order_and_decimals_have_its_mark(code: str) -> None:
    language = load_language(code)
    short = cldr(code).date_formats["short"].pattern
    assert "".join(dict.fromkeys(ORDER[char] for char in short if char in ORDER)) == language.dates["order"]
    assert cldr(code).number_symbols["latn"]["decimal"] == language.numbers["decimal"]
