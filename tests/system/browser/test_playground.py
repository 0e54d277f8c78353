"""The playground: what is heard, shown and saved."""

import io
import time
import urllib.parse
import wave
from pathlib import Path

import av
import httpx
import pytest

from benchmarks.live_server import LiveServer
from tests.system.browser.browser import Browser
from tests.system.browser.playground import IS_IDLE, Playground

TEXT = "Hello there. The weather is fine today, and the birds are singing."
LONG = "This is a sentence that goes on for a while, and then another one follows it. " * 40


@pytest.fixture
def playground(browser: Browser, admin_server: LiveServer) -> Playground:
    page = Playground(browser, admin_server)
    page.open_and_load()
    return page


def downloaded(browser: Browser, folder: Path, button: str, ending: str) -> Path:
    folder.mkdir(exist_ok=True)
    browser.keep_downloads_in(folder)
    browser.click(button)
    end = time.monotonic() + 60
    while not (found := [*folder.glob(f"*.{ending}")]):
        assert time.monotonic() < end, [*folder.iterdir()]
        time.sleep(0.05)
    return found[0]


def test_what_is_written_is_heard_with_its_numbers(playground: Playground) -> None:
    playground.write(TEXT)
    playground.speak()
    playground.browser.screenshot("speaking")
    playground.browser.wait_until(IS_IDLE)
    playground.browser.screenshot("done")
    assert playground.number("ttfa").endswith("ms")
    assert float(playground.number("rtf")) > 0
    assert playground.number("gap").endswith("ms")
    assert playground.seconds() > 2
    assert playground.browser.text("#status").startswith("Done: ")
    resources = playground.browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert playground.browser.evaluate("document.body.dataset.player") == "worklet"
    assert {urllib.parse.urlsplit(name).port for name in resources} == {playground.server.port}


def test_the_words_light_up_as_fast_as_they_sound(playground: Playground) -> None:
    """All of it has arrived long before: with the arrival, the words would come faster than sound can be played."""
    playground.write(TEXT)
    playground.watch_the_words()
    playground.speak_to_the_end()
    words = [entry["word"] for entry in playground.marked]
    said = ["Hello", "there", "The", "weather", "is", "fine", "today", "and", "the", "birds", "are", "singing"]
    # A busy page may skip a short word; none comes twice or out of its place.
    places = iter(said)
    assert all(word in places for word in words), words
    assert (words[0], words[-1]) == ("Hello", "singing")
    assert playground.marked[-1]["seconds"] > 0.5 * playground.seconds()


def test_stop_ends_the_sound_and_the_generation(playground: Playground) -> None:
    playground.write(LONG)
    playground.speak()
    playground.browser.click("#stop")
    playground.browser.wait_until(IS_IDLE)
    playground.browser.wait_until("document.querySelector('#level').value === 0")
    playground.server.wait_until(lambda: playground.running() == 0)
    heard = playground.seconds()
    assert playground.browser.text("#status").startswith("Stopped after ")
    # Nothing comes afterwards, and the page can speak again.
    assert playground.browser.evaluate("document.querySelector('#reading mark').textContent") == ""
    playground.write("Hello.")
    playground.speak_to_the_end()
    assert playground.seconds() < heard + 5


def test_what_arrives_word_by_word_is_heard_before_all_of_it_is_written(playground: Playground) -> None:
    playground.write("One two three four five six seven eight nine ten eleven twelve. " * 6)
    playground.browser.click("[value=words]")
    playground.choose("pace", "12")
    playground.speak()
    assert playground.browser.text("#reading .unsent").strip("\u200b") != ""
    assert playground.number("rtf") == "–"
    playground.browser.screenshot("arriving")
    playground.browser.press("Escape")
    playground.browser.wait_until(IS_IDLE)


@pytest.mark.parametrize("name", ["mp3_44100_128", "opus_48000_64", "ulaw_8000", "alaw_8000", "pcm_8000", "pcm_48000"])
def test_every_kind_of_format_is_heard(playground: Playground, name: str) -> None:
    playground.write("Hello there.")
    playground.choose("format-a", name)
    playground.speak_to_the_end()
    assert 0.5 < playground.seconds() < 3
    assert playground.problem == ""


