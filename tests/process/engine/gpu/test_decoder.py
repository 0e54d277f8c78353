"""The sequences of a GPU against the GPT that waits for each step. Calls are recorded once and repeated, as CUDA graphs are:
what depended on a value of the first time would be wrong the next."""

from collections.abc import Callable, Sequence

import pytest
import torch

from streaming.engine.checkpoint.tensors import SpeechWeights
from streaming.engine.gpt.sampling import SamplingSettings
from streaming.engine.gpu import decoder as decoder_module
from tests.process.engine.gpu.engines import small_weights
from tests.process.engine.gpu.standing_in import CapturedStage
from tests.process.engine.stage import SLOTS, Line, Stage, fp32, fresh, stages

ANNA, BEN, CARL, DORA = (f"Voice {number}" for number in range(1, 5))
SHORT, LONG = [7, 20, 33], [9, 14, 301, 77] * 12
CLOSE = 1e-4
STEPS = 61
# A voice at this size, in float32.
VOICE_BYTES = 2 * 4 * 3 * 64 * 32
# Under this one, tokens come a second time now and then; under the usual ones hardly ever with random weights.
REPEATING = SamplingSettings(temperature=1.5, top_p=1.0, repetition_penalty=1.05)

pytestmark = pytest.mark.usefixtures("plain_kernels", "_one_thread")


@pytest.fixture(scope="module")
def weights() -> SpeechWeights:
    return small_weights()


@pytest.fixture
def make(weights: SpeechWeights, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CapturedStage]:
    """With `most_rows` in a call."""

    def stage(*, most_rows: int = 64, **options: object) -> CapturedStage:
        monkeypatch.setattr(decoder_module, "MOST_ROWS", most_rows)
        return CapturedStage(weights, **options)  # type: ignore[arg-type]

    return stage


@pytest.fixture
def waiting(weights: SpeechWeights) -> Callable[..., Stage]:
    make = stages(weights)
    return lambda settings=None: make(fp32, settings)


def a_crowd() -> list[Line]:
    """Different voices, texts, seeds and lengths, some of which join when others are gone."""
    return [
        Line(2, LONG, BEN, seed=1, most=24),
        Line(0, SHORT, ANNA, seed=5, begins_at=3, most=6),
        Line(4, LONG[5:], BEN, seed=7, begins_at=5, most=12),
        Line(1, SHORT, ANNA, seed=1, begins_at=5, most=20),
        Line(3, [], CARL, seed=0, begins_at=16, most=8),
    ]


def assert_same(found: Sequence[Line], expected: Sequence[Line]) -> None:
    assert [line.tokens for line in found] == [line.tokens for line in expected]
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(torch.stack(one.latents), torch.stack(other.latents), atol=CLOSE, rtol=0)


def alone(stage: Stage, lines: Sequence[Line]) -> list[Line]:
    said = [fresh(line) for line in lines]
    for line in said:
        stage.run(line)
    return said


@pytest.mark.parametrize(
    ("settings", "is_late"),
    [(SamplingSettings(), False), (SamplingSettings(), True), (SamplingSettings(top_k=1), True), (REPEATING, True)],
    ids=["waiting", "late", "greedy", "repeating"],
)
def test_each_of_many_says_what_it_says_alone_when_each_step_is_waited_for(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage], settings: SamplingSettings, is_late: bool
) -> None:
    crowd = a_crowd()
    make(settings=settings, is_late=is_late).run(*crowd)
    expected = alone(waiting(settings), a_crowd())
    assert_same(crowd, expected)
    assert sum(len(line.tokens) for line in crowd) > 40


