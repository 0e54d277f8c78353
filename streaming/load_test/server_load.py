"""What a server on this machine costs while it is tested: its process, and those that it has started. Linux only."""

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SECONDS_BETWEEN = 0.5
LISTENS = "0A"  # TCP_LISTEN, as the kernel lists it


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """`cores`: processor seconds per second, on average. `most_bytes`: the greatest sum of the processes' memory; what they
    share counts once."""

    processes: int
    cores: float
    most_bytes: int


def listening_process(port: int) -> int | None:
    """Who listens at a TCP port of this machine, if we may see it. Of several, the oldest: the others are its children."""
    sockets = {f"socket:[{inode}]" for name in ("tcp", "tcp6") for inode in _listening(PROC / "net" / name, port)}
    for entry in sorted(PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # another user's, or gone
            if any(os.readlink(descriptor) in sockets for descriptor in (entry / "fd").iterdir()):
                return int(entry.name)
    return None


def _listening(table: Path, port: int) -> list[str]:
    """The inodes of the sockets that listen there."""
    with suppress(OSError):
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return [row[9] for row in rows if row[3] == LISTENS and int(row[1].rpartition(":")[2], 16) == port]
    return []


def family(first: int) -> list[int]:
    """A process with all that it has started, and that they have."""
    found = [first]
    for pid in found:
        with suppress(OSError):
            for children in (PROC / str(pid) / "task").glob("*/children"):
                found += map(int, children.read_text().split())
    return found


class Watch:
    """Looks from time to time, for as long as `run` is not cancelled."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seconds: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._most_bytes = 0
        self._most_processes = 0

    async def run(self) -> None:
        self._begun = time.perf_counter()
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(SECONDS_BETWEEN)

    def _look(self) -> None:
        memory = 0
        pids = family(self._pid)
        for pid in pids:
            with suppress(OSError):
                seconds = _processor_seconds(pid)
                # What a process did before is not ours; one that begins meanwhile has done it for us.
                self._before.setdefault(pid, seconds if not self._most_processes else 0.0)
                self._seconds[pid] = seconds
                memory += _memory(pid)
        self._most_bytes = max(memory, self._most_bytes)
        self._most_processes = max(len(pids), self._most_processes)

    def load(self) -> ServerLoad:
        self._look()
        used = sum(seconds - self._before[pid] for pid, seconds in self._seconds.items())
        return ServerLoad(self._most_processes, used / (time.perf_counter() - self._begun), self._most_bytes)


def _processor_seconds(pid: int) -> float:
    fields = (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> int:
    """The process' share, in bytes; its resident memory where the kernel does not tell the share."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
