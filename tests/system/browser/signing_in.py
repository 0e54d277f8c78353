"""How tests come into the admin."""

from benchmarks.live_server import LiveServer
from tests.system.browser.browser import Browser


def sign_in(browser: Browser, server: LiveServer, name: str = "ada") -> None:
    """All users of the tests have the same password."""
    browser.open(f"{server.base_url}/admin/")
    browser.type("#id_username", name)
    browser.type("#id_password", "lovelace")
    browser.submit("#login-form [type=submit]")
    assert browser.evaluate("document.querySelector('#id_password') === null"), browser.text()
