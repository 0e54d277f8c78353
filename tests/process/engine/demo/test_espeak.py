import numpy as np
import pytest

from streaming.engine.contract import Samples
from streaming.engine.demo.espeak import Espeak

RUSSIAN = "Привет, это тест."


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def spoken(espeak: Espeak, voice: str, text: str, *, speed: float = 1.0, pause: bool = False) -> Samples:
    return espeak.speak(voice, text, speed=speed, pause=pause, is_cancelled=lambda: False)


def test_it_knows_languages_by_their_shortest_codes(espeak: Espeak) -> None:
    wanted = {"zh": "cmn", "fr": "fr", "pt": "pt", "es": "es", "ru": "ru", "no": "nb", "yue": "yue", "eo": "eo"}
    assert {code: espeak.voices[code] for code in wanted} == wanted
    assert {"cmn", "jbo", "sjn", "pt-br"} & set(espeak.voices) == set()


def test_every_voice_speaks(espeak: Espeak) -> None:
    assert len(espeak.voices) > 100
    silent = [code for code, voice in espeak.voices.items() if np.abs(spoken(espeak, voice, "1 2 3 а")).max() < 0.05]
    assert silent == []


def test_a_text_always_sounds_the_same_whatever_was_spoken_before(espeak: Espeak) -> None:
    first = spoken(espeak, "ru", RUSSIAN)
    spoken(espeak, "es", "El perro corre por la carretera.", speed=1.3)
    cancelled = espeak.speak("ru", RUSSIAN * 100, speed=1.0, pause=False, is_cancelled=lambda: True)
    again = [spoken(espeak, "ru", RUSSIAN) for _ in range(4)]
    assert len(cancelled) < 0.1 * len(first)
    assert all(np.array_equal(first, each) for each in again)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
@pytest.mark.parametrize(
    ("voice", "text"),
    [
        ("ru", "Сегодня хорошая погода, и птицы поют в лесу."),
        ("fr", "Bonjour, comment allez-vous aujourd'hui ?"),
        ("cmn", "你好世界，今天天气很好。"),
    ],
)
def test_the_speed_is_about_the_one_that_was_asked_for(espeak: Espeak, voice: str, text: str, speed: float) -> None:
    ratio = len(spoken(espeak, voice, text, pause=True)) / len(spoken(espeak, voice, text, speed=speed, pause=True))
    assert ratio == pytest.approx(speed, rel=0.15)


def test_the_pause_behind_a_sentence_is_silence(espeak: Espeak) -> None:
    without, with_pause = (spoken(espeak, "ru", RUSSIAN, pause=pause) for pause in (False, True))
    pause = with_pause[len(without) :]
    assert 0.2 < len(pause) / espeak.sample_rate < 0.5
    assert not pause[: -len(pause) // 2].any() or np.abs(pause).max() < 0.01


def test_the_phonemes_of_a_language_are_its_own(espeak: Espeak) -> None:
    assert espeak.phonemes("ru", RUSSIAN) == ["prʲivʲˈet", "ˈɛtʌ tʲˈɛst"]
    assert espeak.phonemes("en-us", RUSSIAN) != espeak.phonemes("ru", RUSSIAN)
