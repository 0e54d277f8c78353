from collections.abc import Iterator

import pytest

from tests.live.redis_server import RedisServer


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for the tests of a file, which leave nothing in it that another one asks for."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running
