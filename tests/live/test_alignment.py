"""When characters are heard, as every kind of client is told it, against the audio that it gets: pieces of text that are
spoken slowly begin where the sound changes, and the last character ends with it.
"""

import io
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.live_server import LiveServer, write_settings
from benchmarks.tone_engine import RATE
from tests.live.client import Turn, receive_turn, send
from tests.live.contexts import hear, say
from tests.process.engine.piecewise_engine import LOUD, QUIET

# Three sentences of six seconds each.
CHINESE = (29 * "我" + "。") * 3
PCM = f"pcm_{RATE}"
# Half a length over which loudness is measured.
TOLERANCE = 0.011


class Span(NamedTuple):
    """A character and its times in seconds."""

    char: str
    start: float
    end: float


Told = tuple[NDArray[np.float32], list[Span]]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("piecewise"))
    with LiveServer(settings, ("-m", "tests.live.piecewise_server")) as live:
        yield live


def changes(samples: NDArray[np.float32]) -> list[float]:
    """When the sound becomes louder or quieter, in seconds."""
    step = RATE // 100
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    is_loud = np.abs(whole).max(axis=1) > (QUIET + LOUD) / 2
    return [float(place + 1) * step / RATE for place in np.flatnonzero(np.diff(is_loud.astype(int)))]


def from_pcm(audio: bytes) -> NDArray[np.float32]:
    return np.frombuffer(audio, "<i2").astype(np.float32) / np.float32(32_768)


def spans_of(alignment: dict[str, Any] | None, origin_ms: int = 0) -> list[Span]:
    if not alignment:
        return []
    columns = zip(alignment["chars"], alignment["charStartTimesMs"], alignment["charDurationsMs"], strict=True)
    return [
        Span(char, (origin_ms + start) / 1000, (origin_ms + start + length) / 1000) for char, start, length in columns
    ]


def by_a_running_clock(turn: Turn) -> list[Span]:
    """As Pipecat reads times that are relative to their message."""
    found, clock = list[Span](), 0
    for message in turn.messages:
        if alignment := message.get("alignment"):
            found += spans_of(alignment, clock)
            clock += alignment["charStartTimesMs"][-1] + alignment["charDurationsMs"][-1]
    return found


def as_they_stand(turn: Turn) -> list[Span]:
    """As LiveKit reads absolute times."""
    return [span for message in turn.messages for span in spans_of(message.get("alignment"))]


async def on_a_stream(server: LiveServer, query: str, *messages: dict[str, Any]) -> Told:
    async with server.connect(query=f"?output_format={PCM}{query}") as socket:
        for message in messages:
            await send(socket, **message)
        turn = await receive_turn(socket)
    return from_pcm(b"".join(turn.packets)), by_a_running_clock(turn)


async def native(server: LiveServer, text: str) -> Told:
    """At twice the speed, since this dialect waits until packets are due."""
    query = "&sync_alignment=true&speed=2&target_lead_ms=5000"
    return await on_a_stream(server, query, {"type": "ttsInitRequest"}, {"text": text}, {"text": ""})


async def elevenlabs(server: LiveServer, text: str) -> Told:
    return await on_a_stream(server, "&model_id=any", {"text": " "}, {"text": text}, {"text": ""})


async def in_a_context(server: LiveServer, text: str, query: str = "") -> Turn:
    async with server.connect_contexts(query=f"?output_format={PCM}{query}") as socket:
        await say(socket, "a", text)
        return (await hear(socket, "a"))["a"]


async def contexts(server: LiveServer, text: str) -> Told:
    turn = await in_a_context(server, text)
    return from_pcm(b"".join(turn.packets)), by_a_running_clock(turn)


async def synchronised_contexts(server: LiveServer, text: str) -> Told:
    turn = await in_a_context(server, text, "&sync_alignment=true")
    return from_pcm(b"".join(turn.packets)), as_they_stand(turn)


async def whole_response(server: LiveServer, text: str, output: str = PCM) -> Told:
    (answer,) = await responses(server, "with-timestamps", text, output)
    return decoded(b64decode(answer["audio_base64"]), output), spans_of_response(answer)


