"""Clients that do not speak: they look at voices, make tokens, and add and delete voices, which takes the database and the
disk."""

import io
import random

import httpx
import numpy as np
import soundfile

from benchmarks.chaos.http_clients import NOT_ANSWERED, PATIENCE_SECONDS, error_in
from benchmarks.chaos.outcomes import REFUSED, Outcome
from benchmarks.chaos.plans import Plan

QUESTIONS = (
    ("GET", "/v1/voices"),
    ("GET", "/v1/voices/demo"),
    ("GET", "/v1/models"),
    ("GET", "/v1/user"),
    ("POST", "/v1/single-use-token/tts_websocket"),
)
ADDING_SHARE = 0.3


async def manage(base_url: str, plan: Plan, random_: random.Random) -> Outcome:
    outcome = Outcome()
    try:
        async with httpx.AsyncClient(base_url=base_url, timeout=PATIENCE_SECONDS) as client:
            if random_.random() < ADDING_SHARE:
                await _add_and_delete(client, outcome)
            else:
                method, path = random_.choice(QUESTIONS)
                _note(outcome, await client.request(method, path))
    except NOT_ANSWERED:
        outcome.error = REFUSED
    return outcome


async def _add_and_delete(client: httpx.AsyncClient, outcome: Outcome) -> None:
    files = [("files", ("one.wav", recording(seconds=1.2)))]
    added = await client.post("/v1/voices/add", data={"name": "One of many"}, files=files)
    _note(outcome, added)
    if outcome.error is None:
        _note(outcome, await client.delete(f"/v1/voices/{added.json()['voice_id']}"))


def _note(outcome: Outcome, answer: httpx.Response) -> None:
    outcome.code = answer.status_code
    if answer.status_code != 200:
        outcome.error = error_in(answer.content)


def recording(rate: int = 24_000, seconds: float = 2.0) -> bytes:
    """What passes for a voice: a buzz that swells three times a second."""
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.3 * np.sign(np.sin(2 * np.pi * 140 * time)) * np.sin(2 * np.pi * 3 * time) ** 2
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="WAV")
    return file.getvalue()
