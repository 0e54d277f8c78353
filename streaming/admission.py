"""Who may connect, and within which rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.http.request import split_domain_port, validate_host

from streaming.audio.formats import FORMATS
from streaming.faults import fault_of
from streaming.protocol.errors import INVALID_PARAMETER, Fault, ProtocolError
from streaming.protocol.opening import Rules
from streaming.voice_preparation import VoicesUnavailable, find_voice
from voices.models import Voice
from xtts_site.config import Config
from xtts_site.sections import LimitsConfig, ServiceConfig


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


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """What the handshake says: the query, and the voice, or what is wrong with the request or with the server."""

    query: Mapping[str, str] = field(default_factory=dict)
    voice: Voice | None = None
    refusal: ProtocolError | None = None
    fault: Fault | None = None


async def read_request(scope: Any, config: Config) -> SocketRequest:
    if refusal := _excess(scope, config.limits):
        return SocketRequest(refusal=refusal)
    query = dict(parse_qsl(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True))
    try:
        voice = await find_voice(scope["url_route"]["kwargs"]["voice_id"], unknown=config.voices.unknown)
    except ProtocolError as error:
        return SocketRequest(query, refusal=error)
    except VoicesUnavailable as error:
        return SocketRequest(query, fault=fault_of(error))
    return SocketRequest(query, voice)


def _excess(scope: Any, limits: LimitsConfig) -> ProtocolError | None:
    if len(scope["query_string"]) > limits.max_query_bytes:
        return ProtocolError(INVALID_PARAMETER, f"The query is longer than {limits.max_query_bytes} bytes.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > limits.max_header_bytes:
        return ProtocolError(INVALID_PARAMETER, f"The headers are longer than {limits.max_header_bytes} bytes.")
    return None


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
