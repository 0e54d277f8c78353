"""The speaker's task on the real engine: order, submitting ahead, leaving nothing behind."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from streaming.audio.formats import FORMATS
from streaming.audio.pcm import decode_pcm16
from streaming.dispatch.engine_process import EngineSpec
from streaming.dispatch.executor import Executor, Place, SpeechStream
from streaming.dispatch.expected_text import ExpectedText
from streaming.engine.contract import SpeechRequest, VoiceRef
from streaming.errors import EngineUnavailable, SourceError, SpeechError, UnknownDictionary
from streaming.forwarding.forwarder import Forwarder
from streaming.forwarding.forwarder import ForwardMeter as Tolled
from streaming.forwarding.publisher import ForwardedAudio
from streaming.forwarding.subscription import Subscription
from streaming.protocol.context import TurnEnd, Utterance
from streaming.protocol.packet import Alignment, Packet
from streaming.protocol.parameters import Locators, Parameters
from streaming.records.recorder import Recorder
from streaming.records.records import Listener, Records
from streaming.records.session_record import OK, SessionRecord, TurnRecord
from streaming.speech.language import LanguageChooser
from streaming.speech.metering import Meter
from streaming.speech.outlet import Outlet, waiting
from streaming.speech.playback import Playback
from streaming.speech.request_maker import RequestMaker, SpeakerVoice, as_written
from streaming.speech.speaker import Speaker
from streaming.speech.speech_queue import SpeechQueue
from streaming.text.pronunciation import Alias, Pronouncer

OUTPUT = FORMATS["pcm_16000"]
LONG = "The weather is fine today, and the birds are singing in the trees. " * 4


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Watched(Executor):
    """Remembers what it was asked to speak."""

    def __init__(self, spec: EngineSpec, *, max_running: int, max_waiting: int) -> None:
        super().__init__(spec, max_running=max_running, max_waiting=max_waiting)
        self.asked: list[SpeechRequest] = []

    def speak(
        self,
        request: SpeechRequest,
        *,
        continues: bool = False,
        place: Place | None = None,
        expected: ExpectedText | None = None,
    ) -> SpeechStream:
        stream = super().speak(request, continues=continues, place=place, expected=expected)
        self.asked.append(request)
        return stream


@pytest.fixture
async def executor() -> AsyncIterator[Watched]:
    executor = Watched(EngineSpec("demo", {"threads": 2}), max_running=2, max_waiting=4)
    executor.start()
    await until(lambda: executor.status.is_ready)
    yield executor
    await asyncio.to_thread(executor.stop)


class Client:
    """Takes packets and reports; may refuse to take more."""

    def __init__(self, seconds_per_packet: float = 0.0) -> None:
        self.seconds_per_packet = seconds_per_packet
        self.heard: list[Packet | Utterance | TurnEnd | bool] = []
        # Of each publication that was noted: whether another one waited then.
        self.waiting: list[bool] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def take(self, packet: Packet) -> None:
        await self.reads.wait()
        self.heard.append(packet)
        await asyncio.sleep(self.seconds_per_packet)

    async def note(self, item: Utterance | TurnEnd | bool) -> None:
        self.heard.append(item)

    async def note_published(self, is_final: bool, is_last: bool) -> None:
        self.heard.append(is_final)
        self.waiting.append(not is_last)

    @property
    def notes(self) -> list[Utterance | TurnEnd | bool]:
        return [item for item in self.heard if not isinstance(item, Packet)]

    @property
    def packets(self) -> list[Packet]:
        return [item for item in self.heard if isinstance(item, Packet)]


async def anybody() -> VoiceRef:
    return VoiceRef()


def make_speaker(
    executor: Executor,
    client: Client,
    *,
    max_ahead: float = 100,
    meter: Meter | None = None,
    load_pronouncer: Callable[[Locators], Awaitable[Pronouncer]] = as_written,
    recorder: Recorder | None = None,
) -> Speaker:
    requests = RequestMaker(executor, SpeakerVoice(anybody), LanguageChooser(), load_pronouncer)
    queue = SpeechQueue(executor, requests, max_ahead=max_ahead)
    playback = Playback(OUTPUT, Outlet(waiting(client.take), None), max_packet_ms=60)
    return Speaker(queue, playback, client.note, meter, recorder)


def utterance(index: int, text: str = "Hello there.", turn: int = 0, pause: float = 0.0) -> Utterance:
    return Utterance(turn, index, text, Parameters(seed=1), pause)


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_utterances_and_ends_of_turns_are_reported_in_order_behind_their_audio(executor: Executor) -> None:
    client = Client()
    speaker = make_speaker(executor, client)
    items: list[Utterance | TurnEnd] = [utterance(0), utterance(1), TurnEnd(0), utterance(0, turn=1), TurnEnd(1)]
    for item in items:
        speaker.put(item)
    task = asyncio.create_task(speaker.run())
    await until(lambda: len(client.notes) == len(items))
    await end(task)
    assert client.notes == items
    kinds = [type(item).__name__ for item in client.heard]
    assert kinds[0] == "Packet"
    assert kinds[-2:] == ["Utterance", "TurnEnd"]
    assert all(0 < packet.seconds <= 0.06 for packet in client.packets)


async def test_an_utterance_without_a_sound_is_spoken_at_once(executor: Executor) -> None:
    client = Client()
    speaker = make_speaker(executor, client)
    speaker.put(utterance(0, "..."))
    task = asyncio.create_task(speaker.run())
    await until(lambda: bool(client.notes))
    await end(task)
    assert client.packets == []


async def test_the_next_utterance_is_made_before_the_first_is_delivered(executor: Watched) -> None:
    client = Client(seconds_per_packet=0.05)
    speaker = make_speaker(executor, client)
    speaker.put(utterance(0))
    speaker.put(utterance(1, LONG))
    task = asyncio.create_task(speaker.run())
    await until(lambda: len(executor.asked) == 2)
    assert client.notes == []
    await end(task)


async def test_nothing_is_made_for_who_does_not_listen(executor: Watched) -> None:
    client = Client()
    client.reads.clear()
    speaker = make_speaker(executor, client, max_ahead=0.1)
    for index in range(3):
        speaker.put(utterance(index, LONG))
    task = asyncio.create_task(speaker.run())
    await until(lambda: len(executor.asked) > 0 and executor.status.running == 0)
    speaker.put(TurnEnd(0))
    assert len(executor.asked) == 1
    await end(task)


async def test_cancelling_closes_every_stream(executor: Executor) -> None:
    client = Client()
    client.reads.clear()
    speaker = make_speaker(executor, client)
    for index in range(3):
        speaker.put(utterance(index, LONG * 4))
    task = asyncio.create_task(speaker.run())
    await asyncio.sleep(0)
    assert executor.status.running == 1
    await end(task)
    await until(lambda: executor.status.running == executor.status.waiting == 0, 5)


async def test_an_engine_that_is_away_ends_it_with_the_reason() -> None:
    away = Executor(EngineSpec("demo", {"threads": 1}), max_running=1, max_waiting=1)
    speaker = make_speaker(away, Client())
    speaker.put(utterance(0))
    with pytest.raises(EngineUnavailable):
        await speaker.run()


class Book:
    """Notes what a speaker asks and reports; refuses what goes over `most` characters."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.charged: list[int] = []
        self.pauses: list[float] = []
        self.seconds = 0.0
        self.notes: list[str] = []

    async def charge(self, characters: int, *, pause: float = 0.0) -> None:
        if sum(self.charged) + characters > self.most:
            raise SpeechError("That is too much.")
        self.charged.append(characters)
        self.pauses.append(pause)

    def spoke(self, seconds: float) -> None:
        self.seconds += seconds

    def failed(self) -> None:
        self.notes.append("failed")

    def end_turn(self) -> None:
        self.notes.append("end")


