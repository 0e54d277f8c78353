"""What speaks the texts of one stream: fetches audio, has it sent, and reports. Knows no socket."""

from collections.abc import Awaitable, Callable, Iterator

from streaming.errors import code_of
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.packet import Packet
from streaming.records.recorder import Recorder, unrecorded
from streaming.speech.metering import Meter, Unmetered
from streaming.speech.playback import Playback
from streaming.speech.speech_queue import Queued, SpeechQueue
from streaming.text.rewriting import Rewriting
from voices.database import asked_together


class Speaker:
    """Speaks a stream's utterances in order: `queue` brings their audio, `playback` sends it, `meter` counts it, `recorder`
    writes it down. `on_spoken` is told of every item when all of it has been sent."""

    def __init__(
        self,
        queue: SpeechQueue,
        playback: Playback,
        on_spoken: Callable[[Utterance | TurnEnd], Awaitable[None]],
        meter: Meter | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._queue = queue
        self._playback = playback
        self._on_spoken = on_spoken
        self._meter = meter or Unmetered()
        self._recorder = recorder or unrecorded()
        self._is_closed = False

    def put(self, item: Utterance | TurnEnd) -> None:
        self._queue.put(item)
        self._submit_ahead()

    def expect(self, utterance: Utterance) -> None:
        """The text of this one is still arriving: it will probably be put next, whole."""
        self._queue.expect(utterance)

    async def run(self) -> None:
        """Speak until cancelled, or until `on_spoken` closes this speaker. Raises SpeechError when an utterance cannot be
        spoken."""
        try:
            while not self._is_closed:
                await self._serve(await self._next())
        except Exception as error:
            self._meter.failed()
            self._recorder.end_turn(code_of(error))
            raise
        finally:
            self.close()

    def close(self, result: str = "") -> None:
        """Cancel what is submitted. To be called by those who cancel `run`, too, which may not have begun. `result`: why,
        for the record."""
        self._is_closed = True
        self._queue.close()
        self._meter.end_turn()
        self._recorder.close(result)

    async def _next(self) -> Queued:
        is_idle = self._queue.is_empty
        queued = await self._queue.first()
        if is_idle:
            self._playback.resume()
            self._recorder.client_was_silent()
        return queued

    async def _serve(self, queued: Queued) -> None:
        if isinstance(queued.item, Utterance):
            await self._speak(queued, queued.item)
        else:
            await self._playback.end_turn()
            self._meter.end_turn()
            self._recorder.end_turn()
        self._queue.remove_first()
        await self._on_spoken(queued.item)
        self._submit_ahead()

    async def _speak(self, queued: Queued, utterance: Utterance) -> None:
        self._recorder.take_up(queued.put_at)
        with asked_together():
            await self._meter.charge(len(utterance.text), pause=utterance.pause)
            self._recorder.charged(len(utterance.text))
            submitted = await self._queue.submit(queued, utterance) if utterance.text else None
        if submitted:
            self._recorder.works(submitted.audio)
            self._playback.begin(utterance, submitted.text, submitted.audio.sample_rate, submitted.tempo)
            async for chunk in submitted.audio:
                if submitted.audio.was_awaited:
                    self._playback.resume(submitted.audio.came_at)
                await self._playback.send(self._metered(self._playback.push(chunk)))
        else:
            self._playback.begin(utterance, Rewriting.unchanged(""))
        await self._playback.send(self._metered(self._playback.finish()))
        self._recorder.spoken()

    def _metered(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        for packet in packets:
            self._submit_ahead()
            yield packet
            # It is sent, since the next one is asked for.
            self._meter.spoke(packet.seconds)
            self._recorder.sent(packet.seconds)

    def _submit_ahead(self) -> None:
        self._queue.submit_ahead(self._playback.unsent_seconds)
