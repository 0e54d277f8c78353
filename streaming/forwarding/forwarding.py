"""Forward mode in one server process: who listens, and what could not be decoded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from streaming.audio.formats import FORMATS
from streaming.conf import ForwardConfig
from streaming.forwarding.forwarder import Forwarder, ForwardMeter
from streaming.forwarding.listeners import guarded, listen_to_layer, listen_to_redis, logger
from streaming.forwarding.subscription import Subscription
from streaming.forwarding.watch import LayerWatch, Watch
from streaming.protocol.parameters import Parameters
from streaming.speech.outlet import Outlet


class Forwarding:
    """`dropped_messages`: publications that could not be decoded since the start."""

    def __init__(self, config: ForwardConfig, redis_url: str | None) -> None:
        self._config = config
        self._redis_url = redis_url
        self._watch = Watch(config.timeout_seconds)
        self._layer_watch = LayerWatch(self._watch)
        self._leaving: set[asyncio.Task[None]] = set()
        self.dropped_messages = 0

    async def forward(
        self,
        parameters: Parameters,
        outlet: Outlet,
        meter: ForwardMeter,
        on_forwarded: Callable[[bool, bool], Awaitable[None]],
        max_packet_ms: int,
    ) -> None:
        """Forward what is published to the session's channel until cancelled. Raises SourceError when the source fails, and
        what the meter raises."""
        output = FORMATS[parameters.output_format]
        forwarder = Forwarder(
            output,
            outlet,
            meter,
            on_forwarded,
            frames=parameters.chunk_length_schedule_frames,
            max_packet_ms=max_packet_ms,
        )
        try:
            await meter.begin()
            async with self.subscribe(parameters.audio_channel or "", sample_rate=output.sample_rate) as source:
                await forwarder.run(source)
        except Exception:
            meter.failed()
            raise
        finally:
            meter.end()

    @asynccontextmanager
    async def subscribe(self, audio_channel: str, *, sample_rate: int) -> AsyncIterator[Subscription]:
        """Listen to a channel in every way that the settings open. Raises SourceError."""
        patience = self._config.timeout_seconds
        subscription = Subscription(self._config.max_queued_seconds, self._count_dropped)
        listeners: list[Coroutine[Any, Any, None]] = [
            listen_to_layer(audio_channel, subscription, patience, self._layer_watch)
        ]
        if (url := self._redis_url) and self._config.raw_channels:
            listeners.append(listen_to_redis(audio_channel, sample_rate, url, subscription, patience, self._watch))
        tasks = [asyncio.create_task(guarded(listener, subscription)) for listener in listeners]
        try:
            yield subscription
        finally:
            for task in tasks:
                self._leave(task)
            if subscription.dropped:
                logger.warning("%d published messages could not be decoded and were dropped", subscription.dropped)

    def _count_dropped(self) -> None:
        self.dropped_messages += 1

    def _leave(self, task: "asyncio.Task[None]") -> None:
        """A Redis that is gone can take seconds to be left; nobody waits for that."""
        task.cancel()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
