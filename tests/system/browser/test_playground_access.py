"""The playground for those who cannot see it well, have no mouse, or hold a phone."""

from collections.abc import Iterator

import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.system.browser.axe import serious_faults
from tests.system.browser.browser import Browser
from tests.system.browser.playground import IS_HEARD, IS_IDLE, Playground

MANY = """
from voices.models import Voice
for number in range(300):
    Voice.objects.create(voice_id=f"voice-{number}", name=f"Voice {number}", language="de", labels={"accent": "soft"})
"""


@pytest.fixture(scope="module")
def many_voices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(write_settings(tmp_path_factory.mktemp("many"))) as live:
        made = manage(live.settings_file, "shell", "-c", MANY)
        assert made.returncode == 0, made.stderr
        yield live


@pytest.fixture
def playground(browser: Browser, many_voices: LiveServer) -> Playground:
    return Playground(browser, many_voices)


def spoken_twice(page: Playground) -> None:
    page.write("Hello there.")
    page.browser.click("#compare")
    page.speak_to_the_end()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_serious_fault_is_found(playground: Playground, dark: bool) -> None:
    playground.browser.prefer(dark=dark, reduced_motion=True)
    playground.open_and_load()
    assert serious_faults(playground.browser) == []
    spoken_twice(playground)
    playground.browser.screenshot("compare")
    assert serious_faults(playground.browser) == []
    playground.browser.click("#voice-a")
    playground.browser.screenshot("voices")
    assert serious_faults(playground.browser) == []


def test_on_a_phone_nothing_is_cut_off(playground: Playground) -> None:
    playground.browser.become_a_phone()
    playground.open_and_load()
    assert playground.browser.too_wide() == []
    playground.browser.screenshot("idle")
    spoken_twice(playground)
    playground.browser.click("[value=words]")
    playground.browser.click("#settings-a summary")
    assert playground.browser.too_wide() == []
    playground.browser.screenshot("all")
    playground.browser.click("#voice-a")
    assert playground.browser.too_wide() == []
    playground.browser.screenshot("voices")


def test_a_voice_is_found_among_many_and_speaks_with_the_keyboard_alone(playground: Playground) -> None:
    browser = playground.browser
    playground.open_and_load()
    reach(browser, "voice-a")
    browser.press("ArrowDown")
    browser.write("voice 213")
    browser.wait_until("document.querySelectorAll('#voices-a [role=option]').length === 1")
    assert browser.text("#voices-found-a") == "Voices found: 1"
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('#voice-a').value") == "Voice 213"
    assert browser.text("#voice-about-a") == "voice-213 · German · soft"
    reach(browser, "text", "Shift+Tab")
    browser.press("Control+a")
    browser.write("A long text. " * 30)
    browser.press("Control+Enter")
    browser.wait_until(IS_HEARD)
    assert "Voice 213" in browser.text("#result-title-a")
    browser.press("Escape")
    browser.wait_until(IS_IDLE)
    reach(browser, "speak")
    browser.press("Enter")
    browser.wait_until(IS_HEARD)
    browser.press("Escape")
    browser.wait_until(IS_IDLE)


def test_the_tab_key_reaches_everything_and_is_held_nowhere(playground: Playground) -> None:
    playground.open_and_load()
    visited = []
    for _ in range(40):
        playground.browser.press("Tab")
        visited.append(playground.browser.focused())
    wanted = ["text", "speak", "compare", "voice-a", "language-a", "speed-a", "format-a", "seed-a", "tab-curl", "copy"]
    assert [name for name in wanted if name not in visited] == []
    order = [visited.index(name) for name in wanted]
    assert order == sorted(order)
    assert visited.count("text") >= 2, visited  # round and round


def test_what_has_the_focus_is_seen(playground: Playground) -> None:
    playground.open_and_load()
    outline = "getComputedStyle(document.activeElement.closest('.sheet') ?? document.activeElement)"
    for _ in range(15):
        playground.browser.press("Tab")
        style = playground.browser.evaluate(f"[{outline}.outlineStyle, {outline}.boxShadow]")
        assert style[0] != "none" or style[1] != "none", playground.browser.focused()


def test_a_choice_that_is_left_changes_nothing(playground: Playground) -> None:
    browser = playground.browser
    playground.open_and_load("?voice=voice-7")
    browser.click("#voice-a")
    browser.write("voice 9")
    browser.press("Escape")
    assert browser.evaluate("document.querySelector('#voice-a').value") == "Voice 7"
    assert browser.evaluate("document.querySelector('#voices-a').hidden") is True


def reach(browser: Browser, name: str, key: str = "Tab") -> None:
    for _ in range(60):
        if browser.focused() == name:
            return
        browser.press(key)
    raise AssertionError(f"{key} does not lead to {name}")
