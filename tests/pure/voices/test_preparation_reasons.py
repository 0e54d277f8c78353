"""Why a voice has failed, as its page says it in another language."""

import errno
import os
import re
from collections.abc import Iterator

import pytest
from django.core.files.storage import FileSystemStorage
from django.test import Client
from django.utils import translation

from streaming.dispatch.engine_slots import STOPPED
from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import recording
from voices import clip_copies
from voices.clip_copies import Uncopied
from voices.models import Voice
from voices.preparation import claim, fail
from voices.preparation_reasons import SENTENCES, translated
from voices.storage import REASONS, StorageUnavailable
from xtts_site.config import PROJECT_DIR


@pytest.fixture(autouse=True)
def _in_russian() -> Iterator[None]:
    with translation.override("ru"):
        yield


WRITTEN = [
    *[Uncopied("A recording", f"cannot be read: {reason}.").of_voice("anna") for reason in REASONS.values()],
    Uncopied("A recording", f"cannot be read: {os.strerror(errno.ENOENT)}.").of_voice("anna"),
    Uncopied("A recording", "cannot be decoded.").of_voice("anna"),
    Uncopied("The file of a recording", "was changed after it was uploaded.").of_voice("anna"),
    "The recording is 0.25 s long; at least 0.33 s are needed. (recording 2 of 3)",
    "The recording is silent: nothing in it is above -60 dBFS.",
    "An error of this server (OSError), which is in its log.",
    STOPPED,
]


@pytest.mark.parametrize("reason", WRITTEN)
def test_a_reason_that_is_known_is_told_in_russian(reason: str) -> None:
    told = translated(reason)
    assert re.sub("'anna'|OSError|XTTS|dBFS", "", told) == re.sub(
        "[A-Za-z]", "", re.sub("'anna'|OSError|XTTS|dBFS", "", told)
    )
    assert told != reason


def test_numbers_and_names_stay_in_it() -> None:
    assert "0,25" in translated("The recording is 0.25 s long; at least 0.33 s are needed.")
    assert "'anna'" in translated(Uncopied("A recording", "cannot be decoded.").of_voice("anna"))


@pytest.mark.parametrize("reason", ["RuntimeError: out of memory", "A recording is <too> short.", ""])
def test_any_other_reason_is_told_as_it_is(reason: str) -> None:
    assert translated(reason) == reason


def test_in_english_every_reason_is_told_as_it_was_written() -> None:
    with translation.override("en"):
        assert [translated(reason) for reason in WRITTEN] == WRITTEN


def test_the_sentences_are_those_that_servers_and_engines_write() -> None:
    written = (
        " ".join(
            re.sub(r'"\s+f?"', "", file.read_text())
            for folder in ("streaming", "voices")
            for file in PROJECT_DIR.joinpath(folder).rglob("*.py")
            if file.name != "preparation_reasons.py"
        )
        + os.strerror(errno.ENOENT)
        + os.strerror(errno.EACCES)
    )
    parts = {max(re.split(r"%\(\w+\)s", sentence), key=len).strip(" .:") for sentence in SENTENCES}
    assert {part for part in parts if part not in written} <= {
        "A recording of the voice",
        "The file of a recording of the voice",
    }  # Uncopied makes them


@pytest.mark.django_db
def test_the_page_of_a_voice_tells_it_in_its_language(admin_client: Client, voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice)
    claim(voice.key, "f", "one")
    fail(voice.key, "f", "one", "The recording cannot be read as audio.")
    page = admin_client.get(f"/admin/voices/voice/{voice.pk}/change/", headers={"accept-language": "ru"})
    assert translated("The recording cannot be read as audio.") in page.content.decode()


@pytest.mark.django_db
def test_what_is_stored_and_sent_to_clients_stays_english(
    voice: Voice, add_clip: AddClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise StorageUnavailable("silent")

    clip = add_clip(voice, recording())
    monkeypatch.setattr(FileSystemStorage, "open", silent)
    with pytest.raises(Uncopied) as refused:
        clip_copies._stored_copy(clip)
    assert refused.value.of_voice("anna") == (
        "A recording of the voice 'anna' cannot be read: the storage of the recordings does not answer."
    )
