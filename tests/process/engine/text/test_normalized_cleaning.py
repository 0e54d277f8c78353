"""What coqui's cleaners find in text that is read as it is said: nothing that they would read otherwise."""

import re

import pytest

from streaming.text.normalization.normalizer import normalize
from tests.pure.text.normalization.tables import languages, table


# Japanese is romanised at once, so nothing can be compared.
@pytest.mark.parametrize("language", [language for language in languages() if language != "ja"])
def test_the_cleaners_change_no_word(language: str) -> None:
    from TTS.tts.layers.xtts.tokenizer import multilingual_cleaners

    for written, _ in table(language):
        spoken = normalize(written, language).spoken.replace("İ", "i").lower()
        cleaned = multilingual_cleaners(spoken, language.partition("-")[0])
        assert re.findall(r"\w+", cleaned) == re.findall(r"\w+", spoken), written
