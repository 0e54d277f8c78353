"""`manage.py serve`, and what it holds: `python -m tests.live.watched_server [ENGINE]`, with an engine of its own as JSON.

`GET /held` lists the tasks of the event loop and the connections that the process has, so that a test can see what is left
behind. `GET /objects` counts everything that is in memory, by the names of the types. `GET /garbage` is asked twice: in
between, what is lost in reference cycles is gathered instead of freed, and the second answer lists it by name.
"""

import asyncio
import gc
import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management import execute_from_command_line
from twisted.internet.base import DelayedCall

from benchmarks.tone_engine import use_engine
from streaming.dispatch import engine_process
from streaming.dispatch.engine_process import EngineSpec
from tests.live.early_application import import_application


def command_with(spec: EngineSpec) -> tuple[str, ...]:
    """The command of such a server with this engine."""
    return "-m", __name__, json.dumps({"name": spec.name, "options": spec.options})


def held() -> dict[str, Any]:
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    files = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {"tasks": tasks, "sockets": sum(name.startswith("socket:") for name in files)}


def objects() -> dict[str, int]:
    """Those that may refer to others: what is left behind by a session is held by one of them."""
    gc.unfreeze()
    gc.collect()
    things = gc.get_objects()
    found = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in things)
    # Twisted keeps timers that were cancelled until they are due, each with its two methods of the reactor.
    cancelled = sum(type(thing) is DelayedCall and bool(thing.cancelled) for thing in things)
    found.subtract({"twisted.internet.base.DelayedCall": cancelled, "builtins.method": 2 * cancelled})
    del things
    gc.freeze()
    return {**found, "open files": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}


def garbage() -> dict[str, int]:
    gc.collect()
    if not gc.get_debug():
        gc.set_debug(gc.DEBUG_SAVEALL)
        return {}
    found = Counter(map(name_of, gc.garbage))
    gc.set_debug(0)
    gc.garbage.clear()
    return found


def name_of(thing: Any) -> str:
    """Of a function, coroutine or method where it is defined, of anything else its type's."""
    code = getattr(thing, "__code__", None) or getattr(thing, "cr_code", None) or getattr(thing, "f_code", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_qualname}"
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


PAGES = {"/held": held, "/objects": objects, "/garbage": garbage}


class Watched:
    """An ASGI application around the server's."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in PAGES:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(PAGES[scope["path"]]()).encode()})


if __name__ == "__main__":
    # An engine that a test has killed is started again at once, however often that happens.
    engine_process.HEALTHY_AFTER_SECONDS = 0.0
    if len(sys.argv) > 1:
        use_engine(EngineSpec(**json.loads(sys.argv[1])))
    asgi: Any = import_application()
    asgi.application = Watched(asgi.application)  # before `serve` takes it
    execute_from_command_line(["manage.py", "serve"])
