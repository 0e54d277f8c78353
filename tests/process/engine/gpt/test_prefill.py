from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpt.prefill import Prefill, rows_beside_a_step, shares
from tests.process.engine.stage import MIRA, TOMAS, Make, Stage, fixed, fp32, int8, one_thread, stages

TEXT = list(range(7, 47))
VOICE = 32
# Of start, text, stop and the start of audio.
ROWS = len(TEXT) + 3


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def stage(tiny_weights: SpeechWeights) -> Callable[..., Stage]:
    return stages(tiny_weights)


def begin(stage: Stage, slot: int, voice: str = MIRA, text: Sequence[int] = TEXT) -> Prefill:
    return stage.gpt.begin(slot, text, stage.voices[voice].gpt, voice)


def in_parts(stage: Stage, prefill: Prefill, rows: int) -> tuple[Tensor, Tensor]:
    while True:
        complete, latents, logits = stage.gpt.advance([prefill], rows)
        if complete:
            assert complete == [prefill]
            return latents, logits


def assert_same(kind: Make, found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    """To the last bit in int8. In floats, sums depend on how many rows there are."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        if kind is int8:
            assert torch.equal(one, other)
        else:
            assert torch.allclose(one, other, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("kind", [fp32, fixed, int8])
@pytest.mark.parametrize("rows", [1, 5, 8, VOICE - 1, VOICE, VOICE + 1, VOICE + ROWS - 1, VOICE + ROWS])
def test_a_prefill_in_parts_gives_what_it_gives_at_once(stage: Callable[..., Stage], kind: Make, rows: int) -> None:
    made, whole = stage(kind), stage(kind)
    expected = whole.gpt.prefill(0, TEXT, whole.voices[MIRA].gpt, MIRA)
    new, known = in_parts(made, begin(made, 0), rows), in_parts(made, begin(made, 1), rows)
    assert_same(kind, new, expected)
    assert_same(kind, known, expected)
    # And so does what follows.
    steps = [gpt.step([0], torch.tensor([5]), [1]) for gpt in (made.gpt, whole.gpt)]
    assert_same(kind, *steps)


@torch.inference_mode()
@pytest.mark.parametrize("kind", [fp32, fixed, int8])
def test_parts_of_several_go_together_with_steps(stage: Callable[..., Stage], kind: Make) -> None:
    made, apart = stage(kind), stage(kind)
    texts = {1: (TOMAS, TEXT), 3: (MIRA, TEXT[5:]), 4: (TOMAS, TEXT[::-1])}
    expected = {
        slot: apart.gpt.prefill(slot, text, apart.voices[voice].gpt, voice) for slot, (voice, text) in texts.items()
    }
    for each in (made, apart):
        each.gpt.prefill(0, TEXT[20:], each.voices[MIRA].gpt, MIRA)
        each.gpt.prefill(2, TEXT[30:], each.voices[TOMAS].gpt, TOMAS)
    waiting = [begin(made, slot, voice, text) for slot, (voice, text) in texts.items()]
    found, step = {}, 0
    while waiting:
        step += 1
        tokens = torch.tensor([step, 3 * step])
        complete, latents, logits = made.gpt.step_and_advance([0, 2], tokens, [step, step], waiting, 30)
        assert_same(kind, (latents[:2], logits[:2]), apart.gpt.step([0, 2], tokens, [step, step]))
        for row, prefill in enumerate(complete, 2):
            found[prefill.slot] = latents[row : row + 1], logits[row : row + 1]
        waiting = [prefill for prefill in waiting if prefill not in complete]
    assert list(found) == [1, 3, 4]
    for slot in texts:
        assert_same(kind, found[slot], expected[slot])


@torch.inference_mode()
def test_a_new_voice_of_two_at_once_is_kept_once(stage: Callable[..., Stage]) -> None:
    made = stage(int8)
    prefills = [begin(made, slot) for slot in (0, 1)]
    room = made.gpt._room
    complete, latents, _ = made.gpt.advance(prefills)
    assert complete == prefills
    assert torch.equal(latents[0], latents[1])
    (prefix,) = made.gpt._prefixes.values()
    assert made.gpt._room == room - prefix.nbytes


@torch.inference_mode()
def test_a_new_voice_is_not_read_again_by_one_that_began_at_the_same_time(stage: Callable[..., Stage]) -> None:
    made = stage(int8)
    first, second = (begin(made, slot) for slot in (0, 1))
    _, latents, _ = made.gpt.advance([first])
    assert torch.equal(made.gpt.advance([second], ROWS)[1], latents)


def a_prefill(rows: int) -> Prefill:
    return Prefill(0, "", 0, 0, torch.zeros(rows, 1), keeps_voice=False)


def test_the_first_in_line_is_given_what_it_needs_before_the_next() -> None:
    line = [a_prefill(rows) for rows in (5, 0, 9, 3)]
    assert shares(line, 8) == [(line[0], 5), (line[2], 3)]
    assert shares(line, 5) == [(line[0], 5)]
    assert shares(line, None) == [(line[0], 5), (line[2], 9), (line[3], 3)]


@pytest.mark.parametrize(("milliseconds_per_row", "rows"), [(0.0, 64), (0.4, 48), (2.0, 12), (3.0, 8), (9.0, 4)])
def test_as_many_rows_go_with_a_step_as_take_as_long_as_it(milliseconds_per_row: float, rows: int) -> None:
    assert rows_beside_a_step(lambda rows: 24 + (rows - 1) * milliseconds_per_row) == rows
