"""What the kernels compute, in PyTorch's operations: `product`, `add_norm`, `keep`, `attend`, `embed`, `convolve` and
`interpolate` as their docstrings in `streaming/engine/gpu/` say.

Like the kernels, they depend on no value: a call can be recorded. And what a kernel does not read may be anything here, too.
"""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from streaming.engine.gpu import decoder, generator, layers, vocoder

EPSILON = 1e-5


def product(x: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor, *, gelu: bool = False) -> Tensor:
    rows = len(x)
    parts, _, columns = out.shape
    cut = (x.float().view(rows, parts, -1), weight.float().view(columns, parts, -1))
    result = torch.einsum("rpd,cpd->prc", *cut)
    if bias is not None:
        result = result + bias.float()
    if gelu:
        result = functional.gelu(result, approximate="tanh")
    return out.copy_(result)


def add_norm(
    signal: Tensor, addends: Tensor | None, bias: Tensor | None, weight: Tensor, norm_bias: Tensor, out: Tensor
) -> Tensor:
    if addends is not None and bias is not None:
        signal.add_(addends.sum(0)).add_(bias.float())
    width = signal.shape[1:]
    return out.copy_(functional.layer_norm(signal, width, weight.float(), norm_bias.float(), EPSILON))


def keep(projected: Tensor, keys: Tensor, values: Tensor, slots: Tensor, positions: Tensor) -> None:
    _, heads, _, size = keys.shape
    _, key, value = projected.view(-1, 3, heads, size).unbind(1)
    keys[slots.long(), :, positions.long()] = key
    values[slots.long(), :, positions.long()] = value


def attend(projected: Tensor, keys: Tensor, values: Tensor, slots: Tensor, positions: Tensor, out: Tensor) -> Tensor:
    _, heads, length, size = keys.shape
    query = projected.view(-1, 3, heads, size)[:, 0].float() * size**-0.5
    is_read = torch.arange(length, device=keys.device) <= positions[:, None]
    read = is_read[:, None, :, None]
    key = keys[slots.long()].float().masked_fill(~read, 0.0)
    value = values[slots.long()].float().masked_fill(~read, 0.0)
    scores = torch.einsum("rhs,rhps->rhp", query, key).masked_fill(~is_read[:, None], -torch.inf)
    mixed = torch.einsum("rhp,rhps->rhs", scores.softmax(2), value)
    return out.copy_(mixed.reshape(out.shape))


def embed(
    rows: Tensor, state: Tensor, entries: Tensor, places: Tensor, signal: Tensor, slots: Tensor, positions: Tensor,
    *, first_audio: int, first_audio_place: int,
) -> None:  # fmt: skip
    slot, position, entry, place = rows.long().unbind(1)
    start, step, token, _ = state.long()[slot].unbind(1)
    is_next = position < 0
    entry = torch.where(is_next, first_audio + token, entry)
    place = torch.where(is_next, first_audio_place + step, place)
    signal.copy_(entries[entry] + places[place])
    slots.copy_(slot)
    positions.copy_(torch.where(is_next, start + step, position))


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, bounds: Tensor, *, skip: int, start: int, rate: int,
    dilation: int = 1, slope: float = 1.0, factor: int = 1, residual: Tensor | None = None, residual_skip: int = 0,
    total: Tensor | None = None,
) -> Tensor:  # fmt: skip
    length, (taps, _, outputs) = out.shape[1], weight.shape
    value = functional.leaky_relu(x.float(), slope)
    # Row `skip` comes first, and as many rows as the taps reach. Zeros stand for rows that are not there.
    needed = length + (taps - 1) * dilation
    value = functional.pad(value, (0, 0, max(-skip, 0), max(skip + needed - x.shape[1], 0)))
    value = value[:, max(skip, 0) :][:, :needed]
    result = functional.conv1d(value.transpose(1, 2), weight.float().permute(2, 1, 0), dilation=dilation)
    result = result.transpose(1, 2) + bias[:, None]
    if residual is not None:
        result = result + residual[:, residual_skip:][:, :length].float()
    if total is not None:
        result = result + total.float()
    rows, channels = torch.arange(length, device=x.device), torch.arange(outputs, device=x.device)
    position = start + rows[:, None] * factor + channels // (outputs // factor)
    first, end = (bounds * rate)[:, :, None, None].unbind(1)
    is_signal = (position >= first) & (position < end)
    return out.copy_(torch.where(is_signal, result, 0.0))


def interpolate(latents: Tensor, begins: Tensor, weights: Tensor, frames: Tensor) -> Tensor:
    terms = begins[:, :, None] + torch.arange(weights.shape[2], device=begins.device)
    # What has no weight may lie beyond the end.
    value = latents[terms.clamp(max=len(latents) - 1)].masked_fill((weights == 0.0)[..., None], 0.0)
    return frames.copy_((weights[..., None] * value).sum(2))


def replace_kernels(patch: pytest.MonkeyPatch) -> None:
    """Have the room use these."""
    for function in (product, add_norm, keep, attend):
        patch.setattr(layers, function.__name__, function)
    patch.setattr(decoder, "embed", embed)
    patch.setattr(decoder, "product", product)
    patch.setattr(generator, "convolve", convolve)
    patch.setattr(vocoder, "interpolate", interpolate)
