"""What ElevenLabs' speech endpoints take and give. The names are ElevenLabs': docs/http.md, What clients send and What
responses must have.
"""

from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import ConfigDict

from streaming.audio.formats import HTTP_FORMATS
from streaming.http.fields import OR_DEFAULT, Boolean, Normalization, Number, SentObject, Speed, WholeNumber
from streaming.protocol.parameters import SPEEDS, TEMPERATURES, TOP_KS, TOP_PS

DEFAULT_FORMAT = "mp3_44100_128"

WITHOUT_EFFECT = "Accepted, without effect."
SPEED = f"Speaking rate, {SPEEDS[0]:g}-{SPEEDS[1]:g}; outside, the nearest one is taken. Unset: the voice's own."
UNSET = "Unset: the server's setting, or the model's."
Temperature = Annotated[Number, Field(ge=TEMPERATURES[0], le=TEMPERATURES[1], description=f"For XTTS. {UNSET}")]
TopK = Annotated[WholeNumber, Field(ge=TOP_KS[0], le=TOP_KS[1], description=f"For XTTS; 0: all tokens. {UNSET}")]
TopP = Annotated[Number, Field(ge=TOP_PS[0], le=TOP_PS[1], description=f"For XTTS; 1: all tokens. {UNSET}")]
Share = Annotated[Number, Field(ge=0, le=1, description=WITHOUT_EFFECT)]


class VoiceSettings(SentObject):
    stability: Share | None = None
    similarity_boost: Share | None = None
    style: Share | None = None
    use_speaker_boost: Annotated[Boolean, Field(description=WITHOUT_EFFECT)] | None = None
    speed: Annotated[Speed, Field(description=SPEED)] | None = None


class GenerationConfig(SentObject):
    temperature: Temperature | None = None
    top_k: TopK | None = None
    top_p: TopP | None = None


class DictionaryLocator(SentObject):
    pronunciation_dictionary_id: str
    version_id: str | None = None


class SpeechBody(Schema):
    # What the page /docs begins with: of its own accord it would fill in every field, with values that are refused.
    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Hello there."}]})

    text: Annotated[str, Field(min_length=1, description="The text to speak.")]
    language: Annotated[str, Field(max_length=35, description="The same as language_code.")] | None = None
    language_code: (
        Annotated[str, Field(max_length=35, description="For example en. Unset: the voice's language.")] | None
    ) = None
    voice_settings: VoiceSettings | None = None
    generation_config: Annotated[GenerationConfig, Field(description="As on sockets. For XTTS.")] | None = None
    seed: (
        Annotated[WholeNumber, Field(ge=0, le=4_294_967_295, description="The same seed gives the same audio.")] | None
    ) = None
    pronunciation_dictionary_locators: Annotated[list[DictionaryLocator], Field(max_length=3)] | None = None
    apply_text_normalization: (
        Annotated[Normalization, Field(description="Whether numbers and signs are said in words. Auto: on.")] | None
    ) = None
    model_id: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    previous_text: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    next_text: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    previous_request_ids: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    next_request_ids: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    apply_language_text_normalization: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    use_pvc_as_ivc: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None
    audio_effects: Annotated[Any, Field(description=WITHOUT_EFFECT)] = None


class SpeechQuery(Schema):
    output_format: Annotated[str, OR_DEFAULT, Field(json_schema_extra={"enum": sorted(HTTP_FORMATS)})] = DEFAULT_FORMAT
    enable_logging: Annotated[str | None, Field(description=WITHOUT_EFFECT)] = None
    optimize_streaming_latency: Annotated[str | None, Field(description=WITHOUT_EFFECT)] = None


class TimedCharacters(Schema):
    """Three lists of equal length; seconds from the beginning of the response's audio."""

    characters: list[str]
    character_start_times_seconds: list[float]
    character_end_times_seconds: list[float]


class TimedAudio(Schema):
    audio_base64: str
    alignment: TimedCharacters | None
    normalized_alignment: TimedCharacters | None
