"""What is published, on its way from Redis into a subscription.

Two ways lead to a session that listens to an `audio_channel`:

* raw Redis Pub/Sub on the channel of that name, from any producer: `{"audio": base64 PCM16 mono at the session's rate,
  "isFinal": bool}`;
* `Publisher`, for Django code: a channel-layer group whose events carry their sample rate and a sequence number, so that
  they are resampled, and a lost one is noticed.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from msgpack.exceptions import UnpackException

from streaming.errors import SourceError
from streaming.forwarding.publisher import ForwardedAudio, default_layer, group_name
from streaming.forwarding.subscription import EventOrder, Subscription, parse_raw
from streaming.forwarding.watch import LayerWatch, Watch, Watched

logger = logging.getLogger("streaming.forwarding.listeners")

# A layer of channels_redis has one connection for whoever subscribes and for its own task that reads. When it breaks, both
# connect again at the same time, and one of them reads or writes what the other has just closed.
_BROKEN_UNDER_TWO = (RuntimeError, AttributeError)


def _connection_errors() -> tuple[type[Exception], ...]:
    """What a lost connection to Redis raises: errors of its own only where its client has been imported."""
    if "redis" not in sys.modules:
        return (OSError, TimeoutError)
    from redis.exceptions import RedisError

    return (RedisError, OSError, TimeoutError)


async def guarded(listener: Coroutine[Any, Any, None], subscription: Subscription) -> None:
    try:
        await listener
    except SourceError as error:
        subscription.fail(error)
    except _connection_errors() as error:
        lost(subscription, str(error))
    except Exception:
        logger.exception("Forward mode failed")
        subscription.fail(SourceError("Internal server error while forwarding audio."))


def lost(subscription: Subscription, reason: str = "") -> None:
    logger.warning("Forward mode lost its connection to Redis: %s", reason or "it does not answer")
    subscription.fail(SourceError("The server lost its connection to Redis."))


async def listen_to_redis(
    audio_channel: str, sample_rate: int, url: str, subscription: Subscription, patience: float, watch: Watch
) -> None:
    # Here, since it is a quarter of what a server does to start. Where settings name a Redis, checking them has imported it.
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # No retries: a reconnection would hide that publications were missed in between.
    client = redis.asyncio.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=patience, socket_keepalive=True
    )
    async with client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        async with asyncio.timeout(patience):
            await pubsub.subscribe(audio_channel)
        watched = Watched(pubsub.ping, partial(lost, subscription))
        with watch.over(watched):
            while True:
                message = await pubsub.get_message(timeout=None)
                watched.heard()
                if message is not None and message["type"] == "message":
                    _take(subscription, lambda data: parse_raw(data, sample_rate), message["data"])


async def listen_to_layer(
    audio_channel: str, subscription: Subscription, patience: float, layer_watch: LayerWatch
) -> None:
    layer = default_layer()
    group, order = group_name(audio_channel), EventOrder()
    try:
        async with asyncio.timeout(patience):
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
    except _BROKEN_UNDER_TWO as error:
        raise ConnectionError(str(error)) from error
    try:
        with layer_watch.over(layer, partial(lost, subscription)):
            while True:
                try:
                    message = await layer.receive(channel)
                except (ValueError, TypeError, UnpackException) as error:  # it is not what the layer sends
                    subscription.drop(error)
                    await asyncio.sleep(0)  # whatever the layer does, others come to their turn
                    continue
                _take(subscription, order.take, message)
    finally:
        with suppress(*_connection_errors(), *_BROKEN_UNDER_TWO):
            async with asyncio.timeout(patience):
                await layer.group_discard(group, channel)


def _take(subscription: Subscription, decode: Callable[[Any], ForwardedAudio], data: Any) -> None:
    try:
        subscription.put(decode(data))
    except ValueError as error:
        subscription.drop(error)