async def speak_all(speaker: Speaker, client: Client, *items: Utterance | TurnEnd) -> None:
    for item in items:
        speaker.put(item)
    task = asyncio.create_task(speaker.run())
    await until(lambda: task.done() or len(client.notes) == len(items))
    if task.done():
        await task
    await end(task)


async def test_what_is_spoken_is_charged_and_what_is_delivered_is_counted(executor: Executor) -> None:
    client, book = Client(), Book()
    speaker = make_speaker(executor, client, meter=book)
    await speak_all(speaker, client, utterance(0, "Hello."), utterance(1, "How are you?"), TurnEnd(0))
    assert book.charged == [6, 12]
    assert book.seconds == pytest.approx(sum(packet.seconds for packet in client.packets))
    assert book.notes == ["end", "end"]  # of the turn, of the stream


async def test_silence_is_charged_as_well_with_text_and_without(executor: Executor) -> None:
    client, book = Client(), Book()
    speaker = make_speaker(executor, client, meter=book)
    await speak_all(speaker, client, utterance(0, "Hello.", pause=0.5), utterance(1, "", pause=1.0), TurnEnd(0))
    assert (book.charged, book.pauses) == ([6, 0], [0.5, 1.0])


async def test_what_is_refused_is_not_spoken(executor: Watched) -> None:
    client, book = Client(), Book(most=10)
    with pytest.raises(SpeechError, match="too much"):
        await speak_all(make_speaker(executor, client, meter=book), client, utterance(0, "Hello again."))
    assert (client.packets, executor.asked) == ([], [])
    assert book.notes == ["failed", "end"]


