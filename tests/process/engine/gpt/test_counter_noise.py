import math

import pytest
import torch
from torch import Tensor

from streaming.engine.gpt.counter_noise import advanced, first_counter, log_exponential, token_steps

CPU = torch.device("cpu")
VOCABULARY = 1026
STEPS = token_steps(VOCABULARY, CPU)


def noise(seed: int, draws: int) -> Tensor:
    """(draws, VOCABULARY), one row per draw of a seed."""
    counters = [torch.tensor([first_counter(seed)])]
    while len(counters) < draws:
        counters.append(advanced(counters[-1]))
    return log_exponential(torch.stack(counters), STEPS)


def uniform(values: Tensor) -> Tensor:
    """What the noise is made of: evenly between 0 and 1."""
    return torch.exp(-torch.exp(values))


def test_the_bits_are_those_of_unsigned_arithmetic() -> None:
    """The finalizer in Python's numbers, which do not wrap and have no sign to repeat."""
    counter = first_counter(11)
    for token in (0, 1, 500, VOCABULARY - 1):
        bits = (counter + token * 0xD1342543DE82EF95) % 2**64
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
        between = ((bits ^ (bits >> 31)) // 2**12 + 0.5) / 2**52
        expected = math.log(-math.log(between))
        assert float(log_exponential(torch.tensor([[counter]]), STEPS)[0, token]) == pytest.approx(expected, rel=1e-12)


def test_the_first_counter_of_seed_0_is_splitmix64s_first_number() -> None:
    assert first_counter(0) % 2**64 == 0xE220A8397B1DCDAF


def test_a_seed_of_more_than_64_bits_is_refused() -> None:
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="64 bits"):
            first_counter(seed)


def test_any_number_of_64_bits_is_a_seed() -> None:
    seeds = [0, 1, -1, 2**31, 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 2]
    counters = [first_counter(seed) for seed in seeds]
    assert len(set(counters)) == len(seeds)
    assert all(-(2**63) <= counter < 2**63 for counter in counters)


def test_a_row_has_the_same_noise_alone_and_among_others() -> None:
    together = noise(5, 40)
    for row in (0, 1, 17, 39):
        counter = torch.tensor([[first_counter(5)]])
        for _ in range(row):
            counter = advanced(counter)
        assert torch.equal(log_exponential(counter, STEPS)[0], together[row])


def test_all_of_it_is_finite() -> None:
    values = noise(1, 2000)
    assert values.isfinite().all()
    assert values.dtype == torch.float64


def test_it_is_evenly_distributed() -> None:
    values = uniform(noise(2, 500)).flatten()
    counts = (values * 256).long().bincount(minlength=256)
    expected = len(values) / 256
    assert 256 - 5 * 16 * 2**0.5 < ((counts - expected) ** 2 / expected).sum() < 256 + 5 * 16 * 2**0.5


def correlation(one: Tensor, other: Tensor) -> float:
    """In deviations of what independent numbers have."""
    one, other = one - 0.5, other - 0.5
    return 12 * float((one * other).mean()) * math.sqrt(one.numel())


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 64])
def test_draws_and_tokens_have_nothing_to_do_with_their_neighbours(distance: int) -> None:
    values = uniform(noise(3, 700))
    assert abs(correlation(values[distance:], values[:-distance])) < 4
    assert abs(correlation(values[:, distance:], values[:, :-distance])) < 4
    assert abs(correlation(values[distance:, distance:], values[:-distance, :-distance])) < 4
    assert abs(correlation(values[distance:, :-distance], values[:-distance, distance:])) < 4


@pytest.mark.parametrize("other", [1, 2, 2**32, 2**63, 0x9E3779B97F4A7C15, 0xD1342543DE82EF95, 2**64 - 1])
def test_seeds_have_nothing_to_do_with_each_other(other: int) -> None:
    assert abs(correlation(uniform(noise(0, 300)), uniform(noise(other, 300)))) < 4


def test_no_two_numbers_of_a_sequence_are_one() -> None:
    """The counters of draws and tokens do not meet: 700 draws of all tokens have all their bits to themselves."""
    counters = [torch.tensor(first_counter(4))]
    while len(counters) < 700:
        counters.append(advanced(counters[-1]))
    places = torch.stack(counters)[:, None] + STEPS
    assert len(set(places.flatten().tolist())) == 700 * VOCABULARY


def test_pairs_fill_the_plane() -> None:
    values = uniform(noise(6, 1000))
    for one, other in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1])):
        cells = ((one * 32).long() * 32 + (other * 32).long()).flatten().bincount(minlength=1024)
        expected = one.numel() / 1024
        chi_squared = float(((cells - expected) ** 2 / expected).sum())
        assert abs(chi_squared - 1023) < 5 * (2 * 1023) ** 0.5
