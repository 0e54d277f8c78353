"""One request inside the engine: its pieces of text, one after the other, and the latents that wait for the vocoder."""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from streaming.engine.chunk_plan import ChunkPlan
from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import Failed, Finished, PcmChunk, Samples, Sink, SpeechRequest
from streaming.engine.ending import Ending
from streaming.engine.gpt.prefill import Prefill
from streaming.engine.scheduler import ScheduledRequest
from streaming.engine.text.piece import TextPiece
from streaming.logs.request_id import request_of

logger = logging.getLogger("streaming.engine.xtts")

OVERFLOWED = "The arithmetic of an utterance overflowed in %s"


class SpeechStream(Protocol):
    """What the vocoder decodes: `vocoder.VocoderStream`, or a stream whose latents stay on the device."""

    def push_steps(self, latents: Sequence[Tensor | None]) -> None:
        """The latents of some steps."""


class DueChunk(NamedTuple):
    """What of a stream is to be decoded: see `vocoder.VocoderStream.decode`."""

    look_ahead: float | None
    last: bool


class Utterance:
    """The engine calls `begin_piece`, `add` for each latent, and as soon as a chunk `is_due`, `take_due` and `deliver`."""

    def __init__(
        self,
        request: SpeechRequest,
        sink: Sink,
        scheduled: ScheduledRequest,
        *,
        conditioning: Conditioning,
        voice_key: str,
        pieces: Iterator[TextPiece],
        seed: int,
        chunks_by_lead: bool = False,
    ) -> None:
        self.request = request
        self.scheduled = scheduled
        self.conditioning = conditioning
        self.voice_key = voice_key
        self.seed = seed
        self._sink = sink
        self._pieces = pieces
        # The piece after the current one, so that the end is known when it comes.
        self._next = next(pieces, None)
        self._piece: TextPiece | None = None
        # Of the current piece.
        self.stream: SpeechStream | None = None
        self._ending: Ending | None = None
        self._plan = ChunkPlan(request.stream_chunk_size, by_lead=chunks_by_lead)
        self._latents: list[Tensor | None] = []
        # Of the current piece, until the first latent of its audio has come.
        self.prefill: Prefill | None = None
        self.token = -1
        self.steps = 0
        self.piece_is_over = False
        # The last chunk of the piece has been delivered.
        self.piece_is_done = False
        self._has_stopped = False
        # From `take_due` to `deliver`.
        self._taken: DueChunk | None = None

    @property
    def slot(self) -> int:
        if self.scheduled.slot is None:
            raise RuntimeError("An utterance without a slot cannot be spoken.")
        return self.scheduled.slot

    @property
    def is_speaking(self) -> bool:
        """Whether a step of the current piece is next."""
        return self.steps > 0 and not self.piece_is_over

    @property
    def has_more(self) -> bool:
        return self._next is not None

    def begin_piece(self, rate: int) -> TextPiece:
        """The next piece of text becomes the current one. `rate`: samples per second."""
        if self._next is None:
            raise RuntimeError("An utterance was to go on after its end.")
        self._piece, self._next = self._next, next(self._pieces, None)
        if timing := self._piece.timing:
            self._ending = Ending(timing, rate=rate, speed=self.request.speed)
        else:
            self._ending = None
        self._latents = []
        self.steps = 0
        self.piece_is_over = self.piece_is_done = self._has_stopped = False
        self._taken = None
        return self._piece

    def add(self, latent: Tensor | None, token: int, *, stop_token: int) -> None:
        """One step's results: a latent (1, width), or None where it stays on the device, and the token that was sampled
        from it."""
        self._latents.append(latent)
        self.token = token
        self.steps += 1
        if token == stop_token:
            self.piece_is_over = self._has_stopped = True
        elif self._piece and self.steps >= self._piece.most_audio_tokens:
            self.piece_is_over = True
            text = self.request.text
            logger.warning(
                "The speech for a text of %d characters was ended after %d audio tokens, the most it may take",
                len(text),
                self.steps,
                extra=self.of_request,
            )

    @property
    def of_request(self) -> dict[str, str]:
        """For lines of the log."""
        return {"request_id": request_of(self.request.request_id)}

    @property
    def is_due(self) -> bool:
        if self._taken or self.piece_is_done:
            return False
        return self.piece_is_over or len(self._latents) >= self._plan.latents

    def take_due(self) -> DueChunk:
        """What the vocoder is to decode now of `stream`, since a chunk is due."""
        if self.stream is None:
            raise RuntimeError("An utterance was to be decoded that has not begun.")
        self.stream.push_steps(self._latents)
        self._latents = []
        self._taken = DueChunk(None if self.piece_is_over else self._plan.look_ahead, self.piece_is_over)
        return self._taken

    def deliver(self, samples: Samples) -> int:
        """The samples of the chunk that was due. Returns how many are sent: what may be no speech of the text any more is
        held back, and if that is what it was, the piece is over."""
        self._plan.given += 1
        if self._piece is None or self._taken is None:
            raise RuntimeError("A chunk came from an utterance that has not begun.")
        # What has been over since then is over with a later chunk.
        self.piece_is_done, self._taken = self._taken.last, None
        if self._ending:
            samples = self._without_tail(self._ending, samples)
        piece_end = self._piece.text_end
        if self.piece_is_done:
            # What is written short and said long ("10^30") may be spoken in several pieces: it is over with the last.
            goes_on = self._next is not None and self._next.text_end <= piece_end
            text_end = None if goes_on else piece_end
            self._sink(PcmChunk(self.request.request_id, samples, text_end, not self.has_more, piece_end))
        elif len(samples):
            self._sink(PcmChunk(self.request.request_id, samples, piece_end=piece_end))
        return len(samples)

    def _without_tail(self, ending: Ending, samples: Samples) -> Samples:
        samples = ending.push(samples)
        if self.piece_is_done:
            samples = np.concatenate([samples, ending.finish(by_itself=self._has_stopped)])
        elif ending.is_over:
            self.piece_is_over = self.piece_is_done = True
        if ending.is_over:
            text = self.request.text
            ended = "The speech for a text of %d characters went on, and was ended at a pause"
            logger.info(ended, len(text), extra=self.of_request)
        return samples

    def allow(self, *, step: float, decode: float, now: float) -> None:
        """How long a step and a decode take, in seconds: by these the next chunk is as large as the listener can wait
        for."""
        self._plan.allow(lead=self.scheduled.lead(now), step=step, decode=decode)

    def finish(self, *, cancelled: bool = False) -> None:
        self._sink(Finished(self.request.request_id, cancelled))

    def fail(self, message: str) -> None:
        self._sink(Failed(self.request.request_id, message))
