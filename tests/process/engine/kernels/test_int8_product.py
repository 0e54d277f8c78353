from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from streaming.engine.kernels import int8_product
from streaming.engine.kernels.int8_product import PANEL, make_product
from streaming.engine.kernels.processor import IS_X86

Floats = NDArray[np.float32]
# panel (pairs, PANEL, 2), activations (rows, 2 * pairs), scales, bias, out (rows, PANEL), whether to add.
Product = Callable[..., None]
MANY = 12


def compiled(product: Any) -> Product:
    @njit
    def run(panel: Any, x: Any, row_scales: Any, scales: Any, bias: Any, out: Any, add: Any) -> None:
        product(
            panel.ctypes.data,
            x.ctypes.data,
            x.shape[1],
            len(panel),
            row_scales.ctypes.data,
            scales.ctypes.data,
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
            multiply(product, np.zeros((1, PANEL, 2), np.int8), np.zeros((rows, 2), np.int16))
        yield made


def multiply(product: Product, panel: NDArray[np.int8], x: NDArray[np.int16], **given: Any) -> Floats:
    rows, ones = len(x), np.ones(PANEL, np.float32)
    out = given.get("out", np.zeros((rows, PANEL), np.float32))
    scales, bias = given.get("scales", ones), given.get("bias", 0 * ones)
    product(panel, x, given.get("row_scales", np.ones(rows, np.float32)), scales, bias, out, int("out" in given))
    return out  # type: ignore[no-any-return]


def exact(panel: NDArray[np.int8], x: NDArray[np.int16]) -> NDArray[np.int64]:
    weights = panel.transpose(0, 2, 1).reshape(-1, PANEL).astype(np.int64)
    return x.astype(np.int64) @ weights


@pytest.mark.skipif(not IS_X86, reason="reads x86's assembly")
@pytest.mark.parametrize("rows", [1, MANY])
def test_a_pair_of_products_and_their_sum_is_one_instruction(rows: int) -> None:
    product: Any = compiled(make_product(rows))
    multiply(product, np.zeros((1, PANEL, 2), np.int8), np.zeros((rows, 2), np.int16))
    (assembly,) = product.inspect_asm().values()
    # With VNNI, one with the addition to the sums as well.
    assert assembly.count("pmaddwd") + assembly.count("pdpwssd") == 2 * rows


@settings(max_examples=40)
@given(pairs=st.integers(1, 300), rows=st.sampled_from([1, MANY]), seed=st.integers(0, 2**32))
def test_products_are_exact(products: dict[int, Product], pairs: int, rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    panel = random.integers(-127, 128, (pairs, PANEL, 2)).astype(np.int8)
    x = random.integers(-400, 401, (rows, 2 * pairs)).astype(np.int16)
    # Up to 2 ** 24 float32 holds every whole number.
    assert np.array_equal(multiply(products[rows], panel, x), np.float32(exact(panel, x)))


@pytest.mark.parametrize("rows", [1, MANY])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_do_not_overflow(products: dict[int, Product], rows: int, sign: int) -> None:
    panel, x = np.full((2048, PANEL, 2), 127, np.int8), np.full((rows, 4096), sign * 4095, np.int16)
    assert (multiply(products[rows], panel, x) == np.float32(4096 * 127 * 4095 * sign)).all()


@pytest.mark.parametrize("rows", [1, MANY])
def test_sums_are_scaled_and_shifted_and_added(products: dict[int, Product], rows: int) -> None:
    random = np.random.default_rng(rows)
    panel = random.integers(-127, 128, (8, PANEL, 2)).astype(np.int8)
    x = random.integers(-400, 401, (rows, 16)).astype(np.int16)
    row_scales, scales, bias = (random.normal(size=size).astype(np.float32) for size in (rows, PANEL, PANEL))
    before = random.normal(size=(rows, PANEL)).astype(np.float32)
    out = multiply(products[rows], panel, x, row_scales=row_scales, scales=scales, bias=bias, out=before.copy())
    expected = exact(panel, x) * row_scales[:, None] * scales + bias + before
    assert np.abs(out - expected).max() <= 1e-5 * np.abs(expected).max()


def test_rows_do_not_depend_on_each_other(products: dict[int, Product]) -> None:
    random = np.random.default_rng(5)
    panel = random.integers(-127, 128, (32, PANEL, 2)).astype(np.int8)
    x = random.integers(-4095, 4096, (MANY, 64)).astype(np.int16)
    row_scales = random.normal(size=MANY).astype(np.float32)
    together = multiply(products[MANY], panel, x, row_scales=row_scales)
    alone = [multiply(products[1], panel, x[[row]], row_scales=row_scales[[row]])[0] for row in range(MANY)]
    assert np.array_equal(together, np.stack(alone))
