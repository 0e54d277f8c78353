import hashlib
import io
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import soundfile
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.process.engine.cloning_engine import sound_of
from tests.pure.voices.conftest import AddClip, Committed
from tests.pure.voices.recordings import RATE, encoded, recording, speech
from voices import clip_copies, conditioning
from voices.conditioning import RecordingsUnusable, clip_bytes, store_conditioning, stored_conditioning
from voices.decoding import Unreadable
from voices.models import ReferenceClip, Voice, VoiceConditioning

Result = TypeVar("Result")
HIGH, LOW = recording(pitch=220), recording(pitch=90)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """On the event loop, as the server does it, but with the connection of this test's transaction."""

    async def wait() -> Result:
        return await work

    return async_to_sync(wait)()


def resolved(voice_id: str = "anna") -> Voice:
    return Voice.objects.prefetch_related("clips").get(voice_id=voice_id)


@pytest.fixture
def clip(voice: Voice, add_clip: AddClip) -> ReferenceClip:
    return add_clip(voice, HIGH)


@pytest.fixture
def key(clip: ReferenceClip) -> str:
    """The key of a voice with conditioning by the engine "one"."""
    key = resolved().key
    run(store_conditioning(key, "one", b"\0conditioning"))
    return key


def is_stored(key: str) -> bool:
    return VoiceConditioning.objects.filter(key=key).exists()


def test_what_is_stored_is_found_by_clips_and_engine(key: str) -> None:
    assert run(stored_conditioning(key, "one")) == b"\0conditioning"
    assert run(stored_conditioning(key, "two")) is None
    assert run(stored_conditioning("0" * 64, "one")) is None


def test_storing_again_replaces(key: str) -> None:
    run(store_conditioning(key, "one", b"new"))
    assert run(stored_conditioning(key, "one")) == b"new"
    assert VoiceConditioning.objects.count() == 1


def test_another_engine_leaves_what_the_one_before_it_made(key: str) -> None:
    run(store_conditioning(key, "two", b"new"))
    rows = {row.fingerprint: bytes(row.data) for row in VoiceConditioning.objects.all()}
    assert rows == {"one": b"\0conditioning", "two": b"new"}


def test_nothing_is_kept_for_recordings_that_no_voice_has_any_more(key: str) -> None:
    run(store_conditioning("0" * 64, "one", b"late"))
    assert [row.key for row in VoiceConditioning.objects.all()] == [key]


def test_another_clip_drops_it(key: str, voice: Voice, add_clip: AddClip, committed: Committed) -> None:
    with committed():
        add_clip(voice, LOW)
    assert not is_stored(key)


def test_a_replaced_clip_drops_it(key: str, clip: ReferenceClip, committed: Committed) -> None:
    clip.file = SimpleUploadedFile("new.wav", LOW)
    clip.full_clean()
    with committed():
        clip.save()
    assert not is_stored(key)


def test_a_deleted_clip_drops_it(key: str, clip: ReferenceClip, committed: Committed) -> None:
    with committed():
        clip.delete()
    assert not is_stored(key)


def test_deleting_the_voice_drops_it(voice: Voice, add_clip: AddClip, committed: Committed) -> None:
    add_clip(voice, HIGH)
    add_clip(voice, LOW)
    run(store_conditioning(resolved().key, "one", b"conditioning"))
    with committed():
        Voice.objects.all().delete()
    assert not VoiceConditioning.objects.exists()


def test_it_stays_while_another_voice_has_the_same_clips(
    key: str, voice: Voice, add_clip: AddClip, committed: Committed
) -> None:
    add_clip(Voice.objects.create(voice_id="bert", name="Bert"), HIGH)
    with committed():
        voice.delete()
    assert is_stored(key)
    with committed():
        Voice.objects.all().delete()
    assert not is_stored(key)


def test_it_stays_when_the_voice_changes_but_not_its_clips(
    key: str, clip: ReferenceClip, voice: Voice, committed: Committed
) -> None:
    voice.name, voice.speed = "Anne", 1.5
    with committed():
        clip.save()
        voice.save()
    assert is_stored(key)


