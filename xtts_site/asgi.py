"""HTTP and WebSocket routing. Importing this module, and nothing else, starts the engine: migrate, shell and the admin's
commands never pay for a model.
"""

import asyncio
import atexit
import logging
import os
import sys
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")

import daphne.server  # noqa: F401 - installs Twisted's asyncio reactor, before anything else can install another one
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from twisted.internet import defer, reactor, threads

from xtts_site.config import Config, ConfigError, get_config

try:
    CONFIG: Config = get_config()
    http_application = get_asgi_application()
except ConfigError as error:
    sys.exit(str(error))

from streaming.access.gate import Gate
from streaming.daphne import flow_control, request_limits
from streaming.dispatch.engine_choice import engine_specs
from streaming.dispatch.executor import Executor
from streaming.engine.checkpoint.files import CheckpointError
from streaming.http.backend import Backend
from streaming.http.front import SpeechFront
from streaming.sockets.consumers import say_goodbye_to_all
from streaming.sockets.routing import websocket_routes
from streaming.speech.voice_preparation import VoicePreparer
from xtts_site.health import Health

logger = logging.getLogger("xtts_site")


def _make_executor(config: Config) -> Executor:
    try:
        specs, reason = engine_specs(config)
    except CheckpointError as error:
        sys.exit(str(error))
    logger.info("Engine %s, because %s", specs[0].name, reason)
    service = config.service
    return Executor(
        specs,
        max_running=service.max_concurrency,
        max_waiting=service.max_waiting,
        silence_limit=service.engine_timeout_seconds,
    )


if "daphne" in Path(sys.argv[0]).parts[-2:]:  # the command, or `python -m daphne`
    logger.info("Started by daphne's command line: it sets address, TLS and limits, not service.* of the settings")
flow_control.install(CONFIG.service.stall_timeout_seconds)
request_limits.install(int(CONFIG.service.max_upload_megabytes * 2**20), CONFIG.limits)
executor = _make_executor(CONFIG)
executor.start()
gate = Gate(CONFIG.limits)


async def _say_goodbye() -> None:
    await say_goodbye_to_all()
    await gate.close()


def _end_sessions() -> defer.Deferred[None]:
    logger.info("Shutting down")
    return defer.Deferred.fromFuture(asyncio.ensure_future(_say_goodbye()))


# Registered before daphne's own trigger, which cancels every connection (and stumbles over some that are finished).
# The reactor waits for both; the last line is for other servers than daphne, and harmless behind the ones before it.
cast(Any, reactor).addSystemEventTrigger("before", "shutdown", _end_sessions)
cast(Any, reactor).addSystemEventTrigger("before", "shutdown", lambda: threads.deferToThread(executor.stop))
atexit.register(executor.stop)
atexit.register(gate.book.write_rest)

preparer = VoicePreparer(executor)
speech_front = SpeechFront(http_application, Backend(executor, CONFIG, preparer, gate))
application = ProtocolTypeRouter(
    {
        "http": Health(speech_front, executor, redis_url=CONFIG.redis_url),
        "websocket": URLRouter(websocket_routes(executor, CONFIG, preparer, gate)),
    }
)
