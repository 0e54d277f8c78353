"""Plural categories, against CLDR's own rules as Babel has them."""

from decimal import Decimal

import pytest
from babel import Locale

from streaming.text.normalization.language import known_languages
from streaming.text.normalization.plurals import Amount, category

INTEGERS = [*range(1150), 1_000, 1_001, 1_002, 1_011, 1_021, 1_111, 2_000_003, 1_000_000, 10_000_021, 1_000_000_000_001]
DECIMALS = ["0.0", "0.1", "0.5", "1.0", "1.1", "1.5", "2.0", "2.5", "5.3", "11.0", "21.1", "100.01", "1.00", "3.25"]
# "Many" is said for whole millions in the Romance languages; our tables have a word between them and the noun instead.
ROMANCE = frozenset({"es", "fr", "it", "pt"})


@pytest.mark.parametrize("language", known_languages())
def test_whole_numbers_have_cldrs_category(language: str) -> None:
    rule = Locale.parse(language).plural_form
    ours = {number: category(language, Amount(str(number))) for number in INTEGERS}
    theirs = {number: rule(number) for number in INTEGERS}
    if language in ROMANCE:
        theirs = {number: "other" if name == "many" else name for number, name in theirs.items()}
    assert ours == theirs


@pytest.mark.parametrize("language", known_languages())
def test_decimals_have_cldrs_category(language: str) -> None:
    rule = Locale.parse(language).plural_form
    ours = {number: category(language, Amount(*number.split("."))) for number in DECIMALS}
    assert ours == {number: rule(Decimal(number)) for number in DECIMALS}
