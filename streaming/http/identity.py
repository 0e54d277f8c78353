"""Who asks? Decided here, before every operation, whatever path or middleware has led to it."""

from django.http import HttpRequest
from ninja.security.base import AuthBase

from streaming.access.credentials import Credentials
from streaming.access.identity import Client
from streaming.http.backend import exchange_of
from streaming.http.entrance import KNOWN_KEY


class ApiKey(AuthBase):
    """A key, in either of two headers; without one, anybody, unless the settings require keys. Counts as a request of the
    key."""

    openapi_type = "apiKey"
    openapi_in = "header"
    openapi_name = "xi-api-key"

    async def __call__(self, request: HttpRequest) -> Client:
        """Raises Refused, DatabaseUnavailable and Problem."""
        exchange = exchange_of(request)
        backend = exchange.backend
        credentials = Credentials.from_headers(request.scope["headers"])  # type: ignore[attr-defined] # over ASGI
        client = await backend.gate.keys.identify(credentials, required=backend.config.access.require_keys)
        exchange.identify(client)
        if is_known := request.scope.get(KNOWN_KEY):  # type: ignore[attr-defined]
            is_known()
        await backend.gate.take_request(client)
        return client
