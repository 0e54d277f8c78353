"""A flood of the same line does not fill a disk."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(slots=True)
class _Kind:
    began: float
    passed: int = 0
    left_out: int = 0


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
        self._lock = threading.Lock()
        self._kinds: dict[_Key, _Kind] = {}

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
            self._say(record, left_out)
        if is_first:
            timer = threading.Timer(max(0.0, kind.began + self._seconds - now), self._end, (key, kind, record))
            timer.daemon = True
            timer.start()
        return passes

    def _begin(self, key: _Key, now: float) -> _Kind:
        if len(self._kinds) >= MOST_KINDS:
            self._kinds.pop(next(iter(self._kinds)))
        kind = self._kinds[key] = _Kind(now)
        return kind

    def _end(self, key: _Key, kind: _Kind, record: logging.LogRecord) -> None:
        """The time is over, whether or not another line comes."""
        with self._lock:
            left_out, kind.left_out = kind.left_out, 0
            if self._kinds.get(key) is kind:
                del self._kinds[key]
        if left_out:
            self._say(record, left_out)

    def _say(self, record: logging.LogRecord, left_out: int) -> None:
        message = "%d more lines like this one were left out in %g s: %s"
        extra = {_SUMMARY: True, FIELDS: getattr(record, FIELDS, {}), REQUEST_ID: getattr(record, REQUEST_ID, "")}
        example = record.getMessage()
        logging.getLogger(record.name).log(record.levelno, message, left_out, self._seconds, example, extra=extra)