def test_texts_longer_than_a_call_are_read_in_parts_beside_the_steps_of_others(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    lines = [Line(0, SHORT, ANNA, seed=3), Line(3, LONG * 2, BEN, begins_at=6), Line(1, LONG, CARL, begins_at=6)]
    stage = make(most_rows=16)
    stage.run(*lines)
    assert_same(lines, alone(waiting(), lines))
    # Of each size once; then they are repeated.
    assert stage.capture.captures <= 5
    assert stage.capture.repeats > 16


def test_more_sequences_than_a_call_has_rows_by_default_have_a_row_each(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    lines = [Line(slot, SHORT, voice, seed=slot, most=4) for slot, voice in enumerate((ANNA, BEN, CARL, ANNA, BEN))]
    make(most_rows=3).run(*lines)
    assert_same(lines, alone(waiting(), lines))


def test_a_new_voice_is_shared_with_those_who_began_with_it_at_the_same_time(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    """And with those who begin while it is being read, and when it has been."""
    lines = [Line(slot, [30 + slot] * 9, DORA, seed=slot, begins_at=slot) for slot in (0, 1, 2, 4)]
    lines.append(Line(3, SHORT, DORA, seed=9))
    stage = make(most_rows=16)
    stage.run(*lines)
    assert_same(lines, alone(waiting(), lines))
    assert list(stage.decoder._prefixes) == [DORA]


def test_a_known_voice_is_not_read_again(make: Callable[..., CapturedStage]) -> None:
    stage = make()
    stage.run(Line(0, SHORT, ANNA, most=1))
    stage.begin(Line(1, SHORT, ANNA))
    assert [len(reading.rows) for reading in stage.decoder._readings] == [len(SHORT) + 3]
    stage.begin(Line(2, SHORT, BEN))
    assert [len(reading.rows) for reading in stage.decoder._readings] == [len(SHORT) + 3, len(SHORT) + 35]


def test_the_voice_that_spoke_least_recently_is_forgotten_when_there_is_no_more_room(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    stage, lines = make(voice_cache_bytes=2 * VOICE_BYTES), []
    for seed, voice in enumerate((ANNA, BEN, ANNA, CARL, BEN, DORA)):
        lines.append(Line(seed % 2, SHORT, voice, seed=seed, most=4))
        stage.run(lines[-1])
    assert list(stage.decoder._prefixes) == [BEN, DORA]
    assert_same(lines, alone(waiting(), lines))


def test_the_newest_voice_is_kept_whatever_its_size(make: Callable[..., CapturedStage]) -> None:
    stage = make(voice_cache_bytes=1)
    for voice in (ANNA, BEN):
        stage.run(Line(0, SHORT, voice, most=2))
        assert list(stage.decoder._prefixes) == [voice]


def test_a_slot_is_used_again_and_again(make: Callable[..., CapturedStage], waiting: Callable[..., Stage]) -> None:
    """A longer sequence before a shorter one, with the same voice and with others; the other slot goes on meanwhile."""
    stage = make(is_late=True)
    others = [Line(1, LONG, DORA, seed=4, most=40)]
    lines = [
        Line(0, LONG, ANNA, seed=1, most=10),
        Line(0, SHORT, ANNA, seed=2, most=7),
        Line(0, [], BEN, seed=3, most=9),
        Line(0, LONG, CARL, seed=1, most=3),
    ]
    for line in lines:
        stage.run(line)
    stage.run(*others, Line(0, SHORT, BEN, seed=8, most=5))
    assert_same([*lines, *others], alone(waiting(), [*lines, *others]))


def test_the_latents_of_the_sequence_before_stay_until_the_next_but_one_begins(
    make: Callable[..., CapturedStage],
) -> None:
    stage = make()
    first, second, third = (Line(1, SHORT, ANNA, seed=seed, most=5) for seed in range(3))
    stage.run(first)
    place = stage.store.first(1)
    stage.run(second)
    assert stage.store.first(1) != place
    assert torch.equal(stage.store.latents[place : place + len(first.tokens)], torch.stack(first.latents))
    stage.run(third)
    assert stage.store.first(1) == place


def test_one_that_is_forgotten_while_its_text_is_read_changes_nothing_for_the_others(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    stage = make(most_rows=16)
    stage.begin(Line(0, LONG, ANNA, seed=1))
    stage.begin(Line(1, LONG, BEN, seed=1))
    assert stage.decoder.step([]).slots == []
    stage.decoder.forget(0)
    assert [reading.slot for reading in stage.decoder._readings] == [1]
    stage.decoder.forget(1)
    assert not stage.decoder.is_reading
    # In the same slots, one of them with the voice that was half read.
    lines = [Line(0, SHORT, ANNA, seed=2), Line(1, SHORT, CARL, seed=2)]
    stage.run(*lines)
    assert_same(lines, alone(waiting(), lines))


def test_a_step_that_was_sent_off_beyond_the_end_counts_for_nothing(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    """The step of a sequence that is over is on its way when the next sequence begins in its slot."""
    stage = make()
    stage.run(Line(0, SHORT, ANNA, seed=1, most=4))
    following = Line(0, SHORT, BEN, seed=2, most=6)
    with torch.inference_mode():
        late = stage.decoder.step([0])
        stage.begin(following)
        assert late.slots == [0]
        while len(following.tokens) < following.most:
            stage.keep(stage.decoder.step([0] if following.tokens else []), [following])
    assert_same([following], alone(waiting(), [following]))


def test_a_rows_draws_are_counted_once_for_each_of_its_own_steps(make: Callable[..., CapturedStage]) -> None:
    """Whatever calls of the others there were, and however many rows of them were nobody's."""
    stage, other = make(), Line(2, SHORT, BEN, most=100)
    line = Line(0, SHORT, ANNA, seed=3, most=100)
    with torch.inference_mode():
        stage.begin(line)
        stage.decoder.step([])
        for _ in range(3):
            stage.decoder.step([0])
        stage.begin(other)
        for _ in range(5):
            stage.decoder.step([])
            stage.decoder.step([2])
    assert stage.decoder._state[0, :2].tolist() == [32 + len(SHORT) + 2, 4]
    assert stage.decoder._state[2, :2].tolist() == [32 + len(SHORT) + 2, 6]
    assert stage.decoder._state[[1, 3, 4]].any().item() is False


def test_rows_that_are_nobodys_change_nothing(make: Callable[..., CapturedStage], weights: SpeechWeights) -> None:
    """In calls of four rows for three sequences, and more often than a sequence has steps."""
    stage, lines = make(), [Line(slot, SHORT, ANNA, seed=slot, most=3) for slot in (0, 1, 3)]
    stage.run(*lines)
    untouched = stage.layers._cache.keys[:, [2, 4]]
    kept = stage.decoder._state.clone(), stage.store.latents[: SLOTS * 2 * STEPS].clone()
    with torch.inference_mode():
        for _ in range(len(weights.gpt.audio_positions) + 10):
            stage.decoder.step([])
    assert not untouched.any()
    assert torch.equal(stage.decoder._state, kept[0])
    assert not stage.decoder._state[-1].any()
    assert torch.equal(stage.store.latents[: len(kept[1])], kept[1])


def test_what_is_not_a_number_stays_in_its_row_and_ends_with_its_sequence(
    make: Callable[..., CapturedStage], waiting: Callable[..., Stage]
) -> None:
    stage = make()
    lines = [Line(0, SHORT, ANNA, seed=1, most=12), Line(1, SHORT, ANNA, seed=2, most=12)]
    with torch.inference_mode():
        for line in lines:
            stage.begin(line)
        while stage.decoder.is_reading:
            stage.keep(stage.decoder.step([]), lines)
        # All of the first one's keys.
        stage.layers._cache.keys[:, 0] = float("nan")
        while len(lines[1].tokens) < 12:
            stage.keep(stage.decoder.step([0, 1]), lines)
    assert set(lines[0].tokens[1:]) == {-1}
    again = Line(0, LONG, BEN, seed=5, most=12)
    stage.run(again)
    assert_same([lines[1], again], alone(waiting(), [lines[1], again]))


def test_every_call_that_can_come_is_recorded_before(make: Callable[..., CapturedStage]) -> None:
    stage = make(most_rows=24)
    with torch.inference_mode():
        stage.decoder.warm_up()
    before = stage.capture.captures
    assert sorted(stage.decoder._calls) == [1, 2, 4, 8, 16, 24]
    stage.run(*a_crowd())
    assert stage.capture.captures == before == 6
    stage.decoder.stop()
    assert not stage.decoder._calls
