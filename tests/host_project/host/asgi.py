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
        raise ValueError("No route found for this path.")
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        # "xyz" is no number: a mistake of the project's own.
        answer = str(float(message["text"])) if message["text"].startswith("x") else message["text"]
        await send({"type": "websocket.send", "text": answer})


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Notes what it is told, for a test to read."""
    with open(os.path.join(os.environ["HOST_DIR"], "lifespan"), "w") as notes:
        for _ in range(2):
            event = (await receive())["type"]
            print(event, file=notes, flush=True)
            await send({"type": f"{event}.complete"})


if "HOST_SOCKETS" in os.environ:
    everything = ProtocolTypeRouter({"http": pages, "websocket": echo, "lifespan": lifespan})
    application = speech_application(everything, ready_path="/speech-ready")
else:
    application = speech_application(pages)
