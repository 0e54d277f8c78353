"""The two formats of a log, and what a client can put into them."""

import json
import logging
import sys
from typing import Any

import pytest

from streaming.logs.formats import JsonFormatter, PlainFormatter, RequestIdFilter
from streaming.logs.repetitions import FIELDS
from streaming.logs.request_id import current_request_id, is_well_formed, utterance_id, working_for

FORGED = "x\r\n2026-11-27 14:02:00,000 ERROR   forged\x1b[31m\u2028\x85"


def record_of(message: str, *arguments: object, **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("streaming", logging.INFO, __file__, 1, message, arguments, None)
    record.__dict__.update(extra)
    RequestIdFilter().filter(record)
    return record


def failed_record() -> logging.LogRecord:
    try:
        raise ValueError(FORGED)
    except ValueError:
        return logging.LogRecord("streaming", logging.ERROR, __file__, 1, "It failed", (), sys.exc_info())


def test_a_plain_line_ends_with_the_request() -> None:
    with working_for("abc:1"):
        line = PlainFormatter().format(record_of("Hello %s", "there", **{FIELDS: {"key": "two words", "turns": 1}}))
    assert line.endswith(' INFO    streaming: Hello there: key="two words" turns=1 [abc]')


@pytest.mark.parametrize("formatter", [PlainFormatter(), JsonFormatter()])
def test_nothing_that_a_client_sends_begins_a_line(formatter: logging.Formatter) -> None:
    line = formatter.format(record_of("Voice %s", FORGED, request_id=FORGED, **{FIELDS: {"key": FORGED}}))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x1b", "\x7f", "\x9b"])
def test_no_control_character_of_a_field_reaches_a_terminal(control: str) -> None:
    line = PlainFormatter().format(record_of("Hello", **{FIELDS: {"address": f"1.2.3.4{control}[31m"}}))
    assert line.isprintable()


def test_no_line_of_a_traceback_looks_like_one_of_the_log() -> None:
    first, *rest = PlainFormatter().format(failed_record()).splitlines()
    assert first.endswith("It failed")
    assert len(rest) > 2
    assert all(line.startswith("    ") for line in rest)


def test_json_is_one_object_per_line_with_its_traceback() -> None:
    line = JsonFormatter().format(failed_record())
    assert len(line.splitlines()) == 1
    found = json.loads(line)
    assert found["level"] == "error"
    assert "ValueError: x" in found["traceback"]
    assert found["time"].endswith("Z")


def test_an_utterance_is_named_after_its_request() -> None:
    token = current_request_id.set("abcdefgh")
    try:
        first, second = utterance_id(), utterance_id()
    finally:
        current_request_id.reset(token)
    assert first != second
    with working_for(first):
        assert current_request_id.get() == "abcdefgh"


@pytest.mark.parametrize("name", ["0123456789abcdef", "a.b-c_d-12", "550e8400-e29b-41d4-a716-446655440000"])
def test_a_proxys_name_is_believed(name: str) -> None:
    assert is_well_formed(name)


@pytest.mark.parametrize(
    "name", ["", "short", "a" * 65, "abcdefgh\n", "abcdefgh ijk", "-bcdefghi", "äbcdefghi", "abcdefgh:1"]
)
def test_what_is_no_name_is_not_believed(name: str) -> None:
    assert not is_well_formed(name)
