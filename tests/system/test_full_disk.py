"""The disk of a server is full: it speaks on, says what is wrong, and writes later what it could not write."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import send, speak
from tests.live.keys import usage
from tests.live.test_health import get
from tests.pure.voices.recordings import recording
from tests.system.small_disk import fill, small_disk

pytestmark = [
    pytest.mark.both_servers,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk of its own"),
]

TEXT = "Hello there."


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    with small_disk(folder):
        yield folder


def add_voice(server: LiveServer) -> httpx.Response:
    files = [("files", (f"{index}.wav", recording(seconds=5.0, pitch=100 + index))) for index in range(3)]
    return httpx.post(f"{server.base_url}/v1/voices/add", data={"name": "Anna"}, files=files, timeout=60)


def stored(server: LiveServer) -> tuple[list[str], list[str]]:
    """The files, and what the rows say."""
    data_dir = server.settings_file.parent / "var"
    with closing(sqlite3.connect(data_dir / "db.sqlite3")) as database:
        rows = [name for (name,) in database.execute("SELECT file FROM voices_referenceclip ORDER BY file")]
    return sorted(f"clips/{path.name}" for path in (data_dir / "media").glob("clips/*")), rows


async def test_a_full_disk_is_said_and_survived(disk: Path, server_program: str) -> None:
    with LiveServer(write_settings(disk.parent)) as server:
        assert get(server, "/readyz")[1]["disk"] == "ok"
        filling = fill(disk)
        status, report = get(server, "/readyz")
        assert (status, report["ready"], report["disk"]) == (503, False, "No space left on device")
        async with server.connect(query="?output_format=pcm_16000") as socket:
            await send(socket, type="ttsInitRequest")
            turn = await speak(socket, TEXT)
        assert turn.is_final
        assert turn.error is None
        assert turn.pcm.size > 8_000
        filling.unlink()
        await asyncio.to_thread(server.wait_until, lambda: [row[2] for row in usage(server)] == [len(TEXT)])
        assert get(server, "/readyz")[0] == 200
        assert "Traceback" not in server.log


def test_an_upload_to_a_full_disk_is_refused_in_words_and_leaves_nothing(disk: Path, server_program: str) -> None:
    """There is room for the rows and the first recordings."""
    with LiveServer(write_settings(disk.parent)) as server:
        filling = fill(disk, leave=len(recording(seconds=5.0)) * 2)
        answer = add_voice(server)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (507, "recording_not_stored")
        assert stored(server) == ([], [])
        filling.unlink()
        assert add_voice(server).status_code == 200
        files, rows = stored(server)
        assert len(files) == 3
        assert files == rows
        assert "Traceback" not in server.log


def test_an_upload_without_room_for_its_rows_is_refused_in_words_and_leaves_nothing(
    disk: Path, tmp_path: Path, server_program: str
) -> None:
    """The recordings are on another disk, which has room."""
    media = tmp_path / "media"
    media.mkdir()
    (disk / "media").symlink_to(media)
    with LiveServer(write_settings(disk.parent)) as server:
        filling = fill(disk)
        answer = add_voice(server)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (507, "storage_full")
        filling.unlink()
        assert stored(server) == ([], [])
        assert "Traceback" not in server.log
