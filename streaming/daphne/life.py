"""The life of a server process on daphne, which sends no lifespan events: its reactor's start and end are taken for them."""

import asyncio
import logging
from typing import Any, cast

from twisted.internet import defer, reactor, threads

from streaming.daphne import flow_control, request_limits
from streaming.server_parts import ServerParts

logger = logging.getLogger("streaming.daphne")


def when_daphne_serves(parts: ServerParts, prefix: str, *, owns_server: bool) -> None:
    """As soon as the reactor runs, start the parts and give daphne what it lacks: flow control, and limits for requests to
    the API below `prefix`, or for all of them if speech owns the server."""

    def start() -> None:
        config = parts.config
        flow_control.install()
        request_limits.install(config, prefix, owns_server=owns_server)
        # The reactor reports that it runs shortly before its event loop does.
        running.callLater(0, parts.start)

    def say_goodbye() -> defer.Deferred[None]:
        logger.info("Shutting down")
        return defer.Deferred.fromFuture(asyncio.ensure_future(parts.say_goodbye()))

    running = cast(Any, reactor)
    running.callWhenRunning(start)
    # Registered before daphne's own trigger, which cancels every connection (and fails for some that are finished). The
    # reactor waits for both.
    running.addSystemEventTrigger("before", "shutdown", say_goodbye)
    running.addSystemEventTrigger("before", "shutdown", lambda: threads.deferToThread(parts.executor.stop))
