"""A flood of the same warning, on a clock that the test moves."""

import gc
import logging
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from streaming.logs.repetitions import MAY_REPEAT, MOST_KINDS, RepetitionFilter
from tests.pure.clock import Clock


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Log:
    """A logger of its own, whose handler has the filter. Without `has_thread`, nobody but the test looks at the time."""

    def __init__(self, name: str, has_thread: bool) -> None:
        self.clock = Clock()
        self.handler = Lines()
        # Longer than any test: what ends by the timer is tested by calling it.
        self.filter = RepetitionFilter(most=3, seconds=3600, clock=self.clock)
        self.filter._has_thread = not has_thread
        self.handler.addFilter(self.filter)
        self.logger = logging.getLogger(f"tests.repetitions.{name}")
        self.logger.addHandler(self.handler)
        self.logger.propagate = False
        self.logger.setLevel(logging.DEBUG)

    @property
    def lines(self) -> list[str]:
        return self.handler.lines


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    log = Log(request.node.name, has_thread="thread" in request.node.name)
    yield log
    log.logger.removeHandler(log.handler)


def flood(log: Log, count: int) -> None:
    for number in range(count):
        log.logger.warning("It is down: %d", number)


def test_the_first_lines_of_a_kind_are_written(log: Log) -> None:
    flood(log, 10)
    assert log.lines == ["It is down: 0", "It is down: 1", "It is down: 2"]


def test_other_kinds_are_not_left_out(log: Log) -> None:
    flood(log, 10)
    log.logger.warning("Something else")
    log.logger.error("It is down: %d", 1)
    assert log.lines[3:] == ["Something else", "It is down: 1"]


def test_it_is_said_how_many_were_left_out_when_the_next_one_comes(log: Log) -> None:
    flood(log, 10)
    log.clock.now += 3600
    flood(log, 1)
    assert log.lines[3:] == [
        "7 more lines like this one were left out in 3600 s: It is down: 0",
        "It is down: 0",
    ]


def test_it_is_said_as_well_when_no_other_comes(log: Log) -> None:
    flood(log, 5)
    [end] = log.filter._ends
    log.filter._end(end)
    assert log.lines[3:] == ["2 more lines like this one were left out in 3600 s: It is down: 3"]


def test_what_is_left_out_keeps_nothing_alive(log: Log) -> None:
    class Buffer:
        """A local variable in the traceback."""

    def failed() -> logging.LogRecord:
        buffer = Buffer()
        left.append(weakref.ref(buffer))
        try:
            raise ValueError
        except ValueError:
            return logging.LogRecord("tests.repetitions", logging.ERROR, "", 1, "It failed", (), sys.exc_info())

    left: list[weakref.ref[Buffer]] = []
    assert [log.filter.filter(failed()) for _ in range(5)] == [True] * 3 + [False] * 2
    gc.collect()
    assert [buffer() for buffer in left] == [None] * 5


def test_many_kinds_need_one_thread(log: Log) -> None:
    before = set(threading.enumerate())
    for number in range(5):
        for _ in range(5):
            log.logger.warning(f"Kind {number}")
    assert len(set(threading.enumerate()) - before) == 1


def test_what_is_no_warning_is_written_unless_it_may_come_in_floods(log: Log) -> None:
    for _ in range(5):
        log.logger.info("A session")
        log.logger.info("A refusal", extra={MAY_REPEAT: "refused"})
    assert (log.lines.count("A session"), log.lines.count("A refusal")) == (5, 3)


def test_it_keeps_a_bounded_number_of_kinds(log: Log) -> None:
    for number in range(MOST_KINDS + 10):
        log.logger.warning(f"Kind {number}")
    assert len(log.filter._kinds) == MOST_KINDS


def test_the_thread_tells_of_each_kind_when_its_time_is_over(log: Log) -> None:
    for number in range(3):
        for _ in range(5):
            log.logger.warning(f"Kind {number}")
    log.clock.now += 3600
    with log.filter._lock:
        log.filter._lock.notify()  # as if the thread had waited
    told = [f"2 more lines like this one were left out in 3600 s: Kind {number}" for number in range(3)]
    end = time.monotonic() + 60
    while len(log.lines) < 12 and time.monotonic() < end:
        time.sleep(0.01)
    assert sorted(log.lines[9:]) == told
