"""The buttons of the admin that speak, in a browser: what is heard there, and by whom."""

from collections.abc import Iterator

import pytest

from benchmarks.live_server import LiveServer, manage, write_settings
from tests.live.test_voices import CloningServer, perform, upload
from tests.system.browser.axe import serious_faults
from tests.system.browser.browser import Browser
from tests.system.browser.signing_in import sign_in

USERS = """
from django.contrib.auth.models import Permission, User
User.objects.create_superuser("ada", password="lovelace")
bob = User.objects.create_user("bob", password="lovelace", is_staff=True)
bob.user_permissions.set(Permission.objects.filter(codename__in=["view_voice", "change_voice"]))
User.objects.create_user("carl", password="lovelace", is_staff=True)
"""
VOICES = "/admin/voices/voice/"
BUTTON = "[data-hear]"
# How loud the page's audio graph is: the highest that its meter has shown.
WATCH = """window.loudest = 0; window.watching = setInterval(() => {
    for (const meter of document.querySelectorAll("meter")) { window.loudest = Math.max(window.loudest, meter.value); }
}, 5); 0"""
IS_OVER = "document.querySelector('.is-speaking') === null"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloningServer]:
    """Its engine clones: what it says is of another level for other recordings."""
    directory = tmp_path_factory.mktemp("hearing")
    with CloningServer(write_settings(directory), directory / "engine") as live:
        made = manage(live.settings_file, "shell", "-c", USERS)
        assert made.returncode == 0, made.stderr
        perform(live, upload(live, "anna", "recording(pitch=90)", name="Anna"), upload(live, "short", "recording(1.0)"))
        yield live


def page_of(browser: Browser, server: LiveServer, voice_id: str) -> None:
    browser.open(f"{server.base_url}{VOICES}?q={voice_id}")
    browser.submit("#result_list .field-voice_id a")


@pytest.mark.parametrize("page", ["list", "voice"])
def test_a_press_of_the_button_is_heard(browser: Browser, server: CloningServer, page: str) -> None:
    sign_in(browser, server)
    if page == "list":
        browser.open(f"{server.base_url}{VOICES}?q=anna")
    else:
        page_of(browser, server, "anna")
    browser.evaluate(WATCH)
    browser.click(BUTTON)
    browser.wait_until("window.loudest > 0.05")
    browser.wait_until(IS_OVER)
    assert browser.text("[role=status]") == ""


def test_a_recording_alone_is_heard(browser: Browser, server: CloningServer) -> None:
    sign_in(browser, server)
    page_of(browser, server, "anna")
    browser.evaluate(WATCH)
    browser.click("#clips-group [data-hear]")
    browser.wait_until("window.loudest > 0.05")
    assert browser.text("[role=status]") == ""


def test_the_button_stops_what_it_has_begun(browser: Browser, admin_server: LiveServer) -> None:
    """The embedded engine says a whole sentence, which takes seconds."""
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}{VOICES}")
    browser.evaluate(WATCH)
    browser.click(BUTTON)
    browser.wait_until("window.loudest > 0.01")
    browser.screenshot("speaking")
    browser.click(BUTTON)
    browser.wait_until(IS_OVER)
    assert browser.text(f"{BUTTON} .voice-hear-label") == "Listen"


def test_the_keyboard_is_enough(browser: Browser, admin_server: LiveServer) -> None:
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}{VOICES}")
    browser.evaluate(f"document.querySelector('{BUTTON}').focus()")
    browser.evaluate(WATCH)
    browser.press("Enter")
    browser.wait_until("window.loudest > 0.01")
    assert browser.text("[role=status]") == ""


def test_what_goes_wrong_is_said_beside_the_button(browser: Browser, server: CloningServer) -> None:
    sign_in(browser, server)
    page_of(browser, server, "short")
    browser.click(BUTTON)
    browser.wait_until("document.querySelector('[role=status]').textContent.includes('too short')")
    assert "too short" in browser.text("[role=status]")
    browser.screenshot("refused")
    browser.errors.clear()  # the browser notes the status of the answer, too


def test_the_state_of_a_voice_changes_by_itself(browser: Browser, server: CloningServer) -> None:
    with server.held():
        perform(server, upload(server, "slow", "recording(pitch=140)"))
        sign_in(browser, server)
        browser.open(f"{server.base_url}{VOICES}?q=slow")
        browser.wait_until("document.querySelector('.voice-state').dataset.state === 'computing'")
        browser.screenshot("computing")
    browser.wait_until("document.querySelector('.voice-state').innerText.trim() === 'Ready'")
    assert browser.text(".voice-state") == "Ready"


def test_who_may_not_hear_recordings_sees_the_button_of_the_voice_only(browser: Browser, server: CloningServer) -> None:
    sign_in(browser, server, "bob")
    page_of(browser, server, "anna")
    assert browser.evaluate(f"document.querySelectorAll('{BUTTON}').length") == 1


def test_who_may_not_see_voices_sees_no_button_and_is_refused(
    browser: Browser, stranger: Browser, server: CloningServer
) -> None:
    sign_in(browser, server)
    browser.open(f"{server.base_url}{VOICES}?q=anna")
    address = browser.evaluate(f"document.querySelector('{BUTTON}').dataset.hear")
    sign_in(stranger, server, "carl")
    assert stranger.evaluate(f"document.querySelectorAll('{BUTTON}').length") == 0
    token = "document.querySelector('[name=csrfmiddlewaretoken]').value"
    ask = f"fetch({address!r}, {{method: 'POST', headers: {{'X-CSRFToken': {token}}}}}).then(answer => answer.status)"
    assert stranger.evaluate(ask) == 403
    stranger.errors.clear()  # the browser notes that status


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_the_pages_can_be_used_by_everybody(browser: Browser, server: CloningServer, dark: bool, phone: bool) -> None:
    browser.prefer(dark=dark)
    if phone:
        browser.become_a_phone()
    sign_in(browser, server)
    browser.open(f"{server.base_url}{VOICES}")
    browser.screenshot("list")
    assert [fault for fault in serious_faults(browser) if "voice-" in fault or "data-hear" in fault] == []
    page_of(browser, server, "anna")
    browser.screenshot("voice")
    assert [fault for fault in serious_faults(browser) if "voice-" in fault or "data-hear" in fault] == []
    assert [element for element in browser.too_wide() if "voice-" in element] == []
    assert [error for error in browser.all_errors() if "inline style" not in error] == []  # that is the tool's own
    browser.errors.clear()
