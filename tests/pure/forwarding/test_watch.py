"""Who falls silent is asked, and given up. Looks are made by hand, except where the layer has to answer."""

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer

from streaming.forwarding.watch import LOOKS, PROBE, LayerWatch, Watch, Watched


class Silent:
    """Counts how often it is asked; its answers are `heard` by hand."""

    def __init__(self) -> None:
        self.questions = 0
        self.failed = 0
        self.watched = Watched(self._ask, self._fail)

    async def _ask(self) -> None:
        self.questions += 1

    def _fail(self) -> None:
        self.failed += 1


async def look(watched: Watched, times: int = 1) -> bool:
    """The last answer, after the questions have been put."""
    is_there = True
    for _ in range(times):
        is_there = watched.look()
        await asyncio.sleep(0)
    return is_there


async def test_who_is_silent_is_asked_from_the_middle_on_and_given_up_at_the_end() -> None:
    silent = Silent()
    assert await look(silent.watched, LOOKS // 2 - 1)
    assert silent.questions == 0
    assert await look(silent.watched)
    assert silent.questions == 1
    assert await look(silent.watched, LOOKS - LOOKS // 2)
    assert not await look(silent.watched)


async def test_an_answer_begins_the_wait_again() -> None:
    silent = Silent()
    for _ in range(3):
        assert await look(silent.watched, LOOKS)
        silent.watched.heard()


async def test_a_question_that_hangs_is_not_put_twice_and_one_that_fails_is_no_harm() -> None:
    asked: list[str] = []

    async def ask() -> None:
        asked.append("first" if not asked else "again")
        if len(asked) == 1:
            raise ConnectionError
        await asyncio.Event().wait()

    watched = Watched(ask, lambda: None)
    assert not await look(watched, LOOKS + 1)
    assert asked == ["first", "again"]
    watched.leave()


class CountingLayer(InMemoryChannelLayer):
    """`is_deaf`: what is sent never arrives."""

    def __init__(self) -> None:
        super().__init__(capacity=2)
        self.probes = 0
        self.is_deaf = False

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self.probes += message["type"] == PROBE
        if not self.is_deaf:
            await super().send(channel, message)


async def test_a_layer_answers_once_for_all_who_listen_to_it_and_its_silence_ends_all() -> None:
    layer, layer_watch = CountingLayer(), LayerWatch(Watch(0.8))
    failed: list[int] = []
    all_failed = asyncio.Event()

    def fail(number: int) -> None:
        failed.append(number)
        if len(failed) == 50:
            all_failed.set()

    async def listen(number: int) -> None:
        with layer_watch.over(layer, lambda: fail(number)):
            await all_failed.wait()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(listen(number))
        while layer.probes < 3:
            assert not failed
            await asyncio.sleep(0.01)
        layer.is_deaf = True
    assert sorted(failed) == list(range(50))
    assert layer_watch._task is None
