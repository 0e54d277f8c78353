"""Random weights without a checkpoint: what a machine without coqui-tts measures with."""

import numpy as np
import pytest
import torch

from streaming.engine.checkpoint.random_weights import random_speech_weights, random_state
from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.vocoder.vocoder import Vocoder
from tests.process.engine.vocoder.vocoding import random_latents


@pytest.fixture(scope="module")
def weights() -> SpeechWeights:
    return random_speech_weights("tiny", voices=3)


def test_they_are_those_of_a_checkpoint_that_is_written(tiny_weights: SpeechWeights, weights: SpeechWeights) -> None:
    assert torch.equal(weights.gpt.audio_head.weight, tiny_weights.gpt.audio_head.weight)
    assert torch.equal(weights.vocoder.stages[3].upsampling.weight, tiny_weights.vocoder.stages[3].upsampling.weight)
    assert weights.config.stop_audio == tiny_weights.config.stop_audio
    assert weights.config.languages == tiny_weights.config.languages


def test_a_seed_gives_the_same_and_another_seed_others() -> None:
    first, again, other = random_state("tiny"), random_state("tiny"), random_state("tiny", seed=1)
    assert first.keys() == again.keys() == other.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["gpt.mel_head.weight"], other["gpt.mel_head.weight"])


def test_there_are_as_many_voices_as_asked_for_all_different(weights: SpeechWeights) -> None:
    assert list(weights.speakers) == ["Voice 1", "Voice 2", "Voice 3"]
    assert len({latents.sum().item() for latents, _ in weights.speakers.values()}) == 3


def test_sound_has_the_loudness_of_speech(weights: SpeechWeights) -> None:
    stream = Vocoder(weights.vocoder).stream(weights.speakers["Voice 2"][1].flatten())
    stream.push(random_latents(20, weights.gpt.width))
    samples = stream.decode(last=True)
    assert 0.1 < samples.std() < 0.3
    assert np.abs(samples).max() < 0.99
