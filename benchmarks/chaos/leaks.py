"""What a server holds when it has nothing to do: before a run and after it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.chaos.nodes import Node
from tests.live.test_memory_after_faults import PASSING

# Clients of Redis and of the database keep their connections, and threads their files.
SPARE = {"sockets": 20, "open files": 40, "threads": 20}
# Of the memory that a process had after the first part of a run: allocators keep pages, and caches fill.
MOST_RESIDENT = 1.5


@dataclass(frozen=True, slots=True)
class Holdings:
    """`objects`: how many there are of each type, and of open files and threads."""

    tasks: dict[str, int]
    sockets: int
    objects: dict[str, int]
    kilobytes: int
    running: int
    waiting: int


async def holdings_of(node: Node, seconds: float = 120.0) -> Holdings:
    """As soon as the engine is idle, and no more tasks go away."""
    with suppress(AssertionError):
        await asyncio.to_thread(node.wait_until, lambda: _is_idle(node), seconds)
    held = await asyncio.to_thread(node.held)
    objects = await asyncio.to_thread(node.objects)
    engine = (await asyncio.to_thread(node.readiness))["engine"]
    return Holdings(
        held["tasks"], held["sockets"], objects, node.resident_kilobytes(), engine["running"], engine["waiting"]
    )


def _is_idle(node: Node) -> bool:
    engine: dict[str, Any] = node.readiness()["engine"]
    return not engine["running"] and not engine["waiting"]


def grown(before: Holdings, after: Holdings, least: int) -> dict[str, tuple[int, int]]:
    """Types of which there are at least so many more."""
    return {
        name: (before.objects.get(name, 0), count)
        for name, count in after.objects.items()
        if name not in PASSING and count - before.objects.get(name, 0) >= least
    }


def leaks(name: str, before: Holdings, after: Holdings, least: int, *, is_same_process: bool = True) -> list[str]:
    """What is left behind, in words. Memory is that of one process, and tells nothing of the next one."""
    found = [f"{name}: {count} utterances are {what}" for what, count in _busy(after).items() if count]
    more = {task: count - before.tasks.get(task, 0) for task, count in after.tasks.items()}
    # One more of a kind is a client of Redis or the server's own work that had not begun before.
    found += [f"{name}: {count} more tasks {task}" for task, count in more.items() if count > 2]
    for what, spare in SPARE.items():
        counts = (_count(before, what), _count(after, what))
        if counts[1] > counts[0] + spare:
            found.append(f"{name}: {what} {counts[0]} -> {counts[1]}")
    if is_same_process and after.kilobytes > MOST_RESIDENT * before.kilobytes:
        found.append(f"{name}: resident {before.kilobytes // 1024} -> {after.kilobytes // 1024} MB")
    found += [f"{name}: objects {what} {a} -> {b}" for what, (a, b) in grown(before, after, least).items()]
    return found


def _busy(after: Holdings) -> dict[str, int]:
    return {"being spoken": after.running, "waiting": after.waiting}


def _count(holdings: Holdings, what: str) -> int:
    return holdings.sockets if what == "sockets" else holdings.objects[what]
