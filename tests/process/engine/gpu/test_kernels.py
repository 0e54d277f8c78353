"""Each kernel, interpreted, against the same in PyTorch's operations, on shapes that end within a tile."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from streaming.engine.gpu.convolution_kernels import convolve, interpolate
from streaming.engine.gpu.transformer_kernels import add_norm, attend, embed, keep, product
from tests.process.engine.gpu import plain
from tests.process.engine.gpu.interpreted import Interpreter, interpreter

CLOSE = 1e-5
# Of numbers around 1, rounded to half precision before and after a sum.
CLOSE_IN_HALF = 4e-3
ROWS, WIDTH, COLUMNS = 21, 128, 96
HEADS, SIZE, POSITIONS, SLOTS = 2, 16, 150, 3
NAN = float("nan")
PLAIN: dict[Callable[..., Any], Callable[..., Any]] = {
    product: plain.product,
    add_norm: plain.add_norm,
    keep: plain.keep,
    attend: plain.attend,
    embed: plain.embed,
    convolve: plain.convolve,
    interpolate: plain.interpolate,
}

Compare = Callable[..., tuple[list[Tensor], float]]


@pytest.fixture(scope="module")
def interpreted() -> Iterator[Interpreter]:
    with interpreter() as running:
        yield running


@pytest.fixture
def compare(interpreted: Interpreter) -> Compare:
    def run(
        function: Callable[..., Any], *arguments: Any, tiles: dict[str, Any] | None = None, **options: Any
    ) -> tuple[list[Tensor], float]:
        """All tensors after the kernel's call, and how far they are from those after the plain one at most."""
        copies, kernels = [_copied(arguments), _copied(options.values())], _copied(arguments)
        kernel_options = dict(zip(options, _copied(options.values()), strict=True))
        PLAIN[function](*copies[0], **dict(zip(options, copies[1], strict=True)))
        interpreted.call(function.__name__, *kernels, tiles=tiles, **kernel_options)
        found = _tensors([*kernels, *kernel_options.values()])
        expected = _tensors([*copies[0], *copies[1]])
        return found, max(map(_difference, found, expected))

    return run


def _copied(values: Any) -> list[Any]:
    return [value.clone() if isinstance(value, Tensor) else value for value in values]


def _tensors(values: list[Any]) -> list[Tensor]:
    return [value for value in values if isinstance(value, Tensor)]


def _difference(one: Tensor, other: Tensor) -> float:
    """Infinite where one of them alone is not a number."""
    one, other = one.double(), other.double()
    if not torch.equal(one.isnan(), other.isnan()):
        return float("inf")
    return float((one - other).nan_to_num().abs().max())


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    values: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return values.to(dtype)


