"""Engine processes that are told of a text before it is to be spoken."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Place
from streaming.engine.contract import SpeechRequest, VoiceRef
from tests.process.dispatch.test_engine_slots import Engines, listen, running, until
from tests.process.engine.cloning_engine import noted

ids = count()


@pytest.fixture
async def engines(tmp_path: Path) -> AsyncIterator[Engines]:
    engines = Engines(tmp_path)
    yield engines
    await engines.stop()


def request(text: str = "Hello.") -> SpeechRequest:
    return SpeechRequest(f"expected {next(ids)}", text, VoiceRef("key", conditioning=b"anybody"))


async def notes(engines: Engines, did: str, number: int) -> list[dict[str, Any]]:
    await until(lambda: engines.noted(did) >= number)
    return noted(engines.folder, did)


async def test_a_text_is_spoken_by_the_process_that_expects_it(engines: Engines) -> None:
    executor = await engines.two()
    for _ in range(3):
        typed, place = request("Hello "), Place(object())
        expected = executor.expect(typed, place.client)
        assert expected
        expected.become("Hello there, ")
        # Without it, this would be the turn of the other process.
        stream = executor.speak(request("Hello there, all."), place=place, expected=expected)
        assert stream.expected is expected
        await listen(stream)
        await until(lambda: running(executor) == [0, 0])
    told, submitted = await notes(engines, "expect", 6), await notes(engines, "submit", 3)
    assert [note["text"] for note in told] == ["Hello ", "Hello there, "] * 3
    assert [note["pid"] for note in told[::2]] == [note["pid"] for note in submitted]
    assert engines.noted("cancel") == 0


async def test_where_there_is_no_room_it_is_spoken_elsewhere(engines: Engines) -> None:
    executor = await engines.two()
    release = engines.hold("speech")
    expected = executor.expect(typed := request(), client := object())
    assert expected
    # Two others: one of them takes the slot of the process that expects the text.
    others = [executor.speak(request()), executor.speak(request())]
    stream = executor.speak(typed, place=Place(client), expected=expected)
    release.unlink()
    for each in (*others, stream):
        assert len(await listen(each)) == 1


async def test_a_client_has_one_text(engines: Engines) -> None:
    executor = await engines.start(max_running=2)
    client = object()
    first, second = executor.expect(request(), client), executor.expect(request(), client)
    assert first
    assert second
    assert (first.is_dropped, second.is_dropped) == (True, False)
    assert [note["id"] for note in await notes(engines, "cancel", 1)] == [first.request_id]
    executor.forget(second, client)
    executor.forget(second, client)
    assert [note["id"] for note in await notes(engines, "cancel", 2)] == [first.request_id, second.request_id]
    assert executor._expected == {}


async def test_who_leaves_the_line_is_expected_no_more(engines: Engines) -> None:
    executor = await engines.start(max_running=1)
    expected = executor.expect(typed := request(), client := object())
    assert expected
    release = engines.hold("speech")
    speaking = executor.speak(request())
    stream = executor.speak(typed, place=Place(client), expected=expected)
    await stream.aclose()
    assert [note["id"] for note in await notes(engines, "cancel", 1)] == [typed.request_id]
    release.unlink()
    await listen(speaking)
    assert executor._expected == {}


async def test_nothing_is_expected_where_no_slot_is_free(engines: Engines) -> None:
    executor = await engines.start(max_running=1)
    release = engines.hold("speech")
    speaking = executor.speak(request())
    assert executor.expect(request(), object()) is None
    release.unlink()
    await listen(speaking)


async def test_an_engine_that_does_not_read_ahead_is_told_nothing(engines: Engines) -> None:
    executor = await engines.start(EngineSpec("demo", {"threads": 1}))
    assert not executor.reads_ahead
    assert executor.expect(request(), object()) is None
