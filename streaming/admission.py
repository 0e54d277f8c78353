"""Who may connect, and within which rules."""

from typing import Any
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

from streaming.audio.formats import FORMATS
from streaming.protocol.opening import Rules
from xtts_site.config import Config
from xtts_site.sections import ServiceConfig


def origin_is_allowed(scope: Any, service: ServiceConfig) -> bool:
    """Programs send no Origin. A web page does, and must not use a server without keys behind its user's back."""
    origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
    if not origin or origin in service.allowed_origins:
        return True
    try:
        domain, _ = split_domain_port(urlsplit(origin).netloc)
    except ValueError:  # "http://[" is no address
        return False
    return bool(domain) and validate_host(domain, service.allowed_hosts)


def address_of(scope: Any) -> str:
    """Where a request comes from; a proxy's word for it if the settings say so (daphne sees to that)."""
    client = scope.get("client")  # none for a Unix socket
    return str(client[0]) if client else ""


def session_rules(config: Config) -> Rules:
    """The settings, as far as the protocol has to know them."""
    needs_redis = config.forward.raw_channels and not config.redis_url
    refusal = "mode forward reads audio_channel from Redis, and this server has none (REDIS_URL is not set)."
    return Rules(
        formats=frozenset(FORMATS),
        forward_prefixes=tuple(config.forward.allowed_prefixes),
        max_pending_chars=config.service.max_pending_chars,
        max_message_chars=config.limits.max_message_chars,
        max_contexts=config.limits.max_contexts,
        forward_refusal=refusal if needs_redis else None,
    )
