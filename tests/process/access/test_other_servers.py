"""What a server asks of Redis at its start."""

import hashlib
from typing import Any

import pytest
from django.conf import settings

from streaming.access import other_servers, secret_text
from streaming.access.shared_counts import SERVERS
from tests.live.redis_server import RedisServer
from xtts_site.management.commands.serve import check_redis


async def test_the_keys_of_others_are_not_searched(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.mset({f"of another program: {number}": "" for number in range(10_000)})
        client.zadd(SERVERS, {other_servers.mark_of_this_server(): 0})
        assert not await check_redis(redis_server.url)
        client.zadd(SERVERS, {"0" * 16: 0})
        assert await check_redis(redis_server.url)
        assert not {"cmdstat_scan", "cmdstat_keys"} & client.info("commandstats").keys()


async def test_a_redis_that_answers_is_enough_for_a_start(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.acl_setuser("few", enabled=True, passwords=["+secret"], commands=["+ping"], keys=["*"])
    assert not await check_redis(redis_server.url.replace("//", "//few:secret@"))


def test_a_secret_key_may_be_bytes_as_django_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRET_KEY", "as text")
    mark = other_servers.mark_of_this_server()
    monkeypatch.setattr(settings, "SECRET_KEY", b"as text")
    assert other_servers.mark_of_this_server() == mark


def test_each_secret_key_that_is_tried_costs_much(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []

    def note(name: str, secret: bytes, salt: bytes, count: int, *rest: Any) -> bytes:
        rounds.append(count)
        return secret

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", note)
    monkeypatch.setattr(settings, "SECRET_KEY", "made up by people")
    other_servers.mark_of_this_server()
    assert rounds == [secret_text.ROUNDS]
    assert secret_text.ROUNDS >= 600_000
