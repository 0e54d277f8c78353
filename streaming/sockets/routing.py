"""Path -> consumer."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path, re_path

from streaming.access.gate import Gate
from streaming.conf import Config
from streaming.dispatch.executor import Executor
from streaming.sockets.consumers import MultiStreamInputConsumer, StreamInputConsumer
from streaming.speech.voice_preparation import VoicePreparer


class NotFoundConsumer(AsyncWebsocketConsumer):
    """Refuses the handshake of a path that leads nowhere."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        await self.close()


def websocket_routes(executor: Executor, config: Config, preparer: VoicePreparer, gate: Gate) -> list[Any]:
    # Channels routes ASGI applications where Django's types know only views.
    parts: dict[str, Any] = {"executor": executor, "config": config, "preparer": preparer, "gate": gate}
    stream_input: Any = StreamInputConsumer.as_asgi(**parts)
    multi_stream_input: Any = MultiStreamInputConsumer.as_asgi(**parts)
    not_found: Any = NotFoundConsumer.as_asgi()
    return [
        # Any text may stand for a voice here, percent-encoded slashes included: the voices decide, not the routing.
        path("v1/text-to-speech/<path:voice_id>/stream-input", stream_input),
        path("v1/text-to-speech/<path:voice_id>/multi-stream-input", multi_stream_input),
        re_path("", not_found),
    ]
