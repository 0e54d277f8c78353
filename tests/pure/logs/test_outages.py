"""What is down is one line of the log."""

import logging
import sys

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import DatabaseError, OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from streaming.logs.formats import PlainFormatter
from streaming.logs.outages import OutageFilter


def line_of(error: Exception) -> str:
    """Of an error that is logged with its traceback, as the cause of another one."""
    try:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("in the middle of something") from cause
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "Internal Server Error: %s", ("/v1",), sys.exc_info())
    assert OutageFilter().filter(record)
    return PlainFormatter().format(record)


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
