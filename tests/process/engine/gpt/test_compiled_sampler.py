import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from streaming.engine.gpt.compiled_sampler import CompiledSampler
from streaming.engine.gpt.sampling import NO_TOKEN, Sampler, SamplingSettings

CPU = torch.device("cpu")
SLOTS, STEPS = 5, 6

settings_of_any_kind = st.builds(
    SamplingSettings,
    temperature=st.sampled_from([0.1, 0.75, 2.0]),
    top_k=st.sampled_from([0, 1, 2, 50, 128, 129, 299, 300, 1000]),
    top_p=st.sampled_from([1e-9, 0.5, 0.85, 0.99, 1.0]),
    repetition_penalty=st.sampled_from([1.0, 1.2, 10.0]),
)


def both(vocabulary: int = 300) -> list[Sampler]:
    plain = SamplingSettings()
    return [
        Sampler(plain, slots=SLOTS, vocabulary=vocabulary, device=CPU),
        CompiledSampler(plain, slots=SLOTS, vocabulary=vocabulary),
    ]


def random_logits(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 4


@settings(max_examples=60)
@given(st.lists(settings_of_any_kind, min_size=3, max_size=3), st.integers(0, 2**32), st.booleans())
@example([SamplingSettings(top_k=0, top_p=1.0)] * 3, 0, True)
def test_it_draws_what_the_sampler_draws(each: list[SamplingSettings], seed: int, many_alike: bool) -> None:
    slots, logits = [3, 0, 4], random_logits(seed, STEPS, 3, 300)
    if many_alike:
        logits = logits.round()
    logits[:, :, 7] = -torch.inf
    samplers = both()
    for made in samplers:
        for row, slot in enumerate(slots):
            made.seed(slot, seed + row)
            made.begin(slot, [row, 7], each[row])
    drawn = [[made.sample_slots(step, slots).tolist() for step in logits] for made in samplers]
    assert drawn[1] == drawn[0]
    assert torch.equal(samplers[1]._seen, samplers[0]._seen)
    assert torch.equal(samplers[1]._counts, samplers[0]._counts)


def test_it_draws_what_the_sampler_draws_from_xttss_vocabulary() -> None:
    logits = random_logits(1, 100, 2, 1026)
    plain, compiled = both(1026)
    for made in (plain, compiled):
        for slot in range(2):
            made.seed(slot, slot)
            made.begin(slot, [1, 1024])
    assert [compiled.sample_slots(step, [0, 1]).tolist() for step in logits] == [
        plain.sample_slots(step, [0, 1]).tolist() for step in logits
    ]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_row_that_is_not_of_numbers_has_no_token_and_the_others_have_theirs(value: float) -> None:
    logits = random_logits(3, 2, 300)
    plain, compiled = both()
    expected = plain.sample_slots(logits, [0, 1]).tolist()
    logits[0, 7] = value
    assert compiled.sample_slots(logits, [0, 1]).tolist() == [NO_TOKEN, expected[1]]


def test_the_logits_are_left_as_they_are() -> None:
    logits = random_logits(3, 1, 300)
    before = logits.clone()
    both()[1].sample_slots(logits, [0])
    assert torch.equal(logits, before)
