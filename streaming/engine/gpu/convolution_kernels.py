"""Triton kernels for the vocoder: frames out of latents, and convolutions along time with all that stands around them.

As in `transformer_kernels`, no window's result depends on which other windows there are.
"""

import triton
import triton.language as tl
from torch import Tensor

_TIMES = _OUTPUTS = _INPUTS = 64
_WARPS, _STAGES = 4, 3
# What changes from layer to layer, for which no code of its own is made.
_PLAIN = (
    "in_length", "out_length", "skip", "taps", "dilation", "slope", "bias_stride", "residual_length", "residual_skip",
    "rate", "start",
)  # fmt: skip


@triton.jit(do_not_specialize=_PLAIN)
def _convolve_kernel(
    x, weight, bias, residual, total, out, bounds,
    in_length, out_length, skip, taps, dilation, slope, bias_stride, residual_length, residual_skip, rate, start,
    inputs: tl.constexpr, outputs: tl.constexpr, factor: tl.constexpr, has_residual: tl.constexpr, has_total: tl.constexpr,
    tile_times: tl.constexpr, tile_outputs: tl.constexpr, tile_inputs: tl.constexpr,
):  # fmt: skip
    window = tl.program_id(2).to(tl.int64)
    time = tl.program_id(0) * tile_times + tl.arange(0, tile_times)
    channel = tl.program_id(1) * tile_outputs + tl.arange(0, tile_outputs)
    inner = tl.arange(0, tile_inputs)
    parts: tl.constexpr = inputs // tile_inputs
    result = tl.zeros((tile_times, tile_outputs), tl.float32)
    x += window * in_length * inputs
    for step in range(0, taps * parts):
        tap = step // parts
        first = (step % parts) * tile_inputs
        source = (time + skip + tap * dilation)[:, None]
        value = tl.load(
            x + source * inputs + first + inner[None, :], mask=(source >= 0) & (source < in_length), other=0.0
        )
        value = tl.where(value > 0, value, value * slope).to(value.dtype)
        kernel = tl.load(weight + (tap * inputs + first + inner[:, None]) * outputs + channel[None, :])
        result = tl.dot(value, kernel, result, input_precision="ieee")
    result += tl.load(bias + window * bias_stride + channel)[None, :]
    is_inside = time[:, None] < out_length
    place = (window * out_length + time[:, None]) * outputs + channel[None, :]
    if has_residual:
        at = residual + (window * residual_length + time[:, None] + residual_skip) * outputs + channel[None, :]
        result += tl.load(at, mask=is_inside, other=0.0).to(tl.float32)
    if has_total:
        result += tl.load(total + place, mask=is_inside, other=0.0).to(tl.float32)
    # The signal is zero beyond its true ends, as if it were padded there.
    position = start + time[:, None] * factor + channel[None, :] // (outputs // factor)
    is_signal = (position >= tl.load(bounds + 2 * window) * rate) & (position < tl.load(bounds + 2 * window + 1) * rate)
    tl.store(out + place, tl.where(is_signal, result, 0.0).to(out.dtype.element_ty), mask=is_inside)


@triton.jit
def _interpolate_kernel(
    latents, begins, weights, frames, width: tl.constexpr, terms: tl.constexpr
):  # fmt: skip
    frame = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, width)
    begin = tl.load(begins + frame)
    total = tl.zeros((width,), tl.float32)
    for term in tl.static_range(terms):
        weight = tl.load(weights + frame * terms + term)
        # What has no weight is not read: it may be anything.
        value = tl.load(
            latents + (begin + term) * width + column, mask=column < tl.where(weight != 0.0, width, 0), other=0.0
        )
        total += weight * value
    tl.store(frames + frame * width + column, total.to(frames.dtype.element_ty))


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, bounds: Tensor, *, skip: int, start: int, rate: int,
    dilation: int = 1, slope: float = 1.0, factor: int = 1, residual: Tensor | None = None, residual_skip: int = 0,
    total: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """A leaky rectifier of `slope`, a convolution along time, plus `residual` from its row `residual_skip` on, plus `total`.

    x (windows, time, inputs), weight (taps, inputs, outputs), bias (1 or windows, outputs) float32 with any stride between
    windows, out and total (windows, time, outputs). The first tap of row 0 is at row `skip` of x. Each row of `out` stands
    for `factor` positions, the first of all for position `start`, at `rate` positions per frame; `bounds` (windows, 2)
    int32 are the frames between which there is a signal. Returns `out`.
    """
    windows, in_length, inputs = x.shape
    taps, _, outputs = weight.shape
    tile_outputs, tile_inputs = min(outputs, _OUTPUTS), min(inputs, _INPUTS)
    grid = (triton.cdiv(out.shape[1], _TIMES), outputs // tile_outputs, windows)
    _convolve_kernel[grid](
        x, weight, bias, residual, total, out, bounds,
        in_length, out.shape[1], skip, taps, dilation, slope, bias.stride(0) if len(bias) > 1 else 0,
        0 if residual is None else residual.shape[1], residual_skip, rate, start,
        inputs, outputs, factor, residual is not None, total is not None,
        _TIMES, tile_outputs, tile_inputs, num_warps=_WARPS, num_stages=_STAGES,
    )  # fmt: skip
    return out


def interpolate(latents: Tensor, begins: Tensor, weights: Tensor, frames: Tensor) -> Tensor:
    """Each of `frames` (windows, n, width) is a sum of `latents` (rows, width), those from `begins` (windows, n) int64 on,
    by `weights` (windows, n, terms) float32. Returns `frames`."""
    windows, count, width = frames.shape
    _interpolate_kernel[(windows * count,)](latents, begins, weights, frames, width, weights.shape[2], num_warps=4)
    return frames
