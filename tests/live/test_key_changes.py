"""Two servers with one database: a key that is disabled, or expires, by a change in a third process."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import httpx
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.client import Turn, receive_all, send, speak
from tests.live.keys import make_keys

TEXT = "The weather is fine today. "
# A cache that would let a key in for an hour: only who looks for changes can be quicker.
DATABASE = {"cache_seconds": 3600}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """One on each of the web servers."""
    data = str(tmp_path_factory.mktemp("data") / "var")
    with ExitStack() as running:
        settings = [
            write_settings(
                tmp_path_factory.mktemp(program),
                service={"data_dir": data, "server": program},
                access={"require_keys": True},
                database=DATABASE,
            )
            for program in ("uvicorn", "daphne")
        ]
        yield [running.enter_context(LiveServer(path)) for path in settings]


def change(server: LiveServer, name: str, what: str) -> None:
    code = f"from streaming.access.models import ApiKey; ApiKey.objects.filter(name={name!r}).{what}"
    done = manage(server.settings_file, "shell", "-v", "0", "-c", code)
    assert done.returncode == 0, done.stderr


def ending(turn: Turn) -> tuple[Any, int | None]:
    return (turn.error or {}).get("error"), turn.close_code


@pytest.mark.parametrize(
    "what", ["update(enabled=False)", "update(expires_at='2026-01-01T00:00Z')"], ids=["disabled", "expired"]
)
async def test_open_sockets_of_a_key_end_with_it_on_every_server(pair: list[LiveServer], what: str) -> None:
    """One that never spoke, one that speaks, one between two turns, and one whose key came in its first message."""
    secrets = make_keys(pair[0], going={}, staying={})
    headers = {"xi-api-key": secrets["going"]}
    async with AsyncExitStack() as closing:
        sockets = []
        for server in pair:
            silent, speaking, idle, late = [
                await closing.enter_async_context(server.connect(additional_headers=sent, query=query))
                for sent, query in (
                    (headers, "?inactivity_timeout=180"),
                    (headers, "?target_lead_ms=100"),
                    (headers, "?mode=generate"),
                    ({}, "?mode=generate"),
                )
            ]
            await send(speaking, text=TEXT * 100, flush=True)
            assert (await speak(idle, TEXT)).is_final
            assert (await speak(late, TEXT, xi_api_key=secrets["going"])).is_final
            sockets += [silent, speaking, idle, late]
        other = await closing.enter_async_context(
            pair[1].connect(query="?mode=generate", additional_headers={"xi-api-key": secrets["staying"]})
        )
        reading = asyncio.gather(*map(receive_all, sockets))
        await asyncio.to_thread(change, pair[0], "going", what)
        turns = await asyncio.wait_for(reading, 60)
        assert [ending(turn) for turn in turns] == [("invalid_api_key", 1008)] * len(sockets)
        assert (await speak(other, TEXT)).is_final


async def test_new_requests_with_a_key_are_refused_on_every_server(pair: list[LiveServer]) -> None:
    headers = {"xi-api-key": make_keys(pair[0], asking={})["asking"]}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        addresses = [f"{server.base_url}/v1/models" for server in pair]
        assert [(await client.get(address)).status_code for address in addresses] == [200, 200]
        await asyncio.to_thread(change, pair[0], "asking", "update(enabled=False)")
        async with asyncio.timeout(60):
            while [(await client.get(address)).status_code for address in addresses] != [401, 401]:
                await asyncio.sleep(0.05)
