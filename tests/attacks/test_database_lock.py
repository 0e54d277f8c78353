"""Somebody holds the lock of SQLite, which has one writer at a time: a large form in the admin, say. Whoever only speaks and
reads notices nothing."""

import asyncio
import sqlite3
from contextlib import closing

import httpx
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.attacks.raw import threads_of
from tests.live.client import send, speak
from tests.live.keys import make_keys, wait_for_usage
from tests.live.locked_database import locked_database

pytestmark = pytest.mark.both_servers


async def test_a_writer_holds_up_nobody_who_only_reads(
    tmp_path_factory: pytest.TempPathFactory, server_program: str
) -> None:
    settings = write_settings(tmp_path_factory.mktemp("locked"), access={"require_keys": True})
    with LiveServer(settings) as server:
        keys = make_keys(server, free={}, limited={"max_characters_per_month": 10_000})
        path = settings.parent / "var" / "db.sqlite3"
        async with (
            httpx.AsyncClient(base_url=server.base_url, timeout=120) as client,
            server.connect(additional_headers={"xi-api-key": keys["limited"]}) as waiting,
        ):
            before = threads_of(server)
            with locked_database(path):
                # What these want is written at once, and all of them wait for it.
                await send(waiting, text="Hello. ", flush=True)
                headers = {"xi-api-key": keys["free"]}
                writers = [
                    asyncio.create_task(client.post("/v1/single-use-token/tts_websocket", headers=headers))
                    for _ in range(3)
                ]
                # Each of the three has a thread, and beside them there are threads that write.
                await asyncio.to_thread(server.wait_until, lambda: threads_of(server) >= before + len(writers) + 2, 20)
                # A reader that waits, waits for as long as SQLite does: 20 s.
                async with asyncio.timeout(15):
                    spoken = await client.post("/v1/text-to-speech/demo", json={"text": "Hello."}, headers=headers)
                    listed = await client.get("/v1/voices", headers=headers)
                    async with server.connect(query="?mode=generate", additional_headers=headers) as socket:
                        turn = await speak(socket, "Hello.")
                readiness = await asyncio.to_thread(server.readiness)
                with closing(sqlite3.connect(path, timeout=0)) as other, pytest.raises(sqlite3.OperationalError):
                    other.execute("BEGIN IMMEDIATE")
            written = await asyncio.gather(*writers)
            await asyncio.to_thread(wait_for_usage, server, "free", lambda _, characters, *__: characters == 12)
        assert (spoken.status_code, listed.status_code, turn.is_final) == (200, 200, True)
        assert {answer.status_code for answer in written} <= {200, 503}  # who waits for SQLite waits for a moment only
        assert readiness["ready"]
