from collections.abc import Iterator

import pytest
from django.urls import get_script_prefix, set_script_prefix

from streaming.http.api import api


@pytest.fixture
def mounted() -> Iterator[None]:
    before = get_script_prefix()
    yield
    set_script_prefix(before)


@pytest.mark.parametrize("root", ["/evil", "//evil.example", "/a b", "/é", "/100%", "/%2F"])
@pytest.mark.usefixtures("mounted")
def test_what_one_request_says_of_its_path_is_in_no_other_schema(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With daphne it is a header of the client's, and the schema is made once for all."""
    monkeypatch.setattr(api, "_schema", None)
    set_script_prefix(f"{root}/")
    assert all(path.startswith(f"{root}/v") for path in api.get_openapi_schema()["paths"])
    set_script_prefix("/")
    assert all(path.startswith("/v") for path in api.get_openapi_schema()["paths"])


def test_the_page_begins_with_speech_and_each_group_with_its_simplest_operation() -> None:
    paths = list(api.get_openapi_schema()["paths"])
    speech = "/v1/text-to-speech/{voice_id}"
    assert paths[:4] == [speech, f"{speech}/stream", f"{speech}/with-timestamps", f"{speech}/stream/with-timestamps"]
    groups = [next(iter(methods.values()))["tags"][0] for methods in api.get_openapi_schema()["paths"].values()]
    assert list(dict.fromkeys(groups)) == ["Text to speech", "OpenAI", "Voices", "Models", "User"]
    assert paths[groups.index("OpenAI")] == "/v1/audio/speech"
    assert paths[groups.index("Voices")] == "/v1/voices"


def test_the_page_fills_in_the_parts_of_paths() -> None:
    operations = [each for methods in api.get_openapi_schema()["paths"].values() for each in methods.values()]
    parameters = [each for operation in operations for each in operation.get("parameters", ()) if each["in"] == "path"]
    assert len(parameters) > 5
    assert {each["name"] for each in parameters if not (each.get("example") or "const" in each["schema"])} == set()
    assert {each["example"] for each in parameters if each["name"] == "voice_id"} == {"demo"}
