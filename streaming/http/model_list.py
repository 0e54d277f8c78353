"""The models that clients list before they speak, in the form of each API.

There is one: the engine. It also answers to the names that clients have in their settings, and speaks under any other name.
"""

from collections.abc import Iterable
from typing import Literal

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from ninja import Router, Schema

from streaming.engine.contract import EngineInfo
from streaming.errors import EngineUnavailable
from streaming.http.backend import exchange_of
from streaming.http.language_names import language_name
from streaming.http.problems import Problem
from streaming.http.vendors import DECISIVE_HEADERS, is_for_openai
from streaming.text.language_codes import primary_subtag

router = Router(tags=["Models"])

# None that begins with eleven_v3 or later: LiveKit sends those to an endpoint that is not here.
ELEVENLABS_MODELS = {
    "eleven_multilingual_v2": "Multilingual v2",
    "eleven_turbo_v2_5": "Turbo v2.5",
    "eleven_flash_v2_5": "Flash v2.5",
}
OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")


class Language(Schema):
    language_id: str
    name: str


class ModelRates(Schema):
    character_cost_multiplier: float = 1.0


class Model(Schema):
    model_id: str
    name: str
    description: str
    can_be_finetuned: bool = False
    can_do_text_to_speech: bool = True
    can_do_voice_conversion: bool = False
    can_use_style: bool = False
    can_use_speaker_boost: bool = False
    serves_pro_voices: bool = False
    requires_alpha_access: bool = False
    token_cost_factor: float = 1.0
    max_characters_request_free_user: int
    max_characters_request_subscribed_user: int
    maximum_text_length_per_request: int
    languages: list[Language]
    model_rates: ModelRates = ModelRates()
    concurrency_group: str = "standard"


class OpenAIModel(Schema):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "self_hosted"


class OpenAIModelList(Schema):
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


@router.get("", response=list[Model] | OpenAIModelList, summary="Models")
async def list_models(request: HttpRequest, response: HttpResponse) -> list[Model] | OpenAIModelList:
    """The model that speaks, and the names that stand for it. As ElevenLabs lists them; as OpenAI does for a client that
    brings a bearer token and no `xi-api-key`, or says that it is OpenAI's."""
    patch_vary_headers(response, DECISIVE_HEADERS)
    if is_for_openai(request):
        return OpenAIModelList(data=[OpenAIModel(id=model_id) for model_id in openai_models(request)])
    info = _engine_of(request)
    names = {info.name: info.name} | {
        model_id: f"{info.name} as {name}" for model_id, name in ELEVENLABS_MODELS.items()
    }
    config = exchange_of(request).backend.config
    languages = languages_of(info.languages, config.model.language)
    most = config.limits.max_request_chars
    return [_model(model_id, name, info, languages, most) for model_id, name in names.items()]


@router.get("/{path:model_id}", response=OpenAIModel, summary="A model, as OpenAI describes it")
async def get_model(request: HttpRequest, model_id: str) -> OpenAIModel:
    if model_id not in openai_models(request):
        message = f"The model {model_id!r:.100} is not in the list of models."
        raise Problem(404, "model_not_found", message, "model")
    return OpenAIModel(id=model_id)


def openai_models(request: HttpRequest) -> tuple[str, ...]:
    """The ids that OpenAI's clients are told. Raises EngineUnavailable."""
    return (_engine_of(request).name, *OPENAI_MODELS)


def _engine_of(request: HttpRequest) -> EngineInfo:
    """Raises EngineUnavailable."""
    info = exchange_of(request).backend.executor.status.info
    if info is None:
        raise EngineUnavailable("The speech engine is not ready; try again shortly.")
    return info


def _model(model_id: str, name: str, info: EngineInfo, languages: list[Language], most: int) -> Model:
    return Model(
        model_id=model_id,
        name=name,
        description=info.notice or f"The engine {info.name} on this server.",
        max_characters_request_free_user=most,
        max_characters_request_subscribed_user=most,
        maximum_text_length_per_request=most,
        languages=languages,
    )


def languages_of(codes: Iterable[str], default: str) -> list[Language]:
    """The default language comes first: Home Assistant takes the first one for its own."""
    own = primary_subtag(default)
    return [_language(code) for code in sorted(codes, key=lambda code: primary_subtag(code) != own)]


def _language(code: str) -> Language:
    """ElevenLabs uses ISO 639-1 codes: zh for zh-cn."""
    short = code.partition("-")[0]
    return Language(language_id=short, name=language_name(short))