def test_the_sound_is_saved_as_it_was_heard(playground: Playground, tmp_path: Path) -> None:
    playground.write(TEXT)
    playground.choose("seed-a", "7")
    playground.speak_to_the_end()
    file = downloaded(playground.browser, tmp_path / "wav", "#result-a [data-do=wav]", "wav")
    with wave.open(str(file)) as saved:
        assert (saved.getframerate(), saved.getnchannels()) == (24_000, 1)
        samples = saved.readframes(saved.getnframes())
    url = f"{playground.server.base_url}/v1/text-to-speech/demo?output_format=pcm_24000"
    body = {"text": TEXT, "seed": 7, "voice_settings": {"speed": 1}}
    assert samples == httpx.post(url, json=body, timeout=60).content


@pytest.mark.parametrize("format_name", ["pcm_24000", "mp3_22050_32"])
def test_it_is_saved_as_mp3(playground: Playground, tmp_path: Path, format_name: str) -> None:
    playground.write(TEXT)
    playground.choose("format-a", format_name)
    playground.speak_to_the_end()
    file = downloaded(playground.browser, tmp_path / "mp3", "#result-a [data-do=mp3]", "mp3")
    with av.open(io.BytesIO(file.read_bytes()), "r") as container:
        seconds = sum((frame.samples / frame.sample_rate for frame in container.decode(audio=0)), start=0.0)
    assert abs(seconds - playground.seconds()) < 0.3


def test_a_result_is_played_again_without_being_made_again(playground: Playground) -> None:
    playground.write("Hello there.")
    playground.speak_to_the_end()
    before = playground.browser.text("#result-a")
    playground.browser.click("#result-a [data-do=again]")
    playground.browser.wait_until("document.querySelector('#level').value > 0.05")
    playground.browser.wait_until(IS_IDLE)
    assert playground.browser.text("#result-a") == before


def test_a_seed_that_is_kept_gives_the_same_sound(playground: Playground, tmp_path: Path) -> None:
    playground.write("Hello there.")
    playground.speak_to_the_end()
    first = downloaded(playground.browser, tmp_path / "first", "#result-a [data-do=wav]", "wav").read_bytes()
    playground.browser.click("#result-a [data-do=keep]")
    playground.speak_to_the_end()
    second = downloaded(playground.browser, tmp_path / "second", "#result-a [data-do=wav]", "wav").read_bytes()
    assert first == second


def test_two_settings_are_compared(playground: Playground) -> None:
    playground.write("Hello there, how are you today?")
    playground.browser.click("#compare")
    playground.choose("speed-b", "1.6")
    playground.speak_to_the_end()
    assert playground.seconds("b") < 0.9 * playground.seconds("a")
    assert playground.number("seed", "a") == playground.number("seed", "b")
    assert "–" not in (playground.number("ttfa", "a"), playground.number("ttfa", "b"))
    playground.browser.screenshot("compare")


def test_a_voice_can_be_named_in_the_address(browser: Browser, admin_server: LiveServer) -> None:
    page = Playground(browser, admin_server)
    page.open_and_load("?voice=demo")
    assert browser.evaluate("document.querySelector('#voice-a').value") == "Demo"


def test_sound_that_was_answered_in_the_documentation_is_heard_and_saved(
    browser: Browser, admin_server: LiveServer, tmp_path: Path
) -> None:
    path = "[data-path='/v1/text-to-speech/{voice_id}']"
    browser.open(f"{admin_server.base_url}/docs")
    for part in (".opblock-summary-control", ".try-out__btn", ".execute"):
        browser.click(f".opblock:has({path}) {part}")
    browser.wait_until("document.querySelector('.heard audio')?.duration > 0")
    file = downloaded(browser, tmp_path / "docs", ".heard a", "mp3")
    assert file.read_bytes()[0] == 0xFF  # an MP3 frame
    browser.click(".pages a")
    browser.wait_until("document.querySelector('#speak') !== null")
