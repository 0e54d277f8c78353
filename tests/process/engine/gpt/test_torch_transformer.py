"""The transformer as a GPU runs it: in captured steps of fixed shape, and in half precision."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpt.gpt import positions_needed
from tests.process.engine.launches import Launches
from tests.process.engine.recorded import Recorder
from tests.process.engine.stage import CPU, MIRA, SLOTS, TOMAS, Stage, fp32, one_thread, stages

TEXT = [7, 20, 33, 46, 59] * 8


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def spoken(stage: Stage, order: list[list[int]]) -> dict[int, list[Tensor]]:
    """The latents of each slot: `order` says who takes each step. The tokens do not depend on what is heard."""
    latents: dict[int, list[Tensor]] = {}
    for turn, slots in enumerate(order):
        for slot in [slot for slot in slots if slot not in latents]:
            voice = (MIRA, TOMAS)[slot % 2]
            latents[slot] = list(stage.gpt.prefill(slot, TEXT[slot:], stage.voices[voice].gpt, voice)[0])
        tokens = torch.tensor([(17 * turn + slot) % 1000 for slot in slots])
        stepped, _ = stage.gpt.step(slots, tokens, [len(latents[slot]) for slot in slots])
        for slot, latent in zip(slots, stepped, strict=True):
            latents[slot].append(latent.clone())
    return latents


# Joining, pausing, alone in a high slot, and together again; the last beyond 128 positions.
ORDER = [[1], [1, 3], [3], [0, 1, 3], [0, 3], [4], [0, 1, 3, 4], *([[0, 1, 4]] * 60), [0, 1, 3, 4]]


@torch.inference_mode()
def test_captured_steps_are_the_steps_themselves_whoever_joins_or_pauses(tiny_weights: SpeechWeights) -> None:
    recorder = Recorder()
    captured = spoken(stages(tiny_weights)(fp32, capture=recorder), ORDER)
    eager = spoken(stages(tiny_weights)(fp32), ORDER)
    # 2, 4 and 5 slots, and then more positions.
    assert recorder.captures == 4
    assert recorder.repeats == len(ORDER)
    for slot, latents in eager.items():
        assert len(latents) == len(captured[slot])
        assert (torch.stack(captured[slot]) - torch.stack(latents)).abs().max() < 1e-5


@torch.inference_mode()
def test_a_slots_next_sequence_is_left_alone_by_steps_that_it_takes_no_part_in(tiny_weights: SpeechWeights) -> None:
    """A captured step runs over all of the first slots: it must not write where the slot's last sequence was."""
    results = []
    for stage in (stages(tiny_weights)(fp32, capture=Recorder()), stages(tiny_weights)(fp32)):
        spoken(stage, [[0, 1], [0, 1]])
        stage.gpt.prefill(0, [9] * 80, stage.voices[TOMAS].gpt, TOMAS)
        stage.gpt.step([1], torch.tensor([5]), [3])
        results.append(stage.gpt.step([0, 1], torch.tensor([6, 7]), [1, 4])[0].clone())
    assert (results[0] - results[1]).abs().max() < 1e-5


@torch.inference_mode()
def test_a_slot_that_was_cleared_leaves_nothing_in_captured_steps(tiny_weights: SpeechWeights) -> None:
    """In the longest steps every row attends to the position where rows write that are not in use."""
    stage = stages(tiny_weights)(fp32, capture=Recorder())
    stage.gpt.warm_up()
    stage.gpt.prefill(0, [7] * 402, stage.voices[MIRA].gpt, MIRA)
    stage.gpt.prefill(1, [7] * 402, stage.voices[MIRA].gpt, MIRA)
    long = 606
    transformer: Any = stage.gpt._transformer
    transformer.forward(torch.tensor([[torch.inf], [0.0]]).expand(2, 64), [0, 1], [1040, 1040])
    stage.gpt.clear(0)
    latents, _ = stage.gpt.step([1], torch.tensor([5]), [long])
    assert latents.isfinite().all()
    stage.gpt.prefill(0, [7] * 402, stage.voices[MIRA].gpt, MIRA)
    latents, _ = stage.gpt.step([0], torch.tensor([5]), [long])
    assert latents.isfinite().all()


@torch.inference_mode()
def test_after_its_warm_up_nothing_is_captured_any_more(tiny_weights: SpeechWeights) -> None:
    recorder = Recorder()
    stage = stages(tiny_weights)(fp32, capture=recorder)
    stage.gpt.warm_up()
    captures = recorder.captures
    # 1, 2, 4 and all 5 slots; 128, 256, 512, 1024 and all positions.
    assert captures == 4 * 5
    latents = stage.gpt.prefill(0, TEXT, stage.voices[MIRA].gpt, MIRA)
    stage.gpt.prefill(SLOTS - 1, [7] * 402, stage.voices[MIRA].gpt, MIRA)
    for step in (1, 50, 300, 600):
        stage.gpt.step([0], torch.tensor([5]), [step])
        stage.gpt.step([0, SLOTS - 1], torch.tensor([5, 5]), [step, step])
    assert recorder.captures == captures
    assert latents[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@torch.no_grad()
def test_attention_is_fused_in_every_precision(tiny_weights: SpeechWeights, dtype: torch.dtype) -> None:
    """Three dimensions instead of four would have it computed in parts, and half precision in float32."""
    stage = stages(tiny_weights)(fp32, dtype=dtype)
    with Launches() as launches:
        stage.gpt.prefill(0, TEXT, stage.voices[MIRA].gpt, MIRA)
        stage.gpt.step([0], torch.tensor([5]), [1])
    attention = {name: count for name, count in launches.names.items() if "attention" in name or "softmax" in name}
    layers = len(tiny_weights.gpt.layers)
    # Of the voice and the text, and of a step.
    assert attention == {"aten._scaled_dot_product_flash_attention_for_cpu.default": 2 * layers}


@pytest.mark.parametrize(("dtype", "decibels"), [(torch.float16, 55), (torch.bfloat16, 37)], ids=str)
@torch.inference_mode()
def test_half_precision_stays_close_step_after_step(
    tiny_weights: SpeechWeights, dtype: torch.dtype, decibels: float
) -> None:
    wanted = spoken(stages(tiny_weights)(fp32), ORDER)
    given = spoken(stages(tiny_weights)(fp32, dtype=dtype, capture=Recorder()), ORDER)
    for slot, latents in wanted.items():
        exact, close = torch.stack(latents), torch.stack(given[slot])
        assert close.dtype == torch.float32
        assert snr(exact, close) > decibels
        # Nothing adds up: the last are as close as the others.
        assert snr(exact[-5:], close[-5:]) > decibels - 4


def snr(exact: Tensor, close: Tensor) -> float:
    return float(20 * torch.log10(exact.std() / (exact - close).std()))


@torch.inference_mode()
def test_a_mask_adds_nothing_up_to_the_position_and_forbids_the_rest(tiny_weights: SpeechWeights) -> None:
    transformer = fp32(tiny_weights.gpt)
    mask = transformer._mask(torch.tensor([0, 2]), 4)
    assert mask.tolist() == [[0.0, *[-torch.inf] * 3], [0.0, 0.0, 0.0, -torch.inf]]


def test_rows_of_the_cache_suit_fused_attention(tiny_weights: SpeechWeights) -> None:
    transformer = fp32(tiny_weights.gpt)
    positions = transformer._keys.shape[3]
    assert positions % 16 == 0
    # One more than a sequence has, for rows that are not in use.
    assert positions > positions_needed(tiny_weights.gpt)
    assert transformer._keys.device == CPU
