import asyncio

import pytest

from streaming.connection.turnstile import Turnstile


class Gatherer:
    """Those who have been let in, in order."""

    def __init__(self, most: int) -> None:
        self.turnstile = Turnstile(most)
        self.inside: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *guests: str) -> None:
        """The first letter is the address."""
        for guest in guests:
            self.tasks.append(asyncio.create_task(self._enter(guest)))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def leave(self) -> None:
        self.turnstile.leave()
        await self.settle()

    async def _enter(self, guest: str) -> None:
        await self.turnstile.enter(guest[0])
        self.inside.append(guest)


async def test_a_few_are_inside_and_the_addresses_take_turns() -> None:
    guests = Gatherer(2)
    await guests.come("a1", "a2", "a3", "a4", "b1", "c1", "b2")
    assert guests.inside == ["a1", "a2"]
    for _ in range(5):
        await guests.leave()
    assert guests.inside == ["a1", "a2", "a3", "b1", "c1", "a4", "b2"]


async def test_a_thousand_requests_of_a_stranger_make_others_wait_for_one() -> None:
    guests = Gatherer(1)
    await guests.come(*(f"a{number}" for number in range(1000)), "b1")
    await guests.leave()
    await guests.leave()
    assert guests.inside == ["a0", "a1", "b1"]


async def test_whoever_goes_while_waiting_takes_no_place() -> None:
    guests = Gatherer(1)
    await guests.come("a1", "a2", "b1")
    guests.tasks[1].cancel()
    await guests.settle()
    await guests.leave()
    assert guests.inside == ["a1", "b1"]


async def test_whoever_goes_at_the_moment_of_its_turn_passes_it_on() -> None:
    guests = Gatherer(1)
    await guests.come("a1", "a2", "b1")
    guests.turnstile.leave()  # it is the turn of a2, which has not noticed yet
    guests.tasks[1].cancel()
    await guests.settle()
    assert guests.inside == ["a1", "b1"]


@pytest.mark.parametrize("most", [1, 3])
async def test_places_come_back(most: int) -> None:
    guests = Gatherer(most)
    for round_ in range(3):
        await guests.come(*(f"a{round_}{number}" for number in range(most)))
        assert len(guests.inside) == (round_ + 1) * most
        for _ in range(most):
            await guests.leave()
