"""Forward mode on a real server with a real Redis: who publishes is heard, whatever dies."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from benchmarks.live_server import LiveServer, manage, write_settings
from streaming.audio.pcm import decode_pcm16, encode_pcm16
from streaming.audio.resample import Resampler
from streaming.forwarding.publisher import group_name
from tests.live.client import Turn, receive_all, receive_turn, send, speak
from tests.live.keys import make_keys
from tests.live.redis_server import RedisServer

CHANNEL = "sess:1:audio"
QUERY = "?mode=forward&output_format=pcm_16000&target_lead_ms=5000"
AUDIO = {"audio": base64.b64encode(bytes(1920)).decode()}
DISABLE_KEYS = "from streaming.access.models import ApiKey; ApiKey.objects.update(enabled=False)"


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("server"), redis_url=redis_server.url)
    with LiveServer(settings) as live:
        yield live


async def listen(
    server: LiveServer, redis_server: RedisServer, channel: str = CHANNEL, **init: Any
) -> ClientConnection:
    """A forward session that is subscribed in both ways."""
    socket: ClientConnection = await server.connect(query=QUERY)
    await send(socket, type="ttsInitRequest", audio_channel=channel, **init)
    for name in (channel, f"asgi__group__{group_name(channel)}"):
        await asyncio.to_thread(server.wait_until, lambda name=name: redis_server.subscribers(name) == 1, 10)
    return socket


def tone(seconds: float, rate: int = 16_000) -> NDArray[np.float32]:
    time = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * 330 * time)).astype(np.float32)


def publish(redis_server: RedisServer, message: Any, channel: str = CHANNEL) -> None:
    data = message if isinstance(message, bytes) else json.dumps(message)
    with redis_server.client() as client:
        client.publish(channel, data)


def publish_audio(redis_server: RedisServer, samples: NDArray[np.float32], *, is_final: bool = False) -> bytes:
    pcm = encode_pcm16(samples)
    publish(redis_server, {"audio": base64.b64encode(pcm).decode(), "isFinal": is_final})
    return pcm


def played(turn: Turn) -> bytes:
    return b"".join(turn.packets)


async def test_raw_audio_arrives_exactly_and_in_short_packets(
    forwarding: LiveServer, redis_server: RedisServer
) -> None:
    async with await listen(forwarding, redis_server) as socket:
        pcm = publish_audio(redis_server, tone(0.5)) + publish_audio(redis_server, tone(0.33), is_final=True)
        turn = await receive_turn(socket)
    assert played(turn) == pcm
    assert max(map(len, turn.packets)) <= 0.060 * 16_000 * 2
    assert turn.messages[-1] == {"isFinal": True}


async def test_a_bare_final_message_ends_the_batch_and_the_next_one_follows(
    forwarding: LiveServer, redis_server: RedisServer
) -> None:
    async with await listen(forwarding, redis_server) as socket:
        for _ in range(2):
            pcm = publish_audio(redis_server, tone(0.2))
            publish(redis_server, {"isFinal": True})
            turn = await receive_turn(socket)
            assert played(turn) == pcm


async def test_what_cannot_be_decoded_is_dropped_and_counted(forwarding: LiveServer, redis_server: RedisServer) -> None:
    before = forwarding.readiness()["forward"]["dropped_messages"]
    async with await listen(forwarding, redis_server) as socket:
        bad = [
            b"\xff\xfe",
            "text",
            [],
            {},
            {"audio": "???"},
            {"audio": "AAAA"},
            {"audio": 5},
            {"audio": "", "isFinal": 1},
        ]
        for message in bad:
            publish(redis_server, message)
        pcm = publish_audio(redis_server, tone(0.2), is_final=True)
        turn = await receive_turn(socket)
    assert played(turn) == pcm
    assert forwarding.readiness()["forward"]["dropped_messages"] - before == len(bad)


async def test_so_is_what_the_channel_layer_cannot_read(forwarding: LiveServer, redis_server: RedisServer) -> None:
    before = forwarding.readiness()["forward"]["dropped_messages"]
    async with await listen(forwarding, redis_server) as socket:
        with redis_server.client() as client:
            [group] = [name for name in client.pubsub_channels("*") if b"__group__" in name and b"xtts.forward" in name]
            for rubbish in (b"garbage\xc1", b"", b"\x81", b"\xa1\xff"):
                client.publish(group, rubbish)
        await asyncio.to_thread(
            forwarding.wait_until, lambda: forwarding.readiness()["forward"]["dropped_messages"] == before + 4, 20
        )
        pcm = publish_audio(redis_server, tone(0.2), is_final=True)
        turn = await receive_turn(socket)
    assert played(turn) == pcm


@pytest.mark.parametrize("way", [[], ["--raw"]])
async def test_the_command_plays_a_recording_into_a_channel(
    forwarding: LiveServer, redis_server: RedisServer, tmp_path: Path, way: list[str]
) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(1.0), 16_000, subtype="PCM_16")
    async with await listen(forwarding, redis_server) as socket:
        command = await asyncio.to_thread(
            manage, forwarding.settings_file, "forward_wav", CHANNEL, str(tmp_path / "tone.wav"), *way
        )
        assert command.returncode == 0, command.stderr
        turn = await receive_turn(socket)
    recorded, _ = soundfile.read(tmp_path / "tone.wav", dtype="float32")
    assert np.max(np.abs(decode_pcm16(played(turn)) - recorded)) < 1e-4


async def test_events_of_django_code_are_resampled_to_the_session(
    forwarding: LiveServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(1.0, 44_100), 44_100, subtype="PCM_16")
    async with await listen(forwarding, redis_server) as socket:
        await asyncio.to_thread(
            manage, forwarding.settings_file, "forward_wav", CHANNEL, str(tmp_path / "tone.wav"), "--realtime"
        )
        turn = await receive_turn(socket)
    recorded, _ = soundfile.read(tmp_path / "tone.wav", dtype="float32")
    resampler = Resampler(44_100, 16_000)
    expected = np.concatenate([resampler.push(recorded), resampler.finish()])
    assert np.max(np.abs(decode_pcm16(played(turn)) - expected)) < 1e-4


async def test_forwarded_audio_is_paced(forwarding: LiveServer, redis_server: RedisServer) -> None:
    loop = asyncio.get_running_loop()
    async with await listen(forwarding, redis_server, target_lead_ms=100) as socket:
        publish_audio(redis_server, tone(1.0), is_final=True)
        begin = loop.time()
        await receive_turn(socket)
    assert loop.time() - begin > 0.8


async def test_text_is_ignored_in_forward_mode(forwarding: LiveServer, redis_server: RedisServer) -> None:
    async with await listen(forwarding, redis_server) as socket:
        await send(socket, text="Do not speak. ", flush=True)
        await send(socket, text="")
        pcm = publish_audio(redis_server, tone(0.2), is_final=True)
        assert played(await receive_turn(socket)) == pcm


@pytest.mark.parametrize(
    ("init", "named"),
    [({}, "audio_channel"), ({"audio_channel": "other:1"}, "sess:"), ({"audio_channel": 5}, "audio_channel")],
)
async def test_a_channel_has_to_be_named_and_allowed(forwarding: LiveServer, init: dict[str, Any], named: str) -> None:
    async with forwarding.connect(query=QUERY) as socket:
        await send(socket, type="ttsInitRequest", **init)
        turn = await receive_all(socket)
    assert turn.close_code == 1008
    assert named in (turn.error or {})["message"]


async def test_without_a_channel_the_wait_for_init_ends_in_an_error(forwarding: LiveServer) -> None:
    async with forwarding.connect(query=QUERY) as socket:
        turn = await receive_all(socket)
    assert turn.close_code == 1008
    assert "audio_channel" in (turn.error or {})["message"]


async def test_publications_keep_a_session_alive(forwarding: LiveServer, redis_server: RedisServer) -> None:
    async with await listen(forwarding, redis_server, inactivity_timeout=2) as socket:
        for _ in range(6):
            await asyncio.sleep(0.4)
            publish_audio(redis_server, tone(0.05))
        publish(redis_server, {"isFinal": True})
        assert len(played(await receive_turn(socket))) == 6 * len(encode_pcm16(tone(0.05)))
        assert (await receive_all(socket)).close_code == 1000


async def test_too_much_waiting_audio_ends_the_session_with_an_error(redis_server: RedisServer, tmp_path: Path) -> None:
    settings = write_settings(tmp_path, redis_url=redis_server.url, forward={"max_queued_seconds": 2})
    with LiveServer(settings) as server:
        async with await listen(server, redis_server, target_lead_ms=0) as socket:
            for _ in range(4):
                publish_audio(redis_server, tone(1.0))
            turn = await receive_all(socket)
    assert turn.close_code == 1011
    assert "2 seconds" in (turn.error or {})["message"]


async def test_a_lost_redis_ends_forward_sessions_and_no_others(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        redis_server = stack.enter_context(RedisServer(tmp_path))
        server = stack.enter_context(LiveServer(write_settings(tmp_path, redis_url=redis_server.url)))
        async with server.connect(query="?mode=generate") as generating:
            socket = await listen(server, redis_server)
            publish_audio(redis_server, tone(0.2))
            redis_server.kill()
            turn = await asyncio.wait_for(receive_all(socket), 15)
            assert turn.close_code == 1011
            assert (turn.error or {})["error"] == "audio_source_lost"
            assert "error" in server.readiness()["redis"]
            assert (await speak(generating, "I never noticed.")).is_final

            async with server.connect(query=QUERY) as late:
                await send(late, type="ttsInitRequest", audio_channel=CHANNEL)
                assert (await asyncio.wait_for(receive_all(late), 15)).close_code == 1011

            redis_server.start()
            await asyncio.to_thread(server.wait_until, lambda: server.readiness()["ready"])
            async with await listen(server, redis_server) as again:
                pcm = publish_audio(redis_server, tone(0.2), is_final=True)
                assert played(await receive_turn(again)) == pcm


async def test_without_redis_forward_mode_says_so(server: LiveServer) -> None:
    async with server.connect(query=QUERY) as socket:
        await send(socket, type="ttsInitRequest", audio_channel=CHANNEL)
        turn = await receive_all(socket)
    assert turn.close_code == 1008
    assert "REDIS_URL" in (turn.error or {})["message"]


def test_without_redis_the_command_says_so(server: LiveServer, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(0.2), 16_000)
    command = manage(server.settings_file, "forward_wav", CHANNEL, str(tmp_path / "tone.wav"))
    assert command.returncode != 0
    assert "REDIS_URL" in command.stderr
    assert "Traceback" not in command.stderr


async def test_a_key_that_is_disabled_ends_forwarding(tmp_path: Path, redis_server: RedisServer) -> None:
    settings = write_settings(tmp_path, redis_url=redis_server.url, access={"require_keys": True})
    with LiveServer(settings, ("-m", "tests.attacks.without_trust_server")) as server:
        secret = make_keys(server, one={"forward_prefixes": "sess:"})["one"]
        async with await listen(server, redis_server, "sess:key:audio", xi_api_key=secret) as socket:
            publish(redis_server, AUDIO, "sess:key:audio")
            assert "audio" in json.loads(await socket.recv())
            manage(server.settings_file, "shell", "-c", DISABLE_KEYS)
            publish(redis_server, AUDIO, "sess:key:audio")
            turn = await receive_all(socket)
    assert ((turn.error or {}).get("error"), turn.close_code) == ("invalid_api_key", 1008)


async def test_a_server_that_is_told_to_stop_forwards_a_batch_to_its_end(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    settings = write_settings(tmp_path, redis_url=redis_server.url, service={"drain_seconds": 600})
    with LiveServer(settings, ("-m", "benchmarks.tone_server")) as server:
        async with await listen(server, redis_server) as socket, await listen(server, redis_server, "sess:2") as idle:
            pcm = publish_audio(redis_server, tone(0.2))
            packet = json.loads(await socket.recv())
            server.process.terminate()
            assert (await receive_all(idle)).close_code == 1012
            pcm += publish_audio(redis_server, tone(0.2), is_final=True)
            turn = await receive_all(socket)
            assert (turn.is_final, turn.close_code) == (True, 1012)
            assert base64.b64decode(packet["audio"]) + played(turn) == pcm
