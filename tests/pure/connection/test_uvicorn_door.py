"""uvicorn's own protocol behind the door, on a real connection."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from streaming.connection.door import Door
from streaming.uvicorn import door as uvicorn_door

FAR = 3600.0
LARGE = b"x" * 2**22


class Guarded(H11Protocol):
    """A class of its own: others keep uvicorn's as it is."""


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(LARGE))]})
    await send({"type": "http.response.body", "body": LARGE})


async def test_a_connection_that_has_ended_leaves_no_timer_behind() -> None:
    door = Door(8, 8, head_seconds=FAR, body_seconds=FAR)
    uvicorn_door._install(Guarded, door, lambda protocol: uvicorn_door._look(door, lambda _: True, True, protocol))
    uvicorn_door._end_stalls(Guarded)
    config = uvicorn.Config(answer, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Guarded(config, state, {}, _loop=loop), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answered = await reader.read()
        writer.close()
        while state.connections:
            await asyncio.sleep(0)
    assert answered.endswith(LARGE)
    # asyncio cannot abort a transport that is gone.
    timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    assert [timer for timer in timers if "abort" in repr(timer)] == []
