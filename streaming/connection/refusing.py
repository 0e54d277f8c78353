"""How a request is refused before an application sees it, or the handshake of a socket."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from streaming.logs.request_id import current_request_id

ANSWERS_HANDSHAKES = "websocket.http.response"
NOTHING: Mapping[str, str] = {}


def refusal_body(code: str, message: str, request_id: str = "") -> bytes:
    named = {"request_id": request_id} if request_id else {}
    return json.dumps({"detail": {"status": code, "code": code, "message": message} | named}).encode() + b"\n"


async def refuse(
    scope: Any,
    send: Callable[[Any], Awaitable[None]],
    status: int,
    code: str,
    message: str,
    more_headers: Mapping[str, str] = NOTHING,
) -> None:
    """Servers that cannot answer a handshake in words (daphne) answer 403."""
    is_socket = scope["type"] == "websocket"
    if is_socket and ANSWERS_HANDSHAKES not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    prefix = "websocket.http" if is_socket else "http"
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers += [(name.lower().encode(), value.encode()) for name, value in more_headers.items()]
    await send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": refusal_body(code, message, current_request_id.get())})
