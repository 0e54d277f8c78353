"""The few lines that every test over a real socket needs."""

import json
import time
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import websockets
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection


@dataclass
class Turn:
    """What a client received: everything up to a final message, an error or the close."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    first_audio_at: float | None = None

    @property
    def packets(self) -> list[bytes]:
        return [b64decode(message["audio"]) for message in self.messages if message.get("audio")]

    @property
    def pcm(self) -> NDArray[np.int16]:
        return np.frombuffer(b"".join(self.packets), dtype="<i2")

    @property
    def error(self) -> dict[str, Any] | None:
        return next((message for message in self.messages if "error" in message), None)

    @property
    def is_final(self) -> bool:
        return any(message.get("isFinal") is True for message in self.messages)


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive_turn(socket: ClientConnection) -> Turn:
    """Read until the final message, or until the server closes."""
    turn = Turn()
    try:
        while not turn.is_final:
            message = json.loads(await socket.recv())
            turn.messages.append(message)
            if message.get("audio") and turn.first_audio_at is None:
                turn.first_audio_at = time.monotonic()
    except websockets.ConnectionClosed:
        turn.close_code = socket.close_code
    return turn


async def receive_all(socket: ClientConnection) -> Turn:
    """Read until the server closes."""
    whole = Turn()
    while whole.close_code is None:
        part = await receive_turn(socket)
        whole.messages += part.messages
        whole.close_code = part.close_code
        whole.first_audio_at = whole.first_audio_at or part.first_audio_at
    return whole


async def speak(socket: ClientConnection, text: str, **settings: Any) -> Turn:
    """One turn of the native protocol on an open connection."""
    await send(socket, text=text, **settings)
    await send(socket, text="")
    return await receive_turn(socket)
