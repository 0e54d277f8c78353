"""Every parameter of a session: where it may come from, its type, its range.

One table serves the query string, `ttsInitRequest`, `generation_config` and `voice_settings`. A value may be text (from a
query) or JSON; `values` says how numbers, booleans and nulls are read.
"""

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from streaming.errors import INVALID_PARAMETER, ProtocolError
from streaming.protocol.dialect import Dialect
from streaming.protocol.values import boolean_of, is_given, normalization_of, number_of

Mode = Literal["generate", "forward"]
# Of pronunciation dictionaries: (id, version); without a version the newest is meant.
Locators = tuple[tuple[str, str | None], ...]

# ElevenLabs' limits.
MAX_PATIENCE = 180.0
MAX_LOCATORS = 3
# docs/protocol.md, Text and generations: what ElevenLabs waits for before the n-th generation; the last value repeats.
ELEVENLABS_SCHEDULE = (120, 160, 250, 290)
# From slow to fast: 1 is the voice's own rate. OpenAI's endpoint has a range of its own.
SPEEDS = (0.5, 2.0)
OPENAI_SPEEDS = (0.25, 4.0)
# How XTTS samples its tokens. `top_k` 0 and `top_p` 1 leave everything in.
TEMPERATURES = (0.01, 2.0)
TOP_KS = (0, 1000)
TOP_PS = (0.01, 1.0)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The settings of a session or a turn. None: not given, a later source in the order of precedence decides."""

    mode: Mode = "generate"
    output_format: str = "pcm_24000"
    target_lead_ms: float | None = None
    audio_channel: str | None = None
    sync_alignment: bool = False
    auto_mode: bool = False
    inactivity_timeout: float = 20.0

    language: str | None = None
    speed: float | None = None
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    stream_chunk_size: int = 10
    overlap_wav_len: int = 512
    left_context_seconds: float = 1.0
    chunk_length_schedule: tuple[int, ...] | None = None
    chunk_length_schedule_frames: tuple[int, ...] = (1,)
    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    pronunciation_dictionary_locators: Locators = ()
    apply_text_normalization: bool = True

    def updated(self, values: Mapping[str, Any]) -> Self:
        return replace(self, **values)


_QUOTE = reprlib.Repr()
_QUOTE.maxstring = _QUOTE.maxother = _QUOTE.maxlong = 80


def shown(value: object) -> str:
    """A client's value in an error message: short, whatever it is, and however deep."""
    return _QUOTE.repr(value)


