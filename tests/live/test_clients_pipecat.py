"""What Pipecat requires: 1.14 of `multi-stream-input`, 0.0.60 of `stream-input`. docs/protocol.md, Client by client."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer
from tests.live.client import Turn, receive_all, send
from tests.live.contexts import RATE, Heard, hear, hear_audio

SENTENCES = ("The weather is fine today.", "The birds are singing in the trees.")
LONG = "The weather is fine today, and the birds are singing in the trees. " * 10
QUERY = f"?model_id=eleven_turbo_v2_5&output_format=pcm_{RATE}&auto_mode=true"
TOKENS = f"?model_id=eleven_turbo_v2_5&output_format=pcm_{RATE}&auto_mode=false"


async def turn(socket: ClientConnection, *sentences: str, closes: bool = True) -> str:
    """One turn of the service; returns the name of its context."""
    context = str(uuid4())
    await send(socket, text=" ", context_id=context)
    for sentence in sentences:
        await send(socket, text=sentence, context_id=context)
    await send(socket, context_id=context, flush=True)
    if closes:
        await send(socket, context_id=context, close_context=True)
    return context


class Clock:
    """The service's own: it adds the end of every message's last character to what it has."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.words: list[float] = []

    def hear(self, turn: Turn) -> None:
        for message in turn.messages:
            # Indexed, as the service does: a missing list would end its loop.
            if alignment := message.get("alignment"):
                starts = [self.seconds + start / 1000 for start in alignment["charStartTimesMs"]]
                self.words += [start for start, char in zip(starts, alignment["chars"], strict=True) if char != " "]
                self.seconds = starts[-1] + alignment["charDurationsMs"][-1] / 1000


