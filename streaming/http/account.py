"""What clients ask about themselves: user, history, tokens (docs/http.md, What objects must have)."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from streaming.access.identity import issue_token
from streaming.access.usage import quota_of
from streaming.http.backend import exchange_of

token_router = Router(tags=["User"])
user_router = Router(tags=["User"])
history_router = Router(tags=["User"])

# There is no limit, and clients want a number.
UNLIMITED = 2**31 - 1


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


class History(Schema):
    """A page of what has been spoken."""

    history: list[Any] = Field(default_factory=list)
    last_history_item_id: str | None = None
    has_more: bool = False


@history_router.get("", response=History, summary="History")
async def get_history(request: HttpRequest) -> History:
    """Always empty: nothing that is spoken is kept. SillyTavern asks before each line whether it is there already."""
    return History()
