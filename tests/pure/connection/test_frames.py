import pytest
from websockets.frames import Frame, Opcode

from streaming.connection.frames import CONTROL_FRAMES_AT_ONCE, CONTROL_FRAMES_PER_SECOND, ControlFrames, text_frame


def test_a_client_that_pings_now_and_then_is_never_too_much() -> None:
    frames = ControlFrames()
    assert not any(frames.are_too_many(second * 0.2) for second in range(5000))


def test_so_many_may_come_at_once() -> None:
    frames = ControlFrames()
    assert not any(frames.are_too_many(5.0) for _ in range(CONTROL_FRAMES_AT_ONCE))
    assert frames.are_too_many(5.0)


def test_a_client_that_pings_too_fast_is_noticed() -> None:
    frames = ControlFrames()
    step = 0.5 / CONTROL_FRAMES_PER_SECOND
    assert any(frames.are_too_many(number * step) for number in range(4 * CONTROL_FRAMES_AT_ONCE))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_text_frame_is_what_the_websockets_library_makes_of_it(length: int) -> None:
    assert text_frame("x" * length) == Frame(Opcode.TEXT, b"x" * length).serialize(mask=False)


def test_the_length_of_a_text_frame_is_that_of_its_bytes() -> None:
    text = "ж" * 100
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
