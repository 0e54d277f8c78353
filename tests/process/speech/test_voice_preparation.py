"""Voices of connections, prepared by a real engine from stored recordings."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Model
from pytest_django import Settings

from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.engine.contract import VoiceRef
from streaming.errors import EngineFailed, EngineUnavailable, VoiceUnusable
from streaming.speech import conditioning_store, voice_preparation
from streaming.speech.voice_preparation import VoicePreparer
from tests.process.engine.cloning_engine import TOO_SHORT, cloning_spec, conditioning_of, noted
from tests.process.speech.stored_voices import Roaming, make_voice, prepare, resolved, run
from tests.pure.voices.recordings import recording
from voices.models import ReferenceClip, Voice, VoiceConditioning

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


@pytest.fixture
def executor(running: Executor, folder: Path) -> Executor:
    """With an empty journal."""
    (folder / "journal").unlink(missing_ok=True)
    (folder / "hold-preparation").unlink(missing_ok=True)
    return running


@pytest.fixture
def prepared(executor: Executor, folder: Path) -> Callable[[], int]:
    """How many voices the engine has begun to prepare."""
    return lambda: len(noted(folder, "prepare"))


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def leave(preparation: Any) -> None:
    preparation.cancel()
    with suppress(asyncio.CancelledError):
        await preparation.ref()


def test_a_voice_is_its_conditioning_and_not_its_clips(executor: Executor) -> None:
    voice = make_voice("anna", HIGH)
    assert prepare(VoicePreparer(executor), voice) == VoiceRef(voice.key, conditioning=conditioning_of([HIGH]))


def test_a_voice_without_clips_is_a_speaker_of_the_engine(executor: Executor) -> None:
    assert run(VoicePreparer(executor).ref(make_voice("anna"))) == VoiceRef(speaker="Anna")


def test_an_engine_that_cannot_clone_is_sent_the_key_alone(caplog: pytest.LogCaptureFixture) -> None:
    voice = make_voice("anna", HIGH)
    demo = Roaming(EngineSpec("demo", {"threads": 1}), max_running=1, max_waiting=1)
    with caplog.at_level(logging.INFO, "streaming.voices"):
        ref = run(VoicePreparer(demo).ref(voice))
    demo.stop()
    assert ref == VoiceRef(voice.key)
    assert "cannot clone" in caplog.text


def test_many_connections_prepare_a_voice_once(executor: Executor, prepared: Callable[[], int]) -> None:
    voices = [make_voice("anna", HIGH), make_voice("bert", LOW), make_voice("clara", HIGH)]
    preparer = VoicePreparer(executor)

    async def connect() -> list[VoiceRef]:
        refs = [await preparation.ref() for preparation in [preparer.begin(voice) for voice in voices * 10]]
        await until(lambda: preparer.is_idle)
        return refs

    clips = (HIGH, LOW, HIGH) * 10
    assert [ref.conditioning for ref in run(connect())] == [conditioning_of([clip]) for clip in clips]
    assert prepared() == 2
    assert VoiceConditioning.objects.count() == 2
    assert preparer.is_idle


def test_what_another_process_has_stored_is_used(executor: Executor, prepared: Callable[[], int]) -> None:
    voice = make_voice("anna", HIGH)
    VoiceConditioning.objects.create(key=voice.key, fingerprint="one", data=b"stored")
    assert prepare(VoicePreparer(executor), voice).conditioning == b"stored"
    assert prepared() == 0


def test_what_another_engine_has_made_is_not_used(executor: Executor) -> None:
    voice = make_voice("anna", HIGH)
    VoiceConditioning.objects.create(key=voice.key, fingerprint="two", data=b"stored")
    assert prepare(VoicePreparer(executor), voice).conditioning == conditioning_of([HIGH])
    assert {row.fingerprint for row in VoiceConditioning.objects.all()} == {"one", "two"}


def test_of_engines_that_came_before_only_the_last_are_kept(executor: Executor) -> None:
    voice = make_voice("anna", HIGH)
    for fingerprint in "abcdef":
        VoiceConditioning.objects.create(key=voice.key, fingerprint=fingerprint, data=b"stored")
    prepare(VoicePreparer(executor), voice)
    assert {row.fingerprint for row in VoiceConditioning.objects.all()} == {"one", "e", "f"}


def test_a_voice_in_use_needs_no_database(executor: Executor) -> None:
    voice, preparer = make_voice("anna", HIGH), VoicePreparer(executor)
    first = prepare(preparer, voice)
    VoiceConditioning.objects.all().delete()
    assert prepare(preparer, voice) == first
    assert not VoiceConditioning.objects.exists()


def test_a_changed_clip_is_prepared_anew(executor: Executor) -> None:
    preparer = VoicePreparer(executor)
    prepare(preparer, make_voice("anna", HIGH))
    clip = ReferenceClip.objects.get()
    clip.file = SimpleUploadedFile("new.wav", LOW)
    clip.full_clean()
    clip.save()
    assert prepare(preparer, resolved("anna")).conditioning == conditioning_of([LOW])


def test_memory_keeps_the_voices_that_were_used_last(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_preparation, "MOST_KEPT", 2)
    preparer = VoicePreparer(executor)
    voices = [make_voice(f"voice-{pitch}", recording(pitch=pitch)) for pitch in (90, 120, 220)]
    for voice in (voices[0], voices[1], voices[0], voices[2]):
        prepare(preparer, voice)
    VoiceConditioning.objects.all().delete()
    for voice in (voices[0], voices[2]):
        prepare(preparer, voice)
    assert not VoiceConditioning.objects.exists()
    prepare(preparer, voices[1])
    assert [row.key for row in VoiceConditioning.objects.all()] == [voices[1].key]


def files_of(clip: ReferenceClip, media_root: Path) -> list[Path]:
    """The recording as it came, and the copy that models read."""
    return [media_root / str(file.name) for file in (clip.file, clip.model_copy)]


def test_a_lost_recording_is_said_and_logged(
    executor: Executor, media_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voice = make_voice("anna", HIGH, LOW)
    for path in files_of(ReferenceClip.objects.all()[0], media_root):
        path.unlink()
    with pytest.raises(VoiceUnusable, match="A recording of the voice 'anna' cannot be read"):
        prepare(VoicePreparer(executor), voice)
    assert "Voice anna cannot be prepared: A recording of the voice" in caplog.text
    assert not VoiceConditioning.objects.exists()


@pytest.mark.parametrize("gone", [Voice, ReferenceClip], ids=["voice", "recordings"])
def test_a_voice_that_is_deleted_while_it_is_prepared_is_no_error_of_the_log(
    executor: Executor, media_root: Path, caplog: pytest.LogCaptureFixture, gone: type[Model]
) -> None:
    voice = make_voice("anna", HIGH)
    for path in files_of(ReferenceClip.objects.get(), media_root):
        path.unlink()
    gone._default_manager.all().delete()
    with pytest.raises(VoiceUnusable):
        prepare(VoicePreparer(executor), voice)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_what_the_engine_says_about_a_recording_is_passed_on(
    executor: Executor, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(EngineFailed, match=f"^The voice 'anna' cannot be prepared: {TOO_SHORT}$"):
        run(VoicePreparer(executor).ref(make_voice("anna", SHORT)))
    assert TOO_SHORT in caplog.text


def test_what_failed_before_anybody_asked_is_tried_again(
    executor: Executor, media_root: Path, prepared: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    voice = make_voice("anna", HIGH)
    contents = {path: path.read_bytes() for path in files_of(ReferenceClip.objects.get(), media_root)}
    for path in contents:
        path.unlink()

    async def connect() -> VoiceRef:
        preparer = VoicePreparer(executor)
        tasks = asyncio.all_tasks()
        preparation = preparer.begin(voice)
        await until(lambda: "cannot be prepared" in caplog.text and asyncio.all_tasks() == tasks)
        for path, content in contents.items():
            path.write_bytes(content)
        return await preparation.ref()

    assert run(connect()).conditioning == conditioning_of([HIGH])
    assert prepared() == 1


def test_without_its_table_every_process_prepares_for_itself(
    executor: Executor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    voice, preparer = make_voice("anna", HIGH), VoicePreparer(executor)
    monkeypatch.setattr(conditioning_store, "TRIES", 1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE voices_voiceconditioning RENAME TO elsewhere")
    assert prepare(preparer, voice).conditioning == conditioning_of([HIGH])
    assert "Stored conditioning cannot be read" in caplog.text
    assert "1 prepared voices cannot be stored" in caplog.text


def test_who_leaves_early_leaves_nothing_behind(
    executor: Executor, folder: Path, prepared: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    voice, preparer = make_voice("anna", HIGH), VoicePreparer(executor)
    hold = folder / "hold-preparation"
    hold.touch()

    async def connect_and_leave() -> None:
        tasks = asyncio.all_tasks()
        preparations = [preparer.begin(voice) for _ in range(3)]
        await until(lambda: prepared() == 1)
        for preparation in preparations:
            await leave(preparation)
        await until(lambda: asyncio.all_tasks() == tasks)
        hold.unlink()
        await until(lambda: executor.status.processes[0].preparing == 0)

    run(connect_and_leave())
    assert preparer.is_idle
    assert not VoiceConditioning.objects.exists()
    assert caplog.records == []


def test_who_leaves_takes_nothing_from_who_stays(executor: Executor, folder: Path, prepared: Callable[[], int]) -> None:
    voice, preparer = make_voice("anna", HIGH), VoicePreparer(executor)
    hold = folder / "hold-preparation"
    hold.touch()

    async def connect() -> VoiceRef:
        leaving, staying = preparer.begin(voice), preparer.begin(voice)
        await until(lambda: prepared() == 1)
        await leave(leaving)
        hold.unlink()
        return await staying.ref()

    assert run(connect()).conditioning == conditioning_of([HIGH])
    assert prepared() == 1


def test_a_context_that_is_stopped_takes_nothing_from_the_others(
    executor: Executor, folder: Path, prepared: Callable[[], int]
) -> None:
    """The streams of one connection wait for one preparation."""
    voice, preparer = make_voice("anna", HIGH), VoicePreparer(executor)
    hold = folder / "hold-preparation"
    hold.touch()

    async def connect() -> list[VoiceRef]:
        preparation = preparer.begin(voice)
        stopped, other = asyncio.create_task(preparation.ref()), asyncio.create_task(preparation.ref())
        await until(lambda: prepared() == 1)
        stopped.cancel()
        with suppress(asyncio.CancelledError):
            await stopped
        hold.unlink()
        return [await other, await preparation.ref()]

    assert [ref.conditioning for ref in run(connect())] == [conditioning_of([HIGH])] * 2
    assert prepared() == 1


def test_without_an_engine_it_waits_but_nobody_waits_for_it(folder: Path) -> None:
    voice = make_voice("anna", HIGH)
    late = Executor(cloning_spec(folder), max_running=1, max_waiting=1)

    async def connect() -> VoiceRef:
        preparation = VoicePreparer(late).begin(voice)
        with pytest.raises(EngineUnavailable):
            await preparation.ref()
        late.start()
        await late.ready()
        return await preparation.ref()

    ref = run(connect())
    late.stop()
    assert ref.conditioning == conditioning_of([HIGH])
