"""The disk of a server is full: it speaks on, says what is wrong, and writes later what it could not write."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.live.client import send, speak
from tests.live.keys import usage
from tests.live.test_health import get

pytestmark = [
    pytest.mark.both_servers,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk of its own"),
]

TEXT = "Hello there."


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Down to the last byte."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filling


async def test_a_full_disk_is_said_and_survived(small_disk: Path, server_program: str) -> None:
    with LiveServer(write_settings(small_disk.parent)) as server:
        assert get(server, "/readyz")[1]["disk"] == "ok"
        filling = fill(small_disk)
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
