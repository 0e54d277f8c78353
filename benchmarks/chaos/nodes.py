"""The servers of a run: processes behind one database and one Redis."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.live.servers import WatchedServer


@dataclass
class Node(WatchedServer):
    """One server after the other at one port. `is_up`: whether clients are sent there. `logs`: of processes that have ended.
    `engines`: every engine process that was seen."""

    name: str = ""
    engine: str = "demo"
    is_up: bool = field(init=False, default=False)
    logs: list[str] = field(init=False, default_factory=list)
    engines: set[int] = field(init=False, default_factory=set)
    instances: list[int] = field(init=False, default_factory=list)

    def prepare(self) -> None:
        if not self.instances:
            super().prepare()

    def __enter__(self) -> Self:
        super().__enter__()
        self.is_up = True
        self.instances.append(self.process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self.is_up = False
        self.engines.update(self.engine_pids())
        # A process that stands still hears no SIGTERM.
        for pid in (self.process.pid, *self.engine_pids()):
            _send(pid, signal.SIGCONT)
        super().__exit__()
        self._keep_log()

    def _keep_log(self) -> None:
        """The next process writes a file of the same name."""
        if not self.log_path.exists():  # the one that was ended is kept, and none has followed
            return
        self.logs.append(self.log)
        self.log_path.rename(self.log_path.with_name(f"server-{len(self.logs)}.log"))

    def kill(self) -> None:
        """Without a word."""
        self.is_up = False
        self.engines.update(self.engine_pids())
        self.process.kill()
        self.process.wait()
        self._keep_log()

    def drain(self) -> None:
        """Told to stop, it finishes what has begun."""
        self.is_up = False
        self.engines.update(self.engine_pids())
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)
        self._keep_log()

    def signal_engine(self, number: int) -> list[int]:
        """Which engine processes have got that signal."""
        pids = self.engine_pids()
        self.engines.update(pids)
        for pid in pids:
            _send(pid, number)
        return pids

    def is_well(self) -> bool:
        return bool(self.readiness()["ready"])

    def resident_kilobytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


async def start(node: Node) -> None:
    await asyncio.to_thread(node.__enter__)
