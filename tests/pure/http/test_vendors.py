"""ElevenLabs and OpenAI list their models at the same path: who asks decides."""

import pytest
from django.test import RequestFactory

from streaming.http.vendors import is_for_openai

BEARER = {"Authorization": "Bearer sk-any"}
ELEVENLABS = {"xi-api-key": "any"}
AGENTS = [
    "OpenAI/Python 3.57.0",
    "AsyncOpenAI/Python 3.57.0",
    "OpenAI/JS 7.57.0",
    "OpenAI/Go 1.0",
    "AzureOpenAI/Python 1.0",
]


def is_openais(path: str, headers: dict[str, str]) -> bool:
    return is_for_openai(RequestFactory().get(path, headers=headers))


@pytest.mark.parametrize("headers", [BEARER, {"Authorization": "Bearer "}, *({"User-Agent": name} for name in AGENTS)])
def test_openais_clients_get_openais_list(headers: dict[str, str]) -> None:
    assert is_openais("/v1/models", headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        ELEVENLABS,
        BEARER | ELEVENLABS,
        {"Authorization": "Basic YTpi"},
        {"User-Agent": "python-requests/2.32"},
        {"User-Agent": "Not OpenAI/Python"},
    ],
)
def test_everybody_else_gets_elevenlabs_list(headers: dict[str, str]) -> None:
    assert not is_openais("/v1/models", headers)


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/audio/voices", "/v1/audio/nothing", "/v1/models/tts-1"])
@pytest.mark.parametrize("headers", [{}, BEARER, ELEVENLABS])
def test_what_only_openai_has_is_openais_for_everybody(path: str, headers: dict[str, str]) -> None:
    assert is_openais(path, headers)


@pytest.mark.parametrize(
    "path", ["/v1/voices", "/v1/text-to-speech/demo", "/v1/history", "/v2/voices", "/audio/speech"]
)
@pytest.mark.parametrize("headers", [{}, BEARER, ELEVENLABS])
def test_what_only_elevenlabs_has_is_elevenlabs_for_everybody(path: str, headers: dict[str, str]) -> None:
    assert not is_openais(path, headers)
