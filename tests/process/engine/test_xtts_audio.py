"""What the engine streams, against coqui's generator and coqui's decoder on the whole utterance."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.conditioning import Conditioning
from streaming.engine.contract import Failed, Finished, PcmChunk, Samples, SpeechRequest
from streaming.engine.gpt.sampling import SamplingSettings
from streaming.engine.stepped_engine import SteppedEngine
from streaming.engine.text.frontend import TextFrontEnd
from tests.process.engine.checkpoints import load
from tests.process.engine.vocoder.coqui_generator import CoquiGenerator
from tests.process.engine.xtts import (
    SLOTS,
    TOMAS,
    VERY_LONG,
    Listener,
    chunks,
    crowd,
    request,
    speak,
    with_stop_bias,
    xtts,
)

# Utterances end by themselves, after 4 to 40 audio tokens; with this seed after nearly 40.
HASTE = 9.0
LONG = 6


@pytest.fixture(scope="module")
def hasty(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_stop_bias(tiny_checkpoint, tmp_path_factory.mktemp("xtts") / "hasty", HASTE)


@pytest.fixture(scope="module")
def fp32(hasty: Path) -> Iterator[SteppedEngine]:
    with xtts(hasty, precision="fp32", slots=SLOTS, threads=1) as engine:
        yield engine


class Offline:
    """The same utterance by coqui's generator and coqui's decoder, as a whole."""

    def __init__(self, parts: XttsParts) -> None:
        self._parts = parts
        self._coqui = CoquiGenerator(parts)
        arguments = parts.config.model_args
        self._front_end = TextFrontEnd(
            parts.tokenizer,
            languages=parts.config.languages,
            max_text_tokens=arguments.gpt_max_text_tokens,
            max_audio_tokens=arguments.gpt_max_audio_tokens - 3,
        )
        self._known: dict[SpeechRequest, Samples] = {}

    def samples(self, request: SpeechRequest) -> Samples:
        request = replace(request, request_id="", stream_chunk_size=0)
        if request not in self._known:
            self._known[request] = self._speak(request)
        return self._known[request]

    def _speak(self, request: SpeechRequest) -> Samples:
        config = self._parts.config
        settings = SamplingSettings(config.temperature, config.top_k, config.top_p, config.repetition_penalty)
        voice = Conditioning.from_tensors(*self._parts.speakers[request.voice.speaker])
        (piece,) = self._front_end.pieces(request.text, request.language)
        assert request.seed is not None
        spoken = self._coqui.speak(piece.tokens, voice, request.seed, piece.most_audio_tokens, settings)
        return self._coqui.decode(spoken.latents, voice)


@pytest.fixture(scope="module")
def offline(hasty: Path) -> Offline:
    return Offline(load(hasty))


def assert_streamed(streamed: Sequence[PcmChunk], offline: Samples) -> None:
    """Equal, but for the first chunk, which is decoded before all that belongs to it is known: near its end it is some
    50 dB close."""
    samples, early = np.concatenate([chunk.samples for chunk in streamed]), len(streamed[0].samples)
    assert len(samples) == len(offline)
    assert np.abs(samples[early:] - offline[early:]).max(initial=0.0) < 1e-5
    assert np.abs(samples[:early] - offline[:early]).max() < 0.01 * offline.std()


@pytest.mark.parametrize("size", [1, 3, 10, 20])
def test_streamed_speech_is_coquis_decode_of_the_whole(fp32: SteppedEngine, offline: Offline, size: int) -> None:
    spoken = request(seed=LONG, stream_chunk_size=size)
    (events,) = speak(fp32, spoken)
    assert len(chunks(events)) > 2
    assert_streamed(chunks(events), offline.samples(spoken))


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_short_speech_is_coquis_decode_of_the_whole(fp32: SteppedEngine, offline: Offline, seed: int) -> None:
    (events,) = speak(fp32, request(seed=seed))
    assert_streamed(chunks(events), offline.samples(request(seed=seed)))


def test_so_it_is_with_a_vocoder_as_wide_as_that_of_xtts(small_checkpoint: Path, tmp_path: Path) -> None:
    """For which its network is compiled, where the processor can run that."""
    folder, spoken = with_stop_bias(small_checkpoint, tmp_path / "hasty", HASTE), request(seed=LONG)
    with xtts(folder, precision="fp32", slots=1, threads=1) as engine:
        (events,) = speak(engine, spoken)
    assert len(chunks(events)) > 2
    assert_streamed(chunks(events), Offline(load(folder)).samples(spoken))


def test_each_of_many_is_coquis_decode_of_the_whole(fp32: SteppedEngine, offline: Offline) -> None:
    requests = [replace(one, speed=1.0) for one in crowd()]
    for one, events in zip(requests, speak(fp32, *requests), strict=True):
        assert_streamed(chunks(events), offline.samples(one))


def test_numbers_that_have_overflowed_end_their_speech_and_spoil_no_other(
    fp32: SteppedEngine, offline: Offline
) -> None:
    """Masked positions are multiplied by zero, and zero times infinity is no number."""
    transformer: Any = fp32._model.gpt._transformer
    # The first free slot is taken first.
    transformer._values[:, 0] = np.inf
    (events,) = speak(fp32, request("spoiled"))
    assert events == [Failed("spoiled", "The model's result is not a number.")]
    for one, events in zip(crowd(), speak(fp32, *crowd()), strict=True):
        if one.speed == 1.0:
            assert_streamed(chunks(events), offline.samples(one))


def test_speech_without_a_seed_is_different_each_time(fp32: SteppedEngine) -> None:
    listener, beginnings = Listener(), set()
    for name in ("a", "b", "c"):
        fp32.submit(request(name, VERY_LONG, TOMAS, seed=None), listener.hear)
        chunk = listener.first(name)
        fp32.cancel(name)
        assert isinstance(chunk, PcmChunk)
        assert listener.of(name)[-1] == Finished(name, cancelled=True)
        beginnings.add(chunk.samples.tobytes())
    assert len(beginnings) > 1