def well_formed(text: str) -> str:
    """`text` without lone surrogates, which cannot be spoken, logged or sent."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(name: str, value: object, low: float, high: float, unit: str = "") -> float:
    try:
        number = number_of(value)
        is_fit = low <= number <= high
    except ValueError:
        is_fit = False
    if not is_fit:
        text = f"{name} must be a number from {low:.12g} to {high:.12g}{unit}, not {shown(value)}."
        raise ProtocolError(INVALID_PARAMETER, text)
    return number


def _real(low: float, high: float, unit: str = "") -> Callable[[str, object], float]:
    return lambda name, value: _number(name, value, low, high, unit)


def _patience(name: str, value: object) -> float:
    """Seconds. LiveKit 1.1.7 asks for 300, so higher values count as the maximum."""
    return min(MAX_PATIENCE, _number(name, value, 1, 86_400, " seconds"))


def _integer(low: int, high: int) -> Callable[[str, object], int]:
    def parse(name: str, value: object) -> int:
        number = _number(name, value, low, high)
        if number != int(number):
            raise ProtocolError(
                INVALID_PARAMETER, f"{name} must be a whole number from {low} to {high}, not {shown(value)}."
            )
        return int(number)

    return parse


def _boolean(name: str, value: object) -> bool:
    try:
        return boolean_of(value)
    except ValueError:
        text = f"{name} must be true or false, not {shown(value)}."
        raise ProtocolError(INVALID_PARAMETER, text) from None


def _clamped_speed(name: str, value: object) -> float:
    """In the elevenlabs dialect, clients get the nearest speed that there is."""
    try:
        return clamped(number_of(value), SPEEDS)
    except ValueError:
        raise ProtocolError(INVALID_PARAMETER, f"{name} must be a number, not {shown(value)}.") from None


def clamped(number: float, limits: tuple[float, float]) -> float:
    """The nearest number within the limits."""
    low, high = limits
    return min(high, max(low, number))


def _text(most: int) -> Callable[[str, object], str]:
    def parse(name: str, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise ProtocolError(
                INVALID_PARAMETER, f"{name} must be a text of 1 to {most} characters, not {shown(value)}."
            )
        return well_formed(value)

    return parse


def _format(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > 64:
        text = f"Invalid EL_AUDIO_FORMAT: {shown(value)} is not the name of a format."
        raise ProtocolError(text, text, is_format=True)
    return well_formed(value)


def _mode(name: str, value: object) -> str:
    if value not in ("generate", "forward"):
        raise ProtocolError(INVALID_PARAMETER, f"{name} must be generate or forward, not {shown(value)}.")
    return str(value)


def _schedule(high: int, unit: str) -> Callable[[str, object], tuple[int, ...]]:
    def parse(name: str, value: object) -> tuple[int, ...]:
        values = value.split(",") if isinstance(value, str) else value
        if not isinstance(values, list) or not 1 <= len(values) <= 16:
            raise ProtocolError(
                INVALID_PARAMETER, f"{name} must be a list of 1 to 16 numbers of {unit}, not {shown(value)}."
            )
        entry = _integer(1, high)
        return tuple(entry(f"every entry of {name}", item) for item in values)

    return parse


def _normalization(name: str, value: object) -> bool:
    try:
        return normalization_of(value)
    except ValueError:
        text = f"{name} must be auto, on or off, not {shown(value)}."
        raise ProtocolError(INVALID_PARAMETER, text) from None


def _locators(name: str, value: object) -> Locators:
    shape = "{pronunciation_dictionary_id, version_id}"
    refusal = f"{name} must be a list of at most {MAX_LOCATORS} objects {shape}, not {shown(value)}."
    if not isinstance(value, list) or len(value) > MAX_LOCATORS:
        raise ProtocolError(INVALID_PARAMETER, refusal)
    return tuple(_locator(entry, refusal) for entry in value)


def _locator(value: object, refusal: str) -> tuple[str, str | None]:
    entry = value if isinstance(value, dict) else {}
    dictionary_id = _id(entry.get("pronunciation_dictionary_id"), refusal)
    if dictionary_id is None:
        raise ProtocolError(INVALID_PARAMETER, refusal)
    return dictionary_id, _id(entry.get("version_id"), refusal)


def _id(value: object, refusal: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > 200:
        raise ProtocolError(INVALID_PARAMETER, refusal)
    return well_formed(value)


# name -> parser. The names are those of `Parameters`.
PARSERS: dict[str, Callable[[str, object], Any]] = {
    "mode": _mode,
    "output_format": _format,
    "target_lead_ms": _real(0, 5000, " milliseconds"),
    "audio_channel": _text(200),
    "sync_alignment": _boolean,
    "auto_mode": _boolean,
    "inactivity_timeout": _patience,
    "language": _text(35),
    "speed": _real(*SPEEDS),
    "seed": _integer(0, 4_294_967_295),
    "temperature": _real(*TEMPERATURES),
    "top_k": _integer(*TOP_KS),
    "top_p": _real(*TOP_PS),
    "stream_chunk_size": _integer(1, 100),
    "overlap_wav_len": _integer(0, 4096),
    "left_context_seconds": _real(0, 10, " seconds"),
    "chunk_length_schedule": _schedule(500, "characters"),
    "chunk_length_schedule_frames": _schedule(100, "frames"),
    "stability": _real(0, 1),
    "similarity_boost": _real(0, 1),
    "style": _real(0, 1),
    "use_speaker_boost": _boolean,
    "pronunciation_dictionary_locators": _locators,
    "apply_text_normalization": _normalization,
}
# Other spellings of the same parameter.
ALIASES = {
    "language_code": "language",
    "audio_format": "output_format",
    "EL_AUDIO_FORMAT": "output_format",
}
# Fixed for the whole connection by the first message, or by the end of the wait for it.
HARD = frozenset({"mode", "output_format", "target_lead_ms", "audio_channel"})
# What `voice_settings` may carry.
VOICE_SETTINGS = frozenset({"stability", "similarity_boost", "style", "use_speaker_boost", "speed"})


def parse_parameters(values: Mapping[str, object], dialect: Dialect) -> dict[str, Any]:
    """The known parameters among `values`, checked. Unknown names are ignored: clients send many that mean nothing
    here. Raises ProtocolError naming the parameter and its range."""
    parsed: dict[str, Any] = {}
    for name, value in values.items():
        known = ALIASES.get(name, name)
        if known in PARSERS and is_given(value):
            parse = _clamped_speed if known == "speed" and dialect is Dialect.ELEVENLABS else PARSERS[known]
            parsed[known] = parse(name, value)
    return parsed
