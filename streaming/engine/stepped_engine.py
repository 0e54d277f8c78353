"""The engine where a round waits for what it computes: on a CPU, and on a GPU without kernels of its own.

A round runs one step of the utterances that the scheduler names and a part of the texts that are not read yet, or a part of
a voice's preparation, or a part of a text that is still arriving; and it hands out the audio of those whose chunk is due.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import torch

from streaming.engine import devices
from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import Sink, SpeechRequest
from streaming.engine.expectations import Expectations
from streaming.engine.gpt.prefill import Prefill
from streaming.engine.gpt.sampling import NO_TOKEN
from streaming.engine.reading import listeners_of, next_in_line, read, read_ahead
from streaming.engine.utterance import OVERFLOWED, Utterance
from streaming.engine.vocoder.vocoder import Due, VocoderStream
from streaming.engine.xtts_engine import XttsEngine
from streaming.engine.xtts_model import Model

logger = logging.getLogger("streaming.engine.xtts")


class SteppedEngine(XttsEngine):
    """See `streaming.engine.contract.SpeechEngine`."""

    _model: Model

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.info = replace(self.info, reads_ahead=True)
        self._expectations = Expectations(model, self._scheduler)

    # From any thread

    def expect(self, request: SpeechRequest) -> None:
        self._inbox.put(lambda: self._expect(request))

    def expect_text(self, request_id: str, text: str) -> None:
        self._inbox.put(lambda: self._expectations.expect_text(request_id, text))

    # In the engine's thread

    def warm_up(self) -> None:
        with devices.torch_threads(self._model.speaking_threads):
            super().warm_up()

    def run(self) -> None:
        with devices.torch_threads(self._model.speaking_threads):
            super().run()

    @property
    def _is_idle(self) -> bool:
        return super()._is_idle and not self._expectations.has_work

    def _expect(self, request: SpeechRequest) -> None:
        try:
            self._expectations.expect(request, *self._voice(request))
        except ValueError as error:  # who submits it will be told
            logger.debug("What is expected cannot be spoken: %s", error)

    def _admit(self, utterance: Utterance) -> None:
        self._expectations.hand_over(utterance)
        super()._admit(utterance)

    def _add(self, request: SpeechRequest, sink: Sink, voice: tuple[Conditioning, str] | None = None) -> None:
        super()._add(request, sink, voice)
        self._expectations.drop(request.request_id)  # if nothing of it is spoken

    def _cancel(self, request_id: str) -> None:
        self._expectations.drop(request_id)
        super()._cancel(request_id)

    def _seed(self, utterance: Utterance) -> None:
        self._model.sampler.seed(utterance.slot, utterance.seed)

    def _run_round(self) -> None:
        self._expectations.make_room()
        self._start_newcomers()
        taking_part = self._scheduler.next_step(now=time.monotonic())
        rows = [self._utterances[scheduled.request_id] for scheduled in taking_part]
        speaking = [row for row in rows if row.is_speaking]
        reading, room = self._next_to_read(rows, speaking)
        if not reading and self._preparations:
            with devices.torch_threads(self._model.threads):
                self._preparations.work()
        ahead = [] if reading else self._expectations.next_to_read(now=time.monotonic())
        if speaking and (reading or ahead) and self._model.gpt.rows_beside_a_step:
            self._attempt(speaking + reading, partial(self._read, rows=room, ahead=ahead))
        else:
            self._attempt(reading, self._read)
            # What has just been read has its first latent already.
            self._attempt([row for row in rows if row.is_speaking], self._step)
            self._read_ahead(ahead)
        alive = [row for row in rows if row.request.request_id in self._utterances]
        self._attempt([row for row in alive if row.is_due], self._hand_out)

    def _begin_piece(self, utterance: Utterance) -> None:
        model, slot = self._model, utterance.slot
        piece = utterance.begin_piece(model.vocoder.sample_rate)
        utterance.stream = model.vocoder.stream(utterance.conditioning.speaker, utterance.request.speed)
        # Coqui's generator sees a prefix of ones and the start of audio, and penalises both from the first step on.
        settings = model.sampler.settings.with_those_of(utterance.request)
        model.sampler.begin(slot, [1, model.weights.start_audio], settings)
        if utterance.prefill:  # a part of it was expected, and is read
            model.gpt.revise(utterance.prefill, piece.tokens)
        else:
            utterance.prefill = model.gpt.begin(slot, piece.tokens, utterance.conditioning.gpt, utterance.voice_key)

    def _next_to_read(
        self, taking_part: list[Utterance], speaking: list[Utterance]
    ) -> tuple[list[Utterance], int | None]:
        in_order = [utterance for utterance in self._utterances.values() if utterance in taking_part]
        return next_in_line(self._model.gpt, in_order, listeners_of(speaking, now=time.monotonic()))

    def _read(self, utterances: list[Utterance], rows: int | None = None, ahead: Sequence[Prefill] = ()) -> None:
        self._sample(*read(self._model.gpt, utterances, rows, ahead))

    def _read_ahead(self, ahead: Sequence[Prefill]) -> None:
        try:
            read_ahead(self._model.gpt, ahead)
        except torch.AcceleratorError:
            raise
        except Exception:
            logger.exception("What is expected could not be read")
            self._expectations.drop_all()

    def _step(self, utterances: list[Utterance]) -> None:
        tokens = devices.sent(torch.tensor([utterance.token for utterance in utterances]), self._model.device)
        slots = [utterance.slot for utterance in utterances]
        latents, logits = self._model.gpt.step(slots, tokens, [utterance.steps for utterance in utterances])
        self._sample(utterances, latents, logits)

    def _sample(self, utterances: Sequence[Utterance], latents: torch.Tensor, logits: torch.Tensor) -> None:
        sampled = self._model.sampler.sample_slots(logits, [utterance.slot for utterance in utterances]).tolist()
        for row, (utterance, token) in enumerate(zip(utterances, sampled, strict=True)):
            if token == NO_TOKEN:
                self._end_overflowed(utterance)
            else:
                utterance.add(latents[row : row + 1], token, stop_token=self._model.weights.stop_audio)

    def _end_overflowed(self, utterance: Utterance) -> None:
        """Half precision has no number above 65 504."""
        logger.error(OVERFLOWED, self._model.precision, extra=utterance.of_request)
        self._model.gpt.clear(utterance.slot)
        self._end(utterance, partial(Utterance.fail, message="The model's result is not a number."))

    def _hand_out(self, utterances: list[Utterance]) -> None:
        """Decode and send what is due; begin the next piece of those whose piece is over."""
        due = [Due(cast(VocoderStream, utterance.stream), *utterance.take_due()) for utterance in utterances]
        for utterance, samples in zip(utterances, self._model.vocoder.decode_many(due), strict=True):
            if sent := utterance.deliver(samples):
                seconds = sent / self._model.vocoder.sample_rate
                self._scheduler.produced(utterance.scheduled, seconds, now=time.monotonic())
        for utterance in utterances:
            if utterance.piece_is_done:
                self._go_on(utterance)
