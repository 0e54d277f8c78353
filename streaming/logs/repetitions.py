"""A flood of the same line does not fill a disk."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

# Of one kind, in as many seconds. A kind is one place in the source: its lines differ in what they name.
MOST_LINES = 20
SECONDS = 60.0
MOST_KINDS = 1000
# A line below the level of a warning that may come in floods has this attribute: what tells it from others at its place.
MAY_REPEAT = "may_repeat"
# Django's, of lines about responses: all are written at one place.
_STATUS = "status_code"
_Key = tuple[str, int, str, str]
_SUMMARY = "is_summary"
# What a record may have beside the fields of every line (`extra={FIELDS: {...}}`), and the request that it belongs to.
FIELDS = "fields"
REQUEST_ID = "request_id"
# What is written in place of the message and the traceback.
OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class _Example:
    """What is said of a line that was left out. The record itself would keep alive whatever its traceback leads to."""

    name: str
    level: int
    text: str
    extra: dict[str, Any]

    @classmethod
    def of(cls, record: logging.LogRecord) -> Self:
        extra = {_SUMMARY: True, FIELDS: getattr(record, FIELDS, {}), REQUEST_ID: getattr(record, REQUEST_ID, "")}
        return cls(record.name, record.levelno, record.getMessage(), extra)


@dataclass(slots=True)
class _Kind:
    began: float
    passed: int = 0
    left_out: int = 0


@dataclass(slots=True)
class _End:
    """When the time of a kind is over of which lines were left out."""

    at: float
    key: _Key
    kind: _Kind
    example: _Example

    def __lt__(self, other: Self) -> bool:
        return self.at < other.at


class RepetitionFilter(logging.Filter):
    """For a handler: passes MOST_LINES warnings and errors of one kind in SECONDS, and then says how many it has left
    out."""

    def __init__(
        self, most: int = MOST_LINES, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Condition()
        self._kinds: dict[_Key, _Kind] = {}
        self._ends: list[_End] = []
        self._has_thread = False

    def filter(self, record: logging.LogRecord) -> bool:
        is_free = record.levelno < logging.WARNING and not getattr(record, MAY_REPEAT, "")
        if is_free or getattr(record, _SUMMARY, False):
            return True
        more = str(getattr(record, MAY_REPEAT, "") or getattr(record, _STATUS, ""))
        key, now = (record.name, record.lineno, str(record.msg), more), self._clock()
        with self._lock:
            kind = self._kinds.get(key)
            left_out = 0
            if kind is None or now - kind.began >= self._seconds:
                left_out = kind.left_out if kind else 0
                kind = self._begin(key, now)
            passes = kind.passed < self._most
            kind.passed += passes
            kind.left_out += not passes
            is_first = kind.left_out == 1 and not passes
        if left_out:
            self._say(_Example.of(record), left_out)
        if is_first:
            self._await(_End(kind.began + self._seconds, key, kind, _Example.of(record)))
        return passes

    def _begin(self, key: _Key, now: float) -> _Kind:
        if len(self._kinds) >= MOST_KINDS:
            self._kinds.pop(next(iter(self._kinds)))
        kind = self._kinds[key] = _Kind(now)
        return kind

    def _await(self, end: _End) -> None:
        """One thread waits for all of them."""
        with self._lock:
            heapq.heappush(self._ends, end)
            self._lock.notify()
            if not self._has_thread:
                self._has_thread = True
                threading.Thread(target=self._run, name="log-repetitions", daemon=True).start()

    def _run(self) -> None:
        while end := self._next():
            self._end(end)
            del end  # while it waits, the thread keeps nothing alive

    def _next(self) -> _End | None:
        """When its time has come. None: there is no other, and the thread ends."""
        with self._lock:
            while self._ends:
                patience = self._ends[0].at - self._clock()
                if patience <= 0:
                    return heapq.heappop(self._ends)
                self._lock.wait(patience)
            self._has_thread = False
        return None

    def _end(self, end: _End) -> None:
        """The time is over, whether or not another line comes."""
        with self._lock:
            left_out, end.kind.left_out = end.kind.left_out, 0
            if self._kinds.get(end.key) is end.kind:
                del self._kinds[end.key]
        if left_out:
            self._say(end.example, left_out)

    def _say(self, example: _Example, left_out: int) -> None:
        message = "%d more lines like this one were left out in %g s: %s"
        logger = logging.getLogger(example.name)
        logger.log(example.level, message, left_out, self._seconds, example.text, extra=example.extra)