def test_a_change_that_does_not_happen_drops_nothing(key: str, clip: ReferenceClip, committed: Committed) -> None:
    with committed(), transaction.atomic():
        clip.delete()
        transaction.set_rollback(True)
    assert is_stored(key)


def test_all_recordings_are_looked_at_once_however_many_have_changed(
    key: str, voice: Voice, add_clip: AddClip, committed: Committed
) -> None:
    with CaptureQueriesContext(connection) as queries, committed():
        for content in (LOW, HIGH, LOW):
            add_clip(voice, content)
    table = VoiceConditioning._meta.db_table
    assert sum(query["sql"].startswith("SELECT") and table in query["sql"] for query in queries) == 1


def test_clips_come_in_an_order_that_only_their_content_decides(voice: Voice, add_clip: AddClip) -> None:
    other = Voice.objects.create(voice_id="bert", name="Bert")
    for owner, content in ((voice, HIGH), (voice, LOW), (other, LOW), (other, HIGH)):
        add_clip(owner, content)
    by_hash = tuple(sorted((HIGH, LOW), key=lambda content: hashlib.sha256(content).hexdigest()))
    found = run(clip_bytes(resolved("anna")))
    assert found == run(clip_bytes(resolved("bert")))
    assert [sound_of(content) for content in found] == [sound_of(content) for content in by_hash]


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_engine_is_given_the_sound_in_the_plainest_file(
    voice: Voice, add_clip: AddClip, container: str, subtype: str, channels: int
) -> None:
    content = encoded(speech(1.5, channels=channels), container=container, subtype=subtype)
    add_clip(voice, content)
    [found] = run(clip_bytes(resolved()))
    before, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    with soundfile.SoundFile(io.BytesIO(found)) as after:
        assert (after.format, after.subtype, after.channels, after.samplerate) == ("WAV", "FLOAT", 1, rate)
        # The decoder of MP3 rounds the last bit by how much it is asked for at once.
        assert np.allclose(after.read(dtype="float32"), before.mean(axis=1), rtol=0, atol=1e-6)


def test_silence_in_front_is_not_what_an_engine_hears(voice: Voice, add_clip: AddClip) -> None:
    sound = speech(6.0)
    add_clip(voice, encoded(np.concatenate((np.zeros((40 * RATE, 1)), sound)), subtype="FLOAT"))
    [found] = run(clip_bytes(resolved()))
    heard, _ = soundfile.read(io.BytesIO(found), dtype="float32")
    assert len(heard) == pytest.approx(6.5 * RATE, abs=0.02 * RATE)
    assert not heard[: int(0.4 * RATE)].any()
    assert np.array_equal(heard[-len(sound) :], sound[:, 0].astype(np.float32))


def test_a_long_pause_is_not_what_an_engine_hears(voice: Voice, add_clip: AddClip) -> None:
    parts = [speech(3.0), np.zeros((40 * RATE, 1)), speech(4.0, pitch=200)]
    add_clip(voice, encoded(np.concatenate(parts), subtype="FLOAT"))
    [found] = run(clip_bytes(resolved()))
    heard, _ = soundfile.read(io.BytesIO(found), dtype="float32")
    assert len(heard) == pytest.approx(8.0 * RATE, abs=0.04 * RATE)
    assert np.array_equal(heard[: 3 * RATE], parts[0][:, 0].astype(np.float32))
    assert np.array_equal(heard[-4 * RATE :], parts[2][:, 0].astype(np.float32))


@pytest.mark.parametrize("gains", [[1, -1], [-0.9, 1], [0, 0, 1, 0, 0, 0]], ids=str)
def test_channels_that_cancel_each_other_are_heard_one_by_one(
    voice: Voice, add_clip: AddClip, gains: list[float]
) -> None:
    sound = speech(2.0, channels=len(gains)) * gains
    add_clip(voice, encoded(sound, subtype="FLOAT"))
    [found] = run(clip_bytes(resolved()))
    heard, _ = soundfile.read(io.BytesIO(found), dtype="float32")
    assert np.array_equal(np.abs(heard), np.abs(sound[:, int(np.argmax(np.abs(gains)))]).astype(np.float32))


