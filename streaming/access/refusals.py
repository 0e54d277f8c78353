"""Who may not speak, and why: the words and numbers that a refused client gets, ElevenLabs' where it has any."""

from collections.abc import Iterable

from streaming.errors import VOICE_NOT_FOUND, Refused, unknown_voice

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


def late_key() -> Refused:
    return Refused(
        401,
        NEEDS_AUTHORIZATION,
        "No API key came in time; this server needs one, in the handshake or the first message.",
    )


def bad_key() -> Refused:
    return Refused(
        401, INVALID_API_KEY, "The API key or token is not valid: it is unknown, disabled, expired or already used."
    )


def voice_not_allowed(voice_id: str) -> Refused:
    """In the words for a voice that does not exist."""
    return Refused(404, VOICE_NOT_FOUND, unknown_voice(voice_id))


def channel_not_allowed(channel: str, prefixes: Iterable[str]) -> Refused:
    known = ", ".join(map(repr, prefixes))
    reason = f"its channels begin with {known}" if known else "it has no forward prefixes, which are set in the admin"
    return Refused(403, MISSING_PERMISSIONS, f"This API key may not listen to the channel {channel!r:.100}: {reason}.")


def may_not_manage_voices() -> Refused:
    return Refused(403, MISSING_PERMISSIONS, "This API key may not add, edit or delete voices.")


def quota_exceeded(*, limit: int, used: int, needed: int) -> Refused:
    left = max(0, limit - used)
    text = f"This request needs {needed} characters, but only {left} of the {limit} characters of this month are left."
    return Refused(401, QUOTA_EXCEEDED, text)


def too_many_streams(limit: int) -> Refused:
    text = f"This API key already has {limit} active streams, its maximum."
    return Refused(429, TOO_MANY_AT_ONCE, text, retry_after=1)


def too_many_sockets(limit: int, whose: str) -> Refused:
    text = f"This {whose} already has {limit} open sockets, the maximum."
    return Refused(429, TOO_MANY_AT_ONCE, text, retry_after=1)


def too_many_tokens(limit: int) -> Refused:
    text = f"This API key already has {limit} unused single-use tokens, the maximum."
    return Refused(429, RATE_LIMIT, text, retry_after=60)


def too_many_requests(limit: float, retry_after: float) -> Refused:
    text = f"This API key may make at most {limit:g} requests per second."
    return Refused(429, RATE_LIMIT, text, retry_after=retry_after)


def too_many_characters(limit: int, retry_after: float) -> Refused:
    text = f"One client may use at most {limit} characters per minute."
    return Refused(429, RATE_LIMIT, text, retry_after=retry_after)
