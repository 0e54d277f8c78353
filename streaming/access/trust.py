"""How long it is believed who a client is while it is served: its key may be changed or disabled meanwhile."""

import asyncio
import math
from collections.abc import Callable

from streaming.access.identity import Client
from streaming.access.known_keys import KnownKeys
from streaming.errors import DatabaseUnavailable, Refused
from voices.patience import for_nobody

# `KeyWatch` looks twice a second. Where it sees nothing, because the database does not answer, trust lasts for this long.
TRUST_SECONDS = 30.0


class Trust:
    """In a client, since the database has said who it is.

    It is asked again after half of the time, and nobody waits for that; only when all of the time is over, the client has to
    wait for the answer. So a database that does not answer for a moment ends nobody's trust. `on_end` is called once, when
    somebody else learns that the key is not valid any more.
    """

    def __init__(
        self,
        client: Client,
        keys: KnownKeys,
        clock: Callable[[], float],
        on_end: Callable[[], object] | None = None,
    ) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._since = clock() if client.confirmed_at is None else client.confirmed_at
        self._renewal: asyncio.Task[None] | None = None
        self._on_end = on_end

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

    def learn(self, client: Client | None, asked_at: float) -> None:
        """What the database has said of the key. None: it is not valid any more."""
        if asked_at < self._since:
            return  # something newer is known
        if client is not None:
            self._client, self._since = client, asked_at
            return
        self._since = -math.inf  # who asks next is told why
        if (on_end := self._on_end) is not None:
            self._on_end = None
            on_end()

    def leave(self) -> None:
        """The client is gone, and nobody is to be told any more."""
        self._on_end = None

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
