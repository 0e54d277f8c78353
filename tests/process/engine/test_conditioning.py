"""The conditioning of voices, against coqui's own functions on the same samples."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from tests.pure.voices.recordings import encoded, speech
from voices.containers import Container
from voices.decoding import DecodeLimits, measured_copy
from voices.plain_wav import plain_wav

if TYPE_CHECKING:
    from streaming.engine.checkpoint.coqui import XttsParts
    from streaming.engine.conditioner import Conditioner
    from streaming.engine.conditioning import Conditioning


def clip(
    seconds: float = 0.5, *, rate: int = 22_050, channels: int = 1, pitch: float = 120.0, container: str = "WAV"
) -> bytes:
    subtype = "MPEG_LAYER_III" if container == "MP3" else "VORBIS" if container == "OGG" else "PCM_16"
    samples = speech(seconds, rate=rate, channels=channels, pitch=pitch)
    if channels == 2:
        samples[:, 1] *= 0.3
    return encoded(samples, rate=rate, container=container, subtype=subtype)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small spend their time waiting for a second thread where other tests run beside them."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def conditioner(tiny_parts: "XttsParts") -> "Conditioner":
    import torch

    from streaming.engine.conditioner import Conditioner

    return Conditioner(tiny_parts, torch.device("cpu"))


@pytest.fixture(scope="module")
def voice(conditioner: "Conditioner") -> "Conditioning":
    return conditioner.compute([clip()])


@pytest.fixture
def coqui(tiny_parts: "XttsParts", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """coqui's function from files on; its files are read with soundfile, because torchaudio needs FFmpeg for that."""
    import torch
    import torchaudio

    def load(path: Any) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T.copy()), rate

    def latents(*clips: bytes, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        config = tiny_parts.config
        settings = {
            "max_ref_length": config.max_ref_len,
            "gpt_cond_len": config.gpt_cond_len,
            "gpt_cond_chunk_len": config.gpt_cond_chunk_len,
            "sound_norm_refs": config.sound_norm_refs,
        }
        paths = [tmp_path / str(index) for index in range(len(clips))]
        for path, content in zip(paths, clips, strict=True):
            path.write_bytes(content)
        gpt, speaker = tiny_parts.model.get_conditioning_latents(paths, **(settings | options))
        return gpt[0], speaker[0, :, 0]

    monkeypatch.setattr(torchaudio, "load", load)
    return latents


def assert_equal(ours: "Conditioning", theirs: tuple[Any, Any]) -> None:
    import torch

    torch.testing.assert_close(ours.gpt, theirs[0].clone(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.speaker, theirs[1].clone(), rtol=1e-5, atol=1e-6)


# Equal to coqui


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(clip(), id="wav at the model's rate"),
        pytest.param(clip(rate=48_000, channels=2), id="stereo at 48 kHz"),
        pytest.param(clip(rate=16_000, container="FLAC"), id="flac"),
        pytest.param(clip(rate=44_100, container="MP3"), id="mp3"),
        pytest.param(clip(rate=24_000, container="OGG"), id="ogg"),
    ],
)
def test_one_recording(conditioner: "Conditioner", coqui: Any, recording: bytes) -> None:
    assert_equal(conditioner.compute([recording]), coqui(recording))


@pytest.mark.parametrize("before", [0.0, 40.0], ids=["no silence", "more silence than the model hears"])
def test_what_an_engine_is_given_of_a_recording(conditioner: "Conditioner", coqui: Any, before: float) -> None:
    """Coqui's function would find no voice in the first seconds; ours is given the part with speech."""
    sound = speech(2.0)
    silence = np.zeros((round(before * 22_050), 1))
    limits = DecodeLimits(seconds=60.0, memory=2**28, rates=(8_000, 192_000), channels=8, most_sound=60.0)
    content = encoded(np.concatenate((silence, sound)), subtype="FLOAT")
    decoded, heard = measured_copy(content, Container("wav", "wav"), limits, most_seconds=120.0)
    ours = conditioner.compute([plain_wav(heard, decoded.sample_rate)])
    lead = silence[: len(heard) - len(sound)]
    assert len(lead) / 22_050 <= 0.52
    assert_equal(ours, coqui(encoded(np.concatenate((lead, sound)), subtype="FLOAT")))


def test_several_recordings_are_one_voice(conditioner: "Conditioner", coqui: Any) -> None:
    clips = [clip(0.7), clip(1.0, rate=44_100, pitch=210.0), clip(channels=2)]
    assert_equal(conditioner.compute(clips), coqui(*clips))


