"""Conditioning that was stored in a format of before: made anew, and spoken with."""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import pytest
from pytest_django import Settings

from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.speech.voice_preparation import VoicePreparer
from tests.process.speech.stored_voices import Roaming, make_voice, prepare, run
from tests.pure.voices.recordings import recording
from voices.models import VoiceConditioning

pytestmark = pytest.mark.django_db
SECONDS = 120.0


def fingerprint_before(checkpoint: Path) -> str:
    """That of the engine while conditioning was stored with a header of its own: the same, without the format."""
    from streaming.engine.checkpoint import coqui
    from tests.process.engine.checkpoints import load

    model = load(checkpoint).model
    settings = {name: getattr(model.config, name) for name in coqui._CONDITIONING_SETTINGS}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, weight in coqui._sorted_weights(model.state_dict()):
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return digest.hexdigest()


def stored_before(width: int) -> bytes:
    values = struct.pack("<f", 0.5) * (32 * width + 512)
    return struct.pack("<4sHHIII", b"XTTC", 1, 32, width, 512, zlib.crc32(values)) + values


async def first_sound(executor: Executor, voice: VoiceRef) -> int:
    """How many samples the first chunk of a speech has."""
    await executor.ready()
    async for chunk in executor.speak(SpeechRequest("speech", "Hello there.", voice, seed=1)):
        return len(chunk.samples)
    return 0


def test_a_voice_stored_in_the_format_of_before_is_prepared_anew_and_speaks(
    tiny_checkpoint: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    voice = make_voice("anna", recording())
    before = VoiceConditioning.objects.create(
        key=voice.key, fingerprint=fingerprint_before(tiny_checkpoint), data=stored_before(64)
    )
    options = {"checkpoint_path": str(tiny_checkpoint), "device": "cpu", "threads": 1}
    executor = Roaming(EngineSpec("xtts", options), max_running=1, max_waiting=1)
    try:
        info = run(executor.ready(), SECONDS)
        ref = prepare(VoicePreparer(executor), voice, SECONDS)
        assert run(first_sound(executor, ref), SECONDS) > 0
    finally:
        executor.stop()
    row = VoiceConditioning.objects.latest("pk")
    assert row.fingerprint == info.fingerprint != before.fingerprint
    assert bytes(row.data) == ref.conditioning != bytes(before.data)
