import asyncio
from typing import Any

from streaming.http.entrance import KNOWN_KEY, Entrance

SCOPE = {"type": "http", "path": "/v1/voices", "client": ("192.0.2.1", 1), "headers": []}
WHOLE = {"type": "http.request", "body": b"", "more_body": False}
PART = {"type": "http.request", "body": b"", "more_body": True}


class Application:
    """Reads its request, says who asks if it is told to, and answers when it may."""

    def __init__(self, *, identifies: bool = False) -> None:
        self.identifies = identifies
        self.running = 0
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        self.running += 1
        if self.identifies:
            await asyncio.to_thread(scope[KNOWN_KEY])
        await self.may_answer.wait()
        await send({"type": "http.response.start"})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


def request(entrance: Entrance, *messages: Any) -> "asyncio.Task[None]":
    coming: asyncio.Queue[Any] = asyncio.Queue()
    for message in messages:
        coming.put_nowait(message)

    async def send(_: Any) -> None:
        pass

    async def run() -> None:
        await entrance(SCOPE, coming.get, send)

    return asyncio.create_task(run())


async def test_as_many_as_allowed_are_worked_on_until_they_are_answered() -> None:
    application = Application()
    entrance = Entrance(application, lambda _: True, most=2)
    tasks = [request(entrance, WHOLE) for _ in range(5)]
    await settle()
    assert application.running == 2
    application.may_answer.set()
    await asyncio.gather(*tasks)
    assert application.running == 5


async def test_whoever_is_known_makes_room() -> None:
    application = Application(identifies=True)
    entrance = Entrance(application, lambda _: True, most=1)
    tasks = [request(entrance, WHOLE) for _ in range(5)]
    async with asyncio.timeout(20):
        while application.running < 5:
            await asyncio.sleep(0.001)
    application.may_answer.set()
    await asyncio.gather(*tasks)


async def test_a_body_that_does_not_come_takes_no_place() -> None:
    application = Application()
    entrance = Entrance(application, lambda _: True, most=1)
    slow = [request(entrance, PART) for _ in range(5)]
    await settle()
    application.may_answer.set()
    async with asyncio.timeout(20):
        await request(entrance, PART, WHOLE)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_other_paths_do_not_wait() -> None:
    application = Application()
    entrance = Entrance(application, lambda path: path != SCOPE["path"], most=1)
    tasks = [request(entrance, WHOLE) for _ in range(3)]
    await settle()
    assert application.running == 3
    application.may_answer.set()
    await asyncio.gather(*tasks)


async def test_an_application_that_fails_gives_its_place_back() -> None:
    async def fail(_: Any, receive: Any, __: Any) -> None:
        await receive()
        raise RuntimeError

    entrance = Entrance(fail, lambda _: True, most=1)
    tasks = [request(entrance, WHOLE) for _ in range(3)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in found] == [RuntimeError] * 3
