"""Sessions leave no reference cycles behind: what they held is freed when they end, not when Python looks for cycles, which
holds up everybody.
"""

import asyncio

import pytest

from tests.live.client import receive_all, send, speak
from tests.live.servers import WatchedServer

pytestmark = pytest.mark.both_servers

NATIVE = "?mode=generate&target_lead_ms=5000&output_format=pcm_8000"
ELEVENLABS = "?output_format=pcm_8000"
TEXT = "Hello there. How are you?"
SESSIONS = 4


async def native_session(server: WatchedServer) -> None:
    async with server.connect(query=NATIVE) as socket:
        for _ in range(2):
            assert (await speak(socket, TEXT)).packets


async def elevenlabs_session(server: WatchedServer) -> None:
    async with server.connect(query=ELEVENLABS) as socket:
        await send(socket, text=TEXT)
        await send(socket, text="")
        assert (await receive_all(socket)).packets


async def session_with_contexts(server: WatchedServer) -> None:
    async with server.connect_contexts(query=ELEVENLABS) as socket:
        for name in ("one", "two"):
            await send(socket, context_id=name, text=TEXT, flush=True)
        await send(socket, close_socket=True)
        assert (await receive_all(socket)).packets


async def vanishing_session(server: WatchedServer) -> None:
    socket = await server.connect(query=NATIVE)
    await send(socket, text=TEXT * 5, flush=True)
    await socket.recv()
    socket.transport.abort()


@pytest.mark.parametrize(
    "session",
    [native_session, elevenlabs_session, session_with_contexts, vanishing_session],
    ids=lambda each: each.__name__,
)
async def test_a_session_leaves_no_cycles_of_ours(watched: WatchedServer, session: object) -> None:
    assert callable(session)
    await session(watched)  # whatever is made once
    held = await asyncio.to_thread(watched.wait_until_idle)
    await asyncio.to_thread(watched.garbage)
    await asyncio.gather(*(session(watched) for _ in range(SESSIONS)))
    await asyncio.to_thread(watched.wait_until_idle, held)
    assert {name: count for name, count in (await asyncio.to_thread(watched.garbage)).items() if is_ours(name)} == {}


def is_ours(name: str) -> bool:
    return name.startswith("streaming.") or "/streaming/" in name
