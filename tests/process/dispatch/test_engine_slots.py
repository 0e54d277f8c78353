"""Several engine processes under one executor, and voices prepared in them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from streaming.dispatch.engine_process import EngineSpec, EngineState
from streaming.dispatch.executor import Executor, SpeechStream
from streaming.engine import framing
from streaming.engine.contract import PcmChunk, SpeechRequest, VoiceRef
from streaming.errors import EngineFailed, EngineUnavailable, Overloaded
from tests.process.engine.cloning_engine import TOO_SHORT, cloning_spec, conditioning_of, level_of, noted

BROKEN = EngineSpec("no such engine")
RECORDING = bytes(60_000)
VOICE = VoiceRef("key", (RECORDING,))
# Seconds that no engine is silent for, however busy the machine is.
PATIENT = 600.0
ids = count()


def request(conditioning: bytes = b"anybody") -> SpeechRequest:
    return SpeechRequest(str(next(ids)), "Hello.", VoiceRef("key", conditioning=conditioning))


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def listen(stream: SpeechStream) -> list[PcmChunk]:
    async with asyncio.timeout(20):
        return [chunk async for chunk in stream]


def running(executor: Executor) -> list[int]:
    return [process.running for process in executor.status.processes]


def preparing(executor: Executor) -> list[int]:
    return [process.preparing for process in executor.status.processes]


def states(executor: Executor) -> list[EngineState]:
    return [process.state for process in executor.status.processes]


async def end(task: "asyncio.Task[bytes]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Engines:
    """The executors of one test, with the files that steer their engines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Executor] = []

    async def start(
        self, *specs: EngineSpec, max_running: int = 1, max_waiting: int = 8, silence_limit: float = PATIENT
    ) -> Executor:
        """Ready; without `specs` one process."""
        chosen = specs or (cloning_spec(self.folder),)
        executor = Executor(chosen, max_running=max_running, max_waiting=max_waiting, silence_limit=silence_limit)
        self.made.append(executor)
        executor.start()
        good = sum(spec is not BROKEN for spec in chosen)
        await until(lambda: states(executor).count(EngineState.READY) == good)
        return executor

    async def two(self, *, max_running: int = 1, max_waiting: int = 8) -> Executor:
        spec = cloning_spec(self.folder)
        return await self.start(spec, spec, max_running=max_running, max_waiting=max_waiting)

    def hold(self, what: str) -> Path:
        path = self.folder / f"hold-{what}"
        path.touch()
        return path

    def noted(self, did: str) -> int:
        return len(noted(self.folder, did))

    async def stop(self) -> None:
        for executor in self.made:
            for pid in executor.engine_pids:
                with suppress(ProcessLookupError):
                    os.kill(pid or 0, signal.SIGCONT)
            await asyncio.to_thread(executor.stop)


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[Engines]:
    engines = Engines(tmp_path)
    yield engines
    await engines.stop()


async def test_requests_go_where_most_slots_are_free(engines: Engines) -> None:
    executor = await engines.two(max_running=2)
    release = engines.hold("speech")
    streams = [executor.speak(request()) for _ in range(5)]
    assert (running(executor), executor.status.running, executor.status.waiting) == ([2, 2], 4, 1)
    release.unlink()
    assert [len(await listen(stream)) for stream in streams] == [1] * 5


async def test_of_equals_each_has_its_turn(engines: Engines) -> None:
    executor = await engines.two()
    for _ in range(4):
        await listen(executor.speak(request()))
        await until(lambda: running(executor) == [0, 0])
    pids = [note["pid"] for note in noted(engines.folder, "speak")]
    assert pids == executor.engine_pids * 2


async def test_all_slots_of_all_processes_and_the_line_are_the_limit(engines: Engines) -> None:
    executor = await engines.two(max_waiting=1)
    engines.hold("speech")
    for _ in range(3):
        executor.speak(request())
    with pytest.raises(Overloaded):
        executor.speak(request())


