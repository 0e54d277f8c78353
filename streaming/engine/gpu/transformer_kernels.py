"""Triton kernels for the rows of a transformer: products, norms, and attention over a cache of slots.

No row's result depends on which other rows there are: every sum runs over its terms in an order that does not change with
the number of rows, so a row has the same bits alone and in any batch.
"""

import triton
import triton.language as tl
from torch import Tensor

EPSILON = 1e-5
# Rows, columns, depth, warps and stages of a product's tiles. The tile does not change the bits (the check on a GPU
# compares).
_TILE = (64, 32, 128, 4, 4)
_LARGE_TILE = (128, 128, 64, 8, 3)
_MANY_ROWS = 384
# Without tensor cores: float32 as it is.
_EXACT_TILE = (16, 32, 64, 4, 3)
# Positions that attention reads at a time.
_BLOCK = 128


@triton.jit
def _product_kernel(
    x, weight, bias, out, rows, columns,
    depth: tl.constexpr, parts: tl.constexpr, has_bias: tl.constexpr, is_gelu: tl.constexpr, precision: tl.constexpr,
    tile_rows: tl.constexpr, tile_columns: tl.constexpr, tile_depth: tl.constexpr,
):  # fmt: skip
    column = tl.program_id(0) * tile_columns + tl.arange(0, tile_columns)
    row = tl.program_id(1) * tile_rows + tl.arange(0, tile_rows)
    part = tl.program_id(2)
    inner = tl.arange(0, tile_depth)
    share: tl.constexpr = depth // parts
    x_at = x + row[:, None] * depth + part * share + inner[None, :]
    weight_at = weight + column[None, :] * depth + part * share + inner[:, None]
    is_row = row[:, None] < rows
    total = tl.zeros((tile_rows, tile_columns), tl.float32)
    for _ in range(0, share, tile_depth):
        total = tl.dot(tl.load(x_at, mask=is_row, other=0.0), tl.load(weight_at), total, input_precision=precision)
        x_at += tile_depth
        weight_at += tile_depth
    if has_bias:
        total += tl.load(bias + column)[None, :].to(tl.float32)
    if is_gelu:
        # By a hyperbolic tangent, as GPT-2 has it: 0.5 (1 + tanh z) is the sigmoid of 2 z.
        bent = 0.7978845608028654 * (total + 0.044715 * total * total * total)
        total = total * tl.sigmoid(2.0 * bent)
    place = out + part * rows * columns + row[:, None] * columns + column[None, :]
    tl.store(place, total.to(out.dtype.element_ty), mask=is_row)


