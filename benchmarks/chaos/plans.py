"""What a session asks for. Each plan has words that no other plan has, so what it hears shows whose audio it is."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

ADJECTIVES = (
    "seven grey",
    "nine small",
    "two old",
    "five young",
    "three tired",
    "eleven quiet",
    "six brave",
    "ten wild",
)
NOUNS = ("cats", "boats", "clocks", "pilots", "rivers", "tailors", "lamps", "gardens", "horses", "bakers")
VERBS = ("sleep near", "wait in", "turn around in", "leave", "return to", "dream of", "walk to")
PLACES = ("Oslo", "Turin", "Riga", "Kyoto", "Lagos", "Quito", "Dublin", "Seville", "Nairobi", "Denver")
# The others have another word. More: of several sentences.
SHORT_SHARE, LONG_SHARE, LONG_SENTENCES = 0.8, 0.06, 4

# espeak-ng speaks most of these, at little cost; en is a neural voice.
LANGUAGES = {"demo": ("en", "de", "fr", "it", "ru", "pl", "sv", "nl"), "xtts": ("en", "de", "fr")}
PCM = ("pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100")
ENCODED = ("mp3_44100_128", "mp3_22050_32", "mp3_24000_48", "opus_48000_64", "ulaw_8000", "alaw_8000")
FILES = ("wav_24000", "wav_16000")

# Kinds of sessions that speak one of a pool of plans, with the kinds of clients that ask for it: share of all sessions.
SPEAKING = {
    "native": 14,
    "paced": 1,
    "elevenlabs": 12,
    "typed": 7,
    "contexts": 9,
    "whole": 14,
    "streamed": 8,
    "timestamps": 4,
    "slow": 4,
    "vanishing socket": 7,
    "vanishing request": 5,
    "limited": 6,
}
OTHERS = {"forward": 9, "bad": 7, "voices": 2}
KINDS = SPEAKING | OTHERS
# Kinds that ask as another one does.
ASKS_AS = {"slow": "elevenlabs", "vanishing socket": "elevenlabs", "vanishing request": "streamed", "limited": "native"}


@dataclass(frozen=True, slots=True)
class Plan:
    """`texts`: those of its turns (native), generations (elevenlabs), or contexts. `key`: the API key, if one is sent."""

    name: str
    kind: str
    engine: str
    voice: str
    output_format: str
    language: str
    seed: int
    texts: tuple[str, ...]
    key: str = ""

    def query(self, **more: Any) -> str:
        fields = {"output_format": self.output_format, "language_code": self.language, "seed": self.seed}
        return "?" + urlencode(fields | more)

    def body(self) -> dict[str, Any]:
        return {"text": " ".join(self.texts), "language_code": self.language, "seed": self.seed}


def make_plans(engine: str, voice: str, each: int, seed: int) -> list[Plan]:
    """`each` plans for every way of asking."""
    random_ = random.Random(f"{engine} {seed}")
    words = _all_words(random_)
    plans: list[Plan] = []
    for kind in SPEAKING:
        if kind in ASKS_AS or (engine == "xtts" and kind == "paced"):
            continue
        for number in range(each):
            texts = tuple(_text(words, random_) for _ in range(_streams(kind, random_)))
            language = random_.choice(LANGUAGES[engine])
            output_format = random_.choice(_formats(kind))
            plans.append(
                Plan(f"{engine} {kind} {number}", kind, engine, voice, output_format, language, len(plans), texts)
            )
    return plans


def _text(words: Iterator[str], random_: random.Random) -> str:
    """A sentence, and sometimes several, which take so long that a fault finds them in the middle."""
    return " ".join(next(words) for _ in range(LONG_SENTENCES if random_.random() < LONG_SHARE else 1))


def _streams(kind: str, random_: random.Random) -> int:
    return {"native": random_.randint(1, 2), "contexts": random_.randint(2, 3), "typed": 2, "elevenlabs": 2}.get(
        kind, 1
    )


def _formats(kind: str) -> tuple[str, ...]:
    if kind in ("native", "paced"):
        return PCM
    return PCM + ENCODED + FILES if kind in ("whole", "streamed") else PCM + ENCODED


def _all_words(random_: random.Random) -> Iterator[str]:
    """Sentences, each of them once, most of them short."""
    every = [f"{noun} {verb} {place}." for noun in NOUNS for verb in VERBS for place in PLACES]
    random_.shuffle(every)
    for sentence in every:
        is_short = random_.random() < SHORT_SHARE
        yield sentence.capitalize() if is_short else f"{random_.choice(ADJECTIVES)} {sentence}".capitalize()
