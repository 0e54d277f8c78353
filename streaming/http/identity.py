"""Who asks? Decided here, before every operation, whatever path or middleware has led to it."""

from django.db import DatabaseError
from django.http import HttpRequest
from ninja.security.base import AuthBase

from streaming.access.credentials import Credentials
from streaming.access.identity import Client, identify_now
from streaming.http.backend import exchange_of
from streaming.http.entrance import KNOWN_KEY
from streaming.http.problems import database_lost


class ApiKey(AuthBase):
    """A key, in either of two headers; without one, anybody, unless the settings require keys. Counts as a request of the
    key. A plain function, since Ninja calls it for asynchronous operations as well, on a thread."""

    openapi_type = "apiKey"
    openapi_in = "header"
    openapi_name = "xi-api-key"

    def __call__(self, request: HttpRequest) -> Client:
        """Raises Refused and Problem."""
        exchange = exchange_of(request)
        backend = exchange.backend
        credentials = Credentials.from_headers(request.scope["headers"])  # type: ignore[attr-defined] # over ASGI
        try:
            client = identify_now(credentials, required=backend.config.access.require_keys)
        except DatabaseError:
            raise database_lost() from None
        exchange.caller.identified = client
        if is_known := request.scope.get(KNOWN_KEY):  # type: ignore[attr-defined]
            is_known()
        backend.gate.take_request(client)
        return client
