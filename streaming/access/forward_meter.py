"""What a session in forward mode may hear, and what it costs."""

import math

from streaming.access.gate import StreamMeter
from streaming.access.prices import TOLERANCE


class ForwardMeter:
    """A session that listens to `channel`: from its beginning to its end one request, and one of the streams of its key.
    Each begun second of audio costs as much as a text that takes as long to say, the first as soon as it listens."""

    def __init__(self, stream: StreamMeter, channel: str) -> None:
        self._stream = stream
        self._channel = channel
        self._seconds = 0.0
        self._paid_seconds = 0

    async def begin(self) -> None:
        """Before anything is listened to. Raises Refused."""
        await self._check()
        await self._pay_for(1)

    async def pay(self, seconds: float) -> None:
        """Before so much more audio is sent. Raises Refused."""
        await self._check()
        self._seconds += seconds
        await self._pay_for(math.ceil(self._seconds - TOLERANCE))

    def delivered(self, seconds: float) -> None:
        """So much audio has been sent."""
        self._stream.spoke(seconds)

    def failed(self) -> None:
        """What was paid for last is not sent."""
        self._stream.failed()

    def end(self) -> None:
        """Nobody listens any more."""
        self._stream.end_turn()

    async def _check(self) -> None:
        """Whether the key is valid and may listen, now and then as the database has it. Raises Refused."""
        await self._stream.check_key()
        self._stream.client.require_channel(self._channel)

    async def _pay_for(self, seconds: int) -> None:
        if (unpaid := seconds - self._paid_seconds) > 0:
            await self._stream.charge(0, pause=unpaid)
            self._paid_seconds = seconds