async def test_a_turn_is_spoken_and_ends_with_a_final_message_that_is_true_and_alone(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        context = await turn(socket, *SENTENCES)
        heard = await hear(socket, context)
    assert heard.seconds(context) > 2
    assert heard[context].messages[-1]["isFinal"] is True
    assert not heard[context].messages[-1]["audio"]
    assert all(message["isFinal"] is False for message in heard[context].messages[:-1])


async def test_sentences_without_a_blank_behind_them_are_sentences(server: LiveServer) -> None:
    """Together they would read "today.The"."""
    async with server.connect_contexts(query=f"{QUERY}&seed=1") as socket:
        together = await turn(socket, *SENTENCES)
        heard = await hear(socket, together)
        alone = [await turn(socket, sentence) for sentence in SENTENCES]
        heard = await hear(socket, *alone, heard=heard)
    assert heard.text(together) == "".join(SENTENCES)
    assert heard.seconds(together) == pytest.approx(sum(map(heard.seconds, alone)))


async def test_tokens_join_to_words(server: LiveServer) -> None:
    async with server.connect_contexts(query=f"{TOKENS}&seed=1") as socket:
        tokens = await turn(socket, "The wea", "ther is", " fine", " today", ".")
        whole = await turn(socket, "The weather is fine today.")
        heard = await hear(socket, tokens, whole)
    assert heard[tokens].packets == heard[whole].packets


async def test_a_clock_that_adds_up_the_messages_keeps_time(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        context = await turn(socket, *SENTENCES)
        heard = await hear(socket, context)
    clock = Clock()
    clock.hear(heard[context])
    assert clock.seconds == pytest.approx(heard.seconds(context), abs=0.005)
    assert clock.words == sorted(clock.words)


async def test_an_interruption_closes_the_context_a_second_time_and_the_next_turn_is_served(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY, max_queue=None) as socket:
        old = await turn(socket, LONG, LONG)
        heard = await hear_audio(socket, old)
        await send(socket, context_id=old, close_context=True)
        new = await turn(socket, *SENTENCES)
        heard = await hear(socket, old, new, heard=heard)
    assert heard.seconds(old) < 60
    assert heard.text(new) == "".join(SENTENCES)


async def test_keep_alives_are_no_end_and_open_nothing(server: LiveServer) -> None:
    async with server.connect_contexts(query=f"{QUERY}&inactivity_timeout=2") as socket:
        context = await turn(socket, SENTENCES[0], closes=False)
        heard = await hear_audio(socket, context)
        for _ in range(6):
            await asyncio.sleep(0.4)
            await send(socket, text="", context_id=context)
        await send(socket, text=SENTENCES[1], context_id=context)
        await send(socket, context_id=context, close_context=True)
        heard = await hear(socket, context, heard=heard)
        assert heard.text(context) == "".join(SENTENCES)
        for _ in range(6):
            await asyncio.sleep(0.4)
            await send(socket, text="")
            await send(socket, text="", context_id=context)
        assert (await hear(socket, await turn(socket, SENTENCES[0]))).close_code is None


async def test_closing_the_socket_ends_it_with_1000(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        context = await turn(socket, SENTENCES[0], closes=False)
        await send(socket, text="", close_socket=True)
        heard = await hear(socket)
    assert heard.close_code == 1000
    assert heard.text(context) == SENTENCES[0]


@pytest.mark.parametrize("output_format", ["pcm_11025", "pcm_12000", "mp3_44100_127", "nonsense"])
async def test_a_format_is_exactly_what_was_asked_for_or_refused(server: LiveServer, output_format: str) -> None:
    """Whatever came would be labelled with the pipeline's rate, and played at the wrong pitch."""
    async with server.connect_contexts(query=f"?output_format={output_format}&auto_mode=true") as socket:
        await turn(socket, *SENTENCES)
        heard = await hear(socket)
        assert heard.close_code == 1008
        assert heard.order[-1]["error"].startswith("Invalid EL_AUDIO_FORMAT")
        assert len(heard.order) == 1


async def test_a_failed_turn_is_over_for_who_looks_at_final_messages_only(server: LiveServer) -> None:
    async with server.connect_contexts(query=QUERY) as socket:
        await send(socket, text=" ", context_id="bad", voice_settings={"speed": "fast"})
        heard = await hear(socket, "bad")
    assert heard["bad"].is_final


# 0.0.60 on stream-input


OLD_QUERY = f"?model_id=eleven_turbo_v2_5&output_format=pcm_{RATE}"
SETTINGS: dict[str, Any] = {"voice_settings": {"stability": 0.5, "similarity_boost": 0.75}}


async def old_turn(socket: ClientConnection, *texts: str) -> Heard:
    """It has no end of its own: read until the whole text has been aligned."""
    for text in texts:
        await send(socket, text=f"{text} ", try_trigger_generation=True)
    await send(socket, text=" ", flush=True)
    heard = Heard()
    while heard.text("None").strip() != " ".join(texts):
        heard.take(await asyncio.wait_for(socket.recv(), 20))
    return heard


async def test_old_key_in_the_first_message_and_speech_behind_a_flush_of_a_blank(server: LiveServer) -> None:
    async with server.connect(query=OLD_QUERY) as socket:
        await send(socket, text=" ", xi_api_key="any", **SETTINGS)
        heard = await old_turn(socket, *SENTENCES)
    assert heard.seconds("None") > 2


async def test_old_the_socket_stays_for_the_next_turn_and_a_flush_is_no_end(server: LiveServer) -> None:
    async with server.connect(query=OLD_QUERY) as socket:
        await send(socket, text=" ", xi_api_key="any", **SETTINGS)
        for _ in range(3):
            heard = await old_turn(socket, SENTENCES[0])
            assert not heard["None"].is_final
        await send(socket, text="")
        last = await receive_all(socket)
    assert (last.close_code, last.is_final) == (1000, True)


async def test_old_blank_texts_keep_the_socket(server: LiveServer) -> None:
    async with server.connect(query=f"{OLD_QUERY}&inactivity_timeout=2") as socket:
        await send(socket, text=" ", xi_api_key="any", **SETTINGS)
        for _ in range(6):
            await asyncio.sleep(0.4)
            await send(socket, text=" ")
        assert (await old_turn(socket, SENTENCES[0])).seconds("None") > 0.5


async def test_old_the_clock_keeps_time_through_several_turns(server: LiveServer) -> None:
    async with server.connect(query=OLD_QUERY) as socket:
        await send(socket, text=" ", xi_api_key="any", **SETTINGS)
        messages = [*(await old_turn(socket, *SENTENCES)).order, *(await old_turn(socket, *SENTENCES)).order]
        await send(socket, text="")
        last = await receive_all(socket)
    clock, whole = Clock(), Turn([*messages, *last.messages])
    clock.hear(whole)
    assert clock.seconds == pytest.approx(len(whole.pcm) / RATE, abs=0.005)


async def test_old_an_end_and_a_hang_up_at_once_leave_no_trace(server: LiveServer) -> None:
    before = server.log.count("Traceback")
    socket = await server.connect(query=OLD_QUERY)
    await socket.send(json.dumps({"text": LONG, "xi_api_key": "any"}))
    await send(socket, text="")
    await socket.close()
    await asyncio.to_thread(server.wait_until, lambda: server.readiness()["engine"]["running"] == 0, 20)
    assert server.log.count("Traceback") == before
