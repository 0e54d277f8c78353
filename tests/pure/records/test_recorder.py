"""What a speaker reports, and what is written down of it."""

from dataclasses import dataclass

import pytest

from streaming.records.recorder import Recorder
from streaming.records.records import Listener, Records
from streaming.records.session_record import CANCELLED, CLIENT_LEFT, OK, SessionRecord, TurnRecord
from tests.pure.clock import Clock


class Notes(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.began: list[SessionRecord] = []
        self.turns: list[TurnRecord] = []
        self.ended: list[SessionRecord] = []

    def session_began(self, session: SessionRecord) -> None:
        self.began.append(session)

    def turn_ended(self, turn: TurnRecord) -> None:
        self.turns.append(turn)

    def session_ended(self, session: SessionRecord) -> None:
        self.ended.append(session)


class Broken(Notes):
    def session_ended(self, session: SessionRecord) -> None:
        raise RuntimeError("out of order")


@dataclass
class Work:
    queue_seconds: float
    engine_seconds: float
    made_seconds: float


class Stream:
    """One stream of a session, on a clock that tests move."""

    def __init__(self, *, asked_at: float | None = None) -> None:
        self.clock = Clock()
        self.notes = Notes()
        self.records = Records(self.notes)
        self.session = SessionRecord("id", "websocket")
        self.recorder = Recorder(self.session, self.records, asked_at=asked_at, clock=self.clock)

    def send(self, *, after: float, seconds: float = 0.06) -> None:
        self.clock.now += after
        self.recorder.sent(seconds)

    @property
    def turn(self) -> TurnRecord:
        [turn] = self.notes.turns
        return turn


def test_the_first_packet_is_counted_from_the_text() -> None:
    stream = Stream()
    stream.recorder.take_up(stream.clock.now)
    stream.send(after=0.25)
    stream.send(after=0.01)
    stream.recorder.end_turn()
    assert stream.turn.measures.ttfa_seconds == pytest.approx(0.25)
    assert stream.turn.measures.audio_seconds == pytest.approx(0.12)
    assert stream.turn.result == OK


def test_a_request_is_counted_from_its_arrival() -> None:
    stream = Stream(asked_at=999.0)
    stream.recorder.take_up(stream.clock.now)
    stream.send(after=0.25)
    stream.recorder.end_turn()
    assert stream.turn.measures.ttfa_seconds == pytest.approx(1.25)


def test_a_text_that_comes_while_another_is_spoken_asks_when_its_turn_comes() -> None:
    stream = Stream()
    asked_at = stream.clock.now
    stream.recorder.take_up(asked_at)
    stream.send(after=5.0)
    stream.recorder.spoken()
    stream.recorder.end_turn()
    stream.recorder.take_up(asked_at)
    stream.send(after=0.5)
    stream.recorder.end_turn()
    assert [turn.measures.ttfa_seconds for turn in stream.notes.turns] == pytest.approx([5.0, 0.5])


def test_a_packet_that_comes_when_all_before_it_is_played_leaves_a_gap() -> None:
    stream = Stream()
    stream.recorder.take_up(stream.clock.now)
    stream.send(after=0.1, seconds=0.06)
    stream.send(after=0.05, seconds=0.06)  # in time
    stream.send(after=0.27, seconds=0.06)  # 0.2 s too late
    stream.send(after=0.16, seconds=0.06)  # 0.1 s too late
    stream.recorder.end_turn()
    assert stream.turn.measures.starved_seconds == pytest.approx(0.3)
    assert stream.turn.measures.gap_seconds == pytest.approx(0.2)


def test_no_gap_is_ours_while_the_client_sends_no_text() -> None:
    stream = Stream()
    stream.recorder.take_up(stream.clock.now)
    stream.send(after=0.1)
    stream.clock.now += 60.0
    stream.recorder.client_was_silent()
    stream.recorder.take_up(stream.clock.now)
    stream.send(after=0.2)
    stream.send(after=0.16)
    stream.recorder.end_turn()
    assert stream.turn.measures.starved_seconds == pytest.approx(0.1)


def test_the_work_of_the_engine_is_added_up_over_the_utterances_of_a_turn() -> None:
    stream = Stream()
    for work in (Work(0.1, 1.0, 4.0), Work(0.3, 2.0, 2.0)):
        stream.recorder.take_up(stream.clock.now)
        stream.recorder.charged(10)
        stream.recorder.works(work)
        stream.recorder.spoken()
    stream.recorder.end_turn()
    measures = stream.turn.measures
    assert (measures.characters, measures.queue_seconds, measures.engine_seconds) == (20, 0.3, 3.0)
    assert measures.rtf == 0.5


def test_a_turn_that_is_left_is_cancelled_unless_it_is_known_why() -> None:
    for result, expected in (("", CANCELLED), (OK, CANCELLED), ("server_shutdown", "server_shutdown")):
        stream = Stream()
        stream.recorder.take_up(stream.clock.now)
        stream.session.result = result
        stream.recorder.close()
        assert stream.turn.result == expected


def test_a_client_that_leaves_in_the_middle_of_a_turn_is_said_to() -> None:
    stream = Stream()
    stream.recorder.take_up(stream.clock.now)
    stream.records.leave(stream.session)
    stream.recorder.close()
    stream.records.end(stream.session)
    assert (stream.turn.result, stream.session.result) == (CLIENT_LEFT, CLIENT_LEFT)


def test_a_session_has_the_sums_of_its_turns_and_ends_once() -> None:
    stream = Stream()
    for _ in range(2):
        stream.recorder.take_up(stream.clock.now)
        stream.recorder.charged(5)
        stream.send(after=0.5, seconds=1.0)
        stream.recorder.end_turn()
    stream.records.leave(stream.session)
    stream.records.end(stream.session)
    stream.records.end(stream.session)
    [session] = stream.notes.ended
    assert (session.turns, session.measures.characters, session.result) == (2, 10, OK)
    assert (session.measures.audio_seconds, session.measures.ttfa_seconds) == (2.0, 0.5)


def test_a_listener_that_fails_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    Records(Broken(), notes).end(SessionRecord("id", "http"))
    assert len(notes.ended) == 1
    assert "A session could not be recorded" in caplog.text
