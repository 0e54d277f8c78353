"""How long it is believed who a client is while it is served: its key may be changed or disabled meanwhile."""

import asyncio
import math
from collections.abc import Callable

from streaming.access.identity import Client
from streaming.access.known_keys import KnownKeys
from streaming.errors import DatabaseUnavailable, Refused
from voices.patience import for_nobody

# A key that is changed or disabled meanwhile is noticed on an open socket, and in a response, after this long at most.
TRUST_SECONDS = 30.0


class Trust:
    """In a client, since the database has said who it is.

    It is asked again after half of the time, and nobody waits for that; only when all of the time is over, the client has to
    wait for the answer. So a database that does not answer for a moment ends nobody's trust.
    """

    def __init__(self, client: Client, keys: KnownKeys, clock: Callable[[], float]) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._since = clock() if client.confirmed_at is None else client.confirmed_at
        self._renewal: asyncio.Task[None] | None = None

    @property
    def client(self) -> Client:
        return self._client

    async def renew(self) -> None:
        """Look at the key again, now and then. Raises Refused when it is not valid any more, DatabaseUnavailable."""
        if self._client.key_id is None:
            return
        age = self._clock() - self._since
        if age > TRUST_SECONDS:
            await self._look()
        elif age > TRUST_SECONDS / 2 and self._renewal is None:
            self._renewal = asyncio.create_task(self._look_ahead())

    async def _look(self) -> None:
        began = self._clock()
        self._client = await self._keys.identify_again(self._client)
        self._since = began

    async def _look_ahead(self) -> None:
        try:
            with for_nobody():
                await self._look()
        except Refused:
            self._since = -math.inf  # who asks next is told why
        except DatabaseUnavailable:
            pass  # who asks next looks again
        finally:
            self._renewal = None
