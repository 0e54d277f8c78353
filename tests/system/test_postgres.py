"""A server whose database is PostgreSQL: its locks, its types and its connections are not SQLite's."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.client import Turn, receive_all, send
from tests.live.keys import make_keys
from tests.live.test_changes import add_voice, heard
from tests.live.test_voices import CloningServer, level_for, perform, upload
from tests.process.database.at_once import REPLACE_AT_ONCE, SPEND_AT_ONCE, STORE_AT_ONCE
from tests.pure.voices.recordings import recording
from tests.system.postgres import Cluster

TEXT = "Hello there."


@pytest.fixture
def settings_file(cluster: Cluster, tmp_path: Path) -> Path:
    """Of a server that is set up, with an empty database."""
    name = f"at_once_{len(list(tmp_path.parent.iterdir()))}"
    path = write_settings(tmp_path, database_url=cluster.new_database(name))
    assert manage(path, "setup").returncode == 0
    return path


@pytest.fixture(scope="module")
def database_url(cluster: Cluster) -> str:
    return cluster.new_database("served")


@pytest.fixture(scope="module")
def servers(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """Two, with one database and one folder of recordings between them, as behind a balancer."""
    folder = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        started = []
        for name in ("one", "two"):
            service = {"data_dir": str(folder / "var")}
            folder.joinpath(name).mkdir()
            path = write_settings(
                folder / name, service=service, database_url=database_url, access={"require_keys": True}
            )
            started.append(stack.enter_context(LiveServer(path)))
        yield started


async def speech(server: LiveServer, key: str, voice_id: str = "demo") -> Turn:
    query = "?output_format=pcm_16000"
    async with server.connect(voice_id, query, additional_headers={"xi-api-key": key}) as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        return await receive_all(socket)


def usage(database_url: str, name: str) -> list[tuple[Any, ...]]:
    query = (
        "SELECT characters, requests FROM access_dailyusage "
        "JOIN access_apikey ON key_id = access_apikey.id WHERE name = %s AND audio_seconds > 0"
    )
    with psycopg.connect(database_url) as connection:
        return connection.execute(query, [name]).fetchall()


@pytest.mark.parametrize("command", [("makemigrations", "--check"), ("migrate", "--check"), ("check",)])
def test_after_setup_nothing_is_left_to_migrate(settings_file: Path, command: tuple[str, ...]) -> None:
    done = manage(settings_file, *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_quota_is_spent_once_however_many_spend_it(settings_file: Path) -> None:
    spent = manage(settings_file, "shell", "-v", "0", "-c", SPEND_AT_ONCE)
    assert (spent.stdout, spent.stderr) == ("5 50\n", "")


def test_many_may_store_the_same_at_once(settings_file: Path) -> None:
    stored = manage(settings_file, "shell", "-v", "0", "-c", STORE_AT_ONCE)
    assert (stored.stdout, stored.stderr) == ("[b'same']\n", "")


def test_of_many_who_replace_a_recording_at_once_no_file_is_left(settings_file: Path) -> None:
    replaced = manage(settings_file, "shell", "-v", "0", "-c", REPLACE_AT_ONCE)
    assert (replaced.stdout, replaced.stderr) == ("True 2\n", "")


async def test_speech_is_charged_to_its_key(servers: list[LiveServer], database_url: str) -> None:
    key = make_keys(servers[0], charged={})["charged"]
    assert (await speech(servers[0], key)).pcm.size > 8_000
    servers[0].wait_until(lambda: usage(database_url, "charged"))
    assert usage(database_url, "charged") == [(len(TEXT), 1)]


async def test_two_servers_count_one_quota(servers: list[LiveServer]) -> None:
    key = make_keys(servers[0], shared={"max_characters_per_month": len(TEXT) + 3})["shared"]
    assert (await speech(servers[0], key)).error is None
    error = (await speech(servers[1], key)).error
    assert error is not None
    assert error["error"] == "quota_exceeded"


async def test_a_voice_that_one_server_adds_speaks_at_the_other(servers: list[LiveServer]) -> None:
    key = make_keys(servers[0], adding={"may_manage_voices": True})["adding"]
    files = {"files": ("anna.wav", recording(), "audio/wav")}
    async with httpx.AsyncClient(headers={"xi-api-key": key}, timeout=60) as client:
        added = await client.post(f"{servers[0].base_url}/v1/voices/add", data={"name": "Anna"}, files=files)
        found = await client.get(f"{servers[1].base_url}/v2/voices", params={"search": "ANNA"})
    [voice] = found.json()["voices"]
    assert voice["voice_id"] == added.json()["voice_id"]
    assert (await speech(servers[1], key, voice["voice_id"])).pcm.size > 8_000


async def test_a_database_that_was_started_again_is_used_again(servers: list[LiveServer], cluster: Cluster) -> None:
    key = make_keys(servers[0], patient={})["patient"]
    assert (await speech(servers[0], key)).error is None
    cluster.restart()
    servers[0].wait_until(lambda: servers[0].readiness()["ready"])
    assert (await speech(servers[0], key)).error is None


def test_the_details_of_a_database_that_is_gone_are_not_told(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.new_database("gone").replace("/gone", "/never_made")
    refused = manage(write_settings(tmp_path, database_url=url), "setup")
    assert refused.returncode != 0
    assert "The database that DATABASE_URL names cannot be reached" in refused.stderr
    assert "Traceback" not in json.dumps(refused.stderr)


async def test_a_voice_that_changes_is_another_sound_in_every_process(cluster: Cluster, tmp_path: Path) -> None:
    """Whose caches would keep the old one for an hour."""
    sections: dict[str, Any] = {"database_url": cluster.new_database("changes"), "database": {"cache_seconds": 3600}}
    service = {"data_dir": str(tmp_path / "var")}
    with ExitStack() as running:
        servers = []
        for name in ("one", "two"):
            tmp_path.joinpath(name).mkdir()
            settings = write_settings(tmp_path / name, service=service, **sections)
            servers.append(running.enter_context(CloningServer(settings, tmp_path / name / "engine")))
        voice_id = await asyncio.to_thread(add_voice, servers[0], 300)
        assert [await heard(server, voice_id) for server in servers] == [level_for(300)] * 2
        await asyncio.to_thread(perform, servers[0], upload(servers[0], voice_id, "recording(pitch=310)"))
        for server in servers:
            async with asyncio.timeout(60):
                while await heard(server, voice_id) != level_for(310):
                    await asyncio.sleep(0.05)
