"""`multi-stream-input` on a real server: contexts, their ends, their errors, and what is left behind."""

import asyncio
import socket as raw_socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import websockets

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.client import receive_all, send
from tests.live.contexts import RATE, Heard, hear, hear_audio, say

# What is about the transport; the rest is the same code on both.
on_both_servers = pytest.mark.both_servers

QUERY = f"?output_format=pcm_{RATE}"
TEXT = "The weather is fine today."
LONG = "The weather is fine today, and the birds are singing in the trees. " * 20


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    """One generation at a time, few contexts, little text."""
    settings = write_settings(
        tmp_path_factory.mktemp("narrow"),
        service={"max_concurrency": 1, "max_pending_chars": 5000},
        limits={"max_contexts": 3, "max_message_chars": 2000},
    )
    with LiveServer(settings) as live:
        yield live


def idle(server: LiveServer) -> bool:
    engine = server.readiness()["engine"]
    return bool(engine["running"] == engine["waiting"] == 0)


async def until_idle(server: LiveServer) -> None:
    await asyncio.to_thread(server.wait_until, lambda: idle(server))


async def until_idle_for(server: LiveServer, seconds: float) -> None:
    since = time.monotonic()
    while time.monotonic() < since + seconds:
        await asyncio.sleep(0.1)
        if not await asyncio.to_thread(idle, server):
            since = time.monotonic()


