"""Engines that keep account of how long their steps, prefills and decodes take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, cast

import torch

from streaming.engine.contract import Samples, SpeechEngine
from streaming.engine.gpt.prefill import Prefill
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.utterance import Utterance
from streaming.engine.vocoder.vocoder import Due, Vocoder, VocoderStream
from streaming.engine.xtts_model import Model, SharedModel

if TYPE_CHECKING:
    from streaming.engine.gpu.model import CapturedModel


@dataclass
class Timings:
    """Seconds and rows of each call: how long a step, a prefill or a decode holds up everybody else; and the audio, in
    seconds, of the decodes. Where steps and prefills are one call, all are steps."""

    steps: list[tuple[float, int]] = field(default_factory=list)
    prefills: list[tuple[float, int]] = field(default_factory=list)
    decodes: list[tuple[float, int]] = field(default_factory=list)
    decoded_seconds: float = 0.0


class TimedEngine(SpeechEngine, Protocol):
    """What a load needs of an engine."""

    model: SharedModel

    def take_timings(self) -> Timings:
        """Those since the last call. While nobody speaks."""


def timed(model: SharedModel) -> TimedEngine:
    """The engine that suits the model."""
    if isinstance(model, Model):
        return TimedSteppedEngine(model)
    from benchmarks.timed_captured_engine import TimedCapturedEngine

    return TimedCapturedEngine(cast("CapturedModel", model))


class TimedVocoder:
    """A vocoder whose decodes are timed."""

    def __init__(self, vocoder: Vocoder, timings: Timings) -> None:
        self._vocoder = vocoder
        self.timings = timings
        self.sample_rate = vocoder.sample_rate

    def stream(self, speaker: torch.Tensor, speed: float = 1.0) -> VocoderStream:
        return self._vocoder.stream(speaker, speed)

    def decode_many(self, due: Sequence[Due]) -> list[Samples]:
        begun = time.perf_counter()
        decoded = self._vocoder.decode_many(due)
        self.timings.decodes.append((time.perf_counter() - begun, len(due)))
        self.timings.decoded_seconds += sum(map(len, decoded)) / self.sample_rate
        return decoded


class TimedSteppedEngine(SteppedEngine):
    """See `TimedEngine`."""

    def __init__(self, model: Model) -> None:
        self._vocoder = TimedVocoder(model.vocoder, Timings())
        super().__init__(replace(model, vocoder=cast(Vocoder, self._vocoder)))
        self.model: SharedModel = model

    def take_timings(self) -> Timings:
        taken, self._vocoder.timings = self._vocoder.timings, Timings()
        return taken

    def _step(self, utterances: list[Utterance]) -> None:
        begun = time.perf_counter()
        super()._step(utterances)
        self._vocoder.timings.steps.append((time.perf_counter() - begun, len(utterances)))

    def _read(self, utterances: list[Utterance], rows: int | None = None, ahead: Sequence[Prefill] = ()) -> None:
        speaking = sum(utterance.is_speaking for utterance in utterances)
        begun = time.perf_counter()
        super()._read(utterances, rows, ahead)
        timings = self._vocoder.timings
        # A part of a text beside a step holds up those who speak for as long as this step takes.
        timed, rows = (timings.steps, speaking) if speaking else (timings.prefills, len(utterances))
        timed.append((time.perf_counter() - begun, rows))
