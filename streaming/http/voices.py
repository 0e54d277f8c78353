"""ElevenLabs' endpoints for voices (docs/http.md, What clients call, What objects must have).

Functions of the ordinary kind: they read uploads and ask the database, on a thread of the request's own.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Query, Router, UploadedFile

from streaming import errors
from streaming.access.identity import Client, let_use
from streaming.http.backend import exchange_of
from streaming.http.language_names import code_of_language
from streaming.http.problems import Problem, voice_not_found
from streaming.http.speech_schemas import VoiceSettings
from streaming.http.voice_list import voice_list
from streaming.http.voice_schemas import (
    NEUTRAL_SETTINGS,
    AddedVoice,
    Done,
    VoiceForm,
    VoiceList,
    VoiceOut,
    VoicePage,
    VoiceQuery,
    settings_of,
)
from streaming.protocol.parameters import well_formed
from streaming.speech.language import known_language
from streaming.speech.voice_settings import temperature_of
from voices.clip_files import FileNotStored
from voices.library import change_voice, create_voice
from voices.models import CATEGORIES, VOICE_ID, Voice, VoiceQuerySet
from voices.search import BadPageToken, Wanted, find
from voices.storage import StorageUnavailable

router = Router(tags=["Voices"])
search_router = Router(tags=["Voices"])

# For a storage of recordings that does not answer.
RETRY_SECONDS = 10
# Which categories correspond to ElevenLabs' types of voices. Voices of other users do not exist here.
NO_CATEGORY = frozenset({"none"})
CATEGORIES_OF_TYPE = {
    "default": frozenset({"premade"}),
    **dict.fromkeys(("personal", "non-default", "non-community", "saved"), frozenset(CATEGORIES) - {"premade"}),
    **dict.fromkeys(("community", "workspace"), NO_CATEGORY),
}


@router.get("", response=VoiceList, summary="All voices")
def list_voices(request: HttpRequest) -> HttpResponse:
    return HttpResponse(voice_list(usable_voices(request)), content_type="application/json; charset=utf-8")


@search_router.get("", response=VoicePage, summary="Search voices")
def search_voices(request: HttpRequest, query: Query[VoiceQuery]) -> VoicePage:
    """A page of voices. `next_page_token` leads to the next one."""
    try:
        page = find(
            usable_voices(request).with_category(),
            _wanted(query),
            sort=query.sort,
            descending=query.sort_direction == "desc",
            size=query.page_size,
            token=query.next_page_token,
        )
    except BadPageToken:
        message = "next_page_token does not belong to this search."
        raise Problem(400, errors.INVALID_PARAMETER, message, "next_page_token") from None
    prefetch_related_objects(page.voices, "clips")
    return VoicePage(
        voices=[VoiceOut.of(voice) for voice in page.voices],
        has_more=page.next_token is not None,
        total_count=page.total,
        next_page_token=page.next_token,
    )


@router.get("/settings/default", response=VoiceSettings, summary="Default settings")
def default_settings(request: HttpRequest) -> VoiceSettings:
    return NEUTRAL_SETTINGS


@router.post("/add", response=AddedVoice, summary="Add a voice")
def add_voice(request: HttpRequest, form: Form[VoiceForm], files: File[list[UploadedFile]]) -> AddedVoice:
    """Create a voice from recordings, ideally 6 to 30 seconds of clean speech: WAV, FLAC, MP3, M4A, OGG, WebM, AMR and what
    else phones and browsers record, or videos."""
    client = _managing(request)
    labels = _labels(form.labels) or {}
    with _Recordings():
        voice = create_voice(
            _storable(form.name),
            files,
            description=_storable(form.description or ""),
            labels=labels,
            language=_language(request, labels) or "",
        )
    let_use(client, voice)
    return AddedVoice(voice_id=voice.voice_id)


@router.get("/{voice_id}", response=VoiceOut, summary="A voice")
def get_voice(request: HttpRequest, voice_id: str) -> VoiceOut:
    return VoiceOut.of(_voice(request, voice_id))


@router.delete("/{voice_id}", response=Done, summary="Delete a voice")
def delete_voice(request: HttpRequest, voice_id: str) -> Done:
    """Delete the voice and its recordings."""
    _managing(request)
    _voice(request, voice_id).delete()
    return Done()


@router.post("/{voice_id}/edit", response=Done, summary="Change a voice")
def edit_voice(
    request: HttpRequest,
    voice_id: str,
    form: Form[VoiceForm],
    files: File[list[UploadedFile]] = [],  # noqa: B006 - that is how the library knows that none is needed
) -> Done:
    """Changes the name and, if given, the description and labels. Recordings are added to those of the voice."""
    _managing(request)
    voice, labels = _voice(request, voice_id), _labels(form.labels)
    with _Recordings():
        change_voice(
            voice,
            files,
            name=_storable(form.name),
            description=_storable(form.description),
            labels=labels,
            language=_language(request, labels),
        )
    return Done()


@router.get("/{voice_id}/settings", response=VoiceSettings, summary="Settings of a voice")
def get_settings(request: HttpRequest, voice_id: str) -> VoiceSettings:
    return settings_of(_voice(request, voice_id))


@router.post("/{voice_id}/settings/edit", response=Done, summary="Change the settings of a voice")
def edit_settings(request: HttpRequest, voice_id: str, body: VoiceSettings) -> Done:
    """`speed` has an effect and is stored, and `stability` for a voice whose temperature it sets; nothing else is."""
    _managing(request)
    voice = _voice(request, voice_id)
    changes = {} if body.speed is None else {"speed": body.speed}
    if body.stability is not None and voice.stability_sets_temperature:
        changes["temperature"] = temperature_of(body.stability)
    if changes:
        for name, value in changes.items():
            setattr(voice, name, value)
        voice.save(update_fields=[*changes, "updated_at"])
    return Done()


def _managing(request: HttpRequest) -> Client:
    """Raises Refused."""
    client = exchange_of(request).caller.client
    client.require_managing_voices()
    return client


def usable_voices(request: HttpRequest) -> VoiceQuerySet:
    """The voices that the client may use; it does not see any others."""
    allowed = exchange_of(request).caller.client.voices
    usable = Voice.objects.filter(enabled=True)
    return usable if allowed is None else usable.filter(voice_id__in=allowed)


def _voice(request: HttpRequest, voice_id: str) -> Voice:
    """Raises Problem."""
    if not VOICE_ID.match(voice_id):
        raise voice_not_found(voice_id)
    voice = usable_voices(request).prefetch_related("clips").filter(voice_id=voice_id).first()
    if voice is None:
        raise voice_not_found(voice_id)
    return voice


def _wanted(query: VoiceQuery) -> Wanted:
    categories = CATEGORIES_OF_TYPE[query.voice_type] if query.voice_type else frozenset()
    if query.category:
        asked = frozenset({query.category})
        categories = (asked & categories or NO_CATEGORY) if categories else asked
    labels: dict[str, Iterable[str]] = {"language": query.language}
    labels |= {name: [value] for name in ("gender", "age", "accent") if (value := getattr(query, name))}
    return Wanted(
        text=query.search,
        categories=categories,
        voice_ids=frozenset(query.voice_ids),
        labels={name: frozenset(values) for name, values in labels.items() if values},
    )


def _labels(text: str | None) -> dict[str, str] | None:
    """None: not given. The Python SDK sends the word null then. Raises Problem."""
    try:
        labels: Any = json.loads(text or "null")
    except (ValueError, RecursionError):
        labels = text
    if labels is None:
        return None
    if isinstance(labels, dict):
        return {_storable(name): _storable(value) for name, value in labels.items()}
    raise Problem(400, errors.INVALID_PARAMETER, "labels must be a JSON object whose values are strings.", "labels")


def _storable(value: Any) -> Any:
    """Without surrogates and null characters, which some databases refuse."""
    return well_formed(value).replace("\0", "") if isinstance(value, str) else value


def _language(request: HttpRequest, labels: dict[str, str] | None) -> str | None:
    """The label ("de", "de-AT", "German") becomes the voice's language if the engine speaks it; any other label is only a
    label. None: there is none, or it names no language of the engine."""
    info = exchange_of(request).backend.executor.status.info
    label = (labels or {}).get("language")
    if info is None or not isinstance(label, str):
        return None
    return known_language(code_of_language(label) or label, info.languages)


def _not_stored(error: FileNotStored) -> Problem:
    if isinstance(error.__cause__, StorageUnavailable):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "storage_unavailable", str(error.__cause__), headers=headers)
    return Problem(HTTPStatus.INSUFFICIENT_STORAGE, "recording_not_stored", str(error))


class _Recordings:
    """Turns a form's ValidationError, and a storage that refuses, into a Problem."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ValidationError):
            raise Problem(400, "invalid_voice", " ".join(error.messages)) from None
        if isinstance(error, FileNotStored):
            raise _not_stored(error) from None