@pytest.mark.parametrize(
    "settings",
    [
        {"gpt_cond_chunk_len": 1},
        {"gpt_cond_chunk_len": 1, "gpt_cond_len": 2},
        {"gpt_cond_len": -1, "sound_norm_refs": True},
        {"max_ref_len": 1},
        {"gpt_cond_len": 6, "gpt_cond_chunk_len": 6},
    ],
    ids=str,
)
@pytest.mark.parametrize("seconds", [2.2, 2.5], ids=["a last chunk that is too short", "a short last chunk"])
def test_the_settings_of_the_checkpoint(
    tiny_parts: "XttsParts", coqui: Any, settings: dict[str, Any], seconds: float
) -> None:
    from copy import copy
    from dataclasses import replace

    import torch

    from streaming.engine.conditioner import Conditioner

    config = copy(tiny_parts.config)
    for name, value in settings.items():
        setattr(config, name, value)
    ours = Conditioner(replace(tiny_parts, config=config), torch.device("cpu")).compute([clip(seconds)])
    names = {"max_ref_len": "max_ref_length"}
    assert_equal(ours, coqui(clip(seconds), **{names.get(name, name): value for name, value in settings.items()}))


def test_another_voice_sounds_different(conditioner: "Conditioner", voice: "Conditioning") -> None:
    other = conditioner.compute([clip(pitch=210.0)])
    assert not np.allclose(other.speaker, voice.speaker, atol=1e-3)


def test_what_is_made(voice: "Conditioning", tiny_parts: "XttsParts") -> None:
    assert voice.gpt.shape == (32, tiny_parts.config.model_args.gpt_n_model_channels)
    assert voice.speaker.shape == (512,)
    assert float(voice.speaker.norm()) == pytest.approx(1.0)
    assert not voice.gpt.requires_grad


def test_a_rate_that_hardly_divides_is_taken_for_the_next_that_does(conditioner: "Conditioner") -> None:
    exact = conditioner.compute([encoded(speech(0.5, rate=44_100), rate=44_100)])
    odd = conditioner.compute([encoded(speech(0.5, rate=44_100), rate=44_101)])
    assert np.allclose(odd.speaker, exact.speaker, atol=1e-6)


# In steps


def test_the_steps_are_many_and_make_the_same(conditioner: "Conditioner", voice: "Conditioning") -> None:
    steps = conditioner.compute_steps([clip()])
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            stepwise = stop.value
            break
        count += 1
    assert count > 16
    assert stepwise.to_bytes() == voice.to_bytes()


def test_two_voices_can_be_made_by_turns(conditioner: "Conditioner", voice: "Conditioning") -> None:
    other = conditioner.compute_steps([clip(pitch=210.0)])
    mine = conditioner.compute_steps([clip()])
    try:
        while True:
            next(other)
            next(mine)
    except StopIteration as stop:
        other_voice = stop.value
    assert other_voice.to_bytes() == conditioner.compute([clip(pitch=210.0)]).to_bytes()
    assert conditioner.compute([clip()]).to_bytes() == voice.to_bytes()


def test_gradients_are_left_as_they_are_between_steps(conditioner: "Conditioner") -> None:
    import torch

    steps = conditioner.compute_steps([clip()])
    next(steps)
    assert torch.is_grad_enabled()
    steps.close()


# Recordings that cannot be used


def samples_of(value: float, seconds: float = 1.0) -> bytes:
    return encoded(np.full((round(22_050 * seconds), 1), value), subtype="FLOAT")


@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        ([], "has no recordings"),
        ([b""], "cannot be read as audio"),
        ([b"RIFF" + 200 * b"x"], "cannot be read as audio"),
        ([clip()[:30]], "cannot be read as audio|0.00 s long"),
        ([clip(0.2)], "0.20 s long; at least 0.33 s"),
        ([samples_of(0.0)], "silent"),
        ([samples_of(1e-6)], "silent"),
        ([samples_of(math.nan)], "not numbers"),
        ([samples_of(math.inf)], "not numbers"),
        ([encoded(speech(channels=12))], "12 channels"),
        ([encoded(speech(rate=2_000), rate=2_000)], "2000 Hz"),
        ([clip(), samples_of(0.0)], r"recording 2 of 2"),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused_in_one_sentence(
    conditioner: "Conditioner", recordings: list[bytes], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        conditioner.compute(recordings)


def test_a_recording_that_is_silent_as_far_as_it_is_used(conditioner: "Conditioner") -> None:
    silence = np.zeros((31 * 8_000, 1))
    with pytest.raises(ValueError, match="silent"):
        conditioner.compute([encoded(np.concatenate((silence, speech(rate=8_000))), rate=8_000)])


# From coqui's tensors


def test_a_built_in_voice(tiny_parts: "XttsParts") -> None:
    from streaming.engine.conditioning import Conditioning

    latents, embedding = tiny_parts.speakers["Mira Holm"]
    built_in = Conditioning.from_tensors(latents, embedding)
    assert np.array_equal(built_in.gpt, latents[0])
    assert np.array_equal(built_in.speaker, embedding[0, :, 0])


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_tensors_that_hold_no_voice_are_refused(tiny_parts: "XttsParts", value: float) -> None:
    import torch

    from streaming.engine.conditioning import Conditioning

    latents, embedding = tiny_parts.speakers["Mira Holm"]
    with pytest.raises(ValueError, match="No voice"):
        Conditioning.from_tensors(torch.full_like(latents, value), embedding)
