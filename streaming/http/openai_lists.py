"""What clients of OpenAI's API ask other servers for before they speak. OpenAI itself has no such lists."""

from django.http import HttpRequest
from ninja import Router, Schema

from streaming.http.model_list import openai_models
from streaming.http.voices import usable_voices

router = Router(tags=["OpenAI"])


class NamedModel(Schema):
    id: str
    name: str


class NamedModels(Schema):
    models: list[NamedModel]


class NamedVoice(Schema):
    """`id` and `name` are what Open WebUI reads, `value` and `label` are SillyTavern's words for the same."""

    id: str
    name: str
    value: str
    label: str


class NamedVoices(Schema):
    voices: list[NamedVoice]


@router.get("/models", response=NamedModels, summary="Models, for Open WebUI")
async def list_audio_models(request: HttpRequest) -> NamedModels:
    return NamedModels(models=[NamedModel(id=model_id, name=model_id) for model_id in openai_models(request)])


@router.get("/voices", response=NamedVoices, summary="Voices, for Open WebUI and others")
def list_audio_voices(request: HttpRequest) -> NamedVoices:
    """All voices that the key may use. OpenAI's names speak as well; they are not listed."""
    named = usable_voices(request).values_list("voice_id", "name")
    return NamedVoices(voices=[NamedVoice(id=key, name=name, value=key, label=name) for key, name in named])


@router.get("/voices/{path:model_id}", response=NamedVoices, summary="Voices, for SillyTavern")
def list_voices_of_model(request: HttpRequest, model_id: str) -> NamedVoices:
    """The same, whatever the model: all of them have the same voices."""
    return list_audio_voices(request)
