from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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

from streaming.engine.contract import SpeechRequest
from streaming.engine.gpt.counter_noise import advanced, first_counter, log_exponential, token_steps
from streaming.engine.gpt.sampling import NO_TOKEN, Sampler, SamplingSettings
from tests.process.engine.recorded import Recorder

CPU = torch.device("cpu")
VOCABULARY = 120
PLAIN = SamplingSettings(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
GREEDY = SamplingSettings(top_k=1)

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


def processors_of(settings: SamplingSettings) -> LogitsProcessorList:
    """In `generate`'s order."""
    processors = LogitsProcessorList()
    if settings.repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    processors.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        processors.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1.0:
        processors.append(TopPLogitsWarper(settings.top_p))
    return processors


def processed(settings: SamplingSettings, logits: Tensor, present: Sequence[int] = ()) -> Tensor:
    scores: Tensor = processors_of(settings)(torch.LongTensor([present]), logits.clone())
    return scores


def hugging_face(settings: SamplingSettings, logits: Tensor, present: Sequence[int], seed: int) -> list[int]:
    """Tokens for (steps, vocabulary), as `generate` processes scores, drawn with the sampler's noise."""
    counter, steps = torch.tensor([[first_counter(seed)]]), token_steps(logits.shape[1], CPU)
    tokens = list(present)
    for row in logits:
        scores = processed(settings, row[None], tokens)
        tokens.append(int((scores - log_exponential(counter, steps)).argmax()))
        counter = advanced(counter)
    return tokens[len(present) :]


def ours(
    made: Sampler,
    slot: int,
    logits: Tensor,
    present: Sequence[int],
    seed: int,
    settings: SamplingSettings | None = None,
) -> list[int]:
    made.seed(slot, seed)
    made.begin(slot, present, settings)
    return [int(made.sample_slots(row[None], [slot])) for row in logits]


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


@settings(max_examples=60)
@given(st.lists(settings_of_any_kind, min_size=4, max_size=4), st.integers(0, 2**32))
def test_a_row_draws_what_it_draws_alone_whatever_the_settings_beside_it(
    each: list[SamplingSettings], seed: int
) -> None:
    steps, slots = 6, [4, 0, 5, 2]
    logits = torch.stack([random_logits(seed + row, steps) for row in range(4)])
    together = sampler(PLAIN, slots=6)
    for row, slot in enumerate(slots):
        together.seed(slot, seed + row)
        together.begin(slot, [row], each[row])
    drawn = torch.stack([together.sample_slots(logits[:, step], slots) for step in range(steps)], dim=1).tolist()
    for row in range(4):
        assert drawn[row] == ours(sampler(each[row]), 0, logits[row], [row], seed + row)


@pytest.mark.parametrize("settings", [SamplingSettings(), SamplingSettings(top_k=0, top_p=0.99), GREEDY])
def test_how_many_tokens_are_sorted_changes_nothing(settings: SamplingSettings) -> None:
    rows, width = 64, settings.top_k or 1026
    logits = torch.randn(rows, 1026, generator=torch.Generator().manual_seed(1)).mul_(4).round_()  # with many alike
    drawn = []
    for sorted_tokens in (width, min(width + 78, 1026), None):
        made = sampler(settings, slots=rows, vocabulary=1026)
        for slot in range(rows):
            made.seed(slot, slot)
        drawn.append([made.sample(logits, torch.arange(rows), sorted_tokens).tolist() for _ in range(4)])
    assert drawn[0] == drawn[1] == drawn[2]


def test_rows_that_are_not_in_use_have_a_slot_of_their_own() -> None:
    logits = random_logits(5, 4)
    made, alone = sampler(SamplingSettings(), slots=2), sampler(SamplingSettings())
    made.seed(1, 3)
    tokens = [made.sample(logits[step].repeat(3, 1), torch.tensor([2, 1, 2]))[1].item() for step in range(4)]
    assert made.spare_slot == 2
    assert tokens == ours(alone, 0, logits, [], 3)


def test_it_can_be_recorded_once_and_repeated_for_other_settings() -> None:
    """As a CUDA graph does it: what is repeated is what was captured, on what the tensors hold by then."""
    made = sampler(PLAIN, slots=3)
    logits, slots = torch.zeros(3, VOCABULARY), torch.arange(3)
    tokens, repeat = Recorder()(lambda: made.sample(logits, slots))
    each = [SamplingSettings(), GREEDY, SamplingSettings(1.5, 0, 1.0, 1.2)]
    given_logits = torch.stack([random_logits(row, 5) for row in range(3)])
    for slot, own in enumerate(each):
        made.seed(slot, 8 + slot)
        made.begin(slot, [slot], own)
    drawn = []
    for step in range(5):
        logits.copy_(given_logits[:, step])
        repeat()
        drawn.append(tokens.tolist())
    for row, own in enumerate(each):
        assert [step[row] for step in drawn] == ours(sampler(own), 0, given_logits[row], [row], 8 + row)


@pytest.mark.parametrize(
    "settings", [PLAIN, SamplingSettings(0.7, 9, 1.0, 1.0), SamplingSettings(1.4, 0, 0.8, 1.0), SamplingSettings()]
)
def test_tokens_come_as_often_as_their_probabilities_say(settings: SamplingSettings) -> None:
    """Chi-squared over rows of different seeds, and over the steps of one: both at most three deviations from its mean."""
    draws, logits = 4000, torch.linspace(0, 3, 16)[None]
    settings = replace(settings, repetition_penalty=1.0)
    expected = draws * torch.softmax(processed(settings, logits), dim=1)[0]
    rows = sampler(settings, slots=draws, vocabulary=16)
    rows._counts[:draws, 1] = torch.tensor([first_counter(seed) for seed in range(draws)])
    by_rows = rows.sample(logits.expand(draws, -1), torch.arange(draws))
    one = sampler(settings, vocabulary=16)
    one.seed(0, 0)
    by_steps = torch.cat([one.sample_slots(logits, [0]) for _ in range(draws)])
    for tokens in (by_rows, by_steps):
        counts = tokens.bincount(minlength=16)
        possible = expected > 0
        assert counts[~possible].sum() == 0
        freedom = int(possible.sum()) - 1
        chi_squared = float(((counts - expected)[possible].square() / expected[possible]).sum())
        assert chi_squared < freedom + 3 * (2 * freedom) ** 0.5


def test_what_has_been_there_is_penalised() -> None:
    logits = torch.zeros(1, 8)
    logits[0, [2, 5]] = torch.tensor([3.0, 2.0])
    made = sampler(SamplingSettings(top_k=1, repetition_penalty=2.0), vocabulary=8)
    made.begin(0, [])
    assert [int(made.sample_slots(logits, [0])) for _ in range(3)] == [2, 5, 2]


def test_what_has_been_there_is_penalised_below_zero_as_well() -> None:
    logits = torch.full((1, 8), -9.0)
    logits[0, [2, 5]] = torch.tensor([-2.0, -3.0])
    made = sampler(SamplingSettings(top_k=1, repetition_penalty=2.0), vocabulary=8)
    made.begin(0, [2])
    assert int(made.sample_slots(logits, [0])) == 5


def test_a_new_sequence_forgets_the_one_before() -> None:
    logits = torch.zeros(1, 8)
    logits[0, [2, 5]] = torch.tensor([3.0, 2.0])
    made = sampler(SamplingSettings(top_k=1), vocabulary=8)
    made.begin(0, [2])
    assert int(made.sample_slots(logits, [0])) == 5
    made.begin(0, [])
    assert int(made.sample_slots(logits, [0])) == 2


def test_slots_have_nothing_in_common() -> None:
    logits = torch.zeros(2, 8)
    logits[:, [2, 5]] = torch.tensor([3.0, 2.0])
    made = sampler(SamplingSettings(top_k=1), slots=2, vocabulary=8)
    made.begin(0, [2])
    made.begin(1, [])
    assert made.sample_slots(logits, [0, 1]).tolist() == [5, 2]


@pytest.mark.parametrize("top_k", [0, 8, 1000])
def test_without_limits_every_token_can_come(top_k: int) -> None:
    made = sampler(SamplingSettings(1.0, top_k, 1.0, 1.0), vocabulary=8)
    made.seed(0, 1)
    assert {int(made.sample_slots(torch.zeros(1, 8), [0])) for _ in range(200)} == set(range(8))


def test_top_k_is_kept() -> None:
    made = sampler(SamplingSettings(1.0, 3, 1.0, 1.0), vocabulary=8)
    made.seed(0, 1)
    logits = torch.tensor([[0.0, 0.4, 0.3, 0.1, 0.5, 0.2, 0.0, 0.1]])
    assert {int(made.sample_slots(logits, [0])) for _ in range(200)} == {1, 2, 4}


def test_the_best_is_never_beyond_top_p() -> None:
    made = sampler(SamplingSettings(1.0, 0, 1e-9, 1.0), vocabulary=8)
    made.seed(0, 1)
    logits = torch.tensor([[0.0, 0.1, 0.3, 0.1, 0.2, 0.2, 0.0, 0.1]])
    assert {int(made.sample_slots(logits, [0])) for _ in range(20)} == {2}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_row_that_is_not_of_numbers_has_no_token_and_the_others_have_theirs(value: float) -> None:
    logits = random_logits(3, 2)
    logits[0, 7] = value
    made = sampler(SamplingSettings(), slots=2)
    for slot in range(2):
        made.seed(slot, 1)
    assert made.sample_slots(logits, [0, 1]).tolist() == [
        NO_TOKEN,
        ours(sampler(SamplingSettings()), 0, logits[1:], [], 1)[0],
    ]


def test_a_seed_begins_again() -> None:
    logits = random_logits(3, 20)
    made = sampler(PLAIN)
    first = ours(made, 0, logits, [], 7)
    assert ours(made, 0, logits, [], 7) == first
    assert ours(made, 0, logits, [], 8) != first


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 0.0}, {"temperature": torch.nan}, {"top_k": -1}, {"top_p": 0.0}, {"repetition_penalty": -1.0}],
)
def test_settings_that_mean_nothing_are_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be "):
        SamplingSettings(**wrong)


def test_a_request_decides_what_it_asks_for_and_nothing_else() -> None:
    base = SamplingSettings(0.7, 40, 0.8, 5.0)
    assert base.with_those_of(SpeechRequest("a", "Hello.")) == base
    asked = SpeechRequest("a", "Hello.", temperature=1.2, top_k=0, top_p=1.0)
    assert base.with_those_of(asked) == SamplingSettings(1.2, 0, 1.0, 5.0)


def test_the_logits_are_left_as_they_are() -> None:
    logits = random_logits(3, 1)
    before = logits.clone()
    sampler(SamplingSettings()).sample_slots(logits, [0])
    assert torch.equal(logits, before)