async def response_in_lines(server: LiveServer, text: str, output: str = PCM) -> Told:
    lines = await responses(server, "stream/with-timestamps", text, output)
    audio = b"".join(b64decode(line["audio_base64"]) for line in lines)
    return decoded(audio, output), [span for line in lines for span in spans_of_response(line)]


async def responses(server: LiveServer, end: str, text: str, output: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=server.base_url, timeout=60) as client:
        path = f"/v1/text-to-speech/demo/{end}"
        answer = await client.post(path, params={"output_format": output}, json={"text": text})
    return [json.loads(line) for line in answer.raise_for_status().text.splitlines()]


def spans_of_response(answer: dict[str, Any]) -> list[Span]:
    timed = answer["alignment"] or {}
    keys = ("characters", "character_start_times_seconds", "character_end_times_seconds")
    return [Span(*each) for each in zip(*(timed.get(key, []) for key in keys), strict=True)]


def decoded(audio: bytes, output: str) -> NDArray[np.float32]:
    """At the rate of the engine."""
    if output.startswith("pcm"):
        return from_pcm(audio)
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(io.BytesIO(audio), "r") as container:
        parts = [part for frame in [*container.decode(audio=0), None] for part in resampler.resample(frame)]
    return np.concatenate([part.to_ndarray().reshape(-1) for part in parts])


CLIENTS = [native, elevenlabs, contexts, synchronised_contexts, whole_response, response_in_lines]


@pytest.mark.parametrize("client", CLIENTS)
async def test_each_piece_begins_with_its_audio(
    own: LiveServer, client: Callable[[LiveServer, str], Awaitable[Told]]
) -> None:
    samples, spans = await client(own, CHINESE)
    third = len(samples) / RATE / 3
    assert "".join(span.char for span in spans) == CHINESE
    assert third in (3, 6)
    assert [spans[index].start for index in (0, 30, 60)] == pytest.approx([0, third, 2 * third], abs=0.001)
    assert [spans[index].start for index in (30, 60)] == pytest.approx(changes(samples), abs=TOLERANCE)
    assert spans[-1].end == pytest.approx(len(samples) / RATE, abs=0.001)
    assert [later.start for _, later in pairwise(spans)] == [span.end for span, _ in pairwise(spans)]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_sign_that_is_said_slowly_ends_with_its_audio(
    own: LiveServer, client: Callable[[LiveServer, str], Awaitable[Told]]
) -> None:
    samples, spans = await client(own, "$1")
    assert [span.char for span in spans] == ["$", "1"]
    assert spans[0].start == 0
    assert spans[1].end == pytest.approx(len(samples) / RATE, abs=0.001)
    assert spans[1].end > 2.5


async def test_a_whole_response_divides_a_piece_by_what_its_characters_take(own: LiveServer) -> None:
    _, spans = await whole_response(own, "$1")
    assert spans[0].end == pytest.approx(5.19 * 5 / 9, abs=0.1)


@pytest.mark.parametrize("client", CLIENTS)
async def test_pieces_begin_with_their_audio_behind_a_pause_too(
    own: LiveServer, client: Callable[[LiveServer, str], Awaitable[Told]]
) -> None:
    text = '<break time="0.5s"/>' + "Quiet. Loud. " + '<break time="1s"/>' + "Quiet again. And loud again."
    samples, spans = await client(own, text)
    told = "".join(span.char for span in spans)
    begun = [spans[told.index(word)].start for word in ("Loud", "And loud")]
    assert spans[0].start == pytest.approx(0.5, abs=0.001)
    assert begun == pytest.approx(changes(samples)[::2], abs=TOLERANCE)
    assert spans[-1].end == pytest.approx(len(samples) / RATE, abs=0.001)


@pytest.mark.parametrize("output", ["mp3_44100_128", "mp3_22050_32", "opus_48000_64"])
@pytest.mark.parametrize("client", [whole_response, response_in_lines])
async def test_times_are_those_of_the_decoded_audio(
    own: LiveServer, client: Callable[[LiveServer, str, str], Awaitable[Told]], output: str
) -> None:
    samples, spans = await client(own, CHINESE, output)
    assert [spans[index].start for index in (30, 60)] == pytest.approx(changes(samples), abs=0.02)
    assert spans[-1].end == pytest.approx(len(samples) / RATE, abs=0.05)
