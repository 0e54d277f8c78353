import json

import pytest
from tokenizers import Tokenizer

from streaming.engine.checkpoint.config import LANGUAGES
from streaming.engine.checkpoint.random_vocabulary import random_vocabulary

# As coqui's cleaners leave a text: lower case, and Latin letters for Japanese, Chinese and Korean.
SENTENCES = {
    "en": "“well,” she said – it's 7 o'clock... isn't it?",
    "es": "¿qué tal, señor pingüino? ¡muy bien, gracias!",
    "fr": "où est l'œuvre, là-bas ? ça va, à noël : « très bien ».",
    "de": "straßen, äpfel, öfen und übermut: „gut“.",
    "it": "perché no? così è più facile, lunedì.",
    "pt": "não há coração como esse, às três; você põe.",
    "pl": "zażółć gęślą jaźń.",
    "tr": "yağız şoför ılık çay içti, öğlen üçte.",
    "ru": "съешь же ещё этих мягких французских булок, да выпей чаю.",
    "nl": "één coöperatie, ruïne en vijf ijsjes.",
    "cs": "příliš žluťoučký kůň úpěl ďábelské ódy.",
    "ar": "مرحبا، كيف حالك؟ شكرًا جزيلاً؛ إلى اللقاء.",
    "zh-cn": "ni3 hao3, shi4 jie4.",
    "hu": "árvíztűrő tükörfúrógép.",
    "ko": "annyeonghaseyo, segye.",
    "ja": "konnichiwa, sekai!",
    "hi": "नमस्ते, आप कैसे हैं? मैं ठीक हूँ।",
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_str(json.dumps(random_vocabulary(400)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_character_of_a_language_has_a_token(tokenizer: Tokenizer, language: str) -> None:
    text = f"[{language}]{SENTENCES[language]}".replace(" ", "[SPACE]")
    tokens = tokenizer.encode(text).tokens
    assert tokens[0] == f"[{language}]"
    assert "[UNK]" not in tokens
    assert "".join(tokens) == text


def test_some_syllables_are_merged(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("[ja]konata").tokens == ["[ja]", "k", "o", "na", "ta"]


def test_a_foreign_character_is_unknown(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("a☃b").tokens == ["a", "[UNK]", "b"]


@pytest.mark.parametrize("size", [400, 6681])
def test_a_vocabulary_has_the_size_that_was_asked_for(size: int) -> None:
    vocabulary = Tokenizer.from_str(json.dumps(random_vocabulary(size))).get_vocab()
    assert sorted(vocabulary.values()) == list(range(size))
