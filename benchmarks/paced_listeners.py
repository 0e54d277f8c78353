"""Hundreds of paced sessions in one process that hardly costs anything: WebSocket frames are counted, not understood.

A client library costs as much for each packet as the server does, and would be what is measured.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from benchmarks.heard import RATE

LEAD_SECONDS = 0.02
BUFFER_SECONDS = 0.1
_TEXT_FRAME = 0x81
# What stands before the audio of a message, and behind it.
_AUDIO = b'{"audio": "'
_FINAL = b'"isFinal": true'


@dataclass(slots=True)
class Heard:
    """When each packet of one session came (seconds, monotonic), and how much sound had come before it."""

    times: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    seconds: float = 0.0
    is_complete: bool = False
    error: str = ""

    def take(self, now: float, seconds: float) -> None:
        self.times.append(now)
        self.before.append(self.seconds)
        self.seconds += seconds

    def late(self) -> list[float]:
        """How much later than due each packet came, if the first was in time: due is when all the sound before it, but for
        the lead, has been played."""
        first = self.times[0] if self.times else 0.0
        return [
            now - first - max(0.0, before - LEAD_SECONDS) for now, before in zip(self.times, self.before, strict=True)
        ]

    @property
    def starved(self) -> bool:
        """Whether a player ran dry that began 100 ms after the first packet came."""
        first = self.times[0]
        return any(now - first - before > BUFFER_SECONDS for now, before in zip(self.times, self.before, strict=True))


class Listener(asyncio.Protocol):
    """One session: shakes hands, sends `texts`, and listens until the final message."""

    def __init__(self, host: str, path: str, texts: Sequence[str]) -> None:
        self.heard = Heard()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self._head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._texts = texts
        self._buffer = bytearray()
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(f"{self._head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._buffer += data
        if not self._is_open and not self._shake_hands():
            return
        for message in self._messages():
            self._hear(message, now)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.heard.is_complete:
            self.heard.error = self.heard.error or "the connection ended"
        self.begun.set()
        self.ended.set()

    def _shake_hands(self) -> bool:
        head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not found:
            return False
        if b" 101 " not in head.split(b"\r\n")[0]:
            self._end(head.split(b"\r\n")[0].decode("latin-1"))
            return False
        self._is_open = True
        self._buffer = bytearray(rest)
        for text in self._texts:
            self._transport.write(masked(text.encode()))
        return True

    def _messages(self) -> Iterator[bytes]:
        """The payloads of the whole text frames that have come. No client pays for pings in so short a time."""
        buffer, start = self._buffer, 0
        while len(buffer) - start >= 2:
            kind, length, header = buffer[start], buffer[start + 1], 2
            if length >= 126:
                header = 4 if length == 126 else 10
                length = int.from_bytes(buffer[start + 2 : start + header], "big")
            end = start + header + length
            if len(buffer) < max(end, start + header):
                break
            if kind == _TEXT_FRAME:
                yield bytes(buffer[start + header : end])
            start = end
        del buffer[:start]

    def _hear(self, message: bytes, now: float) -> None:
        if message.startswith(_AUDIO) and _FINAL not in message[-200:]:
            characters = message.index(b'"', len(_AUDIO)) - len(_AUDIO)
            if characters:
                padding = message.count(b"=", len(_AUDIO) + characters - 2, len(_AUDIO) + characters)
                self.heard.take(now, (characters * 3 // 4 - padding) / 2 / RATE)
                self.begun.set()
        elif _FINAL in message:
            self.heard.is_complete = True
            self._end()
        else:
            self._end(message.decode(errors="replace"))

    def _end(self, error: str = "") -> None:
        self.heard.error = error
        self._transport.close()


def masked(payload: bytes) -> bytes:
    """A text frame as a client has to send it; with a mask of zeros it is what it was."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
    return bytes([_TEXT_FRAME]) + size + bytes(4) + payload


@dataclass(frozen=True, slots=True)
class Session:
    path: str
    texts: tuple[str, ...]


def generated(text: str, query: str) -> Session:
    path = f"/v1/text-to-speech/demo/stream-input?{query}"
    return Session(path, (json.dumps({"text": text}), json.dumps({"text": ""})))


@dataclass(slots=True)
class Crowd:
    """Sessions that begin one after the other, so many in a second. `on_full`: called when all have begun to hear,
    `on_thinner`: when the first has heard all."""

    port: int
    per_second: float
    on_full: Callable[[], None]
    on_thinner: Callable[[], None]

    async def listen(self, sessions: Sequence[Session]) -> list[Heard]:
        loop = asyncio.get_running_loop()
        begin, listeners = loop.time(), list[Listener]()
        for number, session in enumerate(sessions):
            await asyncio.sleep(max(0.0, begin + number / self.per_second - loop.time()))
            listener = Listener(f"127.0.0.1:{self.port}", session.path, session.texts)
            await loop.create_connection(partial(_itself, listener), "127.0.0.1", self.port)
            listeners.append(listener)
        await asyncio.gather(*(listener.begun.wait() for listener in listeners))
        self.on_full()
        ends = [asyncio.create_task(listener.ended.wait()) for listener in listeners]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.on_thinner()
        await asyncio.wait(ends)
        return [listener.heard for listener in listeners]


def _itself(listener: Listener) -> Listener:
    return listener


def percentiles(heard: Sequence[Heard], begin: float, end: float) -> tuple[float, float, float]:
    """How late the packets from `begin` to `end` came, in milliseconds: median, 99th percentile, maximum."""
    late = [late for each in heard for at, late in zip(each.times, each.late(), strict=True) if begin <= at < end]
    p50, p99, most = (float(value) for value in 1000 * np.percentile(late, [50, 99, 100]))
    return p50, p99, most
