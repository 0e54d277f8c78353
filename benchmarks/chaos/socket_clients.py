"""Clients of the sockets: how each kind asks, and what it hears."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.chaos.outcomes import CUT, REFUSED, Outcome
from benchmarks.chaos.plans import Plan

# No client gives up before the bound of its session, except for the goodbye of one whose queue is full.
PATIENT: dict[str, Any] = {"open_timeout": 600, "close_timeout": 10, "ping_interval": None, "compression": None}
AHEAD_MS = 5000
HANDSHAKE_ERRORS = (OSError, EOFError, websockets.InvalidHandshake)


class NotConnected(Exception):
    """There is no server, or it ended in the handshake."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


@asynccontextmanager
async def connected(
    base_url: str, plan: Plan, query: str, outcome: Outcome, endpoint: str = "stream-input", **options: Any
) -> AsyncIterator[ClientConnection]:
    """How the connection ends is noted in the outcome. Raises NotConnected, with that outcome."""
    url = f"ws{base_url.removeprefix('http')}/v1/text-to-speech/{plan.voice}/{endpoint}{query}"
    headers = {"xi-api-key": plan.key} if plan.key else {}
    socket: ClientConnection | None = None
    try:
        async with connect(url, additional_headers=headers, **PATIENT | options) as socket:
            yield socket
    except HANDSHAKE_ERRORS:
        if socket is not None:
            raise
        outcome.error = REFUSED
        raise NotConnected(outcome) from None
    except websockets.ConnectionClosed as closed:
        outcome.code = closed.rcvd.code if closed.rcvd else None
        if closed.rcvd is None and not outcome.has_left:
            outcome.error = CUT


async def say(socket: ClientConnection, **message: Any) -> None:
    """If the server has closed, what it said before is still to be read."""
    with suppress(websockets.ConnectionClosed):
        await socket.send(json.dumps(message))


async def native(base_url: str, plan: Plan, random_: random.Random, **options: Any) -> Outcome:
    """One turn after the other on one connection, each heard to its end."""
    outcome = Outcome()
    names = [f"turn {number}" for number in range(len(plan.texts))]
    outcome.forget_silence_of(*names)
    lead = 20 if plan.kind == "paced" else AHEAD_MS
    async with connected(
        base_url, plan, plan.query(mode="generate", target_lead_ms=lead), outcome, **options
    ) as socket:
        for name, text in zip(names, plan.texts, strict=True):
            await say(socket, text=text)
            await say(socket, text="")
            while not outcome.streams[name].is_complete:
                outcome.take(await socket.recv(), name)
    return outcome


async def elevenlabs(base_url: str, plan: Plan, random_: random.Random, pause: float = 0.0, **options: Any) -> Outcome:
    """One stream, in generations that are flushed. `pause`: the longest between two messages that are read."""
    outcome = Outcome()
    outcome.forget_silence_of("stream")
    async with connected(base_url, plan, plan.query(model_id="any"), outcome, **options) as socket:
        for text in plan.texts:
            await say(socket, text=f"{text} ", flush=True)
        await say(socket, text="")
        await hear_all(socket, outcome, "stream", random_, pause)
    return outcome


async def slow(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    return await elevenlabs(base_url, plan, random_, pause=0.15, max_queue=1)


async def typed(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    """Words as they are typed or come out of a language model."""
    outcome = Outcome()
    outcome.forget_silence_of("stream")
    async with connected(base_url, plan, plan.query(model_id="any"), outcome) as socket:
        typing = asyncio.create_task(_type(socket, plan, random_))
        try:
            await hear_all(socket, outcome, "stream", random_)
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
    return outcome


async def _type(socket: ClientConnection, plan: Plan, random_: random.Random) -> None:
    for word in " ".join(plan.texts).split(" "):
        await say(socket, text=f"{word} ")
        await asyncio.sleep(random_.uniform(0, 0.12))
    await say(socket, text="")


async def hear_all(
    socket: ClientConnection, outcome: Outcome, name: str | None, random_: random.Random, pause: float = 0.0
) -> None:
    """Until the server closes."""
    while True:
        outcome.take(await socket.recv(), name)
        if pause:
            await asyncio.sleep(random_.uniform(0, pause))


async def contexts(base_url: str, plan: Plan, random_: random.Random, interrupts: bool = True) -> Outcome:
    """Several contexts at once; sometimes one of them is interrupted, as by a person who speaks."""
    outcome = Outcome()
    names = [f"context {number}" for number in range(len(plan.texts))]
    outcome.forget_silence_of(*names)
    interrupted = random_.choice(names) if interrupts and random_.random() < 0.4 else None
    async with connected(base_url, plan, plan.query(), outcome, "multi-stream-input") as socket:
        for name, text in zip(names, plan.texts, strict=True):
            await say(socket, text=f"{text} ", context_id=name)
            await say(socket, context_id=name, flush=True)
            await say(socket, context_id=name, close_context=True)
        if interrupted:
            await asyncio.sleep(random_.uniform(0, 0.4))
            await say(socket, context_id=interrupted, close_context=True)
            outcome.stream_errors[interrupted] = "interrupted"
        await say(socket, close_socket=True)
        await hear_all(socket, outcome, None, random_)
    return outcome


async def vanishing(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    """Says everything and is gone, without a goodbye, at any time."""
    outcome = Outcome(has_left=True)
    async with connected(base_url, plan, plan.query(model_id="any"), outcome) as socket:
        try:
            for text in plan.texts[: random_.randint(0, 2)]:
                await say(socket, text=f"{text} ", flush=True)
            async with asyncio.timeout(random_.choice((0.0, 0.05, 0.3, 1.0))):
                for _ in range(random_.randint(0, 20)):
                    outcome.take(await socket.recv(), "stream")
        except TimeoutError:
            pass
        finally:
            socket.transport.abort()
    return outcome
