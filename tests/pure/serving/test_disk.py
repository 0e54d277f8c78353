"""Whether the disk takes what is written."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from streaming.serving import disk
from streaming.serving.disk import Disk


async def test_a_disk_that_takes_what_is_written_and_keeps_nothing(tmp_path: Path) -> None:
    assert await Disk(tmp_path, 60).state() == "ok"
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_not_there_is_not_used(tmp_path: Path) -> None:
    assert await Disk(tmp_path / "nothing", 60).state() == "not used"


async def test_what_the_disk_says_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(disk, "_write", fail)
    assert await Disk(tmp_path, 60).state() == "No space left on device"


async def test_a_disk_that_hangs_takes_one_thread_however_many_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    hanging: list[Any] = []

    def hang(_: Path) -> None:
        hanging.append(threading.current_thread())
        released.wait()

    monkeypatch.setattr(disk, "_write", hang)
    checked = Disk(tmp_path, 0.01)
    assert [await checked.state() for _ in range(30)] == ["no answer"] * 30
    assert len(hanging) <= 1
    released.set()
