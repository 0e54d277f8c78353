"""Server processes that can be looked into, and those that many tests share."""

import json
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import pytest

from benchmarks.live_server import LiveServer, write_settings


@dataclass
class WatchedServer(LiveServer):
    """A server that says what it holds, so that a test can see what is left behind."""

    command: tuple[str, ...] = ("-m", "tests.live.watched_server")

    def held(self) -> dict[str, Any]:
        return self._page("/held")

    def objects(self) -> dict[str, int]:
        """How many there are of each type, and of open files and threads."""
        return self._page("/objects")

    def garbage(self) -> dict[str, int]:
        """To be asked twice; the second answer: what was lost in reference cycles in between, names and numbers."""
        return self._page("/garbage")

    def _page(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.base_url}{path}", timeout=60) as answer:  # noqa: S310
            return dict(json.load(answer))

    def wait_until_idle(self, held: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait until no engine works, and (if given) no more is held than `held`. Returns what is held."""

        def is_idle() -> bool:
            engine = self.readiness()["engine"]
            return not engine["running"] and not engine["waiting"] and held in (None, self.held())

        self.wait_until(is_idle)
        return self.held()


Server = TypeVar("Server", bound=LiveServer)


class SharedServers:
    """Each is started when it is first asked for, and ends with all others."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._started: dict[tuple[str, str], LiveServer] = {}
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def get(self, name: str, program: str, kind: type[Server], **service: Any) -> Server:
        """The server of this name that runs on this program."""
        if (name, program) not in self._started:
            folder = self._folders.mktemp(f"{name}-{program}")
            settings = write_settings(folder, service={"server": program} | service)
            self._started[name, program] = self._ending.enter_context(kind(settings))
        server = self._started[name, program]
        assert isinstance(server, kind)
        return server
