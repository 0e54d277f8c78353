"""The pages in Russian, as a person reads them whose browser is Russian."""

import re
from collections.abc import Iterator

import pytest

from benchmarks.live_server import LiveServer
from tests.system.browser.browser import Browser
from tests.system.browser.signing_in import sign_in
from tests.system.browser.voices import anna
from tests.system.conftest import server_of_ada

# What a Russian page has in Latin letters as well: formats, units, names of settings and fields, names given by people, ids.
LATIN = re.compile(
    r"API|WAV|FLAC|MP3|M4A|AAC|OGG|Opus|WebM|AMR|3GP|AIFF|CAF|MP4|MOV|XTTS|JSON|URL|dBFS|UTC|GIF|English|https?|localhost|ada\b|anna|"
    r"ElevenLabs|stability|top-[kp]|demo|default|voice_id|accent|scottish|gender|female|zh-cn|recording\.wav|access\.require_keys|true|\b[A-Za-z0-9]{20}\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def admin_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """With nothing in it that other tests have named."""
    with server_of_ada(tmp_path_factory.mktemp("russian")) as server:
        yield server


@pytest.fixture
def russian(browser: Browser) -> Browser:
    browser.read_in("ru-RU,ru,en")
    return browser


def english_words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]{3,}", LATIN.sub("", text)))


@pytest.mark.parametrize(
    "page", ["", "voices/voice/", "voices/voice/add/", "voices/pronunciationdictionary/", "access/apikey/"]
)
def test_the_admin_is_in_russian(russian: Browser, admin_server: LiveServer, page: str) -> None:
    sign_in(russian, admin_server)
    russian.open(f"{admin_server.base_url}/admin/{page}")
    russian.screenshot()
    assert russian.evaluate("document.documentElement.lang") == "ru"
    assert english_words(russian.text()) == set()


def test_the_page_of_a_voice_is_in_russian(russian: Browser, admin_server: LiveServer) -> None:
    voice = anna(admin_server)
    sign_in(russian, admin_server)
    russian.open(f"{admin_server.base_url}/admin/voices/voice/{voice}/change/")
    russian.screenshot()
    assert english_words(russian.text()) == set()
    assert "2,0\N{NO-BREAK SPACE}с" in russian.text()


def test_a_wrong_password_is_refused_in_russian(russian: Browser, admin_server: LiveServer) -> None:
    russian.open(f"{admin_server.base_url}/admin/")
    russian.type("#id_username", "nobody")
    russian.type("#id_password", "nothing")
    russian.submit("#login-form [type=submit]")
    russian.screenshot()
    assert "Пожалуйста, введите корректные имя пользователя и пароль" in russian.text(".errornote")


def test_the_switch_changes_the_language_and_the_browser_keeps_it(russian: Browser, admin_server: LiveServer) -> None:
    russian.open(f"{admin_server.base_url}/admin/login/")
    assert "Речевой сервер XTTS" in russian.text("#site-name")
    russian.submit(".language-switch button[lang=en]")
    assert "XTTS streaming server" in russian.text("#site-name")
    sign_in(russian, admin_server)
    assert russian.text("h1") == "Site administration"
    russian.submit(".language-switch button[lang=ru]")
    assert russian.text("h1") == "Администрирование сайта"


def test_the_playground_has_the_switch(russian: Browser, admin_server: LiveServer) -> None:
    russian.open(f"{admin_server.base_url}/")
    russian.wait_for("#studio")
    russian.screenshot("russian")
    assert "Песочница" in russian.text("h1")
    russian.submit(".language-switch button[lang=en]")
    assert "Playground" in russian.text("h1")


def test_the_number_of_seconds_has_its_form(russian: Browser, admin_server: LiveServer) -> None:
    """For a name of its own, so that nobody else has to wait."""
    russian.open(f"{admin_server.base_url}/admin/")
    for _ in range(6):  # five passwords may be wrong
        russian.evaluate("document.querySelector('#id_username').value = 'guesser'")
        russian.type("#id_password", "wrong")
        russian.submit("#login-form [type=submit]")
    assert re.search(r"через \d+ (секунду|секунды|секунд)\.", russian.text(".errornote"))
    assert all("429" in error for error in russian.all_errors())
    russian.errors.clear()
