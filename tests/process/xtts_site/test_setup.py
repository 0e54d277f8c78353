"""`manage.py setup`, in this process on the test's database, and as a first start on an empty folder."""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import recording
from voices.models import Voice
from xtts_site.config import PROJECT_DIR

PASSWORD = re.compile(r"with the password   (\S+)")


def setup() -> str:
    out = StringIO()
    call_command("setup", stdout=out)
    return out.getvalue()


def run_setup(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, whose database and media are below `folder`."""
    (folder / "config.yaml").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XTTS_", "DATABASE_URL"))}
    return subprocess.run(
        [sys.executable, PROJECT_DIR / "manage.py", "setup"],
        cwd=folder.parent,
        env=kept | {"XTTS_SETTINGS_FILE": str(folder / "config.yaml")} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def speaker_wav(db: None, tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "speaker.wav"
    path.write_bytes(recording(1.5))
    settings.XTTS = {"model": {"speaker_wav": path}}
    return path


@pytest.mark.django_db
def test_the_first_set_up_makes_an_administrator_who_can_sign_in() -> None:
    found = PASSWORD.search(setup())
    assert found
    user = User.objects.get(username="admin")
    assert user.is_superuser
    assert user.check_password(found[1])


@pytest.mark.django_db
def test_the_first_set_up_makes_the_embedded_voice() -> None:
    setup()
    assert Voice.objects.filter(voice_id="demo").get().enabled


@pytest.mark.django_db
def test_a_second_set_up_does_and_says_nothing() -> None:
    setup()
    assert setup() == ""


@pytest.mark.django_db
def test_a_deleted_embedded_voice_does_not_come_back() -> None:
    setup()
    Voice.objects.filter(voice_id="demo").delete()
    setup()
    assert not Voice.objects.filter(voice_id="demo").exists()


def test_an_installation_with_an_administrator_gets_no_other(admin_user: User) -> None:
    admin_user.username = "anna"
    admin_user.save()
    assert setup() == ""
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_a_user_of_that_name_is_left_alone() -> None:
    User.objects.create_user("admin")
    assert setup() == ""
    assert not User.objects.get().is_superuser


@pytest.mark.django_db
def test_there_is_no_default_voice_when_unknown_voices_are_refused() -> None:
    setup()
    assert not Voice.objects.filter(voice_id="default").exists()


@pytest.mark.django_db
def test_there_is_a_default_voice_when_it_answers_for_unknown_ones(settings: Settings) -> None:
    settings.XTTS = {"voices": {"unknown": "default"}}
    assert "Voice 'default' is ready" in setup()
    assert Voice.objects.get(voice_id="default").key == ""
    assert setup() == ""


def test_the_default_voice_speaks_like_the_recording_of_the_settings(speaker_wav: Path) -> None:
    assert "model.speaker_wav" in setup()
    clip = Voice.objects.get(voice_id="default").clips.get()
    assert (clip.original_name, clip.duration_seconds) == ("speaker.wav", 1.5)
    assert setup() == ""


def test_another_recording_in_the_settings_replaces_the_first(speaker_wav: Path) -> None:
    setup()
    speaker_wav.write_bytes(recording(2.5))
    setup()
    assert Voice.objects.get(voice_id="default").clips.get().duration_seconds == 2.5


def test_recordings_that_were_added_beside_it_stay(speaker_wav: Path, add_clip: AddClip) -> None:
    setup()
    default = Voice.objects.get(voice_id="default")
    add_clip(default, recording(pitch=220))
    setup()
    assert default.clips.count() == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"text", "^model.speaker_wav cannot be used: this file cannot be read as audio"),
        (recording(0.2), "^model.speaker_wav cannot be used: the recording is 0.2 s long"),
        (None, "^model.speaker_wav names .*speaker.wav, which cannot be read: No such file or directory.$"),
    ],
    ids=["text", "short", "missing"],
)
def test_a_bad_recording_in_the_settings_is_named(speaker_wav: Path, content: bytes | None, sentence: str) -> None:
    if content is None:
        speaker_wav.unlink()
    else:
        speaker_wav.write_bytes(content)
    with pytest.raises(CommandError, match=sentence):
        setup()
    assert not Voice.objects.filter(voice_id="default").exists()


def test_the_folder_of_the_settings_file_becomes_an_installation(tmp_path: Path) -> None:
    first = run_setup(tmp_path)
    assert first.returncode == 0, first.stderr
    assert PASSWORD.search(first.stdout)
    assert (tmp_path / "var" / "db.sqlite3").exists()
    again = run_setup(tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "address", ["postgres://anna:geheim@127.0.0.1:1/voices", "sqlite:////no/such/folder/db.sqlite3"]
)
def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path, address: str) -> None:
    result = run_setup(tmp_path, DATABASE_URL=address)
    assert result.returncode == 1
    assert re.fullmatch(r"CommandError: The database that DATABASE_URL names cannot be reached: .*\.\n", result.stderr)
    assert "geheim" not in result.stderr


def test_an_uploaded_recording_of_the_default_voice_stays(speaker_wav: Path, add_clip: AddClip) -> None:
    voice = Voice.objects.create(voice_id="default", name="Default")
    uploaded = add_clip(voice, recording(2.0))
    setup()
    speaker_wav.write_bytes(recording(1.8))
    setup()
    assert voice.clips.filter(pk=uploaded.pk).exists()
    assert voice.clips.count() == 2
