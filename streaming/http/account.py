"""What clients ask about the service itself: models, user, tokens (docs/http.md, What objects must have)."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from streaming.access.identity import issue_token
from streaming.access.usage import quota_of
from streaming.engine.contract import EngineInfo
from streaming.errors import EngineUnavailable
from streaming.http.backend import exchange_of

token_router = Router(tags=["User"])
models_router = Router(tags=["Models"])
user_router = Router(tags=["User"])

# Ids that clients have in their settings and look for in the list; any other one speaks as well. None that begins with
# eleven_v3 or later: LiveKit sends those to an endpoint that is not here.
ELEVENLABS_MODELS = {
    "eleven_multilingual_v2": "Multilingual v2",
    "eleven_turbo_v2_5": "Turbo v2.5",
    "eleven_flash_v2_5": "Flash v2.5",
}
LANGUAGE_NAMES = {
    "ar": "Arabic",
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "hu": "Hungarian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "tr": "Turkish",
    "zh": "Chinese",
}
# There is no limit, and clients want a number.
UNLIMITED = 2**31 - 1


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


@models_router.get("", response=list[Model], summary="Models")
async def list_models(request: HttpRequest) -> list[Model]:
    """The model that speaks, and the ElevenLabs model names that stand for it."""
    backend = exchange_of(request).backend
    info = backend.executor.status.info
    if info is None:
        raise EngineUnavailable("The speech engine is not ready; try again shortly.")
    names = {info.name: info.name} | {
        model_id: f"{info.name} as {name}" for model_id, name in ELEVENLABS_MODELS.items()
    }
    return [_model(model_id, name, info, backend.config.limits.max_request_chars) for model_id, name in names.items()]


def _model(model_id: str, name: str, info: EngineInfo, most: int) -> Model:
    return Model(
        model_id=model_id,
        name=name,
        description=info.notice or f"The engine {info.name} on this server.",
        max_characters_request_free_user=most,
        max_characters_request_subscribed_user=most,
        maximum_text_length_per_request=most,
        languages=[_language(code) for code in info.languages],
    )


def _language(code: str) -> Language:
    """ElevenLabs uses ISO 639-1 codes: zh for zh-cn."""
    short = code.partition("-")[0]
    return Language(language_id=short, name=LANGUAGE_NAMES.get(short, short))


class Price(Schema):
    amount: str = "0"
    currency: str = "usd"


class Subscription(Schema):
    """What the SDKs insist on. None of it is asked for by any path that speaks."""

    tier: str = "self_hosted"
    character_count: int = 0
    character_limit: int = UNLIMITED
    max_character_limit_extension: int | None = None
    max_credit_limit_extension: int | str = 0
    can_extend_character_limit: bool = False
    allowed_to_extend_character_limit: bool = False
    next_character_count_reset_unix: int | None = None
    voice_slots_used: int = 0
    professional_voice_slots_used: int = 0
    professional_voice_slots_used_in_workspace: int = 0
    voice_limit: int = UNLIMITED
    voice_add_edit_counter: int = 0
    professional_voice_limit: int = 0
    can_extend_voice_limit: bool = False
    can_use_instant_voice_cloning: bool = True
    can_use_professional_voice_cloning: bool = False
    current_overage: Price = Price()
    status: str = "active"
    open_invoices: list[Any] = Field(default_factory=list)
    has_open_invoices: bool = False


class User(Schema):
    user_id: str
    workspace_id: str = "self_hosted"
    subscription: Subscription
    first_name: str | None = None
    is_new_user: bool = False
    can_use_delayed_payment_methods: bool = False
    is_onboarding_completed: bool = True
    is_onboarding_checklist_completed: bool = True
    created_at: int = 0
    seat_type: str = "workspace_admin"


@user_router.get("/subscription", response=Subscription, summary="Subscription")
async def get_subscription(request: HttpRequest) -> Subscription:
    return await _subscription(request)


@user_router.get("", response=User, summary="User")
async def get_user(request: HttpRequest) -> User:
    client = exchange_of(request).caller.client
    return User(
        user_id=f"key_{client.key_id or 0}", first_name=client.name or None, subscription=await _subscription(request)
    )


async def _subscription(request: HttpRequest) -> Subscription:
    """What the key has spoken this month; nothing without a key."""
    client = exchange_of(request).caller.client
    if client.key_id is None:
        return Subscription()
    quota = await quota_of(client)
    return Subscription(
        character_count=quota.used,
        character_limit=UNLIMITED if quota.limit is None else quota.limit,
        next_character_count_reset_unix=int(quota.resets_at.timestamp()),
        can_use_instant_voice_cloning=client.may_manage_voices,
    )


class Token(Schema):
    token: str


@token_router.post("/{token_type}", response=Token, summary="A single-use token")
async def create_token(request: HttpRequest, token_type: Literal["tts_websocket"]) -> Token:
    """For `single_use_token` in the query of a socket, instead of a key. It works once, within 15 minutes."""
    return Token(token=await issue_token(exchange_of(request).caller.client))
