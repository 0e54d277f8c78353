"""What the HTTP endpoints speak with. Every request has it in its scope, so that importing a view starts no engine."""

from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest

from streaming import errors
from streaming.access.gate import Gate
from streaming.access.identity import Client
from streaming.access.refusals import no_key
from streaming.audio.formats import OutputFormat
from streaming.conf import Config
from streaming.dispatch.executor import Executor
from streaming.http.narration import Packets, Spoken, cost_of_all, narrate
from streaming.http.problems import Problem, busy
from streaming.protocol.context import TurnEnd, Utterance
from streaming.records.recorder import Recorder
from streaming.records.records import Records
from streaming.records.session_record import CLIENT_LEFT, SessionRecord
from streaming.speech.dictionaries import load_pronouncer
from streaming.speech.metering import Meter
from streaming.speech.outlet import Outlet
from streaming.speech.playback import Playback
from streaming.speech.request_maker import RequestMaker, SpeakerVoice
from streaming.speech.speaker import Speaker
from streaming.speech.speech_queue import SpeechQueue
from streaming.speech.voice_preparation import VoicePreparation, VoicePreparer, find_voice
from streaming.speech.voice_settings import SpokenAs
from voices.models import Voice
from voices.voice_cache import VoiceCache

SCOPE_KEY = "speech"


class Backend:
    """One per server process."""

    def __init__(
        self,
        executor: Executor,
        config: Config,
        preparer: VoicePreparer,
        gate: Gate,
        voices: VoiceCache,
        max_responses: int,
        records: Records | None = None,
    ) -> None:
        self.executor = executor
        self.config = config
        self.gate = gate
        self.records = records or Records()
        self._preparer = preparer
        self._voices = voices
        self._max_responses = max_responses
        self._open = 0

    @property
    def open_responses(self) -> int:
        """Responses that speak, or wait until they can."""
        return self._open

    async def find_voice(self, voice_id: str, client: Client, stand_ins: Sequence[str] = ()) -> Voice:
        """Among the voices that the client may use; where there is none of that id, the first of `stand_ins` that there is.
        Raises ProtocolError, DatabaseUnavailable."""
        unknown = self.config.voices.unknown
        return await find_voice(self._voices, voice_id, unknown=unknown, allowed=client.voices, stand_ins=stand_ins)

    async def speak(
        self,
        caller: "Caller",
        voice: Voice,
        items: Sequence[Utterance | TurnEnd],
        output: OutputFormat,
        record: SessionRecord,
        *,
        is_patient: bool = False,
    ) -> Packets:
        """The packets of all `items`. Raises Problem and SpeechError; closing it cancels what is left. `is_patient`: the
        times of characters need not come with their sound."""
        record.voice_id, record.output_format, record.mode = voice.voice_id, output.name, "generate"
        async with self.gate.admit(caller.client, caller.address, voice.voice_id) as lease:
            await lease.reserve(cost_of_all(items))
            self.records.begin(record)
            recorder = Recorder(record, self.records, asked_at=record.began, left=CLIENT_LEFT)
            async with aclosing(self._speak(voice, items, output, lease, recorder, is_patient)) as packets:
                async for packet in packets:
                    yield packet

    async def _speak(
        self,
        voice: Voice,
        items: Sequence[Utterance | TurnEnd],
        output: OutputFormat,
        meter: Meter,
        recorder: Recorder,
        is_patient: bool,
    ) -> Packets:
        if self._open >= self._max_responses:
            raise busy("The server has reached its maximum number of concurrent requests; try again later.")
        preparation = self._preparer.begin(voice)
        requests = self._requests(voice, preparation, is_patient=is_patient)

        def make_speaker(outlet: Outlet, on_spoken: Spoken) -> Speaker:
            return self._make_speaker(requests, output, outlet, on_spoken, meter, recorder)

        self._open += 1
        try:
            async with aclosing(narrate(items, make_speaker)) as packets:
                async for packet in packets:
                    yield packet
        finally:
            self._open -= 1
            preparation.cancel()

    def _requests(self, voice: Voice, preparation: VoicePreparation, *, is_patient: bool) -> RequestMaker:
        speaker_voice = SpeakerVoice(preparation.ref, SpokenAs.of(voice, self.config.model.language))
        languages, rates = self._preparer.languages, self._preparer.rates
        return RequestMaker(self.executor, speaker_voice, languages, load_pronouncer, rates, is_patient=is_patient)

    def _make_speaker(
        self,
        requests: RequestMaker,
        output: OutputFormat,
        outlet: Outlet,
        on_spoken: Spoken,
        meter: Meter,
        recorder: Recorder,
    ) -> Speaker:
        service = self.config.service
        queue = SpeechQueue(self.executor, requests, max_ahead=service.max_ahead_seconds)
        # A response is heard whole: the end of an utterance need not be hurried out before the next begins.
        playback = Playback(output, outlet, max_packet_ms=service.max_packet_ms, hurries=False)
        return Speaker(queue, playback, on_spoken, meter, recorder)


async def let_go_of_the_database() -> None:
    """Close the connection of the request's own thread, which will not be used again."""
    await sync_to_async(_close_connections)()


def _close_connections() -> None:
    """But for those that are in a transaction: that is somebody else's, a middleware's or a test's."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


@dataclass(slots=True)
class Caller:
    """Whose request it is: nobody's, until the API has asked. Nobody may do anything."""

    address: str
    identified: Client | None = None

    @property
    def client(self) -> Client:
        """Raises Refused."""
        if self.identified is None:
            raise no_key()
        return self.identified


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response: whose it is, what it speaks with, what ends with it, however it ends, and what is known
    of it."""

    caller: Caller
    backend: Backend
    closing: AsyncExitStack
    record: SessionRecord = field(default_factory=lambda: SessionRecord("", "http"))

    def identify(self, client: Client) -> None:
        """It is known who asks."""
        self.caller.identified = client
        self.record.key_id, self.record.key_name = client.key_id, client.name


def exchange_of(request: HttpRequest) -> Exchange:
    """Raises Problem where no server hands over an exchange: the speech application is not what it serves."""
    exchange: Exchange | None = getattr(request, "scope", {}).get(SCOPE_KEY)
    if exchange is None:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            errors.ENGINE_UNAVAILABLE.code,
            "This server does not serve speech: daphne or uvicorn has to serve the application that "
            "streaming.asgi.speech_application makes.",
        )
    return exchange