def weight_of(columns: int, depth: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """So that sums are around 1."""
    return (drawn(columns, depth, seed=1) / math.sqrt(depth)).to(dtype)


# A transformer's


@pytest.mark.parametrize("gelu", [False, True])
def test_a_product_with_bias_in_one_part(compare: Compare, gelu: bool) -> None:
    out = torch.zeros(1, ROWS, COLUMNS)
    tensors, difference = compare(
        product, 3 * drawn(ROWS, WIDTH), weight_of(COLUMNS, WIDTH), drawn(COLUMNS, seed=2), out, gelu=gelu
    )
    assert difference < CLOSE
    assert tensors[-1].std() > 1


@pytest.mark.parametrize("rows", [1, 16, 17])
def test_a_product_in_several_parts(compare: Compare, rows: int) -> None:
    x, weight = drawn(rows, WIDTH), weight_of(COLUMNS, WIDTH)
    (*_, out), difference = compare(product, x, weight, None, torch.zeros(4, rows, COLUMNS))
    assert difference < CLOSE
    assert torch.allclose(out.sum(0), x @ weight.T, atol=CLOSE)


@pytest.mark.parametrize("rows", [ROWS, 400])
def test_a_product_in_half_precision_with_few_and_with_many_rows(compare: Compare, rows: int) -> None:
    half = torch.float16
    x, weight, bias = (
        drawn(rows, WIDTH, dtype=half),
        weight_of(COLUMNS * 4, WIDTH, half),
        drawn(COLUMNS * 4, dtype=half),
    )
    # 384 columns: a multiple of both tiles.
    _, difference = compare(product, x, weight, bias, torch.zeros(1, rows, COLUMNS * 4, dtype=half))
    assert difference < CLOSE_IN_HALF


def test_a_row_has_the_same_bits_whatever_rows_are_beside_it(compare: Compare) -> None:
    x, weight, bias = drawn(ROWS, WIDTH), weight_of(COLUMNS, WIDTH), drawn(COLUMNS, seed=2)
    (*_, together), _ = compare(product, x, weight, bias, torch.zeros(1, ROWS, COLUMNS))
    (*_, alone), _ = compare(product, x[18:19], weight, bias, torch.zeros(1, 1, COLUMNS))
    assert torch.equal(together[0, 18], alone[0, 0])


def test_a_norm_alone(compare: Compare) -> None:
    signal = 5 + 3 * drawn(ROWS, WIDTH)
    norm = drawn(WIDTH, seed=1), drawn(WIDTH, seed=2)
    (kept, *_), difference = compare(add_norm, signal, None, None, *norm, torch.zeros(ROWS, WIDTH))
    assert difference < CLOSE
    assert torch.equal(kept, signal)


def test_a_norm_of_a_sum_of_parts(compare: Compare) -> None:
    signal, addends = drawn(ROWS, WIDTH), drawn(4, ROWS, WIDTH, seed=3)
    bias, *norm = (drawn(WIDTH, seed=seed, dtype=torch.float16) for seed in (4, 1, 2))
    (summed, *_), difference = compare(
        add_norm, signal, addends, bias, *norm, torch.zeros(ROWS, WIDTH, dtype=torch.float32)
    )
    assert difference < CLOSE
    assert torch.allclose(summed, signal + addends.sum(0) + bias, atol=CLOSE)


def test_keys_and_values_go_to_the_places_of_their_rows(compare: Compare) -> None:
    cache = [drawn(SLOTS, HEADS, POSITIONS, SIZE, seed=seed) for seed in (1, 2)]
    slots, positions = int32(2, 0, 2, 1), int32(0, 149, 1, 70)
    projected = drawn(4, 3 * HEADS * SIZE)
    (_, keys, values, *_), difference = compare(keep, projected, *cache, slots, positions)
    assert difference == 0.0
    key, value = projected[1, HEADS * SIZE :].view(2, HEADS, SIZE)
    assert torch.equal(keys[0, :, 149], key)
    assert torch.equal(values[0, :, 149], value)
    # Four places of each, and no others.
    assert int((keys != cache[0]).any(3).sum()) == int((values != cache[1]).any(3).sum()) == 4 * HEADS


def int32(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)


# Below, at and above the number of positions that are read at a time.
@pytest.mark.parametrize("position", [0, 1, 126, 127, 128, POSITIONS - 1])
def test_attention_reads_up_to_the_rows_own_position_and_no_further(compare: Compare, position: int) -> None:
    keys, values = (3 * drawn(SLOTS, HEADS, POSITIONS, SIZE, seed=seed) for seed in (1, 2))
    keys[1, :, position + 1 :] = values[1, :, position + 1 :] = NAN
    keys[[0, 2]] = values[[0, 2]] = NAN
    projected = drawn(1, 3 * HEADS * SIZE)
    (*_, out), difference = compare(
        attend, projected, keys, values, int32(1), int32(position), torch.zeros(1, HEADS * SIZE)
    )
    assert difference < CLOSE
    assert out.isfinite().all()


def test_attention_of_rows_of_several_slots(compare: Compare) -> None:
    keys, values = (drawn(SLOTS, HEADS, POSITIONS, SIZE, seed=seed, dtype=torch.float16) for seed in (1, 2))
    slots, positions = int32(2, 0, 0, 1, 2), int32(5, 140, 0, 31, 6)
    projected = drawn(5, 3 * HEADS * SIZE, dtype=torch.float16)
    _, difference = compare(
        attend, projected, keys, values, slots, positions, torch.zeros(5, HEADS * SIZE, dtype=torch.float16)
    )
    assert difference < CLOSE_IN_HALF


def test_a_score_that_is_far_above_all_others_does_not_overflow(compare: Compare) -> None:
    keys, values = (drawn(SLOTS, HEADS, POSITIONS, SIZE, seed=seed) for seed in (1, 2))
    projected = 40 * drawn(1, 3 * HEADS * SIZE)
    keys[0, :, 130] = 40 * projected[0, : HEADS * SIZE].view(HEADS, SIZE)
    (*_, out), difference = compare(attend, projected, keys, values, int32(0), int32(140), torch.zeros(1, HEADS * SIZE))
    assert difference < CLOSE
    assert torch.equal(out[0], values[0, :, 130].flatten())


def test_rows_of_a_slot_read_what_rows_of_the_same_call_have_stored(interpreted: Interpreter) -> None:
    """Three positions of one sequence at once are as causal attention has them, whatever the slot held before."""
    projected, cache = drawn(3, 3 * HEADS * SIZE), torch.full((2, SLOTS, HEADS, POSITIONS, SIZE), NAN)
    keys, values = cache[0].clone(), cache[1].clone()
    slots, positions, out = int32(1, 1, 1), int32(0, 1, 2), torch.zeros(3, HEADS * SIZE)
    interpreted.call("keep", projected, keys, values, slots, positions)
    interpreted.call("attend", projected, keys, values, slots, positions, out)
    query, key, value = (part.transpose(0, 1) for part in projected.view(3, 3, HEADS, SIZE).unbind(1))
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert torch.allclose(out.view(3, HEADS, SIZE).transpose(0, 1), expected, atol=CLOSE)


def test_rows_are_embedded_by_what_they_name_or_by_what_their_slot_says_next(compare: Compare) -> None:
    # A text's row, the next audio tokens of two slots, and a row of the slot that is nobody's.
    rows = torch.tensor([[0, 40, 3, 7], [1, -1, 0, 0], [0, -1, 0, 0], [2, 0, 0, 0]], dtype=torch.int32)
    state = torch.tensor([[60, 4, 9, 3], [35, 0, 11, 0], [0, 0, 0, 0]], dtype=torch.int32)
    entries, places = drawn(40, WIDTH), drawn(30, WIDTH, seed=1)
    (*_, signal, slots, positions), difference = compare(
        embed, rows, state, entries, places, torch.zeros(4, WIDTH), int32(9, 9, 9, 9), int32(9, 9, 9, 9),
        first_audio=20, first_audio_place=15,
    )  # fmt: skip
    assert difference == 0.0
    assert slots.tolist() == [0, 1, 0, 2]
    assert positions.tolist() == [40, 35, 64, 0]
    assert torch.equal(signal, torch.stack([
        entries[3] + places[7], entries[31] + places[15], entries[29] + places[19], entries[0] + places[0],
    ]))  # fmt: skip


# The vocoder's

WINDOWS, INPUTS, OUTPUTS, TAPS = 2, 32, 32, 3
# Larger than they are on a GPU: what the interpreter takes is the number of tiles.
LARGE_TILES = {"_TIMES": 128}


def filters(*, outputs: int = OUTPUTS, taps: int = TAPS, dtype: torch.dtype = torch.float32) -> Tensor:
    return (drawn(taps, INPUTS, outputs, seed=1) / math.sqrt(taps * INPUTS)).to(dtype)


def bounds(*ends: tuple[int, int]) -> Tensor:
    return torch.tensor(ends, dtype=torch.int32)


EVERYWHERE = bounds((0, 10_000), (0, 10_000))


@pytest.mark.parametrize(("dilation", "skip"), [(1, 0), (3, 2), (5, -4)])
def test_a_dilated_convolution_with_zeros_beyond_its_signal(compare: Compare, dilation: int, skip: int) -> None:
    """From row -4 on, and to one that is not there."""
    x, bias = drawn(WINDOWS, 70, INPUTS), drawn(1, OUTPUTS, seed=2)
    _, difference = compare(
        convolve, x, filters(), bias, torch.zeros(WINDOWS, 69, OUTPUTS), EVERYWHERE,
        skip=skip, start=5, rate=1, dilation=dilation, slope=0.1,
    )  # fmt: skip
    assert difference < CLOSE


def test_a_convolution_with_a_bias_of_each_window_that_is_a_part_of_more(compare: Compare) -> None:
    x, biases = drawn(WINDOWS, 40, INPUTS), drawn(WINDOWS, 3 * OUTPUTS, seed=2)
    _, difference = compare(
        convolve, x, filters(), biases[:, OUTPUTS : 2 * OUTPUTS], torch.zeros(WINDOWS, 38, OUTPUTS), EVERYWHERE,
        tiles=LARGE_TILES, skip=0, start=0, rate=1,
    )  # fmt: skip
    assert difference < CLOSE


@pytest.mark.parametrize("has_total", [False, True])
def test_a_convolution_with_a_residual_from_one_of_its_rows_on(compare: Compare, has_total: bool) -> None:
    x, residual, total = (
        drawn(WINDOWS, 40, INPUTS),
        drawn(WINDOWS, 50, OUTPUTS, seed=3),
        drawn(WINDOWS, 38, OUTPUTS, seed=4),
    )
    _, difference = compare(
        convolve, x, filters(), drawn(1, OUTPUTS, seed=2), torch.zeros(WINDOWS, 38, OUTPUTS), EVERYWHERE,
        tiles=LARGE_TILES, skip=0, start=0, rate=1, slope=0.1,
        residual=residual, residual_skip=7, total=total if has_total else None,
    )  # fmt: skip
    assert difference < CLOSE


def test_more_channels_than_a_tile_has(compare: Compare) -> None:
    x, bias = drawn(1, 30, INPUTS), drawn(1, 128, seed=2)
    _, difference = compare(
        convolve, x, filters(outputs=128), bias, torch.zeros(1, 28, 128), EVERYWHERE[:1],
        tiles={"_TIMES": 16, "_INPUTS": 16}, skip=0, start=0, rate=1,
    )  # fmt: skip
    assert difference < CLOSE


def test_a_convolution_in_half_precision(compare: Compare) -> None:
    half = torch.float16
    x, residual = drawn(WINDOWS, 40, INPUTS, dtype=half), drawn(WINDOWS, 40, OUTPUTS, seed=3, dtype=half)
    _, difference = compare(
        convolve, x, filters(dtype=half), drawn(1, OUTPUTS, seed=2), torch.zeros(WINDOWS, 38, OUTPUTS, dtype=half),
        EVERYWHERE, tiles=LARGE_TILES, skip=0, start=0, rate=1, slope=0.1, residual=residual, residual_skip=1,
    )  # fmt: skip
    assert difference < CLOSE_IN_HALF


@pytest.mark.parametrize("factor", [1, 2, 8])
def test_the_signal_is_zero_beyond_its_true_ends(compare: Compare, factor: int) -> None:
    """Window 0 begins at frame 3 and goes on, window 1 ends before frame 5; a row stands for `factor` positions."""
    x, bias, rate = drawn(WINDOWS, 40, INPUTS), 10 + drawn(1, factor * 16, seed=2), 4 * factor
    (_, _, _, out, _), difference = compare(
        convolve, x, filters(outputs=factor * 16), bias, torch.zeros(WINDOWS, 38, factor * 16),
        bounds((3, 100), (-1, 5)), tiles=LARGE_TILES, skip=0, start=-factor - 1, rate=rate, factor=factor,
    )  # fmt: skip
    assert difference < CLOSE
    begins, ends = (out.view(WINDOWS, 38 * factor, 16) != 0).any(2)
    assert begins.nonzero()[0].item() == 3 * rate + factor + 1
    assert ends.nonzero()[-1].item() == 5 * rate + factor


def test_frames_are_sums_of_latents_that_have_a_weight_and_nothing_else_is_read(compare: Compare) -> None:
    latents = drawn(20, 64)
    latents[[4, 8, 19]] = NAN
    begins = torch.tensor([[0, 5, 18], [9, 9, 0]])
    weights = torch.zeros(2, 3, 4)
    weights[0, 0, :4], weights[0, 1, :3], weights[0, 2, 0] = torch.tensor([0.5, 0.25, 0.125, 1.0]), 0.3, 1.0
    weights[1, 0, 1] = 2.0
    (*_, frames), difference = compare(interpolate, latents, begins, weights, torch.ones(2, 3, 64))
    assert difference < CLOSE
    assert torch.allclose(frames[0, 0], weights[0, 0] @ latents[:4])
    assert torch.equal(frames[1], torch.stack([2.0 * latents[10], torch.zeros(64), torch.zeros(64)]))
