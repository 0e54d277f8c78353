"""Threads write to a database in a file at once. The database of the other tests is in memory: it locks differently."""

from pathlib import Path

import pytest

from benchmarks.live_server import manage, set_up, write_settings
from tests.process.database.at_once import SPEND_AT_ONCE, STORE_AT_ONCE


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_settings(tmp_path_factory.mktemp("database"))
    set_up(path)
    return path


def test_a_quota_is_spent_once_however_many_spend_it(settings_file: Path) -> None:
    spent = manage(settings_file, "shell", "-v", "0", "-c", SPEND_AT_ONCE)
    assert (spent.stdout, spent.stderr) == ("5 50\n", "")


def test_many_may_store_the_same_at_once(settings_file: Path) -> None:
    stored = manage(settings_file, "shell", "-v", "0", "-c", STORE_AT_ONCE)
    assert (stored.stdout, stored.stderr) == ("[b'same']\n", "")
