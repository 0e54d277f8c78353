"""Voices as ElevenLabs' clients know them: docs/http.md, What objects must have. Its JavaScript SDK refuses objects that
lack a required field.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from ninja import Field, Schema

from streaming.http.fields import OR_DEFAULT, WholeNumber
from streaming.http.speech_schemas import VoiceSettings
from streaming.speech.voice_settings import stability_of
from voices.containers import MEDIA_TYPES
from voices.findings import stored_findings
from voices.models import Category, ReferenceClip, Voice, category_of, labels_of

MOST_ON_A_PAGE = 100
# What clients are told where nothing is set: only the speed has an effect.
NEUTRAL_SETTINGS = VoiceSettings(stability=0.5, similarity_boost=0.75, style=0.0, use_speaker_boost=True, speed=1.0)

VoiceType = Literal["personal", "community", "default", "workspace", "non-default", "non-community", "saved"]
Texts = Annotated[list[str], Field(max_length=100)]


class SampleOut(Schema):
    sample_id: str
    file_name: str
    mime_type: str
    size_bytes: int
    hash: str
    duration_secs: float
    # Ours: what may harm the voice. Clients of ElevenLabs pass over fields that they do not know.
    findings: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, clip: ReferenceClip) -> "SampleOut":
        return cls(
            sample_id=str(clip.pk),
            file_name=clip.original_name,
            mime_type=MEDIA_TYPES[clip.suffix],
            size_bytes=clip.size_bytes,
            hash=clip.sha256,
            duration_secs=clip.duration_seconds,
            findings=[str(found) for found in clip.all_findings],
        )


class VoiceOut(Schema):
    voice_id: str
    name: str
    category: Category
    description: str | None
    labels: dict[str, str]
    samples: list[SampleOut]
    settings: VoiceSettings
    preview_url: str | None = None
    available_for_tiers: list[str] = Field(default_factory=list)
    high_quality_base_model_ids: list[str] = Field(default_factory=list)
    is_owner: bool = True
    is_legacy: bool = False
    is_mixed: bool = False
    created_at_unix: int

    @classmethod
    def of(cls, voice: Voice) -> "VoiceOut":
        return cls(
            voice_id=voice.voice_id,
            name=voice.name,
            category=voice.category,
            description=voice.description or None,
            labels=voice.all_labels,
            samples=[SampleOut.of(clip) for clip in voice.clips.all()],
            settings=settings_of(voice),
            created_at_unix=int(voice.created_at.timestamp()),
        )


def settings_of(voice: Voice) -> VoiceSettings:
    own = _own_settings(*(getattr(voice, name) for name in SETTINGS_COLUMNS))
    return NEUTRAL_SETTINGS.model_copy(update=own)


def _own_settings(speed: float | None, temperature: float | None, stability_sets_temperature: bool) -> dict[str, float]:
    """Those in which a voice differs from the neutral ones."""
    own = {"speed": speed} if speed else {}
    if stability_sets_temperature and temperature is not None:
        own["stability"] = stability_of(temperature)
    return own


# Of its settings, those of SETTINGS_COLUMNS.
VOICE_COLUMNS = ("voice_id", "name", "description", "language", "labels", "chosen_category", "created_at")
SETTINGS_COLUMNS = ("speed", "temperature", "stability_sets_temperature")
SAMPLE_COLUMNS = ("pk", "original_name", "suffix", "size_bytes", "sha256", "duration_seconds", "findings")
# What is the same for all voices.
_DEFAULTS = {
    name: field.get_default(call_default_factory=True)
    for name, field in VoiceOut.model_fields.items()
    if not field.is_required()
}
_NEUTRAL = NEUTRAL_SETTINGS.model_dump(mode="json")


def voice_of(columns: Sequence[Any], samples: list[dict[str, Any]]) -> dict[str, Any]:
    """What `VoiceOut` says, without an object for each recording. `columns`: of VOICE_COLUMNS and SETTINGS_COLUMNS."""
    voice_id, name, description, language, labels, category, created_at, *settings = columns
    return _DEFAULTS | {
        "voice_id": voice_id,
        "name": name,
        "category": category_of(category, samples),
        "description": description or None,
        "labels": labels_of(language, labels),
        "samples": samples,
        "settings": _NEUTRAL | _own_settings(*settings),
        "created_at_unix": int(created_at.timestamp()),
    }


def sample_of(columns: Sequence[Any]) -> dict[str, Any]:
    """What `SampleOut` says. `columns`: of SAMPLE_COLUMNS."""
    pk, name, suffix, size, sha256, seconds, findings = columns
    return {
        "sample_id": str(pk),
        "file_name": name,
        "mime_type": MEDIA_TYPES[suffix],
        "size_bytes": size,
        "hash": sha256,
        "duration_secs": seconds,
        "findings": [str(found) for found in stored_findings(findings)],
    }


class VoiceList(Schema):
    voices: list[VoiceOut]


class VoicePage(VoiceList):
    has_more: bool
    total_count: int
    next_page_token: str | None


class VoiceQuery(Schema):
    next_page_token: Annotated[str, Field(max_length=1000)] | None = None
    page_size: Annotated[WholeNumber, Field(ge=1, le=MOST_ON_A_PAGE)] = 10
    search: Annotated[
        str, Field(max_length=200, description="Searches id, name, description, category and labels.")
    ] = ""
    sort: Annotated[Literal["name", "created_at_unix"], OR_DEFAULT] = "name"
    sort_direction: Annotated[Literal["asc", "desc"], OR_DEFAULT] = "asc"
    voice_type: Annotated[VoiceType, OR_DEFAULT] | None = None
    category: Annotated[str, Field(max_length=50)] | None = None
    voice_ids: Texts = Field(default_factory=list)
    language: Texts = Field(default_factory=list)
    gender: Annotated[str, Field(max_length=100)] | None = None
    age: Annotated[str, Field(max_length=100)] | None = None
    accent: Annotated[str, Field(max_length=100)] | None = None


class VoiceForm(Schema):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=1000)] | None = None
    labels: Annotated[str, Field(description="A JSON object whose values are strings.")] | None = None
    remove_background_noise: Annotated[Any, Field(description="Accepted, without effect.")] = None


class AddedVoice(Schema):
    voice_id: str
    requires_verification: bool = False


class Done(Schema):
    status: Literal["ok"] = "ok"
