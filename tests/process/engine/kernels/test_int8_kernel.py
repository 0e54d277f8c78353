import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from streaming.engine.gpt.int8_transformer import WEIGHT_MAX, pack_linear
from streaming.engine.gpt.weights import LinearWeights
from streaming.engine.kernels.int8_kernel import PADDING, Scratch, _attend, run_head
from streaming.engine.kernels.int8_product import PANEL
from streaming.engine.kernels.row_arithmetic import ACTIVATION_MAX

Floats = NDArray[np.float32]
# The widest input of a linear in XTTS v2: four times the model's width.
MOST_INPUTS = 4096


def random_floats(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_largest_sum_fits_32_bits() -> None:
    assert ACTIVATION_MAX * WEIGHT_MAX * MOST_INPUTS < 2**31


def test_weights_are_packed_within_half_a_step() -> None:
    weight = torch.from_numpy(random_floats(1, 24, 32)) * torch.logspace(-3, 2, 24)[:, None]
    weight[3] = 0.0
    packed = pack_linear([LinearWeights(weight, torch.zeros(24))])
    scale = packed.scale[0, :24, None]
    unpacked = rows_of(packed.weight[0])
    assert (np.abs(unpacked[:24] * scale - weight.numpy()) <= 0.501 * scale).all()
    assert np.abs(packed.weight).max() == WEIGHT_MAX
    assert not unpacked[24:].any()
    assert not packed.scale[0, 24:].any()


def rows_of(panels: NDArray[np.int8]) -> NDArray[np.int8]:
    """(panels, pairs, PANEL, 2) to (outputs, inputs)."""
    return panels.transpose(0, 2, 1, 3).reshape(len(panels) * PANEL, -1)


def scratch(rows: int, width: int) -> Scratch:
    return Scratch(
        hidden=np.zeros((rows, width), np.float32),
        mixed=np.zeros((rows, width), np.float32),
        wide=np.zeros((rows, 4 * width), np.float32),
        narrow_input=np.zeros((rows, width + PADDING), np.int16),
        wide_input=np.zeros((rows, 4 * width + PADDING), np.int16),
        row_scale=np.zeros(rows, np.float32),
        scores=np.zeros((1, 16), np.float32),
        meeting=np.zeros(1, np.int64),
    )


@pytest.mark.parametrize("rows", [*range(1, 15), 70, 128])
def test_a_linear_is_close_to_the_float_one_and_the_same_for_each_row_alone(rows: int) -> None:
    weight, bias, x = random_floats(1, 50, 64), random_floats(2, 50), random_floats(3, rows, 64)
    head = pack_linear([LinearWeights(torch.from_numpy(weight), torch.from_numpy(bias))])
    outputs = head.scale.shape[1]
    together, alone = np.zeros((rows, outputs), np.float32), np.zeros((rows, outputs), np.float32)
    run_head(0, 1, rows, head, x, together, scratch(rows, 64))
    for row in range(rows):
        run_head(0, 1, 1, head, x[row : row + 1].copy(), alone[row : row + 1], scratch(1, 64))
    expected = x @ weight.T + bias
    assert np.linalg.norm(together[:, :50] - expected) < 0.01 * np.linalg.norm(expected)
    assert np.array_equal(together, alone)


def test_attention_is_pytorchs() -> None:
    query = random_floats(1, 64)
    keys, values = (torch.from_numpy(random_floats(seed, 30, 64)).to(torch.bfloat16) for seed in (2, 3))
    out = np.zeros(64, np.float32)
    halves = [tensor.view(torch.int16).numpy().view(np.uint16) for tensor in (keys, values)]
    _attend(query, halves[0], halves[1], 20, np.zeros(30, np.float32), out)
    expected = torch.nn.functional.scaled_dot_product_attention(
        torch.from_numpy(query)[None], keys[:20].float(), values[:20].float()
    )
    assert np.abs(out - expected.numpy()[0]).max() < 1e-5
