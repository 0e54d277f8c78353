"""Voices that were looked up lately: used again, but not after they have changed."""

from collections.abc import Callable, Collection
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from tests.pure.clock import Clock
from tests.pure.silent_database import no_answer
from tests.pure.voices.conftest import AddClip
from tests.pure.voices.recordings import recording
from voices import database, voice_cache
from voices.library import change_voice
from voices.models import Voice
from voices.voice_cache import MOST_ABSENT, MOST_VOICES, VoiceCache

pytestmark = pytest.mark.django_db
# Queries: the voice, its clips, its dictionaries.
LOOK_UP = 3


@pytest.fixture
def cache(clock: Clock) -> VoiceCache:
    return VoiceCache(fresh=1.0, outage=600.0, clock=clock)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, the database does not answer."""
    return lambda: monkeypatch.setattr(voice_cache, "read", no_answer)


def find(
    cache: VoiceCache, voice_id: str = "anna", *stand_ins: str, allowed: Collection[str] | None = None
) -> Voice | None:
    return async_to_sync(cache.resolve)(voice_id, unknown="refuse", allowed=allowed, stand_ins=stand_ins)


def queries(cache: VoiceCache, *voice_ids: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        find(cache, *voice_ids)
    return len(captured)


def test_a_voice_is_looked_up_again_after_a_moment(cache: VoiceCache, clock: Clock, voice: Voice) -> None:
    assert find(cache) == voice
    clock.now += 0.9
    assert queries(cache) == 0
    clock.now += 0.2
    assert queries(cache) == LOOK_UP


def test_what_this_process_changes_counts_at_once(cache: VoiceCache, voice: Voice, add_clip: AddClip) -> None:
    before = find(cache)
    assert before is not None
    voice.speed = 1.5
    voice.save()
    after = find(cache)
    assert after is not None
    assert (before.speed, after.speed) == (None, 1.5)
    clip = add_clip(voice)
    changed = find(cache)
    assert changed is not None
    assert changed.key != after.key
    clip.delete()
    assert find(cache).key == after.key  # type: ignore[union-attr]
    change_voice(voice, [SimpleUploadedFile("a.wav", recording())])
    assert find(cache).key != after.key  # type: ignore[union-attr]
    voice.enabled = False
    voice.save()
    assert find(cache) is None


def test_a_voice_that_this_process_deletes_or_adds_is_gone_or_there_at_once(cache: VoiceCache, voice: Voice) -> None:
    find(cache)
    voice.delete()
    assert find(cache) is None
    added = Voice.objects.create(voice_id="anna", name="Anna")
    assert find(cache) == added


def test_a_deletion_in_another_process_counts_after_a_moment(cache: VoiceCache, clock: Clock, voice: Voice) -> None:
    find(cache)
    Voice.objects.filter(pk=voice.pk).update(enabled=False)  # no signal comes, as from another process
    clock.now += 1.1
    assert find(cache) is None


def test_an_answer_from_before_a_change_is_not_kept(
    cache: VoiceCache, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_while_it_changes(*question: Any) -> Any:
        answer = await database.read(*question)
        cache.forget(frozenset({voice.pk}))
        return answer

    monkeypatch.setattr(voice_cache, "read", read_while_it_changes)
    find(cache)
    assert queries(cache) == LOOK_UP


def test_a_voice_in_memory_needs_no_database(
    cache: VoiceCache, clock: Clock, voice: Voice, silence: Callable[[], None]
) -> None:
    find(cache)
    silence()
    clock.now += 600
    assert find(cache) == voice
    assert find(cache, allowed={"bert"}) is None
    for voice_id in ("bert", "anna2"):
        with pytest.raises(DatabaseError):
            find(cache, voice_id)
    clock.now += 1
    with pytest.raises(DatabaseError):
        find(cache)


def test_where_any_voice_may_have_changed_all_are_looked_up_again_if_the_database_answers(
    cache: VoiceCache, voice: Voice, silence: Callable[[], None]
) -> None:
    find(cache)
    cache.forget(None)
    assert queries(cache) == LOOK_UP
    cache.forget(None)
    silence()
    assert find(cache) == voice
    cache.forget(frozenset({voice.pk}))
    with pytest.raises(DatabaseError):
        find(cache)


def test_a_stand_in_speaks_without_a_database_only_where_there_was_no_other(
    cache: VoiceCache, clock: Clock, voice: Voice, silence: Callable[[], None]
) -> None:
    assert find(cache, "alloy", "anna") == voice
    assert queries(cache, "alloy", "anna") == 0
    silence()
    clock.now += 2
    assert find(cache, "alloy", "anna") == voice
    with pytest.raises(DatabaseError):
        find(cache, "nova", "anna")  # somebody may have added that one
    with pytest.raises(DatabaseError):
        find(cache, "alloy")


def test_ids_of_no_voice_displace_no_voice(cache: VoiceCache, voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    find(cache)

    async def nothing(*_: Any) -> dict[str, Voice]:
        return {}

    monkeypatch.setattr(voice_cache, "read", nothing)
    for number in range(MOST_ABSENT + 10):
        assert find(cache, f"x{number}") is None
    assert (len(cache._voices), len(cache._absent)) == (1, MOST_ABSENT)
    assert queries(cache) == 0


def test_so_many_voices_are_kept(cache: VoiceCache, monkeypatch: pytest.MonkeyPatch) -> None:
    async def any_of_them(_: object, voice_ids: list[str]) -> dict[str, Voice]:
        return {voice_id: Voice(voice_id=voice_id) for voice_id in voice_ids}

    monkeypatch.setattr(voice_cache, "read", any_of_them)
    for number in range(MOST_VOICES + 10):
        find(cache, f"x{number}")
    assert len(cache._voices) == MOST_VOICES


@pytest.mark.parametrize("voice_id", ["x" * 65, "a b", "../x"])
def test_what_cannot_be_an_id_is_neither_asked_for_nor_kept(cache: VoiceCache, voice_id: str) -> None:
    assert queries(cache, voice_id) == 0
    assert len(cache._absent) == 0
