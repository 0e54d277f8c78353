"""Listeners of an engine in this process: when they ask, what they ask for, and what they hear."""

import queue
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.heard import Heard
from streaming.engine.contract import EngineEvent, Failed, Finished, PcmChunk, SpeechEngine, SpeechRequest, VoiceRef

# Quieter than this (-50 dBFS) is no sound.
AUDIBLE = 10 ** (-50 / 20)
# A listener's silence between two utterances, in seconds.
PAUSE = 0.3
# Whoever is not served this long after the last request counts as he is by then.
GRACE_SECONDS = 20.0
# Languages with the sentences of an answer, short, of usual length and long, and how many of ten are of each.
SENTENCES = {
    "en": ("Yes, of course.", "The train to the coast leaves at seven, and it is hardly ever late.", 3),
    "de": ("Ja, natürlich.", "Der Zug an die Küste fährt um sieben ab und ist fast nie verspätet.", 2),
    "es": ("Sí, por supuesto.", "El tren hacia la costa sale a las siete y casi nunca llega tarde.", 2),
    "ru": ("Да, конечно.", "Поезд к побережью отправляется в семь и почти никогда не опаздывает.", 2),
    "zh": ("当然可以。", "开往海边的火车七点出发，几乎从不晚点。", 1),
}
SHARES = {"short": 3, "usual": 5, "long": 2}


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    language: str
    voice: str


def lines(voices: list[str], seed: int) -> Iterator[Line]:
    """What is asked for, one after the other: mixed lengths (1 to 10 s), languages and voices. The same for a seed."""
    choice = random.Random(seed)
    languages = [language for language, (_, _, share) in SENTENCES.items() for _ in range(share)]
    lengths = [length for length, share in SHARES.items() for _ in range(share)]
    while True:
        language = choice.choice(languages)
        short, usual, _ = SENTENCES[language]
        text = {"short": short, "usual": usual, "long": " ".join([usual] * 2)}[choice.choice(lengths)]
        yield Line(text, language, choice.choice(voices))


@dataclass(slots=True)
class Utterance:
    """Times in seconds of the clock. `chunks` as in Heard, from `begun` on."""

    begun: float
    chunks: list[tuple[float, int]] = field(default_factory=list)
    audible_at: float | None = None
    ended: float | None = None
    # How long it took to be heard in full after its first sound, if it did not run dry.
    audio: float = 0.0

    def take(self, at: float, chunk: PcmChunk, rate: int) -> None:
        loudest = np.abs(chunk.samples).max(initial=0.0)
        if not np.isfinite(loudest):
            raise RuntimeError("The engine gives samples that are not numbers.")
        if self.audible_at is None and loudest > AUDIBLE:
            self.audible_at = at - self.begun
        self.chunks.append((at - self.begun, len(chunk.samples)))
        self.audio += len(chunk.samples) / rate

    def cut(self, at: float) -> None:
        """Nobody waits any longer: whatever has not come by now comes now, for all that is known."""
        self.ended = at
        self.chunks.append((at - self.begun, 1))
        self.audible_at = self.audible_at or at - self.begun


@dataclass(frozen=True, slots=True)
class Heardings:
    """Of several utterances: seconds to the first sound, and how much later than at its first packet each could have begun
    to play without ever running dry."""

    ttfas: list[float]
    gaps: list[float]
    audio: float
    unfinished: int
    silent: int = 0

    @classmethod
    def of(cls, utterances: list[Utterance], unfinished: int) -> "Heardings":
        heard = [Heard.of(utterance.chunks) for utterance in utterances]
        return cls(
            [utterance.audible_at or heard.ttfa for utterance, heard in zip(utterances, heard, strict=True)],
            [each.playable_at - each.ttfa for each in heard],
            sum(utterance.audio for utterance in utterances),
            unfinished,
            sum(utterance.audible_at is None for utterance in utterances),
        )

    def fluent(self, milliseconds: float) -> float:
        """The share that never starves a player that holds so much back."""
        return sum(gap <= milliseconds / 1000 for gap in self.gaps) / len(self.gaps)


class Crowd:
    """Asks and listens in the calling thread, while the engine works in its own."""

    def __init__(self, engine: SpeechEngine, script: Iterator[Line]) -> None:
        self._engine = engine
        self._script = script
        self._events: queue.SimpleQueue[tuple[float, EngineEvent]] = queue.SimpleQueue()
        self._count = 0
        self._running: dict[str, Utterance] = {}

    def burst(self, count: int) -> Heardings:
        """So many ask at the same moment, once."""
        return self._listen([0.0] * count, until=0.0)

    def conversation(self, listeners: int, seconds: float) -> Heardings:
        """So many listen at a time, each to one utterance after the other as a player plays them; they begin spread over
        the first third of the time. After it, nobody asks any more."""
        return self._listen([seconds / 3 * number / listeners for number in range(listeners)], until=seconds)

    def _listen(self, starts: list[float], until: float) -> Heardings:
        begun = time.perf_counter()
        asks = sorted(starts)
        done: list[Utterance] = []
        while asks or self._running:
            now = time.perf_counter() - begun
            if now > until + GRACE_SECONDS:
                break
            while asks and asks[0] <= now:
                asks.pop(0)
                self._ask()
            if (utterance := self._hear(asks[0] - now if asks else 1.0)) is not None:
                done.append(utterance)
                again = utterance.begun + utterance.chunks[0][0] + utterance.audio + PAUSE - begun
                if again < until:
                    asks = sorted([*asks, max(again, time.perf_counter() - begun)])
        unfinished = self._leave()
        return Heardings.of([*done, *unfinished], len(unfinished))

    def _ask(self) -> None:
        line = next(self._script)
        self._count += 1
        name = str(self._count)
        self._running[name] = Utterance(time.perf_counter())
        request = SpeechRequest(name, line.text, VoiceRef(speaker=line.voice), line.language, seed=self._count)
        self._engine.submit(request, self._note)

    def _note(self, event: EngineEvent) -> None:
        self._events.put((time.perf_counter(), event))

    def _hear(self, seconds: float) -> Utterance | None:
        """The next event, if one comes within the time; an utterance that has ended with it. Raises RuntimeError for one
        that has failed."""
        try:
            at, event = self._events.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        utterance = self._running.get(event.request_id)
        match event:
            case PcmChunk() if utterance:
                utterance.take(at, event, self._engine.info.sample_rate)
            case Finished() if utterance:
                utterance.ended = at
                return self._running.pop(event.request_id)
            case Failed():
                raise RuntimeError(f"The engine says: {event.message}")
        return None

    def _leave(self) -> list[Utterance]:
        """Whoever still waits hangs up; gives their utterances."""
        now = time.perf_counter()
        left = [replace(utterance, chunks=list(utterance.chunks)) for utterance in self._running.values()]
        for utterance in left:
            utterance.cut(now)
        for name in self._running:
            self._engine.cancel(name)
        while self._running:
            with suppress(queue.Empty):
                _, event = self._events.get(timeout=GRACE_SECONDS)
                if isinstance(event, Finished | Failed):
                    self._running.pop(event.request_id, None)
                continue
            raise RuntimeError("The engine does not answer any more.")
        return left
