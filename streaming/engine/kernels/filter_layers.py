"""Layers of a convolutional network over (time, channels) signals, compiled for this processor; see `minimal_filtering.py`.

A layer is a row of integers (sizes, and addresses in bytes), its weights are packed for the matrix product's tiles. Several
threads run the same layer side by side, each its share. A dilated filter works on every d-th row by itself.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streaming.engine.kernels.compiled import compiled
from streaming.engine.kernels.float_kernels import PANEL, ROWS, make_panel_transform, make_row_transform, multiply_tile
from streaming.engine.kernels.minimal_filtering import TAPS_3, TAPS_7, TAPS_11, Doubles
from streaming.engine.kernels.simd import wait_for_all

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

# The kinds of layer: a plain sum over all taps, and a scheme each.
PLAIN, KIND_3, KIND_7, KIND_11 = range(4)
SCHEMES = {KIND_3: TAPS_3, KIND_7: TAPS_7, KIND_11: TAPS_11}
_TILE = np.array([1, *(scheme.outputs for scheme in SCHEMES.values())])
_POINTS = np.array([1, *(len(scheme.mix_inputs) for scheme in SCHEMES.values())])

_mix_inputs_3, _mix_inputs_7, _mix_inputs_11 = (make_row_transform(scheme.mix_inputs) for scheme in SCHEMES.values())
_mix_products_3, _mix_products_7, _mix_products_11 = (
    make_panel_transform(scheme.mix_products) for scheme in SCHEMES.values()
)
_finish = make_panel_transform(np.eye(1))

# Room for a block's mixed inputs and products: what stays in a core's second-level cache beside the weights.
_BLOCK_FLOATS = 80 * 1024
SCRATCH_FLOATS = 3 * _BLOCK_FLOATS
# A product takes whole tiles of ROWS rows: so many rows behind a plain layer's source are read in vain.
ROWS_BEHIND = ROWS - 1
_BYTES = 4


class LayerRow(NamedTuple):
    """A layer: sizes, and addresses of float32 arrays."""

    kind: int
    source: int  # [source_rows, channels]
    source_rows: int
    channels: int
    first: int  # the source's row at the first tap of the target's first row; rows outside the source count as zeros
    dilation: int
    parts: int
    weights: int
    bias: int  # [outputs]
    target: int  # [target_rows, outputs]
    target_rows: int
    outputs: int
    terms: int = 0  # what is added to the target: the address of an array of its shape, or 0
    more: int = 0  # and more of it
    slope_in: int = 0  # which of the slopes the leaky rectifiers before and behind the layer have
    slope_out: int = 0


KIND, SOURCE, SOURCE_ROWS, CHANNELS, FIRST, DILATION, PARTS, WEIGHTS, BIAS = range(9)
TARGET, TARGET_ROWS, OUTPUTS, TERMS, MORE, SLOPE_IN, SLOPE_OUT = range(9, 16)


class Packed(NamedTuple):
    """A filter for one kind of layer: weights [panels, points, parts * inputs, PANEL]."""

    kind: int
    parts: int
    weights: Floats


def pack_tiles(weight: Doubles) -> Packed:
    """A filter (outputs, inputs, taps) for minimal filtering; inputs and outputs multiples of PANEL."""
    taps = weight.shape[2]
    kind = KIND_3 if taps <= 3 else KIND_7 if taps <= 7 else KIND_11
    scheme = SCHEMES[kind]
    return Packed(kind, scheme.parts(taps), _in_panels(scheme.transformed(weight)))


def pack_plain(weight: Doubles) -> Packed:
    """A filter (outputs, inputs, taps) for a plain layer; outputs are filled up to a multiple of PANEL with zeros."""
    outputs, _, taps = weight.shape
    weight = np.pad(weight, ((0, -outputs % PANEL), (0, 0), (0, 0)))
    return Packed(PLAIN, taps, _in_panels(weight.transpose(2, 1, 0)[np.newaxis]))


def _in_panels(weights: Doubles) -> Floats:
    """(points, parts, inputs, outputs) to panels of outputs."""
    points, parts, inputs, outputs = weights.shape
    panels = weights.reshape(points, parts * inputs, outputs // PANEL, PANEL).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(panels, np.float32)


@compiled
def run_table(thread: int, threads: int, table: Longs, slopes: Floats, zeros: int, scratch: int, meeting: int) -> None:
    """The layers of `table`, a LayerRow each, one after the other. Every thread calls this with its number; after each layer
    they meet at a barrier, whose counter is at the address `meeting`. `zeros`: the address of zeros, as many as any layer
    has channels; `scratch`: that of SCRATCH_FLOATS floats of the thread's own."""
    for index in range(len(table)):
        _run_layer(thread, threads, table[index], slopes, zeros, scratch)
        wait_for_all(meeting, threads)


