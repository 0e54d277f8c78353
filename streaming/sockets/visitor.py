"""Who is at the other end of a socket, and what for: the query, the voice, whose key it is."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from streaming.access.credentials import Credentials
from streaming.access.gate import Gate, StreamMeter
from streaming.access.origin import address_of
from streaming.access.trust import Trust
from streaming.conf import Config
from streaming.errors import DatabaseUnavailable, Fault, ProtocolError, Refused, fault_of
from streaming.protocol.messages import read_object
from streaming.records.session_record import SessionRecord
from streaming.speech.voice_preparation import find_voice
from voices.database import asked_together
from voices.models import Voice
from voices.voice_cache import VoiceCache


class Visitor:
    """`refusal`: what is wrong with the request, to be said when the client has spoken. A client may bring its key in the
    handshake or in its first message, so a handshake without a key is accepted and the first message decides
    (docs/protocol.md, Keys on a socket). `on_end_of_key` is called when its key is not valid any more."""

    def __init__(
        self,
        scope: Any,
        config: Config,
        gate: Gate,
        voices: VoiceCache,
        on_end_of_key: Callable[[], object] | None = None,
    ) -> None:
        self._scope = scope
        self._config = config
        self._gate = gate
        self._voices = voices
        self.address = address_of(scope)
        self._seat = gate.connect(self.address)
        self._credentials = Credentials()
        self._on_end_of_key = on_end_of_key
        self._trust: Trust | None = None
        self._has_spoken = False
        self.query: Mapping[str, str] = {}
        self.voice: Voice | None = None
        self.refusal: ProtocolError | None = None

    @property
    def is_known(self) -> bool:
        """Whether it may speak, as far as keys are concerned."""
        return self._trust is not None

    async def arrive(self) -> Fault | None:
        """The handshake. Returns what ends the connection."""
        try:
            self.query = dict(parse_qsl(self._scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True))
            with asked_together():
                await self._identify_early()
                await self._find_voice()
        except ProtocolError as error:
            self.refusal = error
        except (Refused, DatabaseUnavailable) as error:
            self._has_spoken = True  # whatever its first message brings comes too late
            return fault_of(error)
        return None

    async def hear(self, raw: str) -> Fault | None:
        """A message. The first one may bring a key. Returns what ends the connection."""
        is_first, self._has_spoken = not self._has_spoken, True
        if not is_first or self._has_key:
            return None
        brought = Credentials()
        with suppress(ProtocolError):  # the session will say so
            brought = Credentials.from_message(read_object(raw))
        if self._trust is not None and not brought:
            return None
        # What has been accepted is not asked about again: a token works once.
        credentials = brought if self._trust is not None else brought.filled_from(self._credentials)
        try:
            with asked_together():
                await self._identify(credentials)
                await self._find_voice()
        except (ProtocolError, Refused, DatabaseUnavailable) as error:
            return fault_of(error)
        return None

    def meter(self) -> StreamMeter:
        """For one more stream of this visitor, who is known."""
        if self._trust is None or self.voice is None:
            raise RuntimeError("An open session needs an identified client and a voice.")
        return self._gate.stream(self._trust, self.address, self.voice.voice_id)

    def describe(self, record: SessionRecord) -> None:
        """As far as it is known who it is, and what for."""
        if self._trust:
            client = self._trust.client
            record.key_id, record.key_name = client.key_id, client.name
        record.voice_id = self.voice.voice_id if self.voice else ""

    def leave(self) -> None:
        self._seat.leave()
        self._on_end_of_key = None  # the connection that hears of it refers to this
        if self._trust:
            self._trust.leave()

    @property
    def _has_key(self) -> bool:
        return self._trust is not None and self._trust.client.key_id is not None

    async def _identify_early(self) -> None:
        headers = Credentials.from_headers(self._scope["headers"])
        self._credentials = headers.filled_from(Credentials.from_query(self.query))
        if self._credentials or not self._config.access.require_keys:
            await self._identify(self._credentials)

    async def _identify(self, credentials: Credentials) -> None:
        """Raises Refused, DatabaseUnavailable."""
        client = await self._gate.keys.identify(credentials, required=self._config.access.require_keys)
        self._seat.take_for(client)
        self._gate.note_use(client)
        if self._trust:
            self._trust.leave()
        self._trust = self._gate.trust(client, self._on_end_of_key)

    async def _find_voice(self) -> None:
        """Among those that the client may use, and not before it is known who it is: nobody else learns, by an answer or by
        the time until it, which voices there are. Raises ProtocolError, DatabaseUnavailable."""
        if self._trust is None or (self.voice and self._trust.client.may_use(self.voice.voice_id)):
            return
        voice_id, unknown = self._scope["url_route"]["kwargs"]["voice_id"], self._config.voices.unknown
        self.voice = await find_voice(self._voices, voice_id, unknown=unknown, allowed=self._trust.client.voices)
