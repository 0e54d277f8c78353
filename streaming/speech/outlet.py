"""Paced delivery of packets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from streaming.audio.pacing import Pacer
from streaming.measures.distribution import Distribution
from streaming.measures.speech_figures import SpeechFigures
from streaming.protocol.packet import Packet
from streaming.speech.metronome import metronome_of

# What is left to be awaited of a packet that could not be sent at once.
Rest = Callable[[], Awaitable[None]]


def waiting(send: Callable[[Packet], Awaitable[None]]) -> Callable[[Packet], Rest]:
    """For those who cannot send at once."""
    return lambda packet: partial(send, packet)


class Outlet:
    """Paced delivery: sends each packet when it is due. `lead` in seconds; None sends as fast as the client reads.
    `send_now` sends a packet at once and returns None, or else what has to be awaited until it is sent. `figures` is told
    how late paced packets are."""

    def __init__(
        self,
        send_now: Callable[[Packet], Rest | None],
        lead: float | None,
        figures: SpeechFigures | None = None,
    ) -> None:
        self._send_now = send_now
        self._lateness = (figures or SpeechFigures()).lateness
        self._pacer = None if lead is None else Pacer(lead)

    def start_turn(self) -> None:
        if self._pacer:
            self._pacer.start_turn()

    def resume(self, since: float | None = None) -> None:
        """The source has something to send again, after it had nothing: now, or since a time on the event loop's clock. What
        the server does not send meanwhile is no pause of the source."""
        if self._pacer:
            self._pacer.resume(now=asyncio.get_running_loop().time() if since is None else since)

    async def send(self, packet: Packet) -> None:
        """Waits until the packet is due, and until it is sent."""
        await self.send_all(iter((packet,)))

    async def send_all(self, packets: Iterator[Packet]) -> None:
        """Each when it is due. The next one is asked for as soon as the one before it is sent."""
        if self._pacer is None:
            for packet in packets:
                await asyncio.sleep(0)  # a client that reads fast must not block the event loop
                if rest := self._send_now(packet):
                    await rest()
        else:
            run = _PacedRun(packets, self._pacer, self._send_now, self._lateness)
            while rest := await run.until_held_up():
                await rest()


class _PacedRun:
    """Packets on their way: each is sent by the call that says that it is due. To wake a task for each would cost more."""

    def __init__(
        self,
        packets: Iterator[Packet],
        pacer: Pacer,
        send_now: Callable[[Packet], Rest | None],
        lateness: Distribution,
    ) -> None:
        self._packets = packets
        self._pacer = pacer
        self._send_now = send_now
        self._lateness = lateness
        self._loop = asyncio.get_running_loop()
        self._metronome = metronome_of(self._loop)
        self._next: Packet | None = None

    async def until_held_up(self) -> Rest | None:
        """Send until a packet has to be waited for; None: all are sent. Raises whatever making or sending them raises."""
        is_over, rest = self._advance()
        if is_over:
            return rest
        self._outcome: asyncio.Future[Rest | None] = self._loop.create_future()
        self._metronome.call_at(self._due, self._go_on)
        return await self._outcome

    def _go_on(self) -> None:
        """The next packet is due."""
        if self._outcome.done():
            return  # nobody waits any more
        try:
            is_over, rest = self._advance()
        except Exception as error:
            self._outcome.set_exception(error)
            return
        if is_over:
            self._outcome.set_result(rest)
        else:
            self._metronome.call_at(self._due, self._go_on)

    def _advance(self) -> tuple[bool, Rest | None]:
        """Send what is due. Whether that is all for now, and what has to be awaited; if not, `_due` says when to go on."""
        pacer, clock = self._pacer, self._loop.time
        while True:
            packet = self._next
            if packet is None and (packet := next(self._packets, None)) is None:
                return True, None
            now = clock()
            due = pacer.next_send_time(now=now)
            if due > now:
                self._next, self._due = packet, due
                return False, None
            # One that is due as soon as it is there is not late: what made it late is in front of it.
            self._lateness.add(now - self._due if self._next else 0.0)
            self._next = None
            pacer.sent(packet.seconds)
            if rest := self._send_now(packet):
                return True, rest
