"""Frames joined, shards cut: nothing is lost, added or moved."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.encoder import Samples
from streaming.audio.packets import FrameJoiner, shards


def ramp(length: int, start: int = 0) -> Samples:
    """No two samples alike."""
    return np.arange(start, start + length, dtype=np.float32)


def lengths(samples: Samples, most: int) -> list[int]:
    return [len(shard) for shard in shards(samples, most=most)]


@pytest.mark.parametrize(
    ("length", "most", "expected"),
    [
        (0, 1440, []),
        (1, 1440, [1]),
        (1440, 1440, [1440]),
        (1441, 1440, [721, 720]),
        (2881, 1440, [961, 960, 960]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_the_fewest_shards_that_will_do_as_equal_as_can_be(length: int, most: int, expected: list[int]) -> None:
    assert lengths(ramp(length), most) == expected


@given(st.integers(0, 20_000), st.integers(1, 3000))
def test_shards_join_up(length: int, most: int) -> None:
    cut = shards(ramp(length), most=most)
    assert np.array_equal(np.concatenate([ramp(0), *cut]), ramp(length))


@given(st.integers(1, 20_000), st.integers(1, 3000))
def test_shards_are_within_the_limit_and_differ_by_one_sample_at_most(length: int, most: int) -> None:
    cut = lengths(ramp(length), most)
    assert max(cut) <= most
    assert max(cut) - min(cut) <= 1
    assert len(cut) == -(-length // most)


def joined(schedule: list[int], frames: int) -> list[int | None]:
    """How many samples come of each of `frames` frames of one sample."""
    joiner = FrameJoiner(schedule)
    found = [joiner.push(ramp(1)) for _ in range(frames)]
    return [None if samples is None else len(samples) for samples in found]


def test_without_a_schedule_each_frame_goes_by_itself() -> None:
    assert joined([], 3) == [1, 1, 1]


def test_frames_are_joined_as_scheduled_and_behind_the_list_go_by_themselves() -> None:
    assert joined([1, 3, 2], 8) == [1, None, None, 3, None, 2, 1, 1]


def test_joined_frames_keep_their_order() -> None:
    joiner = FrameJoiner([2])
    joiner.push(ramp(3))
    found = joiner.push(ramp(2, start=3))
    assert found is not None
    assert np.array_equal(found, ramp(5))


def test_a_flush_gives_what_is_held() -> None:
    joiner = FrameJoiner([3])
    joiner.push(ramp(2))
    found = joiner.flush()
    assert found is not None
    assert np.array_equal(found, ramp(2))


def test_a_flush_of_nothing_gives_nothing_and_costs_no_entry() -> None:
    joiner = FrameJoiner([2])
    assert joiner.flush() is None
    assert joiner.push(ramp(1)) is None


def test_behind_a_flush_the_next_entry_counts() -> None:
    joiner = FrameJoiner([3, 2])
    joiner.push(ramp(1))
    joiner.flush()
    assert joiner.push(ramp(1)) is None
    assert joiner.push(ramp(1)) is not None


def test_the_given_schedule_is_left_alone() -> None:
    schedule = [1, 2]
    FrameJoiner(schedule).push(ramp(1))
    assert schedule == [1, 2]


@given(st.lists(st.integers(1, 5), max_size=6), st.lists(st.integers(0, 50), max_size=30))
def test_no_sample_is_lost_or_moved(schedule: list[int], sizes: list[int]) -> None:
    joiner, edges = FrameJoiner(schedule), np.cumsum([0, *sizes]).tolist()
    found = [joiner.push(ramp(end - start, start)) for start, end in pairwise(edges)]
    parts = [samples for samples in (*found, joiner.flush()) if samples is not None]
    assert np.array_equal(np.concatenate([ramp(0), *parts]), ramp(sum(sizes)))
