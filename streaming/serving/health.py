"""What probes ask: does the process answer, and can it speak? As JSON.

The answers stand in front of Django: probes call by address, and ALLOWED_HOSTS must not turn them away. But what the server
is made of is told only under a name that it allows: any other may be that of a web page, which leads here by rebinding.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection

from streaming.access.origin import host_of
from streaming.connection.paths import path_info_of
from streaming.dispatch.engine_slots import EngineSlotsStatus
from streaming.dispatch.executor import Executor
from streaming.forwarding.forwarding import Forwarding
from streaming.serving.disk import Disk
from streaming.serving.drain import Drain
from voices.database import read
from voices.patience import DatabaseSlow

logger = logging.getLogger("streaming.serving.health")

CHECK_SECONDS = 2.0
App = Callable[[Any, Any, Any], Awaitable[None]]


class Health:
    """An ASGI application around another: answers at the two paths, if they are given, and hands on everything else."""

    def __init__(
        self,
        app: App,
        executor: Executor,
        forwarding: Forwarding,
        drain: Drain,
        *,
        data_dir: Path,
        redis_url: str | None,
        live_path: str | None,
        ready_path: str | None,
    ) -> None:
        self._app = app
        self._executor = executor
        self._forwarding = forwarding
        self._drain = drain
        self._disk = Disk(data_dir, CHECK_SECONDS)
        self._redis_url = redis_url
        self._live_path = live_path
        self._ready_path = ready_path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = path_info_of(scope)
        if path == self._live_path:
            await _answer(send, 200, {"status": "ok"})
        elif path == self._ready_path:
            report = await self.readiness()
            shown = {"ready": report["ready"]} if host_of(scope) is None else report
            await _answer(send, 200 if report["ready"] else 503, shown)
        else:
            await self._app(scope, receive, send)

    async def readiness(self) -> dict[str, Any]:
        database, redis_state, disk = await asyncio.gather(
            _database_state(), _redis_state(self._redis_url), self._disk.state()
        )
        status = self._executor.status
        is_well = {database, redis_state, disk} <= {"ok", "not configured", "not used"}
        is_ready = is_well and status.is_ready and not self._drain.has_begun
        return {
            "ready": is_ready,
            "draining": self._drain.has_begun,
            "engine": {
                "state": status.state.value,
                "name": status.info.name if status.info else None,
                "languages": len(status.info.languages) if status.info else 0,
                "clones": status.info.clones if status.info else None,
                "notice": status.info.notice if status.info else "",
                "running": status.running,
                "waiting": status.waiting,
                "load": None if (load := self._executor.load) is None else round(load, 2),
                "spoken_by": dict(status.spoken_by),
                "restarts": status.restarts,
                "error": status.error,
                "processes": [_process(process) for process in status.processes],
            },
            "database": database,
            "redis": redis_state,
            "disk": disk,
            "forward": {"dropped_messages": self._forwarding.dropped_messages},
        }


def _process(status: EngineSlotsStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "slots": status.slots,
        "running": status.running,
        "preparing": status.preparing,
        "restarts": status.restarts,
        "error": status.error,
    }


async def _database_state() -> str:
    """The details of an error name addresses; they are for the log, not for whoever asks."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await read(_ask_database)
    except (TimeoutError, DatabaseSlow):
        return "no answer"
    except DatabaseError:
        return "error"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM voices_voice LIMIT 1")


async def _redis_state(url: str | None) -> str:
    if url is None:
        return "not configured"
    # Here, so that a server without Redis starts sooner.
    import redis.asyncio
    from redis.exceptions import RedisError

    try:
        async with asyncio.timeout(CHECK_SECONDS), redis.asyncio.Redis.from_url(url) as client:
            await client.ping()
    except TimeoutError:
        return "no answer"
    except (RedisError, OSError) as error:
        logger.warning("Redis does not answer: %s", error)
        return "error"
    return "ok"


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    data = json.dumps(body, indent=2).encode() + b"\n"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(data)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
