"""Packets that go out when they are due, and wait where the client has no room."""

import asyncio
from collections.abc import Iterator

import pytest

from streaming.measures.speech_figures import SpeechFigures
from streaming.protocol.packet import Packet
from streaming.speech.outlet import Outlet, Rest

PACKETS = [Packet(bytes([number]), 0.002) for number in range(20)]
# As fast as the client reads; a timer for each packet; all at once.
LEADS = [None, 0.0, 10.0]


class Client:
    """Has no room for every `slow`-th packet when it is sent."""

    def __init__(self, slow: int = 1000) -> None:
        self.heard: list[Packet] = []
        self._slow = slow
        self._sent = 0

    def take(self, packet: Packet) -> Rest | None:
        self._sent += 1
        if self._sent % self._slow:
            self.heard.append(packet)
            return None

        async def rest() -> None:
            await asyncio.sleep(0.001)
            self.heard.append(packet)

        return rest


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("slow", [1, 3, 1000])
async def test_all_packets_are_sent_in_order(lead: float | None, slow: int) -> None:
    client = Client(slow)
    await Outlet(client.take, lead).send_all(iter(PACKETS))
    assert client.heard == PACKETS


@pytest.mark.parametrize("lead", LEADS)
async def test_the_next_packet_is_asked_for_when_the_one_before_it_is_sent(lead: float | None) -> None:
    client = Client(slow=3)

    def asked() -> Iterator[Packet]:
        for number, packet in enumerate(PACKETS):
            assert len(client.heard) == number
            yield packet

    await Outlet(client.take, lead).send_all(asked())
    assert client.heard == PACKETS


@pytest.mark.parametrize("lead", LEADS)
async def test_what_goes_wrong_with_a_packet_is_raised(lead: float | None) -> None:
    def failing() -> Iterator[Packet]:
        yield from PACKETS[:3]
        raise LookupError("no more")

    client = Client()
    with pytest.raises(LookupError):
        await Outlet(client.take, lead).send_all(failing())
    assert client.heard == PACKETS[:3]


@pytest.mark.parametrize("lead", LEADS)
async def test_nothing_is_sent_after_a_cancellation(lead: float | None) -> None:
    client, endless = Client(), (Packet(b"x", 0.002) for _ in iter(int, 1))
    # What is due at once would never end.
    sending = asyncio.create_task(Outlet(client.take, min(lead, 0.1) if lead else lead).send_all(endless))
    while len(client.heard) < 5:
        await asyncio.sleep(0)
    sending.cancel()
    await asyncio.wait([sending])
    heard = len(client.heard)
    await asyncio.sleep(0.02)
    assert len(client.heard) == heard


async def test_a_packet_that_waits_for_its_time_counts_with_how_late_it_is() -> None:
    figures = SpeechFigures()
    await Outlet(Client().take, 0.0, figures).send_all(iter(PACKETS))
    assert sum(figures.lateness.counts) == len(PACKETS)
    assert figures.lateness.sum > 0


async def test_what_is_due_at_once_is_not_late() -> None:
    figures = SpeechFigures()
    await Outlet(Client().take, 10.0, figures).send_all(iter(PACKETS))
    assert (sum(figures.lateness.counts), figures.lateness.sum) == (len(PACKETS), 0.0)
