"""What the admin asks of the database does not grow with what is in it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from streaming.access.models import ApiKey, DailyUsage
from streaming.access.usage import today
from tests.pure.voices.conftest import AddClip
from voices.changes import VoiceChange
from voices.models import PronunciationDictionary, PronunciationRule, Voice

pytestmark = pytest.mark.django_db
FEW, MORE = 2, 12


def add_voices(count: int) -> None:
    Voice.objects.bulk_create(Voice(voice_id=f"v{Voice.objects.count()}-{n}", name=f"Voice {n}") for n in range(count))


def add_keys(count: int) -> None:
    for number in range(count):
        key, _ = ApiKey.objects.create_with_secret(name=f"Key {number}")
        DailyUsage.objects.create(key=key, voice_id="anna", day=today(), characters=number)


def add_dictionaries(count: int) -> None:
    for number in range(count):
        dictionary = PronunciationDictionary.objects.create(name=f"Dictionary {number}")
        PronunciationRule.objects.create(dictionary=dictionary, string_to_replace="GIF", alias="jif")


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("path", "add"),
    [
        ("/admin/voices/voice/", add_voices),
        ("/admin/access/apikey/", add_keys),
        ("/admin/access/apikey/add/", add_voices),
        ("/admin/access/dailyusage/", add_keys),
        ("/admin/voices/pronunciationdictionary/", add_dictionaries),
    ],
)
def test_a_page_asks_the_same_however_much_it_lists(
    admin_client: Client, path: str, add: Callable[[int], None]
) -> None:
    add(FEW)
    admin_client.get(path)  # what is asked once for all
    few = queries_of(admin_client, path)
    add(MORE)
    assert queries_of(admin_client, path) == few <= 15


def test_the_list_of_keys_shows_the_characters_of_this_month(admin_client: Client) -> None:
    key, _ = ApiKey.objects.create_with_secret(name="A", max_characters_per_month=500)
    for voice, characters in (("anna", 30), ("bert", 12)):
        DailyUsage.objects.create(key=key, voice_id=voice, day=today(), characters=characters)
    DailyUsage.objects.create(key=key, voice_id="anna", day=today().replace(year=2020), characters=1000)
    ApiKey.objects.create_with_secret(name="B")
    page = admin_client.get("/admin/access/apikey/").content.decode()
    assert '<td class="field-characters_this_month">42 of 500</td>' in page
    assert '<td class="field-characters_this_month">0</td>' in page


def deletion(voices: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        voices.delete()
    return len(queries)


def test_deleting_voices_asks_the_same_however_many_recordings_they_have(add_clip: AddClip) -> None:
    one, many = (Voice.objects.create(voice_id=name, name=name) for name in ("one", "many"))
    add_clip(one)
    for _ in range(5):
        add_clip(many)
    assert deletion(Voice.objects.filter(pk=one.pk)) == deletion(Voice.objects.filter(pk=many.pk))


def test_the_deletion_of_a_voice_is_noted_once_and_that_of_its_recording_too(voice: Voice, add_clip: AddClip) -> None:
    clip, _ = add_clip(voice), add_clip(voice)
    for deleted in (clip, voice):
        before = VoiceChange.objects.count()
        deleted.delete()
        assert VoiceChange.objects.count() == before + 1
