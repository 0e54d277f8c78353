"""From recordings of a voice to what the model needs to speak with it, as coqui's `get_conditioning_latents` does."""

import io
import math
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio.functional
import torchaudio.transforms
from torch import Tensor, nn

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import Samples

RATE = 22_050
SPEAKER_RATE = 16_000
# A chunk shorter than this says nothing about a voice.
MIN_SECONDS = 0.33
SILENCE_DBFS = -90.0
MAX_CHANNELS = 8
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 384_000
# The filter of the resampler reaches beyond the part of a recording that is used.
_SECONDS_TO_SPARE = 1
# Between rates with hardly a common divisor, the table of the resampler's filters would fill the memory.
_MOST_FILTER_TAPS = 4_000_000
_COMMON_DIVISOR = 50

Steps = Generator[None, None, Tensor]


class Conditioner:
    """Makes conditioning on `device`, where it moves the parts of the model that do it. In float32."""

    def __init__(self, parts: XttsParts, device: torch.device) -> None:
        model, config = parts.model, parts.config
        self._device = device
        self._max_seconds = int(config.max_ref_len)
        self._gpt_seconds = int(config.gpt_cond_len)
        self._chunk_seconds = int(config.gpt_cond_chunk_len)
        self._normalises = bool(config.sound_norm_refs)
        self._encoder = model.gpt.conditioning_encoder.to(device)
        self._perceiver = model.gpt.conditioning_perceiver.to(device)
        self._speaker_encoder = model.hifigan_decoder.speaker_encoder.to(device)
        # On the CPU, as coqui does it.
        self._mel_norms = model.mel_stats.detach().cpu()[None, :, None]
        self._mel = torchaudio.transforms.MelSpectrogram(
            n_fft=2048,
            hop_length=256,
            win_length=1024,
            power=2,
            normalized=False,
            sample_rate=RATE,
            f_min=0,
            f_max=8000,
            n_mels=80,
            norm="slaney",
        )

    def compute(self, clips: Sequence[bytes]) -> Conditioning:
        """The conditioning of a voice from its recordings, audio files that libsndfile reads (WAV, FLAC, MP3, Ogg).

        Several are one voice: their speaker embeddings are averaged, and the latents computed from all of them, one
        behind the other. Raises ValueError with one sentence for recordings that cannot be used.
        """
        steps = self.compute_steps(clips)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                conditioning: Conditioning = stop.value
                return conditioning

    @torch.no_grad()
    def compute_steps(self, clips: Sequence[bytes]) -> Generator[None, None, Conditioning]:
        """`compute` in steps, for a thread that speaks meanwhile: a generator that returns the conditioning.

        A step is one layer of a network for one clip or chunk, or the reading of one file. At full size a clip of 10 s
        takes 40 steps and 1.5 s of one core, the longest step 0.06 s; the speaker's steps grow with the clip.
        """
        if not clips:
            raise ValueError("The voice has no recordings.")
        audios = []
        for index, clip in enumerate(clips):
            try:
                audios.append(self._load(clip))
            except ValueError as error:
                which = f" (recording {index + 1} of {len(clips)})" if len(clips) > 1 else ""
                raise ValueError(f"{error}{which}") from None
            yield
        speakers = []
        for audio in audios:
            speakers.append((yield from self._speaker_steps(audio)))  # noqa: PERF401 (a comprehension cannot yield)
        latents = yield from self._latent_steps(torch.cat(audios, dim=-1))
        return Conditioning.from_tensors(latents, torch.stack(speakers).mean(dim=0))

    def _load(self, clip: bytes) -> Tensor:
        """The part of a recording that is used: (1, samples) at 22 050 Hz. Raises ValueError."""
        samples, rate = _decode(clip, self._max_seconds + _SECONDS_TO_SPARE)
        if not np.isfinite(samples).all():
            raise ValueError("The recording contains values that are not numbers.")
        audio = torch.from_numpy(samples.T.copy())
        if len(audio) != 1:
            audio = audio.mean(dim=0, keepdim=True)
        audio = _resampled(audio, rate).clip_(-1, 1)[:, : RATE * self._max_seconds]
        _check(audio)
        return (audio / audio.abs().max()) * 0.75 if self._normalises else audio

    def _speaker_steps(self, audio: Tensor) -> Steps:
        """The speaker embedding (1, 512) of `audio` (1, samples): coqui's ResNetSpeakerEncoder, layer by layer."""
        encoder = self._speaker_encoder
        audio = torchaudio.functional.resample(audio, RATE, SPEAKER_RATE)
        spectrum = encoder.torch_spec(audio.to(self._device))
        hidden = encoder.instancenorm((spectrum + 1e-6).log()).unsqueeze(1)
        hidden = encoder.bn1(encoder.relu(encoder.conv1(hidden)))
        for block in (block for layer in _layers(encoder) for block in layer):
            yield
            hidden = block(hidden)
        yield
        frames = hidden.reshape(1, -1, hidden.shape[-1])
        weights = encoder.attention(frames)
        mean = (frames * weights).sum(dim=2)
        spread = ((frames**2 * weights).sum(dim=2) - mean**2).clamp(min=1e-5).sqrt()
        embedding = encoder.fc(torch.cat((mean, spread), dim=1))
        return nn.functional.normalize(embedding, p=2, dim=1)

    def _latent_steps(self, audio: Tensor) -> Steps:
        """The conditioning latents (1, 32, d): the mean of those of each chunk of `audio` (1, samples)."""
        if self._gpt_seconds > 0:
            audio = audio[:, : RATE * self._gpt_seconds]
        latents = []
        step = RATE * self._chunk_seconds
        for start in range(0, audio.shape[1], step):
            chunk = audio[:, start : start + step]
            # The first is long enough: every recording is.
            if chunk.shape[1] >= RATE * MIN_SECONDS:
                latents.append((yield from self._chunk_steps(chunk)))
        return torch.stack(latents).mean(dim=0)

    def _chunk_steps(self, chunk: Tensor) -> Steps:
        mel = self._mel(chunk).clamp(min=1e-5).log() / self._mel_norms
        hidden = self._encoder.init(mel.to(self._device))
        for block in self._encoder.attn:
            yield
            hidden = block(hidden)
        yield
        latents: Tensor = self._perceiver(hidden.transpose(1, 2))
        return latents


