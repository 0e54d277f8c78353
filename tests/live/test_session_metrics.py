"""What /metrics shows of sessions: speech, starvation, refusals, engines that die; and that no client adds a series."""

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from benchmarks.live_server import LiveServer, write_settings
from benchmarks.stepping_engine import stepping_server, stepping_spec
from streaming.metrics.session_figures import DIALECTS, MODES, RESULTS, TRANSPORTS
from tests.live.client import receive_all, receive_turn, send, speak
from tests.live.scraping import TOKEN, Metrics
from xtts_site.config import PROJECT_DIR

pytestmark = pytest.mark.both_servers

DASHBOARD = PROJECT_DIR / "deploy" / "grafana" / "dashboard.json"
NATIVE = {"transport": "websocket", "dialect": "native", "mode": "generate"}
STALL_SECONDS = 8.0
CODECS = {"pcm", "wav", "mp3", "opus", "ulaw", "alaw", "aac", "flac"}


def served(folder: Path, program: str, command: tuple[str, ...] = ("manage.py", "serve"), **service: Any) -> LiveServer:
    settings = write_settings(folder, service={"server": program} | service, metrics={"token": TOKEN})
    return LiveServer(settings, command)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("counted")
    with served(folder, server_program, stall_timeout_seconds=STALL_SECONDS) as live:
        yield live


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    """Its engine takes twice as long as what it says lasts."""
    command = stepping_server(stepping_spec(per_row=0.1, slots=2))
    with served(tmp_path_factory.mktemp("slow"), server_program, command, max_load=False) as live:
        yield live


@pytest.fixture
def gained(counted: LiveServer) -> Callable[..., float]:
    return gains(counted)


def gains(server: LiveServer) -> Callable[..., float]:
    """By how much a value has grown since now."""
    before = Metrics.of(server)
    return lambda name, **labels: Metrics.of(server).value(name, **labels) - before.value(name, **labels)