async def test_leaving_is_no_failure(executor: Executor) -> None:
    client, book = Client(seconds_per_packet=0.05), Book()
    speaker = make_speaker(executor, client, meter=book)
    speaker.put(utterance(0, LONG))
    task = asyncio.create_task(speaker.run())
    await until(lambda: bool(client.packets))
    await end(task)
    assert book.notes == ["end"]


LOCATORS = (("names", None),)


async def pronouncer(locators: Locators) -> Pronouncer:
    return Pronouncer([Alias("GIF", "jif")] if locators == LOCATORS else [])


async def test_what_is_spoken_is_what_the_dictionaries_say(executor: Watched) -> None:
    client = Client()
    speaker = make_speaker(executor, client, load_pronouncer=pronouncer)
    named = Parameters(pronunciation_dictionary_locators=LOCATORS)
    await speak_all(speaker, client, Utterance(0, 0, "A GIF", named), Utterance(0, 1, "A GIF", Parameters()))
    assert [request.text for request in executor.asked] == ["A jif", "A GIF"]
    said = [[part for packet in client.packets if (part := side(packet))] for side in (original, normalized)]
    assert ["".join(char for part in parts for char in part.chars) for parts in said] == ["A GIFA GIF", "A jifA GIF"]


def original(packet: Packet) -> Alignment | None:
    return packet.alignment


def normalized(packet: Packet) -> Alignment | None:
    return packet.normalized_alignment


async def test_a_pause_follows_its_text_and_may_stand_alone(executor: Watched) -> None:
    quick, paused, silent = Client(), Client(), Client()
    await speak_all(make_speaker(executor, quick), quick, utterance(0))
    await speak_all(make_speaker(executor, paused), paused, replace(utterance(0), pause=0.5))
    await speak_all(make_speaker(executor, silent), silent, replace(utterance(0), text="", pause=0.5))
    assert len(executor.asked) == 2
    assert len(sound(paused)) - len(sound(quick)) == 0.5 * OUTPUT.sample_rate
    assert not np.any(sound(silent))
    assert len(sound(silent)) == 0.5 * OUTPUT.sample_rate


async def test_a_speaker_that_is_closed_by_what_it_reports_ends_by_itself(executor: Executor) -> None:
    class Closing(Client):
        async def note(self, item: Utterance | TurnEnd | bool) -> None:
            speaker.close()

    speaker = make_speaker(executor, Closing())
    speaker.put(TurnEnd(0))
    running = asyncio.create_task(speaker.run())
    done, _ = await asyncio.wait([running], timeout=60)
    assert done == {running}


def published(seconds: float, rate: int, *, is_final: bool = False) -> ForwardedAudio:
    time = np.arange(round(seconds * rate)) / rate
    return ForwardedAudio((0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32), rate, is_final)


class Toll(Tolled):
    """Lets everything through, up to a number of seconds."""

    def __init__(self, most: float = math.inf) -> None:
        self.most = most
        self.seconds = 0.0

    async def begin(self) -> None:
        pass

    async def pay(self, seconds: float) -> None:
        if self.seconds + seconds > self.most:
            raise SourceError("that was all that is paid for")

    def delivered(self, seconds: float) -> None:
        self.seconds += seconds

    def failed(self) -> None:
        pass

    def end(self) -> None:
        pass


