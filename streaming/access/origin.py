"""Where a request comes from: the name that it calls this server by, the page that sent it, and the address."""

from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from streaming.conf import Config
from streaming.errors import Refused

HOST_NOT_ALLOWED = "host_not_allowed"
ORIGIN_NOT_ALLOWED = "origin_not_allowed"
# What Django allows while DEBUG is set and ALLOWED_HOSTS is empty.
LOCAL_HOSTS = [".localhost", "127.0.0.1", "[::1]"]
# Browsers leave these out of the headers.
DEFAULT_PORTS = {"http": "80", "https": "443"}


def check_where_from(scope: Any, config: Config) -> None:
    """What Django's own middleware would check of the host, and of the page what it does not. Raises Refused.

    A web page must not use a server without keys behind its user's back: by its own name, which a browser says in Origin, or
    by a name of its own that leads here (DNS rebinding), which a browser says in Host.
    """
    host = host_of(scope)
    if host is None:
        raise Refused(
            400,
            HOST_NOT_ALLOWED,
            f"This server does not answer to the host name {_shown(scope, b'host')}: it is not in service.allowed_hosts "
            "(ALLOWED_HOSTS in a Django project of your own).",
        )
    if not _origin_is_allowed(scope, host, config):
        raise Refused(
            403,
            ORIGIN_NOT_ALLOWED,
            f"Web pages of the origin {_shown(scope, b'origin')} may not use this server: it is not in "
            "service.allowed_origins, and it is not the origin of this server itself.",
        )


def host_of(scope: Any) -> str | None:
    """The host, and the port if there is one, by which a request calls this server, as Django reads it. None: not one of
    ALLOWED_HOSTS, or no host at all."""
    name, port = scope.get("server") or ("unknown", 0)
    request = HttpRequest()
    request.META = {
        "SERVER_NAME": str(name),
        "SERVER_PORT": str(port),
        # Several become a text that is no host.
        **{f"HTTP_{name}": ",".join(found) for name, header in _HOST_HEADERS if (found := _values(scope, header))},
    }
    try:
        return request.get_host()
    except DisallowedHost:
        return None


_HOST_HEADERS = (("HOST", b"host"), ("X_FORWARDED_HOST", b"x-forwarded-host"))


def address_of(scope: Any) -> str:
    """Where a request comes from; a proxy's word for it if the settings say so (daphne sees to that)."""
    client = scope.get("client")  # none for a Unix socket
    return str(client[0]) if client else ""


def _origin_is_allowed(scope: Any, host: str, config: Config) -> bool:
    """Programs send no Origin. Of web pages those of `allowed_origins` are allowed, and this server's own: those whose
    origin is the host that is called, if the settings name that host or a key is needed anyway."""
    origins = _values(scope, b"origin")
    if not origins:
        return True
    if len(origins) > 1:
        return False
    [origin] = origins
    if origin in config.service.allowed_origins:
        return True
    return _is_origin_of(origin, host) and (config.access.require_keys or _is_named(host))


def _is_origin_of(origin: str, host: str) -> bool:
    """Whether it has this host and port. Behind a proxy that does TLS, the scheme is not ours to know."""
    scheme, _, netloc = origin.partition("://")
    if scheme not in DEFAULT_PORTS:
        return False
    (domain, port), (own_domain, own_port) = split_domain_port(netloc), split_domain_port(host)
    default = DEFAULT_PORTS[scheme]
    return bool(domain) and (domain, port or default) == (own_domain, own_port or default)


def _is_named(host: str) -> bool:
    """Whether ALLOWED_HOSTS names the host itself: "*" allows any name, one that leads here by rebinding too."""
    allowed_hosts = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else [])
    return validate_host(split_domain_port(host)[0], [name for name in allowed_hosts if name != "*"])


def _values(scope: Any, header: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == header]


def _shown(scope: Any, header: bytes) -> str:
    return f"{', '.join(_values(scope, header))!r:.100}"
