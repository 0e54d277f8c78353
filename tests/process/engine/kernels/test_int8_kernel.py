import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from streaming.engine.gpt.int8_transformer import WEIGHT_MAX, pack_linear
from streaming.engine.gpt.weights import LinearWeights
from streaming.engine.kernels.int8_kernel import PADDING, Scratch, run_head
from streaming.engine.kernels.int8_product import GROUP, PANEL, WEIGHT_BYTES
from streaming.engine.kernels.row_arithmetic import ACTIVATION_MAX

Floats = NDArray[np.float32]


def random_floats(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_largest_sum_of_a_group_fits_32_bits() -> None:
    assert ACTIVATION_MAX * WEIGHT_MAX * GROUP < 2**31


def unpacked(weight: Floats) -> tuple[Floats, Floats]:
    """(outputs, inputs) as the kernel reads them after packing, and the step of each; filled up to whole panels."""
    outputs, inputs = weight.shape
    (panels,) = pack_linear([LinearWeights(torch.from_numpy(weight), torch.zeros(outputs))]).weight
    shape = (len(panels), inputs // GROUP, GROUP // 2, PANEL, 2)
    rounded = panels[..., :WEIGHT_BYTES].reshape(shape).transpose(0, 3, 1, 2, 4).reshape(-1, inputs)
    halves = np.ascontiguousarray(panels[..., WEIGHT_BYTES:]).view(np.uint16)
    steps = (halves.astype(np.uint32) << 16).view(np.float32).transpose(0, 2, 1).reshape(-1, inputs // GROUP)
    steps = np.repeat(steps, GROUP, axis=1)
    assert np.abs(rounded).max() <= WEIGHT_MAX
    return rounded * steps, steps


def test_weights_are_packed_within_half_a_step() -> None:
    weight = random_floats(1, 24, 128) * np.logspace(-3, 2, 24, dtype=np.float32)[:, None]
    weight[3] = 0.0
    weight[5, :GROUP] = 0.0
    found, steps = unpacked(weight)
    assert (np.abs(found[:24] - weight) <= 0.501 * steps[:24]).all()
    largest = np.abs(weight.reshape(24, -1, GROUP)).max(axis=2).repeat(GROUP, axis=1)
    assert (steps[:24] <= 1.008 * largest / WEIGHT_MAX + 1e-12).all()
    assert not found[24:].any()


GAUSSIAN = random_floats(7, 256, 1024)
HEAVY_TAILED = np.random.default_rng(7).standard_t(4, (256, 1024)).astype(np.float32)
ONE_LARGE_INPUT = GAUSSIAN * np.where(np.arange(1024) == 300, np.float32(20), np.float32(1))


@pytest.mark.parametrize(
    ("weight", "most"),
    [(GAUSSIAN, 0.0062), (HEAVY_TAILED, 0.0092), (ONE_LARGE_INPUT, 0.0108)],
    ids=["Gaussian", "heavy-tailed", "one input 20 times as large"],
)
def test_a_weight_far_from_the_others_is_coarse_for_its_group_alone(weight: Floats, most: float) -> None:
    """The error of the weights, as a share of them; with one scale per output it is 0.8, 1.7 and 3.7 %."""
    found, _ = unpacked(weight)
    assert np.linalg.norm(found - weight) < most * np.linalg.norm(weight)
    scale = np.abs(weight).max(axis=1, keepdims=True) / WEIGHT_MAX
    with_one_scale = np.rint(weight / scale) * scale
    assert np.linalg.norm(found - weight) < 0.8 * np.linalg.norm(with_one_scale - weight)


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
    weight, bias, x = random_floats(1, 50, 128), random_floats(2, 50), random_floats(3, rows, 128)
    head = pack_linear([LinearWeights(torch.from_numpy(weight), torch.from_numpy(bias))])
    outputs = head.bias.shape[1]
    together, alone = np.zeros((rows, outputs), np.float32), np.zeros((rows, outputs), np.float32)
    run_head(0, 1, rows, head, x, together, scratch(rows, 128))
    for row in range(rows):
        run_head(0, 1, 1, head, x[row : row + 1].copy(), alone[row : row + 1], scratch(1, 128))
    expected = x @ weight.T + bias
    assert np.linalg.norm(together[:, :50] - expected) < 0.01 * np.linalg.norm(expected)
    assert np.array_equal(together, alone)


def test_an_activation_far_from_the_others_leaves_them_their_digits() -> None:
    weight, x = random_floats(1, 64, 1024), random_floats(3, 1, 1024)
    # The large one meets weights of zero, so that only what it does to the others is left.
    x[0, 300], weight[:, 300] = 300.0, 0.0
    head = pack_linear([LinearWeights(torch.from_numpy(weight), torch.zeros(64))])
    found = np.zeros((1, head.bias.shape[1]), np.float32)
    run_head(0, 1, 1, head, x, found, scratch(1, 1024))
    exact = x @ weight.T
    assert np.linalg.norm(found[:, :64] - exact) < 0.008 * np.linalg.norm(exact)
