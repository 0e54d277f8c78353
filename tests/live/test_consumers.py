"""What the shell does with voices, dialects and silence, over a real socket."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import websockets

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.client import Turn, receive_all, receive_turn, send, speak

TEXT = "The weather is fine today."
NATIVE = "?mode=generate&target_lead_ms=5000&output_format=pcm_16000"
ELEVENLABS = "?output_format=pcm_16000"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose voices the tests change. Unknown voices are spoken by the default voice."""
    settings = write_settings(tmp_path_factory.mktemp("voices"), voices={"unknown": "default"})
    with LiveServer(settings) as live:
        yield live


def create_voice(server: LiveServer, voice_id: str, **fields: Any) -> None:
    code = f"from voices.models import Voice; Voice.objects.create(voice_id={voice_id!r}, name='Test', **{fields!r})"
    created = manage(server.settings_file, "shell", "-c", code)
    assert created.returncode == 0, created.stderr


async def elevenlabs_turn(server: LiveServer, voice_id: str = "demo", query: str = ELEVENLABS, **message: Any) -> Turn:
    async with server.connect(voice_id, query) as client:
        await send(client, text=TEXT, **message)
        await send(client, text="")
        return await receive_all(client)


async def native_turn(server: LiveServer, voice_id: str = "demo", query: str = NATIVE) -> Turn:
    async with server.connect(voice_id, query) as client:
        return await speak(client, TEXT)


def alignments(turn: Turn) -> list[dict[str, Any]]:
    return [message["alignment"] for message in turn.messages if message.get("alignment")]


async def test_a_voice_made_while_the_server_runs_speaks_with_its_own_speed(own: LiveServer) -> None:
    await asyncio.to_thread(create_voice, own, "slow-one", speed=0.5, language="en")
    plain = await native_turn(own, query=f"{NATIVE}&seed=1")
    slow = await native_turn(own, "slow-one", f"{NATIVE}&seed=1")
    assert len(slow.pcm) > 1.6 * len(plain.pcm)


async def test_a_request_overrides_the_speed_of_its_voice(own: LiveServer) -> None:
    await asyncio.to_thread(create_voice, own, "slow-two", speed=0.5)
    plain = await native_turn(own, query=f"{NATIVE}&seed=1")
    overridden = await native_turn(own, "slow-two", f"{NATIVE}&seed=1&speed=1.0")
    assert len(overridden.pcm) == len(plain.pcm)


async def test_a_disabled_voice_is_unknown(server: LiveServer) -> None:
    await asyncio.to_thread(create_voice, server, "silent", enabled=False)
    turn = await elevenlabs_turn(server, "silent")
    assert turn.close_code == 1008
    assert (turn.error or {})["error"] == "voice_not_found"
    assert not turn.packets


async def test_unknown_voices_may_be_spoken_by_the_default_voice(own: LiveServer) -> None:
    turn = await elevenlabs_turn(own, "VOICE123")
    assert (turn.close_code, turn.error) == (1000, None)
    assert turn.packets


@pytest.mark.parametrize("voice_id", ["d%65mo", "%64%65%6d%6f"])
async def test_a_percent_encoded_voice_is_the_same_voice(server: LiveServer, voice_id: str) -> None:
    assert (await elevenlabs_turn(server, voice_id)).packets


@pytest.mark.parametrize("voice_id", ["no%20such%2Fvoice", "%F0%9F%98%80", "%00", "%FF", "x" * 500])
async def test_any_text_that_is_no_voice_is_answered(server: LiveServer, voice_id: str) -> None:
    turn = await elevenlabs_turn(server, voice_id)
    assert turn.close_code == 1008
    assert (turn.error or {})["error"] == "voice_not_found"


async def test_the_native_dialect_has_no_alignment_unless_it_asks(server: LiveServer) -> None:
    assert alignments(await native_turn(server)) == []
    asked = alignments(await native_turn(server, query=f"{NATIVE}&sync_alignment=true"))
    assert "".join(char for part in asked for char in part["chars"]) == TEXT


async def test_elevenlabs_clients_always_get_alignment(server: LiveServer) -> None:
    turn = await elevenlabs_turn(server)
    parts = alignments(turn)
    assert "".join(char for part in parts for char in part["chars"]) == TEXT
    assert all(len(part["chars"]) == len(part["charStartTimesMs"]) == len(part["charDurationsMs"]) for part in parts)


