"""What a speaker is for text, for published audio: cuts it into packets, and paces them."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from streaming.audio.formats import OutputFormat
from streaming.audio.packets import FrameJoiner
from streaming.forwarding.publisher import ForwardedAudio
from streaming.forwarding.subscription import Subscription
from streaming.protocol.packet import Packet
from streaming.speech.delivery import Delivery, end_of_stream
from streaming.speech.outlet import Outlet
from streaming.text.rewriting import Rewriting


class ForwardMeter(Protocol):
    """Decides whether a session may listen, and counts what it hears."""

    async def begin(self) -> None:
        """Before anything is listened to. May raise SpeechError."""

    async def pay(self, seconds: float) -> None:
        """Before so much more audio is sent. May raise SpeechError."""

    def delivered(self, seconds: float) -> None:
        """So much audio has been sent."""

    def failed(self) -> None:
        """What was paid for last is not sent."""

    def end(self) -> None:
        """Nobody listens any more."""


class Forwarder:
    """Sends what is published as if it had been generated here; `meter` counts it. `on_forwarded` is told of each
    publication that has been sent whether it ended a batch, and whether no other one waits."""

    def __init__(
        self,
        output: OutputFormat,
        outlet: Outlet,
        meter: ForwardMeter,
        on_forwarded: Callable[[bool, bool], Awaitable[None]],
        *,
        frames: tuple[int, ...],
        max_packet_ms: int,
    ) -> None:
        self._output = output
        self._encoder = output.new_encoder()
        self._outlet = outlet
        self._meter = meter
        self._on_forwarded = on_forwarded
        self._frames = frames
        self._max_packet_ms = max_packet_ms
        self._delivery: Delivery | None = None
        self._rate = 0

    async def run(self, source: Subscription) -> None:
        """Forward until cancelled. Raises SourceError when the source fails, and what the meter raises."""
        async for audio in source:
            if source.was_awaited:
                self._outlet.resume()
            await self._deliver(self._packets(audio))
            if audio.is_final:
                await self._deliver(end_of_stream(self._encoder))
                self._delivery, self._encoder = None, self._output.new_encoder()
                self._outlet.start_turn()
            await self._on_forwarded(audio.is_final, source.is_empty)

    async def _deliver(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            await self._meter.pay(packet.seconds)
            await self._outlet.send(packet)
            self._meter.delivered(packet.seconds)

    def _packets(self, audio: ForwardedAudio) -> list[Packet]:
        packets: list[Packet] = []
        if self._delivery is None or self._rate != audio.sample_rate:
            # Audio at another rate is another stream: the one before it is finished first.
            packets += self._delivery.finish() if self._delivery else []
            self._delivery, self._rate = self._new_delivery(audio.sample_rate), audio.sample_rate
        return packets + list(self._delivery.push(audio.samples, last=audio.is_final))

    def _new_delivery(self, source_rate: int) -> Delivery:
        return Delivery(
            text=Rewriting.unchanged(""),
            source_rate=source_rate,
            encoder=self._encoder,
            joiner=FrameJoiner(self._frames),
            max_packet_ms=self._max_packet_ms,
            is_timed=False,
        )
