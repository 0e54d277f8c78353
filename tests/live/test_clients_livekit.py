"""What LiveKit's plugins (Python 1.8, JS 1.9) require of `multi-stream-input`, each by itself. docs/protocol.md, LiveKit."""

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer
from streaming.audio.formats import FORMATS
from tests.live.client import send
from tests.live.contexts import Heard, hear, hear_audio
from tests.pure.audio.decoding import decoded, is_a_table_of_frames, mp3_frames

SENTENCES = ("The weather is fine today. ", "The birds are singing in the trees. ")
LONG = "The weather is fine today, and the birds are singing in the trees. " * 10
OPTIONS = "enable_ssml_parsing=false&enable_logging=true&inactivity_timeout=180&apply_text_normalization=auto"


def query(output_format: str = "pcm_16000", auto_mode: str = "true", sync_alignment: str = "true") -> str:
    """As the plugin writes it."""
    chosen = f"output_format={output_format}&sync_alignment={sync_alignment}&auto_mode={auto_mode}"
    return f"?model_id=eleven_turbo_v2_5&language_code=en&{OPTIONS}&{chosen}"


async def turn(socket: ClientConnection, context: str, *sentences: str) -> None:
    """A turn of a context that gets sentences, all at once."""
    await send(socket, text=" ", context_id=context, voice_settings={})
    for sentence in sentences:
        await send(socket, text=sentence, context_id=context, flush=True)
    await send(socket, text="", context_id=context, flush=True)
    await send(socket, context_id=context, close_context=True)


def times(heard: Heard, context: str, key: str = "normalizedAlignment") -> list[int]:
    messages = heard[context].messages
    return [start for message in messages if message.get(key) for start in message[key]["charStartTimesMs"]]


async def test_a_turn_that_is_closed_at_once_is_spoken_to_its_end(server: LiveServer) -> None:
    async with server.connect_contexts(query=query()) as socket:
        await turn(socket, "turn", *SENTENCES)
        heard = await hear(socket, "turn")
    assert heard.text("turn", "normalizedAlignment") == "".join(SENTENCES)
    assert heard.seconds("turn") > 2
    assert heard["turn"].error is None


async def test_every_message_has_the_name_of_its_context_in_both_spellings(server: LiveServer) -> None:
    async with server.connect_contexts(query=query()) as socket:
        await turn(socket, "turn", *SENTENCES)
        heard = await hear(socket, "turn")
    assert {message["contextId"] for message in heard.order} == {message["context_id"] for message in heard.order}


async def test_the_key_may_come_in_the_header(server: LiveServer) -> None:
    async with server.connect_contexts(query=query(), additional_headers={"xi-api-key": "any"}) as socket:
        await turn(socket, "turn", *SENTENCES)
        assert (await hear(socket, "turn")).seconds("turn") > 2


async def test_words_are_spoken_by_the_schedule_of_their_context(server: LiveServer) -> None:
    config = {"chunk_length_schedule": [50, 80, 120, 150]}
    async with server.connect_contexts(query=query(auto_mode="false")) as socket:
        await send(socket, text=" ", context_id="turn", voice_settings={}, generation_config=config)
        for word in LONG.split():
            await send(socket, text=f"{word} ", context_id="turn")
        heard = await hear_audio(socket, "turn")
        await send(socket, text="", context_id="turn", flush=True)
        await send(socket, context_id="turn", close_context=True)
        heard = await hear(socket, "turn", heard=heard)
    assert heard.text("turn") == LONG


async def test_one_socket_serves_turn_after_turn_and_stays(server: LiveServer) -> None:
    async with server.connect_contexts(query=query()) as socket:
        for name in ("one", "two", "three"):
            await turn(socket, name, SENTENCES[0])
            heard = await hear(socket, name)
            assert heard.seconds(name) > 0.5
            assert heard.close_code is None


async def test_times_count_from_the_beginning_of_the_context(server: LiveServer) -> None:
    """The plugins add nothing to them: chunk-relative times would run backwards at every sentence."""
    async with server.connect_contexts(query=query()) as socket:
        await turn(socket, "turn", *SENTENCES)
        heard = await hear(socket, "turn")
    for key in ("normalizedAlignment", "alignment"):
        found = times(heard, "turn", key)
        assert all(earlier <= later for earlier, later in pairwise(found))
        assert found[0] == 0
        assert found[-1] > 1000 * 0.8 * heard.seconds("turn")


async def test_an_alignment_has_its_characters_and_lists_of_one_length(server: LiveServer) -> None:
    async with server.connect_contexts(query=query()) as socket:
        await turn(socket, "turn", *SENTENCES)
        heard = await hear(socket, "turn")
    found = [
        part
        for message in heard["turn"].messages
        for key in ("alignment", "normalizedAlignment")
        if (part := message.get(key))
    ]
    assert found
    for part in found:
        assert len(part["chars"]) == len(part["charStartTimesMs"]) == len(part["charDurationsMs"])
        assert all(isinstance(time, int) for time in part["charStartTimesMs"] + part["charDurationsMs"])


