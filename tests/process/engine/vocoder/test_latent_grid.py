import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from streaming.engine.vocoder.latent_grid import LatentGrid, Resampling
from tests.process.engine.vocoder.vocoding import random_latents

XTTS = (4.0, 24000 / 22050)
SPEEDS = [0.5, 0.7, 0.83, 1.0, 1.3, 2.0, 3.7]


def grid_for(speed: float) -> LatentGrid:
    return LatentGrid((1.0 / speed, *XTTS))


def interpolated(latents: Tensor, speed: float) -> Tensor:
    """What torch makes of the whole: (frames, width)."""
    frames = latents.T[None]
    for scale in (1.0 / speed, *XTTS):
        if scale != 1.0:
            frames = functional.interpolate(frames, scale_factor=scale, mode="linear")
    return frames[0].T


def frames_of(grid: LatentGrid, latents: Tensor, start: int, stop: int, *, at_once: bool = False) -> Tensor:
    first, weights = grid.weights(start, stop, len(latents), at_once=at_once)
    return Tensor(weights) @ latents[first : first + weights.shape[1]]


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("count", [6, 23, 700])
def test_any_piece_is_what_torch_makes_of_the_whole(speed: float, count: int) -> None:
    latents, grid = random_latents(count, 3), grid_for(speed)
    whole = interpolated(latents, speed)
    assert grid.length(count) == len(whole)
    for start in (0, 1, len(whole) // 3, max(len(whole) - 60, 0)):
        stop = min(start + 60, len(whole))
        assert (frames_of(grid, latents, start, stop) - whole[start:stop]).abs().max() < 1e-6


@pytest.mark.parametrize(("count", "speed"), [(1, 1.0), (2, 1.0), (4, 0.83), (4, 2.0), (40, 0.98)])
def test_where_torch_copies_so_does_the_grid_if_all_is_made_at_once(count: int, speed: float) -> None:
    latents, grid = random_latents(count, 3), grid_for(speed)
    whole = interpolated(latents, speed)
    assert (frames_of(grid, latents, 0, len(whole), at_once=True) - whole).abs().max() < 1e-6


@given(st.sampled_from(SPEEDS), st.integers(1, 400))
def test_frames_are_ready_when_no_later_latent_changes_them(speed: float, count: int) -> None:
    grid = grid_for(speed)
    ready = grid.ready(count)
    assert ready <= grid.length(count)
    if ready:
        now, later = grid.weights(ready - 1, ready, count), grid.weights(ready - 1, ready, count + 50)
        assert now[0] == later[0]
        assert np.array_equal(now[1], later[1])


@given(st.sampled_from(SPEEDS), st.integers(2, 400))
def test_frames_are_ready_as_soon_as_they_can_be(speed: float, count: int) -> None:
    grid = grid_for(speed)
    length = grid.length(count)
    held_back = (length - grid.ready(count)) / grid.frames_per_latent
    assert held_back <= 1.0 + 2 / grid.frames_per_latent + speed


@given(st.sampled_from(SPEEDS), st.integers(0, 2000))
def test_the_first_latent_of_a_frame_is_the_one_its_weights_begin_with(speed: float, frame: int) -> None:
    grid = grid_for(speed)
    first, weights = grid.weights(frame, frame + 1, 5000)
    assert grid.first_latent(frame) == first
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)


def test_any_latent_at_all_gives_a_frame() -> None:
    # torch refuses to make nothing of something.
    assert Resampling(0.25).length(1) == 1
    assert LatentGrid((0.25, *XTTS)).length(1) == 4
    assert grid_for(1.0).length(0) == 0


def test_without_resampling_frames_are_latents() -> None:
    latents = random_latents(5, 3)
    assert frames_of(LatentGrid((1.0,)), latents, 1, 4).equal(latents[1:4])
