"""Where a request comes from: the page that sent it, and the address."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

# What Django allows while DEBUG is set and ALLOWED_HOSTS is empty.
LOCAL_HOSTS = [".localhost", "127.0.0.1", "[::1]"]


def origin_is_allowed(scope: Any, allowed_origins: Collection[str]) -> bool:
    """Programs send no Origin. A web page does, and must not use a server without keys behind its user's back.

    Allowed are `allowed_origins`, and pages of the hosts that ALLOWED_HOSTS names, as Django reads it."""
    origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
    if not origin or origin in allowed_origins:
        return True
    try:
        domain, _ = split_domain_port(urlsplit(origin).netloc)
    except ValueError:  # "http://[" is no address
        return False
    allowed_hosts = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else [])
    return bool(domain) and validate_host(domain, allowed_hosts)


def address_of(scope: Any) -> str:
    """Where a request comes from; a proxy's word for it if the settings say so (daphne sees to that)."""
    client = scope.get("client")  # none for a Unix socket
    return str(client[0]) if client else ""
