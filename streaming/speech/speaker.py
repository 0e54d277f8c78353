"""What speaks the texts of one stream: fetches audio, paces it, hands it on. Knows no socket."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from streaming.audio.formats import OutputFormat
from streaming.audio.packets import FrameJoiner
from streaming.dispatch.executor import Executor, Place, SpeechStream
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.errors import SpeechError
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Locators
from streaming.speech.delivery import Delivery, end_of_stream
from streaming.speech.language import spoken_language
from streaming.speech.metering import Meter, Unmetered
from streaming.speech.outlet import Outlet
from streaming.text.pronunciation import Pronouncer
from streaming.text.rewriting import Rewriting

logger = logging.getLogger("streaming.speech.speaker")


@dataclass(frozen=True, slots=True)
class SpeakerVoice:
    """What a voice brings to each of its utterances. `ref` gives its sound as soon as that is prepared; may raise
    SpeechError."""

    ref: Callable[[], Awaitable[VoiceRef]]
    language: str
    speed: float


async def as_written(locators: Locators) -> Pronouncer:
    """No dictionary has a say."""
    return Pronouncer()


@dataclass(slots=True)
class _Queued:
    """`text` and `stream` once it is submitted."""

    item: Utterance | TurnEnd
    text: Rewriting | None = None
    stream: SpeechStream | None = None


class Speaker:
    """Speaks a stream's utterances in order.

    The next utterance is submitted with the first packet after the one before it is generated, while less than `max_ahead`
    seconds of audio wait to be sent: then there is no pause between them, and no engine works for a client that does not
    listen. `load_pronouncer` may raise SpeechError. `hurries`: an utterance's last sound goes out at once, by silence where
    the encoder would hold it back; otherwise it may come with what follows.
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
        meter: Meter | None = None,
        load_pronouncer: Callable[[Locators], Awaitable[Pronouncer]] = as_written,
        hurries: bool = True,
    ) -> None:
        self._executor = executor
        self._place = place
        self._meter = meter or Unmetered()
        self._voice = voice
        self._ref: VoiceRef | None = None
        self._load_pronouncer = load_pronouncer
        self._pronouncer = Pronouncer()
        self._locators: Locators = ()
        self._output = output
        self._encoder = output.new_encoder()
        self._outlet = outlet
        self._on_spoken = on_spoken
        self._max_packet_ms = max_packet_ms
        self._max_ahead = max_ahead
        self._hurries = hurries
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
                await self._serve(self._queue[0])
        except Exception:
            self._meter.failed()
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Cancel what is submitted. For whoever stops `run`, which may not even have begun."""
        self._is_closed = True
        for queued in self._queue:
            if queued.stream:
                queued.stream.cancel()
        self._queue.clear()
        self._meter.end_turn()

    async def _serve(self, queued: _Queued) -> None:
        if isinstance(queued.item, Utterance):
            await self._speak(queued, queued.item)
        else:
            await self._outlet.deliver(end_of_stream(self._encoder))
            self._encoder = self._output.new_encoder()
            self._meter.end_turn()
        self._queue.popleft()
        await self._on_spoken(queued.item)
        self._submit_ahead()

    async def _speak(self, queued: _Queued, utterance: Utterance) -> None:
        self._begin_turn(utterance)
        if not utterance.text:
            await self._deliver(self._delivery(utterance, Rewriting.unchanged(""), self._output.sample_rate).finish())
            return
        await self._meter.charge(len(utterance.text))
        if queued.stream is None:
            self._submit(queued, utterance, await self._prepare(utterance))
        if queued.stream and queued.text:
            delivery = self._delivery(utterance, queued.text, queued.stream.sample_rate)
            await self._deliver_stream(queued.stream, delivery)

    async def _deliver_stream(self, stream: SpeechStream, delivery: Delivery) -> None:
        is_complete = False
        async for chunk in stream:
            is_complete = chunk.last
            self._undelivered = len(chunk.samples) / stream.sample_rate
            await self._deliver(delivery.push(chunk.samples, text_end=chunk.text_end, last=chunk.last))
        self._undelivered = 0.0
        if not is_complete:
            await self._deliver(delivery.finish())

    async def _deliver(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            self._submit_ahead()
            await self._outlet.deliver([packet])
            self._undelivered -= packet.seconds
            self._meter.spoke(packet.seconds)

    def _delivery(self, utterance: Utterance, text: Rewriting, source_rate: int) -> Delivery:
        return Delivery(
            text=text,
            source_rate=source_rate,
            encoder=self._encoder,
            joiner=self._joiner,
            max_packet_ms=self._max_packet_ms,
            pause=utterance.pause,
            flush=self._hurries,
        )

    def _begin_turn(self, utterance: Utterance) -> None:
        if utterance.turn != self._turn:
            self._turn = utterance.turn
            self._joiner = FrameJoiner(utterance.parameters.chunk_length_schedule_frames)
            self._outlet.start_turn()

    def _submit_ahead(self) -> None:
        """Submit the next utterance if the ones before it are generated and not too much waits to be sent."""
        ahead = self._undelivered
        for queued in self._queue:
            if not isinstance(queued.item, Utterance) or not queued.item.text:
                continue
            if queued.stream is None:
                if ahead <= self._max_ahead:
                    self._try_submit(queued, queued.item)
                return
            if not queued.stream.is_generated:
                return
            ahead += queued.stream.queued_seconds

    def _try_submit(self, queued: _Queued, utterance: Utterance) -> None:
        if self._ref is None or self._locators != utterance.parameters.pronunciation_dictionary_locators:
            return  # it waits for its voice, or its pronunciation
        try:
            self._submit(queued, utterance, self._ref)
        except SpeechError as error:
            # Its turn to speak may come when there is room again; if not, the error is raised then.
            logger.debug("An utterance could not be submitted ahead: %s", error)

    async def _prepare(self, utterance: Utterance) -> VoiceRef:
        """Have what the utterance needs: its voice, which is returned, and its pronunciation."""
        locators = utterance.parameters.pronunciation_dictionary_locators
        if self._locators != locators:
            self._pronouncer, self._locators = await self._load_pronouncer(locators), locators
        self._ref = self._ref or await self._voice.ref()
        return self._ref

    def _submit(self, queued: _Queued, utterance: Utterance, voice: VoiceRef) -> None:
        text = self._pronouncer.pronounce(utterance.text)
        request = self._request(utterance, text.spoken, voice)
        queued.stream = self._executor.speak(request, continues=utterance.index > 0, place=self._place)
        queued.text = text

    def _request(self, utterance: Utterance, text: str, voice: VoiceRef) -> SpeechRequest:
        parameters = utterance.parameters
        return SpeechRequest(
            request_id=uuid.uuid4().hex,
            text=text,
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
