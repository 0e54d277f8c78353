"""What config.json and vocab.json of a checkpoint say about speaking: special tokens, limits, languages, how tokens are
sampled. Read without coqui-tts; where a file leaves something out, coqui-tts's default holds.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streaming.engine.checkpoint.files import CheckpointError, CheckpointFiles, read_json

LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi")
# Of `gpt_max_audio_tokens`, these are for the conditioning and for start and stop.
_AUDIO_TOKENS_NOT_SPOKEN = 3


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """Token ids; limits in tokens of one sequence, without start and stop; the defaults of sampling."""

    heads: int
    start_text: int
    stop_text: int
    start_audio: int
    stop_audio: int
    max_text_tokens: int
    max_audio_tokens: int
    languages: tuple[str, ...]
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the server's settings say in the place of config.json. None: what that says holds.

    The first four are of sampling, the others of how the conditioning of a voice is made from its recordings.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    gpt_cond_len: int | None = None
    gpt_cond_chunk_len: int | None = None
    max_ref_length: int | None = None
    sound_norm_refs: bool | None = None

    def applied(self, config: SpeechConfig) -> SpeechConfig:
        values = {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "repetition_penalty")}
        return replace(config, **_given(values))

    @property
    def conditioning(self) -> dict[str, Any]:
        """Those that are given, by their names in config.json."""
        values = {
            "gpt_cond_len": self.gpt_cond_len,
            "gpt_cond_chunk_len": self.gpt_cond_chunk_len,
            "max_ref_len": self.max_ref_length,
            "sound_norm_refs": self.sound_norm_refs,
        }
        return _given(values)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def read_speech_config(files: CheckpointFiles) -> SpeechConfig:
    """From files that `find_checkpoint` found. Raises CheckpointError for a value of the wrong type."""
    config, vocabulary = read_json(files.config, "model.config_path"), read_json(files.vocab, "model.tokenizer_path")
    settings = _Settings(files.config, config)
    arguments = _Settings(files.config, config["model_args"])
    return SpeechConfig(
        heads=arguments.integer("gpt_n_heads", 16),
        start_text=_token(vocabulary, "[START]"),
        stop_text=_token(vocabulary, "[STOP]"),
        start_audio=arguments.integer("gpt_start_audio_token", 8192),
        stop_audio=arguments.integer("gpt_stop_audio_token", 8193),
        max_text_tokens=arguments.integer("gpt_max_text_tokens", 402),
        max_audio_tokens=arguments.integer("gpt_max_audio_tokens", 605) - _AUDIO_TOKENS_NOT_SPOKEN,
        languages=settings.names("languages", LANGUAGES),
        temperature=settings.number("temperature", 0.85),
        top_k=settings.integer("top_k", 50),
        top_p=settings.number("top_p", 0.85),
        repetition_penalty=settings.number("repetition_penalty", 2.0),
    )


@dataclass(frozen=True, slots=True)
class _Settings:
    """A part of config.json, each value of which is checked when it is read."""

    path: Path
    content: dict[str, Any]

    def integer(self, name: str, default: int) -> int:
        value = self.content.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, value)
        return value

    def number(self, name: str, default: float) -> float:
        value = self.content.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, value)
        return float(value)

    def names(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.content.get(name, default)
        if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
            raise self._wrong(name, value)
        return tuple(value)

    def _wrong(self, name: str, value: object) -> CheckpointError:
        return CheckpointError(f"{self.path} sets {name} to {value!r}, which has the wrong type.")


def _token(vocabulary: dict[str, Any], token: str) -> int:
    """The id of a token that `find_checkpoint` has seen there."""
    added = {str(entry.get("content")): entry.get("id") for entry in vocabulary.get("added_tokens") or ()}
    return int((added | vocabulary["model"]["vocab"])[token])
