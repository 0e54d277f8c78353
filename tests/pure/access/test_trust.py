"""For how long it is believed who a client is."""

import asyncio

import pytest

from streaming.access import refusals
from streaming.access.identity import ANYBODY, Client
from streaming.access.known_keys import KnownKeys
from streaming.access.trust import TRUST_SECONDS, Trust
from streaming.errors import DatabaseUnavailable, Refused
from tests.pure.clock import Clock


class Keys(KnownKeys):
    """That answer what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Client | Exception] = []

    async def identify_again(self, client: Client) -> Client:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


CLIENT, CHANGED = Client(key_id=1), Client(key_id=1, max_concurrent_streams=2)


@pytest.fixture
def keys() -> Keys:
    return Keys()


async def renewed(trust: Trust) -> Client:
    """What is known after the next chance, and what is asked at it."""
    await trust.renew()
    for _ in range(5):
        await asyncio.sleep(0)
    return trust.client


async def test_a_client_is_looked_at_again_while_it_is_trusted(keys: Keys, clock: Clock) -> None:
    trust = Trust(CLIENT, keys, clock)
    keys.answers = [CHANGED]
    clock.now += TRUST_SECONDS / 2
    assert await renewed(trust) == CLIENT
    clock.now += 1
    await trust.renew()
    assert trust.client == CLIENT  # nobody has waited
    assert await renewed(trust) == CHANGED
    assert keys.answers == []


async def test_a_key_that_is_gone_ends_the_trust(keys: Keys, clock: Clock) -> None:
    trust = Trust(CLIENT, keys, clock)
    keys.answers = [refusals.bad_key(), refusals.bad_key()]
    clock.now += TRUST_SECONDS / 2 + 1
    await renewed(trust)
    with pytest.raises(Refused):
        await trust.renew()


async def test_without_the_database_the_trust_lasts_as_long_as_ever(keys: Keys, clock: Clock) -> None:
    trust = Trust(CLIENT, keys, clock)
    keys.answers = [DatabaseUnavailable(), DatabaseUnavailable(), DatabaseUnavailable()]
    for seconds in (TRUST_SECONDS / 2 + 1, TRUST_SECONDS):
        clock.now = 1000.0 + seconds
        assert await renewed(trust) == CLIENT
    clock.now += 0.1
    with pytest.raises(DatabaseUnavailable):
        await trust.renew()


async def test_it_counts_from_when_the_database_has_said_who_it_is(keys: Keys, clock: Clock) -> None:
    trust = Trust(Client(key_id=1, confirmed_at=1000.0 - TRUST_SECONDS - 1), keys, clock)
    keys.answers = [DatabaseUnavailable()]
    with pytest.raises(DatabaseUnavailable):
        await trust.renew()


async def test_who_has_no_key_is_not_asked_about(keys: Keys, clock: Clock) -> None:
    trust = Trust(ANYBODY, keys, clock)
    clock.now += 10 * TRUST_SECONDS
    assert await renewed(trust) is ANYBODY