def post(server: LiveServer, path: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{server.base_url}{path}", json=body, timeout=60)


async def until(server: LiveServer, condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(server.wait_until, condition)


async def test_a_turn_on_a_socket_counts_with_what_it_was(counted: LiveServer, gained: Callable[..., float]) -> None:
    async with counted.connect(query="?mode=generate&output_format=pcm_24000") as client:
        turn = await speak(client, "A few words.")
    await until(counted, lambda: gained("speech_sessions_total", **NATIVE, result="ok") == 1)
    assert gained("speech_turns_total", **NATIVE, result="ok") == 1
    assert gained("speech_characters_total", **NATIVE) == len("A few words.")
    assert gained("speech_audio_seconds_total", **NATIVE, codec="pcm") == pytest.approx(len(turn.pcm) / 24_000)
    for name in ("time_to_first_audio_seconds", "queue_wait_seconds", "real_time_factor"):
        assert gained(f"speech_{name}_count", **NATIVE) == 1
    assert gained("speech_generated_audio_seconds_total", **NATIVE) == pytest.approx(len(turn.pcm) / 24_000, abs=0.1)
    assert gained("speech_generation_seconds_total", **NATIVE) > 0


@pytest.mark.parametrize(
    ("path", "body", "labels"),
    [
        ("/v1/text-to-speech/demo", {"text": "Some words."}, {"dialect": "elevenlabs", "codec": "mp3"}),
        (
            "/v1/audio/speech",
            {"input": "Some words.", "voice": "demo", "model": "tts-1", "response_format": "opus"},
            {"dialect": "openai", "codec": "opus"},
        ),
    ],
)
def test_a_request_counts_with_its_dialect_and_codec(
    counted: LiveServer, gained: Callable[..., float], path: str, body: dict[str, Any], labels: dict[str, str]
) -> None:
    assert post(counted, path, **body).status_code == 200
    counted.wait_until(lambda: gained("speech_sessions_total", dialect=labels["dialect"], result="ok") == 1)
    assert gained("speech_audio_seconds_total", transport="http", mode="generate", **labels) > 0.3
    assert gained("speech_characters_total", transport="http", dialect=labels["dialect"]) == len("Some words.")


async def test_those_who_are_refused_count_by_the_reason(counted: LiveServer, gained: Callable[..., float]) -> None:
    assert post(counted, "/v1/text-to-speech/nobody", text="Hello.").status_code == 404
    async with counted.connect(voice_id="nobody", query="?mode=generate") as client:
        await send(client, text="Hello.")
        await receive_all(client)
    await until(counted, lambda: gained("speech_refusals_total", reason="voice_not_found") == 2)
    assert gained("speech_refusals_total", transport="http", reason="voice_not_found") == 1
    assert gained("speech_errors_total") == 0


async def test_connections_count_by_what_they_do(slow: LiveServer) -> None:
    def connections(**labels: str) -> float:
        return Metrics.of(slow).value("speech_connections", **labels)

    async with slow.connect(query="?mode=generate") as client:
        await send(client, text=" ")
        await until(slow, lambda: connections(transport="websocket", state="open") == 1)
        await send(client, text="A text of which the first word takes long enough.", flush=True)
        await until(slow, lambda: connections(transport="websocket", state="speaking") == 1)
        assert Metrics.of(slow).value("speech_engine_slots_used") == 1
    await until(slow, lambda: connections() == 0)


async def test_listeners_who_are_told_too_little_starve(slow: LiveServer) -> None:
    gained = gains(slow)
    async with slow.connect(query="?mode=generate&target_lead_ms=20") as client:
        await speak(client, "A text that lasts.")
    await until(slow, lambda: gained("speech_turns_total", **NATIVE) == 1)
    assert gained("speech_starved_turns_total", **NATIVE) == 1
    assert gained("speech_starved_seconds_total", **NATIVE) > 0.2


async def test_a_client_that_does_not_read_is_waited_for(counted: LiveServer, gained: Callable[..., float]) -> None:
    narrow = socket.create_connection(("127.0.0.1", counted.port))
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with connect(counted.url(query="?model_id=any&output_format=pcm_48000"), sock=narrow, max_queue=1) as client:
        await send(client, text="This is one sentence of very many of the same kind. " * 40)
        await send(client, text="")
        await until(counted, lambda: gained("speech_refusals_total", reason="client_stalled") == 1)
        client.transport.abort()
    await until(counted, lambda: gained("speech_sessions_total", dialect="elevenlabs", result="refused") == 1)
    assert gained("speech_client_wait_seconds_total", dialect="elevenlabs") > 0.9 * STALL_SECONDS


async def test_those_whose_engine_dies_count_as_errors(slow: LiveServer) -> None:
    gained = gains(slow)
    async with slow.connect(query="?mode=generate") as client:
        await send(client, text="A text that takes the engine quite some time to say.", flush=True)
        await until(slow, lambda: Metrics.of(slow).value("speech_engine_slots_used") == 1)
        [pid] = slow.engine_pids()
        os.kill(pid, signal.SIGKILL)
        await receive_all(client)
    await until(slow, lambda: gained("speech_errors_total", transport="websocket", reason="engine_failed") == 1)
    await until(slow, lambda: gained("speech_engine_starts_total") == 1)
    assert gained("speech_engine_deaths_total", cause="exited") == 1
    assert gained("speech_turns_total", **NATIVE, result="failed") == 1
    assert gained("speech_sessions_total", **NATIVE, result="failed") == 1
    assert gained("speech_refusals_total") == 0


async def be_hostile(server: LiveServer, word: str) -> None:
    """Requests of every kind that have `word` wherever a client can say something."""
    async with httpx.AsyncClient(base_url=server.base_url, timeout=60, headers={"User-Agent": word}) as client:
        good = {"text": "Hi."}
        for path, body in (
            (f"/v1/text-to-speech/{word}", good),
            (f"/v1/text-to-speech/demo?output_format={word}", good),
            ("/v1/text-to-speech/demo", good | {"language_code": word}),
            ("/v1/text-to-speech/demo", good | {"model_id": word}),
            ("/v1/text-to-speech/demo", {"text": 5}),
            ("/v1/audio/speech", {"input": "Hi.", "voice": word, "model": word}),
            ("/v1/audio/speech", {"input": "Hi.", "voice": "demo", "model": word, "response_format": word}),
            (f"/v1/{word}", good),
            (f"/{word}", good),
        ):
            await client.post(path, json=body, headers={"xi-api-key": word, "X-Request-ID": f"{word}-{word}"})
        await client.request(word.upper(), "/v1/voices")
        await client.get(f"/v1/voices/{word}")
    conversations: list[tuple[str, str, list[dict[str, Any]]]] = [
        (word, "?mode=generate", [{"text": "Hi."}]),
        ("demo", f"?mode={word}", [{"text": "Hi."}]),
        ("demo", f"?model_id={word}&output_format={word}", [{"text": "Hi."}]),
        ("demo", f"?mode=generate&language={word}", [{"text": "Hi.", "flush": True}]),
        ("demo", f"?mode=forward&audio_channel={word}", [{"text": "Hi."}]),
        ("demo", "?mode=generate", [{"type": "ttsInitRequest", "audio_format": word}]),
        ("demo", "?mode=generate", [{"type": word}]),
        ("demo", f"?model_id={word}", [{"text": " ", word: word, "voice_settings": {word: 1}}, {"text": ""}]),
    ]
    for voice, query, messages in conversations:
        await converse(server.url(voice, query), [*messages, {"text": ""}])
    url = server.url(word, "").replace("stream-input", "multi-stream-input")
    await converse(url, [{"text": "Hi.", "context_id": word}, {"close_socket": True}])


async def converse(url: str, messages: list[dict[str, Any]]) -> None:
    try:
        async with connect(url) as client:
            for message in messages:
                await send(client, **message)
            await asyncio.wait_for(receive_turn(client), 5)
    except (websockets.WebSocketException, TimeoutError):
        pass  # whatever becomes of it


async def test_no_client_adds_a_series(counted: LiveServer) -> None:
    for word in ("mallory", "trent"):
        await be_hostile(counted, word)
    await until(counted, lambda: Metrics.of(counted).value("speech_connections") == 0)
    before = Metrics.of(counted).series
    for word in ("oscar", "0", "x" * 60, "a.b", "%F0%9F%92%A9"):
        await be_hostile(counted, word)
    await until(counted, lambda: Metrics.of(counted).value("speech_connections") == 0)
    after = Metrics.of(counted)
    assert after.series == before
    assert not re.search("mallory|trent|oscar|xxx|F0", repr(after.series))


def test_every_label_has_few_values(counted: LiveServer) -> None:
    found: dict[str, set[str]] = {}
    for _, labels in Metrics.of(counted).series:
        for label, value in labels:
            found.setdefault(label, set()).add(value)
    assert found.keys() == {
        "le",
        "transport",
        "dialect",
        "mode",
        "codec",
        "result",
        "reason",
        "state",
        "cause",
        "generation",
    } - ({"codec"} - found.keys())
    assert found["transport"] == set(TRANSPORTS)
    assert found["dialect"] <= DIALECTS
    assert found["mode"] <= MODES
    assert found.get("codec", set()) <= CODECS
    assert found["result"] <= {*RESULTS, "computed", "found", "unusable"}
    assert len(found["reason"]) < 60


def test_the_dashboard_asks_for_what_there_is(counted: LiveServer) -> None:
    metrics, queries = Metrics.of(counted).metrics, DASHBOARD.read_text()
    asked = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\bspeech_[a-z_]+", queries)}
    assert len(asked) > 25
    assert asked <= metrics


def test_the_dashboard_asks_by_labels_that_there_are(counted: LiveServer) -> None:
    labels = {label for _, row in Metrics.of(counted).series for label, _ in row} | {"codec", "reason", "instance"}
    asked = {name for names in re.findall(r"by \(([a-z_, ]+)\)", DASHBOARD.read_text()) for name in names.split(", ")}
    assert asked
    assert asked <= labels


def test_the_dashboard_has_a_panel_for_each_query() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["targets"] for panel in panels if panel["type"] != "row")