async def test_a_process_that_dies_takes_only_its_share_with_it(engines: Engines) -> None:
    executor = await engines.two()
    release = engines.hold("speech")
    streams = [executor.speak(request()) for _ in range(3)]
    os.kill(executor.engine_pids[0] or 0, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        await listen(streams[0])
    assert executor.status.is_ready
    assert running(executor) == [0, 1]
    release.unlink()
    assert [len(await listen(stream)) for stream in streams[1:]] == [1, 1]


async def test_a_process_that_comes_back_takes_from_the_line(engines: Engines) -> None:
    executor = await engines.two()
    engines.hold("speech")
    os.kill(executor.engine_pids[1] or 0, signal.SIGKILL)
    await until(lambda: states(executor)[1] is EngineState.RESTARTING)
    for _ in range(2):
        executor.speak(request())
    assert (running(executor), executor.status.waiting) == ([1, 0], 1)
    await until(lambda: running(executor) == [1, 1])
    assert (executor.status.waiting, executor.status.restarts) == (0, 1)


async def test_when_all_have_died_the_line_waits_for_the_next(engines: Engines) -> None:
    executor = await engines.two()
    release = engines.hold("speech")
    streams = [executor.speak(request()) for _ in range(3)]
    for pid in executor.engine_pids:
        os.kill(pid or 0, signal.SIGKILL)
    for stream in streams[:2]:
        with pytest.raises(EngineFailed):
            await listen(stream)
    release.unlink()
    assert len(await listen(streams[2])) == 1


async def test_stopping_does_not_let_the_line_wait(engines: Engines) -> None:
    executor = await engines.start()
    engines.hold("speech")
    streams = [executor.speak(request()) for _ in range(3)]
    await asyncio.to_thread(executor.stop)
    for stream in streams[1:]:
        with pytest.raises(EngineFailed):
            await listen(stream)


async def test_one_process_that_is_ready_is_enough(engines: Engines) -> None:
    executor = await engines.start(BROKEN, cloning_spec(engines.folder))
    await until(lambda: executor.status.processes[0].error is not None)
    assert executor.status.is_ready
    assert executor.status.info == executor.status.processes[1].info
    assert "no such engine" in (executor.status.error or "")
    assert len(await listen(executor.speak(request()))) == 1


async def test_stopping_ends_all_of_them(engines: Engines) -> None:
    executor = await engines.two()
    pids = executor.engine_pids
    await asyncio.to_thread(executor.stop)
    assert states(executor) == [EngineState.STOPPED] * 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


async def test_who_waits_for_an_engine_hears_when_there_is_one(engines: Engines) -> None:
    executor = Executor(cloning_spec(engines.folder), max_running=1, max_waiting=1)
    engines.made.append(executor)
    waiting = [asyncio.create_task(executor.ready()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    executor.start()
    assert (await asyncio.wait_for(waiting[1], 20)).name == "cloning"
    assert (await executor.ready()).clones


async def test_a_voice_is_prepared_and_speaks_with_its_own_sound(engines: Engines) -> None:
    executor = await engines.start()
    conditioning = await executor.prepare(VOICE)
    assert conditioning == conditioning_of(VOICE.clips)
    [chunk] = await listen(executor.speak(request(conditioning)))
    assert chunk.samples == pytest.approx(level_of(conditioning))


async def test_equal_keys_at_the_same_time_are_prepared_once(engines: Engines) -> None:
    executor = await engines.start()
    other = VoiceRef("other", (bytes(70_000),))
    voices = [VOICE, other, VOICE, VOICE]
    prepared = await asyncio.gather(*map(executor.prepare, voices))
    assert prepared == [conditioning_of(voice.clips) for voice in voices]
    assert engines.noted("prepare") == 2


async def test_a_process_prepares_one_voice_at_a_time(engines: Engines) -> None:
    executor = await engines.two()
    release = engines.hold("preparation")
    tasks = [asyncio.create_task(executor.prepare(VoiceRef(str(n), (RECORDING,)))) for n in range(3)]
    await until(lambda: engines.noted("prepare") == 2)
    assert preparing(executor) == [1, 1]
    release.unlink()
    assert await asyncio.gather(*tasks) == [conditioning_of((RECORDING,))] * 3


async def test_a_preparation_takes_no_slot(engines: Engines) -> None:
    executor = await engines.start(max_running=1)
    release = engines.hold("preparation")
    task = asyncio.create_task(executor.prepare(VOICE))
    await until(lambda: preparing(executor) == [1])
    assert len(await listen(executor.speak(request()))) == 1
    release.unlink()
    assert await task


async def test_recordings_that_the_engine_refuses_fail_with_its_words(engines: Engines) -> None:
    executor = await engines.start()
    with pytest.raises(EngineFailed, match=f"^{TOO_SHORT}$"):
        await executor.prepare(VoiceRef("key", (bytes(10),)))
    assert await executor.prepare(VOICE)


async def test_recordings_that_are_too_much_for_a_frame_are_refused(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = await engines.start()
    monkeypatch.setattr(framing, "LARGEST_FRAME", 50_000)
    with pytest.raises(EngineFailed, match="cannot be sent to the engine: 0 MB are more than"):
        await executor.prepare(VOICE)
    assert preparing(executor) == [0]


async def test_without_an_engine_nothing_is_prepared(tmp_path: Path) -> None:
    executor = Executor(cloning_spec(tmp_path), max_running=1, max_waiting=1)
    with pytest.raises(EngineUnavailable):
        await executor.prepare(VOICE)


async def test_a_process_that_dies_ends_its_preparations_and_the_next_makes_those_in_line(engines: Engines) -> None:
    executor = await engines.start()
    release = engines.hold("preparation")
    tasks = [asyncio.create_task(executor.prepare(VoiceRef(str(n), (RECORDING,)))) for n in range(2)]
    await until(lambda: engines.noted("prepare") == 1)
    os.kill(executor.engine_pid or 0, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        await tasks[0]
    release.unlink()
    assert await tasks[1] == conditioning_of((RECORDING,))


async def test_an_engine_that_hangs_while_it_prepares_is_replaced(engines: Engines) -> None:
    executor = await engines.start(silence_limit=2.0)
    os.kill(executor.engine_pid or 0, signal.SIGSTOP)
    with pytest.raises(EngineFailed):
        await asyncio.wait_for(executor.prepare(VOICE), 60)
    await executor.ready()
    assert executor.status.restarts == 1


async def test_who_leaves_while_a_voice_is_prepared_leaves_nothing_behind(engines: Engines) -> None:
    executor = await engines.start()
    tasks = asyncio.all_tasks()
    release = engines.hold("preparation")
    prepared = asyncio.create_task(executor.prepare(VOICE))
    await until(lambda: engines.noted("prepare") == 1)
    waiting = asyncio.create_task(executor.prepare(VoiceRef("other", (RECORDING,))))
    await asyncio.sleep(0.1)
    await end(waiting)
    await end(prepared)
    release.unlink()
    await until(lambda: preparing(executor) == [0])
    assert asyncio.all_tasks() == tasks
    assert await executor.prepare(VoiceRef("third", (RECORDING,)))
    assert engines.noted("prepare") == 2
