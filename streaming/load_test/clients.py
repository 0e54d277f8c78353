"""Clients of a server: one for each way to have a text spoken. They know nothing of the server but its address."""

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar, Protocol
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from streaming.load_test.hearing import RATE
from streaming.protocol.messages import is_final

FORMAT = f"output_format=pcm_{RATE}"
# How long a connection may take until it is there, and an answer until its next piece comes.
OPEN_SECONDS = 10.0
ANSWER_SECONDS = 60.0


class Refused(Exception):
    """No (more) speech. The message is the reason, in a word or two, that the server or the network has given."""


@dataclass(frozen=True, slots=True)
class Target:
    """`url`: http:// or https://, with the path below which the API is, if there is one. `tls`: what is trusted for https,
    by default what this machine trusts. It is read once, because that takes the time of several clients."""

    url: str
    key: str | None = None
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def socket_url(self, voice: str, end: str, query: str) -> str:
        return f"ws{self.url.removeprefix('http').rstrip('/')}/v1/text-to-speech/{quote(voice, safe='')}/{end}?{query}"

    def http_url(self, voice: str) -> str:
        return f"{self.url.rstrip('/')}/v1/text-to-speech/{quote(voice, safe='')}/stream?{FORMAT}"

    @property
    def headers(self) -> dict[str, str]:
        return {"xi-api-key": self.key} if self.key else {}


class Client(Protocol):
    """`speak`: one turn, as pieces of PCM. Raises Refused. `vanish`: without a goodbye."""

    def speak(self, text: str) -> AsyncGenerator[bytes]: ...

    async def vanish(self) -> None: ...


class SocketClient:
    """On one socket, for as long as its dialect allows."""

    END: ClassVar[str]
    QUERY: ClassVar[str]

    def __init__(self, target: Target, voice: str) -> None:
        self._target = target
        self._voice = voice
        self._socket: ClientConnection | None = None

    async def vanish(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def connect(self) -> ClientConnection:
        """Raises Refused."""
        if self._socket is None:
            url = self._target.socket_url(self._voice, self.END, self.QUERY)
            try:
                self._socket = await connect(
                    url,
                    additional_headers=self._target.headers,
                    ssl=self._target.tls if url.startswith("wss:") else None,
                    open_timeout=OPEN_SECONDS,
                    close_timeout=2,
                    compression=None,
                    proxy=None,  # one from the environment is nothing that is measured here
                )
            except Exception as error:
                raise _refusal(error) from None
        return self._socket

    async def _spoken(self, *messages: dict[str, Any]) -> AsyncIterator[bytes]:
        socket = await self.connect()
        try:
            for message in messages:
                await socket.send(json.dumps(message))
            while True:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = json.loads(await socket.recv())
                if answer.get("error"):
                    raise Refused(str(answer["error"]).partition(":")[0][:60])
                if answer.get("audio"):
                    yield b64decode(answer["audio"])
                if is_final(answer):
                    return
        except (ConnectionClosed, OSError, TimeoutError, ValueError) as error:
            raise _refusal(error) from None


class NativeClient(SocketClient):
    """One turn after the other on one socket, paced by the server."""

    END, QUERY = "stream-input", f"mode=generate&{FORMAT}"

    async def speak(self, text: str) -> AsyncGenerator[bytes]:
        async for pcm in self._spoken({"text": text, "flush": True}, {"text": ""}):
            yield pcm


class ElevenLabsClient(SocketClient):
    """As ElevenLabs' own clients: the server closes the socket after a turn, and audio comes as fast as it is made."""

    END, QUERY = "stream-input", f"model_id=eleven_multilingual_v2&{FORMAT}"

    async def speak(self, text: str) -> AsyncGenerator[bytes]:
        async for pcm in self._spoken({"text": " "}, {"text": f"{text} "}, {"text": ""}):
            yield pcm
        await self.close()


class MultiClient(SocketClient):
    """A context for each turn."""

    END, QUERY = "multi-stream-input", FORMAT

    def __init__(self, target: Target, voice: str) -> None:
        super().__init__(target, voice)
        self._names = count()

    async def speak(self, text: str) -> AsyncGenerator[bytes]:
        context = {"context_id": f"turn-{next(self._names)}"}
        messages = ({"text": f"{text} "} | context, {"close_context": True} | context)
        async for pcm in self._spoken(*messages):
            yield pcm


class HttpClient:
    """A streamed response for each turn."""

    def __init__(self, target: Target, voice: str) -> None:
        self._target = target
        self._url = target.http_url(voice)
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=OPEN_SECONDS)
        # A proxy from the environment is nothing that is measured here.
        self._client = httpx.AsyncClient(headers=target.headers, timeout=timeout, verify=target.tls, trust_env=False)

    async def speak(self, text: str) -> AsyncGenerator[bytes]:
        left = b""
        try:
            async with self._client.stream("POST", self._url, json={"text": text}) as answer:
                if answer.status_code != 200:
                    raise Refused(_code_of(answer.status_code, await answer.aread()))
                async for data in answer.aiter_raw():
                    data = left + data
                    # A sample may be cut in two.
                    whole = len(data) & ~1
                    left = data[whole:]
                    yield data[:whole]
        except httpx.HTTPError as error:
            raise _refusal(error) from None

    async def vanish(self) -> None:
        """Leaving `speak` closes the connection."""

    async def close(self) -> None:
        await self._client.aclose()


CLIENTS: dict[str, Callable[[Target, str], SocketClient | HttpClient]] = {
    "native": NativeClient,
    "elevenlabs": ElevenLabsClient,
    "multi": MultiClient,
    "http": HttpClient,
}


@asynccontextmanager
async def client_of(kind: str, target: Target, voice: str) -> AsyncIterator[Any]:
    client = CLIENTS[kind](target, voice)
    try:
        yield client
    finally:
        await client.close()


def _refusal(error: Exception) -> Refused:
    """What has become of a connection."""
    match error:
        case InvalidStatus():
            return Refused(_code_of(error.response.status_code, error.response.body))
        case ConnectionClosed():
            code = error.rcvd.code if error.rcvd else None
            return Refused(f"closed with {code}" if code else "connection lost")
        case TimeoutError() | httpx.TimeoutException():
            return Refused("no answer")
        case ConnectionRefusedError() | httpx.ConnectError():
            return Refused("cannot connect")
        case OSError() | httpx.HTTPError() | EOFError() | InvalidMessage():
            return Refused("connection lost")
        case InvalidHandshake() | ValueError():
            return Refused("not this protocol")
    raise error


def _code_of(status: int, body: bytes | bytearray | None) -> str:
    """The reason in an answer that is no speech: ElevenLabs' or OpenAI's form, or the status alone."""
    try:
        answer = json.loads(body or b"")
        found = answer.get("detail", answer.get("error", answer))
        code = found.get("code") or found.get("status") or found.get("error")
    except (ValueError, AttributeError):
        code = None
    return str(code)[:60] if code else f"HTTP {status}"
