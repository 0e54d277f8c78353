"""Paths as clients write them, and as routing sees them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.connection.paths import path_info_of, tidy, with_path_info

PATHS = st.text(alphabet="/v1x.%é", max_size=12)


def scope(path: str, root: str = "") -> dict[str, Any]:
    return {"type": "http", "path": path, "root_path": root, "raw_path": b"as it came", "headers": []}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/voices", "/v1/voices"),
        ("/v1//audio/speech", "/v1/audio/speech"),
        ("//v1/audio///speech//", "/v1/audio/speech"),
        ("/v1/voices/", "/v1/voices"),
        ("v1/voices/", "v1/voices"),
        ("/", "/"),
        ("//", "/"),
        ("", "/"),
        ("/v1/./voices/..", "/v1/./voices/.."),
    ],
)
def test_slashes_that_were_doubled_or_stand_at_the_end_do_not_count(path: str, expected: str) -> None:
    assert tidy(path) == expected


@given(path=PATHS)
def test_a_tidy_path_differs_by_slashes_alone(path: str) -> None:
    tidied = tidy(path)
    assert "//" not in tidied
    assert [part for part in tidied.split("/") if part] == [part for part in path.split("/") if part]
    assert tidy(tidied) == tidied


def test_another_path_keeps_its_place() -> None:
    changed = with_path_info(scope("/x//v1/voices/", "/x"), "/v1/voices")
    assert (changed["path"], changed["raw_path"], changed["root_path"]) == ("/x/v1/voices", b"/x/v1/voices", "/x")
    assert with_path_info(scope("//v1/é"), "/v1/é")["raw_path"] == b"/v1/%C3%A9"


def test_a_root_that_only_the_other_path_would_begin_with_changes_nothing() -> None:
    """daphne takes the root from a header of the client's: routing would leave it out of the path and look at the rest."""
    asked = scope("//speech/v1/voices", "/speech")
    assert path_info_of(asked) == "//speech/v1/voices"
    assert with_path_info(asked, "/speech/v1/voices") is asked


@given(path=PATHS, root=PATHS, wanted=PATHS)
def test_routing_sees_the_other_path_or_the_first(path: str, root: str, wanted: str) -> None:
    asked = scope(path, root)
    assert path_info_of(with_path_info(asked, wanted)) in (wanted, path_info_of(asked))
