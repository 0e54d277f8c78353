"""A client of `multi-stream-input`: sends in one go, sorts what comes back by context."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from tests.live.client import Turn, send

RATE = 16_000


@dataclass
class Heard:
    """Everything that one socket has received so far: by context, and in the order of its coming."""

    turns: defaultdict[str, Turn] = field(default_factory=lambda: defaultdict(Turn))
    order: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None

    def __getitem__(self, context: str) -> Turn:
        return self.turns[context]

    def seconds(self, context: str) -> float:
        return len(self.turns[context].pcm) / RATE

    def text(self, context: str, key: str = "alignment") -> str:
        """The characters of all alignments of a context."""
        messages = self.turns[context].messages
        return "".join(char for message in messages if message.get(key) for char in message[key]["chars"])

    def take(self, raw: str | bytes) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(raw)
        self.order.append(message)
        # As Pipecat does: nothing else is looked at.
        self.turns[str(message.get("contextId"))].messages.append(message)
        return message


async def hear(socket: ClientConnection, *contexts: str, heard: Heard | None = None) -> Heard:
    """Read until all these contexts have had their final message; without any, until the server closes."""
    heard, waited = heard or Heard(), set(contexts)
    try:
        async with asyncio.timeout(30):
            while waited or not contexts:
                message = heard.take(await socket.recv())
                if message.get("isFinal") is True:
                    waited.discard(str(message["contextId"]))
    except websockets.ConnectionClosed:
        heard.close_code = socket.close_code
    return heard


async def hear_audio(socket: ClientConnection, context: str, heard: Heard | None = None) -> Heard:
    """Read until this context has audio."""
    heard = heard or Heard()
    async with asyncio.timeout(30):
        while not heard[context].packets:
            heard.take(await socket.recv())
    return heard


async def say(socket: ClientConnection, context: str, *texts: str, close: bool = True) -> None:
    """A whole turn in its own context, as fast as it can be written."""
    await send(socket, text=" ", context_id=context)
    for text in texts:
        await send(socket, text=text, context_id=context)
    await send(socket, context_id=context, flush=True)
    if close:
        await send(socket, context_id=context, close_context=True)
