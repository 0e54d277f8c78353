"""How long characters take to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.speaking_rate import SpeakingRate, Tempo, weight


@given(st.characters())
def test_every_character_takes_some_time(char: str) -> None:
    assert 0 < weight(char) <= 5


@pytest.mark.parametrize("longer", ["的", "ひ", "한", "7", "$", "%", ".", "。", "٣", "€"])
def test_syllables_numbers_signs_and_pauses_take_longer_than_letters(longer: str) -> None:
    assert weight(longer) > weight("a") == weight("я") == 1


@pytest.mark.parametrize("shorter", [" ", "\u0301", "\u093f", "\u200d"])
def test_blanks_and_marks_take_less_than_letters(shorter: str) -> None:
    assert weight(shorter) < 1


def test_nothing_is_learned_at_first() -> None:
    assert SpeakingRate().seconds == pytest.approx(1 / 14)


@given(st.floats(1, 40), st.lists(st.floats(20, 300), min_size=3, max_size=9))
def test_a_rate_is_learned_from_a_few_pieces(per_second: float, weights: list[float]) -> None:
    rate = SpeakingRate()
    for each in weights:
        rate.learn(each, each / per_second)
    assert rate.seconds == pytest.approx(1 / per_second, rel=0.3)


def test_a_voice_that_changes_is_learned_anew() -> None:
    rate = SpeakingRate()
    rate.learn(100_000, 100_000 * 0.3)
    for _ in range(20):
        rate.learn(100, 100 * 0.05)
    assert rate.seconds == pytest.approx(0.05, rel=0.2)


def test_a_model_that_has_lost_its_way_is_not_taken_for_a_speaker() -> None:
    rate = SpeakingRate()
    rate.learn(1, 10_000)
    assert rate.seconds < 2


def test_more_is_trusted_when_more_is_known() -> None:
    rate, trusted = SpeakingRate(), [0.5]
    for _ in range(10):
        rate.learn(20, 1)
        trusted.append(rate.trust)
    assert trusted == sorted(trusted)
    assert trusted[-1] < 0.85


@given(st.floats(0.01, 100), st.floats(0, 1000), st.floats(0, 1000), st.floats(0.25, 4))
def test_progress_goes_on_and_never_reaches_the_end(weight: float, one: float, other: float, speed: float) -> None:
    tempo = Tempo(speed=speed)
    sooner, later = sorted((one, other))
    assert 0 <= tempo.progress(weight, sooner) <= tempo.progress(weight, later) < 1


def test_twice_the_speed_is_twice_the_progress() -> None:
    assert Tempo(speed=2).progress(100, 1) == pytest.approx(2 * Tempo().progress(100, 1))


def test_what_is_learned_at_one_speed_is_known_at_every_other() -> None:
    tempo = Tempo(speed=2.0)
    tempo.learn(100_000, 100_000 * 0.1)
    assert tempo.rate.seconds == pytest.approx(0.2, rel=0.01)
