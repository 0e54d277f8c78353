"""Admission on a real engine process whose steps take the longer the more rows they have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from benchmarks.stepping_engine import sound_of, stepping_spec
from streaming.dispatch.executor import Executor, SpeechStream
from streaming.dispatch.heartbeat import HeartbeatLimits
from streaming.engine.contract import PcmChunk, SpeechRequest
from streaming.errors import Overloaded

# Of a step of 50 ms of sound: four rows take 80 % of real time, five all of it.
PER_ROW = 0.01
SECONDS = 20.0
ids = count()

Make = Callable[..., Awaitable[Executor]]


def request(seconds: float = SECONDS) -> SpeechRequest:
    number = next(ids)
    return SpeechRequest(str(number), "x" * round(seconds / 0.06), seed=number)


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Executor] = []

    async def start(*, max_load: float | None = 0.9, first_step: float = 0.0, slots: int = 16) -> Executor:
        spec = stepping_spec(per_row=PER_ROW, slots=slots, first_step=first_step)
        patient = HeartbeatLimits(600.0, 600.0)
        made.append(Executor(spec, max_running=None, max_waiting=64, heartbeat=patient, max_load=max_load))
        made[-1].start()
        await made[-1].ready()
        return made[-1]

    yield start
    for executor in made:
        await asyncio.to_thread(executor.stop)


async def hear(stream: SpeechStream, chunks: int) -> None:
    for _ in range(chunks):
        await anext(stream)


async def rest(stream: SpeechStream) -> list[PcmChunk]:
    return [chunk async for chunk in stream]


async def admitted(executor: Executor, most: int) -> list[SpeechStream]:
    """One after the other, as long as they come in; each is heard before the next one comes."""
    streams = []
    try:
        for _ in range(most):
            streams.append(executor.speak(request()))
            await asyncio.gather(*(hear(stream, 4) for stream in streams))
    except Overloaded:
        pass
    return streams


async def test_no_more_come_in_than_can_be_spoken_in_real_time(make: Make) -> None:
    executor = await make()
    streams = await admitted(executor, 12)
    assert 1 <= len(streams) <= 4
    with pytest.raises(Overloaded, match="in real time"):
        executor.speak(request())
    # What has begun goes on.
    following = executor.speak(request(0.5), continues=True)
    assert (await rest(following))[-1].last
    for stream in streams:
        await stream.aclose()
    assert executor.load is not None


async def test_without_admission_all_come_in(make: Make) -> None:
    streams = await admitted(await make(max_load=None), 6)
    assert len(streams) == 6


async def test_who_leaves_makes_room(make: Make) -> None:
    executor = await make()
    streams = await admitted(executor, 12)
    for stream in streams:
        await stream.aclose()
    while executor.status.running:
        await asyncio.sleep(0.01)
    again = request(0.5)
    chunks = await rest(executor.speak(again))
    assert b"".join(chunk.samples.tobytes() for chunk in chunks) == sound_of(again).tobytes()


async def test_a_slow_first_step_keeps_nobody_out(make: Make) -> None:
    executor = await make(first_step=1.0)
    first = executor.speak(request())
    await hear(first, 2)
    second = executor.speak(request(0.5))
    assert (await rest(second))[-1].last
    await first.aclose()


async def test_a_burst_before_anything_is_measured_begins_little_by_little(make: Make) -> None:
    executor = await make()
    streams = [executor.speak(request(2.0)) for _ in range(10)]
    assert (executor.status.running, executor.status.waiting) == (4, 6)
    most = 0

    async def listen(stream: SpeechStream) -> None:
        nonlocal most
        async for _ in stream:
            most = max(most, executor.status.running)

    await asyncio.gather(*map(listen, streams))
    assert 4 <= most <= 5


async def test_an_engine_that_bears_more_is_given_more(make: Make) -> None:
    """At 0.2 ms a row, each of a hundred streams would be spoken in less than half of its time."""
    spec = stepping_spec(per_row=0.0002, slots=32)
    executor = Executor(spec, max_running=None, max_waiting=64, heartbeat=HeartbeatLimits(600.0, 600.0), max_load=0.9)
    executor.start()
    try:
        await executor.ready()
        streams = [executor.speak(request(4.0)) for _ in range(20)]
        assert executor.status.waiting == 16
        heard = await asyncio.gather(*map(rest, streams))
        assert all(chunks[-1].last for chunks in heard)
    finally:
        await asyncio.to_thread(executor.stop)
