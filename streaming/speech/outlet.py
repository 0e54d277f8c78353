"""Paced delivery of packets."""

import asyncio
from collections.abc import Awaitable, Callable

from streaming.audio.pacing import Pacer
from streaming.protocol.packet import Packet


class Outlet:
    """Paced delivery: sends each packet when it is due. `lead` in seconds; None sends as fast as the client reads."""

    def __init__(self, send: Callable[[Packet], Awaitable[None]], lead: float | None) -> None:
        self._send = send
        self._pacer = None if lead is None else Pacer(lead)

    def start_turn(self) -> None:
        if self._pacer:
            self._pacer.start_turn()

    def resume(self) -> None:
        """The source has something to send again, after it had nothing."""
        if self._pacer:
            self._pacer.resume(now=asyncio.get_running_loop().time())

    async def send(self, packet: Packet) -> None:
        """Waits until the packet is due, and until it is sent."""
        if self._pacer:
            now = asyncio.get_running_loop().time()
            wait = self._pacer.next_send_time(now=now) - now
            if wait > 0:
                await asyncio.sleep(wait)
            self._pacer.sent(packet.seconds)
        else:
            await asyncio.sleep(0)  # a client that reads fast must not block the event loop
        await self._send(packet)
