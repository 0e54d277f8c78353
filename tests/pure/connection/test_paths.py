"""Paths as clients write them."""

import pytest

from streaming.connection.paths import tidy
from streaming.sockets.routing import is_speech_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models", "/v1/models"),
        ("//v1///models/", "/v1/models"),
        ("/v1/models//", "/v1/models"),
        ("/", "/"),
        ("//", "/"),
        ("", "/"),
    ],
)
def test_slashes_that_were_doubled_or_stand_at_the_end_do_not_count(path: str, expected: str) -> None:
    assert tidy(path) == expected


@pytest.mark.parametrize("path", ["/v1/text-to-speech/demo/stream-input", "//v1//text-to-speech/demo/stream-input/"])
def test_the_limits_of_speech_sockets_hold_however_their_slashes_are_written(path: str) -> None:
    assert is_speech_path(path, "")
    assert is_speech_path(f"/speech{path}", "speech/")
