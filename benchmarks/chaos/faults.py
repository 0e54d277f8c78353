"""What is broken, how it is mended, and which errors a client may see of it meanwhile."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.chaos.nodes import Node, start
from benchmarks.chaos.outcomes import ABORTED, CUT, REFUSED
from benchmarks.chaos.site import Site
from tests.live.locked_database import locked_database
from tests.system.small_disk import fill

ENGINE_ERRORS = frozenset({"engine_failed", "engine_unavailable", ABORTED})
# The next process listens before its engine is ready.
DRAIN_ERRORS = frozenset({"server_shutdown", "server_draining", "engine_unavailable", REFUSED, ABORTED})
KILL_ERRORS = frozenset({"engine_unavailable", REFUSED, CUT, ABORTED})
REDIS_ERRORS = frozenset({"audio_source_lost"})
DATABASE_ERRORS = frozenset({"database_unavailable"})
DISK_ERRORS = frozenset({"storage_full", "recording_not_stored", "database_unavailable"})
NOTHING: frozenset[str] = frozenset()

Act = Callable[[Site, Node, random.Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`node`: the only one that may notice; None: all. `weight`: how often it comes, against the others."""

    name: str
    act: Act
    errors: frozenset[str]
    node: str | None = None
    weight: int = 2

    @property
    def is_of_foundations(self) -> bool:
        """Whether a server starts in it, or what a server needs for its start is away."""
        return self.name.startswith(("Redis", "database", "disk", "server mortal"))


@dataclass(slots=True)
class Struck:
    """A fault of this run. `end`: when a fresh session was heard whole; `recovery`: seconds for that from when the fault was
    mended, as far as it was (an engine that is gone mends itself: from when it went). `is_over`: when it was mended and, if
    it is of one node, that was ready again: nobody is heard there before."""

    fault: Fault
    begin: float
    end: float = float("inf")
    recovery: float | None = None
    is_over: float = float("inf")

    def disturbs(self, other: "Struck") -> bool:
        return self is not other and (
            None in (self.fault.node, other.fault.node) or self.fault.node == other.fault.node
        )

    def explains(self, error: str, node: str, begin: float, end: float) -> bool:
        is_near = self.begin <= end and begin <= self.end
        return is_near and error in self.fault.errors and self.fault.node in (None, node)


@dataclass
class Chronicle:
    """All faults of a run."""

    struck: list[Struck] = field(default_factory=list)

    def begin(self, fault: Fault) -> Struck:
        self.struck.append(Struck(fault, time.monotonic()))
        return self.struck[-1]

    def undisturbed(self, struck: Struck, since: float, until: float) -> float:
        """The seconds of that time in which no other fault was in the way of this one's recovery."""
        seconds, reached = 0.0, since
        for other in sorted((each for each in self.struck if each.disturbs(struck)), key=lambda each: each.begin):
            seconds += max(0.0, min(other.begin, until) - reached)
            reached = max(reached, min(other.is_over, until))
        return seconds + until - reached

    def explains(self, error: str, node: str, begin: float, end: float) -> bool:
        return any(each.explains(error, node, begin, end) for each in self.struck)


async def kill_engine(site: Site, node: Node, random_: random.Random) -> None:
    node.signal_engine(signal.SIGKILL)


async def hang_engine(site: Site, node: Node, random_: random.Random) -> None:
    """Until the server has replaced it."""
    stopped = node.signal_engine(signal.SIGSTOP)
    try:
        async with asyncio.timeout(120):
            while set(stopped) & set(node.engine_pids()):
                await asyncio.sleep(0.1)
    finally:
        for pid in set(stopped) & set(node.engine_pids()):
            os.kill(pid, signal.SIGCONT)


async def pause_engine(site: Site, node: Node, random_: random.Random) -> None:
    """For less than is a sign of death."""
    stopped = node.signal_engine(signal.SIGSTOP)
    try:
        await asyncio.sleep(random_.uniform(0.3, 1.5))
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def pause_server(site: Site, node: Node, random_: random.Random) -> None:
    """As a machine that is suspended: all of it stands still, also for longer than an engine may be silent."""
    node.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(random_.choice((0.5, 2.0, 7.0)))
    finally:
        node.process.send_signal(signal.SIGCONT)


