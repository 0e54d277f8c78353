"""One engine process, as seen from the server: started, listened to, started again when it dies.

Two threads hold the pipe, one for each direction, so that neither a busy engine nor a long queue ever holds up the server's
event loop. No asyncio here: what comes from the engine is handed to `on_frame`, in the reading thread.
"""

import json
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from streaming.engine.contract import EngineInfo
from streaming.engine.framing import LARGEST_FRAME, Broken, Frame, FramingError, Ready, Stop, decode, encode

logger = logging.getLogger("streaming.engine")

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
# A process that has been ready for this long has earned a fresh start of the back-off.
HEALTHY_AFTER_SECONDS = 60.0
STOP_SECONDS = 3.0


class EngineState(Enum):
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine, with which options (plain JSON values)."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


class EngineProcess:
    """`on_frame`: called with every event of the engine. `on_lost`: called when a process has ended, with its number (the
    first is 1). `on_ready`: called when one has become ready. All come from the reading thread."""

    def __init__(
        self,
        spec: EngineSpec,
        on_frame: Callable[[Frame], None],
        on_lost: Callable[[int], None],
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._on_ready = on_ready
        self._outbox: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="engine", daemon=True)
        self.state = EngineState.STARTING
        self.info: EngineInfo | None = None
        self.error: str | None = None
        self.lives = 0

    @property
    def restarts(self) -> int:
        return max(0, self.lives - 1)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._thread.start()

    def send(self, frame: Frame) -> None:
        """Returns at once. What is sent while no process is ready is dropped with that process."""
        self._outbox.put(encode(frame))

    def kill(self) -> None:
        """End the process the hard way; it is started again."""
        if self._process:
            self._process.kill()

    def ask_to_stop(self) -> None:
        """Begin to end the process for good. Returns at once."""
        self._stopping.set()
        self.state = EngineState.STOPPED
        self.send(Stop())

    def stop(self) -> None:
        """End the process for good: politely, then firmly. Blocks for a few seconds at most."""
        self.ask_to_stop()
        process = self._process
        if process:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                logger.warning("Engine process %d did not stop when asked; killing it", process.pid)
                process.kill()
        if self._thread.ident:
            self._thread.join(STOP_SECONDS)

    def _supervise(self) -> None:
        back_off = FIRST_BACK_OFF_SECONDS
        while not self._stopping.is_set():
            self.lives += 1
            ready_seconds = self._live()
            if not self._stopping.is_set():
                self.state = EngineState.RESTARTING
            self._on_lost(self.lives)
            if self._stopping.is_set():
                return
            if ready_seconds > HEALTHY_AFTER_SECONDS:
                back_off = FIRST_BACK_OFF_SECONDS
            logger.error("The engine process ended (%s); starting it again in %g s", self.error, back_off)
            self._stopping.wait(back_off)
            back_off = min(2 * back_off, LONGEST_BACK_OFF_SECONDS)

    def _live(self) -> float:
        """One life of the process, from start to end. Returns for how long it was ready, in seconds. Raises nothing: the
        supervisor must survive whatever happens to what it supervises."""
        try:
            return self._run_once()
        except Exception as error:
            logger.exception("The supervision of the engine process failed")
            self.error = f"{type(error).__name__}: {error}"
            self.kill()
            return 0.0

    def _run_once(self) -> float:
        # Requests to the process that died are of no use to the next one: their sessions have been told.
        outbox = self._outbox = queue.SimpleQueue()
        ours, process = self._spawn()
        if self._stopping.is_set():
            outbox.put(encode(Stop()))  # the stop that was asked for went to the process before this one
        writer = threading.Thread(target=_write_all, args=(ours, outbox), name="engine-writer", daemon=True)
        writer.start()
        ready_at: float | None = None
        reason: str | None = None
        while frame := _read(ours):
            match frame:
                case Ready(info):
                    ready_at = time.monotonic()
                    logger.info(
                        "The engine %s is ready (%d Hz, %d concurrent utterances, process %d)",
                        *(info.name, info.sample_rate, info.slots, process.pid),
                    )
                    self._become_ready(info)
                case Broken(message):
                    reason = message
                    if not self._stopping.is_set():
                        # Nothing more is sent to it while it ends.
                        self.state = EngineState.RESTARTING
                case _:
                    self._on_frame(frame)
        ours.close()
        exit_code = _end(process)
        self.error = reason or f"exit code {exit_code}"
        outbox.put(None)
        writer.join()
        return time.monotonic() - ready_at if ready_at else 0.0

    def _become_ready(self, info: EngineInfo) -> None:
        self.info, self.error = info, None
        if not self._stopping.is_set():
            self.state = EngineState.READY
            self._on_ready()

    def _spawn(self) -> tuple[Connection, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        # An empty entry would be the current directory.
        paths = [str(PROJECT_DIR), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        spec = json.dumps({"name": self._spec.name, "options": self._spec.options})
        with theirs:
            self._process = subprocess.Popen(
                # -P: nothing is imported from the current directory, which may be anybody's.
                [sys.executable, "-P", "-m", "streaming.engine.host", str(theirs.fileno()), spec],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
            )
        return Connection(ours.detach()), self._process


def _read(connection: Connection) -> Frame | None:
    try:
        return decode(partial(connection.recv_bytes, LARGEST_FRAME))
    except (EOFError, OSError):
        return None
    except FramingError:
        logger.exception("The engine process sent an invalid message")
        return None


def _end(process: subprocess.Popen[bytes]) -> int:
    """The pipe is closed, so it is about to end, or else it is made to."""
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _write_all(connection: Connection, outbox: "queue.SimpleQueue[list[bytes] | None]") -> None:
    while (messages := outbox.get()) is not None:
        try:
            for message in messages:
                connection.send_bytes(message)
        except OSError:
            return  # the reading thread notices too, and acts
