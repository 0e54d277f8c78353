"""Clients that do what they may not: each provokes one error by name."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed

from benchmarks.chaos.http_clients import NOT_ANSWERED, PATIENCE_SECONDS, error_in
from benchmarks.chaos.outcomes import REFUSED, Outcome
from benchmarks.chaos.plans import Plan
from benchmarks.chaos.socket_clients import connected, hear_all

BAD_FORMAT = "Invalid EL_AUDIO_FORMAT"
# Of a validator, which has a list in place of a name.
UNPROCESSABLE = "unprocessable"
RAW = (
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    b"\r\n" * 50,
    b"POST /v1 HTTP/9.9\r\n\r\n",
)
BadClient = Callable[[str, Plan, random.Random], Awaitable[Outcome]]


async def bad(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    return await random_.choice(CLIENTS)(base_url, plan, random_)


def on_socket(message: str | bytes, expected: str, query: str = "?mode=generate", voice: str = "") -> BadClient:
    async def client(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
        outcome = Outcome(expected=frozenset({expected}))
        async with connected(base_url, replace(plan, voice=voice or plan.voice), query, outcome) as socket:
            with suppress(ConnectionClosed):
                await socket.send(message)
            await hear_all(socket, outcome, "none", random_)
        if outcome.error and outcome.error.startswith(BAD_FORMAT):
            outcome.error = BAD_FORMAT
        return outcome

    return client


def over_http(body: object, expected: str, query: str = "", voice: str = "") -> BadClient:
    async def client(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
        outcome = Outcome(expected=frozenset({expected}))
        try:
            async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
                url = f"{base_url}/v1/text-to-speech/{voice or plan.voice}{query}"
                answer = await http.post(url, json=body)
        except NOT_ANSWERED:
            outcome.error = REFUSED
        else:
            outcome.code = answer.status_code
            outcome.error = UNPROCESSABLE if answer.status_code == 422 else error_in(answer.content)
        return outcome

    return client


async def raw(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    """Not HTTP, or half of it; and then gone."""
    outcome = Outcome(has_left=True)
    address = urlsplit(base_url)
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError:
        outcome.error = REFUSED
        return outcome
    with suppress(OSError):
        writer.write(random_.choice(RAW))
        await writer.drain()
        await asyncio.sleep(random_.uniform(0, 0.2))
    writer.transport.abort()
    return outcome


CLIENTS = (
    on_socket("{", "invalid_input_message"),
    on_socket(b"\x00\x01", "invalid_input_message"),
    on_socket('{"text": "a"}', "voice_not_found", voice="nobody"),
    on_socket('{"text": "a", "voice_settings": {"speed": 9}}', "invalid_parameter"),
    on_socket('{"text": "a"}', BAD_FORMAT, "?mode=generate&output_format=pcm_1"),
    over_http({"text": "a"}, "voice_not_found", voice="nobody"),
    over_http({"text": "a"}, "invalid_output_format", "?output_format=pcm_1"),
    over_http({}, UNPROCESSABLE),
    over_http({"text": "a" * 40_001}, "max_character_limit_exceeded"),
    raw,
)
