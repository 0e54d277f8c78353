"""A database that is slow, and yet answers each question in time: what one client asks for has one time for all of them.

Nothing here is timed: what would be served if each question had that time is refused.
"""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.live_server import write_settings
from tests.live.client import receive_all, send
from tests.live.keys import make_keys
from tests.live.servers import WatchedServer
from tests.system.postgres import Cluster
from tests.system.slow_proxy import SlowProxy
from tests.system.test_database_faults import PATIENCE_SECONDS, TEXT, UNAVAILABLE, Site, error_of, spoken

pytestmark = pytest.mark.both_servers

ANSWER_SECONDS = 2.5
# To say whose a key is takes two answers, to look up a voice three.
SLOW_SECONDS = 0.3 * ANSWER_SECONDS


@pytest.fixture(scope="module")
def proxied(
    cluster: Cluster, server_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, SlowProxy]]:
    database_url = cluster.new_database(f"slow_{server_program}")
    port = urlsplit(database_url).port
    assert port is not None
    with SlowProxy(port) as proxy:
        settings = write_settings(
            tmp_path_factory.mktemp("slow"),
            database_url=database_url.replace(f":{port}/", f":{proxy.port}/"),
            database={"answer_seconds": ANSWER_SECONDS, "cache_seconds": 0, "voice_outage_seconds": 0.001},
            access={"require_keys": True},
        )
        with WatchedServer(settings) as server:
            yield Site(server, cluster, database_url, make_keys(server, known={})), proxy


async def test_a_handshake_asks_in_one_time(proxied: tuple[Site, SlowProxy]) -> None:
    site, proxy = proxied
    await asyncio.to_thread(site.speaks_again, "known")
    stranger = site.new_key()
    with proxy.slow(SLOW_SECONDS):
        assert error_of(await site.say(stranger)) == UNAVAILABLE
    await asyncio.to_thread(site.speaks_again, stranger)
    assert "Traceback" not in site.server.log


async def test_a_first_message_with_a_key_asks_in_one_time(proxied: tuple[Site, SlowProxy]) -> None:
    site, proxy = proxied
    await asyncio.to_thread(site.speaks_again, "known")
    stranger = site.new_key()
    async with asyncio.timeout(PATIENCE_SECONDS), site.server.connect() as socket:
        with proxy.slow(SLOW_SECONDS):
            await send(socket, text=TEXT, xi_api_key=site.keys[stranger])
            assert error_of(await receive_all(socket)) == UNAVAILABLE
    assert spoken(await site.say("known"))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/text-to-speech/demo", {"text": TEXT}),
        ("GET", "/v1/voices", None),
        ("GET", "/v1/voices/demo", None),
    ],
    ids=["speech", "voices", "voice"],
)
async def test_a_request_asks_in_one_time(
    proxied: tuple[Site, SlowProxy], method: str, path: str, body: dict[str, str] | None
) -> None:
    site, proxy = proxied
    await asyncio.to_thread(site.speaks_again, "known")
    stranger = site.new_key()
    headers = {"xi-api-key": site.keys[stranger]}
    async with httpx.AsyncClient(base_url=site.server.base_url, timeout=PATIENCE_SECONDS) as client:
        with proxy.slow(SLOW_SECONDS):
            answer = await client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"]
        # Each of the server's threads has a connection, which has to be made again.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (again := await client.request(method, path, json=body, headers=headers)).status_code == 503:
                pass
        assert again.status_code == 200
    assert "Traceback" not in site.server.log
