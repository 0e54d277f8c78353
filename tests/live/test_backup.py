"""A backup of SQLite and recordings, made while the server runs, in a new installation."""

from pathlib import Path

import httpx

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.backups import run_documented, spoken
from tests.live.keys import make_keys
from tests.pure.voices.recordings import recording


def settings_in(folder: Path, checkpoint: Path) -> Path:
    folder.mkdir()
    model = {"checkpoint_path": str(checkpoint), "device": "cpu", "threads": 1}
    return write_settings(folder, model=model, access={"require_keys": True})


def add_voice(server: LiveServer, key: str, pitch: int = 140) -> str:
    files = {"files": ("a.wav", recording(2.0, pitch=pitch), "audio/wav")}
    headers = {"xi-api-key": key}
    answer = httpx.post(
        f"{server.base_url}/v1/voices/add", data={"name": "Anna"}, files=files, headers=headers, timeout=120
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["voice_id"])


FORGET = "from voices.models import VoiceConditioning; VoiceConditioning.objects.all().delete()"


def test_a_restored_installation_speaks_with_the_same_voice_for_the_same_key(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    with LiveServer(settings_in(tmp_path / "old", tiny_checkpoint)) as server:
        key = make_keys(server, alice={"may_manage_voices": True})["alice"]
        anna = add_voice(server, key)
        before = spoken(server, anna, key)
        assert before != spoken(server, add_voice(server, key, pitch=230), key)
        run_documented("Backup", "SQLite", tmp_path / "old" / "var", tmp_path / "backups")
    new = settings_in(tmp_path / "new", tiny_checkpoint)
    (tmp_path / "new" / "var").mkdir(mode=0o700)
    run_documented("Restore", "SQLite", tmp_path / "new" / "var", tmp_path / "backups")
    assert manage(new, "setup").stdout == ""  # there is an administrator, and nothing to change
    assert "0 files (0.0 MB) belong to no recording" in manage(new, "remove_orphans").stdout
    # What was computed from the recordings is in the database, too: the recordings have to show that they are there.
    assert manage(new, "shell", "-c", FORGET).returncode == 0
    with LiveServer(new) as server:
        assert spoken(server, anna, key) == before
    secrets = [(tmp_path / name / "var" / "secret_key").read_text() for name in ("old", "new")]
    assert secrets[0] == secrets[1]


def test_a_recording_that_is_replaced_during_a_backup_is_in_it(tmp_path: Path) -> None:
    """The database of the backup still names the old file."""
    data, backups = tmp_path / "var", tmp_path / "backups"
    (data / "media").mkdir(parents=True)
    for name in ("db.sqlite3", "secret_key", "media/old.wav"):
        (data / name).touch()
    replace = ("rm /var/lib/xtts/media/old.wav", "touch /var/lib/xtts/media/new.wav")
    run_documented("Backup", "SQLite", data, backups, replace)
    [made] = backups.iterdir()
    assert sorted(path.name for path in (made / "media").iterdir()) == ["new.wav", "old.wav"]
