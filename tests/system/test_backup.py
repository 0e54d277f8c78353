"""A backup of PostgreSQL and recordings, made while the server runs, in a new installation."""

from pathlib import Path

import pytest

from benchmarks.live_server import manage, write_settings
from tests.live.backups import run_documented, spoken
from tests.live.keys import make_keys
from tests.live.test_backup import FORGET, add_voice
from tests.live.test_voices import CloningServer
from tests.system.postgres import Cluster, programs


def settings_in(folder: Path, url: str) -> Path:
    folder.mkdir()
    return write_settings(folder, access={"require_keys": True}, database_url=url)


def test_a_restored_installation_speaks_with_the_same_voice_for_the_same_key(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs()), prepend=":")
    old, new = (cluster.new_database(name) for name in ("backed_up", "restored"))
    with CloningServer(settings_in(tmp_path / "old", old), tmp_path / "engine") as server:
        key = make_keys(server, alice={"may_manage_voices": True})["alice"]
        anna = add_voice(server, key)
        before = spoken(server, anna, key)
        folders = (tmp_path / "old" / "var", tmp_path / "backups")
        run_documented("Backup", "PostgreSQL", *folders, DATABASE_URL=old)
    settings = settings_in(tmp_path / "new", new)
    (tmp_path / "new" / "var").mkdir(mode=0o700)
    run_documented("Restore", "PostgreSQL", tmp_path / "new" / "var", tmp_path / "backups", DATABASE_URL=new)
    assert manage(settings, "setup").stdout == ""
    assert manage(settings, "shell", "-c", FORGET).returncode == 0
    with CloningServer(settings, tmp_path / "engine") as server:
        assert spoken(server, anna, key) == before
