from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from streaming.engine.kernels import int8_product
from streaming.engine.kernels.int8_product import GROUP, GROUP_BYTES, PANEL, WEIGHT_BYTES, make_product
from streaming.engine.kernels.processor import IS_X86

Floats = NDArray[np.float32]
# (groups, GROUP / 2, PANEL, 2)
Weights = NDArray[np.int8]
# panel (groups, GROUP_BYTES), activations (rows, GROUP * groups), scales, bias, out (rows, PANEL), whether to add.
Product = Callable[..., None]
MANY = 12


def compiled(product: Any) -> Product:
    @njit
    def run(panel: Any, x: Any, row_scales: Any, bias: Any, out: Any, add: Any) -> None:
        product(
            panel.ctypes.data,
            x.ctypes.data,
            x.shape[1],
            len(panel),
            row_scales.ctypes.data,
            bias.ctypes.data,
            add,
            out.ctypes.data,
            out.shape[1],
        )

    return run  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=[True, False], ids=["of this processor", "of any processor"])
def products(request: pytest.FixtureRequest) -> Iterator[dict[int, Product]]:
    """By the number of rows."""
    with pytest.MonkeyPatch.context() as patched:
        if not request.param:
            patched.setattr(int8_product, "PAIRWISE", None)
        made = {rows: compiled(make_product(rows)) for rows in (1, MANY)}
        # Compiled while the other way is in force.
        for rows, product in made.items():
            multiply(product, zeros(1), np.zeros((rows, GROUP), np.int16))
        yield made


def zeros(groups: int) -> Weights:
    return np.zeros((groups, GROUP // 2, PANEL, 2), np.int8)


def multiply(product: Product, weights: Weights, x: NDArray[np.int16], **given: Any) -> Floats:
    """`scales`: (groups, PANEL), by default ones."""
    rows, groups = len(x), len(weights)
    out = given.get("out", np.zeros((rows, PANEL), np.float32))
    scales = given.get("scales", np.ones((groups, PANEL), np.float32)).astype(np.float32)
    panel = np.zeros((groups, GROUP_BYTES), np.int8)
    panel[:, :WEIGHT_BYTES] = weights.reshape(groups, -1)
    panel[:, WEIGHT_BYTES:] = np.ascontiguousarray(scales.view(np.uint16)[:, 1::2]).view(np.int8)
    bias = given.get("bias", np.zeros(PANEL, np.float32))
    product(panel, x, given.get("row_scales", np.ones(rows, np.float32)), bias, out, int("out" in given))
    return out  # type: ignore[no-any-return]


def exact(weights: Weights, x: NDArray[np.int16]) -> NDArray[np.int64]:
    """The sums of each group: (rows, groups, PANEL)."""
    by_group = weights.transpose(0, 1, 3, 2).reshape(len(weights), GROUP, PANEL).astype(np.int64)
    sums: NDArray[np.int64] = np.einsum(
        "rgi,gio->rgo", x.astype(np.int64).reshape(len(x), len(weights), GROUP), by_group
    )
    return sums


@pytest.mark.skipif(not IS_X86, reason="reads x86's assembly")
@pytest.mark.parametrize("rows", [1, MANY])
def test_a_pair_of_products_and_their_sum_is_one_instruction(rows: int) -> None:
    product: Any = compiled(make_product(rows))
    multiply(product, zeros(1), np.zeros((rows, GROUP), np.int16))
    (assembly,) = product.inspect_asm().values()
    # With VNNI, one with the addition to the sums as well.
    assert assembly.count("pmaddwd") + assembly.count("pdpwssd") == 2 * rows


@settings(max_examples=40)
@given(groups=st.integers(1, 12), rows=st.sampled_from([1, MANY]), seed=st.integers(0, 2**32))
def test_products_are_exact(products: dict[int, Product], groups: int, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(-127, 128, (groups, GROUP // 2, PANEL, 2)).astype(np.int8)
    x = random.integers(-160, 161, (rows, GROUP * groups)).astype(np.int16)
    # Up to 2 ** 24 float32 holds every whole number.
    assert np.array_equal(multiply(products[rows], weights, x), np.float32(exact(weights, x).sum(axis=1)))


@pytest.mark.parametrize("rows", [1, MANY])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_do_not_overflow(products: dict[int, Product], rows: int, sign: int) -> None:
    weights, x = zeros(64) + np.int8(127), np.full((rows, 4096), sign * 32767, np.int16)
    expected = 4096 * 127 * 32767 * sign
    assert np.abs(multiply(products[rows], weights, x) / expected - 1).max() < 1e-5


@pytest.mark.parametrize("rows", [1, MANY])
def test_sums_are_scaled_by_group_and_row_and_shifted_and_added(products: dict[int, Product], rows: int) -> None:
    random = np.random.default_rng(rows)
    weights = random.integers(-127, 128, (8, GROUP // 2, PANEL, 2)).astype(np.int8)
    x = random.integers(-400, 401, (rows, 8 * GROUP)).astype(np.int16)
    row_scales, bias = (random.normal(size=size).astype(np.float32) for size in (rows, PANEL))
    before = random.normal(size=(rows, PANEL)).astype(np.float32)
    # Numbers whose lower 16 bits are zero.
    scales = random.integers(1, 200, (8, PANEL)) / np.float32(512)
    out = multiply(products[rows], weights, x, row_scales=row_scales, scales=scales, bias=bias, out=before.copy())
    expected = (exact(weights, x) * scales).sum(axis=1) * row_scales[:, None] + bias + before
    assert np.abs(out - expected).max() <= 1e-5 * np.abs(expected).max()


def test_rows_do_not_depend_on_each_other(products: dict[int, Product]) -> None:
    random = np.random.default_rng(5)
    weights = random.integers(-127, 128, (3, GROUP // 2, PANEL, 2)).astype(np.int8)
    x = random.integers(-32767, 32768, (MANY, 3 * GROUP)).astype(np.int16)
    row_scales = random.normal(size=MANY).astype(np.float32)
    scales = random.integers(1, 200, (3, PANEL)) / np.float32(512)
    together = multiply(products[MANY], weights, x, row_scales=row_scales, scales=scales)
    alone = [
        multiply(products[1], weights, x[[row]], row_scales=row_scales[[row]], scales=scales)[0] for row in range(MANY)
    ]
    assert np.array_equal(together, np.stack(alone))
