"""An engine that is killed, stopped or slow while sessions speak and wait: each ends whole or with a clear error, none hears
another's sound, and nothing is left behind."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.live_server import write_settings
from benchmarks.stepping_engine import stepping_spec
from tests.live.client import Turn, receive_all, send
from tests.live.servers import WatchedServer
from tests.live.watched_server import command_with

pytestmark = pytest.mark.both_servers

SLOTS = 3
SESSIONS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the engine looks whether its steps are held."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, server_program: str, folder: Path) -> Iterator[WatchedServer]:
    """Some of its sessions speak at a time, the others wait; none of its steps is too long."""
    service = {"server": server_program, "engine_heartbeat_seconds": 5, "engine_step_seconds": 3600}
    settings = write_settings(
        tmp_path_factory.mktemp("faulty"), service=service | {"engine_wait_seconds": 600, "max_concurrency": SLOTS}
    )
    with WatchedServer(settings, command_with(stepping_spec(per_row=0.01, slots=SLOTS, folder=folder))) as live:
        yield live


async def session(server: WatchedServer, number: int) -> Turn:
    async with server.connect(query=f"?model_id=x&output_format=pcm_24000&seed={number}") as socket:
        await send(socket, text=f"This is what session number {number} says, and nobody else. ", flush=True)
        await send(socket, text="")
        return await receive_all(socket)


async def until(server: WatchedServer, condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(server.wait_until, condition)


async def turns_around(server: WatchedServer, fault: Callable[[], None], cure: Callable[[], None]) -> list[Turn]:
    """All sessions at once; the `fault` comes when some speak and the others wait, the `cure` as soon as the server is not
    ready."""

    def is_busy() -> bool:
        engine = server.readiness()["engine"]
        return bool((engine["running"], engine["waiting"]) == (SLOTS, SESSIONS - SLOTS))

    sessions = [asyncio.create_task(session(server, number)) for number in range(SESSIONS)]
    await until(server, is_busy)
    fault()
    await until(server, lambda: not server.readiness()["ready"])
    cure()
    return await asyncio.gather(*sessions)


async def failures(server: WatchedServer, turns: list[Turn]) -> list[str]:
    """The errors of those that failed. Every session has heard what it hears alone, or the beginning of that."""
    failed = []
    for number, turn in enumerate(turns):
        alone = (await session(server, number)).pcm
        assert len(alone)
        if turn.error:
            failed.append(turn.error["error"])
            assert turn.close_code == 1011
            assert (alone[: len(turn.pcm)] == turn.pcm).all()
        else:
            assert (turn.is_final, turn.close_code) == (True, 1000)
            assert alone.tobytes() == turn.pcm.tobytes()
    return failed


def nothing() -> None:
    """It is cured by the server."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_an_engine_that_is_lost_takes_only_what_it_was_speaking(faulty: WatchedServer, how: int) -> None:
    await until(faulty, lambda: faulty.readiness()["ready"])
    held = await asyncio.to_thread(faulty.wait_until_idle)
    [pid] = faulty.engine_pids()
    turns = await turns_around(faulty, lambda: os.kill(pid, how), nothing)
    assert await failures(faulty, turns) == ["engine_failed"] * SLOTS
    await asyncio.to_thread(faulty.wait_until_idle, held)
    assert faulty.engine_pids() != [pid]
    assert not Path(f"/proc/{pid}").exists()


async def test_an_engine_that_is_slow_takes_nothing(faulty: WatchedServer, folder: Path) -> None:
    await until(faulty, lambda: faulty.readiness()["ready"])
    held = await asyncio.to_thread(faulty.wait_until_idle)
    pids, hold = faulty.engine_pids(), folder / "hold-step"
    turns = await turns_around(faulty, hold.touch, hold.unlink)
    assert await failures(faulty, turns) == []
    await asyncio.to_thread(faulty.wait_until_idle, held)
    assert faulty.engine_pids() == pids


async def test_one_that_is_stopped_while_nobody_speaks_is_noticed(faulty: WatchedServer) -> None:
    await until(faulty, lambda: faulty.readiness()["ready"])
    [pid] = faulty.engine_pids()
    os.kill(pid, signal.SIGSTOP)
    await until(faulty, lambda: faulty.readiness()["engine"]["state"] == "unresponsive")
    await until(faulty, lambda: faulty.readiness()["ready"])
    assert faulty.engine_pids() != [pid]
    assert (await session(faulty, 1)).is_final
