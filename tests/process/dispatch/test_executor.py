"""The executor on the real engine in its real process."""

import asyncio
import gc
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count, pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from streaming.dispatch.engine_process import EngineSpec, EngineState
from streaming.dispatch.executor import Executor, Place, SpeechStream
from streaming.dispatch.heartbeat import HeartbeatLimits
from streaming.dispatch.waiting_line import Outage
from streaming.engine.contract import PcmChunk, SpeechRequest
from streaming.errors import EngineFailed, EngineUnavailable, Overloaded, SpeechError

# An executor reports to the event loop on which it was started: the tests that share one share the loop, too.
pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_RUNNING = 2
MAX_WAITING = 3
# About a minute of speech: it cannot be over by accident.
LONG = "The weather is fine today, and the birds are singing in the trees. " * 15
# Only the limit of silence decides here.
UNHURRIED = HeartbeatLimits(600.0, 600.0)
ids = count()


def sound(chunks: list[PcmChunk]) -> bytes:
    return b"".join(chunk.samples.tobytes() for chunk in chunks)


def request(text: str = "Hello.") -> SpeechRequest:
    return SpeechRequest(str(next(ids)), text, seed=1)


def make_executor(*, max_running: int = MAX_RUNNING, max_waiting: int = MAX_WAITING, silence: float = 60) -> Executor:
    spec = EngineSpec("demo", {"threads": max_running})
    return Executor(
        spec,
        max_running=max_running,
        max_waiting=max_waiting,
        silence_limit=silence,
        heartbeat=UNHURRIED,
        away_limit=600,
    )


async def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def is_idle(executor: Executor) -> bool:
    return executor.status.running == executor.status.waiting == 0


async def listen(stream: SpeechStream) -> list[PcmChunk]:
    return [chunk async for chunk in stream]


async def ending(stream: SpeechStream) -> str:
    """How the stream ended, within a time that no test needs."""
    try:
        async with asyncio.timeout(60):
            await listen(stream)
    except SpeechError as error:
        return type(error).__name__
    return "finished"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Executor]:
    executor = make_executor()
    executor.start()
    yield executor
    await asyncio.to_thread(executor.stop)


@pytest_asyncio.fixture(loop_scope="module")
async def executor(shared: Executor) -> AsyncIterator[Executor]:
    """A ready executor, handed back with nothing running."""
    await until(lambda: shared.status.is_ready)
    yield shared
    await until(lambda: is_idle(shared))


@pytest_asyncio.fixture(loop_scope="module")
async def own_executor() -> AsyncIterator[Executor]:
    """One generation at once, and the test may damage it."""
    async with started(make_executor(max_running=1)) as executor:
        yield executor


@pytest_asyncio.fixture(loop_scope="module")
async def impatient() -> AsyncIterator[Executor]:
    """The same, and an engine may be silent for a few seconds only."""
    async with started(make_executor(max_running=1, silence=5)) as executor:
        yield executor


@asynccontextmanager
async def started(executor: Executor) -> AsyncIterator[Executor]:
    executor.start()
    await until(lambda: executor.status.is_ready)
    yield executor
    if pid := executor.engine_pid:
        wake(pid)
    await asyncio.to_thread(executor.stop)


def wake(pid: int) -> None:
    if Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGCONT)


async def test_a_stream_speaks_its_chunks_and_ends(executor: Executor) -> None:
    chunks = await listen(executor.speak(request("Hello there. How are you today?")))
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert sum(len(chunk.samples) for chunk in chunks) > executor.speak(request()).sample_rate


async def test_by_default_as_many_run_as_the_engine_says() -> None:
    executor = Executor(EngineSpec("demo", {"threads": 3}), max_running=None, max_waiting=8)
    assert executor.status.processes[0].slots == 0
    executor.start()
    await until(lambda: executor.status.is_ready)
    streams = [executor.speak(request(LONG)) for _ in range(5)]
    assert (executor.status.running, executor.status.waiting) == (3, 2)
    assert executor.status.processes[0].slots == 3
    for stream in streams:
        await stream.aclose()
    await asyncio.to_thread(executor.stop)


async def test_running_and_waiting_are_bounded_and_the_rest_is_refused(executor: Executor) -> None:
    streams = [executor.speak(request(LONG)) for _ in range(MAX_RUNNING + MAX_WAITING)]
    assert (executor.status.running, executor.status.waiting) == (MAX_RUNNING, MAX_WAITING)
    with pytest.raises(Overloaded, match="3 utterances are waiting"):
        executor.speak(request())
    for stream in streams:
        await stream.aclose()


async def test_a_speech_that_has_begun_is_not_refused_in_the_middle(executor: Executor) -> None:
    streams = [executor.speak(request(LONG)) for _ in range(MAX_RUNNING + MAX_WAITING)]
    streams.append(executor.speak(request(), continues=True))
    assert executor.status.waiting == MAX_WAITING + 1
    for stream in streams:
        await stream.aclose()


