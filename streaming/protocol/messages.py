"""JSON <-> typed messages. The only file that knows the names on the wire.

Sources: the native specification and ElevenLabs' stream-input and multi-stream-input protocols, as resolved in the README's
protocol section.

Reading has three steps, because an error in each of them ends something else: the frame (`read_object`), the stream that it
is for (`context_of`), the content for that stream (`message_of`, `context_message_of`).
"""

import json
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streaming.errors import INVALID_MESSAGE, Fault, ProtocolError
from streaming.protocol.dialect import Dialect
from streaming.protocol.packet import Alignment, Packet
from streaming.protocol.parameters import (
    ALIASES,
    HARD,
    PARSERS,
    VOICE_SETTINGS,
    parse_parameters,
    shown,
    well_formed,
)
from streaming.protocol.values import boolean_of, is_given

INIT_TYPE = "ttsInitRequest"
# The context of messages that name none.
DEFAULT_CONTEXT = "default"
# The id comes back with every packet.
MAX_CONTEXT_ID = 200
# The schema calls it generator_config, the guide and every client generation_config.
_CONFIG_KEYS = ("generator_config", "generation_config")
# One schema has it in camel case; all clients write it as all other keys are written.
_CONTEXT_KEYS = ("context_id", "contextId")
# What any message may carry beside its sections.
_TOP_LEVEL = HARD | {"pronunciation_dictionary_locators"}


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """What a message says to its stream. Every part may come with every other; text None means "no text key".

    `context`: the stream's name, on multi-stream-input. `closes_socket`: the connection is to end when everything has been
    spoken.
    """

    is_init: bool = False
    text: str | None = None
    flush: bool = False
    try_trigger: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    context: str = DEFAULT_CONTEXT
    closes_socket: bool = False

    @property
    def is_end(self) -> bool:
        """The empty text ends the turn, even if the message says more."""
        return self.text == ""

    @property
    def hard(self) -> dict[str, Any]:
        return {name: value for name, value in self.settings.items() if name in HARD}

    @property
    def soft(self) -> dict[str, Any]:
        return {name: value for name, value in self.settings.items() if name not in HARD}


