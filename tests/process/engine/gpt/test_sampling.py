from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from streaming.engine.gpt.sampling import NO_TOKEN, Sampler, SamplingSettings

CPU = torch.device("cpu")
VOCABULARY = 120
PLAIN = SamplingSettings(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)

settings_of_any_kind = st.builds(
    SamplingSettings,
    temperature=st.sampled_from([0.1, 0.65, 0.75, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 2, 50, VOCABULARY - 1, VOCABULARY, VOCABULARY + 1, 1000]),
    top_p=st.sampled_from([0.05, 0.5, 0.85, 0.99, 1.0]),
    repetition_penalty=st.sampled_from([1.0, 1.2, 5.0, 10.0]),
)


def sampler(settings: SamplingSettings, slots: int = 1, vocabulary: int = VOCABULARY) -> Sampler:
    return Sampler(settings, slots=slots, vocabulary=vocabulary, device=CPU)


def random_logits(seed: int, steps: int) -> Tensor:
    """(steps, vocabulary) with a few favourites that come again in each step."""
    generator = torch.Generator().manual_seed(seed)
    favourites = torch.randn(VOCABULARY, generator=generator) * 3
    return favourites + torch.randn(steps, VOCABULARY, generator=generator) * 2


def hugging_face(settings: SamplingSettings, logits: Tensor, present: Sequence[int], seed: int) -> list[int]:
    """Tokens for (steps, vocabulary), as `generate` draws them."""
    processors = LogitsProcessorList()
    if settings.repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    processors.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        processors.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1.0:
        processors.append(TopPLogitsWarper(settings.top_p))
    generator = torch.Generator().manual_seed(seed)
    tokens = list(present)
    for row in logits:
        scores = processors(torch.LongTensor([tokens]), row[None].clone())
        tokens.append(int(torch.multinomial(torch.softmax(scores, dim=1), 1, generator=generator)))
    return tokens[len(present) :]


def ours(made: Sampler, slot: int, logits: Tensor, present: Sequence[int], seed: int) -> list[int]:
    made.seed(slot, seed)
    made.begin(slot, present)
    return [int(made.sample(row[None], [slot])) for row in logits]


@given(settings_of_any_kind, st.integers(0, 2**32), st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=8))
def test_it_draws_what_hugging_face_draws(settings: SamplingSettings, seed: int, present: list[int]) -> None:
    logits = random_logits(seed, 12)
    assert ours(sampler(settings), 0, logits, present, seed) == hugging_face(settings, logits, present, seed)


def test_it_draws_what_hugging_face_draws_from_xttss_vocabulary() -> None:
    logits = torch.randn(40, 1026, generator=torch.Generator().manual_seed(1)) * 3
    settings = SamplingSettings()
    for seed in range(10):
        made = sampler(settings, vocabulary=1026)
        assert ours(made, 0, logits, [1, 1024], seed) == hugging_face(settings, logits, [1, 1024], seed)


@settings(max_examples=30)
@given(settings_of_any_kind, st.integers(0, 2**32))
def test_a_row_among_others_draws_what_it_draws_alone(settings: SamplingSettings, seed: int) -> None:
    rows, steps = 4, 6
    logits = torch.stack([random_logits(seed + row, steps) for row in range(rows)])
    together = sampler(settings, slots=6)
    slots = [4, 0, 5, 2]
    for row, slot in enumerate(slots):
        together.seed(slot, seed + row)
        together.begin(slot, [row])
    drawn = torch.stack([together.sample(logits[:, step], slots) for step in range(steps)], dim=1).tolist()
    for row in range(rows):
        assert drawn[row] == ours(sampler(settings), 0, logits[row], [row], seed + row)


def test_what_has_been_there_is_penalised() -> None:
    logits = torch.zeros(1, 8)
    logits[0, [2, 5]] = torch.tensor([3.0, 2.0])
    made = sampler(SamplingSettings(top_k=1, repetition_penalty=2.0), vocabulary=8)
    made.begin(0, [])
    assert [int(made.sample(logits, [0])) for _ in range(3)] == [2, 5, 2]


def test_what_has_been_there_is_penalised_below_zero_as_well() -> None:
    logits = torch.full((1, 8), -9.0)
    logits[0, [2, 5]] = torch.tensor([-2.0, -3.0])
    made = sampler(SamplingSettings(top_k=1, repetition_penalty=2.0), vocabulary=8)
    made.begin(0, [2])
    assert int(made.sample(logits, [0])) == 5


def test_a_new_sequence_forgets_the_one_before() -> None:
    logits = torch.zeros(1, 8)
    logits[0, [2, 5]] = torch.tensor([3.0, 2.0])
    made = sampler(SamplingSettings(top_k=1), vocabulary=8)
    made.begin(0, [2])
    assert int(made.sample(logits, [0])) == 5
    made.begin(0, [])
    assert int(made.sample(logits, [0])) == 2


def test_slots_have_nothing_in_common() -> None:
    logits = torch.zeros(2, 8)
    logits[:, [2, 5]] = torch.tensor([3.0, 2.0])
    made = sampler(SamplingSettings(top_k=1), slots=2, vocabulary=8)
    made.begin(0, [2])
    made.begin(1, [])
    assert made.sample(logits, [0, 1]).tolist() == [5, 2]


@pytest.mark.parametrize("top_k", [0, 8, 1000])
def test_without_limits_every_token_can_come(top_k: int) -> None:
    made = sampler(SamplingSettings(1.0, top_k, 1.0, 1.0), vocabulary=8)
    made.seed(0, 1)
    assert {int(made.sample(torch.zeros(1, 8), [0])) for _ in range(200)} == set(range(8))


def test_top_k_is_kept() -> None:
    made = sampler(SamplingSettings(1.0, 3, 1.0, 1.0), vocabulary=8)
    made.seed(0, 1)
    logits = torch.tensor([[0.0, 0.4, 0.3, 0.1, 0.5, 0.2, 0.0, 0.1]])
    assert {int(made.sample(logits, [0])) for _ in range(200)} == {1, 2, 4}


def test_the_best_is_never_beyond_top_p() -> None:
    made = sampler(SamplingSettings(1.0, 0, 1e-9, 1.0), vocabulary=8)
    made.seed(0, 1)
    logits = torch.tensor([[0.0, 0.1, 0.3, 0.1, 0.2, 0.2, 0.0, 0.1]])
    assert {int(made.sample(logits, [0])) for _ in range(20)} == {2}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_row_that_is_not_of_numbers_has_no_token_and_the_others_have_theirs(value: float) -> None:
    logits = random_logits(3, 2)
    logits[0, 7] = value
    made = sampler(SamplingSettings(), slots=2)
    for slot in range(2):
        made.seed(slot, 1)
    assert made.sample(logits, [0, 1]).tolist() == [
        NO_TOKEN,
        ours(sampler(SamplingSettings()), 0, logits[1:], [], 1)[0],
    ]


def test_a_seed_begins_again() -> None:
    logits = random_logits(3, 20)
    made = sampler(PLAIN)
    first = ours(made, 0, logits, [], 7)
    assert ours(made, 0, logits, [], 7) == first
    assert ours(made, 0, logits, [], 8) != first


def test_the_logits_are_left_as_they_are() -> None:
    logits = random_logits(3, 1)
    before = logits.clone()
    sampler(SamplingSettings()).sample(logits, [0])
    assert torch.equal(logits, before)
