"""How much each client may do at once and per time. All servers that use one Redis count together; without Redis, and while
it is away, each process counts alone."""

import threading
from collections import Counter
from collections.abc import Callable, Hashable

from streaming.access import refusals
from streaming.access.count_questions import Place
from streaming.access.identity import Client
from streaming.access.rates import Rates
from streaming.access.shared_counts import SharedCounts
from streaming.conf import LimitsConfig
from streaming.connection.addresses import network_of

_MINUTE = 60.0


class ClientLimits:
    """One per server process. What the others count as well is counted here in any case, for when they cannot be asked.

    `streams`: those of this process, by key.
    """

    def __init__(self, limits: LimitsConfig, shared: SharedCounts | None, clock: Callable[[], float]) -> None:
        self.streams: Counter[Hashable] = Counter()
        self._limits = limits
        self._shared = shared
        self._clock = clock
        self._rates = Rates()
        self._rates_lock = threading.Lock()  # requests may be counted on threads of their own

    async def take_request(self, client: Client) -> None:
        """Count one request against the client's rate. Raises Refused."""
        limit = client.max_requests_per_second
        if limit is None:
            return
        if wait := await self._spend("requests", client.key_id, 1 / limit, window=max(1.0, 1 / limit)):
            raise refusals.too_many_requests(limit, wait)

    async def take_characters(self, client: Client, address: str, characters: int) -> None:
        """Count characters against the minute's limit. Raises Refused."""
        limit = self._limits.max_chars_per_minute
        if limit is None:
            return
        who = client.key_id or network_of(address)
        if wait := await self._spend("characters", who, characters * _MINUTE / limit, window=_MINUTE):
            raise refusals.too_many_characters(limit, wait)

    async def begin_stream(self, client: Client) -> Place | None:
        """What `end_stream` is to be told. Raises Refused."""
        key_id, limit = client.key_id, client.max_concurrent_streams
        if key_id is None:
            return None
        if limit is not None and self.streams[key_id] >= limit:
            raise refusals.too_many_streams(limit)
        self.streams[key_id] += 1
        try:
            return await self._begin_for_all(key_id, limit)
        except BaseException:
            count_down(self.streams, key_id)
            raise

    def end_stream(self, client: Client, place: Place | None) -> None:
        if client.key_id is not None:
            count_down(self.streams, client.key_id)
        if place and self._shared:
            self._shared.leave(place)

    async def _begin_for_all(self, key_id: int, limit: int | None) -> Place | None:
        """Raises Refused."""
        if self._shared is None:
            return None
        place = self._shared.new_place(key_id)
        if limit is None:
            self._shared.hold(place)  # the key may get a limit while the stream runs
        elif await self._shared.take(place, limit) is False:
            raise refusals.too_many_streams(limit)
        return place

    async def _spend(self, kind: str, who: Hashable, cost: float, *, window: float) -> float:
        """0.0, or how long to wait."""
        wait = await self._shared.spend(f"{kind}:{who}", cost, window=window) if self._shared else None
        with self._rates_lock:
            if wait is None:
                return self._rates.take((kind, who), cost, window=window, now=self._clock())
            if not wait:
                self._rates.note((kind, who), cost, now=self._clock())
        return wait


def count_down(counts: Counter[Hashable], subject: Hashable) -> None:
    counts[subject] -= 1
    if counts[subject] <= 0:
        del counts[subject]
