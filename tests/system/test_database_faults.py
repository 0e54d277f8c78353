"""PostgreSQL stops, dies or is locked under a server that speaks: nothing hangs, and nothing is lost.

Nothing here is timed: what is refused is refused while the database still does not answer.
"""

import asyncio
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.live_server import write_settings
from tests.live.client import Turn, receive_all, send
from tests.live.keys import make_keys
from tests.live.servers import WatchedServer
from tests.system.postgres import Cluster

pytestmark = pytest.mark.both_servers

TEXT = "Hello there. "
LONG_TEXT = "The weather is fine today, and the birds are singing in the trees. " * 6
QUERY = "?output_format=pcm_16000"
PATIENCE_SECONDS = 60
DATABASE_THREADS = 4 + 4 + 4 + 1
USAGE = (
    "SELECT coalesce(sum(characters), 0) FROM access_dailyusage JOIN access_apikey ON key_id = access_apikey.id "
    "WHERE name = %s"
)


@dataclass
class Site:
    """A server with keys, whose database is PostgreSQL."""

    server: WatchedServer
    cluster: Cluster
    database_url: str
    keys: dict[str, str]

    def connect(self, name: str, query: str = QUERY) -> Any:
        return self.server.connect(query=query, additional_headers={"xi-api-key": self.keys[name]})

    async def say(self, name: str) -> Turn:
        """A whole session of the key of that name."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.connect(name) as socket:
            await send(socket, text=TEXT)
            await send(socket, text="")
            return await receive_all(socket)

    def new_key(self) -> str:
        """The name of a key that this server has not seen."""
        name = f"stranger {len(self.keys)}"
        self.keys |= make_keys(self.server, **{name: {}})
        return name

    def characters(self, name: str) -> int:
        """What is written down about the key."""
        with psycopg.connect(self.database_url) as connection:
            [(characters,)] = connection.execute(USAGE, [name]).fetchall()
        return int(characters)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody else holds the table of usage."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute("LOCK TABLE access_dailyusage IN EXCLUSIVE MODE")
            yield
            connection.rollback()

    def wait_until_back_to(self, held: dict[str, Any]) -> None:
        """No task is left behind, no utterance and no socket. (Threads that use the database keep their connections.)"""

        def is_back() -> bool:
            now = self.server.wait_until_idle()
            return bool(now["tasks"] == held["tasks"] and now["sockets"] <= held["sockets"] + DATABASE_THREADS)

        self.server.wait_until(is_back)

    def speaks_again(self, name: str) -> None:
        self.server.wait_until(lambda: self.server.readiness()["ready"])
        self.server.wait_until(lambda: asyncio.run(self.say(name)).is_final, PATIENCE_SECONDS)


KEYS: dict[str, dict[str, Any]] = {
    "known": {},
    "limited": {"max_characters_per_month": 1_000_000},
}


@pytest.fixture(scope="module")
def site(cluster: Cluster, server_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database_url = cluster.new_database(f"faults_{server_program}")
    settings = write_settings(
        tmp_path_factory.mktemp("faults"), database_url=database_url, access={"require_keys": True}
    )
    with WatchedServer(settings) as server:
        yield Site(server, cluster, database_url, make_keys(server, **KEYS))


def error_of(turn: Turn) -> tuple[str | None, int | None]:
    return (turn.error or {}).get("error"), turn.close_code


UNAVAILABLE = ("database_unavailable", 1013)


def spoken(turn: Turn) -> bool:
    """Whether it was said to its end."""
    return turn.is_final and turn.error is None and turn.pcm.size > 8_000


@pytest.mark.parametrize("fault", ["stopped", "killed"])
async def test_a_silent_database_holds_up_nobody_for_ever_and_loses_nothing(site: Site, fault: str) -> None:
    """Who was there speaks on, and what was used is written down later."""
    silence = site.cluster.stopped() if fault == "stopped" else site.cluster.killed()
    # Keys of its own: what others have used may not be written yet.
    server, known, talker, stranger = site.server, site.new_key(), site.new_key(), site.new_key()
    assert spoken(await site.say(known))
    held = await asyncio.to_thread(server.wait_until_idle)
    async with site.connect(talker) as talking, httpx.AsyncClient(base_url=server.base_url, timeout=60) as client:
        await send(talking, text=LONG_TEXT, flush=True)
        await talking.recv()
        assert spoken(await site.say(known))
        with silence:
            # In memory are the key and the voice.
            assert spoken(await site.say(known))
            # Many at a time: none of them waits for the others.
            refused = await asyncio.gather(*(site.say(stranger) for _ in range(20)))
            assert {error_of(turn) for turn in refused} == {UNAVAILABLE}
            assert error_of(await site.say("limited")) == UNAVAILABLE
            headers = {"xi-api-key": site.keys[stranger]}
            answers = await asyncio.gather(
                *(client.get("/v1/voices", headers=headers) for _ in range(40)),
                client.post("/v1/text-to-speech/demo", json={"text": TEXT}, headers=headers),
            )
            assert {answer.status_code for answer in answers} == {503}
            assert {answer.json()["detail"]["code"] for answer in answers} == {"database_unavailable"}
            assert all("retry-after" in answer.headers for answer in answers)
            report = await asyncio.to_thread(server.readiness)
            assert not report["ready"]
            assert report["database"] in ("no answer", "error")
            await send(talking, text="")
            turn = await receive_all(talking)
            assert spoken(turn)
            assert turn.pcm.size > 16_000 * 15
    await asyncio.to_thread(site.speaks_again, stranger)
    assert spoken(await site.say("limited"))
    owed = {known: 3 * len(TEXT), talker: len(LONG_TEXT)}
    await asyncio.to_thread(server.wait_until, lambda: {name: site.characters(name) for name in owed} == owed)
    await asyncio.to_thread(site.wait_until_back_to, held)
    assert "Traceback" not in server.log


async def test_usage_that_is_locked_closes_the_door_to_nobody(site: Site) -> None:
    """Who has no limit of characters needs nothing of what is locked."""
    server, stranger = site.server, site.new_key()
    held = await asyncio.to_thread(server.wait_until_idle)
    with site.locked():
        for _ in range(2):
            turns = await asyncio.gather(
                *(site.say(name) for name in (stranger, "known", stranger, "limited", "limited"))
            )
            assert [spoken(turn) for turn in turns] == [True, True, True, False, False]
            assert {error_of(turn) for turn in turns[3:]} == {UNAVAILABLE}
            server.wait_until(lambda: "Usage records could not be written" in server.log)
        assert (await asyncio.to_thread(server.readiness))["ready"]
        assert site.characters(stranger) == 0
    await asyncio.to_thread(server.wait_until, lambda: site.characters(stranger) == 4 * len(TEXT))
    assert spoken(await site.say("limited"))
    await asyncio.to_thread(site.wait_until_back_to, held)
    assert "Traceback" not in server.log


@pytest.mark.parametrize("fault", ["stopped", "locked"])
async def test_the_end_of_a_server_does_not_wait_for_the_database(
    cluster: Cluster, server_program: str, tmp_path: Path, fault: str
) -> None:
    """What could not be written is in the log then."""
    database_url = cluster.new_database(f"ending_{fault}_{server_program}")
    with WatchedServer(write_settings(tmp_path, database_url=database_url)) as server:
        site = Site(server, cluster, database_url, {"nobody": "no key is needed"})
        assert spoken(await site.say("nobody"))
        with site.locked() if fault == "locked" else cluster.stopped():
            assert spoken(await site.say("nobody"))
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.process.wait, PATIENCE_SECONDS) == 0
        assert re.search(r"This usage is probably not in the database: .*voice_id='demo'.*characters=\d", server.log)


async def test_pages_without_their_database_are_a_few_lines_of_the_log(site: Site) -> None:
    """Not a traceback each; and a flood of them does not fill the disk."""
    server = site.server
    async with httpx.AsyncClient(base_url=server.base_url, cookies={"sessionid": "a" * 32}, timeout=60) as client:
        with site.cluster.killed():
            answers = [await client.get("/admin/") for _ in range(30)]
    assert {answer.status_code for answer in answers} == {500}
    failed = [line for line in server.log.splitlines() if "Internal Server Error: /admin/" in line]
    assert 0 < len(failed) <= 20
    assert all("The database does not answer" in line for line in failed)
    assert "Traceback" not in server.log
    await asyncio.to_thread(site.speaks_again, "known")
