"""daphne reads some headers as text, and takes one that is none for a failure of its own: 500 and a traceback for the
mistake of a client.
"""

from typing import Any

from daphne.http_protocol import WebRequest

READ_BY_DAPHNE = (
    "Daphne-Root-Path",
    "Sec-WebSocket-Protocol",
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
)


def install() -> None:
    """From now on every daphne server in this process answers 400 to them, to the handshake of a socket as well."""
    process = WebRequest.process

    def check_first(request: Any) -> Any:
        if odd := odd_header(request.requestHeaders):
            request.basic_error(400, b"Bad Request", f"The header {odd} contains an unsupported character.")
            return None
        return process(request)

    WebRequest.process = check_first


def odd_header(headers: Any) -> str | None:
    """The name of one that daphne could not read."""
    return next(
        (name for name in READ_BY_DAPHNE if not all(map(bytes.isascii, headers.getRawHeaders(name.encode(), ())))), None
    )
