"""What a visitor is told of voices: nothing before it is known who it is, and afterwards what its key may know."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext

from streaming import conf
from streaming.access.gate import Gate
from streaming.access.models import ApiKey
from streaming.conf import with_sections
from streaming.errors import Fault
from streaming.sockets.visitor import Visitor
from voices.models import Voice
from voices.voice_cache import VoiceCache

pytestmark = pytest.mark.django_db
Key = Callable[..., str]


@pytest.fixture
def voices() -> dict[str, Voice]:
    return {name: Voice.objects.create(voice_id=name, name=name) for name in ("anna", "bert", "default")}


@pytest.fixture
def key_for(voices: dict[str, Voice]) -> Key:
    """The text of a key for some of the voices."""

    def make(*names: str) -> str:
        key, secret = ApiKey.objects.create_with_secret(name="Test", all_voices=False)
        key.voices.set([voices[name] for name in names])
        return secret

    return make


def visitor(voice_id: str, *, require_keys: bool = True, unknown: str = "refuse", key: str | None = None) -> Visitor:
    sections = {"access": {"require_keys": require_keys}, "voices": {"unknown": unknown}}
    config = conf.Config.model_validate(with_sections(conf.Config, sections))
    scope: dict[str, Any] = {
        "client": ("192.0.2.1", 1),
        "query_string": b"",
        "headers": [(b"xi-api-key", key.encode())] if key else [],
        "url_route": {"kwargs": {"voice_id": voice_id}},
    }
    return Visitor(scope, config, Gate(config.limits), VoiceCache())


def arrive(guest: Visitor) -> str | None:
    """The error that it is told of, by whichever way."""
    fault = async_to_sync(guest.arrive)()
    return code(fault) or (guest.refusal.code if guest.refusal else None)


def hear(guest: Visitor, **message: Any) -> str | None:
    return code(async_to_sync(guest.hear)(json.dumps(message)))


def code(fault: Fault | None) -> str | None:
    return fault.code if fault else None


@pytest.mark.parametrize("voice_id", ["anna", "nobody"])
def test_nothing_is_asked_of_the_database_for_a_stranger(voices: dict[str, Voice], voice_id: str) -> None:
    guest = visitor(voice_id)
    with CaptureQueriesContext(connection) as queries:
        assert arrive(guest) is None
    assert (len(queries), guest.voice, guest.is_known) == (0, None, False)
    assert hear(guest, text="Hello.") == "needs_authorization"


@pytest.mark.parametrize(
    ("voice_id", "expected"), [("anna", None), ("bert", "voice_not_found"), ("nobody", "voice_not_found")]
)
def test_a_key_knows_its_own_voices(key_for: Key, voice_id: str, expected: str | None) -> None:
    assert arrive(visitor(voice_id, key=key_for("anna"))) == expected
    late = visitor(voice_id)
    assert arrive(late) is None
    assert hear(late, text="Hello.", xi_api_key=key_for("anna")) == expected


@pytest.mark.parametrize("voice_id", ["bert", "nobody"])
def test_the_default_voice_answers_for_a_voice_that_is_not_the_keys(key_for: Key, voice_id: str) -> None:
    guest = visitor(voice_id, unknown="default", key=key_for("default"))
    assert arrive(guest) is None
    assert guest.voice is not None
    assert guest.voice.voice_id == "default"
    assert arrive(visitor(voice_id, unknown="default", key=key_for("anna"))) == "voice_not_found"


def test_a_key_that_comes_later_decides_anew(key_for: Key) -> None:
    guest = visitor("bert", require_keys=False, unknown="default")
    assert arrive(guest) is None
    assert guest.voice is not None
    assert guest.voice.voice_id == "bert"
    assert hear(guest, text="Hello.", xi_api_key=key_for("default")) is None
    assert guest.voice.voice_id == "default"
