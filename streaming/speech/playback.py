"""From an engine's audio to packets that are sent when they are due."""

from collections.abc import Iterator

from streaming.audio.formats import OutputFormat
from streaming.audio.packets import FrameJoiner
from streaming.engine.contract import PcmChunk
from streaming.protocol.context import Utterance
from streaming.protocol.packet import Packet
from streaming.protocol.speaking_rate import Tempo
from streaming.speech.delivery import Delivery, end_of_stream
from streaming.speech.outlet import Outlet
from streaming.text.rewriting import Rewriting


class Playback:
    """The audio of one stream on its way out: `begin` an utterance, `push` its chunks, `finish` it, and `send` each packet.

    `hurries`: an utterance's last sound goes out at once, by silence where the encoder would hold it back; otherwise it may
    come with what follows. `unsent_seconds`: audio of the last chunk that is not sent yet.
    """

    def __init__(self, output: OutputFormat, outlet: Outlet, *, max_packet_ms: int, hurries: bool = True) -> None:
        self._output = output
        self._outlet = outlet
        self._max_packet_ms = max_packet_ms
        self._hurries = hurries
        # Both go from utterance to utterance: the encoder to the end of the turn, the joiner to that of its schedule.
        self._encoder = output.new_encoder()
        self._joiner = FrameJoiner(())
        self._turn = -1
        self._delivery: Delivery | None = None
        # The one before it, at the end of which it begins.
        self._latest: Delivery | None = None
        self._source_rate = output.sample_rate
        self.unsent_seconds = 0.0

    def begin(
        self,
        utterance: Utterance,
        text: Rewriting,
        source_rate: int | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        """`text`: how the engine's text has come from the utterance's. `source_rate`: the engine's, if it speaks, and
        `tempo`: how fast."""
        if utterance.turn != self._turn:
            self._turn = utterance.turn
            self._joiner = FrameJoiner(utterance.parameters.chunk_length_schedule_frames)
            self._outlet.start_turn()
        self._source_rate = source_rate or self._output.sample_rate
        self._delivery = self._latest = Delivery(
            text=text,
            source_rate=self._source_rate,
            encoder=self._encoder,
            joiner=self._joiner,
            max_packet_ms=self._max_packet_ms,
            pause=utterance.pause,
            flush=self._hurries,
            tempo=tempo,
            begin=self._latest.end if self._latest else 0,
            is_timed=utterance.is_timed,
        )

    def resume(self, since: float | None = None) -> None:
        """There is something to play again, after there was nothing: now, or since a time on the event loop's clock."""
        self._outlet.resume(since)

    def push(self, chunk: PcmChunk) -> Iterator[Packet]:
        """The packets that the chunk completes; each is encoded when it is asked for."""
        if self._delivery is None:
            raise RuntimeError("A chunk came before its utterance.")
        self.unsent_seconds = len(chunk.samples) / self._source_rate
        packets = self._delivery.push(
            chunk.samples, text_end=chunk.text_end, piece_end=chunk.piece_end, last=chunk.last
        )
        if chunk.last:
            self._delivery = None
        return packets

    def finish(self) -> Iterator[Packet]:
        """The utterance's last packets, where no last chunk has brought them."""
        self.unsent_seconds = 0.0
        delivery, self._delivery = self._delivery, None
        return delivery.finish() if delivery else iter(())

    async def send(self, packets: Iterator[Packet]) -> None:
        """Each when it is due."""
        await self._outlet.send_all(self._counted(packets))

    def _counted(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        for packet in packets:
            yield packet
            # The next one is asked for.
            self.unsent_seconds -= packet.seconds

    async def end_turn(self) -> None:
        """Send what the encoder still holds."""
        await self._outlet.send_all(iter(end_of_stream(self._encoder)))
        self._encoder = self._output.new_encoder()
