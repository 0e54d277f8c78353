"""The one extra task of a connection: fetches audio, paces it, hands it to the socket."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from streaming.audio.formats import OutputFormat
from streaming.audio.pacing import Pacer
from streaming.audio.packets import FrameJoiner
from streaming.delivery import Delivery, Packet, end_of_stream
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.executor import Executor, Place, SpeechError, SpeechStream
from streaming.forwarding import ForwardedAudio, Subscription
from streaming.language import spoken_language
from streaming.protocol.context import TurnEnd, Utterance
from streaming.rewriting import Rewriting

logger = logging.getLogger("streaming.speaker")


@dataclass(frozen=True, slots=True)
class SpeakerVoice:
    """What a voice brings to each of its utterances. `ref` gives its sound as soon as that is prepared; may raise
    SpeechError."""

    ref: Callable[[], Awaitable[VoiceRef]]
    language: str
    speed: float


class Outlet:
    """Paced delivery: sends each packet when it is due. `lead` in seconds; None sends as fast as the client reads."""

    def __init__(self, send: Callable[[Packet], Awaitable[None]], lead: float | None) -> None:
        self._send = send
        self._pacer = None if lead is None else Pacer(lead)

    def start_turn(self) -> None:
        if self._pacer:
            self._pacer.start_turn()

    async def deliver(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            if self._pacer:
                await self._wait_until_due(self._pacer)
                self._pacer.sent(packet.seconds)
            else:
                await asyncio.sleep(0)  # a client that reads fast must not keep the loop from everybody else
            await self._send(packet)

    async def _wait_until_due(self, pacer: Pacer) -> None:
        clock = asyncio.get_running_loop().time
        now = clock()
        wait = pacer.next_send_time(now=now) - now
        if wait > 0:
            await asyncio.sleep(wait)


@dataclass(slots=True)
class _Queued:
    item: Utterance | TurnEnd
    stream: SpeechStream | None = None


class Speaker:
    """Generate mode: speaks a connection's utterances in order.

    The next utterance is submitted with the first packet after the one before it is generated, while less than `max_ahead`
    seconds of audio wait to be sent: then there is no pause between them, and no engine works for a client that does not
    listen.
    """

    def __init__(
        self,
        executor: Executor,
        voice: SpeakerVoice,
        output: OutputFormat,
        outlet: Outlet,
        on_spoken: Callable[[Utterance | TurnEnd], Awaitable[None]],
        *,
        max_packet_ms: int,
        max_ahead: float,
        place: Place | None = None,
    ) -> None:
        self._executor = executor
        self._place = place
        self._voice = voice
        self._ref: VoiceRef | None = None
        self._output = output
        self._encoder = output.new_encoder()
        self._outlet = outlet
        self._on_spoken = on_spoken
        self._max_packet_ms = max_packet_ms
        self._max_ahead = max_ahead
        self._is_closed = False
        self._queue: deque[_Queued] = deque()
        self._arrived = asyncio.Event()
        # Seconds of the chunk that is being sent.
        self._undelivered = 0.0
        self._turn = -1
        self._joiner = FrameJoiner(())

    def put(self, item: Utterance | TurnEnd) -> None:
        self._queue.append(_Queued(item))
        self._arrived.set()
        self._submit_ahead()

    async def run(self) -> None:
        """Speak until cancelled, or closed by what `on_spoken` does. Raises SpeechError when an utterance cannot be
        spoken."""
        try:
            while not self._is_closed:
                while not self._queue:
                    self._arrived.clear()
                    await self._arrived.wait()
                queued = self._queue[0]
                if isinstance(queued.item, Utterance):
                    await self._speak(queued, queued.item)
                else:
                    await self._outlet.deliver(end_of_stream(self._encoder))
                    self._encoder = self._output.new_encoder()
                self._queue.popleft()
                await self._on_spoken(queued.item)
                self._submit_ahead()
        finally:
            self.close()

    def close(self) -> None:
        """Cancel what is submitted. For whoever stops `run`, which may not even have begun."""
        self._is_closed = True
        for queued in self._queue:
            if queued.stream:
                queued.stream.cancel()
        self._queue.clear()

    async def _speak(self, queued: _Queued, utterance: Utterance) -> None:
        if queued.stream is None:
            self._ref = self._ref or await self._voice.ref()
            queued.stream = self._submit(utterance, self._ref)
        self._begin_turn(utterance)
        delivery = Delivery(
            text=Rewriting.unchanged(utterance.text),
            source_rate=queued.stream.sample_rate,
            encoder=self._encoder,
            joiner=self._joiner,
            max_packet_ms=self._max_packet_ms,
        )
        is_complete = False
        async for chunk in queued.stream:
            is_complete = chunk.last
            self._undelivered = len(chunk.samples) / queued.stream.sample_rate
            for packet in delivery.push(chunk.samples, text_end=chunk.text_end, last=chunk.last):
                self._submit_ahead()
                await self._outlet.deliver([packet])
                self._undelivered -= packet.seconds
        self._undelivered = 0.0
        if not is_complete:
            await self._outlet.deliver(delivery.finish())

    def _begin_turn(self, utterance: Utterance) -> None:
        if utterance.turn != self._turn:
            self._turn = utterance.turn
            self._joiner = FrameJoiner(utterance.parameters.chunk_length_schedule_frames)
            self._outlet.start_turn()

    def _submit_ahead(self) -> None:
        """Submit the next utterance if the ones before it are generated and not too much waits to be sent."""
        if self._ref is None:
            return  # the first one waits for its voice
        ahead = self._undelivered
        for queued in self._queue:
            if not isinstance(queued.item, Utterance):
                continue
            if queued.stream is None:
                if ahead <= self._max_ahead:
                    self._try_submit(queued, queued.item, self._ref)
                return
            if not queued.stream.is_generated:
                return
            ahead += queued.stream.queued_seconds

    def _try_submit(self, queued: _Queued, utterance: Utterance, voice: VoiceRef) -> None:
        try:
            queued.stream = self._submit(utterance, voice)
        except SpeechError as error:
            # Its turn to speak may come when there is room again; if not, the error is raised then.
            logger.debug("An utterance could not be submitted ahead: %s", error)

    def _submit(self, utterance: Utterance, voice: VoiceRef) -> SpeechStream:
        return self._executor.speak(self._request(utterance, voice), continues=utterance.index > 0, place=self._place)

    def _request(self, utterance: Utterance, voice: VoiceRef) -> SpeechRequest:
        parameters = utterance.parameters
        return SpeechRequest(
            request_id=uuid.uuid4().hex,
            text=utterance.text,
            voice=voice,
            language=self._language(parameters.language),
            speed=parameters.speed or self._voice.speed,
            seed=parameters.seed,
            stream_chunk_size=parameters.stream_chunk_size,
            overlap_wav_len=parameters.overlap_wav_len,
            left_context_seconds=parameters.left_context_seconds,
        )

    def _language(self, asked: str | None) -> str:
        info = self._executor.status.info
        if info is None:
            return asked or self._voice.language  # the executor refuses the request
        return spoken_language(asked, self._voice.language, info)


class Forwarder:
    """Forward mode: cuts, paces and ends what is published as if it had been generated here."""

    def __init__(
        self,
        output: OutputFormat,
        outlet: Outlet,
        on_forwarded: Callable[[bool], Awaitable[None]],
        *,
        frames: tuple[int, ...],
        max_packet_ms: int,
    ) -> None:
        self._output = output
        self._encoder = output.new_encoder()
        self._outlet = outlet
        self._on_forwarded = on_forwarded
        self._frames = frames
        self._max_packet_ms = max_packet_ms
        self._delivery: Delivery | None = None
        self._rate = 0

    async def run(self, source: Subscription) -> None:
        """Forward until cancelled. Raises SourceError when the source fails."""
        async for audio in source:
            await self._outlet.deliver(self._packets(audio))
            if audio.is_final:
                await self._outlet.deliver(end_of_stream(self._encoder))
                self._delivery, self._encoder = None, self._output.new_encoder()
                self._outlet.start_turn()
            await self._on_forwarded(audio.is_final)

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
        )
