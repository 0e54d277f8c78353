"""What the other clients of `stream-input` require: ElevenLabs' Python SDK, LiveKit 1.1.7, the native example. What Pipecat
requires is in test_clients_pipecat.py. docs/protocol.md, Client by client.
"""

import asyncio
import json
import re
from base64 import b64decode
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer
from streaming.audio.formats import FORMATS
from tests.live.client import Turn, receive_all, receive_turn, send
from tests.pure.audio.decoding import decoded, is_a_table_of_frames, mp3_frames

TEXT = "The weather is fine today, and the birds are singing in the trees. "
SDK_QUERY = "?model_id=Ellipsis&output_format=pcm_16000"
SDK_FIRST: dict[str, Any] = {
    "text": " ",
    "try_trigger_generation": True,
    "voice_settings": None,
    "generation_config": {"chunk_length_schedule": [50]},
}


async def sdk_turn(socket: ClientConnection, text: str) -> None:
    await send(socket, **SDK_FIRST)
    for word in re.findall(r"\S+\s*", text):
        await send(socket, text=word, try_trigger_generation=True)
    await send(socket, text="")


def texts_of(turn: Turn) -> str:
    return "".join(
        char for message in turn.messages if message.get("alignment") for char in message["alignment"]["chars"]
    )


# ElevenLabs' Python SDK


@pytest.mark.parametrize("model", ["Ellipsis", "None", "eleven_turbo_v2_5", ""])
async def test_sdk_any_model_will_do(server: LiveServer, model: str) -> None:
    async with server.connect(query=f"?model_id={model}&output_format=pcm_16000") as socket:
        await sdk_turn(socket, TEXT)
        turn = await receive_all(socket)
    assert turn.error is None
    assert texts_of(turn) == TEXT


async def test_sdk_the_close_with_1000_follows_the_final_message(server: LiveServer) -> None:
    """The SDK looks at nothing else to know the end."""
    async with server.connect(query=SDK_QUERY) as socket:
        await sdk_turn(socket, TEXT)
        turn = await receive_all(socket)
    assert turn.close_code == 1000
    assert turn.messages[-1] == {"audio": None, "isFinal": True}


async def test_sdk_words_that_trigger_are_not_spoken_one_by_one(server: LiveServer) -> None:
    """Word by word would take far longer than the sentence does: each has silence around it."""
    async with server.connect(query=f"{SDK_QUERY}&seed=1") as socket:
        await sdk_turn(socket, TEXT)
        words = await receive_all(socket)
    async with server.connect(query=f"{SDK_QUERY}&seed=1") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        whole = await receive_all(socket)
    assert len(words.pcm) < 1.3 * len(whole.pcm)


async def test_sdk_messages_stay_below_a_mebibyte(server: LiveServer) -> None:
    async with server.connect(query="?output_format=pcm_48000") as socket:
        await sdk_turn(socket, TEXT * 3)
        turn = await receive_all(socket)
    assert max(len(json.dumps(message)) for message in turn.messages) < 2**20


async def test_sdk_pings_are_answered_while_it_speaks(server: LiveServer) -> None:
    async with server.connect(query=SDK_QUERY, max_queue=None) as socket:
        await sdk_turn(socket, TEXT * 6)
        await socket.recv()
        for _ in range(5):
            await asyncio.wait_for(await socket.ping(), 20)
        assert (await receive_all(socket)).close_code == 1000


async def test_sdk_text_is_taken_while_nobody_reads_the_audio(server: LiveServer) -> None:
    """Its queue is full after 16 messages, while it still writes."""
    async with server.connect(query="?output_format=pcm_48000", max_queue=1) as socket:
        await send(socket, **SDK_FIRST)
        for _ in range(40):
            await asyncio.wait_for(send(socket, text=TEXT, try_trigger_generation=True), 20)
            await asyncio.sleep(0.02)
        await send(socket, text="")
        await asyncio.sleep(1)
        turn = await receive_all(socket)
    assert turn.close_code == 1000
    assert texts_of(turn) == TEXT * 40


async def test_sdk_an_error_is_the_last_message_and_its_close_is_not_1000(server: LiveServer) -> None:
    async with server.connect("nobody", SDK_QUERY) as socket:
        await send(socket, **SDK_FIRST)
        turn = await receive_all(socket)
    assert turn.close_code == 1008
    assert isinstance(turn.messages[-1]["message"], str)


async def test_sdk_the_format_that_it_asks_for_by_itself_is_spoken(server: LiveServer) -> None:
    async with server.connect(query="?model_id=Ellipsis&output_format=mp3_44100_128") as socket:
        await sdk_turn(socket, TEXT)
        turn = await receive_all(socket)
    assert len(decoded(b"".join(turn.packets), FORMATS["mp3_44100_128"])) > 2 * 44_100


# LiveKit 1.1.7


LIVEKIT_QUERY = (
    "?model_id=eleven_turbo_v2_5&output_format=mp3_22050_32&optimize_streaming_latency=3"
    "&enable_ssml_parsing=False&enable_logging=True&inactivity_timeout=300&language_code=en"
)


async def livekit_turn(server: LiveServer) -> Turn:
    async with server.connect(query=LIVEKIT_QUERY) as socket:
        config = {"chunk_length_schedule": [80, 120, 200, 260]}
        await send(socket, text=" ", voice_settings=None, generation_config=config)
        for word in TEXT.split():
            await send(socket, text=f"{word} ", try_trigger_generation=True)
        await send(socket, text="", flush=True)
        return await receive_all(socket)


async def test_livekit_booleans_may_be_pythons(server: LiveServer) -> None:
    turn = await livekit_turn(server)
    assert turn.error is None
    assert turn.is_final


async def test_livekit_hears_nothing_but_audio_final_messages_and_errors(server: LiveServer) -> None:
    """It raises on any other message."""
    turn = await livekit_turn(server)
    assert all(message.get("audio") or message.get("isFinal") for message in turn.messages)


async def test_livekit_gets_one_mp3_stream(server: LiveServer) -> None:
    stream = b"".join((await livekit_turn(server)).packets)
    assert not any(map(is_a_table_of_frames, mp3_frames(stream)))
    assert len(decoded(stream, FORMATS["mp3_22050_32"])) > 2 * 22_050


# The native example


async def test_the_native_example_every_audio_key_has_audio(server: LiveServer) -> None:
    """It decodes whatever the key holds: null would end it with an exception."""
    async with server.connect() as socket:
        await send(socket, type="ttsInitRequest", audio_format="pcm_24000", target_lead_ms=5000)
        await send(socket, text=TEXT)
        await send(socket, flush=True)
        await send(socket, text="")
        turn = await receive_turn(socket)
    assert all(b64decode(message["audio"]) for message in turn.messages if "audio" in message)
    assert turn.messages[-1]["isFinal"] is True


async def test_the_native_example_the_socket_stays_for_a_second_batch(server: LiveServer) -> None:
    async with server.connect() as socket:
        await send(socket, type="ttsInitRequest", audio_format="pcm_24000", target_lead_ms=5000)
        for _ in range(2):
            await send(socket, text=TEXT)
            await send(socket, text="")
            turn = await receive_turn(socket)
            assert (turn.is_final, turn.close_code) == (True, None)
            assert len(turn.pcm) > 2 * 24_000
