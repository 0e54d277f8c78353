import asyncio
from itertools import product

import pytest

from streaming.connection.door import Door, Part

FAR = 3600.0


class Caller:
    """A connection that notes whether it was closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()


def wait(door: Door, caller: Caller, part: Part = Part.HEAD, address: str = "192.0.2.1") -> None:
    door.wait(caller, part, address, caller.closed.set)


async def test_a_head_that_does_not_come_in_time_ends_its_connection() -> None:
    door, caller = Door(8, 8, head_seconds=0.01, body_seconds=FAR), Caller()
    wait(door, caller)
    assert await asyncio.wait_for(caller.closed.wait(), 30)


async def test_a_body_has_a_time_of_its_own() -> None:
    door, caller = Door(8, 8, head_seconds=FAR, body_seconds=0.01), Caller()
    wait(door, caller)
    wait(door, caller, Part.BODY)
    assert await asyncio.wait_for(caller.closed.wait(), 30)


async def test_the_deadline_does_not_move_while_the_same_is_waited_for() -> None:
    door, caller = Door(8, 8, head_seconds=0.05, body_seconds=FAR), Caller()
    while not caller.closed.is_set():
        wait(door, caller)
        await asyncio.sleep(0)
    assert caller.closed.is_set()


async def test_who_has_left_is_not_closed_any_more() -> None:
    door, gone, late = Door(8, 8, head_seconds=0.01, body_seconds=FAR), Caller(), Caller()
    wait(door, gone)
    door.leave(gone)
    wait(door, late)  # later than the other's deadline
    await asyncio.wait_for(late.closed.wait(), 30)
    assert not gone.closed.is_set()


async def test_a_full_door_closes_the_one_that_has_waited_longest() -> None:
    door, callers = Door(2, 1, head_seconds=FAR, body_seconds=FAR), [Caller() for _ in range(3)]
    for caller in callers:
        wait(door, caller)
    assert [caller.closed.is_set() for caller in callers] == [True, False, False]
    for caller in callers:
        door.leave(caller)


async def test_answers_have_a_room_of_their_own_and_no_deadline() -> None:
    door, callers = Door(8, 2, head_seconds=0.01, body_seconds=0.01), [Caller() for _ in range(3)]
    for caller in callers:
        wait(door, caller, Part.ANSWER)
    late = Caller()
    wait(door, late)  # later than a deadline of the others would be
    await asyncio.wait_for(late.closed.wait(), 30)
    assert [caller.closed.is_set() for caller in callers] == [True, False, False]


@pytest.mark.parametrize(
    ("chunk", "is_tiny"),
    [(b"1\r\nx\r\n", True), (b"40\r\n" + bytes(64) + b"\r\n", False), (b"400\r\n" + bytes(1024) + b"\r\n", False)],
)
async def test_a_body_in_tiny_chunks_is_noticed(chunk: bytes, is_tiny: bool) -> None:
    door, caller = Door(8, 8, head_seconds=FAR, body_seconds=FAR), Caller()
    wait(door, caller, Part.BODY)
    pieces = [chunk * (16_384 // len(chunk))] * 40
    assert any(door.has_tiny_chunks(caller, piece) for piece in pieces) is is_tiny
    door.leave(caller)


async def test_a_short_body_may_have_tiny_chunks() -> None:
    door, caller = Door(8, 8, head_seconds=FAR, body_seconds=FAR), Caller()
    wait(door, caller, Part.BODY)
    assert not door.has_tiny_chunks(caller, b"1\r\nx\r\n" * 1000)
    door.leave(caller)


@pytest.mark.parametrize("served", [[], [Part.ANSWER, Part.HEAD]])
async def test_when_it_closes_nobody_waits_for_a_request_that_is_not_on_its_way(
    monkeypatch: pytest.MonkeyPatch, served: list[Part]
) -> None:
    monkeypatch.setattr("streaming.connection.door.LAST_REQUEST_SECONDS", 0.01)
    door, silent, busy = Door(8, 8, head_seconds=FAR, body_seconds=FAR), Caller(), Caller()
    for caller, part in product((silent, busy), [Part.HEAD, *served]):
        wait(door, caller, part)
    door.close()
    assert not silent.closed.is_set()
    wait(door, busy, Part.BODY)
    assert await asyncio.wait_for(silent.closed.wait(), 30)
    assert not busy.closed.is_set()


async def test_when_it_closes_who_is_being_answered_leaves_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.connection.door.LAST_REQUEST_SECONDS", 0.01)
    door, busy = Door(8, 8, head_seconds=FAR, body_seconds=FAR), Caller()
    wait(door, busy)
    wait(door, busy, Part.ANSWER)
    door.close()
    assert not busy.closed.is_set()
    wait(door, busy)
    assert await asyncio.wait_for(busy.closed.wait(), 30)


async def test_it_knows_when_all_have_left_that_were_there() -> None:
    door, callers, late = Door(8, 8, head_seconds=FAR, body_seconds=FAR), [Caller(), Caller()], Caller()
    for caller in callers:
        wait(door, caller, Part.ANSWER)
    door.close()
    wait(door, late)
    leaving = asyncio.create_task(door.have_left())
    assert door.remaining == 2
    door.lost(callers[0])
    await asyncio.sleep(0)
    assert not leaving.done()
    door.lost(callers[1])
    await asyncio.wait_for(leaving, 30)


async def test_an_empty_one_has_been_left() -> None:
    door = Door(8, 8, head_seconds=FAR, body_seconds=FAR)
    door.close()
    await asyncio.wait_for(door.have_left(), 30)
    assert door.remaining == 0