@on_both_servers
async def test_contexts_speak_beside_each_other_and_each_ends_with_one_final_message(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        await say(socket, "a", TEXT)
        await say(socket, "b", f"{TEXT} {TEXT}")
        heard = await hear(socket, "a", "b")
    assert [heard.text(name) for name in "ab"] == [TEXT, f"{TEXT} {TEXT}"]
    assert heard.seconds("b") > 1.5 * heard.seconds("a") > 1.5
    for name in "ab":
        last = heard[name].messages[-1]
        assert last == {"audio": None, "isFinal": True, "contextId": name, "context_id": name}
        assert sum("isFinal" in message and message["isFinal"] for message in heard[name].messages) == 1


async def test_a_context_sounds_as_the_same_text_does_on_stream_input(server: LiveServer) -> None:
    async with server.connect_contexts(query=f"{QUERY}&seed=1") as socket:
        await say(socket, "other", LONG[:200], close=False)
        await say(socket, "mine", TEXT)
        heard = await hear(socket, "mine")
    async with server.connect(query=f"{QUERY}&seed=1") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        alone = await receive_all(socket)
    assert heard["mine"].packets == alone.packets


async def test_one_socket_serves_turn_after_turn(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        for turn in range(8):
            await say(socket, f"turn-{turn}", TEXT)
            assert (await hear(socket, f"turn-{turn}")).seconds(f"turn-{turn}") > 0.5


async def test_a_second_close_frees_the_slot_and_answers_at_once(narrow: LiveServer) -> None:
    async with narrow.connect_contexts(query=QUERY, max_queue=None) as socket:
        await say(socket, "old", LONG[:1900])
        heard = await hear_audio(socket, "old")
        await send(socket, context_id="old", close_context=True)
        await hear(socket, "old", heard=heard)
        assert heard.seconds("old") < 60
        await until_idle(narrow)
        await say(socket, "new", TEXT)
        heard = await hear(socket, "new", heard=heard)
    places = [index for index, message in enumerate(heard.order) if message["contextId"] == "old"]
    assert heard.order[places[-1]]["isFinal"] is True
    assert heard.text("new") == TEXT


async def test_the_newest_context_is_served_first(narrow: LiveServer) -> None:
    """Three contexts wait for one slot, which the oldest has; then they come from the newest to the oldest."""
    async with narrow.connect_contexts(query=QUERY) as socket:
        await say(socket, "first", LONG[:240], close=False)
        await hear_audio(socket, "first")
        for name in ("old", "new"):
            await say(socket, name, TEXT)
        heard = await hear(socket, "old", "new")
    begun = list(dict.fromkeys(message["contextId"] for message in heard.order))
    assert begun.index("new") < begun.index("old")


async def test_an_error_of_one_context_leaves_the_others_speaking(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        await say(socket, "good", TEXT, TEXT, close=False)
        await send(socket, context_id="bad", text=TEXT, voice_settings={"speed": "fast"})
        await send(socket, context_id="good", close_context=True)
        heard = await hear(socket, "good", "bad")
    error = heard["bad"].error or {}
    assert (error["error"], error["code"]) == ("invalid_parameter", 1008)
    assert heard.text("good") == TEXT * 2


async def test_one_context_too_many_is_refused_and_the_socket_stays(narrow: LiveServer) -> None:
    async with narrow.connect_contexts(query=QUERY) as socket:
        for name in "abcd":
            await send(socket, text=" ", context_id=name)
        heard = await hear(socket, "d")
        assert (heard["d"].error or {})["error"] == "max_active_conversations"
        await send(socket, context_id="a", close_context=True)
        await hear(socket, "a")
        await say(socket, "e", TEXT)
        assert (await hear(socket, "e")).seconds("e") > 0.5


@pytest.mark.parametrize(("text", "limit"), [("x" * 2001, "2000"), ("word " * 390, "5000")])
async def test_too_much_text_ends_its_context_only(narrow: LiveServer, text: str, limit: str) -> None:
    async with narrow.connect_contexts(query=QUERY) as socket:
        for name in "ab":
            await send(socket, text="one, two, " * 190, context_id=name)
        await send(socket, text=text, context_id="c")
        heard = await hear(socket, "c")
        assert (heard["c"].error or {})["error"] == "max_character_limit_exceeded"
        assert limit in (heard["c"].error or {})["message"]
        for name in "ab":
            await send(socket, context_id=name, close_context=True)
            await send(socket, context_id=name, close_context=True)
        assert (await hear(socket, "a", "b", heard=heard)).close_code is None


async def test_an_idle_context_is_closed_and_then_the_socket(server: LiveServer) -> None:
    async with server.connect_contexts(query=f"{QUERY}&inactivity_timeout=2") as socket:
        await send(socket, text=TEXT, context_id="a")
        heard = await hear(socket)
    assert heard.text("a") == TEXT
    assert heard["a"].is_final
    last = heard.order[-1]
    assert (last["error"], last["code"], heard.close_code) == ("input_timeout_exceeded", 1008, 1008)
    assert "contextId" not in last


async def test_signs_of_life_keep_a_context_and_the_socket(server: LiveServer) -> None:
    async with server.connect_contexts(query=f"{QUERY}&inactivity_timeout=2") as socket:
        await send(socket, text=" ", context_id="a")
        for _ in range(6):
            await asyncio.sleep(0.4)
            await send(socket, text="", context_id="a")
        await send(socket, text=TEXT, context_id="a", close_context=False, flush=True)
        await send(socket, context_id="a", close_context=True)
        assert (await hear(socket, "a")).text("a") == TEXT
        for _ in range(6):
            await asyncio.sleep(0.4)
            await send(socket, text="")
        await say(socket, "b", TEXT)
        assert (await hear(socket, "b")).text("b") == TEXT


async def test_closing_the_socket_finishes_what_was_begun(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        for name in "ab":
            await send(socket, text=TEXT, context_id=name)
        await send(socket, close_socket=True)
        heard = await hear(socket)
    assert heard.close_code == 1000
    assert [heard.text(name) for name in "ab"] == [TEXT, TEXT]
    assert all(heard[name].is_final for name in "ab")


@on_both_servers
async def test_a_client_that_vanishes_leaves_nothing_behind(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    for _ in range(3):
        socket = await server.connect_contexts(query=QUERY)
        for name in "abc":
            await say(socket, name, LONG)
        await hear_audio(socket, "c")
        socket.transport.abort()
    await until_idle(server)
    assert server.log.count("Traceback") == before


@on_both_servers
async def test_a_client_that_does_not_read_is_stalled_with_all_its_contexts(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, service={"stall_timeout_seconds": 2})
    with LiveServer(settings) as live, raw_socket.create_connection(("127.0.0.1", live.port)) as small:
        small.setsockopt(raw_socket.SOL_SOCKET, raw_socket.SO_RCVBUF, 4096)
        query = "?output_format=pcm_48000"
        socket = await live.connect_contexts(query=query, max_queue=1, ping_interval=None, sock=small)
        socket.transport.pause_reading()
        for name in "abc":
            await say(socket, name, LONG)
        await asyncio.to_thread(live.wait_until, lambda: not idle(live))
        # Nothing is spoken while much waits to be sent. It goes on waiting for longer than the server has patience.
        await until_idle_for(live, 4)
        socket.transport.resume_reading()
        heard = await hear(socket)
        assert heard.close_code == 1008
        assert heard.order[-1]["error"] == "client_stalled"
        assert "Traceback" not in live.log


@on_both_servers
@pytest.mark.parametrize(
    "raw", ["no json", "[]", '{"context_id": 5}', '{"context_id": "a", "output_format": "pcm_8000"}']
)
async def test_what_is_no_contexts_fault_ends_the_connection(server: LiveServer, raw: str) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        await send(socket, text=" ", context_id="a")
        await socket.send(raw)
        heard = await hear(socket)
    assert heard.close_code == 1008
    assert "contextId" not in heard.order[-1]


async def test_an_unknown_voice_is_refused(server: LiveServer) -> None:
    async with server.connect_contexts("nobody", QUERY) as socket:
        await send(socket, text=" ", context_id="a")
        heard = await hear(socket)
    assert (heard.order[-1]["error"], heard.close_code) == ("voice_not_found", 1008)


async def test_times_are_absolute_within_a_context_when_they_are_synchronised(server: LiveServer) -> None:
    async with server.connect_contexts(query=f"{QUERY}&sync_alignment=true&auto_mode=true") as socket:
        await say(socket, "a", TEXT, TEXT)
        heard = await hear(socket, "a")
    spans = [span for message in heard["a"].messages if (found := message.get("alignment")) for span in spans_of(found)]
    assert spans[0][0] == 0
    assert all(end == start for (_, end), (start, _) in pairwise(spans))
    assert abs(spans[-1][1] - heard.seconds("a") * 1000) <= 2


def spans_of(alignment: dict[str, Any]) -> list[tuple[int, int]]:
    starts, durations = alignment["charStartTimesMs"], alignment["charDurationsMs"]
    return [(start, start + duration) for start, duration in zip(starts, durations, strict=True)]


@on_both_servers
async def test_every_packet_is_short(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        await say(socket, "a", TEXT)
        heard = await hear(socket, "a")
    assert max(map(len, heard["a"].packets)) <= 0.06 * RATE * 2


@on_both_servers
async def test_a_request_that_is_too_long_is_refused_by_name(server: LiveServer) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await server.connect_contexts(query=f"{QUERY}&filler={'x' * 9000}")
    assert refused.value.response.status_code == 414
    assert "8192 bytes" in (refused.value.response.body or b"").decode()


async def test_aliases_are_spoken_and_both_texts_are_aligned(server: LiveServer) -> None:
    code = (
        "from voices.models import PronunciationDictionary as D; d = D.objects.create(name='test', dictionary_id='names');"
        "d.rules.create(string_to_replace='GIF', alias='graphics interchange format')"
    )
    made = await asyncio.to_thread(manage, server.settings_file, "shell", "-c", code)
    assert made.returncode == 0, made.stderr
    locators = [{"pronunciation_dictionary_id": "names"}]
    async with server.connect_contexts(query=QUERY) as socket:
        await send(socket, text=" ", context_id="a", pronunciation_dictionary_locators=locators)
        await say(socket, "a", "A GIF.")
        await send(
            socket, text=TEXT, context_id="b", pronunciation_dictionary_locators=[{**locators[0], "version_id": "no"}]
        )
        await send(socket, context_id="b", close_context=True)
        heard = await hear(socket, "a", "b")
    assert (heard.text("a"), heard.text("a", "normalizedAlignment")) == ("A GIF.", "A graphics interchange format.")
    assert (heard["b"].error or {})["error"] == "pronunciation_dictionary_not_found"


@on_both_servers
async def test_shutting_down_is_said_on_every_socket(tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path)) as live:
        async with live.connect_contexts(query=QUERY) as socket:
            await say(socket, "a", LONG)
            heard: Heard = await hear_audio(socket, "a")
            live.process.terminate()
            heard = await hear(socket, heard=heard)
    assert heard.close_code == 1012
    assert heard.order[-1]["error"] == "server_shutdown"
