import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from streaming.engine import simd
from streaming.engine.simd import LANES, bits_of_float, dot_1, dot_4, float_from_bits, wait_for_all

Dot = Callable[[NDArray[np.int8], NDArray[np.int16]], list[int]]


def compiled(dot_of_one: Any, dot_of_four: Any) -> Dot:
    @njit
    def one(weights: Any, rows: Any, sums: Any) -> None:
        dot_of_one(weights.ctypes.data, rows.ctypes.data, rows.shape[1], len(weights), sums.ctypes.data)

    @njit
    def four(weights: Any, rows: Any, sums: Any) -> None:
        dot_of_four(weights.ctypes.data, rows.ctypes.data, rows.shape[1], len(weights), sums.ctypes.data)

    def dot(weights: NDArray[np.int8], rows: NDArray[np.int16]) -> list[int]:
        sums = np.zeros(len(rows), np.int32)
        (one if len(rows) == 1 else four)(weights, rows, sums)
        return [int(value) for value in sums]

    return dot


@pytest.fixture(scope="module", params=[True, False], ids=["of this processor", "of any processor"])
def dot(request: pytest.FixtureRequest) -> Iterator[Dot]:
    with pytest.MonkeyPatch.context() as patched:
        if not request.param:
            patched.setattr(simd, "HAS_PAIRWISE_MULTIPLY", False)
        made = compiled(dot_1, dot_4) if request.param else compiled(simd._make_dot(1), simd._make_dot(4))
        # Compiled while the other way is in force.
        made(np.zeros(LANES, np.int8), np.zeros((1, LANES), np.int16))
        made(np.zeros(LANES, np.int8), np.zeros((4, LANES), np.int16))
        yield made


def exact(weights: NDArray[np.int8], rows: NDArray[np.int16]) -> list[int]:
    return [int(value) for value in rows.astype(np.int64) @ weights.astype(np.int64)]


@settings(deadline=None, max_examples=60)
@given(blocks=st.integers(1, 256), rows=st.sampled_from([1, 4]), seed=st.integers(0, 2**32))
def test_dot_products_are_exact(dot: Dot, blocks: int, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(-127, 128, blocks * LANES).astype(np.int8)
    activations = random.integers(-4095, 4096, (rows, blocks * LANES)).astype(np.int16)
    assert dot(weights, activations) == exact(weights, activations)


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("weight", [127, -127])
@pytest.mark.parametrize("activation", [4095, -4095])
def test_the_largest_sums_do_not_overflow(dot: Dot, rows: int, weight: int, activation: int) -> None:
    weights = np.full(4096, weight, np.int8)
    activations = np.full((rows, 4096), activation, np.int16)
    assert dot(weights, activations) == [4096 * weight * activation] * rows


def test_addresses_need_no_alignment(dot: Dot) -> None:
    random = np.random.default_rng(1)
    weights = random.integers(-127, 128, 65).astype(np.int8)[1:]
    rows = random.integers(-4095, 4096, 65).astype(np.int16)[1:].reshape(1, 64)
    assert dot(weights, rows) == exact(weights, rows)


@njit
def _bits(value: Any) -> Any:
    return bits_of_float(np.float32(value))  # type: ignore[call-arg]


@njit
def _float(bits: Any) -> Any:
    return float_from_bits(np.uint32(bits))  # type: ignore[call-arg]


@settings(deadline=None)
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
