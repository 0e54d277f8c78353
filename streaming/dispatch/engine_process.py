"""One engine process, as seen from the server: started, listened to, started again when it dies or hangs.

Two threads hold the pipe, one for each direction, so that neither a busy engine nor a long queue ever holds up the server's
event loop. A third one asks the process whether it is alive. No asyncio here: what comes from the engine is handed to
`on_frame`, in the reading thread.
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

from streaming.dispatch.heartbeat import Condition, Heartbeat, HeartbeatLimits
from streaming.engine.contract import EngineInfo
from streaming.engine.framing import LARGEST_FRAME, Broken, Frame, FramingError, Ping, Pong, Ready, Stop, decode, encode
from streaming.logs.formats import format_of_log
from streaming.measures.distribution import Totals
from streaming.measures.engine_figures import Cause, EngineFigures

logger = logging.getLogger("streaming.engine")

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
# The next process is started at once, but later and later after one that dies soon.
FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
# A process that has been ready for this long did not die soon.
HEALTHY_AFTER_SECONDS = 10.0
STOP_SECONDS = 3.0


class EngineState(Enum):
    STARTING = "starting"
    READY = "ready"
    UNRESPONSIVE = "unresponsive"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine, with which options (plain JSON values)."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


class EngineProcess:
    """`on_frame`: called with every event of the engine, in the reading thread. `on_lost`: called when a process has ended,
    or is given up, with its number (the first is 1). `on_ready`: called when one has become ready, or answers again.
    `figures`: told of starts, steps and deaths."""

    def __init__(
        self,
        spec: EngineSpec,
        on_frame: Callable[[Frame], None],
        on_lost: Callable[[int], None],
        on_ready: Callable[[], None] = lambda: None,
        limits: HeartbeatLimits | None = None,
        figures: EngineFigures | None = None,
    ) -> None:
        self._spec = spec
        self._limits = limits or HeartbeatLimits()
        self._figures = figures or EngineFigures()
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._on_ready = on_ready
        self._outbox: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._turning = threading.Lock()
        self._thread = threading.Thread(target=self._supervise, name="engine", daemon=True)
        self.state = EngineState.STARTING
        self.info: EngineInfo | None = None
        self.error: str | None = None
        self.lives = 0
        # Why the present process ends, where that is known.
        self._reason: str | None = None
        self._cause: Cause = "exited"

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

    def kill(self, cause: Cause = "exited") -> None:
        """End the process the hard way; it is started again."""
        self._cause = cause
        if self._process:
            self._process.kill()

    def ask_to_stop(self) -> None:
        """Begin to end the process for good. Returns at once."""
        with self._turning:
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

    def _turn(self, state: EngineState, only_from: EngineState | None = None) -> bool:
        """Go into another state, unless the process has been stopped. Says whether that was done."""
        with self._turning:
            may_turn = not self._stopping.is_set() and only_from in (None, self.state)
            if may_turn:
                self.state = state
            return may_turn

    def _supervise(self) -> None:
        back_off = 0.0
        while not self._stopping.is_set():
            self.lives += 1
            ready_seconds = self._live()
            self._turn(EngineState.RESTARTING)
            self._on_lost(self.lives)
            if self._stopping.is_set():
                return
            self._figures.died(self._cause)
            if self._process and self._process.poll() is None:
                logger.error("Process %d cannot be ended; the next one has to wait", self._process.pid)
                self._process.wait()
            if ready_seconds >= HEALTHY_AFTER_SECONDS:
                back_off = 0.0
            logger.error("The engine process ended (%s); starting it again in %g s", self.error, back_off)
            self._stopping.wait(back_off)
            back_off = min(max(2 * back_off, FIRST_BACK_OFF_SECONDS), LONGEST_BACK_OFF_SECONDS)

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
        heartbeat = Heartbeat(self._limits, partial(self.send, Ping()), partial(self._take_note, ours))
        self._reason, self._cause = None, "exited"
        writer.start()
        heartbeat.start()
        ready_at = self._listen(ours, process.pid, heartbeat)
        heartbeat.end()
        ours.close()
        exit_code = _end(process)
        self.error = self._reason or f"exit code {exit_code}"
        outbox.put(None)
        writer.join()
        return time.monotonic() - ready_at if ready_at else 0.0

    def _listen(self, ours: Connection, pid: int, heartbeat: Heartbeat) -> float | None:
        """Hear the process until its end. Returns when it became ready, if it did."""
        ready_at: float | None = None
        steps = Totals()
        while frame := _read(ours):
            heartbeat.heard(frame.step_seconds if isinstance(frame, Pong) else 0.0)
            match frame:
                case Pong(step_times=now):
                    self._figures.stepped(steps, now)
                    steps = now
                case Ready(info):
                    ready_at = time.monotonic()
                    heartbeat.is_ready()
                    self._figures.started()
                    logger.info(
                        "The engine %s is ready (%d Hz, %d concurrent utterances, process %d)",
                        *(info.name, info.sample_rate, info.slots, pid),
                    )
                    self._become_ready(info)
                case Broken(message):
                    self._reason, self._cause = message, "failed"
                    # Nothing more is sent to it while it ends.
                    self._turn(EngineState.RESTARTING)
                case _:
                    self._on_frame(frame)
        return ready_at

    def _take_note(self, ours: Connection, condition: Condition, complaint: str) -> None:
        """The heartbeat has changed. In its thread."""
        match condition:
            case Condition.ALIVE:
                if self._turn(EngineState.READY, only_from=EngineState.UNRESPONSIVE):
                    logger.warning("The engine process answers again")
                    self._on_ready()
            case Condition.UNRESPONSIVE:
                if self._turn(EngineState.UNRESPONSIVE, only_from=EngineState.READY):
                    logger.warning("The engine process does not answer: %s", complaint)
            case Condition.HUNG:
                self._reason = complaint
                self._turn(EngineState.RESTARTING)
                logger.error("The engine process hangs (%s); killing it", complaint)
                self.kill("hung")
                # One that hangs in a driver does not die of that, and its end of the pipe stays open.
                with socket.socket(fileno=os.dup(ours.fileno())) as pipe:
                    pipe.shutdown(socket.SHUT_RDWR)

    def _become_ready(self, info: EngineInfo) -> None:
        self.info, self.error = info, None
        if self._turn(EngineState.READY):
            self._on_ready()

    def _spawn(self) -> tuple[Connection, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        # An empty entry would be the current directory.
        paths = [str(PROJECT_DIR), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        spec = json.dumps({"name": self._spec.name, "options": self._spec.options} | format_of_log())
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


def _end(process: subprocess.Popen[bytes]) -> int | None:
    """The pipe is closed, so it is about to end, or else it is made to. The exit code; None if it cannot be ended, because
    it hangs in a driver, say."""
    for _ in range(2):
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return None


def _write_all(connection: Connection, outbox: "queue.SimpleQueue[list[bytes] | None]") -> None:
    while (messages := outbox.get()) is not None:
        try:
            for message in messages:
                connection.send_bytes(message)
        except OSError:
            return  # the reading thread notices too, and acts