async def test_without_a_line_the_slots_are_all_there_is() -> None:
    executor = make_executor(max_running=1, max_waiting=0)
    executor.start()
    await until(lambda: executor.status.is_ready)
    stream = executor.speak(request(LONG))
    with pytest.raises(Overloaded):
        executor.speak(request())
    await stream.aclose()
    await until(lambda: is_idle(executor))
    await listen(executor.speak(request()))
    await asyncio.to_thread(executor.stop)


async def test_first_come_first_served(executor: Executor) -> None:
    order: list[int] = []

    async def note(index: int, stream: SpeechStream) -> None:
        await anext(stream)
        order.append(index)
        await stream.aclose()

    blocking = [executor.speak(request(LONG)) for _ in range(MAX_RUNNING - 1)]
    tasks = [note(n, executor.speak(request("Good morning, my friend."))) for n in range(1 + MAX_WAITING)]
    await asyncio.gather(*tasks)
    for stream in blocking:
        await stream.aclose()
    assert order == sorted(order)


async def test_the_newest_stream_of_a_client_goes_first_in_the_places_that_it_has(own_executor: Executor) -> None:
    order: list[str] = []

    async def note(name: str, stream: SpeechStream) -> None:
        order.extend([name async for chunk in stream if chunk.last])

    mine, theirs = object(), object()
    running = own_executor.speak(request(LONG))
    places = {"old": Place(mine, 1), "other": Place(theirs, 0), "new": Place(mine, 2)}
    waiting = [note(name, own_executor.speak(request(), place=place)) for name, place in places.items()]
    await running.aclose()
    await asyncio.gather(*waiting)
    assert order == ["new", "other", "old"]


async def test_the_utterances_of_one_stream_stay_in_order(own_executor: Executor) -> None:
    running, client = own_executor.speak(request(LONG)), object()
    streams = [own_executor.speak(request(), place=Place(client, 1)) for _ in range(3)]
    await running.aclose()
    for index, stream in enumerate(streams):
        await listen(stream)
        assert not any(later.is_generated for later in streams[index + 2 :])


async def test_cancelling_in_the_line_leaves_it_at_once(executor: Executor) -> None:
    running = [executor.speak(request(LONG)) for _ in range(MAX_RUNNING)]
    waiting = executor.speak(request())
    await waiting.aclose()
    assert (executor.status.running, executor.status.waiting) == (MAX_RUNNING, 0)
    for stream in running:
        await stream.aclose()


async def test_a_cancelled_generation_holds_its_slot_until_the_engine_lets_go(executor: Executor) -> None:
    stream = executor.speak(request(LONG))
    await anext(stream)
    await stream.aclose()
    assert executor.status.running == 1
    await until(lambda: is_idle(executor), 5)  # the whole text would take longer than the step


async def test_a_closed_stream_is_over_and_may_be_closed_again(executor: Executor) -> None:
    stream = executor.speak(request(LONG))
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert await listen(stream) == []


async def test_closing_a_stream_releases_who_is_waiting_for_its_next_chunk(executor: Executor) -> None:
    blocking = [executor.speak(request(LONG)) for _ in range(MAX_RUNNING)]
    waiting = executor.speak(request())
    listener = asyncio.create_task(listen(waiting))
    await asyncio.sleep(0)
    await waiting.aclose()
    done, _ = await asyncio.wait([listener], timeout=5)
    listener.cancel()
    for stream in blocking:
        await stream.aclose()
    assert done


async def test_a_slot_is_freed_although_nobody_fetches_the_chunks(executor: Executor) -> None:
    text = "Hello there. How are you today? I am very well."
    unheard = [executor.speak(request(text)) for _ in range(MAX_RUNNING)]
    await listen(executor.speak(request()))
    await until(lambda: is_idle(executor))
    assert all(stream.is_generated and stream.queued_seconds > 1 for stream in unheard)
    for stream in unheard:
        assert (await listen(stream))[-1].last
        assert stream.queued_seconds == pytest.approx(0, abs=1e-6)


async def test_what_cannot_be_sent_to_the_engine_costs_no_slot(own_executor: Executor) -> None:
    with suppress(SpeechError, ValueError):
        await listen(own_executor.speak(SpeechRequest("1", "Hello.", language="\ud800")))
    assert is_idle(own_executor)


async def test_while_the_engine_starts_nothing_is_taken() -> None:
    executor = make_executor()
    with pytest.raises(EngineUnavailable):
        executor.speak(request())
    executor.start()
    with pytest.raises(EngineUnavailable):
        executor.speak(request())
    await asyncio.to_thread(executor.stop)


async def test_a_killed_process_fails_who_runs_and_who_waits_is_served_by_the_next(own_executor: Executor) -> None:
    alone = await listen(own_executor.speak(request()))
    running = own_executor.speak(request(LONG))
    waiting = [own_executor.speak(request()) for _ in range(2)]
    await anext(running)
    os.kill(own_executor.engine_pid or 0, signal.SIGKILL)
    assert await ending(running) == "EngineFailed"
    assert (own_executor.status.running, own_executor.status.waiting) == (0, 2)
    with pytest.raises(EngineUnavailable):
        own_executor.speak(request())
    goes_on = own_executor.speak(request(), continues=True)
    for stream in [*waiting, goes_on]:
        assert sound(await listen(stream)) == sound(alone)
    assert own_executor.status.restarts == 1


