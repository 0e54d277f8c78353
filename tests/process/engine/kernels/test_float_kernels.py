from typing import Any

import numpy as np
import pytest
from numba import njit

from streaming.engine.kernels.compiled import compiled
from streaming.engine.kernels.float_kernels import (
    DEPTH,
    LANES,
    PANEL,
    ROWS,
    make_panel_transform,
    make_row_transform,
    multiply_tile,
)
from streaming.engine.kernels.processor import HAS_FUSED_MULTIPLY_ADD, IS_X86
from tests.process.engine.vocoder.vocoding import Floats

# Two rows that differ in some signs only, one that stands alone, one that is zero.
MATRIX = np.array([[1.0, 2.0, -0.5], [1.0, -2.0, -0.5], [0.0, 3.0, 1.0], [0.0, 0.0, 0.0]])
mix_rows = make_row_transform(MATRIX)
mix_panels = make_panel_transform(MATRIX)


def numbers(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@compiled
def run_multiply(rows: int, stride: int, panel: int, depth: int, out: int) -> None:
    multiply_tile(rows, stride, panel, depth, out)


@compiled
def run_mix_rows(base: int, first: int, step: int, rows: int, zeros: int, slope: Any, out: int, plane: int) -> None:
    mix_rows(base, first, step, rows, zeros, 2 * LANES, slope, out, plane)


@compiled
def run_mix_panels(
    panels: int, plane: int, bias: int, terms: int, more: int, slope: Any, out: int, step: int, rows: int
) -> None:
    mix_panels(panels, plane, bias, terms, step, more, 0, slope, out, step, rows)


@pytest.mark.skipif(not IS_X86, reason="reads x86's assembly")
def test_a_tiles_sums_stay_in_registers() -> None:
    # Compiled here: what comes from disk has no assembly to look at.
    multiply = njit("void(int64, int64, int64, int64, int64)")(run_multiply.py_func)  # type: ignore[attr-defined]
    (assembly,) = multiply.inspect_asm().values()
    # Unrolled, the loop would have more of them, and move sums between registers and memory: twice as slow.
    assert assembly.count("vfmadd" if HAS_FUSED_MULTIPLY_ADD else "mulps") == 2 * ROWS


@pytest.mark.parametrize("depth", [1, DEPTH - 1, DEPTH, 2 * DEPTH + 3])
def test_a_tile_is_a_matrix_product_of_rows_that_may_overlap(depth: int) -> None:
    stride = 3
    signal, panel, out = numbers(ROWS * stride + depth), numbers(depth, PANEL, seed=1), np.zeros((ROWS, PANEL), "f4")
    run_multiply(signal.ctypes.data, stride, panel.ctypes.data, depth, out.ctypes.data)
    rows = np.stack([signal[stride * row : stride * row + depth] for row in range(ROWS)])
    assert np.abs(out - rows @ panel).max() < 1e-5 * np.sqrt(depth)


@pytest.mark.parametrize("first", [-7, -1, 0, 3, 4, 9])
def test_rows_are_mixed_with_zeros_beyond_the_signal(first: int) -> None:
    signal, zeros, out = numbers(8, 2 * LANES), np.zeros(2 * LANES, "f4"), np.zeros((4, 2 * LANES), "f4")
    addresses = (signal.ctypes.data, first, 2, len(signal), zeros.ctypes.data)
    run_mix_rows(*addresses, np.float32(0.25), out.ctypes.data, 2 * LANES)
    rows = np.stack([signal[row] if 0 <= row < 8 else zeros for row in range(first, first + 6, 2)])
    expected = MATRIX @ np.where(rows > 0, rows, 0.25 * rows)
    assert np.abs(out - expected).max() < 1e-5


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_panels_are_mixed_into_as_many_rows_as_wanted(rows: int) -> None:
    panels, bias, terms, more = (
        numbers(3, PANEL),
        numbers(PANEL, seed=1),
        numbers(4, PANEL, seed=2),
        numbers(PANEL, seed=3),
    )
    out = np.full((4, PANEL), np.nan, "f4")
    addresses = (panels.ctypes.data, PANEL, bias.ctypes.data, terms.ctypes.data, more.ctypes.data)
    run_mix_panels(*addresses, np.float32(0.25), out.ctypes.data, PANEL, rows)
    expected = MATRIX @ panels + bias + terms + more
    expected = np.where(expected > 0, expected, 0.25 * expected)
    assert np.allclose(out[:rows], expected[:rows], rtol=0, atol=1e-5)
    assert np.isnan(out[rows:]).all()
