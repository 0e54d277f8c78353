"""Keys that are changed, disabled or deleted while they are used, by whatever process: one look at the database for all."""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from weakref import WeakSet

from django.db import Error as DatabaseError

from streaming.access.identity import clients_with
from streaming.access.known_keys import KnownKeys
from streaming.access.trust import Trust
from voices.database import watch

logger = logging.getLogger("streaming.access")

LOOK_SECONDS = 0.5


class KeyWatch:
    """One per server process. It asks nothing while nobody uses a key."""

    def __init__(self, keys: KnownKeys, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._clock = clock
        self._trusts: WeakSet[Trust] = WeakSet()
        self._task: asyncio.Task[None] | None = None

    def add(self, trust: Trust) -> None:
        """As long as somebody has it."""
        if trust.client.key_id is not None:
            self._trusts.add(trust)

    def start(self) -> None:
        # Not in the context of the request that happens to be the first, whose patience with the database ends.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None

    async def look(self) -> None:
        """Raises DatabaseError."""
        trusts = list(self._trusts)
        ids = {key_id for trust in trusts if (key_id := trust.client.key_id) is not None} | self._keys.kept_ids()
        if not ids:
            return
        began = self._clock()
        clients = await watch(clients_with, ids)
        self._keys.note(ids, clients)
        for trust in trusts:
            if (key_id := trust.client.key_id) is not None:
                trust.learn(clients.get(key_id), began)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except DatabaseError:
                pass  # whoever asks the database says so, and clients are trusted for a while
            except Exception:
                logger.exception("Changes of keys cannot be read")