async def drain_server(site: Site, node: Node, random_: random.Random) -> None:
    await asyncio.to_thread(node.drain)
    await start(node)


async def kill_server(site: Site, node: Node, random_: random.Random) -> None:
    await asyncio.to_thread(node.kill)
    await start(node)


async def kill_redis(site: Site, node: Node, random_: random.Random) -> None:
    site.redis.kill()
    await asyncio.sleep(random_.uniform(0, 2))
    await asyncio.to_thread(site.redis.start)


async def pause_redis(site: Site, node: Node, random_: random.Random) -> None:
    site.redis.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(random_.choice((0.5, 8.0)))
    finally:
        site.redis.process.send_signal(signal.SIGCONT)


async def lock_database(site: Site, node: Node, random_: random.Random) -> None:
    seconds = random_.uniform(0.5, 6)
    if isinstance(site.database, Path):
        with locked_database(site.database):
            await asyncio.sleep(seconds)
        return
    async with await psycopg.AsyncConnection.connect(site.database) as connection:
        await connection.execute("LOCK TABLE access_dailyusage IN EXCLUSIVE MODE")
        await asyncio.sleep(seconds)
        await connection.rollback()


async def stop_database(site: Site, node: Node, random_: random.Random) -> None:
    assert site.cluster
    with site.cluster.stopped():
        await asyncio.sleep(random_.uniform(0.5, 5))


async def kill_database(site: Site, node: Node, random_: random.Random) -> None:
    assert site.cluster
    killed = site.cluster.killed()
    await asyncio.to_thread(killed.__enter__)
    try:
        await asyncio.sleep(random_.uniform(0, 3))
    finally:
        await asyncio.to_thread(killed.__exit__, None, None, None)


async def fill_disk(site: Site, node: Node, random_: random.Random) -> None:
    assert site.disk
    filling = await asyncio.to_thread(fill, site.disk)
    try:
        await asyncio.sleep(random_.uniform(1, 6))
    finally:
        filling.unlink()


async def crowd(site: Site, node: Node, random_: random.Random) -> None:
    """Many sockets at once, all of which are cut off."""
    opened = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", node.port) for _ in range(60)), return_exceptions=True
    )
    for each in opened:
        if isinstance(each, tuple):
            writer = each[1]
            writer.write(b"GET /v1/text-to-speech/demo/stream-input HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            await asyncio.sleep(0.01)
            writer.transport.abort()


def faults_of(site: Site) -> list[Fault]:
    found = []
    for name, node in site.nodes.items():
        weight = 1 if node.engine == "xtts" else 3
        found += [
            Fault(f"engine of {name}: killed", kill_engine, ENGINE_ERRORS, name, weight),
            Fault(f"engine of {name}: hangs", hang_engine, ENGINE_ERRORS, name, max(1, weight - 1)),
            Fault(f"engine of {name}: pauses", pause_engine, NOTHING, name, 1),
        ]
    found += [
        Fault("server mortal: told to stop, restarted", drain_server, DRAIN_ERRORS, "mortal", 3),
        Fault("server mortal: killed, restarted", kill_server, KILL_ERRORS, "mortal", 3),
        Fault("server steady: stands still", pause_server, NOTHING, "steady"),
        Fault("Redis: killed, restarted", kill_redis, REDIS_ERRORS),
        Fault("Redis: stands still", pause_redis, REDIS_ERRORS),
        Fault("database: locked", lock_database, DATABASE_ERRORS),
        Fault("clients: a crowd that vanishes", crowd, NOTHING, "steady", 1),
    ]
    if site.cluster:
        found += [
            Fault("database: stands still", stop_database, DATABASE_ERRORS),
            Fault("database: killed, restarted", kill_database, DATABASE_ERRORS),
        ]
    if site.disk:
        found.append(Fault("disk: full", fill_disk, DISK_ERRORS))
    return found


def with_node(fault: Fault, site: Site) -> Callable[[random.Random], Awaitable[None]]:
    return partial(fault.act, site, site.nodes[fault.node or "steady"])
