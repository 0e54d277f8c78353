"""A server process that can be looked into."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from benchmarks.live_server import LiveServer


@dataclass
class WatchedServer(LiveServer):
    """A server that says what it holds, so that a test can see what is left behind."""

    command: tuple[str, ...] = ("-m", "tests.live.watched_server")

    def held(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.base_url}/held", timeout=60) as answer:  # noqa: S310
            return dict(json.load(answer))

    def wait_until_idle(self, held: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait until no engine works, and (if given) no more is held than `held`. Returns what is held."""

        def is_idle() -> bool:
            engine = self.readiness()["engine"]
            return not engine["running"] and not engine["waiting"] and held in (None, self.held())

        self.wait_until(is_idle)
        return self.held()
