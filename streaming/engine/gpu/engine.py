"""The engine on a GPU that runs our kernels: the host never waits for a step before the next one is on its way.

A round sends off the next step, with as much of the newcomers' texts as there is room for beside it, then takes in the
tokens of the step before, has the vocoder begin with the chunks that are due by these, and hands out what the vocoder has
ready. A sequence whose last token the host has not seen yet makes one step too many, which nobody hears.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from streaming.engine.gpt.sampling import NO_TOKEN
from streaming.engine.gpu.decoder import Round
from streaming.engine.gpu.model import CapturedModel
from streaming.engine.gpu.vocoder import Decoding, StoredDue, StoredStream
from streaming.engine.utterance import OVERFLOWED, Utterance
from streaming.engine.xtts_engine import XttsEngine

_WEIGHT_OF_THE_LAST = 0.1

logger = logging.getLogger("streaming.engine.xtts")


@dataclass(slots=True, eq=False)
class _Piece:
    """A piece of text of an utterance, as far as the device is with it. `steps`: those that are on their way or over."""

    utterance: Utterance
    most_steps: int
    steps: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step that is on its way, and whose its tokens are."""

    round: Round
    begun: float
    pieces: Sequence[_Piece]


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """Chunks that are on their way."""

    decoding: Decoding
    begun: float
    pieces: Sequence[_Piece]


@dataclass(slots=True)
class Pace:
    """What something takes lately, in seconds."""

    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.seconds += _WEIGHT_OF_THE_LAST * (seconds - self.seconds)


class CapturedEngine(XttsEngine):
    """See `streaming.engine.contract.SpeechEngine`."""

    chunks_by_lead = True
    _model: CapturedModel

    def __init__(self, model: CapturedModel) -> None:
        super().__init__(model)
        # Slot -> its piece.
        self._pieces: dict[int, _Piece] = {}
        self._before: Step | None = None
        self._decodes: deque[Decode] = deque()
        self._step_pace, self._decode_pace = Pace(), Pace()
        self._taken_in_at = 0.0

    def _seed(self, utterance: Utterance) -> None:
        self._model.decoder.seed(utterance.slot, utterance.seed)

    def _begin_piece(self, utterance: Utterance) -> None:
        model, slot = self._model, utterance.slot
        piece = utterance.begin_piece(model.sample_rate)
        # Coqui's generator sees a prefix of ones and the start of audio, and penalises both from the first step on.
        present = [1, model.weights.start_audio]
        settings = model.decoder.settings.with_those_of(utterance.request)
        model.decoder.begin(slot, piece.tokens, utterance.conditioning, utterance.voice_key, present, settings)
        utterance.stream = model.vocoder.stream(slot, utterance.conditioning.speaker, utterance.request.speed)
        self._pieces[slot] = _Piece(utterance, piece.most_audio_tokens)

    def _run_round(self) -> None:
        self._start_newcomers()
        step = self._send_step()
        # Meanwhile, unless there are texts to be read: those who have asked for speech come first.
        if self._preparations and not self._model.decoder.is_reading:
            self._preparations.work()
        before, self._before = self._before, step
        if before:
            self._take_in(before)
            now = time.monotonic()
            # From one step to the next: what is done beside the steps counts too, a pause before them does not.
            if step:
                self._step_pace.add(now - max(before.begun, self._taken_in_at))
            self._taken_in_at = now
        self._send_chunks()
        # With no step on its way there is nothing to do meanwhile.
        while self._decodes and (self._decodes[0].decoding.is_there or not (step or before)):
            self._hand_out_to_all(self._decodes.popleft())

    def _is_current(self, piece: _Piece) -> bool:
        """Whether its utterance is still at it: not cancelled, failed, or gone on."""
        utterance = piece.utterance
        if self._utterances.get(utterance.request.request_id) is not utterance:
            return False
        return self._pieces.get(utterance.slot) is piece

    # Steps

    def _send_step(self) -> Step | None:
        taking_part = self._scheduler.next_step(now=time.monotonic())
        pieces = [piece for scheduled in taking_part if (piece := self._pieces_of(scheduled.slot)) and _goes_on(piece)]
        being_read = [piece for piece in self._pieces.values() if not piece.steps]
        sent: list[Step] = []
        # One that fails may have taken something of any text.
        utterances = [piece.utterance for piece in (*pieces, *being_read)]
        self._attempt(utterances, lambda _: sent.append(self._step(pieces)))
        return sent[0] if sent else None

    def _step(self, pieces: Sequence[_Piece]) -> Step:
        step = self._model.decoder.step([piece.utterance.slot for piece in pieces])
        drawn = [self._pieces[slot] for slot in step.slots]
        for piece in drawn:
            piece.steps += 1
        return Step(step, time.monotonic(), drawn)

    def _pieces_of(self, slot: int | None) -> _Piece | None:
        return None if slot is None else self._pieces.get(slot)

    def _take_in(self, step: Step) -> None:
        for piece, token in zip(step.pieces, step.round.read(), strict=True):
            utterance = piece.utterance
            # Steps that were sent off before the end was known count for nothing.
            if not self._is_current(piece) or utterance.piece_is_over:
                continue
            if token == NO_TOKEN:
                logger.error(OVERFLOWED, self._model.precision, extra=utterance.of_request)
                self._end(utterance, partial(Utterance.fail, message="The model's result is not a number."))
            else:
                utterance.add(None, token, stop_token=self._model.weights.stop_audio)

    # Chunks

    def _send_chunks(self) -> None:
        pieces = [piece for piece in self._pieces.values() if self._is_current(piece) and piece.utterance.is_due]
        if pieces:
            self._attempt([piece.utterance for piece in pieces], lambda _: self._decode(pieces))

    def _decode(self, pieces: Sequence[_Piece]) -> None:
        due = [StoredDue(cast(StoredStream, piece.utterance.stream), *piece.utterance.take_due()) for piece in pieces]
        self._decodes.append(Decode(self._model.vocoder.start(due), time.monotonic(), pieces))

    def _hand_out_to_all(self, decode: Decode) -> None:
        hearers = [piece.utterance for piece in decode.pieces if self._is_current(piece)]
        self._attempt(hearers, lambda _: self._hand_out(decode))

    def _hand_out(self, decode: Decode) -> None:
        decoded = decode.decoding.read()
        now = time.monotonic()
        self._decode_pace.add(now - decode.begun)
        for piece, samples in zip(decode.pieces, decoded, strict=True):
            if not self._is_current(piece):
                continue
            utterance = piece.utterance
            if sent := utterance.deliver(samples):
                seconds = sent / self._model.sample_rate
                self._scheduler.produced(utterance.scheduled, seconds, now=now)
            utterance.allow(step=self._step_pace.seconds, decode=self._decode_pace.seconds, now=now)
            if utterance.piece_is_done:
                self._go_on(utterance)

    def _end(self, utterance: Utterance, say: Callable[[Utterance], None]) -> None:
        if self._utterances.get(utterance.request.request_id) is utterance and utterance.scheduled.slot is not None:
            self._model.decoder.forget(utterance.slot)
            self._pieces.pop(utterance.slot, None)
        super()._end(utterance, say)


def _goes_on(piece: _Piece) -> bool:
    """Whether its next step can be sent off: its text has been read, and as far as is known it is not over."""
    return 0 < piece.steps < piece.most_steps and not piece.utterance.piece_is_over
