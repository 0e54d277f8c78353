import pytest

from streaming.http.paths import ApiPaths


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1//audio/speech", "/v1/audio/speech"),
        ("//v1/audio/speech", "/v1/audio/speech"),
        ("/v1/audio/speech/", "/v1/audio/speech"),
        ("/v1/voices/", "/v1/voices"),
        ("/v2//voices///", "/v2/voices"),
        ("/v1/text-to-speech/demo/", "/v1/text-to-speech/demo"),
        ("/v1/text-to-speech//demo/stream-input/", "/v1/text-to-speech/demo/stream-input"),
    ],
)
def test_slashes_too_many_are_not_meant(path: str, meant: str) -> None:
    assert ApiPaths("").meant_by(path) == meant


@pytest.mark.parametrize(
    "path",
    [
        "/v1/voices",
        "/v1//nothing",
        "/v1/nothing/",
        "//admin//",
        "/admin/",
        "/",
        "//",
        "",
        "v1/voices/",
        "/x//v1/voices",
    ],
)
def test_every_other_path_is_left_as_it_is(path: str) -> None:
    assert ApiPaths("").meant_by(path) == path
