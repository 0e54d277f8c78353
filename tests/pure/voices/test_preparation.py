"""Who computes with the recordings of a voice, and how far it is."""

import datetime
from collections.abc import Iterator

import pytest
from django.utils import timezone

from tests.pure.voices.conftest import AddClip, Committed
from voices import preparation, speech_hook
from voices.models import PreparationRun, Voice, VoiceConditioning
from voices.preparation import Prepared, claim, fail, finish, renew
from voices.preparation_states import states_of
from voices.speech_hook import Engine

pytestmark = pytest.mark.django_db
ENGINE = "fingerprint"


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    speech_hook.serve_with(lambda: Engine(clones=True, fingerprint=ENGINE))
    yield
    speech_hook.serve_with(lambda: None)


@pytest.fixture
def key(voice: Voice, add_clip: AddClip) -> str:
    add_clip(voice)
    return voice.key


def state(voice: Voice) -> Prepared:
    return states_of([voice.pk])[voice.pk]


def expire() -> None:
    PreparationRun.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))


def test_one_of_two_computes(key: str) -> None:
    assert [claim(key, ENGINE, owner) for owner in ("one", "two")] == [True, False]


def test_who_has_it_may_begin_again(key: str) -> None:
    assert [claim(key, ENGINE, "one") for _ in range(2)] == [True, True]


def test_for_another_engine_another_may_compute(key: str) -> None:
    assert [claim(key, engine, "one") for engine in (ENGINE, "another")] == [True, True]


def test_who_has_died_holds_up_nobody_for_ever(key: str) -> None:
    claim(key, ENGINE, "dead")
    expire()
    assert claim(key, ENGINE, "two")


def test_who_goes_on_keeps_it(key: str) -> None:
    claim(key, ENGINE, "one")
    expire()
    renew(key, ENGINE, "one")
    assert not claim(key, ENGINE, "two")


def test_what_was_taken_over_is_not_ended_by_who_had_it_before(key: str) -> None:
    claim(key, ENGINE, "one")
    expire()
    claim(key, ENGINE, "two")
    finish(key, ENGINE, "one")
    fail(key, ENGINE, "one", "The engine stopped.")
    assert not claim(key, ENGINE, "three")


def test_what_has_failed_may_be_tried_again(key: str) -> None:
    claim(key, ENGINE, "one")
    fail(key, ENGINE, "one", "The engine stopped.")
    assert claim(key, ENGINE, "two")


def test_a_voice_waits_is_computed_and_is_ready(voice: Voice, key: str) -> None:
    seen = [state(voice)]
    claim(key, ENGINE, "one")
    seen.append(state(voice))
    VoiceConditioning.objects.create(key=key, fingerprint=ENGINE, data=b"x")
    finish(key, ENGINE, "one")
    seen.append(state(voice))
    assert [each.state for each in seen] == ["waiting", "computing", "ready"]


def test_a_voice_of_a_process_that_died_waits_again(voice: Voice, key: str) -> None:
    claim(key, ENGINE, "dead")
    expire()
    assert state(voice) == Prepared("waiting")


def test_a_failure_says_why(voice: Voice, key: str) -> None:
    claim(key, ENGINE, "one")
    fail(key, ENGINE, "one", "A recording is too short.")
    assert state(voice) == Prepared("failed", "A recording is too short.")


def test_a_changed_voice_has_neither_failed_nor_is_it_computed(
    voice: Voice, key: str, add_clip: AddClip, committed: Committed
) -> None:
    claim(key, ENGINE, "one")
    fail(key, ENGINE, "one", "A recording is too short.")
    add_clip(voice, name="more.wav")
    voice.clips.all()[0].delete()
    assert state(voice).state in ("waiting", "failed")
    with committed():
        voice.clips.all().delete()
    assert (state(voice).state, PreparationRun.objects.count()) == ("not_needed", 0)


@pytest.mark.parametrize("enabled", [False, True])
def test_nothing_is_needed_for_a_disabled_voice(voice: Voice, key: str, enabled: bool) -> None:
    Voice.objects.update(enabled=enabled)
    assert state(voice).state == ("waiting" if enabled else "not_needed")


def test_nothing_is_needed_where_the_engine_does_not_clone(voice: Voice, key: str) -> None:
    speech_hook.serve_with(lambda: Engine(clones=False, fingerprint=""))
    assert state(voice) == Prepared("not_needed")


def test_a_process_without_an_engine_knows_of_any(voice: Voice, key: str) -> None:
    speech_hook.serve_with(lambda: None)
    VoiceConditioning.objects.create(key=key, fingerprint="another", data=b"x")
    assert state(voice) == Prepared("ready")


def test_a_long_reason_is_cut(key: str) -> None:
    claim(key, ENGINE, "one")
    fail(key, ENGINE, "one", "x" * 10_000)
    assert len(PreparationRun.objects.get().reason) == preparation.MOST_REASON_CHARS
