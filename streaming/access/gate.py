"""The gate of a server process: how much each client may do at once and per time, and who has done what.

Sockets are counted in this process; streams, requests and characters per time in all that share a Redis (`limits`); what a
key spends in a month is counted in the database, for all of them.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

from streaming.access import refusals
from streaming.access.count_questions import Place
from streaming.access.identity import Client
from streaming.access.key_watch import KeyWatch
from streaming.access.known_keys import KnownKeys
from streaming.access.limits import ClientLimits, count_down
from streaming.access.models import Amounts, UsageSlot
from streaming.access.prices import cost_of
from streaming.access.shared_counts import SharedCounts
from streaming.access.trust import Trust
from streaming.access.usage import spend, today
from streaming.access.usage_book import UsageBook
from streaming.conf import LimitsConfig
from streaming.connection.addresses import network_of
from streaming.errors import Refused


class Gate:
    """One per server process. Belongs to the event loop, but for `take_request`, which any thread may call. `shared`: what
    counts with other servers."""

    def __init__(
        self,
        limits: LimitsConfig,
        keys: KnownKeys | None = None,
        *,
        shared: SharedCounts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.keys = keys or KnownKeys()
        self.book = UsageBook()
        self.clock = clock
        self.sockets: Counter[Hashable] = Counter()
        self.client_limits = ClientLimits(limits, shared, clock)
        self._shared = shared
        self.watch = KeyWatch(self.keys, clock)

    @property
    def streams(self) -> Counter[Hashable]:
        """Those of this process, by key."""
        return self.client_limits.streams

    def start(self) -> None:
        """On the event loop of the server."""
        self.watch.start()
        if self._shared:
            self._shared.start()

    def connect(self, address: str) -> "Seat":
        """A socket from this address."""
        return Seat(self, address)

    @asynccontextmanager
    async def admit(self, client: Client, address: str, voice_id: str) -> AsyncIterator["Lease"]:
        """One request of a client to a voice that exists, let through by `take_request`. Raises Refused. An exception that
        leaves it counts as an error, a cancellation does not."""
        lease = await Lease.begin(self, self.trust(client), address, voice_id)
        try:
            yield lease
        except Exception:
            lease.failed()
            raise
        finally:
            lease.close()

    def trust(self, client: Client, on_end: Callable[[], object] | None = None) -> Trust:
        """In a client that has been identified. `on_end` is called when its key is not valid any more."""
        trust = Trust(client, self.keys, self.clock, on_end)
        self.watch.add(trust)
        return trust

    def stream(self, trust: Trust, address: str, voice_id: str) -> "StreamMeter":
        """For a stream on a socket."""
        return StreamMeter(self, trust, address, voice_id)

    async def close(self) -> None:
        """Write all usage to the database, and give back all places, because the server stops."""
        self.watch.stop()
        await asyncio.gather(self.book.close(), *([self._shared.close()] if self._shared else []))

    def note_use(self, client: Client) -> None:
        """A client that has been identified has come, or has been served."""
        if client.key_id is not None:
            self.book.note_use(client.key_id)

    async def take_request(self, client: Client) -> None:
        """Count one request against the client's rate. Raises Refused."""
        await self.client_limits.take_request(client)


class Seat:
    """A socket's place among those of its key, or of its address if its client has no key: clients with keys may share an
    address with strangers."""

    def __init__(self, gate: Gate, address: str) -> None:
        self._gate = gate
        self._address = address
        self._held: Hashable | None = None

    def take_for(self, client: Client) -> None:
        """Raises Refused."""
        limits = self._gate.limits
        if client.key_id is not None:
            self._take(("key", client.key_id), limits.max_sockets_per_key, "API key")
        else:
            self._take(("address", network_of(self._address)), limits.max_sockets_per_address, "address")

    def leave(self) -> None:
        if self._held is not None:
            count_down(self._gate.sockets, self._held)
            self._held = None

    def _take(self, subject: Hashable, limit: int, whose: str) -> None:
        if self._gate.sockets[subject] >= limit:
            raise refusals.too_many_sockets(limit, whose)
        self.leave()
        self._gate.sockets[subject] += 1
        self._held = subject