def _layers(encoder: Any) -> tuple[Any, ...]:
    return encoder.layer1, encoder.layer2, encoder.layer3, encoder.layer4


def _decode(clip: bytes, max_seconds: int) -> tuple[Samples, int]:
    """The first `max_seconds` of a recording, (frames, channels), and its sample rate in Hz. Raises ValueError."""
    try:
        with soundfile.SoundFile(io.BytesIO(clip)) as sound:
            rate, channels = int(sound.samplerate), int(sound.channels)
            if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE or channels > MAX_CHANNELS:
                raise ValueError(f"A recording with {channels} channels at {rate} Hz cannot be used.")
            return sound.read(max_seconds * rate, dtype="float32", always_2d=True), rate
    except soundfile.SoundFileError:
        raise ValueError("The recording cannot be read as audio.") from None


def _resampled(audio: Tensor, rate: int) -> Tensor:
    divisor = math.gcd(rate, RATE)
    if (rate // divisor) * (RATE // divisor) > _MOST_FILTER_TAPS:
        # At most 0.6 % off, a tenth of a semitone, for a rate that no recorder has.
        rate = round(rate / _COMMON_DIVISOR) * _COMMON_DIVISOR
    resampled: Tensor = torchaudio.functional.resample(audio, rate, RATE)
    return resampled


def _check(audio: Tensor) -> None:
    """Raises ValueError for audio (1, samples) that holds no voice."""
    seconds = audio.shape[1] / RATE
    if seconds < MIN_SECONDS:
        raise ValueError(f"The recording is {seconds:.2f} s long; at least {MIN_SECONDS} s are needed.")
    if audio.abs().max() <= 10 ** (SILENCE_DBFS / 20):
        raise ValueError(f"The recording is silent: nothing in it is above {SILENCE_DBFS:g} dBFS.")
