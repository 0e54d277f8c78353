"""JSON <-> typed messages. The only file that knows the names on the wire.

Sources: the seed's specification and the vendor's stream-input protocol, as resolved in the README's protocol section.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streaming.protocol.errors import INVALID_MESSAGE, ProtocolError
from streaming.protocol.parameters import (
    ALIASES,
    HARD,
    PARSERS,
    VOICE_SETTINGS,
    parse_parameters,
    shown,
    well_formed,
)

INIT_TYPE = "ttsInitRequest"
# The schema calls it generator_config, the guide and every client generation_config.
_CONFIG_KEYS = ("generator_config", "generation_config")


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """One client message. Every part may come with every other; text None means "no text key"."""

    is_init: bool = False
    text: str | None = None
    flush: bool = False
    try_trigger: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_end(self) -> bool:
        """The empty text ends the turn, whatever else the message says."""
        return self.text == ""

    @property
    def hard(self) -> dict[str, Any]:
        return {name: value for name, value in self.settings.items() if name in HARD}

    @property
    def soft(self) -> dict[str, Any]:
        return {name: value for name, value in self.settings.items() if name not in HARD}


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which characters begin in a packet, when (ms from the packet's start) and how long each lasts (ms)."""

    chars: Sequence[str]
    starts_ms: Sequence[int]
    durations_ms: Sequence[int]


def parse_message(raw: str) -> ClientMessage:
    """Read one text frame. Raises ProtocolError; no other exception, whatever the text."""
    data = _parse_object(raw)
    text = data.get("text")
    if text is not None and not isinstance(text, str):
        raise ProtocolError(INVALID_MESSAGE, f"text must be a string, not {type(text).__name__}.")
    is_first = data.get("type") == INIT_TYPE
    return ClientMessage(
        is_init=is_first,
        text=well_formed(text) if text else text,
        flush=_flag(data, "flush"),
        try_trigger=_flag(data, "try_trigger_generation"),
        settings=_settings(data, top_level=PARSERS.keys() if is_first else HARD),
    )


def is_init(raw: str) -> bool:
    """Whether a message that may be wrong in other ways is a ttsInitRequest."""
    try:
        return _parse_object(raw).get("type") == INIT_TYPE
    except ProtocolError:
        return False


def _parse_object(raw: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise ProtocolError(INVALID_MESSAGE, "The message is not valid JSON.") from None
    if not isinstance(data, dict):
        raise ProtocolError(INVALID_MESSAGE, "The message must be a JSON object.")
    return data


def _flag(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ProtocolError(INVALID_MESSAGE, f"{key} must be true or false, not {shown(value)}.")


def _settings(data: Mapping[str, Any], *, top_level: Any) -> dict[str, Any]:
    """Parameters of one message: voice_settings, then the message itself, then generation_config, which wins."""
    settings = parse_parameters(
        {key: value for key, value in _section(data, "voice_settings").items() if key in VOICE_SETTINGS}
    )
    settings |= parse_parameters({key: value for key, value in data.items() if ALIASES.get(key, key) in top_level})
    for key in _CONFIG_KEYS:
        settings |= parse_parameters(_section(data, key))
    return settings


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProtocolError(INVALID_MESSAGE, f"{key} must be an object, not {type(value).__name__}.")
    return value


def audio_message(audio_base64: str, alignment: Alignment | None) -> str:
    # Built by hand: json.dumps would scan every packet's base64 text for characters to escape.
    aligned = "null" if alignment is None else json.dumps(_alignment(alignment))
    return f'{{"audio": "{audio_base64}", "isFinal": false, "normalizedAlignment": {aligned}, "alignment": {aligned}}}'


def _alignment(alignment: Alignment) -> dict[str, list[Any]]:
    return {
        "chars": list(alignment.chars),
        "charStartTimesMs": list(alignment.starts_ms),
        "charDurationsMs": list(alignment.durations_ms),
    }


def final_message() -> str:
    # Alone, and without an "audio" key: a null there crashes the seed's own client.
    return '{"isFinal": true}'


def error_message(*, message: str, error: str, close_code: int) -> str:
    return json.dumps({"message": message, "error": error, "code": close_code})
