"""Numbers for people: as the language of the page writes them."""

from django.utils.formats import number_format


def numeral(value: float, digits: str = "g") -> str:
    """`digits` as `format` has it: numeral(2.5, ".1f") is "2.5", in Russian "2,5"."""
    return number_format(format(value, digits))
