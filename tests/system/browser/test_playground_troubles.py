"""The playground where something is missing or goes wrong: it says so, in the server's words where the server has any."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from benchmarks.live_server import LiveServer, set_up, write_settings
from tests.live.keys import make_keys
from tests.system.browser.browser import Browser
from tests.system.browser.chromium import ANOTHER_HOST
from tests.system.browser.devtools import wait_until
from tests.system.browser.playground import IS_HEARD, IS_IDLE, Playground

LONG = "This is a sentence that goes on for a while, and then another one follows it. " * 40
HAS_PROBLEM = "document.querySelector('#problem').textContent !== ''"
IS_ASKED = "!document.querySelector('#key-form').hidden && document.querySelector('#studio').hidden"
HAS_STUDIO = "!document.querySelector('#studio').hidden"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(write_settings(tmp_path_factory.mktemp("keyed"), access={"require_keys": True})) as live:
        yield live


@pytest.fixture(scope="module")
def keys(keyed: LiveServer) -> dict[str, str]:
    """One for all voices, one for a voice of its own."""
    return make_keys(keyed, full={}, narrow={"voices": ["anna"]})


@pytest.fixture
def locked(browser: Browser, keyed: LiveServer) -> Iterator[Playground]:
    """Refusals are errors in the console, too."""
    yield Playground(browser, keyed)
    assert all("401" in error for error in browser.all_errors()), browser.errors
    browser.errors.clear()


def give(page: Playground, key: str) -> None:
    page.browser.type("#key", key)
    page.browser.press("Enter")


def test_where_keys_are_required_it_asks_for_one_and_speaks_with_it(locked: Playground, keys: dict[str, str]) -> None:
    browser = locked.browser
    locked.open()
    browser.wait_until(IS_ASKED)
    assert browser.focused() == "key"
    browser.screenshot("key")
    give(locked, "sk_wrong")
    browser.wait_until("document.querySelector('#key-problem').textContent !== ''")
    assert "key" in browser.text("#key-problem")
    give(locked, keys["full"])
    browser.wait_until(HAS_STUDIO)
    locked.write("Hello there.")
    locked.speak_to_the_end()
    assert locked.seconds() > 0.5


def test_a_key_is_kept_in_the_tab_alone_and_in_no_address(
    locked: Playground, stranger: Browser, keys: dict[str, str]
) -> None:
    browser = locked.browser
    locked.open()
    give(locked, keys["full"])
    browser.wait_until(HAS_STUDIO)
    locked.open()
    browser.wait_until(HAS_STUDIO)
    stored = browser.evaluate("[localStorage.length, document.cookie.includes('sk_'), Object.values(sessionStorage)]")
    assert stored == [0, False, [keys["full"]]]
    names = browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name).join()")
    assert keys["full"] not in names
    Playground(stranger, locked.server).open()
    stranger.wait_until(IS_ASKED)
    assert "Demo" not in stranger.text()
    browser.click("#key-open")
    browser.click("#key-forget")
    browser.wait_until(IS_ASKED)


def test_a_key_sees_only_its_voices(locked: Playground, keys: dict[str, str]) -> None:
    locked.open("?voice=demo")
    give(locked, keys["narrow"])
    locked.browser.wait_until(HAS_STUDIO)
    locked.browser.click("#voice-a")
    assert locked.browser.text("#voices-found-a") == "Voices found: 1"
    assert locked.browser.text("#voices-a .name") == "anna"


def test_a_server_that_is_full_is_told_in_its_own_words(browser: Browser, tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path, service={"max_connections": 8})) as server, ExitStack() as others:
        page = Playground(browser, server)
        page.open_and_load()
        for _ in range(8):
            others.enter_context(connect(server.url())).send('{"text": " "}')
        browser.click("#speak")
        browser.wait_until(HAS_PROBLEM)
        assert page.problem.startswith("The server has reached its maximum number"), page.problem
        browser.wait_until(IS_IDLE)
    browser.errors.clear()


def test_a_limit_that_is_reached_is_told_in_the_servers_words(browser: Browser, tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path, limits={"max_chars_per_minute": 20})) as server:
        page = Playground(browser, server)
        page.open_and_load()
        page.write("This text has more than twenty characters.")
        # What costs more than a minute has is given once, and owed.
        page.speak_to_the_end()
        browser.click("#speak")
        browser.wait_until(HAS_PROBLEM)
        assert "per minute" in page.problem, page.problem
        browser.wait_until(IS_IDLE)


@contextmanager
def waiting_server(folder: Path) -> Iterator[tuple[LiveServer, Path]]:
    """Whose engine is loading until the file is there."""
    file = folder / "loaded"
    command = ("-m", "tests.system.browser.waiting_engine", str(file))
    server = LiveServer(write_settings(folder), command=command)
    set_up(server.settings_file)
    # Entering waits until it can speak, in another thread.
    entering = threading.Thread(target=server.__enter__)
    entering.start()
    try:
        yield server, file
    finally:
        file.touch()
        entering.join()
        server.__exit__()


def test_while_the_engine_is_loading_it_says_so_and_then_speaks(browser: Browser, tmp_path: Path) -> None:
    with waiting_server(tmp_path) as (server, file):
        wait_until(lambda: "engine" in server.readiness(), "the server answers")
        page = Playground(browser, server)
        page.open()
        browser.wait_until("document.querySelector('#engine').checkVisibility()")
        assert "still loading" in browser.text("#engine")
        browser.screenshot("loading")
        file.touch()
        browser.wait_until("!document.querySelector('#engine').checkVisibility()")
        page.write("Hello there.")
        page.speak_to_the_end()
    assert all("503" in error for error in browser.all_errors()), browser.errors
    browser.errors.clear()


def test_a_connection_that_breaks_leaves_what_arrived(browser: Browser, tmp_path: Path) -> None:
    with LiveServer(write_settings(tmp_path)) as server:
        page = Playground(browser, server)
        page.open_and_load()
        page.write(LONG)
        browser.click("#speak")
        browser.wait_until(IS_HEARD)
        server.process.kill()
        server.process.wait()
        browser.wait_until(HAS_PROBLEM)
        assert page.problem.startswith("The connection broke after "), page.problem
        browser.click("#stop")
        browser.wait_until("document.querySelector('#result-a [data-do=wav]').disabled === false")
    browser.errors.clear()


def test_without_a_secure_page_it_plays_as_well(browser: Browser, tmp_path: Path) -> None:
    """Over plain HTTP from another machine, browsers have no worklets, no decoders for frames, and no clipboard."""
    with LiveServer(write_settings(tmp_path, service={"allowed_hosts": ["127.0.0.1", ANOTHER_HOST]})) as server:
        page = Playground(browser, server)
        browser.open(f"http://{ANOTHER_HOST}:{server.port}/")
        browser.wait_until("document.querySelectorAll('#language-a option').length > 1")
        assert browser.evaluate("isSecureContext") is False
        for name in ("pcm_24000", "mp3_44100_128"):
            page.write("Hello there, how are you?")
            page.choose("format-a", name)
            page.watch_the_words()
            page.speak_to_the_end()
            assert browser.evaluate("document.body.dataset.player") == "pieces"
            assert [entry["word"] for entry in page.marked][-1:] == ["you"]
        browser.click("#copy")
        browser.wait_until("document.querySelector('#copied').textContent === 'Copied.'")
    # What Chromium says of each page of this kind.
    browser.errors[:] = [error for error in browser.all_errors() if "Cross-Origin-Opener-Policy" not in error]
