"""The engine's process: `python -m streaming.engine.host FD SPEC`.

It speaks the contract's values over one end of a socket pair, whose file descriptor is FD. SPEC is JSON: the engine's name
and its options. The main thread belongs to the engine (torch wants it); a second thread reads commands, and whoever has an
event writes it. When the server is gone, however it went, reading ends and so does this process.

The second thread answers pings as well. Its answer proves that the process runs, that commands are obeyed, and that no
thread keeps the interpreter to itself; it says nothing of the main thread. So the answer carries what the engine reports of
that one: how long its present step has lasted. A long step, or minutes of loading, delay no answer.
"""

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, cast

from streaming.engine.contract import (
    EngineEvent,
    Expect,
    ExpectText,
    Failed,
    MeasuresSteps,
    Prepare,
    ReadsAhead,
    ReportsSteps,
    SpeechEngine,
    SpeechRequest,
)
from streaming.engine.framing import (
    LARGEST_FRAME,
    Broken,
    Cancel,
    Frame,
    FramingError,
    Ping,
    Pong,
    Ready,
    Stop,
    decode,
    encode,
)
from streaming.loading import imports_kept
from streaming.logs.formats import write_log
from streaming.logs.request_id import working_for

logger = logging.getLogger("streaming.engine.host")

# name -> module:class, or a function that makes one. A module is imported only in the process that runs the engine.
ENGINES = {"demo": "streaming.engine.demo.demo_engine:DemoEngine", "xtts": "streaming.engine.xtts_loading:load_engine"}


def make_engine(name: str, options: dict[str, Any]) -> SpeechEngine:
    """`name`: one of ENGINES, or `module:class` of somebody's own engine."""
    module, _, attribute = ENGINES.get(name, name).partition(":")
    with imports_kept():
        maker = getattr(import_module(module), attribute)
    return cast(SpeechEngine, maker(**options))


class Host:
    """One engine on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._write_lock = threading.Lock()
        self._engine: SpeechEngine | None = None

    def serve(self, name: str, options: dict[str, Any]) -> int:
        """Load the engine, then work until told to stop. Returns the process' exit code."""
        # Reading begins before loading: a server that dies while a model loads must not leave this process behind.
        threading.Thread(target=self._read_commands, name="commands", daemon=True).start()
        try:
            engine = make_engine(name, options)
            engine.warm_up()
        except Exception as error:
            logger.exception("The engine %s cannot be loaded", name)
            self._send(Broken(_first_line(error)))
            return 1
        self._engine = engine
        self._send(Ready(engine.info))
        try:
            engine.run()
        except Exception as error:
            # The process ends at once: what has failed (a GPU's driver, say) may hold up an orderly end.
            logger.exception("The engine %s has failed", name)
            self._send(Broken(_first_line(error)))
            return 1
        return 0

    def _send(self, frame: Frame) -> None:
        messages = encode(frame)
        with self._write_lock:
            try:
                for message in messages:
                    self._connection.send_bytes(message)
            except OSError:
                os._exit(1)  # the server is gone

    def _emit(self, event: EngineEvent) -> None:
        self._send(event)

    def _read_commands(self) -> None:
        receive = partial(self._connection.recv_bytes, LARGEST_FRAME)
        while True:
            try:
                frame = decode(receive)
            except (EOFError, OSError, FramingError):
                os._exit(1)  # the server is gone or sent garbage: nothing here is needed any more
            self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        engine = self._engine
        match frame:
            case Ping():
                self._send(_pong(engine))
            case Stop() if engine is None:
                os._exit(0)  # still loading: there is nothing to close
            case Stop() if engine is not None:
                engine.stop()
            case SpeechRequest(request_id) if engine is not None:
                self._try(request_id, partial(engine.submit, frame, self._emit))
            case Prepare(request_id, voice) if engine is not None:
                self._try(request_id, partial(engine.prepare, request_id, voice, self._emit))
            case Expect() | ExpectText() if engine is not None and engine.info.reads_ahead:
                self._expect(cast(ReadsAhead, engine), frame)
            case Cancel(request_id) if engine is not None:
                engine.cancel(request_id)

    def _expect(self, engine: ReadsAhead, frame: Expect | ExpectText) -> None:
        """Nobody waits for what is only expected: a text that cannot be spoken is refused when it is to be spoken."""
        try:
            match frame:
                case Expect(request):
                    engine.expect(request)
                case ExpectText(request_id, text):
                    engine.expect_text(request_id, text)
        except Exception:
            logger.exception("The engine received an invalid expectation")

    def _try(self, request_id: str, begin: Callable[[], None]) -> None:
        with working_for(request_id):
            logger.debug("The engine is asked for %s", request_id)
            try:
                begin()
            except Exception as error:
                logger.exception("The engine received an invalid request")
                self._send(Failed(request_id, _first_line(error)))


def _pong(engine: SpeechEngine | None) -> Pong:
    lasts = engine.step_seconds() if isinstance(engine, ReportsSteps) else 0.0
    return Pong(lasts, engine.step_times.totals) if isinstance(engine, MeasuresSteps) else Pong(lasts)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def main() -> int:
    # Ctrl-C in a terminal reaches every process of the group, and systemd's SIGTERM every process of the service; but it is
    # the server that ends this one, when all has been said.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    spec = json.loads(sys.argv[2])
    write_log(is_json=spec.get("log_format") == "json", level=spec.get("log_level", logging.INFO))
    return Host(Connection(int(sys.argv[1]))).serve(spec["name"], spec["options"])


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Native thread pools may still be busy; everything worth releasing has been.
    os._exit(code)