@compiled
def _run_layer(thread: int, threads: int, layer: Longs, slopes: Floats, zeros: int, scratch: int) -> None:
    """One thread's share of a layer."""
    if layer[KIND] == PLAIN:
        _run_plain(thread, threads, layer, slopes, zeros, scratch)
    else:
        _run_tiles(thread, threads, layer, slopes, zeros, scratch)


@compiled
def _run_tiles(thread: int, threads: int, layer: Longs, slopes: Floats, zeros: int, scratch: int) -> None:
    dilation, parts = layer[DILATION], layer[PARTS]
    tiles = -(-layer[TARGET_ROWS] // (dilation * _TILE[layer[KIND]]))
    # The tiles of each phase of the dilation one after the other, with a gap where a tile would reach into the next phase.
    line = tiles + parts - 1
    total = dilation * line - (parts - 1)
    share = -(-total // (threads * ROWS)) * ROWS
    first, last = thread * share, min(total, (thread + 1) * share)
    block = max(_BLOCK_FLOATS // (_POINTS[layer[KIND]] * (layer[CHANNELS] + PANEL)) // ROWS * ROWS, ROWS)
    for start in range(first, last, block):
        stop = min(start + block, last)
        _mix_block(layer, start, stop + parts - 1, line, slopes[layer[SLOPE_IN]], zeros, scratch)
        _multiply_block(layer, start, stop, line, tiles, slopes[layer[SLOPE_OUT]], zeros, scratch)


@compiled
def _mix_block(layer: Longs, start: int, stop: int, line: int, slope: float, zeros: int, scratch: int) -> None:
    """The mixed inputs of tiles start to stop, [points, tiles + ROWS, channels]."""
    kind, channels, dilation = layer[KIND], layer[CHANNELS], layer[DILATION]
    plane = (stop - start + ROWS) * channels
    source, rows = layer[SOURCE], layer[SOURCE_ROWS]
    for index in range(start, stop):
        row = (index % line) * _TILE[kind] * dilation + index // line + layer[FIRST]
        out = scratch + (index - start) * channels * _BYTES
        if kind == KIND_3:
            _mix_inputs_3(source, row, dilation, rows, zeros, channels, slope, out, plane)
        elif kind == KIND_7:
            _mix_inputs_7(source, row, dilation, rows, zeros, channels, slope, out, plane)
        else:
            _mix_inputs_11(source, row, dilation, rows, zeros, channels, slope, out, plane)


@compiled
def _multiply_block(
    layer: Longs, start: int, stop: int, line: int, tiles: int, slope: float, zeros: int, scratch: int
) -> None:
    """The targets of tiles start to stop, from their mixed inputs: panel by panel, all points of one before the next."""
    points, channels, depth = _POINTS[layer[KIND]], layer[CHANNELS], layer[CHANNELS] * layer[PARTS]
    plane = (stop + layer[PARTS] - 1 - start + ROWS) * channels
    groups = -(-(stop - start) // ROWS)
    products = scratch + points * plane * _BYTES
    for panel in range(layer[OUTPUTS] // PANEL):
        for point in range(points):
            weights = layer[WEIGHTS] + (panel * points + point) * depth * PANEL * _BYTES
            for group in range(groups):
                # The parts of a tile lie in the rows behind it: rows of the product overlap.
                rows = scratch + (point * plane + group * ROWS * channels) * _BYTES
                out = products + (point * groups + group) * ROWS * PANEL * _BYTES
                multiply_tile(rows, channels, weights, depth, out)
        _finish_block(layer, panel, start, stop, line, tiles, slope, zeros, products, groups * ROWS * PANEL)


@compiled
def _finish_block(
    layer: Longs,
    panel: int,
    start: int,
    stop: int,
    line: int,
    tiles: int,
    slope: float,
    zeros: int,
    products: int,
    plane: int,
) -> None:
    """One panel of the targets of tiles start to stop, from their products [points, tiles, PANEL]."""
    kind, dilation, outputs = layer[KIND], layer[DILATION], layer[OUTPUTS]
    step, bias = dilation * outputs, layer[BIAS] + panel * PANEL * _BYTES
    for index in range(start, stop):
        row = (index % line) * _TILE[kind] * dilation + index // line
        if index % line >= tiles or row >= layer[TARGET_ROWS]:
            continue
        count = min(-(-(layer[TARGET_ROWS] - row) // dilation), _TILE[kind])
        place = (row * outputs + panel * PANEL) * _BYTES
        terms, terms_step = (layer[TERMS] + place, step) if layer[TERMS] else (zeros, 0)
        more, more_step = (layer[MORE] + place, step) if layer[MORE] else (zeros, 0)
        source, out = products + (index - start) * PANEL * _BYTES, layer[TARGET] + place
        if kind == KIND_3:
            _mix_products_3(source, plane, bias, terms, terms_step, more, more_step, slope, out, step, count)
        elif kind == KIND_7:
            _mix_products_7(source, plane, bias, terms, terms_step, more, more_step, slope, out, step, count)
        else:
            _mix_products_11(source, plane, bias, terms, terms_step, more, more_step, slope, out, step, count)


@compiled
def _run_plain(thread: int, threads: int, layer: Longs, slopes: Floats, zeros: int, scratch: int) -> None:
    """A plain layer: undilated, nothing before it and nothing added, with zeros (to be) in memory around the source."""
    _clear_behind(layer, zeros)
    panels, groups = layer[OUTPUTS] // PANEL, -(-layer[TARGET_ROWS] // ROWS)
    slope = slopes[layer[SLOPE_OUT]]
    # Few rows share weights that are large, many rows small ones.
    if panels < threads or groups >= 16 * threads:
        share = -(-groups // threads)
        _multiply_part(layer, thread * share, min(groups, (thread + 1) * share), 0, panels, slope, zeros, scratch)
    else:
        share = -(-panels // threads)
        _multiply_part(layer, 0, groups, thread * share, min(panels, (thread + 1) * share), slope, zeros, scratch)


@compiled
def _clear_behind(layer: Longs, zeros: int) -> None:
    """Zeros behind the source, as far as the filter reaches. Every thread writes them: none waits for another."""
    beyond = layer[FIRST] + layer[TARGET_ROWS] + layer[PARTS] - 1 - layer[SOURCE_ROWS]
    end = layer[SOURCE] + layer[SOURCE_ROWS] * layer[CHANNELS] * _BYTES
    for panel in range(beyond * layer[CHANNELS] // PANEL):
        _finish(zeros, 0, zeros, zeros, 0, zeros, 0, np.float32(1.0), end + panel * PANEL * _BYTES, 0, 1)


@compiled
def _multiply_part(
    layer: Longs, first: int, last: int, panel: int, last_panel: int, slope: float, zeros: int, scratch: int
) -> None:
    """Groups of ROWS rows, first to last, of panels panel to last_panel."""
    channels, depth, outputs = layer[CHANNELS], layer[CHANNELS] * layer[PARTS], layer[OUTPUTS]
    block = max(_BLOCK_FLOATS // (ROWS * channels), 1)
    for start in range(first, last, block):
        for column in range(panel, last_panel):
            weights = layer[WEIGHTS] + column * depth * PANEL * _BYTES
            bias = layer[BIAS] + column * PANEL * _BYTES
            for row in range(start * ROWS, min(start + block, last) * ROWS, ROWS):
                source = layer[SOURCE] + (layer[FIRST] + row) * channels * _BYTES
                multiply_tile(source, channels, weights, depth, scratch)
                for index in range(min(ROWS, layer[TARGET_ROWS] - row)):
                    out = layer[TARGET] + ((row + index) * outputs + column * PANEL) * _BYTES
                    _finish(scratch + index * PANEL * _BYTES, 0, bias, zeros, 0, zeros, 0, slope, out, 0, 1)
