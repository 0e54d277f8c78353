from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from streaming.connection.waiting_room import WaitingRoom


def noting(left: list[str], name: str) -> Callable[[], object]:
    return lambda: left.append(name)


def room_with(most: int, *guests: str) -> tuple[WaitingRoom, list[str]]:
    """Each guest comes from the address that its first letter names. Also gives those who had to leave."""
    room, left = WaitingRoom(most), list[str]()
    for guest in guests:
        room.enter(guest, guest[0], noting(left, guest))
    return room, left


def test_there_is_room_for_as_many_as_allowed() -> None:
    room, left = room_with(3, "a1", "b1", "a2")
    assert (len(room), left) == (3, [])


def test_the_oldest_of_the_address_that_has_most_makes_room() -> None:
    room, left = room_with(3, "b1", "a1", "a2", "b2", "a3")
    assert left == ["b1", "a1"]
    assert len(room) == 3


def test_who_has_left_makes_no_room_again() -> None:
    room, left = room_with(2, "a1", "a2")
    room.leave("a1")
    room.leave("a1")
    room.enter("a3", "a", noting(left, "a3"))
    assert (len(room), left) == (2, [])


def test_who_is_here_stays_where_it_is() -> None:
    room, left = room_with(2, "a1", "a2", "a1", "a3")
    assert left == ["a1"]
    assert "a2" in room


@given(st.lists(st.sampled_from("abc")), st.integers(1, 5))
def test_the_newcomer_is_the_last_to_go(addresses: list[str], most: int) -> None:
    room, left = WaitingRoom(most), list[str]()
    for number, address in enumerate(addresses):
        guest = f"{address}{number}"
        room.enter(guest, address, noting(left, guest))
        assert guest in room or most == 0
        assert len(room) == min(number + 1, most)
