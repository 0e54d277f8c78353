"""Where a request comes from: the page that sent it, and the address."""

from typing import Any
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

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