async def forward(*parts: ForwardedAudio, frames: tuple[int, ...] = (), toll: Toll | None = None) -> Client:
    client, source = Client(), Subscription(100)
    for part in parts:
        source.put(part)
    source.fail(SourceError("that was all"))
    outlet = Outlet(waiting(client.take), None)
    forwarder = Forwarder(OUTPUT, outlet, toll or Toll(), client.note_published, frames=frames, max_packet_ms=60)
    with pytest.raises(SourceError, match="that was all"):
        await forwarder.run(source)
    return client


def sound(client: Client) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return decode_pcm16(b"".join(packet.payload for packet in client.packets))


async def test_what_is_published_goes_out_and_every_publication_is_reported() -> None:
    parts = [published(0.2, 16_000), published(0.1, 16_000, is_final=True)]
    client = await forward(*parts)
    assert client.notes == [False, True]
    assert client.waiting == [True, False]
    assert client.heard[-1] is True
    assert np.abs(sound(client) - np.concatenate([part.samples for part in parts])).max() < 1e-4


async def test_a_publication_is_heard_as_far_as_it_is_paid_for() -> None:
    toll = Toll(most=0.4)
    client = await forward(published(1.0, 16_000), toll=toll)
    assert len(sound(client)) / OUTPUT.sample_rate == pytest.approx(toll.seconds)
    assert 0.4 - 0.06 < toll.seconds <= 0.4
    assert client.notes == []


async def test_publications_are_joined_as_asked() -> None:
    client = await forward(*[published(0.02, 16_000) for _ in range(3)], frames=(3,))
    assert [packet.seconds for packet in client.packets] == [0.06]


async def test_joined_publications_are_not_kept_back_at_the_end() -> None:
    client = await forward(published(0.02, 16_000), published(0.02, 16_000, is_final=True), frames=(5,))
    assert len(sound(client)) == 640


async def test_audio_at_another_rate_loses_nothing_of_either() -> None:
    client = await forward(published(0.2, 48_000), published(0.2, 8000), published(0.1, 16_000, is_final=True))
    assert len(sound(client)) == pytest.approx(0.5 * 16_000, abs=4)


class Turns(Listener):
    """Keeps the turns that have ended."""

    def __init__(self) -> None:
        self.ended: list[TurnRecord] = []

    def turn_ended(self, turn: TurnRecord) -> None:
        self.ended.append(turn)


async def test_a_turn_is_written_down_with_what_the_engine_did_for_it(executor: Executor) -> None:
    client, turns = Client(), Turns()
    session = SessionRecord("id", "websocket")
    speaker = make_speaker(executor, client, recorder=Recorder(session, Records(turns)))
    for item in (utterance(0), utterance(1, LONG), TurnEnd(0)):
        speaker.put(item)
    running = asyncio.create_task(speaker.run())
    await until(lambda: bool(turns.ended))
    await end(running)
    [turn], measures = turns.ended, turns.ended[0].measures
    assert (turn.result, measures.characters) == (OK, len("Hello there.") + len(LONG))
    assert measures.audio_seconds == pytest.approx(sum(packet.seconds for packet in client.packets))
    assert measures.made_seconds == pytest.approx(measures.audio_seconds, abs=0.01)
    assert measures.ttfa_seconds is not None
    assert measures.engine_seconds > 0
    assert session.measures == measures


async def test_a_turn_that_fails_is_written_down_with_the_error(executor: Executor) -> None:
    turns = Turns()
    recorder = Recorder(SessionRecord("id", "websocket"), Records(turns))
    speaker = make_speaker(executor, Client(), load_pronouncer=no_pronouncer, recorder=recorder)
    speaker.put(replace(utterance(0), parameters=Parameters(pronunciation_dictionary_locators=(("none", None),))))
    with pytest.raises(UnknownDictionary):
        await speaker.run()
    assert [turn.result for turn in turns.ended] == ["pronunciation_dictionary_not_found"]


async def no_pronouncer(locators: Locators) -> Pronouncer:
    raise UnknownDictionary
