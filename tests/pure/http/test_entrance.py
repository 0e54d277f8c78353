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
        self.running = self.gone = 0
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            self.gone += 1
            return
        self.running += 1
        if self.identifies:
            await asyncio.to_thread(scope[KNOWN_KEY])
        await self.may_answer.wait()
        await send({"type": "http.response.start"})


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


async def send(_: Any) -> None:
    pass


def request(entrance: Entrance, *messages: Any, coming: "asyncio.Queue[Any] | None" = None) -> "asyncio.Task[None]":
    """`coming`: what comes after the messages."""
    queue = coming or asyncio.Queue[Any]()
    for message in messages:
        queue.put_nowait(message)

    async def run() -> None:
        await entrance(SCOPE, queue.get, send)

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
    assert application.running == 5


async def test_a_body_that_does_not_come_takes_no_place() -> None:
    application = Application()
    entrance = Entrance(application, lambda _: True, most=1)
    slow = [request(entrance, PART) for _ in range(5)]
    await settle()
    application.may_answer.set()
    async with asyncio.timeout(20):
        await request(entrance, PART, WHOLE)
    assert application.running == 1
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_a_client_that_leaves_while_it_waits_takes_no_turn() -> None:
    application = Application()
    entrance = Entrance(application, lambda _: True, most=1)
    first, coming = request(entrance, WHOLE), asyncio.Queue[Any]()
    await settle()
    gone, last = request(entrance, WHOLE, coming=coming), request(entrance, WHOLE)
    await settle()
    coming.put_nowait({"type": "http.disconnect"})
    await gone
    assert (application.running, application.gone) == (1, 1)
    application.may_answer.set()
    await asyncio.gather(first, last)
    assert application.running == 2


async def test_what_came_while_it_waited_comes_next() -> None:
    heard: list[str] = []

    async def listen(_: Any, receive: Any, __: Any) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    entrance = Entrance(listen, lambda _: True, most=1)
    await entrance._turnstile.enter("somebody else")
    coming: asyncio.Queue[Any] = asyncio.Queue()
    task = request(entrance, WHOLE, coming=coming)
    await settle()
    entrance._turnstile.leave()
    await settle()
    coming.put_nowait({"type": "http.disconnect"})
    await task
    assert heard == ["http.request", "http.disconnect"]


async def test_a_request_that_is_given_up_while_it_waits_leaves_no_place_taken() -> None:
    application = Application()
    entrance = Entrance(application, lambda _: True, most=1)
    first, waiting = request(entrance, WHOLE), request(entrance, WHOLE)
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    application.may_answer.set()
    await first
    assert entrance._turnstile.enter_now()
    assert not entrance._turnstile.enter_now()


async def test_an_answer_before_its_turn_leaves_no_place_taken() -> None:
    async def answer_meanwhile(_: Any, receive: Any, send: Any) -> None:
        waiting = asyncio.create_task(receive())
        await settle()
        await send({"type": "http.response.start"})
        entrance._turnstile.leave()  # of somebody else
        await waiting

    entrance = Entrance(answer_meanwhile, lambda _: True, most=1)
    await entrance._turnstile.enter("somebody else")
    await request(entrance, WHOLE)
    assert entrance._turnstile.enter_now()


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
