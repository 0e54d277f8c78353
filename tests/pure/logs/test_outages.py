"""What is down is one line of the log."""

import logging
import sqlite3
import sys
from asyncio import CancelledError
from collections.abc import Callable

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import DatabaseError, OperationalError
from psycopg.errors import DeadlockDetected
from redis.exceptions import ConnectionError as RedisConnectionError

from streaming.logs.formats import PlainFormatter
from streaming.logs.outages import OutageFilter, outage_of


def caused_by(error: Exception) -> None:
    try:
        raise error
    except Exception as cause:
        raise RuntimeError("in the middle of something") from cause


def wrong_statement(_: Exception) -> None:
    try:
        sqlite3.connect(":memory:").execute("SELECT * FROM missing")
    except sqlite3.OperationalError as cause:
        raise OperationalError(str(cause)) from cause


def mistake_meanwhile(error: Exception) -> None:
    try:
        raise error
    except OperationalError:
        int("a mistake")


def mistake_that_hides_it(error: Exception) -> None:
    try:
        raise error
    except OperationalError:
        raise KeyError from None


def record_of(fail: Callable[[Exception], None], error: Exception) -> logging.LogRecord:
    """Of what `fail` raises, logged with its traceback."""
    try:
        fail(error)
    except Exception:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "Internal Server Error: %s", ("/v1",), sys.exc_info())
    assert OutageFilter().filter(record)
    return record


def line_of(error: Exception) -> str:
    return PlainFormatter().format(record_of(caused_by, error))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OperationalError("connection refused\nIs it running?"),
            "The database does not answer (connection refused Is it",
        ),
        (RedisConnectionError("Error 111"), "Redis does not answer (Error 111)"),
        (EndpointConnectionError(endpoint_url="http://s3"), "The storage does not answer"),
    ],
)
def test_an_outage_is_one_line_that_says_what_to_do(error: Exception, said: str) -> None:
    line = line_of(error)
    assert len(line.splitlines()) == 1
    assert f"Internal Server Error: /v1: {said}" in line
    assert "Check " in line


@pytest.mark.parametrize("error", [DatabaseError("no such table"), KeyError("key"), ConnectionError("a client's")])
def test_what_is_a_mistake_keeps_its_traceback(error: Exception) -> None:
    assert "Traceback" in line_of(error)


@pytest.mark.parametrize("fail", [wrong_statement, mistake_meanwhile, mistake_that_hides_it])
def test_a_mistake_beside_the_database_keeps_its_traceback(fail: Callable[[Exception], None]) -> None:
    line = PlainFormatter().format(record_of(fail, OperationalError("connection refused")))
    assert f"in {fail.__name__}" in line
    assert "Check that the database runs" not in line


def test_other_handlers_get_the_error_of_an_outage() -> None:
    record = record_of(caused_by, OperationalError("connection refused"))
    assert record.getMessage() == "Internal Server Error: /v1"
    assert record.exc_info


def test_a_deadlock_is_no_outage() -> None:
    deadlock = OperationalError("deadlock detected")
    deadlock.__cause__ = DeadlockDetected()
    assert outage_of(deadlock) is None


def of_the_layer(error: BaseException) -> logging.LogRecord:
    raised = (type(error), error, None)
    return logging.LogRecord(
        "channels_redis.pubsub", logging.ERROR, "", 1, "Unexpected exception in the channel:", (), raised
    )


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("closed by server"),
        RuntimeError("read() called while another coroutine is already waiting for incoming data"),
        AttributeError("'NoneType' object has no attribute 'writelines'"),
    ],
)
def test_a_channel_layer_whose_connection_breaks_is_one_line(error: Exception) -> None:
    record = of_the_layer(error)
    assert OutageFilter().filter(record)
    line = PlainFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert f"Unexpected exception in the channel: Redis does not answer ({error})" in line


def test_nobody_is_told_that_a_session_was_cancelled_while_it_left_the_channel_layer() -> None:
    assert not OutageFilter().filter(of_the_layer(CancelledError()))


@pytest.mark.parametrize("error", [KeyError("data"), RuntimeError("two event loops"), AttributeError("get_messages")])
def test_another_mistake_of_the_channel_layer_keeps_its_traceback(error: Exception) -> None:
    record = of_the_layer(error)
    assert OutageFilter().filter(record)
    assert type(error).__name__ in PlainFormatter().format(record)
