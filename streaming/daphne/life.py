"""The life of a server process on daphne, which sends no lifespan events: its reactor's start and end are taken for them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet import defer, reactor, threads

from streaming.conf import Config
from streaming.daphne import flow_control, request_limits

logger = logging.getLogger("streaming.daphne")


def when_daphne_serves(
    config: Config,
    prefix: str,
    *,
    owns_server: bool,
    start: Callable[[], None],
    say_goodbye: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[], None],
) -> None:
    """As soon as the reactor runs, give daphne what it lacks: flow control, and limits for requests to the API below
    `prefix`, or for all of them if speech owns the server. Then `start`. At the end `say_goodbye`, and `stop` in a
    thread."""

    def begin() -> None:
        flow_control.install()
        request_limits.install(config, prefix, owns_server=owns_server)
        start()

    def part() -> defer.Deferred[None]:
        logger.info("Shutting down")
        return defer.Deferred.fromFuture(asyncio.ensure_future(say_goodbye()))

    running = cast(Any, reactor)
    running.callWhenRunning(begin)
    # Registered before daphne's own trigger, which cancels every connection (and fails for some that are finished). The
    # reactor waits for both.
    running.addSystemEventTrigger("before", "shutdown", part)
    running.addSystemEventTrigger("before", "shutdown", lambda: threads.deferToThread(stop))
