import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from streaming.engine.kernels.filter_layers import (
    SCRATCH_FLOATS,
    Floats,
    LayerRow,
    Packed,
    pack_plain,
    pack_tiles,
    run_table,
)
from streaming.engine.kernels.float_kernels import PANEL, ROWS
from streaming.engine.vocoder.compiled_generator import SLOPE, SLOPES
from tests.process.engine.vocoder.vocoding import TwoThreads

ZEROS = np.zeros(1024, np.float32)


def numbers(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def convolved(source: Floats, weight: Floats, bias: Floats, dilation: int = 1) -> Floats:
    """The plain sums, in double precision, unpadded: (time, inputs) to (time, outputs)."""
    signal, filters, offset = (torch.from_numpy(array).double() for array in (source, weight, bias))
    result: Floats = functional.conv1d(signal.T[None], filters, offset, dilation=dilation)[0].T.float().numpy()
    return result


def run(packed: Packed, row: LayerRow, threads: int = 1) -> None:
    """`packed`: the weights that the row has the address of."""
    scratch, meeting = np.zeros((threads, SCRATCH_FLOATS), np.float32), np.zeros(1, np.int64)
    table = np.array([row], np.int64)

    def work(thread: int) -> None:
        address = scratch[thread].ctypes.data
        run_table(thread, threads, table, SLOPES, ZEROS.ctypes.data, address, meeting.ctypes.data)

    work(0) if threads == 1 else TwoThreads().run(work)


def row_of(packed: Packed, source: Floats, bias: Floats, target: Floats, first: int, dilation: int = 1) -> LayerRow:
    return LayerRow(
        kind=packed.kind,
        source=source.ctypes.data,
        source_rows=len(source),
        channels=source.shape[1],
        first=first,
        dilation=dilation,
        parts=packed.parts,
        weights=packed.weights.ctypes.data,
        bias=bias.ctypes.data,
        target=target.ctypes.data,
        target_rows=len(target),
        outputs=target.shape[1],
    )


def seen(source: Floats, first: int, count: int) -> Floats:
    """`count` rows from row `first` on, zeros beyond the ends."""
    around = np.zeros((count, source.shape[1]), np.float32)
    start, stop = max(first, 0), min(first + count, len(source))
    if start < stop:
        around[start - first : stop - first] = source[start:stop]
    return around


@settings(max_examples=60)
@given(
    taps=st.sampled_from([1, 3, 5, 7, 9, 11]),
    dilation=st.integers(1, 5),
    source_rows=st.integers(1, 150),
    first=st.integers(-60, 60),
    rows=st.integers(1, 150),
    width=st.sampled_from([PANEL, 2 * PANEL]),
    threads=st.integers(1, 2),
)
def test_tiles_give_the_plain_sums_with_zeros_beyond_the_ends(
    taps: int, dilation: int, source_rows: int, first: int, rows: int, width: int, threads: int
) -> None:
    source, bias, target = numbers(source_rows, width), numbers(width, seed=1), np.zeros((rows, width), np.float32)
    weight = numbers(width, width, taps, seed=2) / np.float32(np.sqrt(width * taps))
    packed = pack_tiles(weight.astype(np.float64))
    run(packed, row_of(packed, source, bias, target, first, dilation), threads)
    expected = convolved(seen(source, first, rows + (taps - 1) * dilation), weight, bias, dilation)
    assert np.abs(target - expected).max() < 4e-5


def test_many_tiles_are_done_block_by_block() -> None:
    width, rows = 8 * PANEL, 700
    source, bias, target = numbers(rows, width), numbers(width, seed=1), np.zeros((rows, width), np.float32)
    weight = numbers(width, width, 11, seed=2) / np.float32(np.sqrt(width * 11))
    packed = pack_tiles(weight.astype(np.float64))
    run(packed, row_of(packed, source, bias, target, first=-15, dilation=3))
    assert np.abs(target - convolved(seen(source, -15, rows + 30), weight, bias, 3)).max() < 4e-5


def test_terms_are_added_and_rectifiers_stand_on_both_sides() -> None:
    width, rows = PANEL, 50
    source, bias, target = numbers(rows, width), numbers(width, seed=1), np.zeros((rows, width), np.float32)
    terms, more = numbers(rows, width, seed=3), numbers(rows, width, seed=4)
    weight = numbers(width, width, 3, seed=2) / np.float32(np.sqrt(width * 3))
    packed = pack_tiles(weight.astype(np.float64))
    row = row_of(packed, source, bias, target, first=-1)
    run(packed, row._replace(terms=terms.ctypes.data, more=more.ctypes.data, slope_in=SLOPE, slope_out=SLOPE))
    rectified = np.where(source > 0, source, np.float32(0.1) * source)
    expected = convolved(seen(rectified, -1, rows + 2), weight, bias) + terms + more
    assert np.abs(target - np.where(expected > 0, expected, 0.1 * expected)).max() < 4e-5


def test_a_target_may_be_its_own_term() -> None:
    width, rows = PANEL, 50
    source, bias, target = numbers(rows, width), np.zeros(width, np.float32), numbers(rows, width, seed=1)
    before = target.copy()
    packed = pack_tiles(np.eye(width)[:, :, np.newaxis])
    row = row_of(packed, source, bias, target, first=0)
    run(packed, row._replace(terms=target.ctypes.data))
    assert np.abs(target - before - source).max() < 4e-5


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 20, 400])
@pytest.mark.parametrize("outputs", [1, PANEL, 5 * PANEL])
@pytest.mark.parametrize("taps", [2, 7])
def test_a_plain_layer_gives_the_plain_sums(threads: int, rows: int, outputs: int, taps: int) -> None:
    width, reach = PANEL, taps - 1
    # Zeros before the signal; behind it room for the rows that a tile takes in vain, with anything in them.
    memory = np.full((reach + rows + reach + ROWS, width), np.nan, np.float32)
    memory[:reach] = 0
    source = memory[reach : reach + rows]
    source[:] = numbers(rows, width)
    weight, bias = numbers(outputs, width, taps, seed=2) / np.float32(10), numbers(5 * PANEL, seed=1)
    packed = pack_plain(weight.astype(np.float64))
    target = np.zeros((rows + reach, len(packed.weights) * PANEL), np.float32)
    run(packed, row_of(packed, source, bias, target, first=-reach), threads)
    expected = convolved(seen(source, -reach, rows + 2 * reach), weight, bias[:outputs])
    assert np.abs(target[:, :outputs] - expected).max() < 4e-5
