"""`manage.py serve`, and what it holds: `python -m tests.live.watched_server [ENGINE]`, with an engine of its own as JSON.

`GET /held` lists the tasks of the event loop and the connections that the process has, so that a test can see what is left
behind.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management import execute_from_command_line

from benchmarks.tone_engine import use_engine
from streaming.dispatch.engine_process import EngineSpec


def held() -> dict[str, Any]:
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    files = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {"tasks": tasks, "sockets": sum(name.startswith("socket:") for name in files)}


class Watched:
    """An ASGI application around the server's."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/held":
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(held()).encode()})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xtts_site.settings")
    if len(sys.argv) > 1:
        use_engine(EngineSpec(**json.loads(sys.argv[1])))
    from xtts_site import asgi

    asgi.application = Watched(asgi.application)  # before `serve` takes it
    execute_from_command_line(["manage.py", "serve"])
