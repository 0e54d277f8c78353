import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from streaming.engine.kernels.attention import SIZE, attend

Floats = NDArray[np.float32]
POSITIONS = 700


def random_halves(seed: int, size: int) -> Tensor:
    """(POSITIONS, size) in bfloat16."""
    return torch.randn(POSITIONS, size, generator=torch.Generator().manual_seed(seed)).to(torch.bfloat16)


def bits(halves: Tensor) -> NDArray[np.uint16]:
    return halves.view(torch.int16).numpy().view(np.uint16)


def attended(query: Floats, keys: Tensor, values: Tensor, length: int) -> Floats:
    # What is there from before is written over.
    out = np.full(len(query), np.nan, np.float32)
    attend(query, bits(keys), bits(values), length, np.zeros(POSITIONS, np.float32), out, bits(keys))
    return out


@pytest.mark.parametrize("size", [16, SIZE, 96])
@pytest.mark.parametrize("length", [1, 2, 20, 333, POSITIONS])
def test_attention_is_pytorchs(size: int, length: int) -> None:
    query = np.random.default_rng(length).normal(size=size).astype(np.float32)
    keys, values = random_halves(2, size), random_halves(3, size)
    expected = torch.nn.functional.scaled_dot_product_attention(
        torch.from_numpy(query)[None], keys[:length].float(), values[:length].float()
    )
    assert np.abs(attended(query, keys, values, length) - expected.numpy()[0]).max() < 1e-5


@pytest.mark.parametrize("size", [16, SIZE])
def test_what_lies_behind_its_positions_does_not_count(size: int) -> None:
    query = np.random.default_rng(1).normal(size=size).astype(np.float32)
    keys, values = random_halves(2, size), random_halves(3, size)
    before = attended(query, keys, values, 50)
    keys[50:], values[50:] = torch.nan, torch.nan
    assert np.array_equal(attended(query, keys, values, 50), before)


@pytest.mark.parametrize("size", [16, SIZE])
def test_a_key_far_above_the_others_gives_its_value(size: int) -> None:
    query = np.ones(size, np.float32)
    keys, values = random_halves(2, size), random_halves(3, size)
    keys[7] = 100.0
    assert np.array_equal(attended(query, keys, values, 20), values[7].float().numpy())
