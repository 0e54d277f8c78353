"""Forward mode: audio that somebody else makes, from Redis to a session. The only room that touches a channel layer.

Two ways lead to a session that listens to an `audio_channel`:

* raw Redis Pub/Sub on the channel of that name, from any producer: `{"audio": base64 PCM16 mono at the session's rate,
  "isFinal": bool}`;
* `Publisher`, for Django code: a channel-layer group whose events carry their sample rate and a sequence number, so that
  they are resampled, and a lost one is noticed.
"""

import asyncio
import base64
import json
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from msgpack.exceptions import UnpackException

from streaming.audio.pcm import decode_pcm16
from streaming.errors import SourceError
from streaming.forwarding.publisher import ForwardedAudio, default_layer, group_name

logger = logging.getLogger("streaming.forwarding.subscription")

CONNECT_SECONDS = 5.0


def _connection_errors() -> tuple[type[Exception], ...]:
    """What a lost connection to Redis raises: errors of its own only where its client has been imported."""
    if "redis" not in sys.modules:
        return (OSError, TimeoutError)
    from redis.exceptions import RedisError

    return (RedisError, OSError, TimeoutError)


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


async def guarded(listener: Coroutine[Any, Any, None], subscription: Subscription) -> None:
    try:
        await listener
    except SourceError as error:
        subscription.fail(error)
    except _connection_errors() as error:
        logger.warning("Forward mode lost its connection to Redis: %s", error)
        subscription.fail(SourceError("The server lost its connection to Redis."))
    except Exception:
        logger.exception("Forward mode failed")
        subscription.fail(SourceError("Internal server error while forwarding audio."))


async def listen_to_redis(audio_channel: str, sample_rate: int, url: str, subscription: Subscription) -> None:
    # Here, since it is a quarter of what a server does to start. Where settings name a Redis, checking them has imported it.
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # No retries: a reconnection would hide that publications were missed in between.
    client = redis.asyncio.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=CONNECT_SECONDS, socket_keepalive=True
    )
    async with client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(audio_channel)
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is not None:
                _take(subscription, lambda data: parse_raw(data, sample_rate), message["data"])


async def listen_to_layer(audio_channel: str, subscription: Subscription) -> None:
    layer = default_layer()
    group, order = group_name(audio_channel), EventOrder()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    try:
        while True:
            try:
                message = await layer.receive(channel)
            except (ValueError, TypeError, UnpackException) as error:  # it is not what the layer sends
                subscription.drop(error)
                await asyncio.sleep(0)  # whatever the layer does, others come to their turn
                continue
            _take(subscription, order.take, message)
    finally:
        with suppress(*_connection_errors()):
            await layer.group_discard(group, channel)


def _take(subscription: Subscription, decode: Callable[[Any], ForwardedAudio], data: Any) -> None:
    try:
        subscription.put(decode(data))
    except ValueError as error:
        subscription.drop(error)
