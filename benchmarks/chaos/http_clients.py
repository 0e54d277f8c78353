"""Clients of the HTTP API."""

import asyncio
import json
import random
from base64 import b64decode
from typing import Any

import httpx

from benchmarks.chaos.outcomes import ABORTED, REFUSED, Outcome
from benchmarks.chaos.plans import Plan

# The session's own bound comes before.
PATIENCE_SECONDS = 600.0
# Who sends a request without an answer's first byte was not connected to a server: its listening socket may have ended.
NOT_ANSWERED = (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


async def whole(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    return await _request(base_url, plan, "")


async def streamed(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    return await _request(base_url, plan, "/stream", pause=random_.choice((0.0, 0.0, 0.05)), random_=random_)


async def timestamps(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    """Lines of JSON, each with a part of the audio."""
    outcome = await _request(base_url, plan, "/stream/with-timestamps")
    stream = outcome.streams["response"]
    lines = bytes(stream.audio).split(b"\n")
    # What comes after the last end of a line is the beginning of one that was broken off.
    stream.audio = bytearray(b"".join(b64decode(json.loads(line)["audio_base64"]) for line in lines[:-1]))
    return outcome


async def vanishing(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    """Leaves in the middle of the response, or before it."""
    outcome = Outcome(has_left=True)
    try:
        async with asyncio.timeout(random_.choice((0.01, 0.05, 0.2, 0.5))):
            await _read(base_url, plan, "/stream", outcome, 0.02, random_)
    except TimeoutError:
        pass
    except NOT_ANSWERED:
        outcome.error = REFUSED
    return outcome


async def _request(
    base_url: str, plan: Plan, path: str, pause: float = 0.0, random_: random.Random | None = None
) -> Outcome:
    outcome = Outcome()
    outcome.forget_silence_of("response")
    try:
        await _read(base_url, plan, path, outcome, pause, random_ or random.Random())
    except NOT_ANSWERED:
        outcome.error = REFUSED if outcome.code is None else ABORTED
    return outcome


async def _read(base_url: str, plan: Plan, path: str, outcome: Outcome, pause: float, random_: random.Random) -> None:
    url = f"{base_url}/v1/text-to-speech/{plan.voice}{path}?output_format={plan.output_format}"
    headers: dict[str, Any] = {"xi-api-key": plan.key} if plan.key else {}
    async with (
        httpx.AsyncClient(timeout=PATIENCE_SECONDS, headers=headers) as client,
        client.stream("POST", url, json=plan.body()) as response,
    ):
        outcome.code = response.status_code
        if response.status_code != 200:
            outcome.error = error_in(await response.aread())
            return
        async for part in response.aiter_raw():
            outcome.streams["response"].audio += part
            if pause:
                await asyncio.sleep(random_.uniform(0, pause))
        outcome.streams["response"].is_complete = True


def error_in(body: bytes) -> str:
    """The code of an answer that is an error."""
    try:
        return str(json.loads(body)["detail"]["code"])
    except (ValueError, TypeError, KeyError):
        return f"not in JSON: {body[:200]!r}"
