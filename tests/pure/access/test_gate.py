"""What each client may do at once and per time, and what is written down about it."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from asgiref.sync import async_to_sync

from streaming.access.forward_meter import ForwardMeter
from streaming.access.gate import Gate
from streaming.access.identity import ANYBODY, Client
from streaming.access.models import ApiKey, DailyUsage
from streaming.access.prices import CHARACTERS_PER_SECOND
from streaming.access.trust import TRUST_SECONDS
from streaming.conf import LimitsConfig
from streaming.connection.addresses import network_of
from streaming.errors import Refused
from tests.pure.access.conftest import NewKey
from tests.pure.clock import Clock

pytestmark = pytest.mark.django_db
Result = TypeVar("Result")


def gate_with(clock: Clock | None = None, **limits: Any) -> Gate:
    return Gate(LimitsConfig(**limits), clock=clock or Clock())


def run(gate: Gate, work: Callable[[], Awaitable[Result]]) -> Result:
    """Do it on an event loop, then write the usage down."""

    async def whole() -> Result:
        try:
            return await work()
        finally:
            await gate.close()

    return async_to_sync(whole)()


async def refused(work: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value


def client_of(key: ApiKey, **fields: Any) -> Client:
    return Client(key_id=key.pk, **fields)


def used(**row: Any) -> tuple[int, float, int, int]:
    usage = DailyUsage.objects.get(**row)
    return usage.characters, usage.audio_seconds, usage.requests, usage.errors


async def one_request(gate: Gate, client: Client, characters: int = 10, voice_id: str = "anna") -> None:
    await gate.take_request(client)
    async with gate.admit(client, "192.0.2.1", voice_id) as lease:
        await lease.charge(characters)
        lease.spoke(1.5)


# Streams and requests


def test_a_key_speaks_in_so_many_streams_at_once(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], max_concurrent_streams=2)

    async def work() -> Refused:
        async with gate.admit(client, "a", "anna"), gate.admit(client, "a", "anna"):
            error = await refused(one_request(gate, client))
        await one_request(gate, client)
        return error

    error = run(gate, work)
    assert (error.status, error.code, error.retry_after) == (429, "too_many_concurrent_requests", 1)
    assert not gate.streams


@pytest.mark.parametrize("end", [RuntimeError, asyncio.CancelledError])
def test_a_stream_that_ends_badly_is_free_again(new_key: NewKey, end: type[BaseException]) -> None:
    gate, client = gate_with(), client_of(new_key()[0], max_concurrent_streams=1)

    async def work() -> None:
        with pytest.raises(end):
            async with gate.admit(client, "a", "anna"):
                raise end
        await one_request(gate, client)

    run(gate, work)
    assert used()[2:] == (2, 1 if end is RuntimeError else 0)


def test_a_key_makes_so_many_requests_a_second(new_key: NewKey, clock: Clock) -> None:
    gate, client = gate_with(clock), client_of(new_key()[0], max_requests_per_second=2)

    async def work() -> Refused:
        await one_request(gate, client)
        await one_request(gate, client)
        error = await refused(one_request(gate, client))
        clock.now += 0.5
        await one_request(gate, client)
        return error

    error = run(gate, work)
    assert (error.status, error.code, error.retry_after) == (429, "rate_limit_exceeded", 1)
    assert used()[2:] == (3, 0)


def test_less_than_one_request_a_second(new_key: NewKey, clock: Clock) -> None:
    gate, client = gate_with(clock), client_of(new_key()[0], max_requests_per_second=0.1)

    async def work() -> Refused:
        await one_request(gate, client)
        return await refused(one_request(gate, client))

    assert run(gate, work).retry_after == 10


def test_a_voice_that_the_key_may_not_use(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], voices=frozenset({"anna"}), max_concurrent_streams=1)

    async def work() -> Refused:
        error = await refused(one_request(gate, client, voice_id="bert"))
        await one_request(gate, client)
        return error

    assert run(gate, work).status == 404
    assert used(voice_id="bert") == (0, 0.0, 1, 1)


# Characters


@pytest.mark.parametrize("with_key", [True, False])
def test_characters_a_minute(new_key: NewKey, clock: Clock, with_key: bool) -> None:
    gate = gate_with(clock, max_chars_per_minute=60)
    client = client_of(new_key()[0]) if with_key else ANYBODY

    async def work() -> Refused:
        await one_request(gate, client, 60)
        error = await refused(one_request(gate, client, 30))
        clock.now += 30
        await one_request(gate, client, 30)
        return error

    error = run(gate, work)
    assert (error.status, error.code, error.retry_after) == (429, "rate_limit_exceeded", 30)
    assert used()[0] == 90


def test_without_a_key_each_address_has_characters_of_its_own(clock: Clock) -> None:
    gate = gate_with(clock, max_chars_per_minute=60)

    async def work() -> Refused:
        for address in ("192.0.2.1", "192.0.2.2"):
            async with gate.admit(ANYBODY, address, "anna") as lease:
                await lease.charge(60)
        return await refused(one_request(gate, ANYBODY, 1))

    assert run(gate, work).code == "rate_limit_exceeded"


def test_the_quota_of_a_month(new_key: NewKey) -> None:
    key, _ = new_key(max_characters_per_month=25)
    gate, client = gate_with(), client_of(key, max_characters_per_month=25)

    async def work() -> Refused:
        await one_request(gate, client, 10, "anna")
        await one_request(gate, client, 10, "bert")
        error = await refused(one_request(gate, client, 6))
        await one_request(gate, client, 5)
        return error

    error = run(gate, work)
    assert (error.status, error.code, error.retry_after) == (401, "quota_exceeded", None)
    assert "needs 6 characters, but only 5 of the" in error.message
    assert used(voice_id="anna") == (15, 3.0, 3, 1)


def test_a_whole_text_is_refused_before_any_of_it_is_spoken(new_key: NewKey) -> None:
    key, _ = new_key(max_characters_per_month=25)
    gate, client = gate_with(), client_of(key, max_characters_per_month=25)

    async def work() -> None:
        async with gate.admit(client, "a", "anna") as lease:
            assert (await refused(lease.reserve(26))).code == "quota_exceeded"
            await lease.reserve(25)
            await lease.charge(10)
            await lease.charge(15)
            assert (await refused(lease.charge(1))).code == "quota_exceeded"

    run(gate, work)
    assert used()[0] == 25


def test_what_was_reserved_and_not_spoken_is_given_back(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0])

    async def work() -> None:
        async with gate.admit(client, "a", "anna") as lease:
            await lease.reserve(100)
            await lease.charge(30)
            lease.spoke(2.0)

    run(gate, work)
    assert used() == (30, 2.0, 1, 0)


@pytest.mark.parametrize("limit", [None, 100])
def test_what_failed_costs_nothing_and_is_one_error(new_key: NewKey, limit: int | None) -> None:
    key, _ = new_key(max_characters_per_month=limit)
    gate, client = gate_with(), client_of(key, max_characters_per_month=limit)

    async def work() -> None:
        async with gate.admit(client, "a", "anna") as lease:
            await lease.charge(30)
            lease.spoke(2.0)
            await lease.charge(20)
            lease.failed()
            lease.failed()

    run(gate, work)
    assert used() == (30, 2.0, 1, 1)


# Streams on sockets


def test_a_socket_is_a_stream_only_from_text_to_the_end_of_the_turn(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], max_concurrent_streams=1)

    async def work() -> Refused:
        first, second = (gate.stream(gate.trust(client), "a", "anna") for _ in range(2))
        await first.charge(5)
        error = await refused(second.charge(5))
        second.failed()
        first.end_turn()
        await second.charge(5)
        second.end_turn()
        second.end_turn()
        return error

    assert run(gate, work).code == "too_many_concurrent_requests"
    assert not gate.streams
    assert used() == (10, 0.0, 3, 1)


def test_each_turn_on_a_socket_is_a_request(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], max_requests_per_second=1)

    async def work() -> Refused:
        stream = gate.stream(gate.trust(client), "a", "anna")
        await stream.charge(5)
        await stream.charge(5)
        stream.end_turn()
        return await refused(stream.charge(5))

    assert run(gate, work).code == "rate_limit_exceeded"


def test_a_key_that_is_disabled_is_noticed_on_an_open_socket(new_key: NewKey, clock: Clock) -> None:
    key, _ = new_key()
    gate = gate_with(clock)

    async def work() -> Refused:
        stream = gate.stream(gate.trust(client_of(key)), "a", "anna")
        await stream.charge(5)
        await ApiKey.objects.aupdate(enabled=False)
        await stream.charge(5)
        clock.now += TRUST_SECONDS + 1
        return await refused(stream.charge(5))

    assert run(gate, work).code == "invalid_api_key"


def test_a_key_that_is_disabled_is_noticed_in_a_response(new_key: NewKey, clock: Clock) -> None:
    key, _ = new_key()
    gate = gate_with(clock)

    async def work() -> Refused:
        async with gate.admit(client_of(key), "a", "anna") as lease:
            await lease.reserve(100)
            await lease.charge(5)
            await ApiKey.objects.aupdate(enabled=False)
            await lease.charge(5)
            clock.now += TRUST_SECONDS + 1
            return await refused(lease.charge(5))

    assert run(gate, work).code == "invalid_api_key"


@pytest.mark.parametrize(("pauses", "cost"), [([3.0], 45), ([0.01], 1), ([1.0, 0.5], 15 + 8), ([], 0)])
def test_silence_costs_what_speech_costs_that_takes_as_long(new_key: NewKey, pauses: list[float], cost: int) -> None:
    gate, client = gate_with(), client_of(new_key()[0])

    async def work() -> None:
        stream = gate.stream(gate.trust(client), "a", "anna")
        for pause in (0.0, *pauses):
            await stream.charge(0, pause=pause)

    run(gate, work)
    assert used() == (cost, 0.0, 1, 0)


def test_a_key_without_quota_hears_no_silence_either(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key(max_characters_per_month=0)[0], max_characters_per_month=0)

    async def work() -> Refused:
        return await refused(gate.stream(gate.trust(client), "a", "anna").charge(0, pause=0.1))

    assert run(gate, work).code == "quota_exceeded"


def test_the_last_use_of_a_key_is_written_with_the_usage(new_key: NewKey) -> None:
    key, other = new_key(name="used")[0], new_key(name="other")[0]
    gate = gate_with()

    async def work() -> None:
        gate.note_use(client_of(key))
        gate.note_use(ANYBODY)

    run(gate, work)
    assert ApiKey.objects.get(pk=key.pk).last_used_at is not None
    assert ApiKey.objects.get(pk=other.pk).last_used_at is None


# Forward mode


def listening(gate: Gate, client: Client, channel: str = "sess:1") -> ForwardMeter:
    return ForwardMeter(gate.stream(gate.trust(client), "a", "anna"), channel)


async def listen(meter: ForwardMeter, *seconds: float) -> None:
    """Until all of it has been heard."""
    await meter.begin()
    for part in seconds:
        await meter.pay(part)
        meter.delivered(part)


def test_forwarded_audio_costs_15_characters_for_each_begun_second(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0])

    async def work() -> None:
        meter = listening(gate, client)
        await listen(meter, *[0.06] * 50, 0.0, 1.0)
        meter.end()

    run(gate, work)
    characters, seconds, *counts = used()
    assert (characters, counts) == (4 * CHARACTERS_PER_SECOND, [1, 0])
    assert seconds == pytest.approx(4.0)


def test_listening_without_hearing_anything_costs_a_second(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0])

    async def work() -> None:
        meter = listening(gate, client)
        await listen(meter)
        meter.end()

    run(gate, work)
    assert used() == (CHARACTERS_PER_SECOND, 0.0, 1, 0)


def test_a_source_that_fails_at_once_costs_nothing(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0])

    async def work() -> None:
        meter = listening(gate, client)
        await listen(meter)
        meter.failed()
        meter.end()

    run(gate, work)
    assert used() == (0, 0.0, 1, 1)


def test_a_month_that_is_spent_ends_listening(new_key: NewKey) -> None:
    key, _ = new_key(max_characters_per_month=2 * CHARACTERS_PER_SECOND)
    gate, client = gate_with(), client_of(key, max_characters_per_month=2 * CHARACTERS_PER_SECOND)

    async def work() -> tuple[Refused, Refused]:
        meter = listening(gate, client)
        await listen(meter, 1.0, 1.0)
        in_the_middle = await refused(meter.pay(0.06))
        meter.end()
        return in_the_middle, await refused(listen(listening(gate, client)))

    assert [error.code for error in run(gate, work)] == ["quota_exceeded"] * 2
    assert used()[:2] == (2 * CHARACTERS_PER_SECOND, 2.0)


def test_listening_is_one_of_the_streams_of_a_key_from_its_beginning(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], max_concurrent_streams=1)

    async def work() -> Refused:
        meter = listening(gate, client)
        await listen(meter)
        error = await refused(one_request(gate, client))
        meter.end()
        await one_request(gate, client)
        return error

    assert run(gate, work).code == "too_many_concurrent_requests"
    assert not gate.streams


def test_listening_is_a_request(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], max_requests_per_second=1)

    async def work() -> Refused:
        await listen(listening(gate, client))
        return await refused(listen(listening(gate, client)))

    assert run(gate, work).code == "rate_limit_exceeded"


def test_a_channel_that_the_key_may_not_hear_costs_nothing(new_key: NewKey) -> None:
    gate, client = gate_with(), client_of(new_key()[0], forward_prefixes=("sess:2:",))
    assert run(gate, lambda: refused(listen(listening(gate, client)))).code == "missing_permissions"
    assert not DailyUsage.objects.exists()


def test_a_prefix_that_is_taken_away_is_noticed_while_somebody_listens(new_key: NewKey, clock: Clock) -> None:
    key, _ = new_key(forward_prefixes="sess:")
    gate = gate_with(clock)

    async def work() -> Refused:
        meter = listening(gate, client_of(key, forward_prefixes=key.channel_prefixes))
        await listen(meter, 1.0)
        await ApiKey.objects.aupdate(forward_prefixes="other:")
        await meter.pay(1.0)
        clock.now += TRUST_SECONDS + 1
        return await refused(meter.pay(0.06))

    assert run(gate, work).code == "missing_permissions"


def test_a_stream_that_lives_for_days_is_booked_to_each_of_them(
    new_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, client = gate_with(), client_of(new_key()[0])
    days = [datetime.date(2026, 11, 30), datetime.date(2026, 12, 1)]

    async def work() -> None:
        meter = listening(gate, client)
        for day in days:
            monkeypatch.setattr("streaming.access.gate.today", lambda day=day: day)
            await meter.begin()
            await meter.pay(1.5)

    run(gate, work)
    assert [used(day=day)[0] for day in days] == [2 * CHARACTERS_PER_SECOND, CHARACTERS_PER_SECOND]


def test_what_no_stream_has_begun_is_not_counted() -> None:
    gate = gate_with()
    stream = gate.stream(gate.trust(ANYBODY), "a", "anna")
    stream.spoke(1.0)
    stream.failed()
    run(gate, gate.close)
    assert not DailyUsage.objects.exists()


# Sockets


def test_sockets_of_an_address() -> None:
    gate = gate_with(max_sockets_per_address=2)
    seats = [gate.connect("192.0.2.1") for _ in range(4)]
    for seat in (*seats[:2], gate.connect("192.0.2.2")):
        seat.take_for(ANYBODY)
    with pytest.raises(Refused, match="address already has 2 open sockets") as caught:
        seats[2].take_for(ANYBODY)
    assert (caught.value.status, caught.value.code) == (429, "too_many_concurrent_requests")
    seats[0].leave()
    seats[0].leave()
    seats[2].take_for(ANYBODY)
    with pytest.raises(Refused):
        seats[3].take_for(ANYBODY)


def test_a_client_with_a_key_does_not_count_among_those_of_its_address(new_key: NewKey) -> None:
    gate, client = gate_with(max_sockets_per_address=1), client_of(new_key()[0])
    first, second, third = (gate.connect("192.0.2.1") for _ in range(3))
    first.take_for(ANYBODY)
    second.take_for(client)
    first.take_for(client)  # its key came in the first message
    third.take_for(ANYBODY)
    assert gate.sockets == {("address", "192.0.2.1"): 1, ("key", client.key_id): 2}


def test_sockets_of_a_key(new_key: NewKey) -> None:
    gate, client = gate_with(max_sockets_per_key=1), client_of(new_key()[0])
    first, second = gate.connect("a"), gate.connect("b")
    first.take_for(client)
    with pytest.raises(Refused, match="API key already has 1 open sockets"):
        second.take_for(client)
    second.take_for(ANYBODY)
    first.leave()
    second.take_for(client)
    second.leave()
    assert not gate.sockets


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
    ],
)
def test_what_one_client_is_told_by(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same