class Lease:
    """One request, from its admission to its end. Keeps the books: every one of them is a request, and an error if it was
    refused or failed. What was charged and then not spoken is given back."""

    def __init__(self, gate: Gate, trust: Trust, address: str, voice_id: str) -> None:
        self._trust = trust
        self._gate = gate
        self._address = address
        self._slot = UsageSlot(trust.client.key_id, voice_id, today())
        self._has_failed = False
        self._reserved = 0
        # Charged since audio came last.
        self._unheard = 0
        # Audio that is not counted yet: that is done every second, not for every packet.
        self._uncounted_seconds = 0.0
        self._place: Place | None = None
        self._is_open = False

    @classmethod
    async def begin(cls, gate: Gate, trust: Trust, address: str, voice_id: str) -> Self:
        """Raises Refused."""
        lease = cls(gate, trust, address, voice_id)
        lease._count(Amounts(requests=1))
        try:
            trust.client.require_voice(voice_id)
            lease._place = await gate.client_limits.begin_stream(trust.client)
        except Refused:
            lease.failed()
            raise
        lease._is_open = True
        return lease

    async def charge(self, characters: int, *, pause: float = 0.0) -> None:
        """Charge characters before they are spoken, and the seconds of a pause after them. Raises Refused."""
        await self._trust.renew()
        cost = cost_of(characters, pause)
        reserved = min(self._reserved, cost)
        self._reserved -= reserved
        await self._take(cost - reserved)
        self._unheard += cost

    async def reserve(self, cost: int) -> None:
        """Of a whole text at once, from which `charge` then takes: it is refused before any of it is spoken. Raises
        Refused."""
        await self._take(cost)
        self._reserved += cost

    def spoke(self, seconds: float) -> None:
        """That much audio was generated from the charged text."""
        self._unheard = 0
        self._uncounted_seconds += seconds
        if self._uncounted_seconds >= 1.0:
            self._count(Amounts())

    def failed(self) -> None:
        """The text that was charged last is not spoken: give it back."""
        self._count(Amounts(characters=-self._unheard, errors=0 if self._has_failed else 1))
        self._unheard = 0
        self._has_failed = True

    def end_turn(self) -> None:
        """For a speaker, which says so of a socket's streams; a request ends once."""

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._gate.client_limits.end_stream(self._trust.client, self._place)
            self._count(Amounts(characters=-self._reserved))

    async def _take(self, characters: int) -> None:
        if characters <= 0:
            return
        self._slot = replace(self._slot, day=today())  # a stream may live for days
        client = self._trust.client
        await self._gate.client_limits.take_characters(client, self._address, characters)
        if client.max_characters_per_month is None:
            self._count(Amounts(characters=characters))
        else:
            await spend(self._slot, characters)

    def _count(self, amounts: Amounts) -> None:
        amounts.audio_seconds += self._uncounted_seconds
        self._uncounted_seconds = 0.0
        self._gate.book.add(self._slot, amounts)


class StreamMeter:
    """A stream on a socket, which may live for hours: it has a lease, and counts as one of its key's streams, from the first
    text of a turn to the turn's end."""

    def __init__(self, gate: Gate, trust: Trust, address: str, voice_id: str) -> None:
        self._gate = gate
        self._trust = trust
        self._address = address
        self._voice_id = voice_id
        self._lease: Lease | None = None

    @property
    def client(self) -> Client:
        return self._trust.client

    async def check_key(self) -> None:
        """Whether it is still valid, now and then. Raises Refused."""
        await self._trust.renew()

    async def charge(self, characters: int, *, pause: float = 0.0) -> None:
        """Charge characters before they are spoken, and the seconds of a pause after them. Raises Refused."""
        await self.check_key()
        if self._lease is None:
            await self._gate.take_request(self.client)
            self._lease = await Lease.begin(self._gate, self._trust, self._address, self._voice_id)
        await self._lease.charge(characters, pause=pause)

    def spoke(self, seconds: float) -> None:
        if self._lease:
            self._lease.spoke(seconds)

    def failed(self) -> None:
        if self._lease:
            self._lease.failed()

    def end_turn(self) -> None:
        """Nothing is left to be spoken for now, or the stream is gone."""
        if self._lease:
            self._lease.close()
            self._lease = None
