from streaming.connection.frames import CONTROL_FRAMES_AT_ONCE, CONTROL_FRAMES_PER_SECOND, ControlFrames


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
