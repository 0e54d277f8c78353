"""SQLite is locked by another process while a voice is prepared that is not stored yet: nobody waits until it is."""

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.live_server import write_settings
from tests.live.locked_database import locked_database
from tests.live.test_voices import CloningServer, level, level_for, perform, say, upload

pytestmark = pytest.mark.both_servers

PITCH = 220
# Whoever waited for the lock would wait for 36 s, and say so then.
PATIENT = {"answer_seconds": 60}


@pytest.fixture
def cloning(tmp_path: Path, server_program: str) -> Iterator[CloningServer]:
    with CloningServer(
        write_settings(tmp_path, database=PATIENT, voices={"prepare_in_background": False}), tmp_path / "engine"
    ) as server:
        perform(server, upload(server, "anna", f"recording(pitch={PITCH})"))
        yield server


def database_of(server: CloningServer) -> Path:
    return server.settings_file.parent / "var" / "db.sqlite3"


def stored(server: CloningServer) -> int:
    with closing(sqlite3.connect(database_of(server))) as database:
        [(count,)] = database.execute("SELECT count(*) FROM voices_voiceconditioning")
    return int(count)


async def test_a_new_voice_is_heard_while_it_cannot_be_stored_and_is_stored_later(cloning: CloningServer) -> None:
    with locked_database(database_of(cloning)):
        async with asyncio.timeout(120):
            assert level(await say(cloning, "anna")) == level_for(PITCH)
            assert "cannot be stored" not in cloning.log
            assert level(await say(cloning, "anna")) == level_for(PITCH)
        assert stored(cloning) == 0
    await cloning.until(lambda: stored(cloning) == 1)
    assert cloning.prepared() == 1


async def test_a_server_that_ends_says_which_voices_are_not_stored(cloning: CloningServer) -> None:
    with locked_database(database_of(cloning)):
        async with asyncio.timeout(120):
            assert level(await say(cloning, "anna")) == level_for(PITCH)
        cloning.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(cloning.process.wait, 120) == 0
        assert "1 prepared voices are not stored" in cloning.log
    assert stored(cloning) == 0
