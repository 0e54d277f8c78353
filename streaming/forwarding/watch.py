"""Whether what forward sessions listen to still answers.

A Redis that is gone closes its connections; one that hangs, or that the network does not reach any more, says nothing, as if
nobody published. So whoever has said nothing for half of `patience` seconds is asked for an answer, and given up when all of
it has passed. One task looks after everybody, and the channel layer is asked once for all sessions: it keeps few messages,
and a question from each session would be a load of its own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger("streaming.forwarding.watch")

# How often everybody is looked at, in each `patience`.
LOOKS = 8
# What the channel layer sends back.
PROBE = "forward.probe"


class Watched:
    """One that may fall silent: `ask` makes it answer, `fail` is called when it has not."""

    def __init__(self, ask: Callable[[], Awaitable[Any]], fail: Callable[[], None]) -> None:
        self._ask = ask
        self.fail = fail
        self._silent_looks = 0
        self._question: asyncio.Task[None] | None = None

    def heard(self) -> None:
        """An answer, or anything else, has come."""
        self._silent_looks = 0

    def look(self) -> bool:
        """Returns whether it is to be given up. Looks are counted, and not seconds: an event loop that stood still has heard
        nobody."""
        self._silent_looks += 1
        if self._silent_looks > LOOKS:
            return False
        if self._silent_looks >= LOOKS // 2 and (self._question is None or self._question.done()):
            self._question = asyncio.create_task(self._put_question())
        return True

    def leave(self) -> None:
        if self._question:
            self._question.cancel()

    async def _put_question(self) -> None:
        try:
            await self._ask()
        except Exception as error:
            logger.debug("A question was not taken: %s", error)


class Watch:
    """Looks after everybody who is within `over`. For one event loop at a time."""

    def __init__(self, patience: float) -> None:
        self._interval = patience / LOOKS
        self._all: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, watched: Watched) -> Iterator[None]:
        self._all.add(watched)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._all.discard(watched)
            watched.leave()
            if self._task and not self._all:
                self._task.cancel()
                self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            for watched in list(self._all):
                if not watched.look():
                    self._all.discard(watched)
                    watched.fail()


class LayerWatch:
    """The channel layer, watched while anybody listens to it. It cannot be asked whether it is alive; what it is sent has to
    come back."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._listeners: set[Callable[[], None]] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, layer: Any, fail: Callable[[], None]) -> Iterator[None]:
        self._listeners.add(fail)
        if self._task is None:
            self._task = asyncio.create_task(self._run(layer))
        try:
            yield
        finally:
            self._listeners.discard(fail)
            if self._task and not self._listeners:
                self._task.cancel()
                self._task = None

    async def _run(self, layer: Any) -> None:
        channel: str | None = None

        async def ask() -> None:
            if channel:
                await layer.send(channel, {"type": PROBE})

        watched = Watched(ask, self._fail)
        with self._watch.over(watched):
            try:
                channel = await layer.new_channel()
                while True:
                    await layer.receive(channel)
                    watched.heard()
            except Exception as error:
                logger.warning("The channel layer cannot be watched: %s", error)
                self._fail()

    def _fail(self) -> None:
        for fail in list(self._listeners):
            fail()
