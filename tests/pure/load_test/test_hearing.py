"""What a listener gets, from packets and their times."""

import numpy as np
import pytest

from streaming.load_test.hearing import RATE, Hearing

SILENCE = bytes(2 * RATE // 10)
TONE = np.full(RATE // 10, 8000, dtype="<i2").tobytes()


def heard(*packets: tuple[float, bytes], intended: float = 0.0) -> Hearing:
    hearing = Hearing(intended)
    for at, pcm in packets:
        hearing.take(at, pcm)
    return hearing


def test_the_first_sound_counts_and_not_the_silence_before_it() -> None:
    assert heard((1.0, SILENCE), (1.1, TONE)).ttfa == pytest.approx(1.1)


def test_time_counts_from_when_the_client_wanted_to_speak() -> None:
    """Whatever kept it from speaking then."""
    assert heard((5.0, TONE), intended=2.0).ttfa == pytest.approx(3.0)


def test_what_is_never_heard_has_no_time() -> None:
    assert heard((1.0, SILENCE)).ttfa is None
    assert heard().ttfa is None


def test_a_stream_in_time_starves_nobody() -> None:
    hearing = heard((1.0, TONE), (1.05, TONE), (1.2, TONE))
    assert (hearing.gaps, hearing.starved, hearing.buffer) == (0, 0.0, 0.0)
    assert hearing.audio == pytest.approx(0.3)
    assert hearing.dry_at == pytest.approx(1.3)


def test_a_late_packet_is_a_gap_and_the_buffer_that_would_have_bridged_it() -> None:
    hearing = heard((1.0, TONE), (1.25, TONE), (1.35, TONE))
    assert hearing.gaps == 1
    assert hearing.starved == pytest.approx(0.15)
    assert hearing.buffer == pytest.approx(0.15)
    # A player that began with the first packet goes on later, and is not late again; one that did not stop would be.
    assert hearing.lateness == pytest.approx([0.0, 0.15, 0.15])


def test_two_gaps_need_a_buffer_for_both() -> None:
    hearing = heard((1.0, TONE), (1.15, TONE), (1.30, TONE))
    assert hearing.gaps == 2
    assert hearing.buffer == pytest.approx(0.1)


def test_a_delay_that_nobody_hears_is_no_gap() -> None:
    assert heard((1.0, TONE), (1.105, TONE)).gaps == 0


def test_an_empty_piece_is_nothing() -> None:
    assert heard((1.0, b""), (2.0, TONE)).began == 2.0
