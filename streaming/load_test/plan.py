"""Who comes when, and what for: all of it is drawn beforehand, so that a seed gives the same load again."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# How a client speaks: the two dialects of stream-input, contexts of multi-stream-input, a streamed response over HTTP.
KINDS = ("native", "elevenlabs", "multi", "http")
TEXTS = (
    "Yes, of course.",
    "The train to the coast leaves at seven, and it is hardly ever late.",
    "Good morning, and welcome to the show. The weather is fine today, and the children are playing in the garden. "
    "Later this week it will rain, so take your umbrella with you when you leave the house.",
)
# A client that vanishes does so after so many seconds of audio at most, or before any.
VANISHED_BY = 3.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`rate`: clients per second, on average. They come for `seconds`, and at most `clients` of them. `kinds` and `voices`:
    names with their weights. `turns`: at least and at most, for each client. `think`: seconds between two turns, on average.
    `slow` and `vanishing`: shares."""

    rate: float
    clients: int
    seconds: float
    kinds: Mapping[str, float]
    voices: Mapping[str, float]
    texts: tuple[str, ...] = TEXTS
    turns: tuple[int, int] = (1, 1)
    think: float = 2.0
    slow: float = 0.0
    vanishing: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """`think`: the seconds before it, after the one before has been heard."""

    text: str
    think: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One client. `at`: seconds after the beginning. `leaves_after`: the seconds of audio after which it vanishes."""

    number: int
    at: float
    kind: str
    voice: str
    turns: tuple[Turn, ...]
    is_slow: bool
    leaves_after: float | None


def visits(scenario: Scenario) -> list[Visit]:
    """In the order of their coming. Clients do not know of each other: the times between them are exponential (a Poisson
    process), however long the server takes."""
    random = np.random.default_rng(scenario.seed)
    made: list[Visit] = []
    at = float(random.exponential(1 / scenario.rate))
    while at < scenario.seconds and len(made) < scenario.clients:
        made.append(_visit(scenario, random, len(made), at))
        at += float(random.exponential(1 / scenario.rate))
    return made


def _visit(scenario: Scenario, random: np.random.Generator, number: int, at: float) -> Visit:
    fewest, most = scenario.turns
    turns = tuple(
        Turn(scenario.texts[random.integers(len(scenario.texts))], float(random.exponential(scenario.think)))
        for _ in range(random.integers(fewest, most + 1))
    )
    # Each is drawn for every client, so that one share changes nothing about the others.
    is_slow, vanishes, leaves_after = random.random(3)
    return Visit(
        number,
        at,
        _drawn(scenario.kinds, random),
        _drawn(scenario.voices, random),
        turns,
        bool(is_slow < scenario.slow),
        float(leaves_after * VANISHED_BY) if vanishes < scenario.vanishing else None,
    )


def _drawn(weights: Mapping[str, float], random: np.random.Generator) -> str:
    shares = np.array(list(weights.values()), dtype=float)
    return list(weights)[random.choice(len(shares), p=shares / shares.sum())]
