"""What Django makes of the settings, in processes of their own."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.live_server import command_environment, run_python, write_settings
from xtts_site.config import PROJECT_DIR


def shell(settings_file: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code with Django set up."""
    begin = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'xtts_site.settings'; import django; django.setup()\n"
    prepared = f"{begin}from django.conf import settings\nfrom django.db import connection\n{code}"
    return run_python(settings_file, "-c", prepared, **environment)


def printed(settings_file: Path, expression: str, **environment: str) -> str:
    result = shell(settings_file, f"print({expression})", **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return write_settings(tmp_path)


def test_the_secret_key_is_made_once_and_kept_private(settings_file: Path) -> None:
    first = printed(settings_file, "settings.SECRET_KEY")
    assert len(first) >= 50
    assert printed(settings_file, "settings.SECRET_KEY") == first
    kept = settings_file.parent / "var" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_every_installation_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        keys.add(printed(write_settings(tmp_path / name), "settings.SECRET_KEY"))
    assert len(keys) == 2


def test_a_key_that_is_set_is_used_and_none_is_kept(tmp_path: Path) -> None:
    settings_file = write_settings(tmp_path, service={"secret_key": "x" * 40})
    assert printed(settings_file, "settings.SECRET_KEY") == "x" * 40
    assert not (tmp_path / "var" / "secret_key").exists()


def test_processes_that_start_together_agree_on_the_key(settings_file: Path) -> None:
    command = [sys.executable, "-c", "from xtts_site.settings import SECRET_KEY; print(SECRET_KEY)"]
    environment = command_environment(settings_file)
    together = [subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    assert len({process.communicate(timeout=60)[0] for process in together}) == 1


def test_a_key_that_was_only_half_made_is_made_again(settings_file: Path) -> None:
    """What a crash between creating and writing leaves behind."""
    kept = settings_file.parent / "var" / "secret_key"
    kept.parent.mkdir()
    os.close(os.open(kept, os.O_CREAT, 0o600))
    assert len(printed(settings_file, "settings.SECRET_KEY")) >= 50


def test_postgresql_by_url(settings_file: Path) -> None:
    url = "postgres://anna:geheim@db.example:5433/voices"
    shown = printed(
        settings_file,
        "[settings.DATABASES['default'][k] for k in ('ENGINE', 'NAME', 'USER', 'PASSWORD', 'HOST', 'PORT')]",
        DATABASE_URL=url,
    )
    assert shown == str(["django.db.backends.postgresql", "voices", "anna", "geheim", "db.example", 5433])


def test_sqlite_is_in_the_data_folder_and_does_not_block_readers(settings_file: Path) -> None:
    code = """
with connection.cursor() as cursor:
    for name in ("journal_mode", "synchronous", "busy_timeout"):
        cursor.execute(f"PRAGMA {name}")
        print(cursor.fetchone()[0])
"""
    assert shell(settings_file, code).stdout.split() == ["wal", "1", "20000"]
    assert (settings_file.parent / "var" / "db.sqlite3").exists()


def test_sqlite_by_url_has_the_same_pragmas(settings_file: Path, tmp_path: Path) -> None:
    code = "cursor = connection.cursor(); cursor.execute('PRAGMA journal_mode'); print(cursor.fetchone()[0])"
    result = shell(settings_file, code, DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    assert result.stdout.strip() == "wal"
    assert (tmp_path / "other.sqlite3").exists()


@pytest.mark.parametrize(("service", "is_secure"), [({}, False), ({"behind_tls_proxy": True}, True)])
def test_cookies_are_secure_where_there_is_tls(tmp_path: Path, service: dict[str, bool], is_secure: bool) -> None:
    settings_file = write_settings(tmp_path, service=service)
    shown = printed(settings_file, "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE")
    assert shown == f"{is_secure} {is_secure}"


def test_django_finds_nothing_wrong(settings_file: Path) -> None:
    result = shell(settings_file, "from django.core.management import call_command; call_command('check')")
    assert (result.returncode, result.stderr) == (0, "")