async def test_a_turn_without_a_sound_has_its_final_message(server: LiveServer) -> None:
    """The JS plugin waits for it for ever."""
    async with server.connect_contexts(query=query()) as socket:
        await turn(socket, "blank", " ")
        await turn(socket, "dots", "... ")
        heard = await hear(socket, "blank", "dots")
    assert heard["blank"].messages == [{"audio": None, "isFinal": True, "contextId": "blank", "context_id": "blank"}]


async def test_an_error_names_its_context_and_says_it_in_words(server: LiveServer) -> None:
    """Without the name the plugin only logs it, and runs into its timeout."""
    async with server.connect_contexts(query=query()) as socket:
        await send(socket, text=" ", context_id="bad", voice_settings={"speed": "fast"})
        heard = await hear(socket, "bad")
        error = heard["bad"].error or {}
        assert isinstance(error["error"], str)
        assert "speed" in error["message"]
        await turn(socket, "good", *SENTENCES)
        assert (await hear(socket, "good")).seconds("good") > 2


async def test_what_was_on_its_way_to_a_context_that_failed_is_not_spoken(server: LiveServer) -> None:
    async with server.connect_contexts(query=query()) as socket:
        await send(socket, text=" ", context_id="bad", voice_settings={"speed": "fast"})
        await send(socket, text=SENTENCES[1], context_id="bad", flush=True)
        await send(socket, text="", context_id="bad", flush=True)
        await send(socket, context_id="bad", close_context=True)
        await turn(socket, "good", SENTENCES[0])
        heard = await hear(socket, "good")
    assert len(heard["bad"].messages) == 2
    assert heard["bad"].packets == []


async def test_the_next_turn_is_heard_while_an_interrupted_one_still_drains(server: LiveServer) -> None:
    async with server.connect_contexts(query=query(), max_queue=None) as socket:
        await turn(socket, "old", LONG, LONG)
        heard = await hear_audio(socket, "old")
        await turn(socket, "new", SENTENCES[0])
        heard = await hear(socket, "new", heard=heard)
        assert not heard["old"].is_final
        await hear(socket, "old", heard=heard)
    assert heard.text("new") == SENTENCES[0]
    assert heard.text("old") == LONG + LONG


@pytest.mark.parametrize("output_format", ["mp3_22050_32", "mp3_44100_128", "pcm_22050", "ulaw_8000", "opus_48000_32"])
async def test_a_context_is_one_stream_of_its_format(server: LiveServer, output_format: str) -> None:
    """A second header, or a tag between two sentences, would stop the plugin's decoder."""
    async with server.connect_contexts(query=query(output_format)) as socket:
        for name in ("one", "two"):
            await turn(socket, name, *SENTENCES)
        heard = await hear(socket, "one", "two")
    for name in ("one", "two"):
        stream = b"".join(heard[name].packets)
        assert not output_format.startswith("mp3") or not any(map(is_a_table_of_frames, mp3_frames(stream)))
        assert stream.count(b"OpusHead") == output_format.startswith("opus")
        samples = decoded(stream, FORMATS[output_format])
        assert 2 < len(samples) / FORMATS[output_format].sample_rate < 8
        assert np.abs(samples).max() > 0.1


async def test_every_sentence_of_a_compressed_stream_is_out_before_the_next_one_comes(server: LiveServer) -> None:
    """The plugin plays what it has: nothing of a flushed sentence may wait for the next."""
    async with server.connect_contexts(query=query("mp3_22050_32")) as socket:
        await send(socket, text=" ", context_id="turn", voice_settings={})
        await send(socket, text=SENTENCES[0], context_id="turn", flush=True)
        heard = Heard()
        while heard.text("turn") != SENTENCES[0]:
            heard.take(await asyncio.wait_for(socket.recv(), 20))
        await asyncio.sleep(0.5)
        await send(socket, context_id="turn", close_context=True)
        first = len(decoded(b"".join(heard["turn"].packets), FORMATS["mp3_22050_32"]))
        await hear(socket, "turn", heard=heard)
    assert len(decoded(b"".join(heard["turn"].packets), FORMATS["mp3_22050_32"])) - first < 0.3 * 22_050


async def test_closing_twice_is_harmless(server: LiveServer) -> None:
    async with server.connect_contexts(query=query()) as socket:
        await turn(socket, "turn", SENTENCES[0])
        heard = await hear(socket, "turn")
        await send(socket, context_id="turn", close_context=True)
        await turn(socket, "next", SENTENCES[0])
        heard = await hear(socket, "next", heard=heard)
    assert sum(message.get("isFinal") is True for message in heard["turn"].messages) == 1


@pytest.mark.parametrize(
    "voice_settings", [{}, {"stability": 0.5, "similarity_boost": 0.75, "use_speaker_boost": True}]
)
async def test_voice_settings_may_be_empty_or_all_there(server: LiveServer, voice_settings: dict[str, Any]) -> None:
    async with server.connect_contexts(query=query()) as socket:
        await send(socket, text=" ", context_id="turn", voice_settings=voice_settings)
        await send(socket, text=SENTENCES[0], context_id="turn", flush=True)
        await send(socket, context_id="turn", close_context=True)
        assert (await hear(socket, "turn"))["turn"].error is None
