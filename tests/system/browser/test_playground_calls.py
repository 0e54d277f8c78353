"""What the playground gives to be copied runs, and makes the sound that was heard."""

import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.live_server import LiveServer
from tests.live.host import HostServer
from tests.system.browser.browser import Browser
from tests.system.browser.playground import Playground
from tests.system.browser.test_playground import downloaded

# Everything that has a meaning for a shell or for a language.
TEXT = 'It\'s "quoted", costs $5 & more: a\\b `c` %s!\nAnd it goes on in Straße 7.'
PROGRAMS = {"curl": ["bash"], "python": [sys.executable, "-"], "javascript": ["node", "--input-type=module", "-"]}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostServer]:
    """Another project, in Russian, with the page under a prefix, where keys are required."""
    folder = tmp_path_factory.mktemp("host")
    with HostServer(folder=folder, program="uvicorn", variables={"HOST_STATIC": "1"}) as live:
        yield live


def copied(browser: Browser, kind: str) -> str:
    browser.allow("clipboardReadWrite", "clipboardSanitizedWrite")
    browser.click(f"#tab-{kind}")
    browser.click("#copy")
    browser.wait_until("document.querySelector('#copied').textContent !== ''")
    program = str(browser.evaluate("navigator.clipboard.readText()"))
    assert program == browser.evaluate("document.querySelector('#code-text').textContent")
    return program


def run(kind: str, program: str, folder: Path, **variables: str) -> Path:
    """Gives the file that it writes."""
    folder.mkdir()
    done = subprocess.run(
        PROGRAMS[kind],
        input=program,
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{program}\n{done.stdout}{done.stderr}"
    [file] = folder.iterdir()
    return file


def samples(file: Path) -> bytes:
    """Of a WAV file, whose header need not know its length."""
    with wave.open(str(file)) as reader:
        return bytes(reader.readframes(reader.getnframes()))


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_copied_call_makes_the_sound_that_was_heard(
    browser: Browser, admin_server: LiveServer, tmp_path: Path, kind: str
) -> None:
    page = Playground(browser, admin_server)
    page.open_and_load()
    page.write(TEXT)
    page.choose("speed-a", "1.2")
    page.choose("language-a", "en")
    page.speak_to_the_end()
    heard = samples(downloaded(browser, tmp_path / "heard", "#result-a [data-do=wav]", "wav"))
    assert len(heard) > 48_000
    assert samples(run(kind, copied(browser, kind), tmp_path / "made")) == heard


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_copied_call_reads_its_key_from_the_environment(
    browser: Browser, host: HostServer, tmp_path: Path, kind: str
) -> None:
    """Under the prefix of another project."""
    page = Playground(browser, host, "/speech")
    page.open()
    browser.type("#key", host.key)
    browser.press("Enter")
    browser.wait_until("document.querySelectorAll('#language-a option').length > 1")
    page.write("Hello there.")
    page.choose("format-a", "mp3_22050_32")
    program = copied(browser, kind)
    assert host.key not in program
    assert run(kind, program, tmp_path / "made", XI_API_KEY=host.key).read_bytes()[0] == 0xFF
    page.speak_to_the_end()


def test_python_sends_words_as_they_come(browser: Browser, admin_server: LiveServer, tmp_path: Path) -> None:
    page = Playground(browser, admin_server)
    page.open_and_load()
    page.write("One two three four five six.")
    browser.click("[value=words]")
    page.choose("pace", "20")
    program = copied(browser, "python")
    assert "send_words" in program
    assert len(samples(run("python", program, tmp_path / "made"))) > 48_000
