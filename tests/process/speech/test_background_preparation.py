"""Voices that are prepared because they have changed, by a real engine."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from pytest_django import Settings

from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.speech import background_preparation, voice_preparation
from streaming.speech.background_preparation import MOST_TRIES, BackgroundPreparation
from streaming.speech.voice_preparation import VoicePreparer
from tests.process.engine.cloning_engine import BUILT_IN, TOO_SHORT, cloning_spec, conditioning_of, noted
from tests.process.speech.stored_voices import Roaming, make_voice, run
from tests.pure.voices.recordings import recording
from voices import conditioning, preparation
from voices.models import PreparationRun, ReferenceClip, Voice, VoiceConditioning

pytestmark = pytest.mark.django_db
HIGH, LOW, SHORT = recording(pitch=220), recording(pitch=90), recording(1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Executor]:
    executor = Roaming(cloning_spec(folder), max_running=4, max_waiting=4)
    run(executor.ready())
    yield executor
    executor.stop()


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, folder: Path) -> None:
    """And an empty journal."""
    settings.MEDIA_ROOT = tmp_path / "media"
    monkeypatch.setattr(background_preparation, "LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(background_preparation, "IDLE_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(background_preparation, "RETRY_SECONDS", (0.01,))
    (folder / "journal").unlink(missing_ok=True)


PATIENCE_SECONDS = 120.0


async def happens(condition: Callable[[], bool]) -> None:
    """It may ask the database."""
    while not await sync_to_async(condition)():
        await asyncio.sleep(0.01)


def watch(
    executor: Executor, until: Callable[[], bool], meanwhile: Callable[[BackgroundPreparation], Any] = id
) -> bool:
    """Prepare in the background until something is so. Whether it was, before the patience was over."""

    async def wait() -> bool:
        background = BackgroundPreparation(VoicePreparer(executor), executor)
        background.start()
        await sync_to_async(meanwhile)(background)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await happens(until)
            return True
        except TimeoutError:
            return False
        finally:
            background.stop()

    return run(wait(), 2 * PATIENCE_SECONDS)


def stored() -> list[bytes]:
    return [bytes(row.data) for row in VoiceConditioning.objects.order_by("pk")]


def test_voices_that_are_there_at_the_start_are_prepared(running: Executor) -> None:
    make_voice("anna", HIGH)
    make_voice("bert", LOW)
    make_voice("clara")
    assert watch(running, lambda: len(stored()) == 2 and not PreparationRun.objects.exists())
    assert sorted(stored()) == sorted(conditioning_of([clip]) for clip in (HIGH, LOW))


def test_a_voice_that_changes_later_is_prepared_when_it_is_told(running: Executor) -> None:
    def change(background: BackgroundPreparation) -> None:
        background.note(frozenset({make_voice("anna", HIGH).pk}))

    assert watch(running, lambda: stored() == [conditioning_of([HIGH])], change)


def test_what_is_prepared_is_not_prepared_again(running: Executor, folder: Path) -> None:
    voice = make_voice("anna", HIGH)
    assert watch(running, lambda: len(stored()) == 1)
    other = make_voice("bert", LOW)
    assert watch(
        running, lambda: len(stored()) == 2, lambda background: background.note(frozenset({voice.pk, other.pk}))
    )
    assert len(noted(folder, "prepare")) == 2


def test_what_another_server_computes_is_left_to_it(running: Executor, folder: Path) -> None:
    voice, other = make_voice("anna", HIGH), make_voice("bert", LOW)
    preparation.claim(voice.key, "one", "another")
    assert watch(running, lambda: len(stored()) == 1)
    assert [note["key"] for note in noted(folder, "prepare")] == [other.key]


def test_what_a_dead_server_has_left_is_taken_over(running: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = make_voice("anna", HIGH)
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "LEASE_SECONDS", -1.0)
        preparation.claim(voice.key, "one", "dead")
    assert watch(running, lambda: stored() == [conditioning_of([HIGH])])


def test_a_recording_that_the_engine_refuses_is_tried_a_few_times(running: Executor, folder: Path) -> None:
    voice, other = make_voice("anna", SHORT), make_voice("bert", LOW)

    def has_given_up() -> bool:
        is_told = PreparationRun.objects.exclude(reason="").exists()
        return is_told and len(noted(folder, "prepare")) == MOST_TRIES + 1 and len(stored()) == 1

    assert watch(running, has_given_up)
    run_of_voice = PreparationRun.objects.get(key=voice.key)
    assert (run_of_voice.key, TOO_SHORT in run_of_voice.reason) == (voice.key, True)
    assert {note["key"] for note in noted(folder, "prepare")} == {voice.key, other.key}


def test_a_known_failure_is_not_tried_again_by_another_server_at_its_start(running: Executor, folder: Path) -> None:
    voice, other = make_voice("anna", SHORT), make_voice("bert", LOW)
    preparation.claim(voice.key, "one", "another")
    preparation.fail(voice.key, "one", "another", "It is too short.", may_pass=False)
    assert watch(running, lambda: len(stored()) == 1)
    assert [note["key"] for note in noted(folder, "prepare")] == [other.key]
    assert PreparationRun.objects.get(key=voice.key).reason == "It is too short."


def test_a_known_failure_is_tried_again_when_the_voice_changes(running: Executor) -> None:
    voice = make_voice("anna", HIGH)
    preparation.claim(voice.key, "one", "another")
    preparation.fail(voice.key, "one", "another", "It is too short.")
    assert watch(running, lambda: len(stored()) == 1, lambda background: background.note(frozenset({voice.pk})))
    assert stored() == [conditioning_of([HIGH])]


def test_a_run_whose_end_cannot_be_written_is_ended_later(running: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(*run: str) -> None:
        tries.append(run)
        if len(tries) == 1:
            raise OperationalError("database is locked")
        real(*run)

    real, tries = preparation.finish, list[tuple[str, ...]]()
    monkeypatch.setattr(preparation, "finish", finish)
    make_voice("anna", HIGH)
    assert watch(running, lambda: len(stored()) == 1 and not PreparationRun.objects.exists())
    assert len(tries) == 2


def test_a_failure_that_may_pass_is_tried_again_at_a_start(running: Executor) -> None:
    voice = make_voice("anna", HIGH)
    preparation.claim(voice.key, "one", "another")
    preparation.fail(voice.key, "one", "another", "The storage was away.", may_pass=True)
    assert watch(running, lambda: len(stored()) == 1 and not PreparationRun.objects.exists())
    assert stored() == [conditioning_of([HIGH])]


def test_an_error_that_nobody_expects_drops_no_voice(running: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def clip_bytes(voice: Voice) -> tuple[bytes, ...]:
        tries.append(voice.voice_id)
        if len(tries) <= MOST_TRIES:
            raise MemoryError
        return await real(voice)

    real, tries = conditioning.clip_bytes, list[str]()
    monkeypatch.setattr(voice_preparation, "clip_bytes", clip_bytes)
    make_voice("anna", HIGH)
    assert watch(running, lambda: len(stored()) == 1 and not PreparationRun.objects.exists())
    assert tries == (MOST_TRIES + 1) * ["anna"]


def test_a_lost_recording_is_a_failure_with_its_reason(running: Executor) -> None:
    make_voice("anna", HIGH)
    clip = ReferenceClip.objects.get()
    for file in (clip.file, clip.model_copy):
        file.storage.delete(str(file.name))
    assert watch(running, lambda: PreparationRun.objects.filter(reason__contains="No such file").exists())


def test_while_somebody_speaks_only_what_has_changed_is_prepared(running: Executor, folder: Path) -> None:
    old = make_voice("anna", HIGH)
    (folder / "hold-speech").touch()

    async def wait() -> None:
        await running.ready()
        request = SpeechRequest("1", "Hello.", VoiceRef(speaker=BUILT_IN), "en")
        stream = running.speak(request)
        background = BackgroundPreparation(VoicePreparer(running), running)
        background.start()
        while not background._rest:
            await asyncio.sleep(0.01)
        background.note(frozenset({changed.pk}))
        await happens(lambda: len(stored()) == 1)
        assert [note["key"] for note in noted(folder, "prepare")] == [changed.key]
        (folder / "hold-speech").unlink()
        async for _ in stream:
            pass
        await happens(lambda: len(stored()) == 2)
        background.stop()

    changed = make_voice("bert", LOW)
    run(wait())
    assert [note["key"] for note in noted(folder, "prepare")] == [changed.key, old.key]


def test_an_engine_that_does_not_clone_prepares_nothing() -> None:
    make_voice("anna", HIGH)
    demo = Roaming(EngineSpec("demo", {"threads": 1}), max_running=1, max_waiting=1)

    async def wait() -> None:
        background = BackgroundPreparation(VoicePreparer(demo), demo)
        background.start()
        while background.is_needed:
            await asyncio.sleep(0.01)

    run(wait())
    demo.stop()
    assert not PreparationRun.objects.exists()
