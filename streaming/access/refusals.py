"""Who may not speak, and why: the words and numbers that a refused client gets, the vendor's where it has any."""

from streaming.errors import Refused

NEEDS_AUTHORIZATION = "needs_authorization"
INVALID_API_KEY = "invalid_api_key"
MISSING_PERMISSIONS = "missing_permissions"
QUOTA_EXCEEDED = "quota_exceeded"
TOO_MANY_AT_ONCE = "too_many_concurrent_requests"
RATE_LIMIT = "rate_limit_exceeded"


def no_key() -> Refused:
    return Refused(
        401, NEEDS_AUTHORIZATION, "Neither an API key nor an authorization was given; this server needs one."
    )


def bad_key() -> Refused:
    return Refused(401, INVALID_API_KEY, "The API key or token is not valid: unknown, disabled, expired or used up.")


def voice_not_allowed(voice_id: str) -> Refused:
    return Refused(403, MISSING_PERMISSIONS, f"This API key may not use the voice {voice_id!r:.100}.")


def may_not_manage_voices() -> Refused:
    return Refused(403, MISSING_PERMISSIONS, "This API key may not add, edit or delete voices.")


def quota_exceeded(*, limit: int, used: int, needed: int) -> Refused:
    left = max(0, limit - used)
    text = f"This exceeds the quota of {limit} characters a month: {left} are left, and {needed} are needed."
    return Refused(401, QUOTA_EXCEEDED, text)


def too_many_streams(limit: int) -> Refused:
    text = f"This API key speaks in {limit} streams already, which is what it may at once."
    return Refused(429, TOO_MANY_AT_ONCE, text, retry_after=1)


def too_many_sockets(limit: int, whose: str) -> Refused:
    text = f"This {whose} has {limit} sockets open already, which is what it may at once."
    return Refused(429, TOO_MANY_AT_ONCE, text, retry_after=1)


def too_many_tokens(limit: int) -> Refused:
    text = f"{limit} single-use tokens of this API key wait to be used, which is what it may have."
    return Refused(429, RATE_LIMIT, text, retry_after=60)


def too_many_requests(limit: float, retry_after: float) -> Refused:
    text = f"This API key may make {limit:g} requests a second."
    return Refused(429, RATE_LIMIT, text, retry_after=retry_after)


def too_many_characters(limit: int, retry_after: float) -> Refused:
    text = f"At most {limit} characters a minute are spoken for one client."
    return Refused(429, RATE_LIMIT, text, retry_after=retry_after)
