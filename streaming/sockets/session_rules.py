"""The settings, as far as the protocol has to know them."""

from django.core.exceptions import ImproperlyConfigured

from streaming.audio.formats import FORMATS
from streaming.conf import Config
from streaming.protocol.opening import Rules


def session_rules(config: Config) -> Rules:
    """Raises ImproperlyConfigured."""
    needs_redis = config.forward.raw_channels and not config.redis_url
    refusal = "mode forward needs Redis, and REDIS_URL is not set on this server."
    default_format = config.streams.default_format
    if default_format is not None and default_format not in FORMATS:
        known = ", ".join(["auto", *sorted(FORMATS)])
        raise ImproperlyConfigured(f"streams.default_format is {default_format!r:.100}; it can be {known}.")
    return Rules(
        formats=frozenset(FORMATS),
        forward_prefixes=tuple(config.forward.allowed_prefixes),
        max_pending_chars=config.service.max_pending_chars,
        max_message_chars=config.limits.max_message_chars,
        max_contexts=config.limits.max_contexts,
        default_format=default_format,
        forward_refusal=refusal if needs_redis else None,
    )
