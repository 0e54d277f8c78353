"""What an older version left readable to others, and the start that takes it from them."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from xtts_site import private_files
from xtts_site.config import Config, load_config


def config_of(folder: Path, **variables: str) -> Config:
    (folder / "config.yaml").write_text("service:\n  data_dir: var\n")
    return load_config({"XTTS_SETTINGS_FILE": str(folder / "config.yaml")} | variables)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def make(path: Path) -> Path:
    """A file that others may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o644)
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The data folder of an installation as older versions made it."""
    for name in ("db.sqlite3", "db.sqlite3-wal", "media/clips/a.wav"):
        make(tmp_path / "var" / name)
    for folder in ("var", "var/media", "var/media/clips"):
        (tmp_path / folder).chmod(0o755)
    return tmp_path / "var"


def test_files_and_folders_become_private(tmp_path: Path, old: Path, caplog: pytest.LogCaptureFixture) -> None:
    private_files.repair(config_of(tmp_path))
    paths = [old, *old.rglob("*")]
    assert len(paths) == 6
    assert {mode(path) for path in paths if path.is_dir()} == {0o700}
    assert {mode(path) for path in paths if path.is_file()} == {0o600}
    [line] = caplog.messages
    assert line.startswith(f"Other users of this machine could read {old}, {old}/")
    assert " and 3 more; now they cannot." in line


def test_a_second_start_says_nothing(tmp_path: Path, old: Path, caplog: pytest.LogCaptureFixture) -> None:
    private_files.repair(config_of(tmp_path))
    caplog.clear()
    private_files.repair(config_of(tmp_path))
    assert caplog.messages == []


def test_a_first_start_finds_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    private_files.repair(config_of(tmp_path))
    assert caplog.messages == []
    assert not (tmp_path / "var").exists()


def test_what_is_not_ours_is_not_touched(tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: old.stat().st_uid + 1)
    private_files.repair(config_of(tmp_path))
    assert (mode(old), mode(old / "db.sqlite3")) == (0o755, 0o644)


def test_links_lead_nowhere(tmp_path: Path, old: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = make(elsewhere / "other")
    elsewhere.chmod(0o755)
    (old / "link").symlink_to(elsewhere)
    (old / "link to a file").symlink_to(other)
    private_files.repair(config_of(tmp_path))
    assert (mode(elsewhere), mode(other)) == (0o755, 0o644)


def test_recordings_on_another_disk_are_ours(tmp_path: Path, old: Path) -> None:
    (old / "media").rename(tmp_path / "disk")
    (old / "media").symlink_to(tmp_path / "disk")
    make(tmp_path / "disk" / "photo.jpg")
    private_files.repair(config_of(tmp_path))
    assert mode(tmp_path / "disk" / "clips" / "a.wav") == 0o600
    assert mode(tmp_path / "disk" / "photo.jpg") == 0o644


def test_a_database_that_is_elsewhere(tmp_path: Path, old: Path) -> None:
    files = [make(tmp_path / "other" / f"voices.sqlite3{end}") for end in private_files.BESIDE_SQLITE]
    (tmp_path / "other").chmod(0o755)
    private_files.repair(config_of(tmp_path, DATABASE_URL=f"sqlite:///{files[0]}"))
    assert {mode(path) for path in files} == {0o600}
    assert mode(tmp_path / "other") == 0o755


@pytest.mark.parametrize("url", ["postgres://anna:geheim@db.example:5433/voices", "sqlite://:memory:"])
def test_a_database_that_is_no_file(tmp_path: Path, old: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    private_files.repair(config_of(tmp_path, DATABASE_URL=url))
    assert mode(old / "db.sqlite3") == 0o600


def test_a_file_system_without_such_rights_is_not_complained_about(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ignore(*_: Any, **__: Any) -> None: ...

    monkeypatch.setattr(Path, "chmod", ignore)
    private_files.repair(config_of(tmp_path))
    assert caplog.messages == []
