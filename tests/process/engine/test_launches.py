"""How many operations a GPU is given: at 5 to 10 microseconds each from Python, they are what its first packet costs.

A budget that is too large by now is lowered; one that has to grow needs a reason.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.vocoder.torch_generator import Generator
from streaming.engine.vocoder.weights import Interval
from tests.process.engine.launches import Launches
from tests.process.engine.stage import CPU, MIRA, Stage, fp32, one_thread, stages
from tests.process.engine.vocoder.vocoding import random_latents, random_speaker

# As many layers as XTTS has; how wide they are does not matter here.
LAYERS = 30
FUSED = "aten._scaled_dot_product_flash_attention_for_cpu.default"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


class Held:
    """See `streaming.engine.gpt.cuda_graphs.Capture`: what was captured, to be looked at."""

    def __init__(self) -> None:
        self.work: Callable[[], torch.Tensor] | None = None

    def __call__(self, work: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Callable[[], object]]:
        self.work = work
        return work(), lambda: None


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def stage(tiny_weights: SpeechWeights, held: Held) -> Stage:
    """With three sequences that have begun."""
    gpt = tiny_weights.gpt
    repeated = replace(gpt, layers=(gpt.layers * LAYERS)[:LAYERS])
    stage = stages(replace(tiny_weights, gpt=repeated))(fp32, capture=held)
    with torch.no_grad():
        for slot in range(3):
            stage.gpt.prefill(slot, [7] * 60, stage.voices[MIRA].gpt, MIRA)
        stage.gpt.step([0, 1, 2], torch.tensor([5, 6, 7]), [1, 1, 1])
    return stage


@torch.no_grad()
def test_a_prefill_of_a_known_voice(stage: Stage) -> None:
    with Launches() as launches:
        stage.gpt.prefill(3, [7] * 60, stage.voices[MIRA].gpt, MIRA)
    assert launches.count <= 373
    assert launches.names[FUSED] == LAYERS


@torch.no_grad()
def test_a_step_within_its_graph(stage: Stage, held: Held) -> None:
    assert held.work
    with Launches() as launches:
        held.work()
    assert launches.count <= 367
    assert launches.names[FUSED] == LAYERS


@torch.no_grad()
def test_a_step_beside_its_graph(stage: Stage) -> None:
    with Launches() as launches:
        _, logits = stage.gpt.step([0, 1, 2], torch.tensor([5, 6, 7]), [2, 2, 2])
        stage.sampler.sample_slots(logits, [0, 1, 2])
    assert launches.count <= 62


@torch.no_grad()
def test_a_decode(tiny_weights: SpeechWeights) -> None:
    generator = Generator(tiny_weights.vocoder, CPU, torch.float32)
    frames = torch.stack([random_latents(46, 64, seed) for seed in range(4)])
    biases = tiny_weights.vocoder.speaker_biases(torch.stack([random_speaker(seed) for seed in range(4)]))
    with Launches() as launches:
        generator(frames, biases, Interval(13, 33))
    assert launches.count <= 197