def read_object(raw: str) -> dict[str, Any]:
    """The object that a text frame is. Raises ProtocolError; no other exception, whatever the text."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise ProtocolError(INVALID_MESSAGE, "The message is not valid JSON.") from None
    if not isinstance(data, dict):
        raise ProtocolError(INVALID_MESSAGE, "The message must be a JSON object.")
    return data


def is_init(data: Mapping[str, Any]) -> bool:
    """Whether a message is a ttsInitRequest, even if it is wrong in other ways."""
    return data.get("type") == INIT_TYPE


def context_of(data: Mapping[str, Any]) -> str:
    """The id of the context that a multi-stream-input message is for. Raises ProtocolError."""
    value = next((value for key in _CONTEXT_KEYS if (value := data.get(key)) not in (None, "")), DEFAULT_CONTEXT)
    if not isinstance(value, str) or len(value) > MAX_CONTEXT_ID:
        text = f"{_CONTEXT_KEYS[0]} must be a text of 1 to {MAX_CONTEXT_ID} characters, not {shown(value)}."
        raise ProtocolError(INVALID_MESSAGE, text)
    return well_formed(value)


def message_of(data: Mapping[str, Any], dialect: Dialect) -> ClientMessage:
    """A message of stream-input. Raises ProtocolError."""
    return ClientMessage(
        is_init=is_init(data),
        text=_text(data),
        flush=_flag(data, "flush"),
        try_trigger=_flag(data, "try_trigger_generation"),
        settings=_settings(data, top_level=PARSERS.keys() if is_init(data) else _TOP_LEVEL, dialect=dialect),
    )


def context_message_of(data: Mapping[str, Any]) -> ClientMessage:
    """A message of multi-stream-input. Raises ProtocolError.

    There the empty text has no meaning; `close_context` ends a context as the empty text ends a turn of stream-input,
    whatever else the message says.
    """
    return ClientMessage(
        text="" if _flag(data, "close_context") else _text(data) or None,
        flush=_flag(data, "flush"),
        try_trigger=_flag(data, "try_trigger_generation"),
        settings=_settings(data, top_level=_TOP_LEVEL, dialect=Dialect.ELEVENLABS),
        context=context_of(data),
        closes_socket=_flag(data, "close_socket"),
    )


def hard_message_of(data: Mapping[str, Any]) -> ClientMessage:
    """The hard parameters of a message that is wrong in other ways. Raises ProtocolError."""
    parts = [data, *(_section(data, key) for key in _CONFIG_KEYS)]
    given = {key: value for part in parts for key, value in part.items() if ALIASES.get(key, key) in HARD}
    return ClientMessage(settings=parse_parameters(given, Dialect.ELEVENLABS))


def _text(data: Mapping[str, Any]) -> str | None:
    text = data.get("text")
    if text is not None and not isinstance(text, str):
        raise ProtocolError(INVALID_MESSAGE, f"text must be a string, not {type(text).__name__}.")
    return well_formed(text) if text else text


def _flag(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key)
    try:
        return is_given(value) and boolean_of(value)
    except ValueError:
        raise ProtocolError(INVALID_MESSAGE, f"{key} must be true or false, not {shown(value)}.") from None


def _settings(data: Mapping[str, Any], *, top_level: Any, dialect: Dialect) -> dict[str, Any]:
    """Parameters of one message: voice_settings, then the message itself, then generation_config, which wins."""
    voice = {key: value for key, value in _section(data, "voice_settings").items() if key in VOICE_SETTINGS}
    message = {key: value for key, value in data.items() if ALIASES.get(key, key) in top_level}
    settings: dict[str, Any] = {}
    for part in (voice, message, *(_section(data, key) for key in _CONFIG_KEYS)):
        settings |= parse_parameters(part, dialect)
    return settings


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProtocolError(INVALID_MESSAGE, f"{key} must be an object, not {type(value).__name__}.")
    return value


def audio_message(packet: Packet, context: str | None) -> str:
    audio = b2a_base64(packet.payload, newline=False).decode("ascii")
    original, normalized = packet.alignment, packet.normalized_alignment
    normalized_text = _alignment(normalized)
    text = normalized_text if original is normalized else _alignment(original)
    # Built by hand: json.dumps would scan every packet's base64 text for characters to escape.
    return (
        f'{{"audio": "{audio}", "isFinal": false, "normalizedAlignment": {normalized_text}, '
        f'"alignment": {text}{_context_suffix(context)}}}'
    )


def _alignment(alignment: Alignment | None) -> str:
    if alignment is None:
        return "null"
    return json.dumps(
        {
            "chars": list(alignment.chars),
            "charStartTimesMs": list(alignment.starts_ms),
            "charDurationsMs": list(alignment.durations_ms),
        }
    )


def _context_suffix(context: str | None) -> str:
    # Some clients read contextId, others context_id.
    return "" if context is None else f', "contextId": {json.dumps(context)}, "context_id": {json.dumps(context)}'


def final_message(dialect: Dialect, context: str | None = None) -> str:
    """Without audio. In the elevenlabs dialect `audio` is null, as ElevenLabs has it: elevenlabs 0.2.27 reads the key of
    every message, and vocode overlooks messages that lack it. In the native dialect there is no such key: the client of its
    specification decodes whatever it holds."""
    audio = '"audio": null, ' if dialect is Dialect.ELEVENLABS else ""
    return f'{{{audio}"isFinal": true{_context_suffix(context)}}}'


def is_final(data: Mapping[str, Any]) -> bool:
    """Whether a message from a server is the last one of its turn or context, as a client sees it."""
    return data.get("isFinal") is True


def error_message(fault: Fault, *, request_id: str = "", context: str | None = None) -> str:
    named = {} if context is None else {"contextId": context, "context_id": context}
    known = {"request_id": request_id} if request_id else {}
    return json.dumps({"message": fault.message, "error": fault.code, "code": fault.close_code, **known, **named})
