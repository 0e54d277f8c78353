"""API keys of a real server, and what it has written down about them."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from benchmarks.live_server import LiveServer, manage

MAKE = """
import json
from datetime import timedelta
from django.utils import timezone
from streaming.access.models import ApiKey
from voices.models import Voice
secrets = {}
for name, fields in json.loads(%r).items():
    voices = [Voice.objects.get_or_create(voice_id=voice, defaults={"name": voice})[0] for voice in fields.pop("voices", [])]
    if fields.pop("has_expired", False):
        fields["expires_at"] = timezone.now() - timedelta(days=1)
    key, secrets[name] = ApiKey.objects.create_with_secret(name=name, all_voices=not voices, **fields)
    key.voices.set(voices)
print(json.dumps(secrets))
"""
USAGE = (
    "SELECT name, voice_id, characters, audio_seconds, requests, errors FROM access_dailyusage "
    "LEFT JOIN access_apikey ON key_id = access_apikey.id"
)


def make_keys(server: LiveServer, **keys: dict[str, Any]) -> dict[str, str]:
    """Keys by name, with fields of `ApiKey`, `voices` as a list of ids, or `has_expired`. Gives their texts by name."""
    made = manage(server.settings_file, "shell", "-c", MAKE % json.dumps(keys))
    assert made.returncode == 0, made.stderr
    return dict(json.loads(made.stdout.splitlines()[-1]))


def usage(server: LiveServer) -> list[tuple[Any, ...]]:
    """(key's name, voice, characters, seconds, requests, errors) of all usage that is in the database."""
    path = server.settings_file.parent / "var" / "db.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return list(database.execute(USAGE))


def wait_for_usage(server: LiveServer, name: str, is_expected: Callable[..., bool]) -> tuple[Any, ...]:
    """What is written about the key of that name, which was used with one voice, as soon as it is as expected."""

    def written() -> list[tuple[Any, ...]]:
        return [row[1:] for row in usage(server) if row[0] == name]

    server.wait_until(lambda: any(is_expected(*row) for row in written()))
    [row] = written()
    return row
