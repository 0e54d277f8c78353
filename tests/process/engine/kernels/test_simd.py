import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from streaming.engine.kernels import simd
from streaming.engine.kernels.simd import bits_of_float, float_from_bits, wait_for_all


@njit
def _bits(value: Any) -> Any:
    return bits_of_float(np.float32(value))  # type: ignore[call-arg]


@njit
def _float(bits: Any) -> Any:
    return float_from_bits(np.uint32(bits))  # type: ignore[call-arg]


@given(st.floats(width=32))
def test_floats_and_their_bits_are_those_of_numpy(value: float) -> None:
    bits = int(np.float32(value).view(np.uint32))
    assert _bits(np.float32(value)) == bits
    assert np.float32(_float(bits)).tobytes() == np.uint32(bits).tobytes() or np.isnan(value)


@njit(nogil=True)
def _meet(number: Any, threads: Any, rounds: Any, counter: Any, seen: Any) -> Any:
    """Each round everybody writes, meets, and looks at what the others wrote; returns how often something was missing."""
    missed = 0
    for turn in range(1, rounds + 1):
        seen[number, 0] = turn
        wait_for_all(counter.ctypes.data, threads)  # type: ignore[call-arg]
        for other in range(threads):
            missed += seen[other, 0] != turn
        wait_for_all(counter.ctypes.data, threads)
    return missed


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_meet_thousands_of_times(threads: int) -> None:
    counter, seen = np.zeros(1, np.int64), np.zeros((threads, 16), np.int64)
    _meet(0, 1, 1, np.zeros(1, np.int64), seen.copy())
    missed: list[int] = []

    def work(number: int) -> None:
        missed.append(_meet(number, threads, 3000, counter, seen))

    crew = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for member in crew:
        member.start()
    for member in crew:
        member.join(100)
    assert missed == [0] * threads
    assert counter[0] == threads * 6000


def test_the_layout_is_this_machines() -> None:
    assert simd.is_supported()
    assert torch.tensor([1], dtype=torch.int32).numpy().tobytes()[0] == 1
