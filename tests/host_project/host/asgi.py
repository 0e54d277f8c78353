"""The project's ASGI application: pages, an echo socket of its own, and speech."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "host.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from streaming.asgi import speech_application

pages = get_asgi_application()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] != "/echo":
        raise ValueError("nothing else is here")
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})


application = speech_application(
    ProtocolTypeRouter({"http": pages, "websocket": echo}) if "HOST_SOCKETS" in os.environ else pages
)
