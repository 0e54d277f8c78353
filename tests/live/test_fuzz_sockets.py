"""Whatever clients say on the sockets: an answer, never a failure of ours, and nothing left behind.

FUZZ_EXAMPLES=1000 looks longer.
"""

import asyncio
import json
import os
from contextlib import suppress
from typing import Any

import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.live_server import LiveServer
from tests.live.servers import WatchedServer

pytestmark = pytest.mark.both_servers

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
ANSWER_SECONDS = 60.0  # far longer than anything here takes: a hang, not a slow machine

VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, -1, 0.5, 1e9, "", " ", "x", "true", "1", [], [50], {}, "\ud800", "é"]
)
TEXTS = st.sampled_from(
    [
        *("", " ", "\n", "Hi. ", "Hel", "lo there. ", "One, two, three. ", "...", "你好。", "\ud83d", "😀", "\0"),
        *('<break time="0.2s"/>', "<bre", 'ak time="', "a < b ", "&amp; ", "</speak>", "<phoneme", "A" * 300),
    ]
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "speed": st.sampled_from([0.7, 1.2, 2.0, 5, None]),
        "stability": VALUES,
        "chunk_length_schedule": st.sampled_from([[50], [1, 2], [], None, "50,60", [0]]),
        "language": st.sampled_from(["en", "de", "zz", None, 3]),
        "seed": st.sampled_from([1, -1, None]),
        "output_format": st.sampled_from(["pcm_24000", "pcm_16000", "nothing"]),
    },
)
LOCATORS: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], [{}], [{"pronunciation_dictionary_id": "none", "version_id": None}], "x", [{"version_id": 1}]]
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "flush": st.booleans(),
    "try_trigger_generation": st.booleans(),
    "voice_settings": SETTINGS | VALUES,
    "generation_config": SETTINGS | VALUES,
    "pronunciation_dictionary_locators": LOCATORS,
    "xi_api_key": VALUES,
    "type": st.sampled_from(["ttsInitRequest", "other", None, 1]),
    "context_id": st.sampled_from(["a", "b", "c", "d", "e", "f", "", None, 1, "x" * 300, "\ud800"]),
    "contextId": st.sampled_from(["a", "b"]),
    "close_context": st.booleans() | VALUES,
    "close_socket": st.sampled_from([False, None, "x", True]),
}
GOOD_SETTINGS = st.sampled_from(
    [{}, {"speed": 2.0}, {"chunk_length_schedule": [50]}, {"seed": 1}, {"inactivity_timeout": 1}]
)
PLAUSIBLE = st.fixed_dictionaries(
    {"text": TEXTS},
    optional={
        "context_id": st.sampled_from("abcdef"),
        "flush": st.booleans(),
        "try_trigger_generation": st.booleans(),
        "generation_config": GOOD_SETTINGS,
        "close_context": st.booleans(),
    },
)
ANYTHING = st.fixed_dictionaries({}, optional=FIELDS)
RAW = st.sampled_from(
    ["", "null", "[]", "{", '"text"', "{}", "NaN", "[" * 5000, '{"text": "a", "text": 1}', "\0", b"\xff"]
)
# A message, raw data, seconds of silence, or how many messages to read.
PLAUSIBLE_STEPS = [PLAUSIBLE.map(json.dumps)] * 6 + [st.sampled_from([0.01, 0.1, 0.5]), st.integers(1, 3)]
STEPS = st.one_of(*PLAUSIBLE_STEPS)
ODD_STEPS = st.one_of(*PLAUSIBLE_STEPS, ANYTHING.map(json.dumps), RAW)
GOOD_QUERIES = st.sampled_from(
    [
        *({}, {"auto_mode": "true"}, {"sync_alignment": "True", "output_format": "ulaw_8000"}, {"mode": "generate"}),
        *(
            {"output_format": "mp3_22050_32"},
            {"output_format": "opus_48000_32"},
            {"target_lead_ms": "5000", "speed": "2"},
        ),
    ]
)
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *(
                "output_format",
                "auto_mode",
                "sync_alignment",
                "inactivity_timeout",
                "model_id",
                "language_code",
                "seed",
            ),
            *("mode", "speed", "chunk_length_schedule", "enable_ssml_parsing", "target_lead_ms", "single_use_token"),
        ]
    ),
    st.sampled_from(
        ["true", "False", "1", "pcm_24000", "pcm_16000", "ulaw_8000", "50,60", "en", "generate", "forward"]
    ),
    max_size=3,
)
# A query, what the client does, and whether it then leaves without a word.
CONVERSATIONS = st.one_of(
    *[st.tuples(GOOD_QUERIES, st.lists(STEPS, max_size=12), st.booleans())] * 3,
    st.tuples(GOOD_QUERIES, st.lists(ODD_STEPS, max_size=12), st.booleans()),
    st.tuples(QUERIES, st.lists(ODD_STEPS, max_size=6), st.booleans()),
)


def address(server: LiveServer, endpoint: str, query: dict[str, str]) -> str:
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    return f"ws://127.0.0.1:{server.port}/v1/text-to-speech/demo/{endpoint}?{parameters}"


async def converse(url: str, steps: list[Any], *, vanishes: bool) -> list[dict[str, Any]]:
    """Everything that the server said."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(ANSWER_SECONDS):
        socket = await connect(url)
        with suppress(websockets.ConnectionClosed):
            for step in steps:
                await take(step, socket, heard)
            if not vanishes:
                await say_goodbye(socket)
                while True:
                    heard.append(json.loads(await socket.recv()))
                    if heard[-1].get("isFinal") and "contextId" not in heard[-1]:
                        break  # the native dialect leaves the socket open
        if vanishes:
            socket.transport.abort()
        await socket.close()
    assert vanishes or socket.close_code not in (None, 1006, 1011)
    return heard


async def take(step: Any, socket: ClientConnection, heard: list[dict[str, Any]]) -> None:
    match step:
        case str() | bytes():
            await socket.send(step)
        case float():
            await asyncio.sleep(step)
        case int():
            for _ in range(step):
                with suppress(TimeoutError):
                    heard.append(json.loads(await asyncio.wait_for(socket.recv(), 0.2)))


async def say_goodbye(socket: ClientConnection) -> None:
    await socket.send(json.dumps({"text": "", "close_socket": True}))


@pytest.mark.parametrize("endpoint", ["stream-input", "multi-stream-input"])
def test_no_conversation_breaks_the_server(watched: WatchedServer, endpoint: str) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.lists(CONVERSATIONS, min_size=1, max_size=4))
    def talk(conversations: list[tuple[dict[str, str], list[Any], bool]]) -> None:
        async def all_at_once() -> list[list[dict[str, Any]]]:
            return await asyncio.gather(
                *(
                    converse(address(watched, endpoint, query), steps, vanishes=vanishes)
                    for query, steps, vanishes in conversations
                )
            )

        for heard in asyncio.run(all_at_once()):
            assert all(message.get("error") not in ("internal_error", "engine_failed") for message in heard)

    before = watched.wait_until_idle()
    talk()
    watched.wait_until_idle(before)
    assert "Traceback" not in watched.log
