"""When an utterance is submitted, and in which order. Seconds are those of generated audio."""

import asyncio

import numpy as np
import pytest

from streaming.engine.contract import Samples, VoiceRef
from streaming.errors import EngineFailed, Overloaded
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.parameters import Parameters
from streaming.speech.language import LanguageChooser
from streaming.speech.request_maker import RequestMaker, SpeakerVoice
from streaming.speech.speech_queue import SpeechQueue
from tests.pure.speech.engine import RATE, StandIn

SECOND: Samples = np.zeros(RATE, dtype=np.float32)


async def anybody() -> VoiceRef:
    return VoiceRef()


def utterance(index: int, text: str = "Hello.") -> Utterance:
    return Utterance(0, index, text, Parameters())


def make_queue(executor: StandIn, *, max_ahead: float = 10) -> SpeechQueue:
    requests = RequestMaker(executor, SpeakerVoice(anybody), LanguageChooser())
    return SpeechQueue(executor, requests, max_ahead=max_ahead)


async def begun(executor: StandIn, *more: Utterance | TurnEnd, max_ahead: float = 10) -> SpeechQueue:
    """With its first utterance submitted, and `more` behind it."""
    queue, first = make_queue(executor, max_ahead=max_ahead), utterance(0)
    for item in (first, *more):
        queue.put(item)
    await queue.submit(await queue.first(), first)
    return queue


def texts(executor: StandIn) -> list[str]:
    return [request.text for request in executor.asked]


async def test_the_first_waits_for_something_to_say() -> None:
    queue = make_queue(StandIn())
    waiting = asyncio.create_task(queue.first())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(TurnEnd(0))
    assert (await waiting).item == TurnEnd(0)


async def test_nothing_is_submitted_ahead_before_the_voice_is_there() -> None:
    executor = StandIn()
    queue = make_queue(executor)
    queue.put(utterance(0))
    queue.submit_ahead(0.0)
    assert executor.asked == []


async def test_the_next_is_submitted_when_the_one_before_it_is_generated() -> None:
    executor = StandIn()
    queue = await begun(executor, TurnEnd(0), utterance(1, "Two."), utterance(2, "Three."))
    queue.submit_ahead(0.0)
    assert texts(executor) == ["Hello."]
    executor.generate(0, SECOND)
    queue.submit_ahead(0.0)
    queue.submit_ahead(0.0)
    assert texts(executor) == ["Hello.", "Two."]
    assert executor.continued == [False, True]


@pytest.mark.parametrize(("unsent", "submitted"), [(0.5, 2), (0.51, 1)])
async def test_nothing_is_submitted_while_too_much_waits_to_be_sent(unsent: float, submitted: int) -> None:
    executor = StandIn()
    queue = await begun(executor, utterance(1), max_ahead=1.5)
    executor.generate(0, SECOND)
    queue.submit_ahead(unsent)
    assert len(executor.asked) == submitted


async def test_a_pause_is_never_submitted() -> None:
    executor = StandIn()
    queue = await begun(executor, utterance(1, ""), utterance(2, "After the pause."))
    executor.generate(0, SECOND)
    queue.submit_ahead(0.0)
    assert texts(executor) == ["Hello.", "After the pause."]


async def test_what_was_submitted_ahead_is_not_submitted_again() -> None:
    executor, second = StandIn(), utterance(1)
    queue = await begun(executor, second)
    executor.generate(0, SECOND)
    queue.submit_ahead(0.0)
    queue.remove_first()
    submitted = await queue.submit(await queue.first(), second)
    assert submitted.audio is executor.streams[1]
    assert len(executor.asked) == 2


async def test_a_refusal_ahead_is_no_error_until_its_time_has_come() -> None:
    executor, second = StandIn(), utterance(1)
    queue = await begun(executor, second)
    executor.generate(0, SECOND)
    executor.is_full = True
    queue.submit_ahead(0.0)
    queue.remove_first()
    with pytest.raises(Overloaded):
        await queue.submit(await queue.first(), second)


async def test_closing_cancels_what_is_submitted() -> None:
    executor = StandIn()
    queue = await begun(executor, utterance(1))
    queue.close()
    assert executor.cancelled == [executor.streams[0]]
    executor.generate(0, SECOND)
    queue.submit_ahead(0.0)
    assert len(executor.asked) == 1


# Text that is still arriving


async def told(executor: StandIn, queue: SpeechQueue, *texts: str) -> None:
    for text in texts:
        queue.expect(utterance(0, text))
        await asyncio.sleep(0)  # the voice is looked up
        await asyncio.sleep(0)


async def test_the_engine_is_told_of_a_text_as_it_grows_and_then_has_it_spoken_under_its_id() -> None:
    executor = StandIn()
    queue, whole = make_queue(executor), utterance(0, "Hello there, all.")
    await told(executor, queue, "Hello ", "Hello there, ")
    (expected,) = executor.expected
    assert expected.texts == ["Hello ", "Hello there, "]
    queue.put(whole)
    await queue.submit(await queue.first(), whole)
    (request,) = executor.asked
    assert (request.request_id, request.text) == (expected.request_id, "Hello there, all.")
    assert executor.streams[0].expected is expected
    # It is fulfilled: closing takes nothing back.
    queue.close()
    assert not expected.is_dropped


async def test_what_is_expected_has_the_settings_of_its_utterance() -> None:
    executor = StandIn()
    queue = make_queue(executor)
    await told(executor, queue, "Hello ")
    queue.expect(Utterance(0, 0, "Hello there ", Parameters(language="de")))
    english, german = executor.expected
    assert (english.request.language, german.request.language) == ("en", "de")
    assert english.texts == ["Hello "]


async def test_nothing_is_expected_while_something_waits_to_be_submitted() -> None:
    executor = StandIn()
    queue = await begun(executor, utterance(1, "Two."))
    queue.expect(utterance(2, "Three, "))
    assert executor.expected == []
    executor.generate(0, SECOND)
    queue.submit_ahead(0.0)
    queue.expect(utterance(2, "Three, "))
    assert [expected.texts for expected in executor.expected] == [["Three, "]]


async def test_what_an_engine_was_told_for_another_stream_is_told_anew() -> None:
    """The executor has dropped it."""
    executor = StandIn()
    queue, whole = make_queue(executor), utterance(0, "Hello there, all.")
    await told(executor, queue, "Hello ")
    executor.expected[0].drop()
    await told(executor, queue, "Hello there, ")
    assert [expected.texts for expected in executor.expected] == [["Hello "], ["Hello there, "]]
    executor.expected[1].drop()
    queue.put(whole)
    await queue.submit(await queue.first(), whole)
    assert executor.streams[0].expected is None
    assert executor.asked[0].request_id not in {expected.request_id for expected in executor.expected}


async def test_closing_takes_back_what_is_expected() -> None:
    executor = StandIn()
    queue = make_queue(executor)
    await told(executor, queue, "Hello ")
    queue.close()
    assert executor.expected[0].is_dropped


async def test_a_voice_that_cannot_be_had_is_an_error_only_when_it_is_to_speak() -> None:
    async def nobody() -> VoiceRef:
        raise EngineFailed("There is no such voice.")

    executor = StandIn()
    queue = SpeechQueue(executor, RequestMaker(executor, SpeakerVoice(nobody), LanguageChooser()), max_ahead=10)
    await told(executor, queue, "Hello ", "Hello there, ")
    assert executor.expected == []
    queue.put(utterance(0))
    with pytest.raises(EngineFailed):
        await queue.submit(await queue.first(), utterance(0))
