"""The speakers of one connection: what each of its streams is spoken with."""

from collections.abc import Awaitable, Callable

from streaming.access.forward_meter import ForwardMeter
from streaming.audio.formats import FORMATS
from streaming.dispatch.executor import Place
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.packet import Packet
from streaming.protocol.parameters import Parameters
from streaming.records.recorder import Recorder
from streaming.records.session_record import SessionRecord
from streaming.sockets.parts import Parts
from streaming.sockets.visitor import Visitor
from streaming.speech.dictionaries import load_pronouncer
from streaming.speech.outlet import Outlet, Rest
from streaming.speech.playback import Playback
from streaming.speech.request_maker import RequestMaker, SpeakerVoice
from streaming.speech.speaker import Speaker
from streaming.speech.speech_queue import SpeechQueue
from streaming.speech.voice_preparation import VoicePreparation
from streaming.speech.voice_settings import SpokenAs
from voices.models import Voice

SendPacket = Callable[[Packet], Rest | None]
Spoken = Callable[[Utterance | TurnEnd], Awaitable[None]]


class Speakers:
    """`parameters`: those that the connection was opened with."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._preparation: VoicePreparation | None = None
        self.parameters = Parameters()

    def prepare(self, voice: Voice) -> None:
        """It will probably speak."""
        self._preparation = self._parts.preparer.begin(voice)

    def stop_preparing(self) -> None:
        if self._preparation:
            self._preparation.cancel()

    def outlet(self, send_packet: SendPacket) -> Outlet:
        lead = self.parameters.target_lead_ms
        return Outlet(send_packet, None if lead is None else lead / 1000, self._parts.figures)

    def make(
        self, visitor: Visitor, place: Place, record: SessionRecord, send_packet: SendPacket, on_spoken: Spoken
    ) -> Speaker:
        """For one stream of the connection."""
        if visitor.voice is None:
            raise RuntimeError("A session without a voice was opened.")
        parts, service, output = self._parts, self._parts.config.service, FORMATS[self.parameters.output_format]
        preparer = parts.preparer
        voice = self._speaker_voice(visitor.voice)
        requests = RequestMaker(parts.executor, voice, preparer.languages, load_pronouncer, preparer.rates)
        queue = SpeechQueue(parts.executor, requests, max_ahead=service.max_ahead_seconds, place=place)
        playback = Playback(output, self.outlet(send_packet), max_packet_ms=service.max_packet_ms)
        recorder = Recorder(record, parts.records, place.stream_number)
        return Speaker(queue, playback, on_spoken, visitor.meter(), recorder)

    def _speaker_voice(self, voice: Voice) -> SpeakerVoice:
        # A ttsInitRequest may ask for speech although the query did not, and a key in it may mean another voice.
        if self._preparation is None or self._preparation.voice is not voice:
            self.stop_preparing()
            self._preparation = self._parts.preparer.begin(voice)
        return SpeakerVoice(self._preparation.ref, SpokenAs.of(voice, self._parts.config.model.language))


class RecordedForwardMeter(ForwardMeter):
    """Writes down, too, how much audio is delivered."""

    def __init__(self, visitor: Visitor, channel: str, record: SessionRecord) -> None:
        super().__init__(visitor.meter(), channel)
        self._measures = record.measures

    def delivered(self, seconds: float) -> None:
        super().delivered(seconds)
        self._measures.audio_seconds += seconds
