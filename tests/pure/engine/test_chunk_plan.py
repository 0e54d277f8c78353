from hypothesis import given
from hypothesis import strategies as st

from streaming.engine.chunk_plan import FIRST_LOOK_AHEAD, ChunkPlan


def test_chunks_grow_to_the_size_that_was_asked_for() -> None:
    sizes = [ChunkPlan(20, given).latents for given in range(4)]
    assert sizes == [4, 5, 20, 20]


def test_small_chunks_stay_small() -> None:
    sizes = [ChunkPlan(2, given).latents for given in range(4)]
    assert sizes == [3, 2, 2, 2]


def test_only_the_first_chunk_looks_ahead_less_than_the_vocoder_needs() -> None:
    assert [ChunkPlan(10, given).look_ahead for given in range(3)] == [FIRST_LOOK_AHEAD, None, None]


@given(st.integers(-5, 1000), st.integers(0, 20))
def test_no_chunk_waits_for_nothing_or_for_more_than_asked_for(size: int, given: int) -> None:
    plan = ChunkPlan(size, given)
    assert 1 <= plan.latents <= max(3, size)
    assert plan.look_ahead is None or plan.latents > plan.look_ahead
