"""What the other clients of `stream-input` require: ElevenLabs' Python SDK, LiveKit 1.1.7, the native example. What Pipecat
requires is in test_clients_pipecat.py. docs/protocol.md, Client by client.
"""

import asyncio
import json
import re
from base64 import b64decode
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

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
        for _ in range(24):
            await asyncio.wait_for(send(socket, text=TEXT, try_trigger_generation=True), 20)
            await asyncio.sleep(0.02)
        await send(socket, text="")
        await asyncio.sleep(1)
        turn = await receive_all(socket)
    assert turn.close_code == 1000
    assert texts_of(turn) == TEXT * 24


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


# elevenlabs 0.2.27 and vocode 0.1.113


OLD_SDK_QUERY = "?model_id=eleven_multilingual_v2&output_format=pcm_16000&optimize_streaming_latency=1"
OLD_SDK_SETTINGS = {"stability": 0.71, "similarity_boost": 0.5, "style": 0.0, "use_speaker_boost": True}


async def test_the_old_sdk_finds_audio_in_every_message_up_to_the_close(server: LiveServer) -> None:
    """elevenlabs 0.2.27 reads `data["audio"]` without a look at what else there is: KeyError if one message lacks it."""
    heard = b""
    async with server.connect(query=OLD_SDK_QUERY) as socket:
        await send(socket, **SDK_FIRST | {"voice_settings": OLD_SDK_SETTINGS})
        for word in re.findall(r"\S+\s*", TEXT):
            await send(socket, text=word, try_trigger_generation=True)
        await send(socket, text="")
        with suppress(ConnectionClosed):
            while True:
                if audio := json.loads(await socket.recv())["audio"]:
                    heard += b64decode(audio)
    assert socket.close_code == 1000
    assert len(heard) > 2 * 2 * 16_000


async def test_vocode_hears_the_end_although_it_overlooks_messages_without_the_word_audio(server: LiveServer) -> None:
    heard, is_final = b"", False
    async with server.connect(query="?output_format=pcm_16000&model_id=eleven_turbo_v2") as socket:
        settings = {"stability": 0.5, "similarity_boost": 0.75}
        first = {"voice_settings": settings, "generation_config": {"chunk_length_schedule": [50]}, "xi_api_key": "any"}
        for word in re.findall(r"\S+\s*", TEXT):
            await send(socket, text=word, try_trigger_generation=True, flush=False, **first)
            first = {}
        await send(socket, text="", try_trigger_generation=True, flush=False)
        while not is_final:
            raw = str(await socket.recv())
            if "audio" in raw:
                message = json.loads(raw)
                heard += b64decode(message["audio"] or "")
                is_final = message["isFinal"]
    assert len(heard) > 2 * 2 * 16_000


# Clients written by hand after ElevenLabs' guide


async def test_the_guides_client_that_names_no_format_gets_mp3(server: LiveServer) -> None:
    """Most write `?model_id=...`, the guide's settings (a boolean among them), and save what comes as MP3."""
    async with server.connect(query="?model_id=eleven_monolingual_v1&language=en") as socket:
        await send(socket, text=" ", voice_settings={"stability": 0.8, "similarity_boost": True}, xi_api_key="any")
        await send(socket, text=TEXT, try_trigger_generation=True)
        await send(socket, text="")
        turn = await receive_all(socket)
    assert (turn.error, turn.close_code) == (None, 1000)
    assert len(decoded(b"".join(turn.packets), FORMATS["mp3_44100_128"])) > 2 * 44_100


@pytest.mark.both_servers
@pytest.mark.parametrize(
    "path",
    [
        "/v1/text-to-speech/demo/stream-input/",
        "//v1/text-to-speech/demo/stream-input",
        "/v1//text-to-speech//demo/stream-input",
        "/v1/text-to-speech/demo/multi-stream-input/",
    ],
)
async def test_slashes_that_a_client_doubles_or_adds_do_not_count(server: LiveServer, path: str) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}{path}?output_format=pcm_16000") as socket:
        await send(socket, text="Hello there. ", flush=True)
        assert b64decode(json.loads(await socket.recv())["audio"])


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
