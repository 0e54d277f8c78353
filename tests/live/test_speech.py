"""Is it speech, at every rate, and is it exactly what the engine made?"""

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from pocketsphinx import Decoder

from benchmarks.live_server import LiveServer
from streaming.audio.formats import PCM_RATES
from streaming.audio.pcm import encode_pcm16
from streaming.audio.resample import Resampler
from streaming.engine.contract import PcmChunk, SpeechRequest
from streaming.engine.demo.demo_engine import DemoEngine
from streaming.engine.demo.espeak import Espeak
from tests.live.client import receive_all, receive_turn, send
from tests.pure.engine.collect import speak_with

TEXT = "Good morning. The weather is fine today, and the children are playing in the garden."


@pytest.fixture(scope="module")
def made() -> NDArray[np.float32]:
    """What the engine makes of TEXT when it is seeded, at its own rate."""
    events = speak_with(DemoEngine(threads=1), SpeechRequest("1", TEXT, seed=7))
    return np.concatenate([event.samples for event in events if isinstance(event, PcmChunk)])


async def heard(server: LiveServer, rate: int) -> NDArray[np.int16]:
    async with server.connect(query=f"?output_format=pcm_{rate}&seed=7") as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        return (await receive_all(socket)).pcm


def transcribe(samples: NDArray[np.int16]) -> list[str]:
    """What an offline recogniser hears in 16 kHz speech."""
    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return str(found.hypstr).split() if found else []


@pytest.mark.parametrize("rate", PCM_RATES)
async def test_the_audio_is_what_the_engine_made_resampled_once(
    server: LiveServer, made: NDArray[np.float32], rate: int
) -> None:
    resampler = Resampler(22_050, rate)
    expected = encode_pcm16(np.concatenate([resampler.push(made), resampler.finish()]))
    assert (await heard(server, rate)).tobytes() == expected


async def test_the_speech_is_understood(server: LiveServer) -> None:
    wanted = re.findall(r"[a-z]+", TEXT.lower())
    understood = transcribe(await heard(server, 16_000))
    assert len(set(wanted) & set(understood)) >= 0.8 * len(set(wanted))


async def test_speed_makes_speech_longer_and_shorter(server: LiveServer) -> None:
    lengths = []
    for speed in (0.5, 1.0, 2.0):
        async with server.connect(query=f"?output_format=pcm_16000&speed={speed}&target_lead_ms=5000&seed=1") as socket:
            await send(socket, text=TEXT)
            await send(socket, text="")
            lengths.append(len((await receive_turn(socket)).pcm))
    assert lengths[0] > 1.5 * lengths[1] > 2.25 * lengths[2]


async def test_the_same_seed_speaks_the_same_audio(server: LiveServer) -> None:
    assert np.array_equal(await heard(server, 24_000), await heard(server, 24_000))


RUSSIAN = "Привет, это тест."


@pytest.fixture(scope="module")
def russian() -> NDArray[np.float32]:
    """What espeak-ng makes of RUSSIAN with the phonemes of Russian."""
    return Espeak().speak("ru", RUSSIAN, speed=1.0, pause=True, is_cancelled=lambda: False)


@pytest.mark.parametrize("language", [None, "ru", "ru-RU"])
async def test_russian_is_spoken_where_no_voice_was_fetched(
    server: LiveServer, russian: NDArray[np.float32], language: str | None
) -> None:
    query = "?output_format=pcm_22050" + (f"&language_code={language}" if language else "")
    async with server.connect(query=query) as socket:
        await send(socket, text=RUSSIAN)
        await send(socket, text="")
        heard = (await receive_all(socket)).pcm
    assert heard.tobytes() == encode_pcm16(russian)
    assert 1.0 < len(heard) / 22_050 < 2.0
