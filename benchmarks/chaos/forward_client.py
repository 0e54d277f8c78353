"""A session of forward mode, and the producer whose audio it hears."""

import asyncio
import json
import random
from base64 import b64encode
from contextlib import suppress
from itertools import count

import redis
import redis.asyncio

from benchmarks.chaos.outcomes import Outcome
from benchmarks.chaos.plans import Plan
from benchmarks.chaos.socket_clients import connected, say

RATE = 16_000
PART_SECONDS = 0.1
_numbers = count(1)


def parts_of(random_: random.Random) -> list[bytes]:
    """Noise that no other session hears."""
    return [random_.randbytes(int(RATE * PART_SECONDS) * 2) for _ in range(random_.randint(2, 10))]


async def forward(base_url: str, plan: Plan, random_: random.Random, redis_url: str, parts: list[bytes]) -> Outcome:
    channel = f"sess:chaos:{next(_numbers)}"
    outcome = Outcome()
    outcome.forget_silence_of("turn")
    query = f"?mode=forward&output_format=pcm_{RATE}&target_lead_ms=5000&audio_channel={channel}"
    async with connected(base_url, plan, query, outcome) as socket:
        await say(socket, text=" ")
        producer = asyncio.create_task(_produce(redis_url, channel, parts, random_))
        try:
            while not outcome.streams["turn"].is_complete:
                outcome.take(await socket.recv(), "turn")
        finally:
            producer.cancel()
            await asyncio.gather(producer, return_exceptions=True)
    return outcome


async def _produce(redis_url: str, channel: str, parts: list[bytes], random_: random.Random) -> None:
    """Publishes when somebody listens. A producer whose Redis is gone in the middle says nothing more: the session has to
    end by itself."""
    client = redis.asyncio.Redis.from_url(redis_url, socket_timeout=None, retry=None)
    async with client:
        while not await _listeners(client, channel):
            await asyncio.sleep(0.05)
        for number, part in enumerate(parts, 1):
            message = {"audio": b64encode(part).decode(), "isFinal": number == len(parts)}
            await client.publish(channel, json.dumps(message))
            await asyncio.sleep(random_.uniform(0, 0.05))


async def _listeners(client: "redis.asyncio.Redis", channel: str) -> int:
    with suppress(redis.RedisError, OSError):
        return int((await client.pubsub_numsub(channel))[0][1])
    return 0
