"""The list of all voices is made from columns, and says what objects say."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from streaming.http.voice_list import voice_list
from streaming.http.voice_schemas import VoiceList, VoiceOut
from tests.pure.voices.conftest import AddClip, add_clip, media_root, voice  # noqa: F401 - fixtures
from tests.pure.voices.recordings import recording
from voices.models import Voice

pytestmark = pytest.mark.django_db


def test_it_says_what_the_objects_say(voice: Voice, add_clip: AddClip) -> None:  # noqa: F811
    add_clip(voice, recording(seconds=2.0))  # which has a finding
    add_clip(voice, recording(pitch=90), "zweite «Aufnahme».wav")
    Voice.objects.create(voice_id="b", name="Бас", language="ru", labels={"accent": "x"}, speed=1.5, description="d")
    voices = Voice.objects.all()
    said = VoiceList(voices=[VoiceOut.of(each) for each in voices]).model_dump(mode="json")
    assert said["voices"][0]["samples"][0]["findings"]
    assert json.loads(voice_list(voices)) == said


def test_no_voices() -> None:
    assert json.loads(voice_list(Voice.objects.none())) == {"voices": []}


def test_it_asks_twice_however_many_voices(voice: Voice, add_clip: AddClip) -> None:  # noqa: F811
    for _ in range(3):
        add_clip(voice)
    Voice.objects.bulk_create(Voice(voice_id=f"v{number}", name="V") for number in range(20))
    with CaptureQueriesContext(connection) as queries:
        assert len(json.loads(voice_list(Voice.objects.all()))["voices"]) == 21
    assert len(queries) == 2
