"""The two formats of a log: lines for people, and one JSON object per line for programs. Standard library only: engines use
them too.

Whatever a client sends can begin no line of its own: control characters are written as their codes, and a traceback, which
may quote anything, is indented.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from streaming.logs.repetitions import FIELDS, OUTAGE, REQUEST_ID, RepetitionFilter
from streaming.logs.request_id import current_request_id

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN_WORD = re.compile(r"[^\s\"'=\\\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class RequestIdFilter(logging.Filter):
    """For a handler: names the request that the present task, or thread, works for in each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, REQUEST_ID, ""):
            setattr(record, REQUEST_ID, current_request_id.get())
        return True


class PlainFormatter(logging.Formatter):
    """`2026-01-31 14:02:00,123 INFO    streaming.sessions: message [request id]`, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        request_id = getattr(record, REQUEST_ID, "")
        line = f"{self.formatTime(record)} {record.levelname:<7} {record.name}: {one_line(_message(record))}"
        if fields := getattr(record, FIELDS, {}):
            line += f": {pairs(fields)}"
        lines = [f"{line} [{one_line(request_id)}]" if request_id else line]
        return "\n    ".join(lines + [one_line(text) for text in _traceback(self, record).splitlines()])


class JsonFormatter(logging.Formatter):
    """One object per line: `time` (ISO 8601, UTC), `level`, `logger`, `message`, `process`, where there is one `request_id`
    and `traceback`, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            "process": record.process,
        }
        if request_id := getattr(record, REQUEST_ID, ""):
            line[REQUEST_ID] = request_id
        if traceback := _traceback(self, record):
            line["traceback"] = traceback
        return json.dumps(line | getattr(record, FIELDS, {}), ensure_ascii=True, default=str)


def one_line(text: str) -> str:
    """The same, with control characters as their codes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def pairs(fields: dict[str, Any]) -> str:
    """`name=value name="two words"`."""
    return " ".join(f"{name}={_shown(value)}" for name, value in fields.items())


def _shown(value: Any) -> str:
    text = str(value)
    return text if _PLAIN_WORD.fullmatch(text) else one_line(json.dumps(text, ensure_ascii=False))


def _message(record: logging.LogRecord) -> str:
    return getattr(record, OUTAGE, "") or record.getMessage()


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if getattr(record, OUTAGE, ""):
        return ""
    texts = [formatter.formatException(record.exc_info) if record.exc_info else record.exc_text or ""]
    texts += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return "\n".join(filter(None, texts))


def format_of_log() -> dict[str, Any]:
    """How this process writes its log, for one that it starts."""
    handlers = logging.getLogger().handlers
    is_json = any(isinstance(handler.formatter, JsonFormatter) for handler in handlers)
    level = logging.getLogger("streaming.engine").getEffectiveLevel()
    return {"log_format": "json" if is_json else "plain", "log_level": level}


def write_log(*, is_json: bool, level: int) -> None:
    """On stderr, in a process that is all ours. `level`: of our own lines; those of libraries begin at INFO at least."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if is_json else PlainFormatter())
    handler.addFilter(RequestIdFilter())
    handler.addFilter(RepetitionFilter())
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO))
    logging.getLogger("streaming").setLevel(level)
    logging.captureWarnings(True)
