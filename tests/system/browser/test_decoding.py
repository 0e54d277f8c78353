"""What is saved of a response, in a browser's own decoders."""

import json

import pytest

from benchmarks.live_server import LiveServer
from tests.system.browser.browser import Browser
from tests.system.test_files import body

DECODE = """fetch("/v1/audio/speech", {method: "POST", body: JSON.stringify(%s)})
    .then(answer => answer.arrayBuffer())
    .then(file => new AudioContext({sampleRate: 24000}).decodeAudioData(file))
    .then(audio => audio.duration)"""


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_a_browser_decodes_a_response(browser: Browser, admin_server: LiveServer, response_format: str) -> None:
    browser.open(f"{admin_server.base_url}/docs")
    assert 3.0 < browser.evaluate(DECODE % json.dumps(body(response_format))) < 8.0
    assert 0.09 < browser.evaluate(DECODE % json.dumps(body(response_format, " "))) < 0.3
