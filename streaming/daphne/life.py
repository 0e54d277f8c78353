"""The life of a server process on daphne, which sends no lifespan events: its reactor's start and end are taken for them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

from daphne.server import Server
from twisted.internet import defer, reactor, threads

from streaming.conf import Config
from streaming.connection.door import Door
from streaming.connection.listening import Listener
from streaming.daphne import door as daphne_door
from streaming.daphne import flow_control, intake, odd_headers, odd_paths, quiet_log, request_limits
from streaming.http.uploads import Uploads

logger = logging.getLogger("streaming.daphne")

# Of the endpoints, in Twisted's language, that are sockets which were passed to this process.
PASSED = ("fd:", "systemd:")
_plain_listen_success = Server.listen_success


def when_daphne_serves(
    config: Config,
    uploads: Uploads,
    door: Door,
    covers: Callable[[str], bool],
    *,
    owns_server: bool,
    may_have_secrets: Callable[[str], bool],
    start: Callable[[Listener], None],
    say_goodbye: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], None],
) -> None:
    """As soon as the reactor runs, give daphne what it lacks: flow control, and limits for the requests whose paths are
    covered. Then `start`, with the ports that it listens at. At the end `say_goodbye`, and `stop` in a thread. The queries
    of paths that `may_have_secrets` are not logged."""

    running = cast(Any, reactor)
    ports = _Ports()

    def listen_success(server: Server, port: Any) -> None:
        _plain_listen_success(server, port)
        ports.add(server, port)

    Server.listen_success = listen_success

    def begin() -> None:
        flow_control.install()
        intake.install()
        request_limits.install(config, uploads, covers, owns_server=owns_server)
        daphne_door.install(door, covers, owns_server=owns_server)
        odd_headers.install()
        odd_paths.install(covers)
        quiet_log.install(may_have_secrets)
        # The event loop itself begins after this.
        running.callLater(0, start, ports)

    def part() -> defer.Deferred[None]:
        logger.info("Shutting down")
        return defer.Deferred.fromFuture(asyncio.ensure_future(say_goodbye()))

    running.callWhenRunning(begin)
    # Registered before daphne's own trigger, which cancels every connection (and fails for some that are finished). The
    # reactor waits for both.
    running.addSystemEventTrigger("before", "shutdown", part)
    running.addSystemEventTrigger("before", "shutdown", lambda: threads.deferToThread(stop))


class _Ports:
    """The `Listener` of a daphne server."""

    def __init__(self) -> None:
        self._ports: list[Any] = []
        self.is_passed = False

    def add(self, server: Server, port: Any) -> None:
        self._ports.append(port)
        if any(str(endpoint).startswith(PASSED) for endpoint in server.endpoints):
            self.is_passed = True
            port.stopReading()

    def accept(self) -> None:
        for port in self._ports:
            port.startReading()

    def stop_accepting(self) -> None:
        for port in self._ports:
            port.stopListening()
