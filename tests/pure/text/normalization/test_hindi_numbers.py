import pytest

from streaming.text.normalization.hindi_numbers import spell_hindi_numbers


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "शून्य"),
        ("7", "सात"),
        ("10", "दस"),
        ("29", "उनतीस"),
        ("50", "पचास"),
        ("79", "उनासी"),
        ("99", "निन्यानवे"),
        ("100", "एक सौ"),
        ("101", "एक सौ एक"),
        ("2024", "दो हज़ार चौबीस"),
        ("150000", "एक लाख पचास हज़ार"),
        ("12345678", "एक करोड़ तेईस लाख पैंतालीस हज़ार छह सौ अठहत्तर"),
    ],
)
def test_whole_numbers_have_the_words_of_the_indian_scale(number: str, words: str) -> None:
    assert spell_hindi_numbers(number) == words


def test_groups_of_digits_are_one_number() -> None:
    assert spell_hindi_numbers("1,50,000") == spell_hindi_numbers("150,000") == spell_hindi_numbers("150000")


def test_a_comma_in_a_list_groups_nothing() -> None:
    assert spell_hindi_numbers("2, 3") == "दो, तीन"


def test_decimals_are_said_digit_by_digit() -> None:
    assert spell_hindi_numbers("12.05") == "बारह दशमलव शून्य पाँच"


def test_the_dot_of_a_sentence_is_no_decimal_point() -> None:
    assert spell_hindi_numbers("12.") == "बारह."


def test_a_leading_zero_is_said() -> None:
    assert spell_hindi_numbers("011") == "शून्य एक एक"


def test_rupees_are_said_behind_the_amount() -> None:
    assert spell_hindi_numbers("₹500") == "पाँच सौ रुपये"


def test_a_letter_before_a_number_stays_a_word_of_its_own() -> None:
    assert spell_hindi_numbers("A4 और 4G") == "A चार और चारG"


def test_any_number_of_digits_has_words() -> None:
    assert all(spell_hindi_numbers("9" * digits).strip() for digits in range(1, 40))


def test_numbers_below_a_hundred_all_differ() -> None:
    assert len({spell_hindi_numbers(str(number)) for number in range(100)}) == 100