def test_samples_beyond_full_scale_are_not_cut_off(voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice, encoded(speech(2.0) * 10, subtype="FLOAT"))
    [found] = run(clip_bytes(resolved()))
    heard, _ = soundfile.read(io.BytesIO(found), dtype="float32")
    assert np.allclose(heard, speech(2.0)[:, 0] * 2, atol=1e-6)


def test_much_sound_is_cut_to_what_may_be_in_memory(
    voice: Voice, add_clip: AddClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(speech(8.0), container="FLAC")
    for _ in range(2):
        add_clip(voice, content)
    monkeypatch.setattr(conditioning, "MOST_BYTES", 2 * 4 * RATE * 4)
    assert [len(sound_of(found)) for found in run(clip_bytes(resolved()))] == [4 * RATE * 2] * 2


def test_what_cannot_be_decoded_any_more_is_said(clip: ReferenceClip, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object, **__: object) -> None:
        raise Unreadable(is_limit=False)

    ReferenceClip.objects.update(model_copy="")
    monkeypatch.setattr(clip_copies, "measured_copy", die)
    with pytest.raises(RecordingsUnusable, match=r"^A recording of the voice 'anna' cannot be decoded\.$"):
        run(clip_bytes(resolved()))


def test_a_voice_without_clips_has_no_bytes(voice: Voice) -> None:
    assert run(clip_bytes(voice)) == ()


def test_a_lost_file_is_said(clip: ReferenceClip, media_root: Path) -> None:
    (media_root / str(clip.file.name)).unlink()
    (media_root / str(clip.model_copy.name)).unlink()
    with pytest.raises(RecordingsUnusable, match=r"^A recording of the voice 'anna' cannot be read: No such file or"):
        run(clip_bytes(resolved()))


def test_a_file_that_is_another_one_by_now_is_not_used(clip: ReferenceClip, media_root: Path) -> None:
    (media_root / str(clip.file.name)).write_bytes(LOW)
    (media_root / str(clip.model_copy.name)).write_bytes(LOW)
    with pytest.raises(
        RecordingsUnusable, match=r"^The file of a recording of the voice 'anna' was changed after it was uploaded"
    ):
        run(clip_bytes(resolved()))


def test_large_originals_do_not_keep_a_voice_from_being_used(clip: ReferenceClip) -> None:
    """Their copies are read, which have a limit of their own."""
    [before] = run(clip_bytes(resolved()))
    ReferenceClip.objects.update(size_bytes=conditioning.MOST_BYTES + 1)
    assert run(clip_bytes(resolved())) == (before,)


def test_of_each_recording_the_reference_length_is_used(voice: Voice, add_clip: AddClip) -> None:
    add_clip(voice, recording(3.0))
    add_clip(voice, recording(1.5, pitch=220))
    whole, key = run(clip_bytes(resolved())), resolved().key
    Voice.objects.update(reference_seconds=2)
    used = run(clip_bytes(resolved()))
    frames = [soundfile.info(io.BytesIO(wav)).frames for wav in used]
    assert sorted(frames) == [round(1.5 * RATE), 2 * RATE]
    assert [wav[44:] for wav in used] == [wav[44 : 44 + 4 * count] for wav, count in zip(whole, frames, strict=True)]
    assert resolved().key != key
    Voice.objects.update(reference_seconds=None)
    assert resolved().key == key


def test_conditioning_of_a_reference_length_stays_as_long_as_the_voice_has_it(
    clip: ReferenceClip, committed: Committed
) -> None:
    Voice.objects.update(reference_seconds=2)
    key = resolved().key
    run(store_conditioning(key, "one", b"conditioning"))
    with committed():
        clip.save()
    assert is_stored(key)
