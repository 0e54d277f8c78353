from typing import Any

import pytest
import torch
from torch import Tensor

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.vocoder.compiled_generator import CompiledGenerator
from streaming.engine.vocoder.torch_generator import Generator
from streaming.engine.vocoder.weights import HifiganWeights, Interval
from tests.process.engine.vocoder.vocoding import TwoThreads, random_latents, random_speaker

FRAMES = 40


@pytest.fixture(scope="module")
def module(small_parts: XttsParts) -> Any:
    return small_parts.model.hifigan_decoder.waveform_decoder


@pytest.fixture(scope="module")
def weights(small_weights: SpeechWeights) -> HifiganWeights:
    return small_weights.vocoder


@pytest.fixture(scope="module", params=["torch", "compiled"])
def generator(request: pytest.FixtureRequest, weights: HifiganWeights) -> Generator | CompiledGenerator:
    if request.param == "compiled":
        return CompiledGenerator(weights, TwoThreads())
    return Generator(weights, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def signal(weights: HifiganWeights) -> Tensor:
    return random_latents(FRAMES, weights.first.weight.shape[1])


@pytest.fixture(scope="module")
def whole(module: Any, signal: Tensor) -> Tensor:
    """coqui's samples of the whole signal."""
    samples: Tensor = module(signal.T[None], g=random_speaker()[None, :, None])[0, 0]
    return samples


def decode(
    generator: Generator | CompiledGenerator, weights: HifiganWeights, signal: Tensor, first: int, emitted: Interval
) -> Tensor:
    return generator(signal[None], weights.speaker_biases(random_speaker()[None]), emitted.moved(-first))[0]


def test_the_shape_of_the_network_is_read_from_its_weights(weights: HifiganWeights) -> None:
    assert (weights.hop, weights.context) == (256, 13)


@pytest.mark.parametrize("emitted", [(0, FRAMES), (0, 3), (FRAMES - 2, FRAMES), (13, 27), (14, 15), (3, 38)], ids=str)
def test_a_window_gives_what_the_whole_gives_there(
    generator: Generator | CompiledGenerator,
    weights: HifiganWeights,
    signal: Tensor,
    whole: Tensor,
    emitted: tuple[int, int],
) -> None:
    wanted = Interval(*emitted)
    first, end = wanted.widened(weights.context).within(FRAMES)
    samples = decode(generator, weights, signal[first:end], first, wanted)
    expected = whole[wanted.start * weights.hop : wanted.stop * weights.hop]
    assert samples.shape == expected.shape
    assert (samples - expected).abs().max() < 1e-5


def test_half_of_the_context_would_not_do(weights: HifiganWeights, signal: Tensor, whole: Tensor) -> None:
    generator = Generator(weights, torch.device("cpu"), torch.float32)
    first = 20 - weights.context // 2
    samples = decode(generator, weights, signal[first:], first, Interval(20, 21))
    assert (samples - whole[20 * weights.hop : 21 * weights.hop]).abs().max() > 1e-3


def test_windows_of_different_speakers_are_decoded_together(
    generator: Generator | CompiledGenerator, weights: HifiganWeights, signal: Tensor
) -> None:
    speakers = torch.stack([random_speaker(1), random_speaker(2)])
    windows = torch.stack([signal[:10], signal[10:20]])
    together = generator(windows, weights.speaker_biases(speakers), Interval(2, 9))
    for row in range(2):
        alone = generator(windows[row : row + 1], weights.speaker_biases(speakers[row : row + 1]), Interval(2, 9))
        assert (together[row] - alone[0]).abs().max() < 5e-6


def test_the_compiled_network_gives_the_same_again_whatever_it_did_before(
    weights: HifiganWeights, signal: Tensor
) -> None:
    generator = CompiledGenerator(weights, TwoThreads())
    before = decode(generator, weights, signal[:16], 0, Interval(0, 16))
    decode(generator, weights, signal, 0, Interval(0, FRAMES))
    assert decode(generator, weights, signal[:16], 0, Interval(0, 16)).equal(before)


def test_half_precision_stays_close(weights: HifiganWeights, signal: Tensor, whole: Tensor) -> None:
    generator = Generator(weights, torch.device("cpu"), torch.bfloat16)
    samples = decode(generator, weights, signal[:24], 0, Interval(0, 8))
    expected = whole[: 8 * weights.hop]
    assert samples.dtype == torch.float32
    assert (samples - expected).std() < 0.05 * expected.std()
