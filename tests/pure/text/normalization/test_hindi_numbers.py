import pytest

from streaming.text.normalization.hindi_numbers import spell_hindi


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "शून्य"),
        (7, "सात"),
        (10, "दस"),
        (29, "उनतीस"),
        (50, "पचास"),
        (79, "उनासी"),
        (99, "निन्यानवे"),
        (100, "एक सौ"),
        (101, "एक सौ एक"),
        (2024, "दो हज़ार चौबीस"),
        (150000, "एक लाख पचास हज़ार"),
        (12345678, "एक करोड़ तेईस लाख पैंतालीस हज़ार छह सौ अठहत्तर"),
    ],
)
def test_whole_numbers_have_the_words_of_the_indian_scale(number: int, words: str) -> None:
    assert spell_hindi(number) == words


def test_any_number_of_digits_has_words() -> None:
    assert all(spell_hindi(10**digits - 1).strip() for digits in range(1, 40))


def test_numbers_below_a_hundred_all_differ() -> None:
    assert len({spell_hindi(number) for number in range(100)}) == 100