async def test_who_waits_for_an_engine_that_does_not_come_back_is_told_so(
    own_executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_executor, "_outage", Outage(0.2, own_executor._give_up))
    running, waiting = own_executor.speak(request(LONG)), own_executor.speak(request())
    await anext(running)
    [engine] = own_executor._engines
    monkeypatch.setattr(engine.process, "_spec", EngineSpec("no such engine"))
    os.kill(own_executor.engine_pid or 0, signal.SIGKILL)
    assert await ending(running) == "EngineFailed"
    assert await ending(waiting) == "EngineUnavailable"
    assert is_idle(own_executor)
    with pytest.raises(EngineUnavailable):
        own_executor.speak(request(), continues=True)


async def test_an_engine_that_hangs_with_a_listener_is_replaced(impatient: Executor) -> None:
    os.kill(impatient.engine_pid or 0, signal.SIGSTOP)
    streams = [impatient.speak(request()) for _ in range(2)]
    with pytest.raises(EngineFailed):
        await listen(streams[0])
    assert await ending(streams[1]) == "finished"
    assert impatient.status.restarts == 1


async def test_an_engine_that_hangs_after_its_listener_left_is_replaced(impatient: Executor) -> None:
    """The slot of a client that hung up is held by an engine that does not hear the cancel."""
    os.kill(impatient.engine_pid or 0, signal.SIGSTOP)
    await impatient.speak(request()).aclose()
    waiting = impatient.speak(request())
    assert await ending(waiting) == "finished"
    assert impatient.status.restarts == 1


async def test_waiting_in_line_for_longer_than_the_silence_limit_is_no_fault(impatient: Executor) -> None:
    """The one that speaks is silent now and then, together for longer than the limit."""
    first, second = impatient.speak(request(LONG)), impatient.speak(request())
    await anext(first)
    for _ in range(5):
        os.kill(impatient.engine_pid or 0, signal.SIGSTOP)
        await asyncio.sleep(1.2)
        os.kill(impatient.engine_pid or 0, signal.SIGCONT)
        await anext(first)
    assert impatient.status.waiting == 1
    chunks, _ = await asyncio.gather(listen(first), listen(second))
    assert chunks[-1].last
    assert impatient.status.restarts == 0


async def test_stopping_ends_every_stream(own_executor: Executor) -> None:
    streams = [own_executor.speak(request(LONG)) for _ in range(3)]
    await anext(streams[0])
    await asyncio.to_thread(own_executor.stop)
    for stream in streams:
        assert await ending(stream) in ("EngineFailed", "EngineUnavailable", "finished")


async def test_stopping_leaves_no_process(own_executor: Executor) -> None:
    pid = own_executor.engine_pid
    await asyncio.to_thread(own_executor.stop)
    assert own_executor.status.state is EngineState.STOPPED
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(EngineUnavailable):
        own_executor.speak(request())


async def client(executor: Executor, moment: random.Random) -> None:
    """Asks for something short, listens to some of it, or leaves before anything came."""
    while True:
        try:
            stream = executor.speak(request(moment.choice(("Hi.", "Hello there.", "One, two, three. And four."))))
        except Overloaded:
            await asyncio.sleep(0.002)
        else:
            break
    listener = asyncio.create_task(listen(stream))
    if moment.random() < 0.6:
        await asyncio.wait([listener], timeout=moment.choice((0, 0.001, 0.01, 0.05, 0.2)))
        listener.cancel()
        await asyncio.wait([listener])
        await stream.aclose()
    else:
        await listener


async def crowd(executor: Executor, *, size: int, seed: int) -> None:
    moment = random.Random(seed)
    async with asyncio.timeout(60):
        for _ in range(size // 10):
            await asyncio.gather(*(client(executor, moment) for _ in range(10)))
    await until(lambda: is_idle(executor))


def resident_megabytes(pid: int) -> float:
    gc.collect()
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


async def test_many_requests_with_cancels_at_any_moment_leave_nothing_behind(executor: Executor) -> None:
    tasks = asyncio.all_tasks()
    pids = [os.getpid(), executor.engine_pid or 0]
    await crowd(executor, size=40, seed=1)
    resident = [[resident_megabytes(pid) for pid in pids]]
    for seed in (2, 3, 4):
        await crowd(executor, size=40, seed=seed)
        resident.append([resident_megabytes(pid) for pid in pids])
    for megabytes in zip(*resident, strict=True):
        # What is never given back makes a process grow in every round, and an allocator in one or the other.
        assert min(after - before for before, after in pairwise(megabytes)) < 8
    assert asyncio.all_tasks() == tasks
    assert executor.status.restarts == 0
    assert (await listen(executor.speak(request())))[-1].last
