from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chunk_plans import Cost, FixedPlan, course, slowest_step
from streaming.engine.chunk_plan import FIRST_LOOK_AHEAD, LEAST_BY_LEAD, STEPS, ChunkPlan

# A decode of one thread, about: 24 ms for itself, 10.5 ms for each latent.
CPU = Cost(0.0, 0.024, 0.0105)
LATENTS = 215  # 10 s


def test_chunks_grow_in_steps_to_the_size_that_was_asked_for() -> None:
    sizes = [ChunkPlan(20, given=number).latents for number in range(len(STEPS) + 2)]
    assert sizes == [*STEPS, 20, 20]


def test_small_chunks_stay_small() -> None:
    sizes = [ChunkPlan(2, given=number).latents for number in range(4)]
    assert sizes == [3, 2, 2, 2]


def test_only_the_first_chunk_looks_ahead_less_than_the_vocoder_needs() -> None:
    assert [ChunkPlan(10, given=number).look_ahead for number in range(3)] == [FIRST_LOOK_AHEAD, None, None]


def test_by_lead_a_chunk_is_as_large_as_the_listener_can_wait_for() -> None:
    plan = ChunkPlan(50, by_lead=True)
    assert plan.latents == STEPS[0]
    plan.given += 1
    assert plan.latents == LEAST_BY_LEAD
    plan.allow(lead=1.0, step=0.02, decode=0.1)
    # 0.6 s are left of 70 % of the lead, after the decode.
    assert plan.latents == 30
    plan.allow(lead=10.0, step=0.02, decode=0.1)
    assert plan.latents == 50
    plan.allow(lead=-1.0, step=0.02, decode=0.1)
    assert plan.latents == LEAST_BY_LEAD


def test_without_a_measured_step_the_size_is_what_was_asked_for() -> None:
    plan = ChunkPlan(10, by_lead=True, given=1)
    plan.allow(lead=0.1, step=0.0, decode=0.0)
    assert plan.latents == 10


def test_slower_steps_starve_nobody_than_with_chunks_that_grow_at_once() -> None:
    before = slowest_step(lambda: FixedPlan(10), CPU, 0.1, LATENTS)
    in_steps = slowest_step(lambda: ChunkPlan(10), CPU, 0.1, LATENTS)
    by_lead = slowest_step(lambda: ChunkPlan(10, by_lead=True), CPU, 0.1, LATENTS)
    assert by_lead > in_steps > 2 * before


@given(st.booleans(), st.integers(1, 60), st.floats(0.001, 0.05), st.floats(0.0, 0.05), st.floats(0.0, 0.01))
def test_all_audio_comes_whatever_the_plan(by_lead: bool, size: int, step: float, decode: float, latent: float) -> None:
    cost = Cost(step, decode, latent)
    assert (
        course(ChunkPlan(size, by_lead=by_lead), cost, LATENTS).seconds == course(FixedPlan(10), cost, LATENTS).seconds
    )


@given(st.integers(-5, 1000), st.integers(0, 20), st.booleans(), st.floats(-100, 100))
def test_no_chunk_waits_for_nothing_or_for_more_than_asked_for(
    size: int, number: int, by_lead: bool, lead: float
) -> None:
    plan = ChunkPlan(size, by_lead=by_lead, given=number)
    plan.allow(lead=lead, step=0.01, decode=0.01)
    assert 1 <= plan.latents <= max(3, size)
    assert plan.look_ahead is None or plan.latents > plan.look_ahead
