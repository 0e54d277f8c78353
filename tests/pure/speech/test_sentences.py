"""What a voice says to be tried."""

import pytest

from streaming.engine.demo.voices import Voices
from streaming.speech.sentences import DIGITS, ONLY_DIGITS, SENTENCES, sentence_in

# docs/xtts.md: what XTTS v2 speaks.
XTTS = ["en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"]


@pytest.mark.parametrize("language", [*Voices({}).languages, *XTTS])
def test_every_language_of_an_engine_has_a_sentence(language: str) -> None:
    assert (sentence_in(language) == DIGITS) == (language in ONLY_DIGITS)


def test_no_language_has_another_ones_sentence() -> None:
    same = {"hbs", "bs", "no"}  # one language under several codes
    sentences = [sentence for code, sentence in SENTENCES.items() if code not in same]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize(("asked", "found"), [("pt-BR", "pt"), ("zh_CN", "zh"), ("EN", "en")])
def test_a_region_makes_no_difference(asked: str, found: str) -> None:
    assert sentence_in(asked) == SENTENCES[found]


def test_an_unknown_language_hears_digits() -> None:
    assert sentence_in("xx") == DIGITS
