"""Dictionaries and SSML from the admin's database to what is heard, on a socket and over HTTP."""

import json
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.client import Turn, receive_all, send

RATE = 16_000
TEXT = "A GIF, please."
SPOKEN = "A jif, please."
LOCATORS = [{"pronunciation_dictionary_id": "brands", "version_id": None}]
CREATE = (
    "from voices.models import PronunciationDictionary as D; d = D.objects.create(dictionary_id='brands', name='Brands'); "
    "d.rules.create(string_to_replace='GIF', alias='jif')"
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(write_settings(tmp_path_factory.mktemp("dictionaries"))) as live:
        created = manage(live.settings_file, "shell", "-c", CREATE)
        assert created.returncode == 0, created.stderr
        yield live


async def turn(server: LiveServer, text: str, **first: Any) -> Turn:
    async with server.connect(query=f"?output_format=pcm_{RATE}") as socket:
        await send(socket, text=" ", **first)
        await send(socket, text=text)
        await send(socket, text="")
        return await receive_all(socket)


def characters(turn: Turn, kind: str) -> str:
    return "".join(char for message in turn.messages if message.get(kind) for char in message[kind]["chars"])


def longest_silence(samples: NDArray[np.int16]) -> float:
    """In seconds, to 10 ms, behind the first sound."""
    loud = np.abs(samples[: len(samples) // 160 * 160].reshape(-1, 160)).max(axis=1) > 300
    places = np.flatnonzero(loud)
    return float(np.diff(places).max()) * 160 / RATE


async def test_an_alias_is_spoken_and_the_original_is_aligned(own: LiveServer) -> None:
    found = await turn(own, TEXT, pronunciation_dictionary_locators=LOCATORS)
    assert (characters(found, "alignment"), characters(found, "normalizedAlignment")) == (TEXT, SPOKEN)


async def test_an_unknown_version_is_refused_by_name(own: LiveServer) -> None:
    found = await turn(own, TEXT, pronunciation_dictionary_locators=[{**LOCATORS[0], "version_id": "v0"}])
    assert (found.error or {})["error"] == "pronunciation_dictionary_not_found"
    assert "'v0'" in (found.error or {})["message"]
    assert found.close_code == 1008


def test_an_alias_is_spoken_over_http(own: LiveServer) -> None:
    request = urllib.request.Request(  # noqa: S310
        f"{own.base_url}/v1/text-to-speech/demo/with-timestamps",
        json.dumps({"text": TEXT, "pronunciation_dictionary_locators": LOCATORS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        body = json.load(answer)
    assert "".join(body["alignment"]["characters"]) == TEXT
    assert "".join(body["normalized_alignment"]["characters"]) == SPOKEN
    assert b64decode(body["audio_base64"])


async def test_a_break_is_heard_and_its_tag_is_not(own: LiveServer) -> None:
    found = await turn(own, 'One more. <break time="1.5s"/>And another.')
    assert characters(found, "alignment") == "One more. And another."
    assert 1.5 <= longest_silence(found.pcm) < 2.5


async def test_a_break_before_any_text_is_heard(own: LiveServer) -> None:
    found = await turn(own, '<break time="1s"/>Hello.')
    assert not np.any(found.pcm[: int(0.99 * RATE)])
    assert np.abs(found.pcm).max() > 1000
