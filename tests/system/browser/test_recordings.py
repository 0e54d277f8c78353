"""Recordings as a person adds them: several files, the microphone, what is said of them, and what of them is used."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.pure.voices.recordings import encoded, recording, speech
from tests.system.browser.browser import Browser
from tests.system.browser.chromium import ANOTHER_HOST, Chromium
from tests.system.browser.signing_in import sign_in
from tests.system.conftest import SUPERUSER
from voices.reference_clips import EDIT_FIELDS

TEXT = (
    "Good morning! I got up early today, because the weather is finally beautiful. On the way to the station I met an old "
    "friend, and we talked about the trip we want to take together in June."
)
ROW = "#clips-0"
NEW = ".chosen-files li"


@pytest.fixture(scope="module")
def spoken(admin_server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About ten seconds of speech as a WAV file."""
    body = {"model": "tts-1", "voice": "demo", "input": TEXT, "response_format": "wav"}
    answer = httpx.post(f"{admin_server.base_url}/v1/audio/speech", json=body, timeout=60)
    assert answer.status_code == 200
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    path.write_bytes(answer.content)
    return path


@pytest.fixture(scope="module")
def hearing(spoken: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose microphone hears that."""
    with Chromium(tmp_path_factory.mktemp("hearing"), microphone=spoken) as process:
        yield process


def begin_voice(browser: Browser, server: LiveServer, voice_id: str) -> None:
    sign_in(browser, server)
    browser.open(f"{server.base_url}/admin/voices/voice/add/")
    browser.type("#id_voice_id", voice_id)
    browser.type("#id_name", voice_id.title())


def save(browser: Browser) -> None:
    browser.submit("[name=_continue]")
    assert "successfully" in browser.text(".messagelist"), browser.text()


def value(browser: Browser, name: str) -> str:
    return str(browser.evaluate(f"document.querySelector('#id_clips-0-{name}').value"))


def heard_voice(server: LiveServer, voice_id: str) -> dict[str, Any]:
    return dict(httpx.get(f"{server.base_url}/v1/voices/{voice_id}").json())


def test_a_take_is_recorded_heard_again_and_kept(
    hearing: Chromium, another_browser: Callable[[Chromium], Browser], admin_server: LiveServer
) -> None:
    browser = another_browser(hearing)
    browser.allow("audioCapture")
    begin_voice(browser, admin_server, "recorded")
    browser.type("#id_language", "ru")
    assert browser.text("blockquote:not([hidden])").startswith("Доброе утро!")
    browser.click(".record")
    browser.wait_until("document.querySelector('.recorded-time').textContent >= '0:08'")
    browser.wait_until("document.querySelector('.level').value > -30")
    browser.wait_until("document.querySelector('.level-words').textContent == 'good'")
    browser.screenshot("recording")
    browser.click(".record")
    browser.wait_for(".takes audio")
    browser.evaluate("document.querySelector('.takes audio').play()")
    browser.wait_until("document.querySelector('.takes audio').currentTime > 0.5")
    browser.click("[name=_continue]")  # not yet: the take would be lost
    assert "Keep or discard this take first" in browser.text(".recorder-problem")
    browser.screenshot("take")
    browser.click(".takes button")
    assert browser.text(".chosen-files").startswith("Take 1.wav")
    browser.wait_until(f"document.querySelector('{NEW} .clip').dataset.seconds !== ''")
    browser.screenshot("kept")
    browser.type(f"{NEW} [name=recordings-trim_start]", "1.5")
    save(browser)
    assert value(browser, "trim_start") == "1.5"
    assert "s of speech are used" in browser.text(f"{ROW} .field-facts")
    browser.screenshot("saved")
    [sample] = heard_voice(admin_server, "recorded")["samples"]
    assert sample["file_name"] == "Take 1.wav"
    assert sample["duration_secs"] > 7.5


def test_several_files_are_added_and_taken_out_again(
    browser: Browser, admin_server: LiveServer, tmp_path: Path, spoken: Path
) -> None:
    quiet = tmp_path / "quiet.flac"
    quiet.write_bytes(encoded(speech(2.0, rate=16_000) * 0.1, rate=16_000, container="FLAC", subtype="PCM_24"))
    tmp_path.joinpath("one too many.wav").write_bytes(recording())
    begin_voice(browser, admin_server, "several")
    browser.choose_file("#id_recordings", spoken, quiet)
    browser.choose_file("#id_recordings", tmp_path / "one too many.wav")
    assert browser.evaluate("document.querySelectorAll('.chosen-files li').length") == 3
    browser.screenshot("chosen")
    browser.click(".chosen-files li:last-child button")
    save(browser)
    assert "It is quiet" in browser.text("#clips-1 .field-advice")
    assert "Its sample rate is 16000 Hz" in browser.text("#clips-1 .field-advice")
    assert [sample["file_name"] for sample in heard_voice(admin_server, "several")["samples"]] == [
        "spoken.wav",
        "quiet.flac",
    ]
    browser.screenshot("saved")


def test_what_is_refused_is_said_above_and_beside_its_field(
    browser: Browser, admin_server: LiveServer, tmp_path: Path
) -> None:
    tmp_path.joinpath("text.wav").write_text("This is not a recording.")
    tmp_path.joinpath("silent.wav").write_bytes(encoded(np.zeros(44_100)))
    begin_voice(browser, admin_server, "refused")
    browser.choose_file("#id_recordings", tmp_path / "text.wav", tmp_path / "silent.wav")
    browser.submit("[name=_save]")
    for sentence in ("text.wav: This file cannot be read as audio.", "silent.wav: The recording is silent"):
        assert sentence in browser.text(".listed-errors")
        assert sentence in browser.text(".field-recordings .errorlist")
    browser.screenshot()


def test_a_file_that_is_too_large_is_not_even_sent(browser: Browser, admin_server: LiveServer, tmp_path: Path) -> None:
    with tmp_path.joinpath("large.wav").open("wb") as file:
        file.truncate(21 * 2**20)
    begin_voice(browser, admin_server, "large")
    browser.choose_file("#id_recordings", tmp_path / "large.wav")
    browser.click("[name=_save]")
    assert "larger than the server accepts" in browser.text(".chosen-files .problem")
    assert not httpx.get(f"{admin_server.base_url}/v1/voices/large").is_success


def test_what_is_used_is_chosen_with_the_keyboard(browser: Browser, admin_server: LiveServer, spoken: Path) -> None:
    begin_voice(browser, admin_server, "trimmed")
    browser.choose_file("#id_recordings", spoken)
    save(browser)
    browser.evaluate("document.querySelector('#id_clips-0-trim_start').select()")
    browser.write("1.5")
    browser.press("Tab")
    browser.write("7")
    browser.press("Tab")
    browser.write("-3")
    assert browser.focused() == "id_clips-0-gain"
    covered = browser.evaluate("document.querySelector('.clip-before').getBoundingClientRect().width")
    whole = browser.evaluate("document.querySelector('.clip-waveform').getBoundingClientRect().width")
    seconds = float(browser.evaluate("document.querySelector('.clip').dataset.seconds"))
    assert covered / whole == pytest.approx(1.5 / seconds, abs=0.02)
    save(browser)
    browser.screenshot()
    assert (value(browser, "trim_start"), value(browser, "trim_end"), value(browser, "gain")) == ("1.5", "7.0", "-3.0")
    assert "5.5 s of speech are used" in browser.text(f"{ROW} .field-facts")
    assert "Only" not in browser.text(f"{ROW} .field-advice")


def test_what_is_used_is_chosen_by_dragging_over_the_waveform(
    browser: Browser, admin_server: LiveServer, spoken: Path
) -> None:
    begin_voice(browser, admin_server, "dragged")
    browser.choose_file("#id_recordings", spoken)
    save(browser)
    seconds = float(browser.evaluate("document.querySelector('.clip').dataset.seconds"))
    browser.drag(".clip-waveform", 0.25, 0.5, 0.75)
    assert float(value(browser, "trim_start")) == pytest.approx(0.25 * seconds, abs=0.05)
    assert float(value(browser, "trim_end")) == pytest.approx(0.75 * seconds, abs=0.05)
    browser.drag(".clip-waveform", 0.75, 0.6)  # only that end
    assert float(value(browser, "trim_start")) == pytest.approx(0.25 * seconds, abs=0.05)
    assert float(value(browser, "trim_end")) == pytest.approx(0.6 * seconds, abs=0.05)


def test_what_is_used_of_new_files_is_chosen_before_they_are_sent(
    browser: Browser, admin_server: LiveServer, tmp_path: Path, spoken: Path
) -> None:
    tmp_path.joinpath("other.wav").write_bytes(recording(4.0))
    begin_voice(browser, admin_server, "chosen")
    browser.choose_file("#id_recordings", tmp_path / "other.wav", spoken)
    browser.wait_until(f"document.querySelector('{NEW}:nth-child(2) .clip').dataset.seconds !== ''")
    seconds = float(browser.evaluate(f"document.querySelector('{NEW}:nth-child(2) .clip').dataset.seconds"))
    browser.drag(f"{NEW}:nth-child(2) .clip-waveform", 0.25, 0.75)
    browser.screenshot("chosen")
    browser.type(f"{NEW}:nth-child(2) [name=recordings-gain]", "-3")
    save(browser)
    assert value(browser, "trim_start") == "0.0"
    edits = [float(browser.evaluate(f"document.querySelector('#id_clips-1-{name}').value")) for name in EDIT_FIELDS]
    assert edits == [pytest.approx(seconds / 4, abs=0.05), pytest.approx(3 * seconds / 4, abs=0.05), -3.0]


def test_what_is_used_is_heard(browser: Browser, admin_server: LiveServer, spoken: Path) -> None:
    begin_voice(browser, admin_server, "heard")
    browser.choose_file("#id_recordings", spoken)
    save(browser)
    browser.type("#id_clips-0-trim_end", "1.2")
    browser.click(".clip-tools button")
    browser.wait_until(
        "document.querySelector('.clip audio').currentTime > 1 && document.querySelector('.clip audio').paused"
    )
    assert browser.evaluate("document.querySelector('.clip audio').currentTime") < 3


def test_an_edit_that_cannot_be_is_refused_beside_its_field(
    browser: Browser, admin_server: LiveServer, spoken: Path
) -> None:
    begin_voice(browser, admin_server, "edited")
    browser.choose_file("#id_recordings", spoken)
    save(browser)
    browser.type("#id_clips-0-gain", "0")
    browser.evaluate("document.querySelector('#id_clips-0-gain').value = '29'")
    browser.submit("[name=_continue]")
    assert "With this gain the recording would be clipped" in browser.text(".listed-errors")
    assert "With this gain the recording would be clipped" in browser.text(f"{ROW} .errorlist")
    browser.screenshot()


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One that answers under a name that is not this machine's, without TLS."""
    settings = write_settings(tmp_path_factory.mktemp("open"), service={"allowed_hosts": ["127.0.0.1", ANOTHER_HOST]})
    with LiveServer(settings) as live:
        made = manage(live.settings_file, "shell", "-c", SUPERUSER)
        assert made.returncode == 0, made.stderr
        yield live


def test_a_page_that_is_not_secure_says_why_nothing_can_be_recorded(browser: Browser, open_server: LiveServer) -> None:
    address = f"http://{ANOTHER_HOST}:{open_server.port}/admin/voices/voice/add/"
    browser.open(address)
    browser.type("#id_username", "ada")
    browser.type("#id_password", "lovelace")
    browser.submit("#login-form [type=submit]")
    browser.wait_for(".no-microphone")
    assert "browsers allow it only over https and on localhost" in browser.text(".no-microphone")
    assert browser.evaluate("document.querySelector('.recorder').hidden")
    # Chromium tells everybody who signs in here that the page is not secure, which is so.
    assert all("Cross-Origin-Opener-Policy" in error for error in browser.all_errors())
    browser.errors.clear()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_recordings_fit_on_a_phone(browser: Browser, admin_server: LiveServer, spoken: Path, dark: bool) -> None:
    browser.become_a_phone()
    browser.prefer(dark=dark)
    begin_voice(browser, admin_server, f"phone-{dark}")
    browser.choose_file("#id_recordings", spoken)
    assert browser.too_wide() == []
    browser.evaluate("document.querySelector('.recordings').scrollIntoView()")
    browser.screenshot("adding")
    save(browser)
    assert browser.too_wide() == []
    row = "document.querySelector('#clips-0 .form-multiline')"
    assert browser.evaluate(f"{row}.getBoundingClientRect().right <= {row}.parentElement.getBoundingClientRect().right")
    browser.evaluate("document.querySelector('#clips-group').scrollIntoView()")
    browser.screenshot("saved")
