from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from streaming.engine.checkpoint.coqui import XttsParts
from streaming.engine.checkpoint.tensors import SpeechWeights
from tests.process.engine.stage import (
    HELLO,
    LONGER,
    MIRA,
    TOMAS,
    Encode,
    Line,
    Stage,
    a_crowd,
    fp32,
    fresh,
    int8,
    one_thread,
    stages,
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def stage(tiny_weights: SpeechWeights) -> Callable[..., Stage]:
    return stages(tiny_weights)


@pytest.fixture
def encode(tiny_parts: XttsParts) -> Encode:
    return lambda text: list(tiny_parts.tokenizer.encode(text, "en"))


def relative_error(value: Tensor, reference: Tensor) -> float:
    return float((value - reference).norm() / reference.norm())


def test_an_int8_row_among_others_is_the_same_to_the_last_bit(stage: Callable[..., Stage], encode: Encode) -> None:
    crowd = a_crowd(encode)
    stage(int8).run(*crowd)
    for line in crowd:
        alone = fresh(line)
        stage(int8).run(alone)
        assert alone.tokens == line.tokens
        assert torch.equal(torch.stack(alone.latents), torch.stack(line.latents))
        assert torch.equal(torch.stack(alone.logits), torch.stack(line.logits))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_int8_is_the_same_in_batches_of_any_size(stage: Callable[..., Stage], encode: Encode, rows: int) -> None:
    lines = [Line(slot, encode(HELLO), (MIRA, TOMAS)[slot % 2], seed=slot) for slot in range(rows)]
    alone = fresh(lines[-1])
    stage(int8).run(*lines)
    stage(int8).run(alone)
    assert torch.equal(torch.stack(alone.latents), torch.stack(lines[-1].latents))
    assert torch.equal(torch.stack(alone.logits), torch.stack(lines[-1].logits))


def test_int8_is_the_same_with_any_number_of_threads(stage: Callable[..., Stage], encode: Encode) -> None:
    results = []
    for threads in (1, 2, 3):
        lines = a_crowd(encode)[:3]
        stage(int8, threads=threads).run(*lines)
        results.append(torch.cat([torch.stack(line.logits + line.latents[:0]) for line in lines]))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


@torch.inference_mode()
def test_int8_stays_close_to_float32(stage: Callable[..., Stage], encode: Encode) -> None:
    reference = Line(0, encode(LONGER), TOMAS, most=30)
    made = stage(fp32)
    made.run(reference)
    # The same tokens, so that one other token does not make everything behind it differ.
    gpt = stage(int8).gpt
    latents, logits = gpt.prefill(0, reference.text, made.voices[TOMAS].gpt, TOMAS)
    found = [(latents, logits)]
    for step, token in enumerate(reference.tokens[:-1]):
        found.append(gpt.step([0], torch.tensor([token]), [step + 1]))
    assert relative_error(torch.cat([latents for latents, _ in found]), torch.stack(reference.latents)) < 0.05
    assert relative_error(torch.cat([logits for _, logits in found]), torch.stack(reference.logits)) < 0.05


def test_a_prefix_goes_into_any_slot(stage: Callable[..., Stage], encode: Encode) -> None:
    first, second = Line(0, encode(HELLO), TOMAS, seed=3), Line(4, encode(HELLO), TOMAS, seed=3)
    made = stage(int8)
    made.run(first)
    made.run(second)
    assert torch.equal(torch.stack(second.latents), torch.stack(first.latents))


@pytest.mark.parametrize("wanted", [[], [0], [6], [2, 3, 6], list(range(7))])
@torch.inference_mode()
def test_the_latents_of_some_rows_leave_nothing_out_that_later_rows_read(
    tiny_weights: SpeechWeights, wanted: list[int]
) -> None:
    generator = torch.Generator().manual_seed(3)
    rows, after = (torch.randn(count, tiny_weights.gpt.width, generator=generator) for count in (7, 2))
    slots, positions = [1, 1, 1, 4, 4, 4, 4], [0, 1, 2, 0, 1, 2, 3]
    whole, part = int8(tiny_weights.gpt), int8(tiny_weights.gpt)
    of_all = whole.forward(rows, slots, positions)
    assert torch.equal(part.forward(rows, slots, positions, wanted), of_all[wanted])
    assert torch.equal(part.forward(after, [1, 4], [3, 4]), whole.forward(after, [1, 4], [3, 4]))
