"""What the sockets of one server process share."""

from dataclasses import dataclass

from streaming.access.gate import Gate
from streaming.conf import Config
from streaming.dispatch.executor import Executor
from streaming.forwarding.forwarding import Forwarding
from streaming.measures.speech_figures import SpeechFigures
from streaming.protocol.opening import Rules
from streaming.records.records import Records
from streaming.sockets.open_sockets import OpenSockets
from streaming.speech.voice_preparation import VoicePreparer
from voices.voice_cache import VoiceCache


@dataclass(frozen=True, slots=True)
class Parts:
    executor: Executor
    config: Config
    preparer: VoicePreparer
    gate: Gate
    voices: VoiceCache
    forwarding: Forwarding
    open_sockets: OpenSockets
    rules: Rules
    figures: SpeechFigures
    records: Records
