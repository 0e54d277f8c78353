"""What a client can make the server hold by sending, without a key: next to nothing, whatever it sends."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from benchmarks.live_server import LiveServer, write_settings
from tests.attacks import raw
from tests.live.client import speak

pytestmark = pytest.mark.both_servers

BLANK = json.dumps({"text": " "}).encode()
LONG = json.dumps({"text": "word " * 45_000}).encode()
FLOODS = {
    "blanks": raw.frame(raw.TEXT, BLANK),
    "long messages": raw.frame(raw.TEXT, LONG),
    "binary messages": raw.frame(raw.BINARY, bytes(200_000)),
    "empty messages": raw.frame(raw.TEXT, b""),
    "pings": raw.frame(raw.PING, bytes(125)),
    "pongs": raw.frame(raw.PONG, bytes(125)),
    "empty fragments": raw.frame(raw.TEXT, b" ", is_last=False)
    + raw.frame(raw.CONTINUATION, b"", is_last=False) * 50_000,
    "small fragments": raw.frame(raw.TEXT, b" ", is_last=False)
    + raw.frame(raw.CONTINUATION, b" ", is_last=False) * 50_000,
}
CLIENTS = 4
BYTES_OF_EACH = 24 * 2**20
SECONDS = 6


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory, server_program: str) -> Iterator[LiveServer]:
    settings = write_settings(tmp_path_factory.mktemp("flooded"), service={"stall_timeout_seconds": 60.0})
    with LiveServer(settings) as live:
        yield live


async def flood_costs(server: LiveServer, data: bytes, first: bytes = b"") -> float:
    """How much memory it takes, as a share of what the server holds while idle, to send this; and somebody else is served
    meanwhile."""
    idle = raw.resident_bytes(server.process.pid)
    clients = [raw.open_socket(server, "?output_format=pcm_24000") for _ in range(CLIENTS)]
    with raw.closing(clients):
        for client in clients:
            client.sendall(first)
        work = asyncio.to_thread(raw.flood, clients, data, most=BYTES_OF_EACH, seconds=SECONDS)
        flooding = asyncio.create_task(work)
        async with server.connect(query="?mode=generate&target_lead_ms=5000") as other:
            turn = await speak(other, "Hello.")
        await flooding
        cost = raw.resident_bytes(server.process.pid) - idle
    assert turn.is_final
    return cost / idle


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_is_not_kept(flooded: LiveServer, kind: str) -> None:
    assert await flood_costs(flooded, FLOODS[kind]) < 0.25


@pytest.mark.parametrize("kind", ["long messages", "pings"])
async def test_a_flood_from_clients_that_do_not_read_their_speech_is_not_kept(flooded: LiveServer, kind: str) -> None:
    speech = json.dumps({"text": "This is spoken to nobody who listens. " * 40 + " ", "flush": True}).encode()
    assert await flood_costs(flooded, FLOODS[kind], raw.frame(raw.TEXT, speech)) < 0.25


async def test_a_flood_before_the_handshake_is_decided_is_not_kept(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As while the database that knows the keys is slow."""
    settings = write_settings(
        tmp_path_factory.mktemp("slow"), access={"require_keys": True}, database={"answer_seconds": 60}
    )
    with LiveServer(settings, command=("-m", "tests.attacks.slow_keys_server")) as server:
        idle = raw.resident_bytes(server.process.pid)
        clients = [raw.connect(server) for _ in range(CLIENTS)]
        with raw.closing(clients):
            for client in clients:
                client.sendall(raw.handshake(server, headers=f"xi-api-key: xtts_{'a' * 43}\r\n"))
            await asyncio.to_thread(raw.flood, clients, FLOODS["long messages"], most=BYTES_OF_EACH, seconds=SECONDS)
            assert raw.resident_bytes(server.process.pid) - idle < 0.25 * idle


async def test_messages_that_come_too_fast_are_read_later_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = write_settings(tmp_path_factory.mktemp("slowly"), limits={"max_messages_per_second": 20})
    # Short ones: it is the number of messages that counts, and all of it is spoken.
    words = ["a "] * 210
    with LiveServer(settings) as server:
        async with server.connect(query="?output_format=pcm_8000") as client:
            for word in words:
                await client.send(json.dumps({"text": word}))
            turn = await speak(client, " ")
    assert turn.is_final
    alignments = [message["alignment"] for message in turn.messages if message.get("alignment")]
    heard = "".join(char for alignment in alignments for char in alignment["chars"])
    assert heard.split() == "".join(words).split()
