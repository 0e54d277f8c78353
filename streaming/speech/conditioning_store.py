"""What engines have made of recordings, on its way to the database: nobody waits until it is there."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from django.db import Error as DatabaseError

from voices.patience import for_nobody

logger = logging.getLogger("streaming.voices")

# What waits while the database takes nothing, about 130 KB each.
MOST_WAITING = 32
# After a failure it is tried again, later and later, so many times in all.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
TRIES = 12
# How long the end of the server waits for the database.
CLOSE_SECONDS = 3.0

Name = tuple[str, str]


class ConditioningStore:
    """Belongs to the event loop. `store` puts one into the database, or raises DatabaseError. What cannot be stored is said
    in the log: it is computed again then, by a server that does not have it in memory."""

    def __init__(self, store: Callable[[str, str, bytes], Awaitable[None]]) -> None:
        self._store = store
        # By the key of the recordings and the fingerprint of the engine, in the order in which they came.
        self._waiting: OrderedDict[Name, bytes] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._tries_left = TRIES
        self._is_pausing = False
        # Whoever waits for the attempt that goes on.
        self._watchers: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """How many are not stored yet."""
        return len(self._waiting)

    def keep(self, key: str, fingerprint: str, data: bytes) -> None:
        """Store it as soon as the database takes it."""
        self._waiting[key, fingerprint] = data
        self._tries_left = TRIES
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
            logger.warning("More than %d voices wait to be stored: the first is dropped", MOST_WAITING)
        if self._writing is None or self._writing.done():
            self._is_pausing = False
            self._writing = asyncio.create_task(self._write_all())

    def get(self, key: str, fingerprint: str) -> bytes | None:
        """One that is not stored yet."""
        return self._waiting.get((key, fingerprint))

    async def written(self, key: str, fingerprint: str) -> None:
        """Wait for the attempt that goes on. Raises DatabaseError if this one is not stored then; it is tried again
        later."""
        if (key, fingerprint) in self._waiting and not self._is_pausing:
            self._watchers.append(asyncio.get_running_loop().create_future())
            await self._watchers[-1]
        if (key, fingerprint) in self._waiting:
            raise DatabaseError("The database does not take the conditioning of a voice now.")

    async def close(self) -> None:
        """Try once more, because the server ends, for a few seconds at most."""
        if not self._waiting:
            return
        if self._writing:
            self._writing.cancel()
        closing = asyncio.create_task(self._write_once())
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if self._waiting:
            logger.warning("%d prepared voices are not stored; they will be prepared again", len(self._waiting))

    async def _write_all(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._tries_left > 0:
            self._tries_left -= 1
            if await self._try():
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        logger.error("%d prepared voices cannot be stored; they will be prepared again", len(self._waiting))
        self._waiting.clear()

    async def _try(self) -> bool:
        self._is_pausing = False
        try:
            return await self._write_once()
        finally:
            self._is_pausing = True
            watchers, self._watchers = self._watchers, []
            for watcher in watchers:
                if not watcher.done():  # whoever waited may have been cancelled
                    watcher.set_result(None)

    async def _write_once(self) -> bool:
        """Whether everything is stored."""
        while self._waiting:
            name, data = next(iter(self._waiting.items()))
            try:
                with for_nobody():  # whoever has asked for the voice is not held up by this
                    await self._store(*name, data)
            except DatabaseError:
                logger.warning("The conditioning of a voice cannot be stored now; it is kept, and stored later")
                return False
            if self._waiting.get(name) is data:
                del self._waiting[name]
        return True
