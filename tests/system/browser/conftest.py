import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.browser.browser import Browser
from tests.system.browser.chromium import Chromium

SCREENSHOTS = Path(__file__).with_name("screenshots")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as process:
        yield process


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> Path:
    """The folder of this test. What its last run left there is deleted."""
    folder = SCREENSHOTS / re.sub(r"[^A-Za-z0-9_-]+", "-", request.node.name).strip("-")
    for old in folder.glob("*.png"):
        old.unlink()
    return folder


@pytest.fixture
def another_browser(screenshots: Path) -> Iterator[Callable[[Chromium], Browser]]:
    """Makes browsers for one test: nobody is signed in. What goes wrong in their pages fails the test."""
    with ExitStack() as closing:
        made: list[Browser] = []

        def make(process: Chromium) -> Browser:
            browser = process.browser(screenshots)
            closing.callback(browser.close)
            made.append(browser)
            return browser

        yield make
        assert [browser.all_errors() for browser in made if browser.all_errors()] == []


@pytest.fixture
def browser(chromium: Chromium, another_browser: Callable[[Chromium], Browser]) -> Browser:
    """The first one of a test."""
    return another_browser(chromium)


@pytest.fixture
def stranger(chromium: Chromium, another_browser: Callable[[Chromium], Browser]) -> Browser:
    """A second browser: it shares nothing with the first one."""
    return another_browser(chromium)
