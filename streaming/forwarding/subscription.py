"""Forward mode: audio that somebody else makes, as it is published and as it waits to be played."""

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from streaming.audio.pcm import decode_pcm16
from streaming.errors import SourceError
from streaming.forwarding.publisher import ForwardedAudio

logger = logging.getLogger("streaming.forwarding.subscription")


def parse_raw(data: bytes, sample_rate: int) -> ForwardedAudio:
    """One raw publication. Raises ValueError."""
    try:
        message = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError("not an object")
    audio, is_final = message.get("audio"), message.get("isFinal", False)
    if not isinstance(is_final, bool | None) or not isinstance(audio, str | None) or not (audio or is_final):
        raise ValueError("neither audio nor isFinal")
    samples = decode_pcm16(base64.b64decode(audio or "", validate=True))
    return ForwardedAudio(samples, sample_rate, bool(is_final))


class EventOrder:
    """Turns channel-layer events into audio, and notices a lost one by its number."""

    def __init__(self) -> None:
        self._batch: str | None = None
        self._expected: int | None = None

    def take(self, event: dict[str, Any]) -> ForwardedAudio:
        """Raises SourceError for a gap, ValueError for an event that is none of `Publisher`'s."""
        try:
            batch, sequence, rate = str(event["batch"]), int(event["sequence"]), int(event["rate"])
            samples = decode_pcm16(memoryview(event["audio"]).tobytes())
            is_final = bool(event["final"])
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError("not an event of forward mode") from error
        if not 4000 <= rate <= 192_000:
            raise ValueError(f"a sample rate of {rate} Hz")
        # Who joins in the middle of the first batch begins there; every later batch begins at 0.
        joins = sequence if self._batch is None else 0
        expected = self._expected if batch == self._batch else joins
        if sequence != expected:
            raise SourceError(f"Audio was lost in transit: part {expected} was expected, but part {sequence} arrived.")
        self._batch, self._expected = batch, sequence + 1
        return ForwardedAudio(samples, rate, is_final)


class Subscription:
    """What has been published and not been fetched yet: at most `max_seconds` of audio. Use as `async for`. `on_drop` is
    called for each publication that cannot be decoded. `was_awaited`: the last one was not there yet when it was asked
    for."""

    def __init__(self, max_seconds: float, on_drop: Callable[[], None] = lambda: None) -> None:
        self._max_seconds = max_seconds
        self._on_drop = on_drop
        self._queued: deque[ForwardedAudio] = deque()
        self._seconds = 0.0
        self._error: SourceError | None = None
        self._changed = asyncio.Event()
        self.dropped = 0
        self.was_awaited = False

    @property
    def is_empty(self) -> bool:
        return not self._queued

    def put(self, audio: ForwardedAudio) -> None:
        if self._error:
            return  # nothing is played after a lost part
        if self._seconds + audio.seconds > self._max_seconds or len(self._queued) > 100 * self._max_seconds:
            self.fail(SourceError(f"More than {self._max_seconds:g} seconds of audio are waiting to be forwarded."))
            return
        self._queued.append(audio)
        self._seconds += audio.seconds
        self._changed.set()

    def drop(self, reason: Exception) -> None:
        """A publication that cannot be played: counted, never played."""
        self.dropped += 1
        self._on_drop()
        if self.dropped == 1:
            logger.warning("A published message cannot be decoded and was dropped (%s)", reason)

    def fail(self, error: SourceError) -> None:
        """End the subscription after the queued audio."""
        self._error = self._error or error
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ForwardedAudio:
        self.was_awaited = not self._queued
        while not self._queued:
            if self._error:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        audio = self._queued.popleft()
        self._seconds -= audio.seconds
        return audio
