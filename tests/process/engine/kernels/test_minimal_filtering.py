import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.engine.kernels.minimal_filtering import TAPS_3, TAPS_7, TAPS_11, Doubles, Scheme, make_scheme


def filtered(scheme: Scheme, inputs: Doubles, weight: Doubles) -> Doubles:
    """A tile of one channel."""
    products = (scheme.mix_weights @ weight) * (scheme.mix_inputs @ inputs)
    tile: Doubles = scheme.mix_products @ products
    return tile


def plain(inputs: Doubles, weight: Doubles) -> Doubles:
    sums: Doubles = np.correlate(inputs, weight, mode="valid")
    return sums


@pytest.mark.parametrize("scheme", [TAPS_3, TAPS_7, TAPS_11], ids=["3", "7", "11"])
def test_a_tile_is_the_plain_sum(scheme: Scheme) -> None:
    random = np.random.default_rng(0)
    inputs, weight = random.standard_normal(scheme.outputs + scheme.taps - 1), random.standard_normal(scheme.taps)
    assert np.allclose(filtered(scheme, inputs, weight), plain(inputs, weight), rtol=0, atol=1e-12)


@given(st.integers(2, 5), st.integers(2, 5), st.data())
def test_any_different_points_will_do(outputs: int, taps: int, data: st.DataObject) -> None:
    count = outputs + taps - 2
    points = data.draw(st.lists(st.integers(-4, 4), min_size=count, max_size=count, unique=True))
    scheme = make_scheme(outputs, taps, points)
    inputs, weight = np.arange(1.0, outputs + taps) ** 2, np.arange(1.0, taps + 1)
    assert filtered(scheme, inputs, weight) == pytest.approx(plain(inputs, weight), rel=1e-6, abs=1e-6)


def test_a_long_filter_is_cut_into_parts_that_tiles_share() -> None:
    random = np.random.default_rng(0)
    weight, inputs = random.standard_normal((1, 1, 11)), random.standard_normal(6 + 12 - 1)
    parts = TAPS_11.transformed(weight)[:, :, 0, 0]
    mixed = [TAPS_11.mix_inputs @ inputs[6 * tile : 6 * tile + 11] for tile in range(2)]
    tile = TAPS_11.mix_products @ (mixed[0] * parts[:, 0] + mixed[1] * parts[:, 1])
    assert TAPS_11.parts(11) == 2
    assert np.allclose(tile, plain(inputs[:16], weight[0, 0]), rtol=0, atol=1e-12)


def test_in_float32_the_error_stays_near_that_of_the_plain_sum() -> None:
    random = np.random.default_rng(0)
    for scheme in (TAPS_3, TAPS_7, TAPS_11):
        inputs = random.standard_normal((1000, scheme.outputs + scheme.taps - 1)).astype(np.float32)
        weight = random.standard_normal(scheme.taps)
        expected = np.stack([plain(line.astype(np.float64), weight) for line in inputs])
        mixed = inputs @ scheme.mix_inputs.T.astype(np.float32)
        products = mixed * (scheme.mix_weights @ weight).astype(np.float32)
        error = products @ scheme.mix_products.T.astype(np.float32) - expected
        assert error.std() < 4e-6 * expected.std()
