"""What a server says at its start of those that use the same Redis."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.live.redis_server import RedisServer

SENTENCE = "Another server with the same Redis has another secret key"
KEYS = [f"a secret key of a server, with the number {number}" for number in (1, 2)]


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@pytest.mark.parametrize("differs", [True, False])
def test_a_server_says_that_another_one_has_another_secret_key(
    redis_server: RedisServer, tmp_path: Path, differs: bool
) -> None:
    with ExitStack() as running:
        for name, key in zip(("one", "two"), KEYS if differs else [KEYS[0]] * 2, strict=True):
            (tmp_path / name).mkdir()
            settings = write_settings(tmp_path / name, service={"secret_key": key}, redis_url=redis_server.url)
            server = running.enter_context(LiveServer(settings))
        assert (SENTENCE in server.log) is differs
        assert not any(key in server.log for key in KEYS)
