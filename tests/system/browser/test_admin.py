"""The admin for those who have a phone, or no mouse, or no rights."""

import pytest

from benchmarks.live_server import LiveServer, manage
from tests.system.browser.axe import serious_faults
from tests.system.browser.browser import Browser
from tests.system.browser.signing_in import sign_in
from tests.system.browser.voices import anna

# Django's own, by rule and selector: links in the path above a page differ from its text in color alone, and what can be
# ticked in a list has no label of its own.
KNOWN = ("link-in-text-block: .breadcrumbs > a", "label: #id_form-", "label-title-only: #id_form-")
CLERK = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_user("clerk", password="lovelace", is_staff=True)
"""


def test_on_a_phone_the_page_of_a_voice_is_whole(browser: Browser, admin_server: LiveServer) -> None:
    voice = anna(admin_server)
    browser.become_a_phone(360)
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/voices/voice/{voice}/change/")
    browser.wait_for("audio")
    browser.screenshot("light")
    browser.prefer(dark=True)
    browser.screenshot("dark")
    assert browser.too_wide() == []
    left, right = browser.evaluate(
        "(box => [box.left, box.right])(document.querySelector('audio').getBoundingClientRect())"
    )
    assert left >= 0
    assert right <= 360


@pytest.mark.parametrize(
    "page", ["login/", "voices/voice/", "voices/voice/add/", "access/apikey/", "access/dailyusage/"]
)
def test_axe_finds_no_serious_fault_in_the_admin(browser: Browser, admin_server: LiveServer, page: str) -> None:
    if page != "login/":
        sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/{page}")
    assert serious_faults(browser, KNOWN) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_serious_fault_on_the_page_of_a_voice(
    browser: Browser, admin_server: LiveServer, dark: bool
) -> None:
    voice = anna(admin_server)
    browser.prefer(dark=dark)
    sign_in(browser, admin_server)
    browser.open(f"{admin_server.base_url}/admin/voices/voice/{voice}/change/")
    browser.screenshot()
    assert serious_faults(browser, KNOWN) == []


def test_somebody_without_rights_sees_no_voice(browser: Browser, stranger: Browser, admin_server: LiveServer) -> None:
    voice = anna(admin_server)
    manage(admin_server.settings_file, "shell", "-c", CLERK)
    sign_in(browser, admin_server)
    sign_in(stranger, admin_server, "clerk")
    assert "Anna" not in stranger.text()
    assert "permission to view or edit anything" in stranger.text()
    for page in ("voices/voice/", f"voices/voice/{voice}/change/", "access/apikey/"):
        browser.open(f"{admin_server.base_url}/admin/{page}")
        stranger.open(f"{admin_server.base_url}/admin/{page}")
        assert stranger.text("h1") == "403 Forbidden"
    assert all("403" in error for error in stranger.all_errors())
    stranger.errors.clear()


@pytest.mark.parametrize("page", ["admin/login/", "", "docs"])
def test_every_page_has_an_icon(browser: Browser, admin_server: LiveServer, page: str) -> None:
    browser.open(f"{admin_server.base_url}/{page}")
    load = "fetch(document.querySelector('link[rel~=icon]').href).then(answer => answer.headers.get('content-type'))"
    assert browser.evaluate(load) == "image/svg+xml"