@triton.jit
def _add_norm_kernel(
    signal, addends, bias, norm_weight, norm_bias, out, rows,
    width: tl.constexpr, parts: tl.constexpr, epsilon: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    column = tl.arange(0, width)
    value = tl.load(signal + row * width + column)
    if parts > 0:
        for part in tl.static_range(parts):
            value += tl.load(addends + (part * rows + row) * width + column)
        value += tl.load(bias + column).to(tl.float32)
        tl.store(signal + row * width + column, value)
    mean = tl.sum(value, 0) / width
    centred = value - mean
    scale = tl.rsqrt(tl.sum(centred * centred, 0) / width + epsilon)
    normal = centred * scale * tl.load(norm_weight + column).to(tl.float32) + tl.load(norm_bias + column).to(tl.float32)
    tl.store(out + row * width + column, normal.to(out.dtype.element_ty))


@triton.jit
def _keep_kernel(
    projected, keys, values, slots, positions, slot_stride, head_stride,
    heads: tl.constexpr, size: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    channel = tl.arange(0, heads * size)
    slot = tl.load(slots + row).to(tl.int64)
    position = tl.load(positions + row).to(tl.int64)
    place = slot * slot_stride + (channel // size) * head_stride + position * size + channel % size
    source = projected + row * (3 * heads * size) + channel
    tl.store(keys + place, tl.load(source + heads * size))
    tl.store(values + place, tl.load(source + 2 * heads * size))


@triton.jit
def _attend_kernel(
    projected, keys, values, slots, positions, out, slot_stride, head_stride, scale,
    heads: tl.constexpr, size: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    row, head = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, size)
    slot = tl.load(slots + row).to(tl.int64)
    count = tl.load(positions + row) + 1
    query = tl.load(projected + row * (3 * heads * size) + head * size + channel).to(tl.float32) * scale
    base = slot * slot_stride + head * head_stride
    place = tl.arange(0, block)
    # Softmax in one pass: what has been added up is scaled down whenever a larger score comes.
    highest = -float("inf")
    weight_sum = 0.0
    mixed = tl.zeros((size,), tl.float32)
    for start in range(0, count, block):
        is_there = (start + place) < count
        at = base + (start + place)[:, None] * size + channel[None, :]
        key = tl.load(keys + at, mask=is_there[:, None], other=0.0).to(tl.float32)
        value = tl.load(values + at, mask=is_there[:, None], other=0.0).to(tl.float32)
        score = tl.where(is_there, tl.sum(key * query[None, :], 1), -float("inf"))
        new_highest = tl.maximum(highest, tl.max(score, 0))
        factor = tl.exp(highest - new_highest)
        weight = tl.exp(score - new_highest)
        weight_sum = weight_sum * factor + tl.sum(weight, 0)
        mixed = mixed * factor + tl.sum(weight[:, None] * value, 0)
        highest = new_highest
    tl.store(out + row * (heads * size) + head * size + channel, (mixed / weight_sum).to(out.dtype.element_ty))


@triton.jit
def _embed_kernel(
    rows, state, entries, places, signal, slots, positions, first_audio, first_audio_place, width: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0)
    column = tl.arange(0, width)
    slot = tl.load(rows + row * 4)
    position = tl.load(rows + row * 4 + 1)
    entry = tl.load(rows + row * 4 + 2)
    place = tl.load(rows + row * 4 + 3)
    if position < 0:
        step = tl.load(state + slot * 4 + 1)
        position = tl.load(state + slot * 4) + step
        entry = first_audio + tl.load(state + slot * 4 + 2)
        place = first_audio_place + step
    value = tl.load(entries + entry.to(tl.int64) * width + column) + tl.load(
        places + place.to(tl.int64) * width + column
    )
    tl.store(signal + row * width + column, value)
    tl.store(slots + row, slot)
    tl.store(positions + row, position)


def product(x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, *, gelu: bool = False) -> Tensor:
    """x (rows, depth) times weight (columns, depth), into `out` (parts, rows, columns): each part is the sum over its share
    of the depth. Where there is one part, also plus `bias` and through GELU. In float32 without TF32. Returns `out`."""
    rows, depth = x.shape
    parts, _, columns = out.shape
    is_exact = x.element_size() == 4
    tile = _EXACT_TILE if is_exact else _LARGE_TILE if rows >= _MANY_ROWS else _TILE
    tile_rows, tile_columns, tile_depth, warps, stages = tile
    tile_columns, tile_depth = min(tile_columns, columns), min(tile_depth, depth // parts)
    grid = (columns // tile_columns, triton.cdiv(rows, tile_rows), parts)
    _product_kernel[grid](
        x, weight, bias, out, rows, columns, depth, parts, bias is not None, gelu, "ieee" if is_exact else "tf32",
        tile_rows, tile_columns, tile_depth, num_warps=warps, num_stages=stages,
    )  # fmt: skip
    return out


def add_norm(
    signal: Tensor, addends: Tensor | None, bias: Tensor | None, weight: Tensor, norm_bias: Tensor, out: Tensor
) -> Tensor:
    """`signal` (rows, width), float32, becomes its sum with the parts of `addends` (parts, rows, width) and `bias`; `out`
    becomes the layer norm of it. Returns `out`."""
    rows, width = signal.shape
    parts = 0 if addends is None else addends.shape[0]
    _add_norm_kernel[(rows,)](
        signal, addends, bias, weight, norm_bias, out, rows, width, parts, EPSILON, num_warps=4
    )  # fmt: skip
    return out


def keep(projected: Tensor, keys: Tensor, values: Tensor, slots: Tensor, positions: Tensor) -> None:
    """Keys and values in `projected` (rows, 3 x width) go to their places in a layer's cache (slots, heads, positions,
    size); `slots` and `positions` (rows,) are int32."""
    _, heads, _, size = keys.shape
    _keep_kernel[(len(projected),)](
        projected, keys, values, slots, positions, keys.stride(0), keys.stride(1), heads, size, num_warps=4
    )


def attend(projected: Tensor, keys: Tensor, values: Tensor, slots: Tensor, positions: Tensor, out: Tensor) -> Tensor:
    """Each row's queries over what its slot holds up to the row's own position, which `keep` has stored. Reads no further.
    `out` (rows, width) is returned."""
    _, heads, _, size = keys.shape
    _attend_kernel[(len(projected), heads)](
        projected, keys, values, slots, positions, out, keys.stride(0), keys.stride(1), size**-0.5,
        heads, size, _BLOCK, num_warps=4,
    )  # fmt: skip
    return out


def embed(
    rows: Tensor, state: Tensor, entries: Tensor, places: Tensor, signal: Tensor, slots: Tensor, positions: Tensor,
    *, first_audio: int, first_audio_place: int,
) -> None:  # fmt: skip
    """`rows` (n, 4) int32: slot, position, entry and place of each; a position of -1 stands for the slot's next audio token,
    as `state` (slots, 4) has it: position of the start of audio, steps, last token. Fills `signal` (n, width) with entries
    plus places, and `slots` and `positions` (n,)."""
    _embed_kernel[(len(rows),)](
        rows, state, entries, places, signal, slots, positions, first_audio, first_audio_place, signal.shape[1],
        num_warps=4,
    )  # fmt: skip
