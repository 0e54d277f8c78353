import asyncio
from typing import Any

from streaming.sockets.inbox import BURST_SECONDS, Inbox

CONNECT = {"type": "websocket.connect"}
DISCONNECT = {"type": "websocket.disconnect", "code": 1006}


def message(number: int) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": str(number)}


def filled(*messages: dict[str, Any]) -> "asyncio.Queue[Any]":
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for each in messages:
        queue.put_nowait(each)
    return queue


async def test_everything_comes_in_order_however_fast_it_came() -> None:
    sent = [CONNECT, *map(message, range(60)), DISCONNECT]
    queue = filled(*sent)
    inbox = Inbox(queue.get, max_per_second=1000.0 / BURST_SECONDS)
    assert [await inbox.receive() for _ in sent] == sent


async def test_what_comes_too_fast_waits() -> None:
    inbox = Inbox(filled(*map(message, range(20))).get, max_per_second=1 / BURST_SECONDS)
    await inbox.receive()
    second = asyncio.create_task(inbox.receive())
    done, _ = await asyncio.wait([second], timeout=0.01)
    assert not done
    second.cancel()


async def test_nobody_waits_for_a_client_that_is_gone() -> None:
    sent = [*map(message, range(20)), DISCONNECT]
    inbox = Inbox(filled(*sent).get, max_per_second=1 / BURST_SECONDS, is_gone=lambda: True)
    assert [await asyncio.wait_for(inbox.receive(), 30) for _ in sent] == sent
