"""The pages in a browser: the admin, the API's documentation, and a page that speaks over a socket."""

import json
from pathlib import Path

import pytest

from benchmarks.live_server import LiveServer
from tests.pure.voices.recordings import recording
from tests.system.browser.browser import Browser
from tests.system.browser.chromium import ANOTHER_HOST
from tests.system.browser.signing_in import sign_in

SPEAK = """new Promise(heard => {
    const socket = new WebSocket(%s), messages = [];
    socket.onopen = () => ["Hello from a page. ", ""].forEach(text => socket.send(JSON.stringify({text})));
    socket.onmessage = event => messages.push(JSON.parse(event.data));
    socket.onclose = event => heard({
        code: event.code,
        bytes: messages.reduce((sum, message) => sum + atob(message.audio || "").length, 0),
        isFinal: messages.some(message => message.isFinal === true)
    });
})"""


def test_an_administrator_adds_a_voice_and_hears_its_recording(
    browser: Browser, admin_server: LiveServer, tmp_path: Path
) -> None:
    tmp_path.joinpath("anna.wav").write_bytes(recording())
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/voices/voice/add/")
    browser.type("#id_voice_id", "anna")
    browser.type("#id_name", "Anna")
    browser.choose_file("#id_recordings", tmp_path / "anna.wav")
    browser.submit("[name=_continue]")
    assert "was added successfully" in browser.text(".messagelist")
    browser.evaluate("document.querySelector('audio').load()")
    browser.evaluate("document.querySelector('audio').preload = 'auto'")
    browser.wait_until("document.querySelector('audio').readyState >= 1")
    assert browser.evaluate("document.querySelector('audio').duration") == 2


def test_a_recording_that_cannot_be_used_is_refused_with_a_sentence(
    browser: Browser, admin_server: LiveServer, tmp_path: Path
) -> None:
    tmp_path.joinpath("text.wav").write_text("This is not a recording.")
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/voices/voice/add/")
    browser.type("#id_voice_id", "nobody")
    browser.type("#id_name", "Nobody")
    browser.choose_file("#id_recordings", tmp_path / "text.wav")
    browser.submit("[name=_save]")
    assert len(browser.text(".field-recordings .errorlist")) > 10


def test_a_new_key_is_shown_on_a_page_of_its_own(browser: Browser, admin_server: LiveServer) -> None:
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/access/apikey/add/")
    browser.type("#id_name", "A client")
    browser.submit("[name=_save]")
    assert str(browser.evaluate("document.querySelector('input[readonly]').value")).startswith("sk_")
    browser.submit("#content-main a")
    assert "A client" in browser.text("#result_list")


def test_the_documentation_needs_nothing_from_elsewhere_and_asks_the_server(
    browser: Browser, admin_server: LiveServer
) -> None:
    browser.open(f"{admin_server.base_url}/docs")
    operation = ".opblock[id$=list_voices], .opblock[id*=voices]"
    browser.wait_until(f"document.querySelectorAll({json.dumps(operation)}).length > 0")
    hosts = browser.evaluate("performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)")
    assert set(hosts) == {f"127.0.0.1:{admin_server.port}"}


def test_a_request_is_tried_out_in_the_documentation(browser: Browser, admin_server: LiveServer) -> None:
    browser.open(f"{admin_server.base_url}/docs")
    path = "[data-path='/v1/models']"
    browser.click(f".opblock:has({path}) .opblock-summary-control")
    browser.click(f".opblock:has({path}) .try-out__btn")
    browser.click(f".opblock:has({path}) .execute")
    browser.wait_until(f'document.querySelector(".opblock:has({path}) .live-responses-table") !== null')
    assert "200" in browser.text(f".opblock:has({path}) .live-responses-table .response .response-col_status")


@pytest.mark.parametrize(
    "page",
    ["access/apikey/add", "access/apikey", "access/dailyusage", "voices/voice", "voices/pronunciationdictionary/add",
     "auth/user/1/change", "password_change"],
)  # fmt: skip
def test_the_pages_of_the_admin_work_within_their_policy(browser: Browser, admin_server: LiveServer, page: str) -> None:
    """What it forbids them would be an error."""
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/{page}/")
    assert browser.evaluate("performance.getEntriesByType('resource').length") > 3


def test_the_widgets_of_the_admin_work_within_their_policy(browser: Browser, admin_server: LiveServer) -> None:
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/access/apikey/add/")
    browser.click(".datetimeshortcuts a")
    assert browser.evaluate("document.querySelector('#id_expires_at_0').value") != ""
    before = browser.evaluate("document.querySelectorAll('#id_voices_to option').length")
    browser.click(".selector-chooseall")
    browser.wait_until(f"document.querySelectorAll('#id_voices_to option').length > {before}")


@pytest.mark.parametrize("page", ["admin/login/", "docs", ""])
def test_a_script_in_a_page_does_not_run(browser: Browser, admin_server: LiveServer, page: str) -> None:
    browser.open(f"{admin_server.base_url}/{page}")
    browser.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    browser.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,x\" onerror=\"window.ran = 1\">')"
    )
    browser.wait_until("[...document.images].every(image => image.complete)")
    assert browser.evaluate("window.ran === undefined")
    assert len(browser.all_errors()) == 2, browser.errors
    assert all("Content Security Policy" in error for error in browser.errors)
    browser.errors.clear()


def test_a_page_of_the_server_speaks_over_a_socket(browser: Browser, admin_server: LiveServer) -> None:
    browser.open(f"{admin_server.base_url}/docs")
    url = admin_server.url(query="?output_format=pcm_16000")
    heard = browser.evaluate(SPEAK % json.dumps(url))
    assert (heard["code"], heard["isFinal"]) == (1000, True)
    assert heard["bytes"] > 16_000


def test_a_page_of_somebody_else_gets_no_socket(browser: Browser, admin_server: LiveServer) -> None:
    browser.open(f"http://{ANOTHER_HOST}:{admin_server.port}/healthz")
    heard = browser.evaluate(SPEAK % json.dumps(admin_server.url()))
    assert (heard["code"], heard["bytes"]) == (1006, 0)
    assert [error for error in browser.all_errors() if "403" not in error] == []
    browser.errors.clear()
