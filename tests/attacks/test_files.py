"""Another user of the machine reads what the server keeps: the sessions, the hashes of keys, the recordings."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import LiveServer, run_python, set_up, write_settings
from tests.live.host import HostServer
from tests.pure.voices.recordings import recording

BESIDE = Path(sys.executable).parent
STARTS = {
    "serve": ("manage.py", "serve"),
    "daphne": (str(BESIDE / "daphne"), "xtts_site.asgi:application", "-p"),
    "uvicorn": ("-m", "uvicorn", "xtts_site.asgi:application", "--port"),
}
OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(autouse=True)
def _ordinary_umask() -> Iterator[None]:
    """That of most shells and services, which the processes inherit."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable(folder: Path) -> list[str]:
    """What others may read, of a folder and all that is in it."""
    return [str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & OF_OTHERS]


def open_to_all(folder: Path) -> None:
    """As older versions left it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("start", STARTS)
def test_nothing_that_a_server_keeps_is_readable_however_it_was_started(tmp_path: Path, start: str) -> None:
    settings = write_settings(tmp_path)
    port = str(LiveServer(settings).port)
    command = STARTS[start] if start == "serve" else (*STARTS[start], port)
    with LiveServer(settings, command) as server:
        files = {"files": ("anna.wav", recording(), "audio/wav")}
        added = httpx.post(f"{server.base_url}/v1/voices/add", data={"name": "Anna"}, files=files, timeout=60)
        assert added.status_code == 200, added.text
        names = {path.name for path in (tmp_path / "var").rglob("*")}
        assert {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "secret_key", "clips"} <= names
        assert len(list((tmp_path / "var" / "media" / "clips").iterdir())) == 1
        assert readable(tmp_path / "var") == []


@pytest.mark.parametrize(
    "start", [("manage.py", "setup"), ("-c", "import xtts_site.asgi"), ("-m", "xtts_site.command", "migrate", "-v0")]
)
def test_any_start_repairs_what_an_older_one_left_and_says_so_once(tmp_path: Path, start: tuple[str, ...]) -> None:
    settings = write_settings(tmp_path)
    set_up(settings)
    open_to_all(tmp_path / "var")
    said = [run_python(settings, *start).stderr for _ in range(2)]
    assert readable(tmp_path / "var") == []
    assert said[0].count("\n") == 1
    assert f"Other users of this machine could read {tmp_path}/var, " in said[0]
    assert said[1] == ""


@pytest.mark.both_servers
def test_the_files_of_another_project_are_its_own_business(tmp_path: Path, server_program: str) -> None:
    with HostServer(folder=tmp_path, program=server_program) as host:
        assert stat.S_IMODE((tmp_path / "host.sqlite3").stat().st_mode) == 0o644
        umask = Path(f"/proc/{host.process.pid}/status").read_text().split("Umask:")[1].split()[0]
        assert int(umask, 8) == 0o022
