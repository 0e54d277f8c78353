"""How long it takes to turn a sentence as it is written into one as it is said, for each language, after its first use.

    .venv/bin/python benchmarks/text_normalization.py

Prints JSON, milliseconds for 150 characters: the first use; a sentence with eight numbers, and one of words (medians of 20
rounds of 50); and the worst of the texts that were made to cost much.
"""

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.provenance import provenance
from streaming.text.normalization.language import known_languages
from streaming.text.normalization.normalizer import normalize

LENGTH = 150
NUMBERS = "2024-05-17 14:30 $1234.50 12.5 kg 3/4 60 km/h a@example.com 7% "
WORDS = {
    "ar": "كلمات عادية بين الأرقام ",
    "hi": "अंकों के बीच सामान्य शब्द ",
    "ja": "数字の間の普通の言葉",
    "ko": "숫자 사이의 보통 단어 ",
    "ru": "обычные слова между числами ",
    "zh": "数字之间的普通词语",
}
LATIN_WORDS = "plain words between the numbers "
COSTLY = ["$", "0-", "1/", "½", "<", "a@", "[a](", "31. ", "X ", "\n#"]


def sentence(language: str) -> str:
    words = WORDS.get(language, LATIN_WORDS)
    return (NUMBERS + words * LENGTH)[:LENGTH]


def milliseconds(text: str, language: str, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        normalize(text, language)
    return (time.perf_counter() - started) * 1000 / repeats


def median(text: str, language: str) -> float:
    return statistics.median(milliseconds(text, language, 50) for _ in range(20))


def measured(language: str) -> dict[str, float]:
    words = (WORDS.get(language, LATIN_WORDS) * LENGTH)[:LENGTH]
    times = {
        "first": milliseconds(sentence(language), language, 1),
        "numbers": median(sentence(language), language),
        "words": median(words, language),
        "worst": max(milliseconds((part * LENGTH)[:LENGTH], language, 20) for part in COSTLY),
    }
    return {name: round(value, 3) for name, value in times.items()}


def main() -> None:
    results = {language: measured(language) for language in known_languages()}
    print(json.dumps({**provenance(), "milliseconds": results}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