async def test_a_clock_that_adds_up_the_messages_keeps_time(server: LiveServer) -> None:
    """As Pipecat's does: it adds the end of each message's last character."""
    turn = await elevenlabs_turn(server)
    ends = [part["charStartTimesMs"][-1] + part["charDurationsMs"][-1] for part in alignments(turn)]
    assert abs(sum(ends) - len(turn.pcm) / 16) <= 1


async def test_text_behind_the_silent_opening_is_spoken(server: LiveServer) -> None:
    async with server.connect(query=ELEVENLABS) as client:
        await asyncio.sleep(1.7)
        await send(client, text=TEXT)
        await send(client, text="")
        turn = await receive_all(client)
    assert (turn.close_code, turn.is_final) == (1000, True)
    assert turn.packets


async def test_an_init_behind_the_silent_opening_is_too_late(server: LiveServer) -> None:
    async with server.connect(query=NATIVE) as client:
        await asyncio.sleep(2.5)
        await send(client, type="ttsInitRequest")
        turn = await receive_all(client)
    assert turn.close_code == 1008
    assert "1.5 seconds" in (turn.error or {})["message"]


async def test_an_idle_client_of_elevenlabs_is_told(server: LiveServer) -> None:
    async with server.connect(query=f"{ELEVENLABS}&inactivity_timeout=1") as client:
        await send(client, text=" ")
        turn = await receive_all(client)
    assert turn.close_code == 1008
    assert (turn.error or {})["error"] == "input_timeout_exceeded"
    assert len(turn.messages) == 1


async def test_an_idle_native_client_is_closed_without_a_word(server: LiveServer) -> None:
    async with server.connect(query=f"{NATIVE}&inactivity_timeout=1") as client:
        await send(client, text=" ")
        turn = await receive_all(client)
    assert (turn.close_code, turn.messages) == (1000, [])


async def test_who_never_says_anything_is_idle_too(server: LiveServer) -> None:
    async with server.connect(query=f"{ELEVENLABS}&inactivity_timeout=1") as client:
        turn = await asyncio.wait_for(receive_all(client), 10)
    assert (turn.error or {})["error"] == "input_timeout_exceeded"


async def test_a_blank_keeps_the_connection_alive(server: LiveServer) -> None:
    async with server.connect(query=f"{ELEVENLABS}&inactivity_timeout=2") as client:
        for _ in range(6):
            await send(client, text=" ")
            await asyncio.sleep(0.4)
        await send(client, text=TEXT)
        await send(client, text="")
        assert (await receive_all(client)).close_code == 1000


@pytest.mark.parametrize("query", ["?mode=generate", "?target_lead_ms=20"])
async def test_speech_that_lasts_longer_than_the_timeout_is_not_idleness(server: LiveServer, query: str) -> None:
    async with server.connect(query=f"{query}&inactivity_timeout=1&output_format=pcm_16000") as client:
        await send(client, text=f"{TEXT} {TEXT}", flush=True)
        begin = time.monotonic()
        turn = await receive_all(client)
    assert len(turn.pcm) > 2 * 16_000
    assert time.monotonic() - begin > len(turn.pcm) / 16_000 + 0.5
    assert (turn.close_code, bool(turn.error)) == ((1000, False) if "mode" in query else (1008, True))


@pytest.mark.parametrize("language", ["\ud800", "x\udfff"])
async def test_a_language_that_is_no_text_costs_nobody_a_slot(server: LiveServer, language: str) -> None:
    async with server.connect(query=NATIVE) as client:
        await send(client, type="ttsInitRequest", language=language)
        await send(client, text=TEXT)
        await send(client, text="")
        turn = await asyncio.wait_for(receive_turn(client), 20)
    assert turn.is_final or turn.close_code == 1008
    await asyncio.to_thread(server.wait_until, lambda: server.readiness()["engine"]["running"] == 0, 10)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "//", "http://localhost:port"])
async def test_an_origin_that_is_none_is_refused_without_a_traceback(server: LiveServer, origin: str) -> None:
    before = server.log.count("Traceback")
    with pytest.raises(websockets.InvalidStatus) as refused:
        await server.connect(additional_headers={"Origin": origin})
    assert refused.value.response.status_code in (400, 403)
    await asyncio.sleep(1.2)  # daphne looks once a second for applications that failed
    assert server.log.count("Traceback") == before


async def test_a_channel_that_is_no_text_is_the_fault_of_the_client(server: LiveServer) -> None:
    async with server.connect(query="?mode=forward") as client:
        await send(client, type="ttsInitRequest", audio_channel="sess:\ud800")
        assert (await asyncio.wait_for(receive_all(client), 10)).close_code == 1008
