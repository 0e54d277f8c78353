"""What a client's value means: one reading of numbers, booleans and nulls, for sockets and HTTP.

Values come as JSON or as the text of a query, and clients are loose with both: ElevenLabs' own examples have `true` where a
number belongs, LiveKit 1.1.7 writes Python's `True` into its URL, and others a number in quotes.
"""

import math
import re

# What programs write into a URL where they have no value.
_NOTHING = frozenset({"", "null", "none", "undefined"})
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
# Longer texts are neither numbers nor booleans.
_MAX_CHARS = 64


def is_given(value: object) -> bool:
    """Whether there is a value at all: null and a blank text mean "not given"."""
    return value is not None and (
        not isinstance(value, str) or len(value) > _MAX_CHARS or _plain(value) not in _NOTHING
    )


def number_of(value: object) -> float:
    """A number, a number as text, or a boolean (true is 1, false is 0). Raises ValueError for all else, and for what is not
    finite."""
    is_number = _is_number_text(value) if isinstance(value, str) else isinstance(value, int | float)
    if not is_number or not isinstance(value, int | float | str):
        raise ValueError("a number is needed")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("the number is too large") from None
    if not math.isfinite(number):
        raise ValueError("a finite number is needed")
    return number


def whole_number_of(value: object) -> int:
    """The same without a fraction: 3.0 will do. Raises ValueError."""
    number = number_of(value)
    if number != int(number):
        raise ValueError("a whole number is needed")
    return int(number)


def boolean_of(value: object) -> bool:
    """A boolean, a word for one in upper or lower case, or the number 1 or 0, as text too. Raises ValueError."""
    if isinstance(value, str) and len(value) <= _MAX_CHARS and (found := _BOOLEANS.get(_plain(value))) is not None:
        return found
    try:
        return {1.0: True, 0.0: False}[number_of(value)]
    except (ValueError, KeyError):
        raise ValueError("true or false is needed") from None


def normalization_of(value: object) -> bool:
    """Whether text is normalized, by ElevenLabs' three words ("auto" is "on": what is read out is cheap to read right), or a
    boolean. Raises ValueError."""
    if isinstance(value, str) and len(value) <= _MAX_CHARS and _plain(value) == "auto":
        return True
    try:
        return boolean_of(value)
    except ValueError:
        raise ValueError("auto, on or off is needed") from None


def _is_number_text(text: str) -> bool:
    return len(text) <= _MAX_CHARS and bool(_NUMBER.fullmatch(text.strip()))


def _plain(text: str) -> str:
    return text.strip().lower()
