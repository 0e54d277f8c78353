"""Which of the two dialects of `stream-input` a client speaks, as far as its query tells (docs/protocol.md, Dialects)."""

from collections.abc import Set
from enum import Enum, auto


class Dialect(Enum):
    NATIVE = auto()
    ELEVENLABS = auto()


# A query with one of these is in the native dialect, whatever else it has.
NATIVE_ONLY = frozenset({"mode", "stream_chunk_size", "overlap_wav_len", "left_context_seconds"})
# So is one with these, unless its client is certainly ElevenLabs': people add them to its URLs as well.
NATIVE_BY_THEMSELVES = frozenset({"speed", "language"})
# Names that ElevenLabs does not know. The last three say nothing about the dialect.
OURS = NATIVE_ONLY | {"target_lead_ms", "audio_channel", "chunk_length_schedule_frames"}
# Names that only ElevenLabs has.
ELEVENLABS_ONLY = frozenset(
    {
        *("model_id", "language_code", "enable_logging", "enable_ssml_parsing", "optimize_streaming_latency"),
        *("auto_mode", "apply_text_normalization", "apply_language_text_normalization"),
        *("single_use_token", "authorization"),
    }
)


def is_certainly_elevenlabs(names: Set[str]) -> bool:
    """Whether a query with these names was made for ElevenLabs: it has a name that only ElevenLabs has, and none of ours."""
    return bool(ELEVENLABS_ONLY & names) and not OURS & names


def dialect_of(names: Set[str]) -> Dialect:
    """The dialect of a query with these names. A ttsInitRequest makes it native, whatever the query says."""
    is_native = bool(NATIVE_ONLY & names) or (bool(NATIVE_BY_THEMSELVES & names) and not is_certainly_elevenlabs(names))
    return Dialect.NATIVE if is_native else Dialect.ELEVENLABS
