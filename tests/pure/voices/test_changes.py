"""How processes learn which voices have changed."""

import pytest
from django.db import connections

from tests.pure.voices.conftest import AddClip
from voices import changes
from voices.changes import KEPT, LOOKED_AT, Look, VoiceChange, note_change
from voices.models import Voice

pytestmark = pytest.mark.django_db


@pytest.fixture
def look() -> Look:
    """That has been looked once."""
    new = Look()
    new.changed()
    return new


def fresh(look: Look) -> set[int] | None:
    """The tests have one connection, which does not tell of its own writing."""
    look._version = None
    changed = look.changed()
    return None if changed is None else set(changed)


def test_at_first_any_voice_may_have_changed(voice: Voice) -> None:
    assert Look().changed() is None


def test_a_stored_voice_is_a_change(look: Look, voice: Voice) -> None:
    assert fresh(look) == {voice.pk}
    assert fresh(look) == set()


def test_a_recording_that_is_added_or_deleted_is_a_change_of_its_voice(
    look: Look, voice: Voice, add_clip: AddClip
) -> None:
    fresh(look)
    clip = add_clip(voice)
    assert fresh(look) == {voice.pk}
    clip.delete()
    assert fresh(look) == {voice.pk}


def test_a_deleted_voice_is_a_change(look: Look, voice: Voice) -> None:
    fresh(look)
    pk = voice.pk
    voice.delete()
    assert fresh(look) == {pk}


def test_a_change_with_a_lower_number_that_is_seen_later_is_not_missed(look: Look) -> None:
    """Its transaction began first, and ended last."""
    note_change(1)
    late = VoiceChange.objects.create(pk=VoiceChange.objects.latest("pk").pk + 1, voice_pk=2)
    note_change(3)
    late.delete()
    assert fresh(look) == {1, 3}
    late.save()
    assert fresh(look) == {2}


def test_after_more_changes_than_are_looked_at_any_voice_may_have_changed(look: Look) -> None:
    note_change(1)
    fresh(look)
    VoiceChange.objects.bulk_create(VoiceChange(voice_pk=2) for _ in range(LOOKED_AT))
    assert fresh(look) is None


def test_of_many_changes_the_last_are_kept() -> None:
    VoiceChange.objects.bulk_create(VoiceChange(voice_pk=2) for _ in range(KEPT + 2 * LOOKED_AT))
    for _ in range(LOOKED_AT):
        note_change(1)
    assert VoiceChange.objects.count() <= KEPT + LOOKED_AT


def test_on_sqlite_nothing_is_read_while_nobody_writes(look: Look, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1) as asked:  # type: ignore[operator]
        assert look.changed() == frozenset()
    assert asked[0]["sql"] == "PRAGMA data_version"


def test_a_watch_that_nobody_needs_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks whether it is needed, again and again, and nothing else."""
    asked: list[bool] = []

    def is_needed() -> bool:
        asked.append(True)
        if len(asked) == 3:
            watch.stop()
        return False

    monkeypatch.setattr(changes, "LOOK_SECONDS", 0)
    monkeypatch.setattr(connections, "close_all", lambda: None)
    monkeypatch.setattr(Look, "changed", lambda _: pytest.fail("it has asked the database"))
    watch = changes.ChangeWatch(lambda _: None, is_needed)
    watch._run()
    assert len(asked) == 3
