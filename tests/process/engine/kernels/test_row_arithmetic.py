from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streaming.engine.kernels.row_arithmetic import (
    ACTIVATION_MAX,
    exponential,
    gelu,
    narrow,
    normalise,
    quantise,
    widen,
)

Floats = NDArray[np.float32]


def random_floats(seed: int, *shape: int, spread: float = 1.0) -> Floats:
    return (np.random.default_rng(seed).normal(size=shape) * spread).astype(np.float32)


def single(value: float) -> Any:
    """As compiled code gets it: for a float of Python's it would be compiled anew, in double precision."""
    return np.float32(value)


def test_the_exponential_is_numpys() -> None:
    values: Any = np.linspace(-87.0, 88.0, 20_001, dtype=np.float32)
    found = np.array([exponential(value) for value in values])
    expected = np.exp(values.astype(np.float64))
    assert np.abs(found / expected - 1).max() < 3e-7


def test_the_exponential_is_never_infinite() -> None:
    far_below, far_above, zero = (single(value) for value in (-1e30, 1e30, 0.0))
    assert 0.0 <= exponential(far_below) < 1e-37
    assert np.isfinite(exponential(far_above))
    assert exponential(zero) == 1.0


def test_the_layer_norm_is_pytorchs() -> None:
    row, weight, bias = random_floats(1, 1024, spread=3.0) + 2, random_floats(2, 1024), random_floats(3, 1024)
    out = np.zeros(1024, np.float32)
    normalise(row, weight, bias, out)
    tensors = [torch.from_numpy(array) for array in (row, weight, bias)]
    expected = torch.nn.functional.layer_norm(tensors[0], (1024,), tensors[1], tensors[2])
    assert np.abs(out - expected.numpy()).max() < 1e-5


def test_the_layer_norm_of_a_constant_row_is_its_bias() -> None:
    out, bias = np.zeros(64, np.float32), random_floats(3, 64)
    normalise(np.full(64, 5.0, np.float32), np.ones(64, np.float32), bias, out)
    assert np.array_equal(out, bias)


def test_gelu_is_pytorchs_tanh_form() -> None:
    row = np.linspace(-30.0, 30.0, 4001, dtype=np.float32)
    expected = torch.nn.functional.gelu(torch.from_numpy(row.copy()), approximate="tanh").numpy()
    gelu(row)
    assert np.abs(row - expected).max() < 1e-5


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_bfloat16_is_rounded_as_pytorch_does(value: float) -> None:
    expected = torch.tensor(value, dtype=torch.float32).to(torch.bfloat16)
    half = int(narrow(single(value)))
    assert half == expected.view(torch.int16).item() % 2**16
    if torch.isfinite(expected):
        assert widen(half) == expected.float().item()


@given(st.integers(1, 300), st.integers(0, 2**32), st.sampled_from([1e-20, 1e-3, 1.0, 1e6]))
def test_a_quantised_row_is_within_half_a_step(width: int, seed: int, spread: float) -> None:
    row = random_floats(seed, width, spread=spread)
    into = np.full(width + 3, 99, np.int16)
    step = quantise(row, into)
    assert step == pytest.approx(np.abs(row).max() / ACTIVATION_MAX, rel=1e-5)
    assert np.abs(into[:width]).max() == ACTIVATION_MAX
    # Three roundings of float32 are up to 0.006 of a step of 16 bits.
    assert np.abs(into[:width] * np.float64(step) - row).max() <= 0.506 * step
    assert (into[width:] == 99).all()


def test_a_row_of_zeros_stays_zero() -> None:
    into = np.full(16, 99, np.int16)
    assert quantise(np.zeros(16, np.float32), into) == 0.0
    assert not into.any()
